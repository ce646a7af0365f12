/* Permutation tests of many heads over documents, with the maximum over heads (Westfall and Young's single step).
 *
 * Residuals in place of formulas: the partial correlation of ranks x and y given z is the Pearson correlation of what is left of both
 * after regression on (1, z). The residuals of a document's heads are made once, with norm 1; a draw y* then needs its products with
 * them, and its own residual's norm, which is |y*|² less its squared products with an orthonormal basis of (1, z). So all draws of a
 * document are one matrix product of [heads + basis, words] with [words, draws]. Draw 0 is the observed y.
 *
 * The null (METHODS 3): a head that follows position alone still correlates with a y that follows position. Neighbours in order of
 * first position have nearly the same position, so swapping their y keeps what position explains and breaks the rest; shuffling
 * everything, or within deciles, does not.
 *
 * Draws come in fixed chunks with a stream of random numbers each, derived from seed, document and chunk: threads share chunks. */
#include "stats/resampling.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/random.h"

enum { CHUNK = 64, ROWS = 4, COLUMNS = 16, BASIS_AT_MOST = 8, DECILES = 10 };

static const double smallest_share =
    1e-12; /* of variance left, below which a correlation is undefined */

struct sal_stats_permutation {
    size_t heads;
    size_t columns; /* draws + 1, a multiple of CHUNK */
    size_t draws;
    sal_stats_scheme scheme;
    uint64_t seed;
    int threads;
    size_t fed;        /* documents so far */
    double *sums;      /* [heads, columns] of Fisher's z */
    size_t *documents; /* [heads] that are defined */
};

int sal_stats_permutation_open(size_t heads, size_t draws, sal_stats_scheme scheme, uint64_t seed,
                               int threads, sal_stats_permutation **out, sal_error *err) {
    sal_stats_permutation *test = sal_calloc(1, sizeof *test);
    if (test == NULL)
        return sal_fail_memory(err, "a permutation test");
    *test = (sal_stats_permutation){.heads = heads,
                                    .columns = (draws + CHUNK) / CHUNK * CHUNK,
                                    .draws = draws,
                                    .scheme = scheme,
                                    .seed = seed,
                                    .threads = threads};
    test->documents = sal_calloc(heads, sizeof *test->documents);
    if (heads <= SIZE_MAX / sizeof(double) / test->columns)
        test->sums = sal_calloc(heads * test->columns, sizeof *test->sums);
    if (test->documents == NULL || test->sums == NULL) {
        sal_stats_permutation_close(test);
        return sal_fail_memory(err, "a permutation test");
    }
    *out = test;
    return SAL_OK;
}

void sal_stats_permutation_close(sal_stats_permutation *test) {
    if (test == NULL)
        return;
    sal_free(test->sums);
    sal_free(test->documents);
    sal_free(test);
}

/* ---- residuals ---------------------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Replace a vector by what the basis [count, n] leaves of it; twice, as once loses digits. */
static void leave_residual(const double *basis, size_t count, double *vector, size_t n) {
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < count; k++) {
            const double *axis = basis + k * n;
            double along = dot(axis, vector, n);
            for (size_t i = 0; i < n; i++)
                vector[i] -= along * axis[i];
        }
}

/* Bring to norm 1. return false when less than the smallest share of the variance around the mean is left */
static bool make_unit(double *residual, double variance, size_t n) {
    double left = dot(residual, residual, n);
    if (!(left >= smallest_share * variance) || !(left > 0))
        return false;
    double norm = sqrt(left);
    for (size_t i = 0; i < n; i++)
        residual[i] /= norm;
    return true;
}

/* Sum of squares around the mean. */
static double spread(const double *values, size_t n) {
    double mean = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sum;
}

/* Orthonormal basis of (1, given). return false when a variable is explained by those before it */
static bool make_basis(const double *const *given, size_t given_count, size_t n, double *basis) {
    for (size_t i = 0; i < n; i++)
        basis[i] = 1 / sqrt((double)n);
    for (size_t k = 0; k < given_count; k++) {
        double *axis = basis + (k + 1) * n;
        memcpy(axis, given[k], n * sizeof *axis);
        leave_residual(basis, k + 1, axis, n);
        if (!make_unit(axis, spread(given[k], n), n))
            return false;
    }
    return true;
}

/* ---- draws -------------------------------------------------------------------------------------------------- */

/* One document as all chunks see it. rows = heads, then the basis, then nothing up to a multiple of ROWS. */
typedef struct document {
    sal_stats_permutation *test;
    const double *y;
    const size_t *order;
    double *rows;  /* [row_count, n] unit residuals of the heads (0: undefined), basis */
    bool *defined; /* [heads] */
    size_t row_count;
    size_t basis_count;
    size_t n;
    double square; /* sum of y² */
    double spread; /* of y around its mean */
    double *room;  /* [chunks, n CHUNK] draws, then [row_count, CHUNK] products */
    size_t room_size;
} document;

