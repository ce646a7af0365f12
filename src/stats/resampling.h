/** Resampling over documents: partial correlations of higher order, Fisher's z, bootstrap of many rows at once, permutation tests with
 *  the maximum over heads. Internal to the library; pure functions, seeded: the same bytes for any number of threads. */
#ifndef SALIENT_STATS_RESAMPLING_H
#define SALIENT_STATS_RESAMPLING_H

#include "stats/stats.h"

/** Call body(context, i) for i in [0, count), on at most so many threads (<= 1: in this one). body writes only what belongs to i.
 *  When a thread cannot be started, fewer do the work. */
void sal_stats_parallel(int threads, size_t count, void (*body)(void *context, size_t i),
                        void *context);

/** One step of a partial correlation: (r_xy - r_xz r_yz) / sqrt((1 - r_xz²)(1 - r_yz²)).
 *  return NaN where 1 - r_xz² or 1 - r_yz² is below 1e-12 (explained by z), or for NaN */
double sal_stats_partial_step(double r_xy, double r_xz, double r_yz);

/** Partial correlation of x and y given two variables 1 and 2, by three steps given 1 and one given 2. NaN as above. */
double sal_stats_partial_two(double r_xy, double r_x1, double r_y1, double r_x2, double r_y2,
                             double r_12);

/** Fisher's z: atanh of r with |r| clipped to 1 - 1e-6. NaN for NaN */
double sal_stats_fisher_z(double r);

/** Means over units with percentile bootstrap intervals, for many rows with the same resamples.
 *  in     values [rows, n] row-major; NaN left out and counted
 *  out    means [rows]; interval as in sal_stats_bootstrap_mean, NaN below SAL_STATS_MINIMUM_UNITS defined units
 *  errs   SAL_ENOMEM
 *  cost   O(SAL_STATS_DRAWS n rows) multiplications, 4 n SAL_STATS_DRAWS bytes */
int sal_stats_bootstrap_rows(const double *values, size_t rows, size_t n, uint64_t seed,
                             int threads, sal_stats_mean *means, sal_error *err) SAL_MUST_CHECK;

/** What is drawn under the null. */
typedef enum sal_stats_scheme {
    SAL_STATS_NEIGHBOURS, /* types in order of first position, paired with the next; each pair's y swapped with probability 1/2 */
    SAL_STATS_SHUFFLE,    /* all y of a document shuffled */
    SAL_STATS_DECILES     /* shuffled within tenths of the order */
} sal_stats_scheme;

/** A permutation test over documents, fed one document at a time; the same draws for all heads. */
typedef struct sal_stats_permutation sal_stats_permutation;

/** in     heads H; draws B
 *  errs   SAL_ENOMEM
 *  cost   8 H (B + 1) bytes */
int sal_stats_permutation_open(size_t heads, size_t draws, sal_stats_scheme scheme, uint64_t seed,
                               int threads, sal_stats_permutation **out,
                               sal_error *err) SAL_MUST_CHECK;
void sal_stats_permutation_close(sal_stats_permutation *test);

/** One document.
 *  math   Pearson of ranks x and y after both are regressed on the given ranks; Fisher's z of it is added for the observed y and
 *         for every draw
 *  in     x [H,n] ranks, a row whose first entry is NaN is undefined here; y [n] ranks; given [given_count] pointers to ranks [n];
 *         order [n]: indices of the words by first position
 *  A head, or the whole document, is left out where the correlation is undefined.
 *  errs   SAL_ENOMEM */
int sal_stats_permutation_add(sal_stats_permutation *test, const double *x, const double *y,
                              const double *const *given, size_t given_count, const size_t *order,
                              size_t n, sal_error *err) SAL_MUST_CHECK;

/** One head's result. */
typedef struct sal_stats_test {
    double statistic; /* mean of Fisher's z over the documents; NaN when no document is defined */
    size_t documents;
    double p;        /* upper tail of this head alone, (1 + #{draw >= observed}) / (B + 1) */
    double p_family; /* the same against the maximum over the family */
} sal_stats_test;

/** in     family: the first so many heads form the maximum; the others (nulls) are compared with it
 *  out    tests [H]
 *  errs   SAL_ENOMEM */
int sal_stats_permutation_finish(const sal_stats_permutation *test, size_t family,
                                 sal_stats_test *tests, sal_error *err) SAL_MUST_CHECK;

#endif
