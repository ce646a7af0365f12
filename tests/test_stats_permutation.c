/* What keeps a head analysis honest: partial correlations, the permutation test's error under heads that know nothing, the bootstrap
 * of many rows (METHODS 3 and 6). The environment variable SALIENT_LONG runs the full number of simulations. */
#include "stats/resampling.h"

#include "salient/memory.h"
#include "testing.h"
#include "zipf_documents.h"

/* ---- partial correlations ----------------------------------------------------------------------------------- */

static void partial_of_second_order_is_the_correlation_of_residuals(void **state) {
    /* Four correlated variables; the residuals of x and y from a least-squares fit on (1, a, b), by Gram-Schmidt. */
    enum { N = 50 };
    double v[4][N], axes[3][N], left[2][N] = {{0}};
    sal_random random;
    (void)state;
    sal_random_seed(&random, 5);
    for (size_t i = 0; i < N; i++) {
        double common = sal_random_uniform(&random);
        for (size_t k = 0; k < 4; k++)
            v[k][i] = common + sal_random_uniform(&random);
    }
    const double *held[2] = {v[2], v[3]};
    for (size_t i = 0; i < N; i++)
        axes[0][i] = 1 / sqrt(N);
    for (size_t k = 0; k < 4; k++) {
        double *out = k < 2 ? axes[k + 1] : left[k - 2];
        memcpy(out, k < 2 ? held[k] : v[k - 2], sizeof left[0]);
        for (size_t a = 0; a < (k < 2 ? k + 1 : 3); a++) {
            double along = 0;
            for (size_t i = 0; i < N; i++)
                along += axes[a][i] * out[i];
            for (size_t i = 0; i < N; i++)
                out[i] -= along * axes[a][i];
        }
        double norm = 0;
        for (size_t i = 0; i < N; i++)
            norm += out[i] * out[i];
        for (size_t i = 0; i < N; i++)
            out[i] /= sqrt(norm);
    }
    double r[4][4];
    for (size_t a = 0; a < 4; a++)
        for (size_t b = 0; b < 4; b++)
            r[a][b] = sal_stats_pearson(v[a], v[b], N);
    double partial = sal_stats_partial_two(r[0][1], r[0][2], r[1][2], r[0][3], r[1][3], r[2][3]);
    assert_close(partial, sal_stats_pearson(left[0], left[1], N), 1e-12, 1e-12);
    /* The order of what is held constant does not matter. */
    assert_close(sal_stats_partial_two(r[0][1], r[0][3], r[1][3], r[0][2], r[1][2], r[2][3]),
                 partial, 1e-12, 1e-12);
}

static void explained_by_what_is_held_constant_is_undefined(void **state) {
    (void)state;
    assert_true(isnan(sal_stats_partial_step(.5, 1, .5)));
    assert_true(isnan(sal_stats_partial_step(.5, .5, -1)));
    assert_true(isnan(sal_stats_partial_step(.5, sqrt(1 - 1e-13), .5)));
    assert_true(isnan(sal_stats_partial_step(NAN, .1, .5)));
    assert_true(isnan(sal_stats_partial_two(.5, .1, .1, .2, .2, 1)));
    assert_close(sal_stats_partial_step(.5, 0, 0), .5, 0, 0);
    assert_close(sal_stats_fisher_z(1), atanh(1 - 1e-6), 0, 0);
    assert_close(sal_stats_fisher_z(-.3), -0.30951960420311170, 1e-15, 0);
    assert_true(isnan(sal_stats_fisher_z(NAN)));
}

/* ---- the bootstrap ------------------------------------------------------------------------------------------ */

static void rows_of_a_bootstrap_agree_with_single_ones(void **state) {
    enum { ROWS = 40, N = 30 };
    static double values[ROWS * N];
    sal_stats_mean rows[ROWS], again[ROWS], one;
    sal_error err = {0};
    sal_random random;
    (void)state;
    sal_random_seed(&random, 9);
    for (size_t i = 0; i < ROWS * N; i++)
        values[i] = sal_random_uniform(&random);
    for (size_t i = 0; i < 15; i++)
        values[N + 2 * i] = NAN; /* row 1: 15 defined, too few */
    values[2 * N + 7] = NAN;     /* row 2: one undefined */
    assert_ok(sal_stats_bootstrap_rows(values, ROWS, N, 1, 1, rows, &err));
    assert_ok(sal_stats_bootstrap_rows(values, ROWS, N, 1, 2, again, &err));
    assert_memory_equal(rows, again, sizeof rows); /* any number of threads */
    assert_int_equal(rows[1].defined, 15);
    assert_true(isnan(rows[1].low) && !isnan(rows[1].value));
    assert_int_equal(rows[2].undefined, 1);
    assert_true(rows[2].low < rows[2].value && rows[2].value < rows[2].high);
    for (size_t r = 3; r < ROWS; r++) {
        assert_ok(sal_stats_bootstrap_mean(values + r * N, N, 1, &one, &err));
        assert_close(rows[r].value, one.value, 1e-14, 0);
        assert_close(rows[r].low, one.low, 1e-12, 0); /* the same draws */
        assert_close(rows[r].high, one.high, 1e-12, 0);
    }
}

