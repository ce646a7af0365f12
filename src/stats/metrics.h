/** Scores of a prediction against a reference over the same words (METHODS 3, Metrics), tests and corrections. Internal to the library.
 *
 *  Pure functions over arrays; undefined is NaN. p is the reference, q the prediction, both [n], finite and >= 0 where they are
 *  distributions. The constants are those of the paper's code where its numbers depend on them. */
#ifndef SALIENT_STATS_METRICS_H
#define SALIENT_STATS_METRICS_H

#include "stats/stats.h"

/** Divide by the sum; 1/n everywhere when the sum is 0.
 *  out    p [n], may be values itself */
void sal_stats_normalise(const double *values, size_t n, double *p);

/** Kendall's tau-b, (C - D) / sqrt((N - Tx)(N - Ty)) over the N pairs, by merge sort (Knight 1966).
 *  out    *tau; NaN when n < 2 or a side is constant
 *  errs   SAL_ENOMEM
 *  cost   O(n log n) */
int sal_stats_kendall(const double *x, const double *y, size_t n, double *tau,
                      sal_error *err) SAL_MUST_CHECK;

/** Two-sided p-value of a correlation from Student's t = r sqrt((n-2)/(1-r²)) with n-2 degrees of freedom.
 *  return NaN when n < 3 or r is NaN; 0 for |r| = 1 */
double sal_stats_correlation_p(double r, size_t n);

/** Upper tail of Student's t distribution. in degrees > 0. return NaN for NaN */
double sal_stats_student_upper(double t, double degrees);

/** Hypergeometric upper tail: the chance that `drawn` of `all` things, taken at random, contain `shared` or more of the `marked` ones.
 *  return NaN when drawn is 0, or drawn or marked exceed all */
double sal_stats_hypergeometric_upper(size_t all, size_t marked, size_t drawn, size_t shared);

/** First-order partial correlation (r_pq - r_pz r_qz) / sqrt((1 - r_pz²)(1 - r_qz²)).
 *  in     smallest: the product under the root at or below which it is undefined (METHODS 3, golden data: 1e-14)
 *  return NaN when undefined or when an argument is NaN */
double sal_stats_partial(double r_pq, double r_pz, double r_qz, double smallest);

/** Mean absolute error. return NaN for n = 0 */
double sal_stats_mae(const double *p, const double *q, size_t n);

/** Kullback-Leibler divergence of distributions, both clipped to [1e-10, 1] and renormalised, in nats. */
double sal_stats_kl(const double *p, const double *q, size_t n);

/** KL(p || uniform) as the paper computes it: ln n + sum P ln(P + 1e-10), P clipped and renormalised. */
double sal_stats_kl_uniform(const double *p, size_t n);

/** 1 - kl / kl_uniform; NaN when kl_uniform <= 1e-10. */
double sal_stats_kl_normalised(const double *p, const double *q, size_t n);

/** KL of p² / (sum p² + 1e-12) against q. errs SAL_ENOMEM */
int sal_stats_kl_power2(const double *p, const double *q, size_t n, double *kl,
                        sal_error *err) SAL_MUST_CHECK;

/** Rényi divergence of order alpha (> 0, not 1): ln(sum p^alpha q^(1-alpha)) / (alpha - 1).
 *  in     clipped: on the vectors clipped to [1e-10, 1] and renormalised (strict); else divided by sum + 1e-12 (paper)
 *  return NaN when it is infinite (a zero of q under mass of p) */
double sal_stats_renyi(const double *p, const double *q, size_t n, double alpha, int clipped);

/** Jensen-Shannon divergence of distributions in nats, within [0, ln 2]. */
double sal_stats_js(const double *p, const double *q, size_t n);

/** A prediction sorted once for all ranking metrics; equal scores form a group whose members share expected gains. */
typedef struct sal_stats_ranking {
    size_t n;
    size_t *order;     /* [n] indices by falling score */
    size_t *group;     /* [n] group of each rank: index of its first rank */
    size_t *group_end; /* [n] one past its last rank */
} sal_stats_ranking;

/** errs SAL_ENOMEM */
int sal_stats_rank_scores(const double *scores, size_t n, sal_stats_ranking *out,
                          sal_error *err) SAL_MUST_CHECK;
void sal_stats_ranking_free(sal_stats_ranking *ranking);

/** NDCG at k = min(k, n): gain 2^rel - 1, discount 1/log2(rank + 1), ties by expectation over their orders.
 *  in     ideal: the ranking of relevance by itself
 *  return 0 when the ideal gain is 0; NaN for n = 0 */
double sal_stats_ndcg(const sal_stats_ranking *ranking, const sal_stats_ranking *ideal,
                      const double *relevance, size_t k);

/** Expected precision and recall at k, ties by expectation.
 *  in     relevant [n] 0 or 1
 *  out    NaN when k > n; recall 0 when nothing is relevant */
void sal_stats_precision_recall(const sal_stats_ranking *ranking, const unsigned char *relevant,
                                size_t k, double *precision, double *recall);

/** relevant[i] = values[i] above the median (even n: mean of the middle two). errs SAL_ENOMEM */
int sal_stats_above_median(const double *values, size_t n, unsigned char *relevant,
                           sal_error *err) SAL_MUST_CHECK;

/** Adjusted p-values: Benjamini-Hochberg, or Benjamini-Yekutieli when dependent. NaN stays NaN and is not counted.
 *  in     p [n] in [0, 1]
 *  out    q [n], not overlapping
 *  errs   SAL_ENOMEM */
int sal_stats_adjust(const double *p, size_t n, int dependent, double *q,
                     sal_error *err) SAL_MUST_CHECK;

#endif
