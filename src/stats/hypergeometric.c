/* The upper tail of the hypergeometric distribution: the first term from logarithms of factorials, the others each from the one before.
 * All are positive, so nothing cancels; what underflows is below 1e-300 and adds nothing. */
#include <math.h>

#include "stats/metrics.h"

static double log_choose(double n, double k) {
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double sal_stats_hypergeometric_upper(size_t all, size_t marked, size_t drawn, size_t shared) {
    if (marked > all || drawn > all || drawn == 0)
        return NAN;
    const double N = (double)all, K = (double)marked, n = (double)drawn;
    const size_t least = marked + drawn > all ? marked + drawn - all : 0;
    const size_t most = marked < drawn ? marked : drawn;
    if (shared <= least)
        return 1;
    if (shared > most)
        return 0;
    double k = (double)shared;
    double term = exp(log_choose(K, k) + log_choose(N - K, n - k) - log_choose(N, n));
    double sum = term;
    for (; k < (double)most; k++) {
        term *= (K - k) * (n - k) / ((k + 1) * (N - K - n + k + 1));
        sum += term;
    }
    return sum < 1 ? sum : 1;
}
