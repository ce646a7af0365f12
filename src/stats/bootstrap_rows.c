/* The percentile bootstrap of bootstrap.c for many rows at once: how often each unit is drawn is counted once, and every row is a
 * product with these counts. A row with undefined units divides by the number of defined ones drawn. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "stats/resampling.h"

enum { ROWS_AT_ONCE = 16 };

typedef struct job {
    const double *values;
    const float *counts; /* [n, SAL_STATS_DRAWS] times unit i is in a draw */
    double *room;        /* [chunks, 2, SAL_STATS_DRAWS] sums and weights */
    sal_stats_mean *means;
    size_t rows;
    size_t n;
} job;

static void count_draws(size_t n, uint64_t seed, float *counts) {
    sal_random random;
    sal_random_seed(&random, seed);
    for (size_t draw = 0; draw < SAL_STATS_DRAWS; draw++)
        for (size_t i = 0; i < n; i++)
            counts[sal_random_below(&random, n) * SAL_STATS_DRAWS + draw] += 1;
}

static void add_unit(double *sums, const float *counts, double value) {
    for (size_t draw = 0; draw < SAL_STATS_DRAWS; draw++)
        sums[draw] += (double)counts[draw] * value;
}

/* Bring the k-th smallest to its place, smaller ones before it (Hoare's selection). */
static double select_at(double *values, size_t n, size_t k) {
    size_t low = 0;
    size_t high = n - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low;
        size_t j = high;
        for (;; i++, j--) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            double swap = values[i];
            values[i] = values[j];
            values[j] = swap;
        }
        /* Up to j nothing is above the pivot, behind it nothing below; low <= j < high. */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

static double quantile(double *values, size_t n, double probability) {
    double place = probability * (double)(n - 1);
    size_t below = (size_t)place;
    double first = select_at(values, n, below);
    if (below + 1 >= n)
        return first;
    return first + (place - (double)below) * (select_at(values, n, below + 1) - first);
}

static void bootstrap_row(const job *self, size_t row, double *sums, double *weights) {
    const double *values = self->values + row * self->n;
    sal_stats_mean *mean = &self->means[row];
    double sum = 0;
    size_t drawn = 0;
    *mean = (sal_stats_mean){NAN, NAN, NAN, 0, 0};
    for (size_t i = 0; i < self->n; i++) {
        bool undefined = isnan(values[i]);
        mean->undefined += undefined;
        mean->defined += !undefined;
        sum += undefined ? 0 : values[i];
    }
    if (mean->defined > 0)
        mean->value = sum / (double)mean->defined;
    if (mean->defined < SAL_STATS_MINIMUM_UNITS)
        return;
    memset(sums, 0, SAL_STATS_DRAWS * sizeof *sums);
    memset(weights, 0, SAL_STATS_DRAWS * sizeof *weights);
    for (size_t i = 0; i < self->n; i++) {
        const float *counts = self->counts + i * SAL_STATS_DRAWS;
        if (isnan(values[i]))
            continue;
        add_unit(sums, counts, values[i]);
        if (mean->undefined > 0)
            add_unit(weights, counts, 1);
    }
    for (size_t draw = 0; draw < SAL_STATS_DRAWS; draw++) {
        double weight = mean->undefined > 0 ? weights[draw] : (double)self->n;
        if (weight > 0)
            sums[drawn++] = sums[draw] / weight;
    }
    mean->low = quantile(sums, drawn, 0.025);
    mean->high = quantile(sums, drawn, 0.975);
}

static void bootstrap_chunk(void *context, size_t chunk) {
    const job *self = context;
    double *sums = self->room + chunk * 2 * SAL_STATS_DRAWS;
    size_t end = (chunk + 1) * ROWS_AT_ONCE;
    for (size_t row = chunk * ROWS_AT_ONCE; row < end && row < self->rows; row++)
        bootstrap_row(self, row, sums, sums + SAL_STATS_DRAWS);
}

int sal_stats_bootstrap_rows(const double *values, size_t rows, size_t n, uint64_t seed,
                             int threads, sal_stats_mean *means, sal_error *err) {
    size_t chunks = (rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    float *counts = sal_calloc(n, SAL_STATS_DRAWS * sizeof *counts);
    double *room = sal_calloc(chunks, 2 * SAL_STATS_DRAWS * sizeof *room);
    int status = SAL_OK;
    if (counts == NULL || room == NULL) {
        status = sal_fail_memory(err, "a bootstrap");
        goto done;
    }
    if (n >= SAL_STATS_MINIMUM_UNITS)
        count_draws(n, seed, counts);
    job self = {values, counts, room, means, rows, n};
    sal_stats_parallel(threads, chunks, bootstrap_chunk, &self);
done:
    sal_free(counts);
    sal_free(room);
    return status;
}
