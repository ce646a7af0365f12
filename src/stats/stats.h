/** Statistics: pure functions over arrays; no I/O, no globals. Internal to the library.
 *
 *  Undefined is NaN. Inputs must be finite; whoever has non-finite values counts and leaves them out first. */
#ifndef SALIENT_STATS_STATS_H
#define SALIENT_STATS_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

/** Ranks of values, ties sharing the mean of the ranks they occupy.
 *  in     values [n]
 *  out    ranks [n], 1 = smallest; the caller's buffer, not overlapping values
 *  errs   SAL_ENOMEM
 *  cost   O(n log n) */
int sal_stats_ranks(const double *values, size_t n, double *ranks, sal_error *err) SAL_MUST_CHECK;

/** Indices by falling value; equal values in the order of their indices, so that it is one order on every machine.
 *  in     values [n], no NaN
 *  out    order [n], a permutation of 0..n-1
 *  errs   SAL_ENOMEM
 *  cost   O(n log n) */
int sal_stats_order_falling(const double *values, size_t n, size_t *order,
                            sal_error *err) SAL_MUST_CHECK;

/** Pearson correlation.
 *  math   r = sum (x-mx)(y-my) / sqrt(sum (x-mx)^2 sum (y-my)^2), within [-1, 1]
 *  in     x, y [n]
 *  return NaN when n < 2 or a side is constant (all values compare equal)
 *  cost   O(n) */
double sal_stats_pearson(const double *x, const double *y, size_t n);

/** Spearman correlation: Pearson of the average ranks.
 *  out    *rho; NaN when n < 2 or a side is constant
 *  errs   SAL_ENOMEM */
int sal_stats_spearman(const double *x, const double *y, size_t n, double *rho,
                       sal_error *err) SAL_MUST_CHECK;

/** Spearman-Brown: reliability of the whole from the correlation of its halves.
 *  math   2 r / (1 + |r|)      (METHODS 2 for r >= 0; below 0 the sign-symmetric form, as 2r/(1+r) runs to -infinity)
 *  return NaN for NaN */
double sal_stats_spearman_brown(double r);

/** Mean with a percentile bootstrap interval over the units (documents). */
typedef struct sal_stats_mean {
    double value; /* NaN when no unit is defined */
    double low;   /* 95 % interval; NaN when there are fewer than SAL_STATS_MINIMUM_UNITS */
    double high;
    size_t defined;   /* units that entered */
    size_t undefined; /* NaN among the units */
} sal_stats_mean;

enum { SAL_STATS_DRAWS = 2000, SAL_STATS_MINIMUM_UNITS = 20 };

/** Mean of values [n], NaN left out and counted; interval from SAL_STATS_DRAWS resamples of the defined ones.
 *  math   quantiles .025 and .975 of the resampled means, linear between order statistics
 *  errs   SAL_ENOMEM */
int sal_stats_bootstrap_mean(const double *values, size_t n, uint64_t seed, sal_stats_mean *mean,
                             sal_error *err) SAL_MUST_CHECK;

/** Quantile of sorted values [n > 0], linear between order statistics (R's type 7). */
double sal_stats_quantile(const double *sorted, size_t n, double probability);

#endif
