/* Divergences between a reference p and a prediction q over n words, in nats.
 *
 * The clipped forms follow the paper's code, constants included (golden/README): clip to [1e-10, 1], renormalise. Sums run in
 * index order in double. Edge cases: zero mass gives the uniform distribution (sal_stats_normalise); n = 0 gives NaN. */

#include <math.h>

#include "salient/memory.h"
#include "stats/metrics.h"

static const double floor_probability = 1e-10;
static const double guard = 1e-12;

static double sum_of(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

void sal_stats_normalise(const double *values, size_t n, double *p) {
    double sum = sum_of(values, n);
    for (size_t i = 0; i < n; i++)
        p[i] = sum > 0 ? values[i] / sum : 1 / (double)n;
}

static double clip(double value) {
    return value < floor_probability ? floor_probability : value > 1 ? 1 : value;
}

static double clipped_sum(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += clip(values[i]);
    return sum;
}

double sal_stats_mae(const double *p, const double *q, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(p[i] - q[i]);
    return n == 0 ? NAN : sum / (double)n;
}

double sal_stats_kl(const double *p, const double *q, size_t n) {
    double sum_p = clipped_sum(p, n);
    double sum_q = clipped_sum(q, n);
    double kl = 0;
    for (size_t i = 0; i < n; i++) {
        double a = clip(p[i]) / sum_p;
        kl += a * log(a / (clip(q[i]) / sum_q));
    }
    return n == 0 ? NAN : kl;
}

double sal_stats_kl_uniform(const double *p, size_t n) {
    double sum = clipped_sum(p, n);
    double entropy = 0;
    for (size_t i = 0; i < n; i++) {
        double a = clip(p[i]) / sum;
        entropy += a * log(a + floor_probability);
    }
    return n == 0 ? NAN : log((double)n) + entropy;
}

double sal_stats_kl_normalised(const double *p, const double *q, size_t n) {
    double uniform = sal_stats_kl_uniform(p, n);
    return uniform > floor_probability ? 1 - sal_stats_kl(p, q, n) / uniform : NAN;
}

int sal_stats_kl_power2(const double *p, const double *q, size_t n, double *kl, sal_error *err) {
    double *squares = sal_calloc(n, sizeof *squares);
    if (squares == NULL)
        return sal_fail_memory(err, "a distribution");
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i] * p[i];
    for (size_t i = 0; i < n; i++)
        squares[i] = p[i] * p[i] / (sum + guard);
    *kl = sal_stats_kl(squares, q, n);
    sal_free(squares);
    return SAL_OK;
}

double sal_stats_renyi(const double *p, const double *q, size_t n, double alpha, int clipped) {
    if (n == 0)
        return NAN;
    double sum_p = clipped ? clipped_sum(p, n) : sum_of(p, n) + guard;
    double sum_q = clipped ? clipped_sum(q, n) : sum_of(q, n) + guard;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double a = (clipped ? clip(p[i]) : p[i]) / sum_p;
        double b = (clipped ? clip(q[i]) : q[i]) / sum_q;
        if (a > 0)
            sum += pow(a, alpha) * pow(b, 1 - alpha);
    }
    return sum > 0 && isfinite(sum) ? log(sum) / (alpha - 1) : NAN;
}

double sal_stats_js(const double *p, const double *q, size_t n) {
    double js = 0;
    for (size_t i = 0; i < n; i++) {
        double middle = (p[i] + q[i]) / 2;
        if (p[i] > 0)
            js += 0.5 * p[i] * log(p[i] / middle);
        if (q[i] > 0)
            js += 0.5 * q[i] * log(q[i] / middle);
    }
    return n == 0 ? NAN : js;
}
