/* The table over documents, from stored units alone: means with bootstrap intervals, the permutation tests, q-values, halves.
 *
 * Units pass by one at a time; what stays in memory is one number per row, measure and document, and the sums of the tests. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "stage/walk.h"
#include "stats/metrics.h"
#include "stats/resampling.h"

/* Columns behind the stored measures. */
enum {
    FISHER_Z = SAL_HEAD_MEASURES,
    SPEARMAN_SELECTED,
    SPEARMAN_REPORTED,
    FISHER_Z_SELECTED,
    FISHER_Z_REPORTED,
    COLUMNS
};

static const char *column_name(int column) {
    static const char *const names[] = {"fisher_z", "spearman_selected", "spearman_reported",
                                        "fisher_z_selected", "fisher_z_reported"};
    return column < SAL_HEAD_MEASURES ? sal_head_measure_name(column) : names[column - FISHER_Z];
}

/* One set of words of the table at work. */
typedef struct word_table {
    sal_head_words set;
    size_t R, heads;
    size_t documents; /* that have the set */
    size_t capacity;
    double *values; /* [R,COLUMNS,capacity] */
    sal_stats_permutation *primary;
    sal_stats_permutation *naive;
    size_t halves[2]; /* documents of the selecting and of the reporting half */
} word_table;

static void table_free(word_table *table) {
    sal_free(table->values);
    sal_stats_permutation_close(table->primary);
    sal_stats_permutation_close(table->naive);
}

static int table_open(word_table *table, sal_head_words set, size_t R, size_t heads,
                      size_t capacity, const sal_heads_options *options, int threads,
                      sal_error *err) {
    const size_t draws = (size_t)options->permutations;
    *table = (word_table){.set = set, .R = R, .heads = heads, .capacity = capacity};
    table->values = sal_calloc(R * COLUMNS, capacity * sizeof *table->values);
    if (table->values == NULL)
        return sal_fail_memory(err, "the table of heads");
    if (draws == 0)
        return SAL_OK;
    int status = sal_stats_permutation_open(R, draws, SAL_STATS_NEIGHBOURS, options->seed, threads,
                                            &table->primary, err);
    if (status == SAL_OK)
        status = sal_stats_permutation_open(R, draws, SAL_STATS_SHUFFLE, options->seed, threads,
                                            &table->naive, err);
    return status;
}

/* ---- documents ---------------------------------------------------------------------------------------------- */

/* The document's hash decides, so that neither order nor limit moves it to the other half. */
bool head_is_selecting(const sal_document *document) {
    const char last = document->hash[strlen(document->hash) - 1];
    const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
    return digit % 2 == 0;
}

static void add_values(word_table *table, const sal_head_unit *unit, bool selecting) {
    const double *scores = unit->sets[table->set].scores;
    const size_t d = table->documents++;
    table->halves[selecting ? 0 : 1]++;
    for (size_t r = 0; r < table->R; r++) {
        double *out = table->values + r * COLUMNS * table->capacity + d;
        const double *row = scores + r * SAL_HEAD_MEASURES;
        const double z = sal_stats_fisher_z(row[SAL_HEAD_PARTIAL_BOTH]);
        const double rho = row[SAL_METRIC_SPEARMAN];
        const double more[] = {z, selecting ? rho : NAN, selecting ? NAN : rho, selecting ? z : NAN,
                               selecting ? NAN : z};
        for (size_t c = 0; c < COLUMNS; c++)
            out[c * table->capacity] = c < FISHER_Z ? row[c] : more[c - FISHER_Z];
    }
}

/* A document's words as the tests see them. */
typedef struct ranks_of_set {
    const sal_head_unit *unit;
    size_t n;
    size_t *words; /* [n] of the unit's W */
    size_t *order; /* [n] by first position; the unit's words come in this order */
    double *y;     /* [n] ranks, as the next two */
    double *position;
    double *frequency;
    double *x;     /* [R,n] */
    double *room;  /* [R,n] */
    int *statuses; /* [R] */
} ranks_of_set;

