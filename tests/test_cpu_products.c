/* Products of weights by oneDNN: against double precision for every type of weights, the same bytes for any budget and any number of
 * threads, and what happens when memory ends. Without oneDNN there is nothing to test. */

#include "testing.h"

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include "llm/cpu/backend_internal.h"
#include "llm/cpu/onednn.h"
#include "llm/cpu/weights.h"
#include "salient/random.h"

/* A weight in a buffer of its own and a MUL_MAT node over it. */
typedef struct product {
    struct ggml_context *weights, *graph;
    ggml_backend_buffer_t buffer;
    struct ggml_tensor *w, *node;
    double *expected;  /* from the weights as stored */
    double *magnitude; /* sum |x w|: what rounding is relative to */
} product;

static void make(product *p, enum ggml_type type, int64_t width, int64_t columns, int64_t rows,
                 uint64_t seed) {
    sal_random random;
    sal_random_seed(&random, seed);
    p->weights = ggml_init((struct ggml_init_params){ggml_tensor_overhead() * 4, NULL, true});
    p->w = ggml_new_tensor_2d(p->weights, type, width, columns);
    p->buffer =
        ggml_backend_alloc_ctx_tensors_from_buft(p->weights, ggml_backend_cpu_buffer_type());
    ggml_backend_buffer_set_usage(p->buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    float *numbers = malloc((size_t)(width * columns) * sizeof *numbers);
    for (int64_t i = 0; i < width * columns; i++)
        numbers[i] = (float)(sal_random_uniform(&random) * 2 - 1);
    ggml_quantize_chunk(type, numbers, p->w->data, 0, columns, width, NULL);
    if (type != GGML_TYPE_F32)
        ggml_get_type_traits(type)->to_float(p->w->data, numbers, width * columns);

    p->graph = ggml_init(
        (struct ggml_init_params){(size_t)(rows * (width + columns)) * 4 + 4096 * 4, NULL, false});
    struct ggml_tensor *x = ggml_new_tensor_2d(p->graph, GGML_TYPE_F32, width, rows);
    p->node = ggml_mul_mat(p->graph, p->w, x);
    float *in = x->data;
    for (int64_t i = 0; i < width * rows; i++)
        in[i] = (float)(sal_random_uniform(&random) * 2 - 1);
    p->expected = calloc((size_t)(rows * columns), sizeof(double));
    p->magnitude = calloc((size_t)(rows * columns), sizeof(double));
    for (int64_t m = 0; m < rows; m++) {
        for (int64_t n = 0; n < columns; n++) {
            for (int64_t k = 0; k < width; k++) {
                const double term = (double)in[m * width + k] * (double)numbers[n * width + k];
                p->expected[m * columns + n] += term;
                p->magnitude[m * columns + n] += fabs(term);
            }
        }
    }
    free(numbers);
}

static void drop(product *p) {
    free(p->expected);
    free(p->magnitude);
    ggml_free(p->graph);
    ggml_backend_buffer_free(p->buffer);
    ggml_free(p->weights);
}

static sal_cpu_weights *open_store(sal_compute compute, int64_t pack_memory, int threads) {
    sal_error err = {0};
    sal_cpu_weights *store = NULL;
    assert_ok(sal_cpu_weights_open(compute, pack_memory, threads, &store, &err));
    return store;
}

/* |out - expected| <= relative * sum |x w|, twice: packed at first use, then as packed. */
static void check(const product *p, sal_cpu_weights *store, double relative) {
    sal_error err = {0};
    assert_true(sal_node_is_product(store, 2, p->node));
    for (int again = 0; again < 2; again++) {
        memset(p->node->data, 0xff, ggml_nbytes(p->node));
        assert_ok(sal_products_run(store, 2, &p->node, 1, &err));
        const float *out = p->node->data;
        for (int64_t i = 0; i < ggml_nelements(p->node); i++)
            if (!(fabs((double)out[i] - p->expected[i]) <= relative * p->magnitude[i]))
                fail_msg("element %lld is %g, not %g", (long long)i, (double)out[i],
                         p->expected[i]);
    }
}

static const enum ggml_type TYPES[] = {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0,
                                       GGML_TYPE_Q4_1};

static void float_products_equal_double_precision(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {/* width, columns, rows */
                                        {64, 64, 2}, {192, 200, 64}, {576, 96, 65}, {160, 1000, 7},
                                        {96, 3, 33}, {32, 130, 200}, {576, 9000, 3}};
    for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++) {
        sal_cpu_weights *store = open_store(SAL_COMPUTE_F32, 0, 2);
        product products[sizeof shapes / sizeof *shapes];
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            make(&products[s], TYPES[t], shapes[s][0], shapes[s][1], shapes[s][2], 100 * t + s);
            check(&products[s], store, 1e-6);
        }
        assert_true(sal_cpu_weights_bytes(store) > 0);
        sal_cpu_weights_close(store);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            drop(&products[s]);
    }
}

