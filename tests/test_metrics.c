/* Every metric of METHODS 3 against SciPy and the paper's code (golden/metrics.json), adjusted p-values (golden/bh.json), properties. */

#include "testing.h"

#include <jansson.h>

#include "salient/metrics.h"
#include "salient/random.h"
#include "stats/metrics.h"

static json_t *load_golden(const char *name) {
    char path[512];
    json_error_t where;
    snprintf(path, sizeof path, "%s/%s", SALIENT_TEST_DATA, name);
    json_t *root = json_load_file(path, 0, &where);
    if (root == NULL)
        fail_msg("%s:%d: %s", path, where.line, where.text);
    return root;
}

static double *vector(const json_t *array, size_t *n) {
    *n = json_array_size(array);
    double *values = calloc(*n + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < *n; i++)
        values[i] = json_number_value(json_array_get(array, i));
    return values;
}

static bool unstable(const json_t *test_case, const char *name) {
    const json_t *list = json_object_get(test_case, "unstable");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

/* Our names beside those of the golden file. */
static const struct {
    sal_metric metric;
    const char *golden;
    double relative;
    double absolute;
} expected[] = {
    {SAL_METRIC_SPEARMAN, "spearman", 1e-9, 1e-12},
    {SAL_METRIC_SPEARMAN_P, "spearman_p", 1e-7, 0},
    {SAL_METRIC_KENDALL, "kendall_tau_b", 1e-9, 1e-12},
    {SAL_METRIC_PEARSON, "pearson", 1e-9, 1e-12},
    {SAL_METRIC_MAE, "mae", 1e-9, 1e-12},
    {SAL_METRIC_KL, "kl", 1e-9, 1e-12},
    {SAL_METRIC_KL_UNIFORM, "kl_uniform", 1e-9, 1e-12},
    {SAL_METRIC_KL_NORMALIZED, "kl_normalised", 1e-9, 1e-12},
    {SAL_METRIC_NDCG_5, "ndcg_5", 1e-9, 1e-12},
    {SAL_METRIC_NDCG_10, "ndcg_10", 1e-9, 1e-12},
    {SAL_METRIC_PRECISION_1, "precision_1", 1e-9, 1e-12},
    {SAL_METRIC_PRECISION_3, "precision_3", 1e-9, 1e-12},
    {SAL_METRIC_PRECISION_5, "precision_5", 1e-9, 1e-12},
    {SAL_METRIC_PRECISION_10, "precision_10", 1e-9, 1e-12},
    {SAL_METRIC_RECALL_1, "recall_1", 1e-9, 1e-12},
    {SAL_METRIC_RECALL_3, "recall_3", 1e-9, 1e-12},
    {SAL_METRIC_RECALL_5, "recall_5", 1e-9, 1e-12},
    {SAL_METRIC_RECALL_10, "recall_10", 1e-9, 1e-12},
    {SAL_METRIC_KL_POWER2, "kl_power2", 1e-9, 1e-12},
    {SAL_METRIC_RENYI_1_5, "renyi_1.5", 1e-9, 1e-12},
    {SAL_METRIC_RENYI_2, "renyi_2", 1e-9, 1e-12},
    {SAL_METRIC_RENYI_3, "renyi_3", 1e-9, 1e-12},
    {SAL_METRIC_JS, "js", 1e-9, 1e-12},
    {SAL_METRIC_PARTIAL_SPEARMAN, "spearman_partial_z", 1e-9, 1e-8},
};

static void every_golden_case_is_reproduced(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load_golden("metrics.json");
    const json_t *cases = json_object_get(root, "cases");
    size_t compared = 0;
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *test_case = json_array_get(cases, c);
        size_t n = 0;
        double *p = vector(json_object_get(test_case, "p"), &n);
        double *q = vector(json_object_get(test_case, "q"), &n);
        double *z = vector(json_object_get(test_case, "z"), &n);
        double values[SAL_METRICS];
        assert_ok(sal_metrics_compute(SAL_PAPER, p, q, z, n, values, &err));
        for (size_t m = 0; m < sizeof expected / sizeof expected[0]; m++) {
            const json_t *want =
                json_object_get(json_object_get(test_case, "expected"), expected[m].golden);
            if (want == NULL || unstable(test_case, expected[m].golden))
                continue;
            double got = values[expected[m].metric];
            compared++;
            if (json_is_null(want) ? !isnan(got)
                                   : !(fabs(got - json_number_value(want)) <=
                                       expected[m].absolute +
                                           expected[m].relative * fabs(json_number_value(want))))
                fail_msg("%s: %s is %.17g, not %.17g",
                         json_string_value(json_object_get(test_case, "name")), expected[m].golden,
                         got, json_is_null(want) ? NAN : json_number_value(want));
        }
        free(p);
        free(q);
        free(z);
    }
    assert_true(compared > 1500);
    json_decref(root);
}

