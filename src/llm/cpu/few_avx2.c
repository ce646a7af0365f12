/* AVX2: 8 numbers a vector, 12 sums in registers. */
#include "few.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define LANES 8
#define GROUP 3
#define SUMS 12
#define PRIMITIVE static inline __attribute__((always_inline)) TARGET

typedef __m256 vector;

PRIMITIVE vector zero(void) {
    return _mm256_setzero_ps();
}
PRIMITIVE vector load(const float *p) {
    return _mm256_loadu_ps(p);
}
PRIMITIVE void save(float *p, vector v) {
    _mm256_storeu_ps(p, v);
}
PRIMITIVE vector multiply_add(vector a, vector b, vector c) {
    return _mm256_fmadd_ps(a, b, c);
}
PRIMITIVE float total(vector v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
PRIMITIVE vector even_bf16(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)p), 16));
}
PRIMITIVE vector odd_bf16(const uint16_t *p) {
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i *)p), upper));
}
PRIMITIVE vector load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
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

const sal_few_kernel sal_few_avx2 = {STEP, prepare, {multiply_f16, multiply_bf16}};

#else
typedef int sal_few_avx2_needs_x86_64;
#endif
