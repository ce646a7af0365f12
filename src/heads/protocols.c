/* What the paper's choices change about heads, one factor at a time, from stored units of both protocols alone.
 *
 * On each document that has both units every head is scored under these settings; a factor is the difference of two of them:
 *
 *    OWN       strict values and y on all strict words              (as stored)
 *    COMMON    the same on the words that both protocols have       words = COMMON - OWN
 *    VALUES    paper's word values there                            values = VALUES - COMMON: first occurrence and pieces together
 *    REFERENCE paper's y there                                      reference = REFERENCE - COMMON
 *    ONCE      COMMON on words that occur once
 *    PIECES    VALUES on words that occur once                      pieces = PIECES - ONCE: alignment alone, first = all
 *    FORMULAS  OWN with the paper's expressions                     expressions = FORMULAS - OWN
 *    EXACT     COMMON on words that both cut alike where they first stand
 *    FIRST     VALUES on these                                    occurrences = FIRST - EXACT: first occurrence alone
 *    PAPER     paper's unit with all of it                          paper = PAPER - OWN
 *
 * and "partials" is what holding position and term frequency constant takes from the strict Spearman. Rows are the mean over heads and,
 * one by one, the heads that are among the first ten of either protocol. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heads/protocol_scores.h"
#include "salient/protocols.h"
#include "stage/walk.h"
#include "stats/resampling.h"

static void pair_free(head_protocol_pair *p) {
    sal_free(p->values);
    sal_free(p->ranks[0]);
    sal_free(p->ranks[1]);
}

/* ---- which heads stand alone -------------------------------------------------------------------------------- */

static const sal_head_result *result_of(const sal_head_table *table, sal_head_words set,
                                        size_t row) {
    for (size_t i = 0; i < table->count; i++)
        if (table->results[i].words == set && table->results[i].row == (int64_t)row &&
            strcmp(table->results[i].metric, "spearman") == 0)
            return &table->results[i];
    return NULL;
}

/* Ranks of the model's heads by mean Spearman, the largest first; undefined ones last. */
static int rank_heads(const sal_head_table *table, sal_head_words set, size_t heads, double *ranks,
                      double *values, sal_error *err) {
    for (size_t h = 0; h < heads; h++) {
        const sal_head_result *result = result_of(table, set, h);
        values[h] = result == NULL || isnan(result->value) ? 2 : -result->value;
    }
    return sal_stats_ranks(values, heads, ranks, err);
}

static int choose_heads(head_protocol_pair *p, sal_error *err) {
    const sal_head_table *const tables[2] = {p->strict, p->paper};
    double *values = sal_calloc(p->heads, 2 * sizeof *values);
    int status = values == NULL ? sal_fail_memory(err, "ranks of heads") : SAL_OK;
    for (int t = 0; status == SAL_OK && t < 2; t++) {
        p->ranks[t] = sal_calloc(p->heads, sizeof *p->ranks[t]);
        status = p->ranks[t] == NULL ? sal_fail_memory(err, "ranks of heads")
                                     : rank_heads(tables[t], p->set, p->heads, p->ranks[t],
                                                  values + (size_t)t * p->heads, err);
    }
    if (status == SAL_OK)
        status = sal_stats_spearman(values, values + p->heads, p->heads, &p->agreement, err);
    p->slot_count = 1;
    for (size_t h = 0; status == SAL_OK && h < p->heads; h++) {
        const bool first[2] = {p->ranks[0][h] < PROTOCOL_TOP + .5,
                               p->ranks[1][h] < PROTOCOL_TOP + .5};
        p->shared += first[0] && first[1];
        if ((first[0] || first[1]) && p->slot_count < PROTOCOL_SLOTS_AT_MOST)
            p->slots[p->slot_count++] = (int64_t)h;
    }
    sal_free(values);
    return status;
}