static void copy_observed(const document *d, double *drawn) {
    for (size_t w = 0; w < d->n; w++)
        for (size_t b = 0; b < CHUNK; b++)
            drawn[w * CHUNK + b] = d->y[w];
}

/* drawn holds y in every column; 64 swaps of a pair come from the 64 bits of one number. */
static void swap_neighbours(const document *d, sal_random *random, size_t first, double *drawn) {
    _Static_assert(CHUNK == 64, "a random number has a bit for each draw of a chunk");
    for (size_t i = 0; i + 1 < d->n; i += 2) {
        double *left = drawn + d->order[i] * CHUNK;
        double *right = drawn + d->order[i + 1] * CHUNK;
        uint64_t bits = sal_random_next(random);
        for (size_t b = first; b < CHUNK; b++)
            if (bits >> b & 1) {
                double swap = left[b];
                left[b] = right[b];
                right[b] = swap;
            }
    }
}

/* Shuffle within [groups] equal stretches of the order. */
static void shuffle_groups(const document *d, sal_random *random, size_t first, size_t groups,
                           double *drawn) {
    for (size_t b = first; b < CHUNK; b++)
        for (size_t g = 0; g < groups; g++) {
            size_t start = d->n * g / groups;
            size_t count = d->n * (g + 1) / groups - start;
            for (size_t i = count; i > 1; i--) {
                size_t j = (size_t)sal_random_below(random, i);
                double *last = drawn + d->order[start + i - 1] * CHUNK + b;
                double *other = drawn + d->order[start + j] * CHUNK + b;
                double swap = *last;
                *last = *other;
                *other = swap;
            }
        }
}

static void draw_chunk(const document *d, size_t chunk, double *drawn) {
    sal_random random;
    size_t first = chunk == 0 ? 1 : 0; /* draw 0 stays as observed */
    uint64_t stream = (uint64_t)d->test->fed << 32 | (uint64_t)chunk;
    sal_random_seed(&random, d->test->seed ^ (stream + 1) * 0x9E3779B97F4A7C15u);
    copy_observed(d, drawn);
    if (d->test->scheme == SAL_STATS_NEIGHBOURS)
        swap_neighbours(d, &random, first, drawn);
    else
        shuffle_groups(d, &random, first, d->test->scheme == SAL_STATS_SHUFFLE ? 1 : DECILES,
                       drawn);
}

/* ---- products ----------------------------------------------------------------------------------------------- */

/* ROWS rows [n] times COLUMNS columns of drawn. The sums run over words in order, whatever the vector width: the same bytes
 * everywhere. */
static inline __attribute__((always_inline)) void multiply(const double *rows, const double *drawn,
                                                           size_t n, double *products) {
    double sums[ROWS][COLUMNS] = {{0}};
    for (size_t w = 0; w < n; w++)
        for (size_t r = 0; r < ROWS; r++) {
            const double factor = rows[r * n + w];
            for (size_t c = 0; c < COLUMNS; c++)
                sums[r][c] += factor * drawn[w * CHUNK + c];
        }
    for (size_t r = 0; r < ROWS; r++)
        memcpy(products + r * CHUNK, sums[r], sizeof sums[r]);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static void multiply_avx2(const double *rows, const double *drawn,
                                                          size_t n, double *products) {
    multiply(rows, drawn, n, products);
}
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2");
}
#else
#define multiply_avx2 multiply
static bool has_avx2(void) {
    return false;
}
#endif

static void multiply_all(const document *d, const double *drawn, double *products) {
    const bool wide = has_avx2();
    for (size_t r = 0; r < d->row_count; r += ROWS)
        for (size_t c = 0; c < CHUNK; c += COLUMNS) {
            const double *rows = d->rows + r * d->n;
            double *out = products + r * CHUNK + c;
            if (wide)
                multiply_avx2(rows, drawn + c, d->n, out);
            else
                multiply(rows, drawn + c, d->n, out);
        }
}

/* 1 / norm of what the basis leaves of each draw; 0 where nothing is left (its correlations count as 0). */
static void invert_norms(const document *d, const double *products, double inverse[CHUNK]) {
    const double *basis = products + d->test->heads * CHUNK;
    for (size_t b = 0; b < CHUNK; b++) {
        double left = d->square;
        for (size_t k = 0; k < d->basis_count; k++)
            left -= basis[k * CHUNK + b] * basis[k * CHUNK + b];
        inverse[b] = left > smallest_share * d->spread ? 1 / sqrt(left) : 0;
    }
}

