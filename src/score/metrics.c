/* All metrics of METHODS 3 in one pass over a document's words: what `salient score` prints and the head analysis stores. */

#include "salient/metrics.h"

#include <math.h>

#include "salient/memory.h"
#include "stats/metrics.h"

const char *sal_metric_name(sal_metric metric) {
    static const char *const names[SAL_METRICS] = {
        "n",
        "spearman",
        "spearman_p",
        "kendall",
        "pearson",
        "mae",
        "kl",
        "kl_uniform",
        "kl_normalized",
        "ndcg@5",
        "ndcg@10",
        "precision@1",
        "precision@3",
        "precision@5",
        "precision@10",
        "recall@1",
        "recall@3",
        "recall@5",
        "recall@10",
        "kl_power2",
        "renyi@1.5",
        "renyi@2",
        "renyi@3",
        "js",
        "partial_spearman",
    };
    return names[metric];
}

static int check(const double *values, size_t n, const char *which, sal_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!(values[i] >= 0) || isinf(values[i]))
            return sal_fail(err, SAL_EINVAL,
                            "value %zu of the %s is %g: finite numbers of 0 or more are needed", i,
                            which, values[i]);
    return SAL_OK;
}

/* What one computation works with: values as scored (x, y), and as distributions (p, q). */
typedef struct vectors {
    const double *x, *y, *given;
    const double *p, *q;
    size_t n;
} vectors;

static int correlate(const vectors *v, double *values, sal_error *err) {
    double rho = NAN;
    double rho_given[2] = {NAN, NAN};
    int status = sal_stats_spearman(v->x, v->y, v->n, &rho, err);
    if (status == SAL_OK)
        status = sal_stats_kendall(v->x, v->y, v->n, &values[SAL_METRIC_KENDALL], err);
    if (status == SAL_OK && v->given != NULL)
        status = sal_stats_spearman(v->x, v->given, v->n, &rho_given[0], err);
    if (status == SAL_OK && v->given != NULL)
        status = sal_stats_spearman(v->y, v->given, v->n, &rho_given[1], err);
    values[SAL_METRIC_SPEARMAN] = rho;
    values[SAL_METRIC_SPEARMAN_P] = sal_stats_correlation_p(rho, v->n);
    values[SAL_METRIC_PEARSON] = sal_stats_pearson(v->x, v->y, v->n);
    values[SAL_METRIC_MAE] = sal_stats_mae(v->x, v->y, v->n);
    values[SAL_METRIC_PARTIAL_SPEARMAN] =
        v->n < 3 ? NAN : sal_stats_partial(rho, rho_given[0], rho_given[1], 1e-14);
    return status;
}

static int diverge(const vectors *v, sal_protocol protocol, double *values, sal_error *err) {
    const int clipped = protocol == SAL_STRICT;
    values[SAL_METRIC_KL] = sal_stats_kl(v->p, v->q, v->n);
    values[SAL_METRIC_KL_UNIFORM] = sal_stats_kl_uniform(v->p, v->n);
    values[SAL_METRIC_KL_NORMALIZED] = sal_stats_kl_normalised(v->p, v->q, v->n);
    values[SAL_METRIC_RENYI_1_5] = sal_stats_renyi(v->p, v->q, v->n, 1.5, clipped);
    values[SAL_METRIC_RENYI_2] = sal_stats_renyi(v->p, v->q, v->n, 2, clipped);
    values[SAL_METRIC_RENYI_3] = sal_stats_renyi(v->p, v->q, v->n, 3, clipped);
    values[SAL_METRIC_JS] = sal_stats_js(v->p, v->q, v->n);
    return sal_stats_kl_power2(v->p, v->q, v->n, &values[SAL_METRIC_KL_POWER2], err);
}

static int rank(const vectors *v, double *values, sal_error *err) {
    static const size_t depths[4] = {1, 3, 5, 10};
    sal_stats_ranking ranking = {0};
    sal_stats_ranking ideal = {0};
    unsigned char *relevant = sal_calloc(v->n, 1);
    int status = relevant == NULL ? sal_fail_memory(err, "words") : SAL_OK;
    if (status == SAL_OK)
        status = sal_stats_rank_scores(v->y, v->n, &ranking, err);
    if (status == SAL_OK)
        status = sal_stats_rank_scores(v->x, v->n, &ideal, err);
    if (status == SAL_OK)
        status = sal_stats_above_median(v->x, v->n, relevant, err);
    if (status == SAL_OK) {
        values[SAL_METRIC_NDCG_5] = sal_stats_ndcg(&ranking, &ideal, v->x, 5);
        values[SAL_METRIC_NDCG_10] = sal_stats_ndcg(&ranking, &ideal, v->x, 10);
        for (size_t i = 0; i < 4; i++)
            sal_stats_precision_recall(&ranking, relevant, depths[i],
                                       &values[(size_t)SAL_METRIC_PRECISION_1 + i],
                                       &values[(size_t)SAL_METRIC_RECALL_1 + i]);
    }
    sal_stats_ranking_free(&ranking);
    sal_stats_ranking_free(&ideal);
    sal_free(relevant);
    return status;
}

int sal_metrics_compute(sal_protocol protocol, const double *reference, const double *prediction,
                        const double *given, size_t n, double values[SAL_METRICS], sal_error *err) {
    for (int i = 0; i < SAL_METRICS; i++)
        values[i] = NAN;
    values[SAL_METRIC_N] = (double)n;
    double *p = sal_calloc(n, sizeof *p);
    double *q = sal_calloc(n, sizeof *q);
    int status = p == NULL || q == NULL ? sal_fail_memory(err, "distributions") : SAL_OK;
    if (status == SAL_OK)
        status = check(reference, n, "reference", err);
    if (status == SAL_OK)
        status = check(prediction, n, "prediction", err);
    if (status != SAL_OK || n == 0)
        goto done;
    sal_stats_normalise(reference, n, p);
    sal_stats_normalise(prediction, n, q);
    const bool paper = protocol == SAL_PAPER;
    const vectors v = {paper ? p : reference, paper ? q : prediction, given, p, q, n};
    status = correlate(&v, values, err);
    if (status == SAL_OK)
        status = diverge(&v, protocol, values, err);
    if (status == SAL_OK)
        status = rank(&v, values, err);
done:
    sal_free(p);
    sal_free(q);
    return status;
}
