/** Products of a few rows with half-precision weights: the weights are read where they lie in the file, once for all rows.
 *
 *  math   out[r, c] = sum_i x[r, i] w[c, i]; a weight widens to float exactly, products and sums are float in one fixed order a result,
 *         whatever the rows and columns beside it
 *
 *  Decoding ten sequences reads every weight for ten rows: its time is that of reading them, and a packed copy in float is twice as
 *  long. Pure functions over arrays: nothing here knows libllama.
 */
#ifndef SALIENT_CPU_FEW_H
#define SALIENT_CPU_FEW_H

#include <stdint.h>

#include "attention.h"

enum { SAL_FEW_ROWS = 16 }; /* at most; more rows are worth a packed copy */

typedef enum sal_half {
    SAL_HALF_F16,
    SAL_HALF_BF16,
    SAL_HALF_BF16_BOTH, /* x is bf16 too; pairs of products are added as the processor's instruction does, subnormals are 0 */
    SAL_HALVES
} sal_half;

typedef struct sal_few {
    int64_t rows;            /* 1 .. SAL_FEW_ROWS */
    int64_t width, columns;  /* width: a multiple of the kernel's step */
    const float *x;          /* [rows, width]; as prepare leaves it, where there is one */
    const uint16_t *weights; /* [columns, width] */
    float *out;              /* [rows, stride] */
    int64_t stride;
} sal_few;

typedef struct sal_few_kernel {
    int64_t step;    /* of widths */
    int64_t columns; /* what columns are best cut into multiples of */
    /** Make count numbers of x (a multiple of step) what multiply wants: SAL_HALF_BF16: in the order in which bf16 weights come apart;
     *  SAL_HALF_BF16_BOTH: bf16, in half the room. NULL: x is as it should be. */
    void (*prepare[SAL_HALVES])(const float *x, int64_t count, float *out);
    /** All columns. NULL: not by these instructions. */
    void (*multiply[SAL_HALVES])(const sal_few *few);
} sal_few_kernel;

/** The kernel of an instruction set, the better one where the processor has instructions for bf16; NULL: it has none. */
const sal_few_kernel *sal_few_kernel_of(sal_cpu_features features);

#if defined(__x86_64__)
extern const sal_few_kernel sal_few_avx2;
extern const sal_few_kernel sal_few_avx512;
extern const sal_few_kernel sal_few_avx512_bf16;
#endif

#endif