static void adjusted_p_values_are_scipys(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load_golden("bh.json");
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) > 0);
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *test_case = json_array_get(cases, c);
        static const char *const keys[2] = {"bh", "by"};
        size_t n = 0;
        double *p = vector(json_object_get(test_case, "p"), &n);
        double *q = calloc(n + 1, sizeof *q);
        for (int dependent = 0; dependent < 2; dependent++) {
            double *want = vector(json_object_get(test_case, keys[dependent]), &n);
            assert_ok(sal_stats_adjust(p, n, dependent, q, &err));
            for (size_t i = 0; i < n; i++)
                assert_close(q[i], want[i], 1e-12, 0);
            free(want);
        }
        free(p);
        free(q);
    }
    json_decref(root);
}

static void hypergeometric_tails_are_scipys(void **state) {
    (void)state;
    json_t *root = load_golden("hypergeometric.json");
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) > 200);
    for (size_t c = 0; c < json_array_size(cases); c++) {
        static const char *const keys[] = {"all", "marked", "drawn", "shared"};
        const json_t *test_case = json_array_get(cases, c);
        size_t of[4];
        for (int i = 0; i < 4; i++)
            of[i] = (size_t)json_integer_value(json_object_get(test_case, keys[i]));
        const double p = sal_stats_hypergeometric_upper(of[0], of[1], of[2], of[3]);
        assert_close(p, json_number_value(json_object_get(test_case, "p")), 1e-9, 1e-300);
    }
    json_decref(root);
    assert_true(isnan(sal_stats_hypergeometric_upper(10, 3, 0, 0)));
    assert_true(isnan(sal_stats_hypergeometric_upper(10, 11, 3, 0)));
}

static void undefined_p_values_are_not_counted(void **state) {
    (void)state;
    sal_error err = {0};
    const double p[] = {0.01, (double)NAN, 0.04};
    double q[3];
    assert_ok(sal_stats_adjust(p, 3, 0, q, &err));
    assert_close(q[0], 0.02, 1e-12, 0);
    assert_true(isnan(q[1]));
    assert_close(q[2], 0.04, 1e-12, 0);
}

static void a_prediction_equal_to_the_reference_is_perfect(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 3);
    double y[200];
    double values[SAL_METRICS];
    for (size_t i = 0; i < 200; i++)
        y[i] = (double)sal_random_below(&random, 11) / 10;
    assert_ok(sal_metrics_compute(SAL_STRICT, y, y, NULL, 200, values, &err));
    assert_close(values[SAL_METRIC_SPEARMAN], 1, 0, 1e-12);
    assert_close(values[SAL_METRIC_KENDALL], 1, 0, 1e-12);
    assert_close(values[SAL_METRIC_KL_NORMALIZED], 1, 0, 1e-9);
    assert_close(values[SAL_METRIC_JS], 0, 0, 1e-15);
    assert_close(values[SAL_METRIC_NDCG_10], 1, 0, 1e-12);
    assert_close(values[SAL_METRIC_RENYI_2], 0, 0, 1e-12);
    assert_true(isnan(values[SAL_METRIC_PARTIAL_SPEARMAN])); /* nothing was held constant */
}

