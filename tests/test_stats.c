/* Statistics: ranks, correlations against SciPy's values, bootstrap of a mean. */
#include <jansson.h>

#include "salient/random.h"
#include "stats/stats.h"
#include "testing.h"

static void tied_values_share_the_mean_of_their_ranks(void **state) {
    (void)state;
    sal_error err = {0};
    const double values[] = {0.3, 0.1, 0.3, 0.9, 0.3, -2};
    const double expected[] = {4, 2, 4, 6, 4, 1};
    double ranks[6];
    assert_ok(sal_stats_ranks(values, 6, ranks, &err));
    for (size_t i = 0; i < 6; i++)
        assert_close(ranks[i], expected[i], 0, 0);
    assert_ok(sal_stats_ranks(values, 0, ranks, &err));
}

static void correlation_of_constant_or_single_values_is_undefined(void **state) {
    (void)state;
    sal_error err = {0};
    const double tenth[] = {0.1, 0.1, 0.1}; /* its variance would be rounding, not 0 */
    const double rising[] = {1, 2, 4};
    double rho = 0;
    assert_true(isnan(sal_stats_pearson(tenth, rising, 3)));
    assert_true(isnan(sal_stats_pearson(rising, tenth, 3)));
    assert_true(isnan(sal_stats_pearson(rising, rising, 1)));
    assert_true(isnan(sal_stats_pearson(rising, rising, 0)));
    assert_ok(sal_stats_spearman(rising, tenth, 3, &rho, &err));
    assert_true(isnan(rho));
    assert_ok(sal_stats_spearman(rising, rising, 0, &rho, &err));
    assert_true(isnan(rho));
}

static size_t numbers(const json_t *array, double *out, size_t capacity) {
    size_t n = json_array_size(array);
    assert_true(n <= capacity);
    for (size_t i = 0; i < n; i++)
        out[i] = json_number_value(json_array_get(array, i));
    return n;
}

static void compare(const char *name, double seen, const json_t *expected) {
    if (json_is_null(expected)) {
        if (!isnan(seen))
            fail_msg("%s: %.17g, not undefined", name, seen);
        return;
    }
    double wanted = json_number_value(expected);
    if (!(fabs(seen - wanted) <= 1e-12 + 1e-9 * fabs(wanted)))
        fail_msg("%s: %.17g, not %.17g", name, seen, wanted);
}

static void pearson_and_spearman_equal_scipys(void **state) {
    (void)state;
    enum { CAPACITY = 1000 };
    double p[CAPACITY];
    double q[CAPACITY];
    sal_error err = {0};
    json_error_t json_error;
    json_t *root = json_load_file(SALIENT_TEST_DATA "/correlation.json", 0, &json_error);
    assert_non_null(root);
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 50);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        size_t n = numbers(json_object_get(one, "p"), p, CAPACITY);
        assert_int_equal(numbers(json_object_get(one, "q"), q, CAPACITY), n);
        double rho;
        assert_ok(sal_stats_spearman(p, q, n, &rho, &err));
        compare(name, rho, json_object_get(one, "spearman"));
        compare(name, sal_stats_pearson(p, q, n), json_object_get(one, "pearson"));
    }
    json_decref(root);
}

static void spearman_brown_steps_up_a_half(void **state) {
    (void)state;
    assert_close(sal_stats_spearman_brown(0.5), 2.0 / 3, 1e-15, 0);
    assert_close(sal_stats_spearman_brown(1), 1, 0, 0);
    assert_close(sal_stats_spearman_brown(0), 0, 0, 0);
    assert_close(sal_stats_spearman_brown(-0.5), -2.0 / 3, 1e-15, 0);
    assert_close(sal_stats_spearman_brown(-1), -1, 0, 0); /* 2r/(1+r) has a pole here */
    assert_true(isnan(sal_stats_spearman_brown(NAN)));
}

static void quantiles_lie_between_order_statistics(void **state) {
    (void)state;
    const double sorted[] = {1, 2, 4, 8, 16};
    assert_close(sal_stats_quantile(sorted, 5, 0), 1, 0, 0);
    assert_close(sal_stats_quantile(sorted, 5, 1), 16, 0, 0);
    assert_close(sal_stats_quantile(sorted, 5, 0.5), 4, 0, 0);
    assert_close(sal_stats_quantile(sorted, 5, 0.625), 6, 1e-15, 0);
    assert_close(sal_stats_quantile(sorted, 1, 0.3), 1, 0, 0);
}

static void an_interval_needs_twenty_units(void **state) {
    (void)state;
    sal_error err = {0};
    sal_stats_mean mean;
    double values[20];
    for (size_t i = 0; i < 20; i++)
        values[i] = (double)i;
    values[5] = NAN;
    assert_ok(sal_stats_bootstrap_mean(values, 20, 1, &mean, &err));
    assert_close(mean.value, 185.0 / 19, 1e-15, 0);
    assert_int_equal(mean.defined, 19);
    assert_int_equal(mean.undefined, 1);
    assert_true(isnan(mean.low) && isnan(mean.high));
    values[5] = 5;
    assert_ok(sal_stats_bootstrap_mean(values, 20, 1, &mean, &err));
    assert_true(mean.low < mean.value && mean.value < mean.high);
    assert_ok(sal_stats_bootstrap_mean(values, 0, 1, &mean, &err));
    assert_true(isnan(mean.value));
}

/* Planted truth: of 400 samples of 40 uniform numbers, the 95 % interval misses the mean about one time in twenty. */
static void intervals_cover_the_mean_as_often_as_they_say(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    int missed = 0;
    sal_random_seed(&random, 11);
    for (int sample = 0; sample < 400; sample++) {
        double values[40];
        sal_stats_mean mean;
        for (size_t i = 0; i < 40; i++)
            values[i] = sal_random_uniform(&random);
        assert_ok(sal_stats_bootstrap_mean(values, 40, (uint64_t)sample, &mean, &err));
        missed += !(mean.low <= 0.5 && 0.5 <= mean.high);
    }
    assert_in_range(missed, 10, 38);
}

static void running_out_of_memory_is_an_ordinary_error(void **state) {
    (void)state;
    const double values[] = {1, 3, 2};
    long blocks = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        double rho;
        sal_stats_mean mean;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_stats_spearman(values, values, 3, &rho, &err);
        if (status == 0)
            status = sal_stats_bootstrap_mean(values, 3, 1, &mean, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), blocks);
        assert_int_equal(status, reached ? SAL_ENOMEM : SAL_OK);
        if (!reached) {
            assert_int_equal(n, 4);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tied_values_share_the_mean_of_their_ranks),
        cmocka_unit_test(correlation_of_constant_or_single_values_is_undefined),
        cmocka_unit_test(pearson_and_spearman_equal_scipys),
        cmocka_unit_test(spearman_brown_steps_up_a_half),
        cmocka_unit_test(quantiles_lie_between_order_statistics),
        cmocka_unit_test(an_interval_needs_twenty_units),
        cmocka_unit_test(intervals_cover_the_mean_as_often_as_they_say),
        cmocka_unit_test(running_out_of_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
