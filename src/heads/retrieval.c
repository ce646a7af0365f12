/* Retrieval heads: hits of a document from the keys of largest weights, scores over documents, overlap with the heads of analyses. */
#include "salient/retrieval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "salient/file.h"
#include "stats/metrics.h"
#include "stats/resampling.h"

#define INPUTS_VERSION "retrieval 1" /* goes up when the same inputs would give other rows */

enum { BEST = 10 };

/* ---- one document ------------------------------------------------------------------------------------------- */

static bool occurs(const int32_t *ids, sal_span where, int32_t token) {
    for (size_t j = where.start; j < where.end; j++)
        if (ids[j] == token)
            return true;
    return false;
}

int64_t head_retrieval_count(const int32_t *ids, sal_span document, sal_span queries,
                             const int32_t *top, size_t rows, int32_t *hits) {
    const size_t count = queries.end - queries.start;
    int64_t copied = 0;
    memset(hits, 0, rows * sizeof *hits);
    for (size_t i = 0; i < count; i++) {
        const int32_t token = ids[queries.start + i + 1]; /* what this query predicts */
        if (!occurs(ids, document, token))
            continue;
        copied++;
        for (size_t row = 0; row < rows; row++) {
            const int32_t key = top[row * count + i];
            hits[row] += key >= 0 && (size_t)key >= document.start && (size_t)key < document.end &&
                         ids[key] == token;
        }
    }
    return copied;
}

void head_retrieval_inputs(const sal_document *document, const head_summary *summary,
                           const char *model_digest, const char *system, char inputs[65]) {
    const char *const parts[] = {INPUTS_VERSION, document->hash, document->language, model_digest,
                                 system};
    sal_sha256 hash;
    sal_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sal_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    sal_sha256_add(&hash, summary->text, summary->length);
    sal_sha256_finish(&hash, inputs);
}

int head_retrieval_is_stored(sal_study *study, int64_t analysis, int64_t document,
                             const char inputs[65], bool *stored, sal_error *err) {
    sal_retrieval_unit *unit = NULL;
    int status = sal_study_get_retrieval_unit(study, analysis, document, &unit, err);
    *stored = unit != NULL && strcmp(unit->inputs, inputs) == 0;
    sal_retrieval_unit_free(unit);
    return status;
}

int head_retrieval_store(sal_study *study, int64_t analysis, int64_t document,
                         const char inputs[65], const head_passes *passes, sal_error *err) {
    const sal_tap_result *result = &passes->chat_result;
    sal_retrieval_unit unit = {.analysis = analysis,
                               .document = document,
                               .tokens = (int64_t)(passes->copying.end - passes->copying.start),
                               .layers = result->L,
                               .heads = result->H};
    memcpy(unit.inputs, inputs, sizeof unit.inputs);
    unit.hits = sal_calloc(result->L * result->H, sizeof *unit.hits);
    if (unit.hits == NULL)
        return sal_fail_memory(err, "retrieval heads");
    unit.copied = head_retrieval_count(passes->chat.ids, passes->chat_document, passes->copying,
                                       result->top, result->L * result->H, unit.hits);
    int status = sal_study_put_retrieval_unit(study, &unit, err);
    sal_free(unit.hits);
    return status;
}

/* ---- over documents ----------------------------------------------------------------------------------------- */

/* Shares of copied tokens, by head, then document. */
typedef struct shares {
    double *values; /* [layers * heads, capacity] */
    size_t layers, heads, count, capacity;
} shares;

static int add_unit(shares *s, const sal_retrieval_unit *unit, sal_error *err) {
    const size_t rows = unit->layers * unit->heads;
    if (s->values == NULL) {
        s->layers = unit->layers;
        s->heads = unit->heads;
        s->values = sal_calloc(rows, s->capacity * sizeof *s->values);
        if (s->values == NULL)
            return sal_fail_memory(err, "retrieval heads");
    }
    if (unit->layers != s->layers || unit->heads != s->heads)
        return sal_fail(err, SAL_EFORMAT, "hits of %zu layers of %zu heads; others have %zu of %zu",
                        unit->layers, unit->heads, s->layers, s->heads);
    for (size_t row = 0; row < rows; row++)
        s->values[row * s->capacity + s->count] =
            unit->copied > 0 ? (double)unit->hits[row] / (double)unit->copied : (double)NAN;
    s->count++;
    return SAL_OK;
}

static int put_heads(sal_study *study, const sal_heads_options *options, int64_t analysis,
                     const char *corpus, shares *s, sal_error *err) {
    const size_t rows = s->layers * s->heads;
    sal_stats_mean *means = sal_calloc(rows, sizeof *means);
    sal_retrieval_head *heads = sal_calloc(rows, sizeof *heads);
    int status = means == NULL || heads == NULL ? sal_fail_memory(err, "retrieval heads") : SAL_OK;
    for (size_t row = 1; row < rows; row++) /* side by side, as the bootstrap takes them */
        memmove(s->values + row * s->count, s->values + row * s->capacity,
                s->count * sizeof *s->values);
    if (status == SAL_OK && rows > 0)
        status = sal_stats_bootstrap_rows(s->values, rows, s->count, options->seed,
                                          head_threads(&options->model_options), means, err);
    for (size_t row = 0; status == SAL_OK && row < rows; row++)
        heads[row] = (sal_retrieval_head){.layer = (int)(row / s->heads),
                                          .head = (int)(row % s->heads),
                                          .value = means[row].value,
                                          .low = means[row].low,
                                          .high = means[row].high,
                                          .documents = (int64_t)means[row].defined,
                                          .undefined = (int64_t)means[row].undefined};
    if (status == SAL_OK)
        status = sal_study_put_retrieval_heads(study, analysis, corpus, heads, rows, err);
    sal_free(means);
    sal_free(heads);
    return status;
}

