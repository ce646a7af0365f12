/* AVX-512: 16 numbers a vector, 25 sums in registers. */
#include "few.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define LANES 16
#define GROUP 5
#define SUMS 25
#define PRIMITIVE static inline __attribute__((always_inline)) TARGET

typedef __m512 vector;

PRIMITIVE vector zero(void) {
    return _mm512_setzero_ps();
}
PRIMITIVE vector load(const float *p) {
    return _mm512_loadu_ps(p);
}
PRIMITIVE void save(float *p, vector v) {
    _mm512_storeu_ps(p, v);
}
PRIMITIVE vector multiply_add(vector a, vector b, vector c) {
    return _mm512_fmadd_ps(a, b, c);
}
PRIMITIVE float total(vector v) {
    return _mm512_reduce_add_ps(v);
}
PRIMITIVE vector even_bf16(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
PRIMITIVE vector odd_bf16(const uint16_t *p) {
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper));
}
PRIMITIVE vector load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

PRIMITIVE void come_apart(const float *p, vector v[2]) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const vector low = load(p), high = load(p + LANES);
    v[0] = _mm512_permutex2var_ps(low, even, high);
    v[1] = _mm512_permutex2var_ps(low, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high);
}

#include "few_body.h"

const sal_few_kernel sal_few_avx512 = {STEP, prepare, {multiply_f16, multiply_bf16}};

#else
typedef int sal_few_avx512_needs_x86_64;
#endif