static void ranks_free(ranks_of_set *r) {
    sal_free(r->words);
    sal_free(r->order);
    sal_free(r->y);
    sal_free(r->x);
    sal_free(r->room);
    sal_free(r->statuses);
}

static void rank_row(void *context, size_t row) {
    const ranks_of_set *r = context;
    const float *values = r->unit->vectors + row * r->unit->words;
    double *room = r->room + row * r->n;
    for (size_t i = 0; i < r->n; i++)
        room[i] = (double)values[r->words[i]];
    if (isnan(room[0]))
        r->x[row * r->n] = NAN;
    else
        r->statuses[row] = sal_stats_ranks(room, r->n, r->x + row * r->n, NULL);
}

static int rank_fact(const ranks_of_set *r, sal_head_fact fact, double *out, sal_error *err) {
    const double *values = r->unit->facts + fact * r->unit->words;
    for (size_t i = 0; i < r->n; i++)
        r->room[i] = values[r->words[i]];
    return sal_stats_ranks(r->room, r->n, out, err);
}

static bool is_in(const sal_head_unit *unit, sal_head_words set, bool drop_zero, size_t w) {
    const double *facts = unit->facts;
    return (!drop_zero || facts[SAL_FACT_IMPORTANCE * unit->words + w] > 0) &&
           (set == SAL_HEAD_ALL || facts[SAL_FACT_CONTENT * unit->words + w] > 0);
}

static int ranks_make(const sal_head_unit *unit, sal_head_words set, bool drop_zero, int threads,
                      ranks_of_set *r, sal_error *err) {
    const size_t W = unit->words;
    *r = (ranks_of_set){.unit = unit};
    r->words = sal_calloc(W, sizeof *r->words);
    r->order = sal_calloc(W, sizeof *r->order);
    r->y = sal_calloc(3 * W, sizeof *r->y);
    r->x = sal_calloc(unit->rows * W, sizeof *r->x);
    r->room = sal_calloc(unit->rows * W, sizeof *r->room);
    r->statuses = sal_calloc(unit->rows, sizeof *r->statuses);
    if (r->words == NULL || r->order == NULL || r->y == NULL || r->x == NULL || r->room == NULL ||
        r->statuses == NULL)
        return sal_fail_memory(err, "ranks");
    for (size_t w = 0; w < W; w++)
        if (is_in(unit, set, drop_zero, w)) {
            r->order[r->n] = r->n;
            r->words[r->n++] = w;
        }
    r->position = r->y + r->n;
    r->frequency = r->position + r->n;
    if (r->n == 0)
        return SAL_OK;
    int status = rank_fact(r, SAL_FACT_IMPORTANCE, r->y, err);
    if (status == SAL_OK)
        status = rank_fact(r, SAL_FACT_FIRST_POSITION, r->position, err);
    if (status == SAL_OK)
        status = rank_fact(r, SAL_FACT_FREQUENCY, r->frequency, err);
    sal_stats_parallel(threads, unit->rows, rank_row, r);
    for (size_t i = 0; i < unit->rows && status == SAL_OK; i++)
        if (r->statuses[i] != SAL_OK)
            status = sal_fail_memory(err, "ranks");
    return status;
}

static int add_draws(word_table *table, const sal_head_unit *unit, bool drop_zero, int threads,
                     sal_error *err) {
    ranks_of_set r;
    int status = ranks_make(unit, table->set, drop_zero, threads, &r, err);
    const double *const given[2] = {r.position, r.frequency};
    if (status == SAL_OK)
        status = sal_stats_permutation_add(table->primary, r.x, r.y, given, 2, r.order, r.n, err);
    if (status == SAL_OK)
        status = sal_stats_permutation_add(table->naive, r.x, r.y, NULL, 0, r.order, r.n, err);
    ranks_free(&r);
    return status;
}