static void run_chunk(void *context, size_t chunk) {
    const document *d = context;
    sal_stats_permutation *test = d->test;
    double *drawn = d->room + chunk * d->room_size;
    double *products = drawn + d->n * CHUNK;
    double inverse[CHUNK];
    draw_chunk(d, chunk, drawn);
    multiply_all(d, drawn, products);
    invert_norms(d, products, inverse);
    for (size_t h = 0; h < test->heads; h++) {
        double *sums = test->sums + h * test->columns + chunk * CHUNK;
        for (size_t b = 0; d->defined[h] && b < CHUNK; b++)
            sums[b] += sal_stats_fisher_z(products[h * CHUNK + b] * inverse[b]);
    }
}

/* ---- one document ------------------------------------------------------------------------------------------- */

static void fill_heads(document *d, const double *x) {
    const double *basis = d->rows + d->test->heads * d->n;
    for (size_t h = 0; h < d->test->heads; h++) {
        double *row = d->rows + h * d->n;
        if (isnan(x[h * d->n]))
            continue;
        memcpy(row, x + h * d->n, d->n * sizeof *row);
        double variance = spread(row, d->n);
        leave_residual(basis, d->basis_count, row, d->n);
        d->defined[h] = make_unit(row, variance, d->n);
        if (!d->defined[h])
            memset(row, 0, d->n * sizeof *row);
    }
}

static bool is_left(const document *d, double *room) {
    memcpy(room, d->y, d->n * sizeof *room);
    leave_residual(d->rows + d->test->heads * d->n, d->basis_count, room, d->n);
    return make_unit(room, d->spread, d->n);
}

int sal_stats_permutation_add(sal_stats_permutation *test, const double *x, const double *y,
                              const double *const *given, size_t given_count, const size_t *order,
                              size_t n, sal_error *err) {
    const size_t chunks = test->columns / CHUNK;
    document d = {.test = test, .y = y, .order = order, .n = n, .basis_count = given_count + 1};
    int status = SAL_OK;
    if (n < 3 || given_count + 1 > BASIS_AT_MOST)
        return SAL_OK;
    d.row_count = (test->heads + d.basis_count + ROWS - 1) / ROWS * ROWS;
    d.room_size = (n + d.row_count) * CHUNK;
    d.rows = sal_calloc(d.row_count * n, sizeof *d.rows);
    d.defined = sal_calloc(test->heads, sizeof *d.defined);
    d.room = sal_calloc(chunks * d.room_size, sizeof *d.room);
    if (d.rows == NULL || d.defined == NULL || d.room == NULL) {
        status = sal_fail_memory(err, "the draws of a document");
        goto done;
    }
    d.square = dot(y, y, n);
    d.spread = spread(y, n);
    test->fed++;
    if (!make_basis(given, given_count, n, d.rows + test->heads * n) || !is_left(&d, d.room))
        goto done;
    fill_heads(&d, x);
    sal_stats_parallel(test->threads, chunks, run_chunk, &d);
    for (size_t h = 0; h < test->heads; h++)
        test->documents[h] += d.defined[h];
done:
    sal_free(d.rows);
    sal_free(d.defined);
    sal_free(d.room);
    return status;
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

/* Draws at or above the observed mean, give or take rounding: a draw that swapped nothing must count. */
static double upper_tail(const double *draws, size_t count, double observed) {
    size_t above = 1;
    for (size_t b = 0; b < count; b++)
        above += draws[b] >= observed - 1e-12;
    return (double)above / (double)(count + 1);
}

int sal_stats_permutation_finish(const sal_stats_permutation *test, size_t family,
                                 sal_stats_test *tests, sal_error *err) {
    double *largest = sal_calloc(test->draws, 2 * sizeof *largest);
    if (largest == NULL)
        return sal_fail_memory(err, "a permutation test");
    double *own = largest + test->draws;
    for (size_t b = 0; b < test->draws; b++)
        largest[b] = -INFINITY;
    for (size_t h = 0; h < family; h++)
        for (size_t b = 0; test->documents[h] > 0 && b < test->draws; b++)
            largest[b] = fmax(largest[b],
                              test->sums[h * test->columns + b + 1] / (double)test->documents[h]);
    for (size_t h = 0; h < test->heads; h++) {
        const double *sums = test->sums + h * test->columns;
        const double documents = (double)test->documents[h];
        tests[h] = (sal_stats_test){NAN, test->documents[h], NAN, NAN};
        if (test->documents[h] == 0)
            continue;
        tests[h].statistic = sums[0] / documents;
        for (size_t b = 0; b < test->draws; b++)
            own[b] = sums[b + 1] / documents;
        tests[h].p = upper_tail(own, test->draws, tests[h].statistic);
        tests[h].p_family = upper_tail(largest, test->draws, tests[h].statistic);
    }
    sal_free(largest);
    return SAL_OK;
}