int head_retrieval_table(sal_study *study, const sal_heads_options *options, int64_t analysis,
                         const char *corpus, const int64_t *documents, size_t count,
                         sal_error *err) {
    shares s = {.capacity = count};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        sal_retrieval_unit *unit = NULL;
        status = sal_study_get_retrieval_unit(study, analysis, documents[i], &unit, err);
        if (status == SAL_OK && unit != NULL)
            status = add_unit(&s, unit, err);
        sal_retrieval_unit_free(unit);
    }
    if (status == SAL_OK)
        status = put_heads(study, options, analysis, corpus, &s, err);
    sal_free(s.values);
    return status;
}

/* ---- overlap ------------------------------------------------------------------------------------------------ */

static const sal_retrieval_head *find_head(const sal_retrieval_head *heads, size_t count, int layer,
                                           int head) {
    for (size_t i = 0; i < count; i++)
        if (heads[i].layer == layer && heads[i].head == head)
            return &heads[i];
    return NULL;
}

/* A head with a test statistic and a score. */
typedef struct candidate {
    double statistic, p_family;
    int64_t row;
    bool retrieves;
} candidate;

static int by_statistic(const void *a, const void *b) {
    const candidate *left = a;
    const candidate *right = b;
    if (left->statistic < right->statistic || left->statistic > right->statistic)
        return left->statistic > right->statistic ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static size_t collect(const sal_head_table *table, sal_head_words words,
                      const sal_retrieval_head *heads, size_t count, candidate *out) {
    size_t found = 0;
    for (size_t i = 0; i < table->count; i++) {
        const sal_head_result *result = &table->results[i];
        if (result->words != words || result->layer < 0 || isnan(result->value) ||
            strcmp(result->metric, "fisher_z") != 0)
            continue;
        const sal_retrieval_head *head = find_head(heads, count, result->layer, result->head);
        if (head != NULL && !isnan(head->value))
            out[found++] = (candidate){result->value, result->p_family, result->row,
                                       head->value > SAL_RETRIEVAL_THRESHOLD};
    }
    if (found > 0)
        qsort(out, found, sizeof *out, by_statistic);
    return found;
}

static sal_retrieval_overlap count_shared(const candidate *all, size_t count,
                                          sal_retrieval_chosen chosen) {
    sal_retrieval_overlap overlap = {.chosen = chosen, .heads = (int64_t)count};
    for (size_t i = 0; i < count; i++) {
        const bool is_chosen =
            chosen == SAL_CHOSEN_BEST ? i < BEST : all[i].p_family <= SAL_HEADS_SIGNIFICANT;
        overlap.retrieval_heads += all[i].retrieves;
        overlap.chosen_heads += is_chosen;
        overlap.shared += is_chosen && all[i].retrieves;
    }
    overlap.p =
        sal_stats_hypergeometric_upper((size_t)overlap.heads, (size_t)overlap.retrieval_heads,
                                       (size_t)overlap.chosen_heads, (size_t)overlap.shared);
    return overlap;
}

int head_retrieval_overlap(const sal_head_table *table, const sal_retrieval_head *heads,
                           size_t count, sal_retrieval_overlap out[SAL_RETRIEVAL_OVERLAPS],
                           size_t *out_count, sal_error *err) {
    candidate *all = sal_calloc(table->count, sizeof *all);
    *out_count = 0;
    if (all == NULL)
        return sal_fail_memory(err, "retrieval heads");
    for (int words = 0; words < SAL_HEAD_WORDS; words++) {
        const size_t found = collect(table, (sal_head_words)words, heads, count, all);
        for (int chosen = 0; found > 0 && chosen < SAL_CHOSEN; chosen++) {
            out[*out_count] = count_shared(all, found, (sal_retrieval_chosen)chosen);
            out[(*out_count)++].words = (sal_head_words)words;
        }
    }
    sal_free(all);
    return SAL_OK;
}

static int overlap_of_table(sal_study *study, const sal_head_table *table, sal_error *err) {
    sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS];
    sal_retrieval_head *heads = NULL;
    size_t count = 0, overlap_count = 0;
    int status = sal_study_get_retrieval_heads(study, table->analysis.key, table->corpus, &heads,
                                               &count, err);
    if (status == SAL_OK && count > 0)
        status = head_retrieval_overlap(table, heads, count, overlaps, &overlap_count, err);
    if (status == SAL_OK)
        status = sal_study_put_retrieval_overlaps(study, table->analysis.key, table->corpus,
                                                  overlaps, overlap_count, err);
    sal_free(heads);
    return status;
}

int head_retrieval_overlaps(sal_study *study, int64_t summarizer, const char *model_digest,
                            const char *corpus, sal_error *err) {
    sal_head_tables *tables = NULL;
    int status = sal_study_get_head_tables(study, &tables, err);
    for (size_t i = 0; status == SAL_OK && i < tables->count; i++) {
        const sal_head_table *table = &tables->items[i];
        if (table->analysis.summarizer == summarizer && strcmp(table->corpus, corpus) == 0 &&
            strcmp(table->analysis.model_digest, model_digest) == 0)
            status = overlap_of_table(study, table, err);
    }
    sal_head_tables_free(tables);
    return status;
}