static int add_unit(word_table tables[SAL_HEAD_WORDS], const sal_head_unit *unit,
                    const sal_document *document, bool drop_zero, int threads, sal_error *err) {
    int status = SAL_OK;
    for (int set = 0; set < SAL_HEAD_WORDS && status == SAL_OK; set++) {
        if (unit->sets[set].scores == NULL)
            continue;
        add_values(&tables[set], unit, head_is_selecting(document));
        if (tables[set].primary != NULL)
            status = add_draws(&tables[set], unit, drop_zero, threads, err);
    }
    return status;
}

/* ---- results ------------------------------------------------------------------------------------------------ */

/* One-sided p of the t-test that the mean over documents is above 0. */
static double t_test(const double *values, size_t n) {
    double sum = 0;
    double squares = 0;
    size_t defined = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            defined++;
        }
    if (defined < 2)
        return NAN;
    const double mean = sum / (double)defined;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            squares += (values[i] - mean) * (values[i] - mean);
    const double error = sqrt(squares / (double)(defined - 1) / (double)defined);
    return error > 0 ? sal_stats_student_upper(mean / error, (double)(defined - 1)) : NAN;
}

/* Rows [capacity] to rows [documents]: the bootstrap takes them side by side. */
static void compact(word_table *table) {
    for (size_t i = 1; i < table->R * COLUMNS && table->documents < table->capacity; i++)
        memmove(table->values + i * table->documents, table->values + i * table->capacity,
                table->documents * sizeof *table->values);
}

static void fill_means(const word_table *table, const sal_stats_mean *means,
                       sal_head_result *results) {
    for (size_t r = 0; r < table->R; r++)
        for (int c = 0; c < COLUMNS; c++) {
            const sal_stats_mean *mean = &means[r * COLUMNS + (size_t)c];
            size_t undefined = mean->undefined;
            if (c == SPEARMAN_SELECTED || c == FISHER_Z_SELECTED)
                undefined -=
                    table->halves[1]; /* the other half is not undefined, it is not asked */
            if (c == SPEARMAN_REPORTED || c == FISHER_Z_REPORTED)
                undefined -= table->halves[0];
            results[r * COLUMNS + (size_t)c] =
                (sal_head_result){.row = (int64_t)r,
                                  .words = table->set,
                                  .metric = column_name(c),
                                  .value = mean->value,
                                  .low = mean->low,
                                  .high = mean->high,
                                  .documents = (int64_t)mean->defined,
                                  .undefined = (int64_t)undefined,
                                  .p_family = NAN,
                                  .p = NAN,
                                  .q = NAN,
                                  .q_by = NAN,
                                  .p_naive = NAN};
        }
}

static int fill_q(const word_table *table, sal_head_result *results, sal_error *err) {
    double *p = sal_calloc(3 * table->heads, sizeof *p);
    if (p == NULL)
        return sal_fail_memory(err, "q-values");
    double *q = p + table->heads;
    double *q_by = q + table->heads;
    for (size_t h = 0; h < table->heads; h++)
        p[h] =
            t_test(table->values + (h * COLUMNS + FISHER_Z) * table->documents, table->documents);
    int status = sal_stats_adjust(p, table->heads, 0, q, err);
    if (status == SAL_OK)
        status = sal_stats_adjust(p, table->heads, 1, q_by, err);
    for (size_t h = 0; h < table->heads && status == SAL_OK; h++) {
        sal_head_result *result = &results[h * COLUMNS + FISHER_Z];
        result->p = p[h];
        result->q = q[h];
        result->q_by = q_by[h];
    }
    sal_free(p);
    return status;
}

