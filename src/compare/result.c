/* From rows over documents to what is stored: means with bootstrap intervals over documents, ceilings, trees. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "compare/compare_internal.h"
#include "stats/draws.h"

enum { ROWS_AT_ONCE = 256 };

void compare_result_free(compare_result *result) {
    sal_free(result->rows);
    sal_free(result->steps);
    sal_strings_free(result->texts, result->text_count);
    *result = (compare_result){0};
}

int compare_result_add(compare_result *result, const sal_agreement *row, sal_error *err) {
    int status = sal_grow((void **)&result->rows, &result->row_capacity, result->row_count,
                          sizeof *result->rows, err);
    if (status == SAL_OK)
        result->rows[result->row_count++] = *row;
    return status;
}

int compare_result_keep(compare_result *result, char *text, sal_error *err) {
    int status = sal_grow((void **)&result->texts, &result->text_capacity, result->text_count,
                          sizeof *result->texts, err);
    if (status == SAL_OK)
        result->texts[result->text_count++] = text;
    else
        sal_free(text);
    return status;
}

/* ---- means ------------------------------------------------------------------------------------------------- */

static int add_mean(const compare_corpus *corpus, size_t row, const sal_stats_mean *mean,
                    compare_result *result, sal_error *err) {
    const compare_row *what = &corpus->rows[row];
    const sal_agreement agreement = {.corpus = corpus->name,
                                     .a = what->a,
                                     .b = what->b,
                                     .words = what->words,
                                     .measure = what->measure,
                                     .value = mean->value,
                                     .low = mean->low,
                                     .high = mean->high,
                                     .documents = (int64_t)mean->defined,
                                     .undefined = (int64_t)mean->undefined};
    return compare_result_add(result, &agreement, err);
}

/* Rows [first, first + count) with their intervals. draws [count, SAL_STATS_DRAWS], sorted on return */
static int add_means(const compare_corpus *corpus, size_t first, size_t count, double *draws,
                     compare_result *result, sal_error *err) {
    size_t D = corpus->document_count;
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const sal_stats_mean mean = sal_stats_mean_of_draws(
            corpus->values + (first + i) * D, D, draws + i * SAL_STATS_DRAWS, SAL_STATS_DRAWS);
        status = add_mean(corpus, first + i, &mean, result, err);
    }
    return status;
}

static int draw(const compare_corpus *corpus, size_t first, size_t count, double *draws,
                sal_error *err) {
    return sal_stats_bootstrap_draws(corpus->values + first * corpus->document_count, count,
                                     corpus->document_count, SAL_STATS_DRAWS, corpus->options->seed,
                                     corpus->threads, draws, err);
}

static int add_slab(const compare_corpus *corpus, size_t first, size_t count,
                    compare_result *result, sal_error *err) {
    double *draws = sal_calloc(count, SAL_STATS_DRAWS * sizeof *draws);
    int status = draws == NULL ? sal_fail_memory(err, "a bootstrap")
                               : draw(corpus, first, count, draws, err);
    if (status == SAL_OK)
        status = add_means(corpus, first, count, draws, result, err);
    sal_free(draws);
    return status;
}

/* Rows of all pairs for one measure; those that distances are made from also grow trees. */
static int add_pairs(compare_corpus *corpus, compare_set set, compare_pair_measure measure,
                     compare_result *result, sal_error *err) {
    size_t first = compare_pair_row(corpus, set, measure, 0, 1);
    size_t pairs = corpus->count * (corpus->count - 1) / 2;
    int status = SAL_OK;
    double *draws = sal_calloc(pairs, SAL_STATS_DRAWS * sizeof *draws);
    if (draws == NULL)
        return sal_fail_memory(err, "a bootstrap");
    status = draw(corpus, first, pairs, draws, err);
    if (status == SAL_OK && (measure == COMPARE_SPEARMAN || measure == COMPARE_JS))
        status = compare_trees(corpus, set,
                               measure == COMPARE_SPEARMAN ? COMPARE_BY_SPEARMAN : COMPARE_BY_JS,
                               draws, SAL_STATS_DRAWS, result, err);
    if (status == SAL_OK)
        status = add_means(corpus, first, pairs, draws, result, err);
    sal_free(draws);
    return status;
}

