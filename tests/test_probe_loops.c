/* The loops of the probe networks: what a dropout keeps looks drawn, fused loops equal the plain ones, any length is taken to its end. */
#include "testing.h"

#include <stdbool.h>

#include "salient/random.h"

typedef float real;
#define SQRT sqrtf
#include "probe/network_loops.h"

enum { N = 100003 }; /* no multiple of a vector */

static float *draw(size_t count, uint64_t seed) {
    sal_random random;
    float *x = calloc(count, sizeof *x);
    assert_non_null(x);
    sal_random_seed(&random, seed);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(sal_random_uniform(&random) - .5);
    return x;
}

static double deviation(double share, double count) {
    return sqrt(share * (1 - share) / count);
}

/* Shares within five standard deviations: of all, of what follows a drop, of what two masks drop together, of each bit of the place. */
static void drops_are_independent_and_of_the_right_share(void **state) {
    static const double rates[] = {.1, .2, .3, .5};
    float *a = calloc(N, sizeof *a), *b = calloc(N, sizeof *b);
    sal_random random;
    (void)state;
    assert_true(a != NULL && b != NULL);
    sal_random_seed(&random, 7);
    for (size_t k = 0; k < 4; k++) {
        const double rate = rates[k];
        double all = 0, pairs = 0, both = 0, of_bit[16] = {0}, places[16] = {0};
        mask_factors(a, N, draw_mask(rate, &random));
        mask_factors(b, N, draw_mask(rate, &random));
        for (size_t i = 0; i < N; i++) {
            const bool dropped = a[i] == 0;
            assert_true(dropped || fabs((double)a[i] - 1 / (1 - rate)) < 1e-6);
            all += dropped;
            pairs += dropped && i > 0 && a[i - 1] == 0;
            both += dropped && b[i] == 0;
            for (int bit = 0; bit < 16; bit++) {
                places[bit] += (double)(i >> bit & 1);
                of_bit[bit] += dropped && (i >> bit & 1);
            }
        }
        assert_close(all / N, rate, 0, 5 * deviation(rate, N));
        assert_close(pairs / N, rate * rate, 0, 5 * deviation(rate * rate, N));
        assert_close(both / N, rate * rate, 0, 5 * deviation(rate * rate, N));
        for (int bit = 0; bit < 16; bit++)
            assert_close(of_bit[bit] / places[bit], rate, 0, 5 * deviation(rate, places[bit]));
    }
    free(a);
    free(b);
}

static void fused_loops_equal_plain_ones(void **state) {
    float *x = draw(N, 1), *y = draw(N, 1), *g = draw(N, 2), *h = draw(N, 2);
    float *factors = calloc(N, sizeof *factors);
    sal_random random;
    (void)state;
    assert_non_null(factors);
    sal_random_seed(&random, 3);
    const drop_mask mask = draw_mask(.3, &random);
    mask_factors(factors, N, mask);
    relu_and_drop(x, N, mask);
    relu(y, N, y);
    multiply_each(y, factors, N, y);
    assert_memory_equal(x, y, N * sizeof *x);
    relu_back(g, x, N, mask.keep);
    for (size_t i = 0; i < N; i++)
        assert_true(g[i] == (x[i] > 0 ? h[i] * mask.keep : 0));
    free(x);
    free(y);
    free(g);
    free(h);
    free(factors);
}

static void rows_and_biases(void **state) {
    enum { ROWS = 5, COLUMNS = 37 };
    float *x = draw(ROWS * COLUMNS, 4), *bias = draw(COLUMNS, 5);
    float y[ROWS * COLUMNS], sums[COLUMNS] = {0};
    (void)state;
    memcpy(y, x, sizeof y);
    add_bias(bias, ROWS, COLUMNS, true, y);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        assert_true(y[i] == x[i] + bias[i % COLUMNS]);
    add_bias(bias, ROWS, COLUMNS, false, y);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        assert_true(y[i] == bias[i % COLUMNS]);
    add_rows(x, ROWS, COLUMNS, sums);
    for (size_t c = 0; c < COLUMNS; c++) {
        double sum = 0;
        for (size_t r = 0; r < ROWS; r++)
            sum += (double)x[r * COLUMNS + c];
        assert_close((double)sums[c], sum, 1e-5, 1e-6);
    }
    free(x);
    free(bias);
}

static void a_step_of_adam_is_its_formula(void **state) {
    enum { COUNT = 1003 };
    float *w = draw(COUNT, 6), *m = draw(COUNT, 7), *v = draw(COUNT, 8), *g = draw(COUNT, 9);
    const adam_step s = {.9F, .1F, .999F, .001F, .9999F, 1e-3F, 2, 1e-8F};
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        v[i] = i % 50 == 0 ? 0 : fabsf(v[i]);
    for (size_t i = 0; i < COUNT; i++) {
        const double mean = .9 * (double)m[i] + .1 * (double)g[i];
        const double square = .999 * (double)v[i] + .001 * (double)g[i] * (double)g[i];
        const double then = .9999 * (double)w[i] - 1e-3 * mean / (sqrt(square) * 2 + 1e-8);
        float one[3] = {w[i], m[i], v[i]};
        step_adam(&one[0], &one[1], &one[2], &g[i], 1, s);
        assert_close((double)one[0], then, 1e-5, 1e-5);
    }
    float *a = calloc(3 * COUNT, sizeof *a);
    assert_non_null(a);
    memcpy(a, w, COUNT * sizeof *w);
    memcpy(a + COUNT, m, COUNT * sizeof *m);
    memcpy(a + 2 * COUNT, v, COUNT * sizeof *v);
    step_adam(a, a + COUNT, a + 2 * COUNT, g, COUNT, s);
    for (size_t i = 0; i < COUNT; i++) { /* one at a time or side by side: the same bits */
        step_adam(&w[i], &m[i], &v[i], &g[i], 1, s);
        assert_true(w[i] == a[i] && m[i] == a[COUNT + i] && v[i] == a[2 * COUNT + i]);
    }
    free(w);
    free(m);
    free(v);
    free(g);
    free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_are_independent_and_of_the_right_share),
        cmocka_unit_test(fused_loops_equal_plain_ones),
        cmocka_unit_test(rows_and_biases),
        cmocka_unit_test(a_step_of_adam_is_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