/* Activations and weights keep 8 bits: half a unit in the last place each, and the sums stay float. */
static void bf16_products_round_activations_alone(void **state) {
    (void)state;
    if (!sal_onednn_bf16())
        skip();
    sal_cpu_weights *store = open_store(SAL_COMPUTE_BF16, 0, 2);
    product p;
    make(&p, GGML_TYPE_BF16, 576, 200, 70, 1);
    check(&p, store, 1.0 / 256);
    sal_cpu_weights_close(store);
    drop(&p);
}

static void budget_and_threads_change_no_byte(void **state) {
    (void)state;
    static const int64_t budgets[] = {0, -1, 300000}; /* all, none, the first weight only */
    sal_error err = {0};
    for (int bf16 = 0; bf16 < (sal_onednn_bf16() ? 2 : 1); bf16++) {
        product p[2];
        make(&p[0], GGML_TYPE_Q8_0, 256, 200, 100, 2);
        make(&p[1], GGML_TYPE_F32, 512, 300, 100, 3);
        void *first[2] = {malloc(ggml_nbytes(p[0].node)), malloc(ggml_nbytes(p[1].node))};
        for (int run = 0; run < 9; run++) {
            sal_cpu_weights *store =
                open_store(bf16 ? SAL_COMPUTE_BF16 : SAL_COMPUTE_F32, budgets[run / 3], 3);
            for (int i = 0; i < 2; i++) {
                assert_ok(sal_products_run(store, 1 + run % 3, &p[i].node, 1, &err));
                if (run == 0)
                    memcpy(first[i], p[i].node->data, ggml_nbytes(p[i].node));
                assert_memory_equal(first[i], p[i].node->data, ggml_nbytes(p[i].node));
            }
            const bool none = run / 3 == 1;
            assert_true(none ? sal_cpu_weights_bytes(store) == 0
                             : sal_cpu_weights_bytes(store) > 0);
            sal_cpu_weights_close(store);
        }
        for (int i = 0; i < 2; i++) {
            free(first[i]);
            drop(&p[i]);
        }
    }
}