/* ---- ceilings, seeds --------------------------------------------------------------------------------------- */

static double reliability(const compare_corpus *corpus, const sal_score_list *scores, size_t s,
                          compare_set set) {
    for (size_t i = 0; i < scores->count; i++) {
        const sal_score *score = &scores->items[i];
        if (score->summarizer == corpus->summarizers[s]->key && score->protocol == SAL_STRICT &&
            score->length == 0 && strcmp(score->corpus, corpus->name) == 0 &&
            strcmp(score->words, compare_set_name(set)) == 0 &&
            strcmp(score->measure, "reliability_spearman") == 0)
            return score->value;
    }
    return NAN;
}

/* The highest rho that two importances as noisy as these can have; undefined unless both are above 0. */
static int add_ceilings(const compare_corpus *corpus, const sal_score_list *scores, compare_set set,
                        compare_result *result, sal_error *err) {
    int status = SAL_OK;
    for (size_t a = 0; a < corpus->count; a++)
        for (size_t b = a + 1; status == SAL_OK && b < corpus->count; b++) {
            double left = reliability(corpus, scores, a, set);
            double right = reliability(corpus, scores, b, set);
            const sal_agreement row = {.corpus = corpus->name,
                                       .a = corpus->summarizers[a]->name,
                                       .b = corpus->summarizers[b]->name,
                                       .words = compare_set_name(set),
                                       .measure = "ceiling_spearman",
                                       .value = left > 0 && right > 0 ? sqrt(left * right) : NAN,
                                       .low = NAN,
                                       .high = NAN,
                                       .documents = (int64_t)corpus->document_count};
            status = compare_result_add(result, &row, err);
        }
    return status;
}

/* Configurations that are equal but for the seed. */
static bool differ_in_seed_alone(const char *a, const char *b) {
    json_t *left = json_loads(a, 0, NULL);
    json_t *right = json_loads(b, 0, NULL);
    bool same = false;
    if (json_object_get(left, "seed") != NULL && json_object_get(right, "seed") != NULL) {
        json_object_del(left, "seed");
        json_object_del(right, "seed");
        same = json_equal(left, right) == 1;
    }
    json_decref(left);
    json_decref(right);
    return same;
}

/* Agreement of a pair that is one summarizer under two seeds, once more under the name of self-agreement. */
static int add_seed_pairs(const compare_corpus *corpus, compare_result *result, sal_error *err) {
    static const struct {
        const char *pair;
        const char *self;
    } names[] = {{"spearman", "self_spearman"}, {"js", "self_js"}};
    const size_t rows = result->row_count;
    int status = SAL_OK;
    for (size_t a = 0; a < corpus->count; a++)
        for (size_t b = a + 1; b < corpus->count; b++) {
            if (!differ_in_seed_alone(corpus->summarizers[a]->config,
                                      corpus->summarizers[b]->config))
                continue;
            for (size_t i = 0; status == SAL_OK && i < 2 * rows; i++) {
                sal_agreement row = result->rows[i / 2];
                if (strcmp(row.measure, names[i % 2].pair) != 0 || row.b == NULL ||
                    strcmp(row.a, corpus->summarizers[a]->name) != 0 ||
                    strcmp(row.b, corpus->summarizers[b]->name) != 0)
                    continue;
                row.measure = names[i % 2].self;
                status = compare_result_add(result, &row, err);
            }
        }
    return status;
}

int compare_finish(compare_corpus *corpus, const sal_score_list *scores, compare_result *result,
                   sal_error *err) {
    int status = SAL_OK;
    for (compare_set set = COMPARE_ALL; corpus->count >= 2 && set < COMPARE_SETS; set++) {
        for (compare_pair_measure m = COMPARE_SPEARMAN;
             status == SAL_OK && m < COMPARE_PAIR_MEASURES; m++)
            status = add_pairs(corpus, set, m, result, err);
        if (status == SAL_OK)
            status = add_ceilings(corpus, scores, set, result, err);
    }
    if (status == SAL_OK)
        status = add_seed_pairs(corpus, result, err);
    for (size_t row = corpus->alpha_row; status == SAL_OK && row < corpus->row_count;
         row += ROWS_AT_ONCE) {
        size_t left = corpus->row_count - row;
        status = add_slab(corpus, row, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, result, err);
    }
    return status;
}
