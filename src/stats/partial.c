/* Partial correlations of first and second order, and Fisher's z.
 *
 * Second order is recursive (METHODS 3): all three correlations given the first variable, then one more step. Where a side is
 * explained by what is held constant the correlation is undefined: 0/0 there, and rounding would decide its sign. */
#include <math.h>

#include "stats/resampling.h"

double sal_stats_partial_step(double r_xy, double r_xz, double r_yz) {
    const double smallest = 1e-12;
    double left_x = 1 - r_xz * r_xz;
    double left_y = 1 - r_yz * r_yz;
    if (!(left_x >= smallest) || !(left_y >= smallest) || isnan(r_xy))
        return NAN;
    return fmax(-1, fmin(1, (r_xy - r_xz * r_yz) / sqrt(left_x * left_y)));
}

double sal_stats_partial_two(double r_xy, double r_x1, double r_y1, double r_x2, double r_y2,
                             double r_12) {
    return sal_stats_partial_step(sal_stats_partial_step(r_xy, r_x1, r_y1),
                                  sal_stats_partial_step(r_x2, r_x1, r_12),
                                  sal_stats_partial_step(r_y2, r_y1, r_12));
}

double sal_stats_fisher_z(double r) {
    const double largest = 1 - 1e-6;
    return isnan(r) ? NAN : atanh(fmax(-largest, fmin(largest, r)));
}
