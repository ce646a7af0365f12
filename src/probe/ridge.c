/* Ridge regression from moments. Matrix products by CBLAS; the factorisation goes block by block so that nearly all of it is products. */
#include "probe/ridge.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "salient/memory.h"

const double ridge_penalties[RIDGE_PENALTIES] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7};

/* ---- moments ------------------------------------------------------------------------------------------------ */

void ridge_moments_free(ridge_moments *moments) {
    sal_free(moments->x);
    sal_free(moments->xx);
    sal_free(moments->y);
    sal_free(moments->yy);
    sal_free(moments->xy);
    *moments = (ridge_moments){0};
}

int ridge_moments_open(size_t F, size_t R, ridge_moments *moments, sal_error *err) {
    *moments = (ridge_moments){.F = F, .R = R};
    moments->x = sal_calloc(F, sizeof(double));
    moments->xx = sal_calloc(F, F * sizeof(double));
    moments->y = sal_calloc(R, sizeof(double));
    moments->yy = sal_calloc(R, sizeof(double));
    moments->xy = sal_calloc(F, R * sizeof(double));
    if (moments->x != NULL && moments->xx != NULL && moments->y != NULL && moments->yy != NULL &&
        moments->xy != NULL)
        return SAL_OK;
    ridge_moments_free(moments);
    return sal_fail_memory(err, "the sums of a probe");
}

void ridge_moments_add(ridge_moments *m, const double *x, const double *y, size_t rows) {
    const size_t F = m->F, R = m->R;
    if (rows == 0)
        return;
    m->n += (double)rows;
    for (size_t i = 0; i < rows; i++) {
        for (size_t f = 0; f < F; f++)
            m->x[f] += x[i * F + f];
        for (size_t r = 0; r < R; r++) {
            m->y[r] += y[i * R + r];
            m->yy[r] += y[i * R + r] * y[i * R + r];
        }
    }
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)F, (blasint)rows, 1, x, (blasint)F,
                1, m->xx, (blasint)F);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)F, (blasint)R, (blasint)rows, 1,
                x, (blasint)F, y, (blasint)R, 1, m->xy, (blasint)R);
}

void ridge_moments_merge(ridge_moments *m, const ridge_moments *other, double sign) {
    const size_t F = m->F, R = m->R;
    m->n += sign * other->n;
    cblas_daxpy((blasint)F, sign, other->x, 1, m->x, 1);
    cblas_daxpy((blasint)R, sign, other->y, 1, m->y, 1);
    cblas_daxpy((blasint)R, sign, other->yy, 1, m->yy, 1);
    cblas_daxpy((blasint)(F * R), sign, other->xy, 1, m->xy, 1);
    cblas_daxpy((blasint)(F * F), sign, other->xx, 1, m->xx, 1);
}

/* ---- factorisation ------------------------------------------------------------------------------------------ */

enum { BLOCK = 64 };

/* The unblocked factor of a small block. */
static int factor_block(double *a, size_t row, size_t n) {
    for (size_t j = 0; j < n; j++) {
        double pivot = a[j * row + j];
        for (size_t k = 0; k < j; k++)
            pivot -= a[j * row + k] * a[j * row + k];
        if (!(pivot > 0))
            return 1;
        a[j * row + j] = sqrt(pivot);
        for (size_t i = j + 1; i < n; i++) {
            double value = a[i * row + j];
            for (size_t k = 0; k < j; k++)
                value -= a[i * row + k] * a[j * row + k];
            a[i * row + j] = value / a[j * row + j];
        }
    }
    return 0;
}

int ridge_cholesky(double *matrix, size_t n) {
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t width = n - at < BLOCK ? n - at : BLOCK, below = n - at - width;
        double *corner = matrix + at * n + at, *side = corner + width * n;
        if (factor_block(corner, n, width) != 0)
            return 1;
        if (below == 0)
            break;
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (blasint)below,
                    (blasint)width, 1, corner, (blasint)n, side, (blasint)n);
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)below, (blasint)width, -1,
                    side, (blasint)n, 1, side + width, (blasint)n);
    }
    return 0;
}

/* ---- the fit ------------------------------------------------------------------------------------------------ */

void ridge_fit_free(ridge_fit *fit) {
    sal_free(fit->weights);
    sal_free(fit->bias);
    sal_free(fit->lambda);
    *fit = (ridge_fit){0};
}

int ridge_fit_open(size_t F, size_t R, ridge_fit *fit, sal_error *err) {
    *fit = (ridge_fit){.F = F, .R = R};
    fit->weights = sal_calloc(R, F * sizeof(double));
    fit->bias = sal_calloc(R, sizeof(double));
    fit->lambda = sal_calloc(R, sizeof(double));
    if (fit->weights != NULL && fit->bias != NULL && fit->lambda != NULL)
        return SAL_OK;
    ridge_fit_free(fit);
    return sal_fail_memory(err, "a probe");
}

/* What one fit works with. */
typedef struct solver {
    const ridge_moments *train, *dev;
    size_t F, R;
    double *gram;     /* [F,F] lower: standardised x'x */
    double *factor;   /* [F,F] */
    double *right;    /* [F,R]: standardised x'y */
    double *solution; /* [F,R], then un-standardised weights */
    double *scale;    /* [F] 1/deviation; 0: constant column */
    double *product;  /* [F,R]: dev xx times weights */
    double *best;     /* [R] least squared error on dev */
} solver;