/* ---- the test ----------------------------------------------------------------------------------------------- */

/* Feed one generated document, its heads and optionally a head that knows y. */
static void feed(sal_stats_permutation *test, const zipf_document *d, bool partial, size_t heads,
                 const double *extra) {
    sal_error err = {0};
    size_t n = d->n, order[ZIPF_TOKENS];
    double *x = test_calloc(heads * n, sizeof *x);
    double y[ZIPF_TOKENS], position[ZIPF_TOKENS], frequency[ZIPF_TOKENS];
    for (size_t w = 0; w < n; w++)
        order[w] = w; /* types come in order of first position */
    assert_ok(sal_stats_ranks(d->y, n, y, &err));
    assert_ok(sal_stats_ranks(d->first, n, position, &err));
    assert_ok(sal_stats_ranks(d->frequency, n, frequency, &err));
    for (size_t h = 0; h < ZIPF_HEADS; h++)
        assert_ok(sal_stats_ranks(d->heads + h * n, n, x + h * n, &err));
    if (heads > ZIPF_HEADS)
        assert_ok(sal_stats_ranks(extra, n, x + ZIPF_HEADS * n, &err));
    const double *given[2] = {position, frequency};
    assert_ok(sal_stats_permutation_add(test, x, y, given, partial ? 2 : 0, order, n, &err));
    test_free(x);
}

/* Smallest family-wise p of one simulated study. */
static double simulate(uint64_t seed, size_t documents, sal_stats_scheme scheme, size_t draws) {
    sal_error err = {0};
    sal_random random;
    sal_stats_permutation *test = NULL;
    sal_stats_test results[ZIPF_HEADS];
    double smallest = 1;
    sal_random_seed(&random, seed);
    assert_ok(sal_stats_permutation_open(ZIPF_HEADS, draws, scheme, seed, 1, &test, &err));
    for (size_t i = 0; i < documents; i++) {
        zipf_document d;
        zipf_document_draw(&random, true, &d);
        feed(test, &d, scheme != SAL_STATS_SHUFFLE, ZIPF_HEADS, NULL);
    }
    assert_ok(sal_stats_permutation_finish(test, ZIPF_HEADS, results, &err));
    for (size_t h = 0; h < ZIPF_HEADS; h++)
        if (results[h].p_family < smallest)
            smallest = results[h].p_family;
    sal_stats_permutation_close(test);
    return smallest;
}

static double error_at_5_percent(size_t simulations, size_t documents, sal_stats_scheme scheme,
                                 size_t draws) {
    size_t false_claims = 0;
    for (size_t s = 0; s < simulations; s++)
        false_claims += simulate(1000 + s, documents, scheme, draws) <= .05;
    double error = (double)false_claims / (double)simulations;
    printf("%zu simulations of %zu documents, scheme %d: error %.3f\n", simulations, documents,
           (int)scheme, error);
    return error;
}

static bool is_long(void) {
    const char *wanted = getenv("SALIENT_LONG");
    return wanted != NULL && strcmp(wanted, "1") == 0;
}

static void heads_that_know_nothing_are_seldom_called_significant(void **state) {
    (void)state;
    if (is_long()) {
        for (size_t documents = 40; documents <= 150; documents += 110) {
            double error = error_at_5_percent(400, documents, SAL_STATS_NEIGHBOURS, 1000);
            assert_true(error >= .015 && error <= .09);
        }
        return;
    }
    /* Of 60 simulations with true error .05, 9 or more false claims have a chance of .003. */
    assert_true(error_at_5_percent(60, 40, SAL_STATS_NEIGHBOURS, 255) <= 8.5 / 60);
}

static void other_nulls_call_heads_that_know_nothing_significant(void **state) {
    (void)state;
    size_t simulations = is_long() ? 400 : 10;
    assert_true(error_at_5_percent(simulations, 40, SAL_STATS_SHUFFLE, 127) > .4);
    assert_true(error_at_5_percent(simulations, 150, SAL_STATS_DECILES, 127) > .4);
}

static void a_head_that_follows_importance_is_found(void **state) {
    sal_error err = {0};
    sal_random random;
    (void)state;
    sal_stats_permutation *tests[2] = {NULL, NULL};
    sal_stats_test results[2][ZIPF_HEADS + 1];
    for (int threads = 1; threads <= 2; threads++) {
        sal_stats_permutation **test = &tests[threads - 1];
        sal_random_seed(&random, 77);
        assert_ok(sal_stats_permutation_open(ZIPF_HEADS + 1, 255, SAL_STATS_NEIGHBOURS, 3, threads,
                                             test, &err));
        for (size_t i = 0; i < 20; i++) {
            zipf_document d;
            double noisy[ZIPF_TOKENS];
            zipf_document_draw(&random, true, &d);
            for (size_t w = 0; w < d.n; w++)
                noisy[w] = d.y[w] + sal_random_uniform(&random);
            feed(*test, &d, true, ZIPF_HEADS + 1, noisy);
        }
        assert_ok(sal_stats_permutation_finish(*test, ZIPF_HEADS + 1, results[threads - 1], &err));
        sal_stats_permutation_close(*test);
    }
    assert_memory_equal(results[0], results[1], sizeof results[0]); /* any number of threads */
    assert_close(results[0][ZIPF_HEADS].p_family, 1 / 256.0, 1e-12, 0);
    assert_true(results[0][0].p_family > .05 && results[0][0].p_family >= results[0][0].p);
    assert_int_equal(results[0][0].documents, 20);
}

