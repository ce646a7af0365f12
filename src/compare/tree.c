/* Trees of summarizers from the mean distances, how far they can be believed, and how many documents are enough.
 *
 * Support of a node: share of bootstrap resamples of the documents whose tree has a node with the same members (Felsenstein 1985).
 * A summarizer whose distance to another is undefined (no document in common) is left out. Ward's linkage is not offered here: these
 * distances are not Euclidean. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare_internal.h"
#include "salient/random.h"
#include "stats/cluster.h"
#include "stats/draws.h"

enum { CURVE_DRAWS = 100 };

const char *compare_distance_name(compare_distance distance) {
    static const char *const names[] = {"spearman", "js"};
    return names[distance];
}

double compare_distance_of(compare_distance distance, double mean) {
    if (distance == COMPARE_BY_SPEARMAN)
        return 1 - mean;
    return sqrt((mean < 0 ? 0 : mean) / log(2));
}

/* The summarizers of a tree. */
typedef struct grove {
    compare_corpus *corpus;
    compare_set set;
    compare_distance distance;
    compare_pair_measure measure;
    size_t *members; /* [n] summarizers, ascending */
    size_t n;
    double *matrix; /* [n,n] mean distances */
} grove;

static double mean_of(const double *values, size_t n) {
    double sum = 0;
    size_t defined = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            continue;
        sum += values[i];
        defined++;
    }
    return defined == 0 ? NAN : sum / (double)defined;
}

static double mean_distance(const grove *g, size_t a, size_t b) {
    size_t row = compare_pair_row(g->corpus, g->set, g->measure, a < b ? a : b, a < b ? b : a);
    size_t D = g->corpus->document_count;
    return compare_distance_of(g->distance, mean_of(g->corpus->values + row * D, D));
}

/* Leave out the summarizer with the most undefined distances until there are none. all [S,S] */
static void choose_members(grove *g, const double *all) {
    size_t S = g->corpus->count;
    g->n = S;
    for (size_t i = 0; i < S; i++)
        g->members[i] = i;
    for (;;) {
        size_t worst = 0;
        size_t most = 0;
        for (size_t i = 0; i < g->n; i++) {
            size_t holes = 0;
            for (size_t j = 0; j < g->n; j++)
                holes += i != j && isnan(all[g->members[i] * S + g->members[j]]);
            if (holes > 0 && holes >= most) {
                most = holes;
                worst = i;
            }
        }
        if (most == 0)
            return;
        memmove(g->members + worst, g->members + worst + 1,
                (g->n - worst - 1) * sizeof *g->members);
        g->n--;
    }
}

static int fill_grove(grove *g, double **all_out, sal_error *err) {
    size_t S = g->corpus->count;
    double *all = sal_calloc(S, (S + 1) * sizeof *all);
    g->members = sal_calloc(S, sizeof *g->members);
    g->matrix = sal_calloc(S, (S + 1) * sizeof *g->matrix);
    *all_out = all;
    if (all == NULL || g->members == NULL || g->matrix == NULL)
        return sal_fail_memory(err, "distances");
    for (size_t a = 0; a < S; a++)
        for (size_t b = a + 1; b < S; b++)
            all[a * S + b] = all[b * S + a] = mean_distance(g, a, b);
    choose_members(g, all);
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < g->n; j++)
            g->matrix[i * g->n + j] = all[g->members[i] * S + g->members[j]];
    return SAL_OK;
}

/* ---- support ----------------------------------------------------------------------------------------------- */

/* Distances of one draw. return false when one is undefined */
static bool fill_draw(const grove *g, const double *draws, size_t draw_count, size_t draw,
                      double *matrix) {
    size_t first = compare_pair_row(g->corpus, g->set, g->measure, 0, 1);
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = i + 1; j < g->n; j++) {
            size_t row =
                compare_pair_row(g->corpus, g->set, g->measure, g->members[i], g->members[j]);
            double d = compare_distance_of(g->distance, draws[(row - first) * draw_count + draw]);
            if (isnan(d))
                return false;
            matrix[i * g->n + j] = matrix[j * g->n + i] = d < 0 ? 0 : d;
        }
    return true;
}

/* Nodes of a draw's tree that the tree has too are counted. members, drawn [n-1,n] */
static void count_same(size_t n, const unsigned char *members, const unsigned char *drawn,
                       double *support) {
    for (size_t t = 0; t + 1 < n; t++)
        for (size_t u = 0; u + 1 < n; u++)
            if (memcmp(members + t * n, drawn + u * n, n) == 0) {
                support[t] += 1;
                break;
            }
}

