/* Percentile bootstrap over units (Efron 1979). Seeded: the same values in the same order give the same interval. */
#include <math.h>
#include <stdlib.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "stats/stats.h"

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

double sal_stats_quantile(const double *sorted, size_t n, double probability) {
    double place = probability * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static void draw_means(const double *values, size_t n, uint64_t seed, double *means) {
    sal_random random;
    sal_random_seed(&random, seed);
    for (size_t draw = 0; draw < SAL_STATS_DRAWS; draw++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += values[sal_random_below(&random, n)];
        means[draw] = sum / (double)n;
    }
    qsort(means, SAL_STATS_DRAWS, sizeof *means, compare);
}

int sal_stats_bootstrap_mean(const double *values, size_t n, uint64_t seed, sal_stats_mean *mean,
                             sal_error *err) {
    *mean = (sal_stats_mean){NAN, NAN, NAN, 0, 0};
    double *work = sal_calloc(n + SAL_STATS_DRAWS, sizeof *work); /* defined values, then means */
    if (work == NULL)
        return sal_fail_memory(err, "a bootstrap");
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) {
            mean->undefined++;
            continue;
        }
        sum += values[i];
        work[mean->defined++] = values[i];
    }
    if (mean->defined > 0)
        mean->value = sum / (double)mean->defined;
    if (mean->defined >= SAL_STATS_MINIMUM_UNITS) {
        draw_means(work, mean->defined, seed, work + n);
        mean->low = sal_stats_quantile(work + n, SAL_STATS_DRAWS, 0.025);
        mean->high = sal_stats_quantile(work + n, SAL_STATS_DRAWS, 0.975);
    }
    sal_free(work);
    return SAL_OK;
}
