/* AVX2: 12 sums in registers. */
#include "few.h"

#include <stddef.h>

#if defined(__x86_64__)

#include "vector_avx2.h"

#define GROUP 3
#define WIDE 4
#define FEW 1

PRIMITIVE vector even_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)p), 16));
}
PRIMITIVE vector odd_bf16(const uint16_t *p) {
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i *)p), upper));
}

PRIMITIVE vector in_order(__m256 v) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8));
}
PRIMITIVE void come_apart(const float *p, vector v[2]) {
    const vector low = load(p), high = load(p + LANES);
    v[0] = in_order(_mm256_shuffle_ps(low, high, 0x88));
    v[1] = in_order(_mm256_shuffle_ps(low, high, 0xdd));
}

#include "few_body.h"

const sal_few_kernel sal_few_avx2 = {
    STEP, 2 * WIDE, {NULL, prepare_bf16, NULL}, {multiply_f16, multiply_bf16, NULL}};

#else
typedef int sal_few_avx2_needs_x86_64;
#endif