static int find_support(const grove *g, sal_linkage linkage, const unsigned char *members,
                        const double *draws, size_t draw_count, double *support, sal_error *err) {
    size_t n = g->n;
    size_t used = 0;
    int status = SAL_OK;
    double *matrix = sal_calloc(n, n * sizeof *matrix);
    sal_merge *merges = sal_calloc(n, sizeof *merges);
    unsigned char *drawn = sal_calloc(n, n);
    if (matrix == NULL || merges == NULL || drawn == NULL) {
        status = sal_fail_memory(err, "a clustering");
        goto done;
    }
    for (size_t draw = 0; draw < draw_count; draw++) {
        if (!fill_draw(g, draws, draw_count, draw, matrix))
            continue;
        status = sal_stats_cluster(matrix, n, linkage, false, merges, err);
        if (status != SAL_OK)
            goto done;
        sal_stats_members(merges, n, drawn);
        count_same(n, members, drawn, support);
        used++;
    }
    bool enough = g->corpus->document_count >= SAL_STATS_MINIMUM_UNITS && used > 0;
    for (size_t t = 0; t + 1 < n; t++)
        support[t] = enough ? support[t] / (double)used : NAN;
done:
    sal_free(matrix);
    sal_free(merges);
    sal_free(drawn);
    return status;
}

/* ---- one tree ---------------------------------------------------------------------------------------------- */

static int name_members(const grove *g, const unsigned char *row, compare_result *result,
                        const char **out, sal_error *err) {
    json_t *names = json_array();
    bool complete = names != NULL;
    for (size_t i = 0; complete && i < g->n; i++)
        if (row[i])
            complete = json_array_append_new(
                           names, json_string(g->corpus->summarizers[g->members[i]]->name)) == 0;
    char *text = complete ? json_dumps(names, JSON_COMPACT) : NULL;
    char *copy = sal_copy_string(text);
    json_decref(names);
    free(text); /* jansson's */
    if (copy == NULL)
        return sal_fail_memory(err, "names");
    *out = copy;
    return compare_result_keep(result, copy, err);
}

static int add_step(const grove *g, sal_linkage linkage, size_t t, const sal_merge *merge,
                    double support, const unsigned char *row, compare_result *result,
                    sal_error *err) {
    const char *members = NULL;
    int status = name_members(g, row, result, &members, err);
    if (status == SAL_OK)
        status = sal_grow((void **)&result->steps, &result->step_capacity, result->step_count,
                          sizeof *result->steps, err);
    if (status == SAL_OK)
        result->steps[result->step_count++] =
            (sal_cluster_step){.corpus = g->corpus->name,
                               .words = compare_set_name(g->set),
                               .distance = compare_distance_name(g->distance),
                               .linkage = sal_linkage_name(linkage),
                               .step = (int64_t)t,
                               .left = (int64_t)merge->left,
                               .right = (int64_t)merge->right,
                               .height = merge->height,
                               .size = (int64_t)merge->size,
                               .support = support,
                               .members = members};
    return status;
}

/* A row about the tree or the curve. The name is copied. */
static int add_fact(const grove *g, const char *measure, double value, double low, double high,
                    size_t documents, compare_result *result, sal_error *err) {
    char *name = sal_copy_string(measure);
    if (name == NULL)
        return sal_fail_memory(err, "a name");
    int status = compare_result_keep(result, name, err);
    const sal_agreement row = {.corpus = g->corpus->name,
                               .a = "all",
                               .words = compare_set_name(g->set),
                               .measure = name,
                               .value = value,
                               .low = low,
                               .high = high,
                               .documents = (int64_t)documents};
    return status == SAL_OK ? compare_result_add(result, &row, err) : status;
}

static int add_cophenetic(const grove *g, sal_linkage linkage, const sal_merge *merges,
                          compare_result *result, sal_error *err) {
    char name[80];
    double r = NAN;
    double *cophenetic = sal_calloc(g->n, g->n * sizeof *cophenetic);
    int status = cophenetic == NULL ? sal_fail_memory(err, "a clustering")
                                    : sal_stats_cophenetic(merges, g->n, cophenetic, err);
    if (status == SAL_OK)
        status = sal_stats_triangle_correlation(g->matrix, cophenetic, g->n, &r, err);
    snprintf(name, sizeof name, "cophenetic_%s_%s", compare_distance_name(g->distance),
             sal_linkage_name(linkage));
    if (status == SAL_OK)
        status = add_fact(g, name, r, NAN, NAN, g->corpus->document_count, result, err);
    sal_free(cophenetic);
    return status;
}