/* Rows of a table, and how many of them are the model's heads. */
static void count_rows(head_protocol_pair *p) {
    for (size_t i = 0; i < p->strict->count; i++) {
        const sal_head_result *result = &p->strict->results[i];
        if ((size_t)result->row + 1 > p->rows)
            p->rows = (size_t)result->row + 1;
        if (result->null_head[0] == '\0' && (size_t)result->row + 1 > p->heads)
            p->heads = (size_t)result->row + 1;
    }
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* What is stored for a corpus; texts that are made here are owned. */
typedef struct output {
    sal_protocol_row *rows;
    size_t count, capacity;
    char **texts;
    size_t text_count, text_capacity;
} output;

static int add_row(output *out, const sal_protocol_row *row, sal_error *err) {
    const int status =
        sal_grow((void **)&out->rows, &out->capacity, out->count, sizeof *out->rows, err);
    if (status == SAL_OK)
        out->rows[out->count++] = *row;
    return status;
}

static sal_protocol_row row_of(const head_protocol_pair *p, const char *variant, size_t slot) {
    const sal_head_result *result =
        slot == 0 ? NULL : result_of(p->strict, p->set, (size_t)p->slots[slot]);
    return (sal_protocol_row){.corpus = p->strict->corpus,
                              .stage = "heads",
                              .summarizer = p->strict->summarizer,
                              .model = p->strict->analysis.model,
                              .variant = variant,
                              .words = sal_head_words_name(p->set),
                              .layer = result == NULL ? -1 : result->layer,
                              .head = result == NULL ? -1 : result->head,
                              .value = (double)NAN,
                              .low = (double)NAN,
                              .high = (double)NAN,
                              .documents = (int64_t)p->documents};
}

static const char *measure_of(size_t metric, bool change) {
    static const char *const names[2][PROTOCOL_METRICS] = {
        {"spearman", "kl_normalized", "ndcg@10"},
        {"spearman_change", "kl_normalized_change", "ndcg@10_change"}};
    return names[change][metric];
}

/* Ranks of a head, or what they have in common over all heads. */
static int add_ranks(const head_protocol_pair *p, const char *variant, size_t slot, output *out,
                     sal_error *err) {
    static const char *const names[2] = {"strict", "paper"};
    sal_protocol_row row = row_of(p, variant, slot);
    int status = SAL_OK;
    for (int t = 0; slot > 0 && status == SAL_OK && t < 2; t++) {
        row.factor = names[t];
        row.measure = "rank";
        row.value = p->ranks[t][p->slots[slot]];
        status = add_row(out, &row, err);
    }
    if (slot > 0)
        return status;
    row.factor = "paper";
    row.measure = "rank_agreement";
    row.value = p->agreement;
    status = add_row(out, &row, err);
    row.measure = "first_ten_shared";
    row.value = (double)p->shared;
    return status == SAL_OK ? add_row(out, &row, err) : status;
}

static int add_slot(const head_protocol_pair *p, const char *variant, size_t slot,
                    const sal_stats_mean *means, output *out, sal_error *err) {
    int status = add_ranks(p, variant, slot, out, err);
    for (size_t c = 0; status == SAL_OK && c < PROTOCOL_COLUMNS; c++) {
        sal_protocol_row row = row_of(p, variant, slot);
        bool change = false;
        row.factor = head_protocol_factor(c, &change);
        row.measure = measure_of(c == PROTOCOL_PARTIALS ? 0 : c % PROTOCOL_METRICS, change);
        row.value = means[c].value;
        row.low = means[c].low;
        row.high = means[c].high;
        row.documents = (int64_t)means[c].defined;
        row.undefined = (int64_t)means[c].undefined;
        status = add_row(out, &row, err);
    }
    return status;
}

static int add_pair(const head_protocol_pair *p, const char *variant, int threads, output *out,
                    sal_error *err) {
    const size_t rows = p->slot_count * PROTOCOL_COLUMNS;
    double *tight = sal_calloc(rows, (p->documents + 1) * sizeof *tight);
    sal_stats_mean *means = sal_calloc(rows, sizeof *means);
    int status = tight == NULL || means == NULL ? sal_fail_memory(err, "means of heads") : SAL_OK;
    for (size_t r = 0; status == SAL_OK && r < rows; r++)
        memcpy(tight + r * p->documents, p->values + r * p->capacity, p->documents * sizeof *tight);
    if (status == SAL_OK)
        status = sal_stats_bootstrap_rows(tight, rows, p->documents, 1, threads, means, err);
    for (size_t slot = 0; status == SAL_OK && slot < p->slot_count; slot++)
        status = add_slot(p, variant, slot, means + slot * PROTOCOL_COLUMNS, out, err);
    sal_free(tight);
    sal_free(means);
    return status;
}

/* ---- corpora ------------------------------------------------------------------------------------------------ */

/* A document that both analyses have; others are left out. */
typedef struct pair_walk {
    sal_study *study;
    const sal_text *text;
    head_protocol_pair *pair;
    int threads;
} pair_walk;

static int run_document(void *context, int64_t key, sal_error *err) {
    const pair_walk *all = context;
    sal_study *study = all->study;
    head_protocol_pair *p = all->pair;
    sal_head_unit *strict = NULL, *paper = NULL;
    sal_document *document = NULL;
    unsigned char *exact = NULL;
    int status = sal_study_get_head_unit(study, p->strict->analysis.key, key, &strict, err);
    if (status == SAL_OK && strict != NULL)
        status = sal_study_get_head_unit(study, p->paper->analysis.key, key, &paper, err);
    if (status != SAL_OK || strict == NULL || paper == NULL || strict->rows != p->rows ||
        paper->rows != p->rows || strict->sets[p->set].scores == NULL)
        goto done;
    exact = sal_calloc(strict->words, 1);
    status = exact == NULL ? sal_fail_memory(err, "the words of a document")
                           : sal_study_get_document(study, key, &document, err);
    if (status == SAL_OK)
        status = head_protocol_exact(all->text, document, strict, exact, err);
    if (status == SAL_OK)
        status = head_protocol_add(p, strict, paper, exact, all->threads, err);
done:
    sal_free(exact);
    sal_document_free(document);
    sal_head_unit_free(strict);
    sal_head_unit_free(paper);
    return status;
}

static int run_pair(sal_study *study, const sal_text *text, head_protocol_pair *p,
                    const sal_progress *progress, int threads, output *out, sal_error *err) {
    int64_t *keys = NULL;
    char *variant = NULL;
    sal_buffer name = {0};
    const char *options = p->strict->analysis.options;
    int status = sal_study_document_keys(study, p->strict->corpus, -1, &keys, &p->capacity, err);
    count_rows(p);
    if (status == SAL_OK)
        status = choose_heads(p, err);
    p->values = sal_calloc(p->slot_count * PROTOCOL_COLUMNS, (p->capacity + 1) * sizeof *p->values);
    if (status == SAL_OK && p->values == NULL)
        status = sal_fail_memory(err, "scores of heads");
    pair_walk all = {study, text, p, threads};
    stage_walk walk = {
        .progress = progress, .stage = "heads, both protocols", .total = (int64_t)p->capacity};
    if (status == SAL_OK)
        status = stage_walk_documents(&walk, keys, p->capacity, run_document, &all, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&name, err, "%s%s%s", p->strict->analysis.evidence,
                                       options[0] == '\0' ? "" : " ", options);
    if (status == SAL_OK)
        status = sal_grow((void **)&out->texts, &out->text_capacity, out->text_count,
                          sizeof *out->texts, err);
    if (status == SAL_OK && (variant = sal_copy_string(name.bytes)) == NULL)
        status = sal_fail_memory(err, "a name");
    if (status == SAL_OK) {
        out->texts[out->text_count++] = variant;
        if (p->documents > 0)
            status = add_pair(p, variant, threads, out, err);
    }
    sal_buffer_free(&name);
    sal_free(keys);
    return status;
}

static bool are_counterparts(const sal_head_table *a, const sal_head_table *b) {
    return a->analysis.protocol == SAL_STRICT && b->analysis.protocol == SAL_PAPER &&
           strcmp(a->corpus, b->corpus) == 0 && strcmp(a->analysis.model, b->analysis.model) == 0 &&
           a->analysis.summarizer == b->analysis.summarizer &&
           strcmp(a->analysis.evidence, b->analysis.evidence) == 0 &&
           strcmp(a->analysis.options, b->analysis.options) == 0;
}

static int run_corpus(sal_study *study, const sal_text *text, const char *corpus,
                      const sal_head_tables *tables, const sal_progress *progress, int threads,
                      sal_error *err) {
    output out = {.count = 0};
    int status = SAL_OK;
    for (size_t a = 0; status == SAL_OK && a < tables->count; a++)
        for (size_t b = 0; status == SAL_OK && b < tables->count; b++) {
            if (strcmp(tables->items[a].corpus, corpus) != 0 ||
                !are_counterparts(&tables->items[a], &tables->items[b]))
                continue;
            for (int set = 0; status == SAL_OK && set < SAL_HEAD_WORDS; set++) {
                head_protocol_pair p = {.strict = &tables->items[a],
                                        .paper = &tables->items[b],
                                        .set = (sal_head_words)set};
                status = run_pair(study, text, &p, progress, threads, &out, err);
                pair_free(&p);
            }
        }
    if (status == SAL_OK)
        status = sal_study_put_protocols(study, corpus, "heads", out.rows, out.count, err);
    sal_free(out.rows);
    sal_strings_free(out.texts, out.text_count);
    return status;
}

int sal_heads_protocols(sal_study *study, const char *corpus, int threads,
                        const sal_progress *progress, sal_error *err) {
    sal_head_tables *tables = NULL;
    sal_text *text = NULL;
    char **corpora = NULL;
    size_t count = 0;
    const sal_model_options given = {.threads = threads};
    int status = sal_text_open(&text, err);
    if (status == SAL_OK)
        status = sal_study_get_head_tables(study, &tables, err);
    if (status == SAL_OK)
        status = sal_study_corpora(study, &corpora, &count, err);
    for (size_t c = 0; status == SAL_OK && c < count; c++)
        if (corpus == NULL || strcmp(corpus, corpora[c]) == 0)
            status =
                run_corpus(study, text, corpora[c], tables, progress, head_threads(&given), err);
    sal_text_close(text);
    sal_head_tables_free(tables);
    sal_strings_free(corpora, count);
    return status;
}
