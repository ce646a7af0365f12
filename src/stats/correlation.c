/* Pearson, Spearman, Spearman-Brown. Two passes, sums in double. A side is constant when all its values compare
 * equal: a variance of rounding errors would pass for a signal. */
#include <math.h>
#include <stdbool.h>

#include "salient/memory.h"
#include "stats/stats.h"

static bool is_constant(const double *values, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (values[i] != values[0])
            return false;
    return true;
}

static double mean_of(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

double sal_stats_pearson(const double *x, const double *y, size_t n) {
    if (n < 2 || is_constant(x, n) || is_constant(y, n))
        return NAN;
    double mean_x = mean_of(x, n);
    double mean_y = mean_of(y, n);
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - mean_x;
        double dy = y[i] - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    double r = xy / (sqrt(xx) * sqrt(yy));
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

int sal_stats_spearman(const double *x, const double *y, size_t n, double *rho, sal_error *err) {
    double *ranks = sal_calloc(n, 2 * sizeof *ranks);
    if (ranks == NULL)
        return sal_fail_memory(err, "ranks");
    int status = sal_stats_ranks(x, n, ranks, err);
    if (status == SAL_OK)
        status = sal_stats_ranks(y, n, ranks + n, err);
    if (status == SAL_OK)
        *rho = sal_stats_pearson(ranks, ranks + n, n);
    sal_free(ranks);
    return status;
}

double sal_stats_spearman_brown(double r) {
    return 2 * r / (1 + fabs(r));
}