/* A layer's products of the same rows are made in one loop, those of few rows at least: as if each were alone. */
static void products_of_the_same_rows_change_no_byte(void **state) {
    (void)state;
    static const struct {
        enum ggml_type type;
        int64_t columns;
    } weights[] = {
        {GGML_TYPE_BF16, 200}, {GGML_TYPE_BF16, 70}, {GGML_TYPE_Q8_0, 96}, {GGML_TYPE_F16, 1003}};
    enum { WEIGHTS = sizeof weights / sizeof *weights };
    sal_error err = {0};
    for (int64_t rows = 2; rows < 100; rows += 29) {
        product p[WEIGHTS];
        struct ggml_tensor *nodes[WEIGHTS];
        void *alone[WEIGHTS];
        sal_cpu_weights *store = open_store(SAL_COMPUTE_F32, 0, 3);
        for (int i = 0; i < WEIGHTS; i++) {
            make(&p[i], weights[i].type, 256, weights[i].columns, rows, 40 + (uint64_t)i);
            nodes[i] = p[i].node;
            nodes[i]->src[1] = p[0].node->src[1];
            assert_ok(sal_products_run(store, 1, &nodes[i], 1, &err));
            alone[i] = malloc(ggml_nbytes(nodes[i]));
            memcpy(alone[i], nodes[i]->data, ggml_nbytes(nodes[i]));
        }
        for (int threads = 1; threads <= 3; threads++) {
            for (int i = 0; i < WEIGHTS; i++)
                memset(nodes[i]->data, 0xff, ggml_nbytes(nodes[i]));
            assert_ok(sal_products_run(store, threads, nodes, WEIGHTS, &err));
            for (int i = 0; i < WEIGHTS; i++)
                assert_memory_equal(alone[i], nodes[i]->data, ggml_nbytes(nodes[i]));
        }
        sal_cpu_weights_close(store);
        for (int i = 0; i < WEIGHTS; i++) {
            free(alone[i]);
            drop(&p[i]);
        }
    }
}

static void what_is_no_product_stays_with_libllama(void **state) {
    (void)state;
    sal_cpu_weights *store = open_store(SAL_COMPUTE_F32, 0, 1);
    product p;
    make(&p, GGML_TYPE_F32, 64, 64, 2, 4);
    assert_true(sal_node_is_product(store, 2, p.node));
    assert_false(sal_node_is_product(NULL, 2, p.node));
    ggml_backend_buffer_set_usage(
        p.buffer, GGML_BACKEND_BUFFER_USAGE_COMPUTE); /* not a weight: K of an attention */
    assert_false(sal_node_is_product(store, 2, p.node));
    ggml_backend_buffer_set_usage(p.buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    p.node->op_params[1] = GGML_HINT_SRC0_IS_HADAMARD;
    assert_false(sal_node_is_product(store, 2, p.node));
    p.node->op_params[1] = 0;
    p.node->src[1]->ne[1] = 1; /* one row: reading the weights once is all there is to do */
    assert_false(sal_node_is_product(store, 2, p.node));
    sal_cpu_weights_close(store);
    store = open_store(SAL_COMPUTE_STOCK, 0, 1);
    p.node->src[1]->ne[1] = 2;
    assert_false(sal_node_is_product(store, 2, p.node));
    sal_cpu_weights_close(store);
    drop(&p);
}

static void out_of_memory_is_an_error_or_only_slower(void **state) {
    (void)state;
    product p;
    make(&p, GGML_TYPE_Q8_0, 256, 200, 5, 5);
    const long before = sal_faulty_blocks();
    bool done = false;
    for (long n = 0; !done; n++) {
        sal_error err = {0};
        sal_cpu_weights *store = NULL;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_cpu_weights_open(SAL_COMPUTE_F32, 1 << 20, 2, &store, &err);
        if (status == SAL_OK)
            status = sal_products_run(store, 2, &p.node, 1, &err);
        done = !sal_faulty_reset();
        if (status == SAL_OK) {
            const float *out = p.node->data;
            for (int64_t i = 0; i < ggml_nelements(p.node); i++)
                assert_true(fabs((double)out[i] - p.expected[i]) <= 1e-6 * p.magnitude[i]);
        } else {
            assert_int_equal(done ? SAL_OK : SAL_ENOMEM, status);
        }
        sal_cpu_weights_close(store);
        assert_int_equal(sal_faulty_blocks(), before);
    }
    drop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_products_equal_double_precision),
        cmocka_unit_test(bf16_products_round_activations_alone),
        cmocka_unit_test(budget_and_threads_change_no_byte),
        cmocka_unit_test(products_of_the_same_rows_change_no_byte),
        cmocka_unit_test(what_is_no_product_stays_with_libllama),
        cmocka_unit_test(out_of_memory_is_an_error_or_only_slower),
    };
    if (!sal_onednn_here())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