static void metrics_keep_their_bounds_and_symmetries(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 5);
    for (int round = 0; round < 200; round++) {
        size_t n = 1 + (size_t)sal_random_below(&random, 40);
        double x[40], y[40], a[SAL_METRICS], b[SAL_METRICS], scaled[SAL_METRICS];
        double tenfold[40];
        for (size_t i = 0; i < n; i++) {
            x[i] = (double)sal_random_below(&random, 5);
            y[i] = sal_random_uniform(&random);
            tenfold[i] = 10 * y[i];
        }
        assert_ok(sal_metrics_compute(SAL_STRICT, x, y, NULL, n, a, &err));
        assert_ok(sal_metrics_compute(SAL_STRICT, y, x, NULL, n, b, &err));
        assert_ok(sal_metrics_compute(SAL_PAPER, x, tenfold, NULL, n, scaled, &err));
        for (int m = SAL_METRIC_SPEARMAN; m <= SAL_METRIC_PEARSON; m++) {
            if (m == SAL_METRIC_SPEARMAN_P)
                continue;
            assert_true(isnan(a[m]) || (a[m] >= -1 && a[m] <= 1));
            assert_true(isnan(a[m]) ? isnan(b[m]) : fabs(a[m] - b[m]) < 1e-12);
        }
        assert_true(a[SAL_METRIC_JS] >= -1e-15 && a[SAL_METRIC_JS] <= log(2) + 1e-12);
        assert_close(a[SAL_METRIC_JS], b[SAL_METRIC_JS], 0, 1e-12);
        assert_true(a[SAL_METRIC_KL] >= -1e-12);
        assert_true(a[SAL_METRIC_NDCG_5] >= 0 && a[SAL_METRIC_NDCG_5] <= 1 + 1e-12);
        assert_close(scaled[SAL_METRIC_KL], a[SAL_METRIC_KL], 1e-9,
                     1e-12); /* scale of a prediction does not matter */
    }
    double one = 0.5;
    double nothing[SAL_METRICS];
    assert_ok(sal_metrics_compute(SAL_STRICT, &one, &one, NULL, 0, nothing, &err));
    assert_true(isnan(nothing[SAL_METRIC_SPEARMAN]));
    one = -1;
    assert_int_equal(sal_metrics_compute(SAL_STRICT, &one, &one, NULL, 1, nothing, &err),
                     SAL_EINVAL);
}

static void student_tail_equals_tables(void **state) {
    (void)state;
    assert_close(sal_stats_student_upper(0, 5), 0.5, 1e-14, 0);
    assert_close(sal_stats_student_upper(6.313751514675043, 1), 0.05, 1e-12, 0);
    assert_close(sal_stats_student_upper(2.2281388519862744, 10), 0.025, 1e-12, 0);
    assert_close(sal_stats_student_upper(-1.8124611228116756, 10), 0.95, 1e-12, 0);
}

static void allocation_failures_are_errors_and_leak_nothing(void **state) {
    (void)state;
    sal_error err = {0};
    const double p[] = {1, 2, 3};
    const double q[] = {3, 1, 2};
    double values[SAL_METRICS];
    long blocks = sal_faulty_blocks();
    bool reached = true;
    for (long n = 0; reached; n++) {
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_metrics_compute(SAL_STRICT, p, q, p, 3, values, &err);
        reached = sal_faulty_reset();
        assert_int_equal(status, reached ? SAL_ENOMEM : SAL_OK);
        assert_int_equal(sal_faulty_blocks(), blocks);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_case_is_reproduced),
        cmocka_unit_test(adjusted_p_values_are_scipys),
        cmocka_unit_test(hypergeometric_tails_are_scipys),
        cmocka_unit_test(undefined_p_values_are_not_counted),
        cmocka_unit_test(a_prediction_equal_to_the_reference_is_perfect),
        cmocka_unit_test(metrics_keep_their_bounds_and_symmetries),
        cmocka_unit_test(student_tail_equals_tables),
        cmocka_unit_test(allocation_failures_are_errors_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
