/* The same kernels, and one that multiplies pairs of bf16. */
#define AVX512_BF16
#include "few_avx512.c"
