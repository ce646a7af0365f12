/* The tables of `salient heads` for people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heads_view.h"
#include "table.h"

#define ENOUGH_DOCUMENTS 20 /* below that an interval says nothing (METHODS 3) */

bool heads_is_shown(const struct heads_view *view, const sal_head_table *table) {
    bool asked = false;
    for (int e = 0; e < SAL_EVIDENCES; e++) {
        asked = asked || view->analyses[e] == table->analysis.key;
    }
    return asked && (view->corpus == NULL || strcmp(view->corpus, table->corpus) == 0);
}

/* ---- one head -------------------------------------------------------------------------------------------------------------- */

/* What is shown of one row of a table. */
struct head_line {
    const sal_head_result *spearman, *partial, *fisher, *kl, *ndcg, *selected, *reported,
        *reported_rho;
};

static void note_result(struct head_line *line, const sal_head_result *result) {
    const struct {
        const char *metric;
        const sal_head_result **at;
    } places[] = {{"spearman", &line->spearman},
                  {"partial_position_frequency", &line->partial},
                  {"fisher_z", &line->fisher},
                  {"kl_normalized", &line->kl},
                  {"ndcg@10", &line->ndcg},
                  {"fisher_z_selected", &line->selected},
                  {"fisher_z_reported", &line->reported},
                  {"spearman_reported", &line->reported_rho}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(result->metric, places[i].metric) == 0) {
            *places[i].at = result;
        }
    }
}

/* Results come by row: the lines of one set of words. out *lines [*count], freed with sal_free */
static int collect_lines(const sal_head_table *table, sal_head_words words,
                         struct head_line **lines, size_t *count, sal_error *err) {
    int64_t row = -1;
    *count = 0;
    *lines = sal_calloc(table->count, sizeof **lines);
    if (*lines == NULL) {
        return sal_fail_memory(err, "the table of heads");
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->results[i].words != words) {
            continue;
        }
        *count += *count == 0 || table->results[i].row != row;
        row = table->results[i].row;
        note_result(&(*lines)[*count - 1], &table->results[i]);
    }
    return 0;
}

static double order_of(const struct head_line *line) {
    const sal_head_result *result = line->fisher;
    return result == NULL || isnan(result->value) ? -1e9 : result->value;
}

static bool is_null(const struct head_line *line) {
    return line->spearman != NULL && line->spearman->null_head[0] != '\0';
}

/* Heads by falling test statistic, nulls behind them in their own order. */
static int compare(const void *a, const void *b) {
    const struct head_line *left = a, *right = b;
    if (is_null(left) != is_null(right)) {
        return is_null(left) ? 1 : -1;
    }
    const double x = is_null(left) ? 0 : order_of(left), y = is_null(right) ? 0 : order_of(right);
    if (x < y || x > y) {
        return x > y ? -1 : 1;
    }
    return (left->spearman->row > right->spearman->row) -
           (left->spearman->row < right->spearman->row);
}

static const char *head_name(const sal_head_result *result, char room[40]) {
    if (result->null_head[0] != '\0') {
        (void)snprintf(room, 40, "null: %s", result->null_head);
    } else {
        (void)snprintf(room, 40, "L%d.H%d", result->layer, result->head);
    }
    return room;
}

/* ---- cells ----------------------------------------------------------------------------------------------------------------- */

static int add_interval(struct table *table, const sal_head_result *result, sal_error *err) {
    if (result == NULL || isnan(result->value)) {
        return table_add(table, err, "-");
    }
    if (isnan(result->low)) {
        return table_add(table, err,
                         result->documents < ENOUGH_DOCUMENTS ? "%.2f (n too small)" : "%.2f",
                         result->value);
    }
    return table_add(table, err, "%.2f [%.2f, %.2f]", result->value, result->low, result->high);
}

static int add_number(struct table *table, const char *format, double value, sal_error *err) {
    char text[40];
    if (isnan(value)) {
        return table_add(table, err, "-");
    }
    (void)snprintf(text, sizeof text, strcmp(format, "2") == 0 ? "%.2f" : "%.4f", value);
    return table_add(table, err, "%s", text);
}

