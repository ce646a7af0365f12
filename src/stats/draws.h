/** Resampled means of many rows at once. Internal to the library. */
#ifndef SALIENT_STATS_DRAWS_H
#define SALIENT_STATS_DRAWS_H

#include "stats/stats.h"

/** Means of each row over resampled units, the same resamples for all rows: what intervals and the support of trees are made from.
 *  in     values [rows,n] row-major; NaN left out of a mean
 *  out    means [rows,draws]; NaN where a draw has no defined unit
 *  errs   SAL_ENOMEM
 *  cost   O(rows n draws) multiplications; the same bytes for any number of threads */
int sal_stats_bootstrap_draws(const double *values, size_t rows, size_t n, size_t draws,
                              uint64_t seed, int threads, double *means,
                              sal_error *err) SAL_MUST_CHECK;

/** Seed of one draw: what the units of draw number `draw` are drawn with, one sal_random_below(n) after the other. */
uint64_t sal_stats_draw_seed(uint64_t seed, size_t draw);

/** Mean of a row and its percentile interval from the row's draws, as sal_stats_bootstrap_mean.
 *  in     draws [count], sorted on return */
sal_stats_mean sal_stats_mean_of_draws(const double *row, size_t n, double *draws, size_t count);

#endif
