/** AVX2 with FMA and F16C: 8 numbers a vector, and what all kernels do with them.
 *
 *  Each file that is compiled for this instruction set includes this first: kernels are written once, in *_body.h, in these words. */
#ifndef SALIENT_CPU_VECTOR_AVX2_H
#define SALIENT_CPU_VECTOR_AVX2_H

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define PRIMITIVE static inline __attribute__((always_inline)) TARGET
#define LANES 8

typedef __m256 vector;

PRIMITIVE vector zero(void) {
    return _mm256_setzero_ps();
}
PRIMITIVE vector all(float x) {
    return _mm256_set1_ps(x);
}
PRIMITIVE vector load(const float *p) {
    return _mm256_loadu_ps(p);
}
PRIMITIVE void save(float *p, vector v) {
    _mm256_storeu_ps(p, v);
}
PRIMITIVE vector mul(vector a, vector b) {
    return _mm256_mul_ps(a, b);
}
PRIMITIVE vector add(vector a, vector b) {
    return _mm256_add_ps(a, b);
}
PRIMITIVE vector sub(vector a, vector b) {
    return _mm256_sub_ps(a, b);
}
PRIMITIVE vector multiply_add(vector a, vector b, vector c) {
    return _mm256_fmadd_ps(a, b, c);
}
PRIMITIVE vector load_half(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
PRIMITIVE float total(vector v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
PRIMITIVE vector transposed_sum(const vector *v) {
    vector a = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    vector b = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return add(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

#endif

#endif
