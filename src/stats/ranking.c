/* Ranking metrics with ties by expectation: a group of equal scores that occupies ranks a..b gives its mean gain at each of them, which is
 * the expectation over all orders of the group (METHODS 3). Without ties this is any sort order. */

#include <math.h>

#include "salient/memory.h"
#include "stats/metrics.h"
#include "stats/stats.h"

int sal_stats_rank_scores(const double *scores, size_t n, sal_stats_ranking *out, sal_error *err) {
    sal_stats_ranking ranking = {.n = n};
    ranking.order = sal_calloc(n, sizeof *ranking.order);
    ranking.group = sal_calloc(n, sizeof *ranking.group);
    ranking.group_end = sal_calloc(n, sizeof *ranking.group_end);
    if (ranking.order == NULL || ranking.group == NULL || ranking.group_end == NULL) {
        sal_stats_ranking_free(&ranking);
        return sal_fail_memory(err, "a ranking");
    }
    int status = sal_stats_order_falling(scores, n, ranking.order, err);
    if (status != SAL_OK) {
        sal_stats_ranking_free(&ranking);
        return status;
    }
    for (size_t start = 0, end = 0; start < n; start = end) {
        double score = scores[ranking.order[start]];
        for (end = start; end < n && scores[ranking.order[end]] >= score; end++)
            ranking.group[end] = start;
        for (size_t i = start; i < end; i++)
            ranking.group_end[i] = end;
    }
    *out = ranking;
    return SAL_OK;
}

void sal_stats_ranking_free(sal_stats_ranking *ranking) {
    sal_free(ranking->order);
    sal_free(ranking->group);
    sal_free(ranking->group_end);
    *ranking = (sal_stats_ranking){0};
}

static double discounted_gain(const sal_stats_ranking *ranking, const double *relevance, size_t k) {
    double sum = 0;
    for (size_t start = 0; start < k; start = ranking->group_end[start]) {
        size_t end = ranking->group_end[start];
        double gain = 0;
        double discount = 0;
        for (size_t i = start; i < end; i++)
            gain += exp2(relevance[ranking->order[i]]) - 1;
        for (size_t i = start; i < end && i < k; i++)
            discount += 1 / log2((double)i + 2);
        sum += gain / (double)(end - start) * discount;
    }
    return sum;
}

double sal_stats_ndcg(const sal_stats_ranking *ranking, const sal_stats_ranking *ideal,
                      const double *relevance, size_t k) {
    if (ranking->n == 0)
        return NAN;
    size_t depth = k < ranking->n ? k : ranking->n;
    double best = discounted_gain(ideal, relevance, depth);
    return best > 0 ? discounted_gain(ranking, relevance, depth) / best : 0;
}

void sal_stats_precision_recall(const sal_stats_ranking *ranking, const unsigned char *relevant,
                                size_t k, double *precision, double *recall) {
    *precision = NAN;
    *recall = NAN;
    if (k > ranking->n || k == 0)
        return;
    double hits = 0;
    size_t total = 0;
    for (size_t i = 0; i < ranking->n; i++)
        total += relevant[i];
    for (size_t start = 0; start < k; start = ranking->group_end[start]) {
        size_t end = ranking->group_end[start];
        size_t found = 0;
        for (size_t i = start; i < end; i++)
            found += relevant[ranking->order[i]];
        size_t within = (end < k ? end : k) - start;
        hits += (double)found * (double)within / (double)(end - start);
    }
    *precision = hits / (double)k;
    *recall = total > 0 ? hits / (double)total : 0;
}

int sal_stats_above_median(const double *values, size_t n, unsigned char *relevant,
                           sal_error *err) {
    sal_stats_ranking ranking = {0};
    if (n == 0)
        return SAL_OK;
    int status = sal_stats_rank_scores(values, n, &ranking, err);
    if (status != SAL_OK)
        return status;
    double median = (values[ranking.order[(n - 1) / 2]] + values[ranking.order[n / 2]]) / 2;
    for (size_t i = 0; i < n; i++)
        relevant[i] = values[i] > median;
    sal_stats_ranking_free(&ranking);
    return SAL_OK;
}

/* ---- many tests ---------------------------------------------------------------------------------------------- */

int sal_stats_adjust(const double *p, size_t n, int dependent, double *q, sal_error *err) {
    sal_stats_ranking ranking = {0};
    double *known = sal_calloc(n, sizeof *known);
    size_t *index = sal_calloc(n, sizeof *index);
    size_t m = 0;
    int status = known == NULL || index == NULL ? sal_fail_memory(err, "p-values") : SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < n; i++) {
        q[i] = NAN;
        if (isnan(p[i]))
            continue;
        known[m] = p[i];
        index[m++] = i;
    }
    if (status == SAL_OK)
        status = sal_stats_rank_scores(known, m, &ranking, err);
    double harmonic = 0;
    for (size_t i = 1; i <= m; i++)
        harmonic += dependent ? 1 / (double)i : 0;
    double smallest = 1;
    for (size_t i = 0; status == SAL_OK && i < m; i++) {
        /* Ranking falls: the largest p has rank m. */
        double adjusted =
            known[ranking.order[i]] * (double)m / (double)(m - i) * (dependent ? harmonic : 1);
        smallest = adjusted < smallest ? adjusted : smallest;
        q[index[ranking.order[i]]] = smallest;
    }
    sal_stats_ranking_free(&ranking);
    sal_free(known);
    sal_free(index);
    return status;
}