static double value_of(const sal_head_result *result) {
    return result == NULL ? (double)NAN : result->value;
}

static int add_line(struct table *table, const struct head_line *line, sal_error *err) {
    char room[40];
    const sal_head_result *fisher = line->fisher;
    int status = table_add(table, err, "%s", head_name(line->spearman, room));
    if (status == 0) {
        status = add_interval(table, line->spearman, err);
    }
    if (status == 0) {
        status = add_interval(table, line->partial, err);
    }
    if (status == 0) {
        status = add_number(table, "4", fisher == NULL ? (double)NAN : fisher->p_family, err);
    }
    if (status == 0) {
        status = add_number(table, "4", fisher == NULL ? (double)NAN : fisher->q, err);
    }
    if (status == 0) {
        status = add_number(table, "4", line->spearman->p_naive, err);
    }
    if (status == 0) {
        status = add_number(table, "2", value_of(line->kl), err);
    }
    if (status == 0) {
        status = add_number(table, "2", value_of(line->ndcg), err);
    }
    if (status == 0) {
        status = add_interval(table, line->reported, err);
    }
    return status;
}

static int print_lines(const struct heads_view *view, const struct head_line *lines, size_t count) {
    sal_error *err = &view->session->error;
    struct table table = {.alignment = "lrrrrrrrr"};
    int64_t shown = 0;
    int status = table_head(&table,
                            "head|Spearman|partial (position, tf)|p family|q|p naive|KL norm.|"
                            "NDCG@10|z, other half",
                            err);
    for (size_t i = 0; status == 0 && i < count; i++) {
        if (is_null(&lines[i]) || shown++ < view->top) {
            status = add_line(&table, &lines[i], err);
        }
    }
    if (status == 0) {
        status = table_print(&table, view->session->terminal.color_output, &view->sink, err);
    }
    table_free(&table);
    return status;
}

/* ---- in words -------------------------------------------------------------------------------------------------------------- */

/* What the heads of a table come to. */
struct verdict {
    size_t heads, tested, surviving, naive, above_nulls;
    double best_null; /* largest Spearman of a null */
    const struct head_line *best_null_line, *chosen;
};