static int fill_tests(const word_table *table, sal_head_result *results, sal_error *err) {
    if (table->primary == NULL)
        return SAL_OK;
    sal_stats_test *tests = sal_calloc(table->R, sizeof *tests);
    if (tests == NULL)
        return sal_fail_memory(err, "tests");
    int status = sal_stats_permutation_finish(table->primary, table->heads, tests, err);
    for (size_t r = 0; r < table->R && status == SAL_OK; r++)
        results[r * COLUMNS + FISHER_Z].p_family = tests[r].p_family;
    if (status == SAL_OK)
        status = sal_stats_permutation_finish(table->naive, table->heads, tests, err);
    for (size_t r = 0; r < table->R && status == SAL_OK; r++)
        results[r * COLUMNS + SAL_METRIC_SPEARMAN].p_naive = tests[r].p_family;
    sal_free(tests);
    return status;
}

static int table_finish(word_table *table, const sal_heads_options *options, int threads,
                        sal_head_result *results, sal_error *err) {
    const size_t rows = table->R * COLUMNS;
    sal_stats_mean *means = sal_calloc(rows, sizeof *means);
    if (means == NULL)
        return sal_fail_memory(err, "the table of heads");
    compact(table);
    int status = sal_stats_bootstrap_rows(table->values, rows, table->documents, options->seed,
                                          threads, means, err);
    if (status == SAL_OK) {
        fill_means(table, means, results);
        status = fill_q(table, results, err);
    }
    if (status == SAL_OK)
        status = fill_tests(table, results, err);
    sal_free(means);
    return status;
}

static int put_tables(sal_study *study, const sal_heads_options *options, int64_t analysis,
                      const char *corpus, word_table tables[SAL_HEAD_WORDS], int threads,
                      sal_error *err) {
    const size_t rows = tables[0].R * COLUMNS;
    size_t count = 0;
    int status = SAL_OK;
    sal_head_result *results = sal_calloc(SAL_HEAD_WORDS * rows, sizeof *results);
    if (results == NULL)
        return sal_fail_memory(err, "the table of heads");
    for (int set = 0; set < SAL_HEAD_WORDS && status == SAL_OK; set++) {
        if (tables[set].documents == 0)
            continue;
        status = table_finish(&tables[set], options, threads, results + count, err);
        count += rows;
    }
    if (status == SAL_OK)
        status = sal_study_put_head_results(study, analysis, corpus, results, count, err);
    sal_free(results);
    return status;
}

typedef struct table_walk {
    sal_study *study;
    int64_t analysis;
    word_table *tables; /* [SAL_HEAD_WORDS] */
    bool drop_zero;
    int threads;
} table_walk;

static int add_document(void *context, int64_t key, sal_error *err) {
    const table_walk *all = context;
    sal_document *document = NULL;
    sal_head_unit *unit = NULL;
    int status = sal_study_get_head_unit(all->study, all->analysis, key, &unit, err);
    if (status == SAL_OK && unit != NULL)
        status = sal_study_get_document(all->study, key, &document, err);
    if (status == SAL_OK && unit != NULL)
        status = add_unit(all->tables, unit, document, all->drop_zero, all->threads, err);
    sal_head_unit_free(unit);
    sal_document_free(document);
    return status;
}

int head_table_make(sal_study *study, const sal_heads_options *options, int64_t analysis,
                    const char *corpus, const int64_t *documents, size_t count, size_t heads,
                    const sal_progress *progress, sal_error *err) {
    const int threads = head_threads(&options->model_options);
    word_table tables[SAL_HEAD_WORDS] = {{0}};
    int status = SAL_OK;
    for (int set = 0; set < SAL_HEAD_WORDS && status == SAL_OK; set++)
        status = table_open(&tables[set], (sal_head_words)set, heads + SAL_NULL_HEADS, heads, count,
                            options, threads, err);
    table_walk all = {study, analysis, tables, options->drop_zero, threads};
    stage_walk walk = {.progress = progress, .stage = "tests of heads", .total = (int64_t)count};
    if (status == SAL_OK)
        status = stage_walk_documents(&walk, documents, count, add_document, &all, err);
    if (status == SAL_OK)
        status = put_tables(study, options, analysis, corpus, tables, threads, err);
    for (int set = 0; set < SAL_HEAD_WORDS; set++)
        table_free(&tables[set]);
    return status;
}
