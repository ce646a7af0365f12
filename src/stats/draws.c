/* The percentile bootstrap for many rows (Efron 1979): how often each unit is drawn is counted once for a block of draws, and all
 * rows are products with these counts. Every draw has a seed of its own and work is cut into fixed blocks of draws, so that memory is
 * bounded by a block and the result is the same for any number of threads. */
#include "stats/draws.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "stats/resampling.h"

enum { LANES = 16, ROWS_AT_ONCE = 4 };

typedef struct job {
    const double *values;
    double *means;
    size_t rows;
    size_t n;
    size_t draws;
    uint64_t seed;
    const unsigned char *holes; /* [rows] whether the row has undefined units */
    atomic_int out_of_memory;
} job;

uint64_t sal_stats_draw_seed(uint64_t seed, size_t draw) {
    return seed ^ ((uint64_t)draw + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* counts [n, LANES], zeros on entry */
static void count_draws(const job *self, size_t block, float *counts) {
    for (size_t lane = 0; lane < LANES; lane++) {
        sal_random random;
        sal_random_seed(&random, sal_stats_draw_seed(self->seed, block * LANES + lane));
        for (size_t i = 0; i < self->n; i++)
            counts[sal_random_below(&random, self->n) * LANES + lane] += 1;
    }
}

/* Sums of ROWS_AT_ONCE rows without holes over one block of draws. */
static void add_rows(const double *const rows[ROWS_AT_ONCE], size_t n, const float *counts,
                     double sums[ROWS_AT_ONCE][LANES]) {
    memset(sums, 0, ROWS_AT_ONCE * LANES * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double times[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            times[lane] = (double)counts[i * LANES + lane];
        for (size_t r = 0; r < ROWS_AT_ONCE; r++)
            for (size_t lane = 0; lane < LANES; lane++)
                sums[r][lane] += times[lane] * rows[r][i];
    }
}

static void add_row_with_holes(const double *row, size_t n, const float *counts, double sums[LANES],
                               double weights[LANES]) {
    for (size_t lane = 0; lane < LANES; lane++)
        sums[lane] = weights[lane] = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(row[i]))
            continue;
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += (double)counts[i * LANES + lane] * row[i];
            weights[lane] += (double)counts[i * LANES + lane];
        }
    }
}

static void store(const job *self, size_t row, size_t block, const double sums[LANES],
                  const double *weights) {
    for (size_t lane = 0; lane < LANES && block * LANES + lane < self->draws; lane++) {
        double weight = weights != NULL ? weights[lane] : (double)self->n;
        self->means[row * self->draws + block * LANES + lane] =
            weight > 0 ? sums[lane] / weight : NAN;
    }
}

static void add_waiting(const job *self, const size_t *places, size_t waiting, size_t block,
                        const float *counts) {
    const double *rows[ROWS_AT_ONCE];
    double sums[ROWS_AT_ONCE][LANES];
    for (size_t r = 0; r < ROWS_AT_ONCE; r++) /* the last ones twice when fewer wait */
        rows[r] = self->values + places[r < waiting ? r : 0] * self->n;
    add_rows(rows, self->n, counts, sums);
    for (size_t r = 0; r < waiting; r++)
        store(self, places[r], block, sums[r], NULL);
}

static void do_block(void *context, size_t block) {
    job *self = context;
    float *counts = sal_calloc(self->n, LANES * sizeof *counts);
    double sums[LANES];
    double weights[LANES];
    size_t places[ROWS_AT_ONCE];
    size_t waiting = 0;
    if (counts == NULL) {
        atomic_store(&self->out_of_memory, 1);
        return;
    }
    count_draws(self, block, counts);
    for (size_t row = 0; row < self->rows; row++) {
        if (self->holes[row]) {
            add_row_with_holes(self->values + row * self->n, self->n, counts, sums, weights);
            store(self, row, block, sums, weights);
            continue;
        }
        places[waiting++] = row;
        if (waiting == ROWS_AT_ONCE) {
            add_waiting(self, places, waiting, block, counts);
            waiting = 0;
        }
    }
    if (waiting > 0)
        add_waiting(self, places, waiting, block, counts);
    sal_free(counts);
}

int sal_stats_bootstrap_draws(const double *values, size_t rows, size_t n, size_t draws,
                              uint64_t seed, int threads, double *means, sal_error *err) {
    unsigned char *holes = sal_calloc(rows, 1);
    if (holes == NULL)
        return sal_fail_memory(err, "a bootstrap");
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++)
            if (isnan(values[row * n + i]))
                holes[row] = 1;
    job self = {
        .values = values, .means = means, .rows = rows, .n = n, .draws = draws, .seed = seed};
    self.holes = holes;
    atomic_init(&self.out_of_memory, 0);
    sal_stats_parallel(threads, (draws + LANES - 1) / LANES, do_block, &self);
    sal_free(holes);
    return atomic_load(&self.out_of_memory) ? sal_fail_memory(err, "a bootstrap") : SAL_OK;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

sal_stats_mean sal_stats_mean_of_draws(const double *row, size_t n, double *draws, size_t count) {
    sal_stats_mean mean = {NAN, NAN, NAN, 0, 0};
    double sum = 0;
    size_t defined = 0;
    for (size_t i = 0; i < n; i++) {
        mean.defined += isnan(row[i]) ? 0 : 1;
        mean.undefined += isnan(row[i]) ? 1 : 0;
        sum += isnan(row[i]) ? 0 : row[i];
    }
    if (mean.defined > 0)
        mean.value = sum / (double)mean.defined;
    for (size_t i = 0; i < count; i++)
        if (!isnan(draws[i]))
            draws[defined++] = draws[i];
    if (mean.defined < SAL_STATS_MINIMUM_UNITS || defined == 0)
        return mean;
    qsort(draws, defined, sizeof *draws, compare);
    mean.low = sal_stats_quantile(draws, defined, 0.025);
    mean.high = sal_stats_quantile(draws, defined, 0.975);
    return mean;
}