static struct verdict judge(const struct head_line *lines, size_t count) {
    struct verdict verdict = {.best_null = -2};
    for (size_t i = 0; i < count; i++) {
        const double rho = value_of(lines[i].spearman);
        if (is_null(&lines[i]) && rho > verdict.best_null) {
            verdict.best_null = rho;
            verdict.best_null_line = &lines[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct head_line *line = &lines[i];
        if (is_null(line)) {
            continue;
        }
        verdict.heads++;
        verdict.tested += line->fisher != NULL && !isnan(line->fisher->p_family);
        verdict.surviving +=
            line->fisher != NULL && line->fisher->p_family <= SAL_HEADS_SIGNIFICANT;
        verdict.naive += line->spearman->p_naive <= SAL_HEADS_SIGNIFICANT;
        verdict.above_nulls += value_of(line->spearman) > verdict.best_null;
        const bool better =
            line->selected != NULL && !isnan(line->selected->value) &&
            (verdict.chosen == NULL || line->selected->value > verdict.chosen->selected->value);
        verdict.chosen = better ? line : verdict.chosen;
    }
    return verdict;
}

static int print_survivors(const struct heads_view *view, const struct head_line *lines,
                           size_t count, const struct verdict *verdict) {
    sal_error *err = &view->session->error;
    char room[40];
    size_t named = 0;
    if (verdict->tested == 0) {
        return sal_sink_string(&view->sink,
                               "  No test: it needs documents in which the partial "
                               "correlation is defined, and --permutations.\n",
                               err);
    }
    int status = verdict->surviving == 0
                     ? sal_sink_format(&view->sink, err,
                                       "  None of %zu heads follows importance beyond position and "
                                       "term frequency (family-wise p > .05).\n",
                                       verdict->heads)
                     : sal_sink_format(&view->sink, err,
                                       "  %zu of %zu heads %s importance beyond position and "
                                       "term frequency (family-wise p <= .05):",
                                       verdict->surviving, verdict->heads,
                                       verdict->surviving == 1 ? "follows" : "follow");
    for (size_t i = 0; status == 0 && verdict->surviving > 0 && i < count; i++) {
        if (is_null(&lines[i]) || !(lines[i].fisher->p_family <= SAL_HEADS_SIGNIFICANT)) {
            continue;
        }
        if (named++ < 12) {
            status = sal_sink_format(&view->sink, err, "%s %s", named == 1 ? "" : ",",
                                     head_name(lines[i].spearman, room));
        }
    }
    if (status == 0 && verdict->surviving > 0) {
        status = sal_sink_string(&view->sink, named > 12 ? ", ...\n" : "\n", err);
    }
    return status == 0 ? sal_sink_format(&view->sink, err,
                                         "  The naive test (plain rho, everything shuffled) would "
                                         "have named %zu.\n",
                                         verdict->naive)
                       : status;
}

static int print_nulls(const struct heads_view *view, const struct verdict *verdict) {
    sal_error *err = &view->session->error;
    char room[40];
    int status = 0;
    if (verdict->best_null_line != NULL) {
        status = sal_sink_format(&view->sink, err,
                                 "  Of the heads that know nothing, %s has the largest rho, %.2f; "
                                 "%zu heads are above it.\n",
                                 head_name(verdict->best_null_line->spearman, room) + 6,
                                 verdict->best_null, verdict->above_nulls);
    }
    if (status == 0 && verdict->chosen != NULL) {
        const struct head_line *chosen = verdict->chosen;
        status = sal_sink_format(&view->sink, err,
                                 "  Chosen on one half of the documents: %s (z %.2f); on the other "
                                 "half: z %.2f, rho %.2f.\n",
                                 head_name(chosen->spearman, room), chosen->selected->value,
                                 value_of(chosen->reported), value_of(chosen->reported_rho));
    }
    return status;
}

static int print_ceiling(const struct heads_view *view, const sal_head_table *table,
                         sal_head_words words) {
    sal_error *err = &view->session->error;
    double ceiling = NAN;
    for (size_t i = 0; i < view->scores->count; i++) {
        const sal_score *score = &view->scores->items[i];
        if (score->summarizer == table->analysis.summarizer &&
            score->protocol == table->analysis.protocol &&
            strcmp(score->corpus, table->corpus) == 0 &&
            strcmp(score->measure, "ceiling_spearman") == 0 &&
            strcmp(score->words, sal_head_words_name(words)) == 0) {
            ceiling = score->value;
        }
    }
    int status = sal_sink_format(&view->sink, err, "  Tied importance values: %.0f %%. ",
                                 100 * table->ties[words]);
    if (status != 0) {
        return status;
    }
    return isnan(ceiling)
               ? sal_sink_string(&view->sink, "Ceiling of Spearman: undefined.\n", err)
               : sal_sink_format(&view->sink, err,
                                 "Ceiling of Spearman, from the reliability of importance: %.2f.\n",
                                 ceiling);
}

/* ---- retrieval heads ------------------------------------------------------------------------------------------------------- */

/* "of the 10 best, 3 (by chance 0.4; hypergeometric p 0.0012)" */
static int print_overlap(const struct heads_view *view, const sal_retrieval_overlap *overlap,
                         bool first) {
    sal_error *err = &view->session->error;
    int status = sal_sink_format(
        &view->sink, err, "%s %" PRId64 " of the %" PRId64 " %s", first ? "" : ",", overlap->shared,
        overlap->chosen_heads, overlap->chosen == SAL_CHOSEN_BEST ? "best heads" : "that survive");
    if (status == 0 && !isnan(overlap->p)) {
        status = sal_sink_format(&view->sink, err, " (by chance %.1f; hypergeometric p %.2g)",
                                 (double)overlap->retrieval_heads * (double)overlap->chosen_heads /
                                     (double)overlap->heads,
                                 overlap->p);
    }
    return status;
}

static int print_retrieval(const struct heads_view *view, const sal_head_table *table,
                           sal_head_words words) {
    sal_error *err = &view->session->error;
    sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS];
    size_t count = 0, shown = 0;
    int status = sal_study_get_retrieval_overlaps(view->study, table->analysis.key, table->corpus,
                                                  overlaps, &count, err);
    for (size_t i = 0; status == 0 && i < count; i++) {
        if (overlaps[i].words != words) {
            continue;
        }
        if (shown == 0) {
            status = sal_sink_format(&view->sink, err,
                                     "  Retrieval heads (above %.1f of the copied tokens): %" PRId64
                                     " of %" PRId64 "; they are",
                                     SAL_RETRIEVAL_THRESHOLD, overlaps[i].retrieval_heads,
                                     overlaps[i].heads);
        }
        if (status == 0) {
            status = print_overlap(view, &overlaps[i], shown++ == 0);
        }
    }
    return status == 0 && shown > 0 ? sal_sink_string(&view->sink, ".\n", err) : status;
}

/* ---- one table ------------------------------------------------------------------------------------------------------------- */

static int print_words(const struct heads_view *view, const sal_head_table *table,
                       sal_head_words words) {
    sal_error *err = &view->session->error;
    struct head_line *lines = NULL;
    size_t count = 0;
    int status = collect_lines(table, words, &lines, &count, err);
    if (status == 0 && count == 0) {
        status = sal_sink_format(&view->sink, err, "%s words: undefined, no stop list\n",
                                 sal_head_words_name(words));
    } else if (status == 0) {
        qsort(lines, count, sizeof *lines, compare);
        const struct verdict verdict = judge(lines, count);
        status = sal_sink_format(&view->sink, err, "%s words\n", sal_head_words_name(words));
        if (status == 0) {
            status = print_lines(view, lines, count);
        }
        if (status == 0) {
            status = print_survivors(view, lines, count, &verdict);
        }
        if (status == 0) {
            status = print_nulls(view, &verdict);
        }
        if (status == 0) {
            status = print_ceiling(view, table, words);
        }
        if (status == 0) {
            status = print_retrieval(view, table, words);
        }
    }
    sal_free(lines);
    return status;
}

static int print_title(const struct heads_view *view, const sal_head_table *table) {
    sal_error *err = &view->session->error;
    const sal_head_analysis *analysis = &table->analysis;
    sal_buffer title = {0};
    int status = sal_buffer_add_format(
        &title, err, "%s: heads of %s, evidence %s%s%s, importance by %s, %s", table->corpus,
        analysis->model, analysis->evidence, analysis->options[0] == '\0' ? "" : " with ",
        analysis->options, table->summarizer, sal_protocol_name(analysis->protocol));
    sal_buffer harmless = {0};
    if (status == 0) {
        status = text_add_harmless(&harmless, title.bytes, title.length, false, err);
    }
    if (status == 0) {
        status = sal_sink_format(&view->sink, err, "%s\n", harmless.bytes);
    }
    if (status == 0) {
        status =
            sal_sink_format(&view->sink, err,
                            "%" PRId64 " documents; words without a token: %" PRId64
                            "; words that fewer than 16 queries follow: %" PRId64
                            "; non-finite rows: %" PRId64 "\n",
                            table->documents, table->unaligned, table->flagged, table->non_finite);
    }
    sal_buffer_free(&title);
    sal_buffer_free(&harmless);
    return status;
}

int heads_print_tables(const struct heads_view *view) {
    int status = 0;
    bool first = true;
    for (size_t i = 0; status == 0 && i < view->tables->count; i++) {
        const sal_head_table *table = &view->tables->items[i];
        if (!heads_is_shown(view, table)) {
            continue;
        }
        if (!first) {
            status = sal_sink_string(&view->sink, "\n", &view->session->error);
        }
        first = false;
        if (status == 0) {
            status = print_title(view, table);
        }
        for (int words = 0; status == 0 && words < SAL_HEAD_WORDS; words++) {
            status = print_words(view, table, (sal_head_words)words);
        }
    }
    return status;
}
