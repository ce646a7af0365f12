/* Products of a few rows with half-precision weights: every instruction set against double precision; a result's bytes do not depend on
 * the rows and columns beside it. */

#include "testing.h"

#include <ggml.h>

#include "llm/cpu/few.h"
#include "salient/random.h"

typedef struct product {
    int64_t rows, width, columns;
    float *x, *apart, *out;
    uint16_t *weights; /* [columns, width] */
    float *numbers;    /* the weights as floats */
} product;

static product make(sal_half half, int64_t rows, int64_t width, int64_t columns, uint64_t seed) {
    sal_random random;
    product p = {.rows = rows, .width = width, .columns = columns};
    sal_random_seed(&random, seed);
    p.x = calloc((size_t)(rows * width), sizeof(float));
    p.apart = calloc((size_t)(rows * width), sizeof(float));
    p.out = calloc((size_t)(rows * columns), sizeof(float));
    p.weights = calloc((size_t)(columns * width), sizeof(uint16_t));
    p.numbers = calloc((size_t)(columns * width), sizeof(float));
    for (int64_t i = 0; i < rows * width; i++)
        p.x[i] = (float)(sal_random_uniform(&random) * 2 - 1);
    for (int64_t i = 0; i < columns * width; i++)
        p.numbers[i] = (float)(sal_random_uniform(&random) * 2 - 1);
    if (half == SAL_HALF_BF16_BOTH) { /* x rounded, so that both sides multiply the same numbers */
        ggml_fp32_to_bf16_row(p.x, (ggml_bf16_t *)(void *)p.apart, rows * width);
        ggml_bf16_to_fp32_row((const ggml_bf16_t *)(const void *)p.apart, p.x, rows * width);
    }
    if (half != SAL_HALF_F16) {
        ggml_fp32_to_bf16_row(p.numbers, (ggml_bf16_t *)(void *)p.weights, columns * width);
        ggml_bf16_to_fp32_row((const ggml_bf16_t *)(const void *)p.weights, p.numbers,
                              columns * width);
    } else {
        ggml_fp32_to_fp16_row(p.numbers, p.weights, columns * width);
        ggml_fp16_to_fp32_row(p.weights, p.numbers, columns * width);
    }
    return p;
}

static void drop(product *p) {
    free(p->x);
    free(p->apart);
    free(p->out);
    free(p->weights);
    free(p->numbers);
}

static void multiply(const sal_few_kernel *kernel, sal_half half, product *p) {
    const float *x = p->x;
    if (kernel->prepare[half] != NULL) {
        kernel->prepare[half](p->x, p->rows * p->width, p->apart);
        x = p->apart;
    }
    const sal_few few = {p->rows, p->width, p->columns, x, p->weights, p->out, p->columns};
    kernel->multiply[half](&few);
}

static double worst(const product *p) {
    double most = 0;
    for (int64_t r = 0; r < p->rows; r++) {
        for (int64_t c = 0; c < p->columns; c++) {
            double sum = 0, size = 0;
            for (int64_t i = 0; i < p->width; i++) {
                const double term =
                    (double)p->x[r * p->width + i] * (double)p->numbers[c * p->width + i];
                sum += term;
                size += fabs(term);
            }
            const double off = fabs((double)p->out[r * p->columns + c] - sum) / size;
            most = !(off <= most) ? off : most;
        }
    }
    return most;
}

enum { KERNELS = 3 };

/* The kernels, the better AVX-512 last; NULL: not for this processor. */
static const sal_few_kernel *kernel_here(size_t index) {
#if defined(__x86_64__)
    const sal_cpu_features set = index == 0 ? SAL_CPU_AVX2 : SAL_CPU_AVX512;
    if (sal_cpu_features_here(set) != set)
        return NULL;
    return index == 1 ? &sal_few_avx512 : sal_few_kernel_of(set);
#else
    (void)index;
    return NULL;
#endif
}

static void portable_code_has_no_kernel_and_leaves_it_to_others(void **state) {
    (void)state;
    assert_null(sal_few_kernel_of(SAL_CPU_PORTABLE));
}

static void results_equal_double_precision(void **state) {
    (void)state;
    static const int64_t columns[] = {1, 4, 39, 40, 41, 127};
    for (size_t s = 0; s < KERNELS; s++) {
        const sal_few_kernel *kernel = kernel_here(s);
        for (int64_t rows = 1; kernel != NULL && rows <= SAL_FEW_ROWS; rows++) {
            for (int half = 0; half < SAL_HALVES; half++) {
                if (kernel->multiply[half] == NULL)
                    continue;
                product p = make((sal_half)half, rows, kernel->step * (1 + rows % 3),
                                 columns[rows % 6], (uint64_t)(rows * 10 + half));
                multiply(kernel, (sal_half)half, &p);
                const double off = worst(&p);
                assert_true(off <= 1e-6);
                drop(&p);
            }
        }
    }
}

static void a_result_does_not_depend_on_its_neighbours(void **state) {
    (void)state;
    for (size_t s = 0; s < KERNELS; s++) {
        const sal_few_kernel *kernel = kernel_here(s);
        for (int half = 0; kernel != NULL && half < SAL_HALVES; half++) {
            if (kernel->multiply[half] == NULL)
                continue;
            product all = make((sal_half)half, SAL_FEW_ROWS, 4 * kernel->step, 83, 7);
            multiply(kernel, (sal_half)half, &all);
            for (int64_t rows = 1; rows < SAL_FEW_ROWS; rows++) {
                product some = make((sal_half)half, SAL_FEW_ROWS, 4 * kernel->step, 83, 7);
                some.rows = rows;
                multiply(kernel, (sal_half)half, &some);
                assert_memory_equal(some.out, all.out, (size_t)(rows * 83) * sizeof(float));
                drop(&some);
            }
            drop(&all);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portable_code_has_no_kernel_and_leaves_it_to_others),
        cmocka_unit_test(results_equal_double_precision),
        cmocka_unit_test(a_result_does_not_depend_on_its_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
