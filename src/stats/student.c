/* Student's t distribution through the regularised incomplete beta function, by Lentz's continued fraction (Abramowitz and Stegun
 * 26.5.8). Relative accuracy near 1e-14 also far out in the tail, where a complement would lose all digits. */

#include <math.h>

#include "stats/metrics.h"

/* The continued fraction of I_x(a, b), for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[2] = {even, odd};
        double step = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            c = 1 + terms[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = d * c;
            value *= step;
        }
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return value;
}

/* I_x(a, b), given x and 1 - x so that neither is rounded away. */
static double incomplete_beta(double a, double b, double x, double complement) {
    if (x <= 0)
        return 0;
    if (complement <= 0)
        return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(complement));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, complement) / b;
}

double sal_stats_student_upper(double t, double degrees) {
    if (isnan(t) || !(degrees > 0))
        return NAN;
    double square = t * t;
    double x = isinf(square) ? 0 : degrees / (degrees + square);
    double complement = isinf(square) ? 1 : square / (degrees + square);
    double tail = 0.5 * incomplete_beta(degrees / 2, 0.5, x, complement);
    return t >= 0 ? tail : 1 - tail;
}

double sal_stats_correlation_p(double r, size_t n) {
    if (isnan(r) || n < 3)
        return NAN;
    if (fabs(r) >= 1)
        return 0;
    double degrees = (double)(n - 2);
    /* x = degrees / (degrees + t²) is 1 - r² without the detour over t. */
    return incomplete_beta(degrees / 2, 0.5, (1 - r) * (1 + r), r * r);
}

double sal_stats_partial(double r_pq, double r_pz, double r_qz, double smallest) {
    double product = (1 - r_pz * r_pz) * (1 - r_qz * r_qz);
    if (!(product > smallest))
        return NAN;
    return fmax(-1, fmin(1, (r_pq - r_pz * r_qz) / sqrt(product)));
}