static void solver_free(solver *s) {
    sal_free(s->gram);
    sal_free(s->factor);
    sal_free(s->right);
    sal_free(s->solution);
    sal_free(s->scale);
    sal_free(s->product);
    sal_free(s->best);
}

static int solver_open(solver *s, sal_error *err) {
    s->gram = sal_calloc(s->F, s->F * sizeof(double));
    s->factor = sal_calloc(s->F, s->F * sizeof(double));
    s->right = sal_calloc(s->F, s->R * sizeof(double));
    s->solution = sal_calloc(s->F, s->R * sizeof(double));
    s->product = sal_calloc(s->F, s->R * sizeof(double));
    s->scale = sal_calloc(s->F, sizeof(double));
    s->best = sal_calloc(s->R, sizeof(double));
    return s->gram != NULL && s->factor != NULL && s->right != NULL && s->solution != NULL &&
                   s->product != NULL && s->scale != NULL && s->best != NULL
               ? SAL_OK
               : sal_fail_memory(err, "a probe");
}

static void standardise(solver *s) {
    const ridge_moments *m = s->train;
    const size_t F = s->F, R = s->R;
    for (size_t f = 0; f < F; f++) {
        const double variance = m->xx[f * F + f] / m->n - (m->x[f] / m->n) * (m->x[f] / m->n);
        const double least = 1e-12 * (m->xx[f * F + f] / m->n);
        s->scale[f] = variance > least && variance > 0 ? 1 / sqrt(variance) : 0;
    }
    for (size_t f = 0; f < F; f++) {
        for (size_t g = 0; g <= f; g++)
            s->gram[f * F + g] =
                (m->xx[f * F + g] - m->x[f] * m->x[g] / m->n) * s->scale[f] * s->scale[g];
        for (size_t r = 0; r < R; r++)
            s->right[f * R + r] = (m->xy[f * R + r] - m->x[f] * m->y[r] / m->n) * s->scale[f];
    }
}

/* Solutions for all targets with one penalty, un-standardised. return 0, or 1 where the matrix is not positive definite */
static int solve_one(solver *s, double penalty) {
    const size_t F = s->F, R = s->R;
    memcpy(s->factor, s->gram, F * F * sizeof *s->factor);
    for (size_t f = 0; f < F; f++)
        s->factor[f * F + f] += penalty;
    if (ridge_cholesky(s->factor, F) != 0)
        return 1;
    memcpy(s->solution, s->right, F * R * sizeof *s->solution);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (blasint)F,
                (blasint)R, 1, s->factor, (blasint)F, s->solution, (blasint)R);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, (blasint)F,
                (blasint)R, 1, s->factor, (blasint)F, s->solution, (blasint)R);
    for (size_t f = 0; f < F; f++)
        for (size_t r = 0; r < R; r++)
            s->solution[f * R + r] *= s->scale[f];
    return 0;
}

static double bias_of(const solver *s, size_t r) {
    double sum = s->train->y[r];
    for (size_t f = 0; f < s->F; f++)
        sum -= s->solution[f * s->R + r] * s->train->x[f];
    return sum / s->train->n;
}

/* Squared error on dev of target r: sum (y - b - x w)², from sums alone. */
static double dev_error(const solver *s, size_t r, double b) {
    const ridge_moments *d = s->dev;
    double error = d->yy[r] + d->n * b * b - 2 * b * d->y[r];
    for (size_t f = 0; f < s->F; f++) {
        const double w = s->solution[f * s->R + r];
        error += w * (s->product[f * s->R + r] + 2 * b * d->x[f] - 2 * d->xy[f * s->R + r]);
    }
    return error;
}

static void keep_best(solver *s, double penalty, bool first, ridge_fit *fit) {
    const size_t F = s->F, R = s->R;
    cblas_dsymm(CblasRowMajor, CblasLeft, CblasLower, (blasint)F, (blasint)R, 1, s->dev->xx,
                (blasint)F, s->solution, (blasint)R, 0, s->product, (blasint)R);
    for (size_t r = 0; r < R; r++) {
        const double bias = bias_of(s, r), error = dev_error(s, r, bias);
        if (!first && !(error < s->best[r]))
            continue;
        s->best[r] = error;
        fit->bias[r] = bias;
        fit->lambda[r] = penalty;
        for (size_t f = 0; f < F; f++)
            fit->weights[r * F + f] = s->solution[f * R + r];
    }
}

int ridge_solve(const ridge_moments *training, const ridge_moments *development, ridge_fit *fit,
                sal_error *err) {
    solver s = {.train = training, .dev = development, .F = training->F, .R = training->R};
    bool first = true;
    if (!(training->n > 0) || !(development->n > 0))
        return sal_fail(err, SAL_EINVAL,
                        "a probe has %.0f rows to learn from and %.0f to choose by", training->n,
                        development->n);
    int status = solver_open(&s, err);
    if (status == SAL_OK) {
        standardise(&s);
        for (size_t p = 0; p < RIDGE_PENALTIES; p++) {
            if (solve_one(&s, ridge_penalties[p]) != 0)
                continue; /* rounding at a small penalty: a larger one is positive definite */
            keep_best(&s, ridge_penalties[p], first, fit);
            first = false;
        }
        if (first)
            status = sal_fail(err, SAL_EINVAL, "the states of a probe are not finite");
    }
    solver_free(&s);
    return status;
}
