/* Scores of predictions, document by document; means over documents and seeds. */
#include "probe/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "stats/metrics.h"

const char *probe_metric_name(probe_metric metric) {
    static const char *const names[PROBE_METRICS] = {"spearman", "pearson", "mae",
                                                     "ndcg@10",  "kl",      "renyi@2"};
    return names[metric];
}

/* Words that enter: y, prediction, then room for both as distributions. */
typedef struct words {
    double *y, *q, *py, *pq;
    size_t n;
} words;

static int take_words(const double *y, const double *prediction, const unsigned char *use, size_t n,
                      words *out, sal_error *err) {
    out->y = sal_calloc(n, 4 * sizeof(double));
    if (out->y == NULL)
        return sal_fail_memory(err, "the words of a document");
    out->q = out->y + n;
    out->py = out->q + n;
    out->pq = out->py + n;
    out->n = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(prediction[i]) && (use == NULL || use[i] != 0)) {
            out->y[out->n] = y[i];
            out->q[out->n++] = prediction[i];
        }
    return SAL_OK;
}

int probe_score_spearman(const double *y, const double *prediction, const unsigned char *use,
                         size_t n, double *rho, sal_error *err) {
    words w = {0};
    int status = take_words(y, prediction, use, n, &w, err);
    if (status == SAL_OK)
        status = sal_stats_spearman(w.y, w.q, w.n, rho, err);
    sal_free(w.y);
    return status;
}

static int score_ndcg(const words *w, double *ndcg, sal_error *err) {
    sal_stats_ranking ranking = {0}, ideal = {0};
    int status = sal_stats_rank_scores(w->q, w->n, &ranking, err);
    if (status == SAL_OK)
        status = sal_stats_rank_scores(w->y, w->n, &ideal, err);
    if (status == SAL_OK)
        *ndcg = sal_stats_ndcg(&ranking, &ideal, w->y, 10);
    sal_stats_ranking_free(&ranking);
    sal_stats_ranking_free(&ideal);
    return status;
}

int probe_score(const double *y, const double *prediction, const unsigned char *use, size_t n,
                bool normalised, double scores[PROBE_METRICS], sal_error *err) {
    words w = {0};
    for (int m = 0; m < PROBE_METRICS; m++)
        scores[m] = (double)NAN;
    int status = take_words(y, prediction, use, n, &w, err);
    if (status != SAL_OK || w.n < 2) {
        sal_free(w.y);
        return status;
    }
    status = sal_stats_spearman(w.y, w.q, w.n, &scores[PROBE_SPEARMAN], err);
    if (status == SAL_OK)
        status = score_ndcg(&w, &scores[PROBE_NDCG_10], err);
    scores[PROBE_PEARSON] = sal_stats_pearson(w.y, w.q, w.n);
    sal_stats_normalise(w.y, w.n, w.py);
    scores[PROBE_MAE] = sal_stats_mae(normalised ? w.py : w.y, w.q, w.n);
    for (size_t i = 0; i < w.n; i++)
        w.q[i] = w.q[i] > 0 ? w.q[i] : 0;
    sal_stats_normalise(w.q, w.n, w.pq);
    scores[PROBE_KL] = sal_stats_kl(w.py, w.pq, w.n);
    scores[PROBE_RENYI_2] = sal_stats_renyi(w.py, w.pq, w.n, 2, 1);
    sal_free(w.y);
    return status;
}

/* ---- means -------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean over drawn seeds of one document; NaN: undefined for all of them. */
static double of_document(const double *values, size_t documents, size_t document,
                          const size_t *seeds, size_t count) {
    double sum = 0, n = 0;
    for (size_t s = 0; s < count; s++) {
        const double value = values[seeds[s] * documents + document];
        if (!isnan(value)) {
            sum += value;
            n++;
        }
    }
    return n > 0 ? sum / n : (double)NAN;
}

/* One draw: seeds anew, then so many documents anew among those that are defined. */
static double draw_mean(const double *values, size_t seeds, size_t documents, const size_t *defined,
                        size_t count, size_t taken, sal_random *random, size_t *drawn) {
    double sum = 0, n = 0;
    for (size_t s = 0; s < seeds; s++)
        drawn[s] = seeds > 1 ? sal_random_below(random, seeds) : 0;
    for (size_t i = 0; i < taken; i++) {
        const size_t d = defined[sal_random_below(random, count)];
        const double value = of_document(values, documents, d, drawn, seeds);
        if (!isnan(value)) {
            sum += value;
            n++;
        }
    }
    return n > 0 ? sum / n : (double)NAN;
}

static void draw_interval(const double *values, size_t seeds, size_t documents,
                          const size_t *defined, double spread, uint64_t seed, size_t *drawn,
                          double *means, probe_mean *mean) {
    sal_random random;
    size_t count = 0, taken = (size_t)((double)mean->defined / spread);
    sal_random_seed(&random, seed);
    if (taken == 0)
        taken = 1;
    for (size_t i = 0; i < SAL_STATS_DRAWS; i++) {
        const double value =
            draw_mean(values, seeds, documents, defined, mean->defined, taken, &random, drawn);
        if (!isnan(value))
            means[count++] = value;
    }
    if (count == 0)
        return;
    qsort(means, count, sizeof *means, ascending);
    mean->low = sal_stats_quantile(means, count, .025);
    mean->high = sal_stats_quantile(means, count, .975);
}

int probe_mean_of(const double *values, size_t seeds, size_t documents, double spread,
                  uint64_t seed, probe_mean *mean, sal_error *err) {
    double sum = 0;
    size_t *defined = sal_calloc(documents + 2 * seeds, sizeof *defined);
    double *means = sal_calloc(SAL_STATS_DRAWS, sizeof *means);
    *mean = (probe_mean){(double)NAN, (double)NAN, (double)NAN, 0, 0};
    if (defined == NULL || means == NULL) {
        sal_free(defined);
        sal_free(means);
        return sal_fail_memory(err, "a bootstrap");
    }
    size_t *all = defined + documents, *drawn = all + seeds;
    for (size_t s = 0; s < seeds; s++)
        all[s] = s;
    for (size_t d = 0; d < documents; d++) {
        const double value = of_document(values, documents, d, all, seeds);
        if (isnan(value)) {
            mean->undefined++;
            continue;
        }
        sum += value;
        defined[mean->defined++] = d;
    }
    if (mean->defined > 0)
        mean->value = sum / (double)mean->defined;
    if (mean->defined >= SAL_STATS_MINIMUM_UNITS)
        draw_interval(values, seeds, documents, defined, spread, seed, drawn, means, mean);
    sal_free(defined);
    sal_free(means);
    return SAL_OK;
}
