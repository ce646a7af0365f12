/* AVX-512: 25 sums in registers. */
#include "few.h"

#include <stddef.h>

#if defined(__x86_64__)

#include "vector_avx512.h"

#define GROUP 5
#define WIDE 5
#define FEW 2 /* 16 sums, which add up as one transposed vector */

PRIMITIVE vector even_bf16(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
PRIMITIVE vector odd_bf16(const uint16_t *p) {
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper));
}

PRIMITIVE void come_apart(const float *p, vector v[2]) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const vector low = load(p), high = load(p + LANES);
    v[0] = _mm512_permutex2var_ps(low, even, high);
    v[1] = _mm512_permutex2var_ps(low, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high);
}

#ifdef AVX512_BF16
PRIMITIVE vector add_pairs(vector a, vector b, vector sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
PRIMITIVE vector round_pairs(vector low, vector high) {
    return (vector)_mm512_cvtne2ps_pbh(high, low);
}
#endif

#include "few_body.h"

#ifdef AVX512_BF16
const sal_few_kernel sal_few_avx512_bf16 = {STEP,
                                            2 * WIDE,
                                            {NULL, prepare_bf16, prepare_both},
                                            {multiply_f16, multiply_bf16, multiply_both}};
#else
const sal_few_kernel sal_few_avx512 = {
    STEP, 2 * WIDE, {NULL, prepare_bf16, NULL}, {multiply_f16, multiply_bf16, NULL}};
#endif

#else
typedef int sal_few_avx512_needs_x86_64;
#endif
