/* Clustering against SciPy (golden/cluster.json), Krippendorff's alpha against published values (golden/agreement.json), properties. */
#include "testing.h"

#include <jansson.h>

#include "salient/random.h"
#include "stats/cluster.h"
#include "stats/draws.h"

static json_t *load(const char *name) {
    char path[512];
    json_error_t where;
    snprintf(path, sizeof path, "%s/%s", SALIENT_TEST_DATA, name);
    json_t *root = json_load_file(path, 0, &where);
    if (root == NULL)
        fail_msg("%s:%d: %s", path, where.line, where.text);
    return root;
}

static double at(const json_t *array, size_t i) {
    const json_t *value = json_array_get(array, i);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static double *matrix(const json_t *rows, size_t *n) {
    *n = json_array_size(rows);
    double *values = calloc(*n * *n + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < *n; i++)
        for (size_t j = 0; j < *n; j++)
            values[i * *n + j] = at(json_array_get(rows, i), j);
    return values;
}

/* Labels may be named otherwise; the partition must be the same. */
static void same_partition(const json_t *expected, const size_t *labels, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            bool together = json_integer_value(json_array_get(expected, i)) ==
                            json_integer_value(json_array_get(expected, j));
            assert_int_equal(labels[i] == labels[j], together);
        }
}

static void compare_linkage(const double *distance, size_t n, sal_linkage linkage,
                            const json_t *expected) {
    sal_error err = {0};
    sal_merge merges[64];
    double *cophenetic = calloc(n * n, sizeof *cophenetic);
    size_t labels[64];
    double r = 0;
    size_t pair = 0;
    assert_true(n <= 64);
    assert_non_null(cophenetic);
    assert_ok(sal_stats_cluster(distance, n, linkage, true, merges, &err));
    for (size_t t = 0; t + 1 < n; t++) {
        assert_int_equal(merges[t].left, (size_t)at(json_object_get(expected, "left"), t));
        assert_int_equal(merges[t].right, (size_t)at(json_object_get(expected, "right"), t));
        assert_int_equal(merges[t].size, (size_t)at(json_object_get(expected, "size"), t));
        assert_close(merges[t].height, at(json_object_get(expected, "height"), t), 1e-9, 0);
    }
    assert_ok(sal_stats_cophenetic(merges, n, cophenetic, &err));
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            assert_close(cophenetic[i * n + j],
                         at(json_object_get(expected, "cophenetic_condensed"), pair++), 1e-9, 0);
    assert_ok(sal_stats_triangle_correlation(distance, cophenetic, n, &r, &err));
    assert_close(r, json_number_value(json_object_get(expected, "cophenetic_correlation")), 1e-9,
                 0);
    assert_ok(sal_stats_leaves(merges, n, labels, &err));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(labels[i], (size_t)at(json_object_get(expected, "leaves"), i));
    for (size_t clusters = 2; clusters <= 3; clusters++) {
        const json_t *flat =
            json_object_get(json_object_get(expected, "flat"), clusters == 2 ? "2" : "3");
        assert_ok(sal_stats_cut(merges, n, clusters, labels, &err));
        same_partition(flat, labels, n);
    }
    free(cophenetic);
}

static void trees_equal_scipys(void **state) {
    (void)state;
    json_t *root = load("cluster.json");
    size_t index;
    json_t *one;
    size_t compared = 0;
    json_array_foreach(json_object_get(root, "cases"), index, one) {
        size_t n;
        double *distance = matrix(json_object_get(one, "distance"), &n);
        for (sal_linkage linkage = SAL_LINKAGE_AVERAGE; linkage <= SAL_LINKAGE_WARD; linkage++) {
            const json_t *expected =
                json_object_get(json_object_get(one, "linkage"), sal_linkage_name(linkage));
            assert_non_null(expected);
            compare_linkage(distance, n, linkage, expected);
            compared++;
        }
        free(distance);
    }
    assert_true(compared >= 15);
    json_decref(root);
}

static void ward_is_refused_on_distances_that_are_not_euclidean(void **state) {
    (void)state;
    sal_error err = {0};
    const double distance[4] = {0, 1, 1, 0};
    sal_merge merges[1];
    assert_int_equal(sal_stats_cluster(distance, 2, SAL_LINKAGE_WARD, false, merges, &err),
                     SAL_EINVAL);
    assert_string_equal(err.text,
                        "Ward's linkage needs Euclidean distances; take average or complete");
    const double undefined[4] = {0, (double)NAN, (double)NAN, 0};
    assert_int_equal(sal_stats_cluster(undefined, 2, SAL_LINKAGE_AVERAGE, false, merges, &err),
                     SAL_EINVAL);
}

static void one_point_and_ties_have_a_tree_too(void **state) {
    (void)state;
    sal_error err = {0};
    const double zero = 0;
    size_t leaves[4];
    size_t labels[4];
    sal_merge merges[3];
    assert_ok(sal_stats_cluster(&zero, 1, SAL_LINKAGE_AVERAGE, false, merges, &err));
    assert_ok(sal_stats_leaves(merges, 1, leaves, &err));
    assert_int_equal(leaves[0], 0);
    assert_ok(sal_stats_cut(merges, 1, 1, labels, &err));
    assert_int_equal(labels[0], 0);
    double equal[16];
    for (size_t i = 0; i < 16; i++)
        equal[i] = i % 5 == 0 ? 0 : 1;
    assert_ok(sal_stats_cluster(equal, 4, SAL_LINKAGE_AVERAGE, false, merges, &err));
    assert_int_equal(merges[0].left, 0); /* the smallest numbers first */
    assert_int_equal(merges[0].right, 1);
    assert_int_equal(merges[1].left, 2);
    assert_int_equal(merges[1].right, 3);
}

