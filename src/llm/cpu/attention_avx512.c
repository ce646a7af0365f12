/* AVX-512: 16 rows a vector, 24 sums in registers. */
#include "attention_kernel.h"

#if defined(__x86_64__)

#include "vector_avx512.h"

#define KEYS 8
#define ROWS 6
#define COLUMNS 4
#define THIN_KEYS 4
#define THIN_COLUMNS 4

PRIMITIVE vector largest(vector a, vector b) {
    return _mm512_max_ps(a, b);
}

/* 2^x = 2^n 2^r, n the nearest whole number; 2^r by Cephes' polynomial. Below -200 all is 0; max keeps a NaN in its second place. */
PRIMITIVE vector power2(vector x) {
    x = _mm512_max_ps(all(-200.0f), x);
    vector n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vector r = sub(x, n);
    vector p = all(1.535336188319500e-4f);
    p = multiply_add(p, r, all(1.339887440266574e-3f));
    p = multiply_add(p, r, all(9.618437357674640e-3f));
    p = multiply_add(p, r, all(5.550332471162809e-2f));
    p = multiply_add(p, r, all(2.402264791363012e-1f));
    p = multiply_add(p, r, all(6.931472028550421e-1f));
    p = multiply_add(p, r, all(1.0f));
    return _mm512_scalef_ps(p, n);
}

PRIMITIVE vector hide(vector v, const uint32_t *words, uint32_t bit) {
    __mmask16 seen =
        _mm512_test_epi32_mask(_mm512_loadu_si512(words), _mm512_set1_epi32((int32_t)bit));
    return _mm512_mask_blend_ps(seen, all(-__builtin_inff()), v);
}

PRIMITIVE vector hide_bits(vector v, uint32_t bits) {
    return _mm512_mask_blend_ps((__mmask16)bits, all(-__builtin_inff()), v);
}
PRIMITIVE float top(vector v) {
    return _mm512_reduce_max_ps(v);
}

#include "attention_body.h"
#include "attention_thin.h"

TARGET static bool widen(const uint16_t *in, int64_t count, float *out) {
    const __m256i top = _mm256_set1_epi16(0x7c00); /* the exponent of infinities and NaN */
    __mmask16 bad = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i half = _mm256_loadu_si256((const __m256i *)(in + i));
        bad |= _mm256_cmpeq_epi16_mask(_mm256_and_si256(half, top), top);
        save(out + i, _mm512_cvtph_ps(half));
    }
    if (i < count) {
        __mmask16 rest = (__mmask16)((1u << (count - i)) - 1);
        __m256i half = _mm256_maskz_loadu_epi16(rest, in + i);
        bad |= _mm256_cmpeq_epi16_mask(_mm256_and_si256(half, top), top);
        _mm512_mask_storeu_ps(out + i, rest, _mm512_cvtph_ps(half));
    }
    return bad == 0;
}

TARGET static uint64_t see(const uint16_t *mask, int64_t count, bool *biased) {
    uint64_t seen = 0;
    for (int half = 0; half < 2; half++) {
        int64_t left = count - 32 * half;
        if (left <= 0)
            break;
        __mmask32 there = left >= 32 ? UINT32_MAX : (__mmask32)((UINT32_C(1) << left) - 1);
        __m512i value = _mm512_maskz_loadu_epi16(there, mask + 32 * half);
        __mmask32 bits =
            _mm512_mask_cmpneq_epi16_mask(there, value, _mm512_set1_epi16((short)0xfc00));
        if (_mm512_mask_test_epi16_mask(bits, value, _mm512_set1_epi16(0x7fff)) != 0)
            *biased = true;
        seen |= (uint64_t)bits << (32 * half);
    }
    return seen;
}

const sal_attention_kernel sal_attention_avx512 = {LANES, widen, widen_rows, see,
                                                   chunk, decay, columns,    thin};

#else
typedef int sal_attention_avx512_needs_x86_64;
#endif
