/* The tables of `salient importance` for people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "importance_view.h"
#include "table.h"

#define LENGTHS_SHOWN 12
#define ENOUGH_DOCUMENTS 20 /* below that an interval says nothing (METHODS 3) */

/* What the tables of one corpus are made from. */
struct corpus_view {
    const struct importance_view *view;
    const char *corpus;
    const sal_score_list *scores;
};

static const sal_score *find_score(const struct corpus_view *corpus, int64_t summarizer,
                                   const char *words, const char *measure, int length) {
    for (size_t i = 0; i < corpus->scores->count; i++) {
        const sal_score *score = &corpus->scores->items[i];
        if (score->summarizer == summarizer && score->protocol == corpus->view->protocol &&
            score->length == length && strcmp(score->corpus, corpus->corpus) == 0 &&
            strcmp(score->measure, measure) == 0 &&
            (words == NULL || strcmp(score->words, words) == 0)) {
            return score;
        }
    }
    return NULL;
}

static bool has_scores(const struct corpus_view *corpus, int64_t summarizer) {
    for (size_t i = 0; i < corpus->scores->count; i++) {
        const sal_score *score = &corpus->scores->items[i];
        if (score->summarizer == summarizer && score->protocol == corpus->view->protocol &&
            strcmp(score->corpus, corpus->corpus) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- reliability ----------------------------------------------------------------------------------------------------------- */

/* "0.93 [0.91, 0.95]", "0.93 (n too small)", "-". */
static int add_interval(struct table *table, const sal_score *score, bool nested, sal_error *err) {
    const char *mark = nested ? "*" : "";
    if (score == NULL || !isfinite(score->value)) {
        return table_add(table, err, "-");
    }
    if (isfinite(score->low) && isfinite(score->high)) {
        return table_add(table, err, "%.2f%s [%.2f, %.2f]", score->value, mark, score->low,
                         score->high);
    }
    return table_add(table, err,
                     score->documents < ENOUGH_DOCUMENTS ? "%.2f%s (n too small)" : "%.2f%s",
                     score->value, mark);
}

static int add_value(struct table *table, const sal_score *score, const char *mark,
                     sal_error *err) {
    if (score == NULL || !isfinite(score->value)) {
        return table_add(table, err, "-");
    }
    return table_add(table, err, "%.2f%s", score->value, mark);
}

/* A count as a share of all summaries: "3 (0.5 %)". */
static int add_share(struct table *table, const sal_score *score, const sal_score *all,
                     sal_error *err) {
    if (score == NULL || all == NULL || !(all->value > 0) || !isfinite(score->value)) {
        return table_add(table, err, "-");
    }
    if (!(score->value > 0)) {
        return table_add(table, err, "0");
    }
    return table_add(table, err, "%.0f (%.1f %%)", score->value, 100 * score->value / all->value);
}

static int add_reliability_row(struct table *table, const struct corpus_view *corpus,
                               const sal_summarizer_info *summarizer, sal_error *err) {
    static const char *const counts[] = {"truncated", "refused", "failed"};
    const int64_t key = summarizer->key;
    const sal_score *summaries = find_score(corpus, key, NULL, "summaries", 0);
    const sal_score *consistency = find_score(corpus, key, "all", "consistency", 0);
    int status = table_add(table, err, "%s", summarizer->name);
    if (status == 0 && summaries != NULL) {
        status = table_add(table, err, "%" PRId64, summaries->documents);
    } else if (status == 0) {
        status = table_add(table, err, "-");
    }
    if (status == 0) {
        status = add_interval(table, find_score(corpus, key, "all", "reliability_spearman", 0),
                              summarizer->nested, err);
    }
    if (status == 0) {
        status = add_interval(table, find_score(corpus, key, "content", "reliability_spearman", 0),
                              summarizer->nested, err);
    }
    if (status == 0) {
        status = add_value(table, find_score(corpus, key, "all", "ceiling_spearman", 0), "", err);
    }
    if (status == 0) {
        status = add_value(table, consistency, summarizer->nested ? "*" : "", err);
    }
    for (size_t i = 0; status == 0 && i < sizeof counts / sizeof *counts; i++) {
        status = add_share(table, find_score(corpus, key, NULL, counts[i], 0), summaries, err);
    }
    return status;
}

static int print_reliability(const struct corpus_view *corpus, bool *nested) {
    const struct importance_view *view = corpus->view;
    sal_error *err = &view->session->error;
    struct table table = {.alignment = "lrrrrrrrr"};
    int status = table_head(&table,
                            "summarizer|documents|reliability|of content "
                            "words|ceiling|consistency|truncated|refused|failed",
                            err);
    for (size_t i = 0; status == 0 && i < view->summarizer_count; i++) {
        if (has_scores(corpus, view->summarizers[i].key)) {
            status = add_reliability_row(&table, corpus, &view->summarizers[i], err);
            *nested = *nested || view->summarizers[i].nested;
        }
    }
    if (status == 0) {
        status = table_print(&table, view->session->terminal.color_output, &view->sink, err);
    }
    table_free(&table);
    return status;
}

/* ---- length audit ---------------------------------------------------------------------------------------------------------- */

/* Lengths asked for in this corpus, ascending, the first so many. */
static size_t collect_lengths(const struct corpus_view *corpus, int lengths[LENGTHS_SHOWN]) {
    size_t count = 0;
    int last = 0;
    while (count < LENGTHS_SHOWN) {
        int next = 0;
        for (size_t i = 0; i < corpus->scores->count; i++) {
            const sal_score *score = &corpus->scores->items[i];
            const bool here = strcmp(score->measure, "words_achieved") == 0 &&
                              strcmp(score->corpus, corpus->corpus) == 0 &&
                              score->protocol == corpus->view->protocol;
            if (here && score->length > last && (next == 0 || score->length < next)) {
                next = score->length;
            }
        }
        if (next == 0) {
            break;
        }
        lengths[count++] = last = next;
    }
    return count;
}

static int add_length_row(struct table *table, const struct corpus_view *corpus,
                          const sal_summarizer_info *summarizer, const int *lengths, size_t count,
                          sal_error *err) {
    const sal_score *within = find_score(corpus, summarizer->key, NULL, "within_10_percent", 0);
    int status = table_add(table, err, "%s", summarizer->name);
    for (size_t i = 0; status == 0 && i < count; i++) {
        const sal_score *score =
            find_score(corpus, summarizer->key, NULL, "words_achieved", lengths[i]);
        if (score == NULL || !isfinite(score->value)) {
            status = table_add(table, err, "-");
        } else {
            status = table_add(table, err, "%.1f", score->value);
        }
    }
    if (status == 0 && within != NULL && isfinite(within->value)) {
        status = table_add(table, err, "%.0f %%", 100 * within->value);
    } else if (status == 0) {
        status = table_add(table, err, "-");
    }
    return status;
}

static int print_lengths(const struct corpus_view *corpus) {
    const struct importance_view *view = corpus->view;
    sal_error *err = &view->session->error;
    struct table table = {0};
    char alignment[LENGTHS_SHOWN + 3] = "l";
    int lengths[LENGTHS_SHOWN];
    const size_t count = collect_lengths(corpus, lengths);
    if (count == 0) {
        return 0;
    }
    memset(alignment + 1, 'r', count + 1);
    table.alignment = alignment;
    int status = table_add(&table, err, "words asked for");
    for (size_t i = 0; status == 0 && i < count; i++) {
        status = table_add(&table, err, "%d", lengths[i]);
    }
    if (status == 0) {
        status = table_add(&table, err, "within 10 %%");
    }
    for (size_t i = 0; status == 0 && i < view->summarizer_count; i++) {
        if (has_scores(corpus, view->summarizers[i].key)) {
            status = add_length_row(&table, corpus, &view->summarizers[i], lengths, count, err);
        }
    }
    if (status == 0) {
        status = sal_sink_string(&view->sink, "\n", err);
    }
    if (status == 0) {
        status = table_print(&table, view->session->terminal.color_output, &view->sink, err);
    }
    table_free(&table);
    return status;
}

/* ---- one corpus ------------------------------------------------------------------------------------------------------------ */

static int print_heading(const struct corpus_view *corpus, bool first) {
    const struct importance_view *view = corpus->view;
    sal_error *err = &view->session->error;
    sal_buffer line = {0};
    int status = sal_buffer_add_string(&line, first ? "" : "\n", err);
    if (status == 0) {
        status = text_add_harmless(&line, corpus->corpus, strlen(corpus->corpus), false, err);
    }
    if (status == 0) {
        status = sal_buffer_add_format(&line, err, ", %s protocol\n\n",
                                       sal_protocol_name(view->protocol));
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, line.bytes, line.length, err);
    }
    sal_buffer_free(&line);
    return status;
}

static int print_corpus(const struct corpus_view *corpus, bool first, bool *nested) {
    int status = print_heading(corpus, first);
    if (status == 0) {
        status = print_reliability(corpus, nested);
    }
    if (status == 0) {
        status = print_lengths(corpus);
    }
    return status != 0 ? status : importance_print_top_words(corpus->view, corpus->corpus);
}

static int print_footnotes(const struct importance_view *view, bool nested) {
    sal_error *err = &view->session->error;
    int status = sal_sink_string(&view->sink,
                                 "\n  reliability: split-half over odd and even lengths, Spearman, "
                                 "Spearman-Brown; mean over "
                                 "documents [95 % interval].\n  ceiling: its square root, the "
                                 "highest correlation anything can "
                                 "have with this importance.\n  consistency: share of a summary's "
                                 "words still there at the next "
                                 "longer length.\n",
                                 err);
    if (status == 0 && nested) {
        status = sal_sink_string(&view->sink,
                                 "  *: a longer text contains the shorter one by construction "
                                 "(trim, extractive); that alone "
                                 "makes the number high.\n",
                                 err);
    }
    return status;
}

int importance_print_tables(const struct importance_view *view) {
    sal_error *err = &view->session->error;
    sal_score_list *scores = NULL;
    char **corpora = NULL;
    size_t count = 0;
    bool nested = false, first = true;
    int status = sal_study_corpora(view->study, &corpora, &count, err);
    if (status == 0) {
        status = sal_study_get_scores(view->study, &scores, err);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        const struct corpus_view corpus = {view, corpora[i], scores};
        bool any = false;
        for (size_t s = 0; s < view->summarizer_count; s++) {
            any = any || has_scores(&corpus, view->summarizers[s].key);
        }
        if (any && (view->corpus == NULL || strcmp(view->corpus, corpora[i]) == 0)) {
            status = print_corpus(&corpus, first, &nested);
            first = false;
        }
    }
    if (status == 0 && first) {
        status = sal_fail(err, SAL_ENOTFOUND,
                          "%s has no summaries yet; `salient summarize %s --with lead` makes some",
                          sal_study_path(view->study), sal_study_path(view->study));
    }
    if (status == 0) {
        status = print_footnotes(view, nested);
    }
    sal_strings_free(corpora, count);
    sal_score_list_free(scores);
    return status;
}