static void undefined_heads_and_documents_are_left_out(void **state) {
    /* Words in order 0..5; head 0 is position itself, head 1 undefined, head 2 free. */
    const double x[3][6] = {
        {1, 2, 3, 4, 5, 6}, {NAN, 1, 1, 1, 1, 1}, {3, 1, 2, 6, 5, 4}}; /* ranks */
    const double y[6] = {6, 5, 3, 4, 1, 2}, constant[6] = {3.5, 3.5, 3.5, 3.5, 3.5, 3.5};
    const double position[6] = {1, 2, 3, 4, 5, 6};
    const double *given[1] = {position};
    const size_t order[6] = {0, 1, 2, 3, 4, 5};
    sal_error err = {0};
    sal_stats_permutation *test = NULL;
    sal_stats_test results[3];
    (void)state;
    assert_ok(sal_stats_permutation_open(3, 63, SAL_STATS_NEIGHBOURS, 1, 1, &test, &err));
    assert_ok(sal_stats_permutation_add(test, x[0], y, given, 1, order, 6, &err));
    assert_ok(sal_stats_permutation_add(test, x[0], constant, given, 1, order, 6, &err));
    assert_ok(sal_stats_permutation_finish(test, 3, results, &err));
    sal_stats_permutation_close(test);
    assert_true(isnan(results[0].statistic) && isnan(results[0].p_family));
    assert_true(isnan(results[1].statistic));
    assert_int_equal(results[2].documents, 1);
    double r =
        sal_stats_partial_step(sal_stats_pearson(x[2], y, 6), sal_stats_pearson(x[2], position, 6),
                               sal_stats_pearson(y, position, 6));
    assert_close(results[2].statistic, sal_stats_fisher_z(r), 1e-12, 1e-12);
}

/* One document through bootstrap and test. */
static int work(sal_error *err) {
    const double x[8] = {3, 1, 2, 6, 5, 4, 8, 7}, y[8] = {1, 2, 3, 4, 5, 6, 8, 7};
    const size_t order[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    double values[60] = {0};
    sal_stats_mean means[3];
    sal_stats_test result;
    sal_stats_permutation *test = NULL;
    int status = sal_stats_bootstrap_rows(values, 3, 20, 1, 1, means, err);
    if (status == SAL_OK)
        status = sal_stats_permutation_open(1, 63, SAL_STATS_DECILES, 1, 1, &test, err);
    if (status == SAL_OK)
        status = sal_stats_permutation_add(test, x, y, NULL, 0, order, 8, err);
    if (status == SAL_OK)
        status = sal_stats_permutation_finish(test, 1, &result, err);
    sal_stats_permutation_close(test);
    return status;
}

static void without_memory_it_is_an_error_and_nothing_leaks(void **state) {
    long before = sal_faulty_blocks();
    (void)state;
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = work(&err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

/* ---- the facts ---------------------------------------------------------------------------------------------- */

static double mean_rho_of_empty_head(bool by_position, size_t documents) {
    sal_error err = {0};
    sal_random random;
    double sum = 0;
    sal_random_seed(&random, by_position ? 11 : 12);
    for (size_t i = 0; i < documents; i++) {
        zipf_document d;
        double rho = NAN;
        zipf_document_draw(&random, by_position, &d);
        assert_ok(sal_stats_spearman(d.y, d.heads, d.n, &rho, &err));
        sum += rho / (double)documents;
    }
    return sum;
}

static void an_empty_head_correlates_with_importance_that_follows_position(void **state) {
    (void)state;
    assert_true(mean_rho_of_empty_head(true, 150) > .45);
    assert_close(mean_rho_of_empty_head(false, 150), 0, 0, .05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_of_second_order_is_the_correlation_of_residuals),
        cmocka_unit_test(explained_by_what_is_held_constant_is_undefined),
        cmocka_unit_test(rows_of_a_bootstrap_agree_with_single_ones),
        cmocka_unit_test(a_head_that_follows_importance_is_found),
        cmocka_unit_test(undefined_heads_and_documents_are_left_out),
        cmocka_unit_test(without_memory_it_is_an_error_and_nothing_leaks),
        cmocka_unit_test(an_empty_head_correlates_with_importance_that_follows_position),
        cmocka_unit_test(heads_that_know_nothing_are_seldom_called_significant),
        cmocka_unit_test(other_nulls_call_heads_that_know_nothing_significant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
