/** AVX-512: 16 numbers a vector, and what all kernels do with them.
 *
 *  Each file that is compiled for this instruction set includes this first: kernels are written once, in *_body.h, in these words. */
#ifndef SALIENT_CPU_VECTOR_AVX512_H
#define SALIENT_CPU_VECTOR_AVX512_H

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#ifdef AVX512_BF16 /* defined before by who wants it */
#define TARGET                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c")))
#else
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#endif
#define PRIMITIVE static inline __attribute__((always_inline)) TARGET
#define LANES 16

typedef __m512 vector;

PRIMITIVE vector zero(void) {
    return _mm512_setzero_ps();
}
PRIMITIVE vector all(float x) {
    return _mm512_set1_ps(x);
}
PRIMITIVE vector load(const float *p) {
    return _mm512_loadu_ps(p);
}
PRIMITIVE void save(float *p, vector v) {
    _mm512_storeu_ps(p, v);
}
PRIMITIVE vector mul(vector a, vector b) {
    return _mm512_mul_ps(a, b);
}
PRIMITIVE vector add(vector a, vector b) {
    return _mm512_add_ps(a, b);
}
PRIMITIVE vector sub(vector a, vector b) {
    return _mm512_sub_ps(a, b);
}
PRIMITIVE vector multiply_add(vector a, vector b, vector c) {
    return _mm512_fmadd_ps(a, b, c);
}
PRIMITIVE vector load_half(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
PRIMITIVE float total(vector v) {
    return _mm512_reduce_add_ps(v);
}
/* Lanes 4 i + j of each 128-bit part: the part's share of the sums of four vectors. */
PRIMITIVE vector sum_four(const vector *v) {
    vector a = add(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    vector b = add(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b));
    return add(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
}
/* Lane j of the result is the sum of v[j]'s lanes. */
PRIMITIVE vector transposed_sum(const vector *v) {
    vector a = sum_four(v), b = sum_four(v + 4), c = sum_four(v + 8), d = sum_four(v + 12);
    vector ab = add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    vector cd = add(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    return add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

#endif

#endif
