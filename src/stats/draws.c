/* The percentile bootstrap for many rows (Efron 1979): how often each unit is drawn is counted once for a block of draws, and all
 * rows are products with these counts. Work is cut into fixed blocks of draws, so sums have one order. */
#include "stats/draws.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "stats/resampling.h"

enum { LANES = 16, ROWS_AT_ONCE = 4 };

typedef struct job {
    const double *values;
    const float *counts; /* [blocks, n, LANES] times unit i is in a draw */
    double *means;
    size_t rows;
    size_t n;
    size_t draws;
    const unsigned char *holes; /* [rows] whether the row has undefined units */
} job;

/* Draws one after the other from one stream, whatever the blocks. */
static void count_draws(size_t n, size_t draws, uint64_t seed, float *counts) {
    sal_random random;
    sal_random_seed(&random, seed);
    for (size_t draw = 0; draw < draws; draw++) {
        float *block = counts + draw / LANES * n * LANES + draw % LANES;
        for (size_t i = 0; i < n; i++)
            block[sal_random_below(&random, n) * LANES] += 1;
    }
}

/* Sums of up to ROWS_AT_ONCE rows without holes over one block of draws. */
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

static void do_block(void *context, size_t block) {
    const job *self = context;
    const float *counts = self->counts + block * self->n * LANES;
    double sums[ROWS_AT_ONCE][LANES];
    double weights[LANES];
    const double *rows[ROWS_AT_ONCE];
    size_t places[ROWS_AT_ONCE];
    size_t waiting = 0;
    for (size_t row = 0; row < self->rows; row++) {
        const double *values = self->values + row * self->n;
        if (self->holes[row]) {
            add_row_with_holes(values, self->n, counts, sums[0], weights);
            store(self, row, block, sums[0], weights);
            continue;
        }
        rows[waiting] = values;
        places[waiting++] = row;
        if (waiting < ROWS_AT_ONCE)
            continue;
        add_rows(rows, self->n, counts, sums);
        for (size_t r = 0; r < waiting; r++)
            store(self, places[r], block, sums[r], NULL);
        waiting = 0;
    }
    for (size_t r = waiting; r < ROWS_AT_ONCE && waiting > 0; r++)
        rows[r] = rows[0]; /* reckoned and forgotten */
    if (waiting > 0)
        add_rows(rows, self->n, counts, sums);
    for (size_t r = 0; r < waiting; r++)
        store(self, places[r], block, sums[r], NULL);
}

int sal_stats_bootstrap_draws(const double *values, size_t rows, size_t n, size_t draws,
                              uint64_t seed, int threads, double *means, sal_error *err) {
    size_t blocks = (draws + LANES - 1) / LANES;
    float *counts = sal_calloc(n * blocks, LANES * sizeof *counts);
    unsigned char *holes = sal_calloc(rows, 1);
    if (counts == NULL || holes == NULL) {
        sal_free(counts);
        sal_free(holes);
        return sal_fail_memory(err, "a bootstrap");
    }
    if (n > 0)
        count_draws(n, draws, seed, counts);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++)
            if (isnan(values[row * n + i]))
                holes[row] = 1;
    job self = {values, counts, means, rows, n, draws, holes};
    sal_stats_parallel(threads, blocks, do_block, &self);
    sal_free(counts);
    sal_free(holes);
    return SAL_OK;
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