static int grow_tree(const grove *g, sal_linkage linkage, const double *draws, size_t draw_count,
                     compare_result *result, sal_error *err) {
    size_t n = g->n;
    sal_merge *merges = sal_calloc(n, sizeof *merges);
    unsigned char *members = sal_calloc(n, n);
    double *support = sal_calloc(n, sizeof *support);
    int status = SAL_OK;
    if (merges == NULL || members == NULL || support == NULL) {
        status = sal_fail_memory(err, "a clustering");
        goto done;
    }
    status = sal_stats_cluster(g->matrix, n, linkage, false, merges, err);
    if (status != SAL_OK)
        goto done;
    sal_stats_members(merges, n, members);
    status = find_support(g, linkage, members, draws, draw_count, support, err);
    for (size_t t = 0; status == SAL_OK && t + 1 < n; t++)
        status = add_step(g, linkage, t, &merges[t], support[t], members + t * n, result, err);
    if (status == SAL_OK)
        status = add_cophenetic(g, linkage, merges, result, err);
done:
    sal_free(merges);
    sal_free(members);
    sal_free(support);
    return status;
}

/* ---- sample-size curve ------------------------------------------------------------------------------------- */

/* Correlation of the distances from the documents chosen [count] with those from all. matrix [n,n] room */
static int correlate_sample(const grove *g, const size_t *chosen, size_t count, double *matrix,
                            double *r, sal_error *err) {
    size_t D = g->corpus->document_count;
    *r = NAN;
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = i + 1; j < g->n; j++) {
            const double *values =
                g->corpus->values +
                compare_pair_row(g->corpus, g->set, g->measure, g->members[i], g->members[j]) * D;
            double sum = 0;
            size_t defined = 0;
            for (size_t c = 0; c < count; c++) {
                if (isnan(values[chosen[c]]))
                    continue;
                sum += values[chosen[c]];
                defined++;
            }
            if (defined == 0)
                return SAL_OK;
            matrix[i * g->n + j] = matrix[j * g->n + i] =
                compare_distance_of(g->distance, sum / (double)defined);
        }
    return sal_stats_triangle_correlation(g->matrix, matrix, g->n, r, err);
}

static int sample_once(const grove *g, size_t count, size_t *order, double *matrix,
                       compare_result *result, sal_error *err) {
    double seen[CURVE_DRAWS];
    char name[40];
    int status = SAL_OK;
    for (size_t draw = 0; status == SAL_OK && draw < CURVE_DRAWS; draw++) {
        sal_random random;
        for (size_t i = 0; i < g->corpus->document_count; i++)
            order[i] = i;
        sal_random_seed(&random,
                        sal_stats_draw_seed(g->corpus->options->seed, count * CURVE_DRAWS + draw));
        sal_random_shuffle(&random, order, g->corpus->document_count);
        status = correlate_sample(g, order, count, matrix, &seen[draw], err);
    }
    if (status != SAL_OK)
        return status;
    sal_stats_mean mean = sal_stats_mean_of_draws(seen, CURVE_DRAWS, seen, CURVE_DRAWS);
    snprintf(name, sizeof name, "sample_size_%zu", count);
    return add_fact(g, name, mean.value, mean.low, mean.high, count, result, err);
}

static int add_curve(const grove *g, compare_result *result, sal_error *err) {
    static const size_t sizes[] = {5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
    size_t *order = sal_calloc(g->corpus->document_count, sizeof *order);
    double *matrix = sal_calloc(g->n, g->n * sizeof *matrix);
    int status = order == NULL || matrix == NULL ? sal_fail_memory(err, "a sample") : SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < g->corpus->document_count)
            status = sample_once(g, sizes[i], order, matrix, result, err);
    sal_free(order);
    sal_free(matrix);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

int compare_trees(compare_corpus *corpus, compare_set set, compare_distance distance,
                  const double *draws, size_t draw_count, compare_result *result, sal_error *err) {
    grove g = {.corpus = corpus, .set = set, .distance = distance};
    double *all = NULL;
    g.measure = distance == COMPARE_BY_SPEARMAN ? COMPARE_SPEARMAN : COMPARE_JS;
    int status = fill_grove(&g, &all, err);
    if (status == SAL_OK && g.n >= 2) {
        status = grow_tree(&g, SAL_LINKAGE_AVERAGE, draws, draw_count, result, err);
        if (status == SAL_OK)
            status = grow_tree(&g, SAL_LINKAGE_COMPLETE, draws, draw_count, result, err);
        if (status == SAL_OK && g.n >= 3 && distance == COMPARE_BY_SPEARMAN)
            status = add_curve(&g, result, err);
    }
    if (status == SAL_OK)
        status = compare_families(corpus, set, distance, all, result, err);
    sal_free(all);
    sal_free(g.members);
    sal_free(g.matrix);
    return status;
}