static void alpha_and_mean_spearman_equal_the_reference(void **state) {
    (void)state;
    sal_error err = {0};
    json_t *root = load("agreement.json");
    static const char *const names[SAL_ALPHAS] = {"alpha_interval", "alpha_ordinal",
                                                  "alpha_nominal"};
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(root, "cases"), index, one) {
        const json_t *rows = json_object_get(one, "ratings");
        size_t raters = json_array_size(rows);
        size_t units = json_array_size(json_array_get(rows, 0));
        double *ratings = calloc(raters * units + 1, sizeof *ratings);
        double alpha[SAL_ALPHAS];
        double rho;
        size_t pairs;
        assert_non_null(ratings);
        for (size_t r = 0; r < raters; r++)
            for (size_t u = 0; u < units; u++)
                ratings[r * units + u] = at(json_array_get(rows, r), u);
        assert_ok(sal_stats_alpha(ratings, raters, units, alpha, &err));
        for (size_t k = 0; k < SAL_ALPHAS; k++) {
            const json_t *expected = json_object_get(one, names[k]);
            if (json_is_null(expected))
                assert_true(isnan(alpha[k]));
            else
                assert_close(alpha[k], json_number_value(expected), 1e-9, 1e-12);
        }
        assert_ok(sal_stats_mean_pairwise_spearman(ratings, raters, units, &rho, &pairs, &err));
        const json_t *expected = json_object_get(one, "mean_pairwise_spearman");
        if (json_is_null(expected))
            assert_true(isnan(rho));
        else
            assert_close(rho, json_number_value(expected), 1e-9, 1e-12);
        assert_int_equal(pairs, (size_t)json_integer_value(json_object_get(one, "spearman_pairs")));
        free(ratings);
    }
    assert_true(index >= 10);
    json_decref(root);
}

/* Means of resamples, the same draws for all rows, NaN left out. */
static void resampled_means_are_those_of_a_plain_bootstrap(void **state) {
    (void)state;
    enum { ROWS = 11, UNITS = 70, DRAWS = 50 };
    sal_error err = {0};
    sal_random random;
    double values[ROWS * UNITS];
    double means[ROWS * DRAWS];
    double threaded[ROWS * DRAWS];
    size_t drawn[UNITS];
    sal_random_seed(&random, 5);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = i % 13 == 4 && i > 3 * UNITS ? (double)NAN : sal_random_uniform(&random);
    assert_ok(sal_stats_bootstrap_draws(values, ROWS, UNITS, DRAWS, 9, 1, means, &err));
    assert_ok(sal_stats_bootstrap_draws(values, ROWS, UNITS, DRAWS, 9, 3, threaded, &err));
    assert_memory_equal(means, threaded, sizeof means);
    for (size_t draw = 0; draw < DRAWS; draw++) {
        sal_random_seed(&random, sal_stats_draw_seed(9, draw));
        for (size_t i = 0; i < UNITS; i++)
            drawn[i] = (size_t)sal_random_below(&random, UNITS);
        for (size_t row = 0; row < ROWS; row++) {
            double sum = 0;
            double count = 0;
            for (size_t i = 0; i < UNITS; i++) {
                double value = values[row * UNITS + drawn[i]];
                if (isnan(value))
                    continue;
                sum += value;
                count += 1;
            }
            assert_close(means[row * DRAWS + draw], sum / count, 1e-12, 0);
        }
    }
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state) {
    (void)state;
    sal_error err = {0};
    const double distance[9] = {0, 1, 4, 1, 0, 3, 4, 3, 0};
    const double ratings[9] = {1, 2, 3, 1, 2, 2, 3, 2, 1};
    sal_merge merges[2];
    double cophenetic[9], alpha[SAL_ALPHAS], rho, means[6];
    size_t labels[3], pairs;
    long before = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_stats_cluster(distance, 3, SAL_LINKAGE_AVERAGE, false, merges, &err);
        if (status == 0)
            status = sal_stats_cophenetic(merges, 3, cophenetic, &err);
        if (status == 0)
            status = sal_stats_leaves(merges, 3, labels, &err);
        if (status == 0)
            status = sal_stats_cut(merges, 3, 2, labels, &err);
        if (status == 0)
            status = sal_stats_triangle_correlation(distance, cophenetic, 3, &rho, &err);
        if (status == 0)
            status = sal_stats_alpha(ratings, 3, 3, alpha, &err);
        if (status == 0)
            status = sal_stats_mean_pairwise_spearman(ratings, 3, 3, &rho, &pairs, &err);
        if (status == 0)
            status = sal_stats_bootstrap_draws(ratings, 3, 3, 2, 1, 1, means, &err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_equal_scipys),
        cmocka_unit_test(ward_is_refused_on_distances_that_are_not_euclidean),
        cmocka_unit_test(one_point_and_ties_have_a_tree_too),
        cmocka_unit_test(alpha_and_mean_spearman_equal_the_reference),
        cmocka_unit_test(resampled_means_are_those_of_a_plain_bootstrap),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
