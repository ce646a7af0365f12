/** Ridge regression from moments: rows are seen once, in any number of pieces, and every split and penalty follows from sums. Pure.
 *
 *  Moments of parts of the data add up, so the parts of a split (folds) are summed once each and a training set is a sum of parts. */
#ifndef SALIENT_PROBE_RIDGE_H
#define SALIENT_PROBE_RIDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "salient/error.h"

/** Sums over some rows of x - shift [F] and of targets y [R]. */
typedef struct ridge_moments {
    size_t F, R;
    double n;
    double *x;  /* [F] */
    double *xx; /* [F,F], lower triangle */
    double *y;  /* [R] */
    double *yy; /* [R] */
    double *xy; /* [F,R] */
} ridge_moments;

/** All sums 0. errs SAL_ENOMEM */
int ridge_moments_open(size_t F, size_t R, ridge_moments *moments, sal_error *err) SAL_MUST_CHECK;
void ridge_moments_free(ridge_moments *moments);
/** Add rows.
 *  in     x [rows,F], shift already taken; y [rows,R] */
void ridge_moments_add(ridge_moments *moments, const double *x, const double *y, size_t rows);
/** Add another's sums, times sign (1, -1). */
void ridge_moments_merge(ridge_moments *moments, const ridge_moments *other, double sign);

/** A fitted probe for R targets: prediction r of a row = bias[r] + sum_f weights[r,f] (x_f - shift_f). */
typedef struct ridge_fit {
    size_t F, R;
    double *weights; /* [R,F], un-standardised */
    double *bias;    /* [R] */
    double *lambda;  /* [R] chosen */
} ridge_fit;

int ridge_fit_open(size_t F, size_t R, ridge_fit *fit, sal_error *err) SAL_MUST_CHECK;
void ridge_fit_free(ridge_fit *fit);

/** Penalties that are tried. */
enum { RIDGE_PENALTIES = 8 };
extern const double ridge_penalties[RIDGE_PENALTIES];

/** Fit on training rows, each target with the penalty that has the least squared error on the development rows.
 *  math   x standardised by the training rows (population deviation; a constant column is left out), y centred;
 *         w = argmin sum (y - x w)² + lambda |w|²
 *  errs   SAL_ENOMEM; SAL_EINVAL (no training or development rows)
 *  cost   RIDGE_PENALTIES F³/3 multiplications */
int ridge_solve(const ridge_moments *training, const ridge_moments *development, ridge_fit *fit,
                sal_error *err) SAL_MUST_CHECK;

/** Lower Cholesky factor of a symmetric positive definite matrix [n,n], in place (lower triangle). return 0, or 1 when it is not positive
 *  definite */
int ridge_cholesky(double *matrix, size_t n);

#endif
