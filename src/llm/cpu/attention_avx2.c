/* AVX2 with FMA and F16C: 8 rows a vector, 12 sums in registers. */
#include "attention_kernel.h"

#if defined(__x86_64__)

#include "vector_avx2.h"

#define KEYS 4
#define ROWS 4
#define COLUMNS 3
#define THIN_KEYS 2
#define THIN_COLUMNS 2

PRIMITIVE vector largest(vector a, vector b) {
    return _mm256_max_ps(a, b);
}

/* As in attention_avx512.c; 2^n is made by its exponent bits, which are 0 (the number 0) at -127. */
PRIMITIVE vector power2(vector x) {
    x = _mm256_max_ps(all(-127.0f), x);
    vector n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vector r = sub(x, n);
    vector p = all(1.535336188319500e-4f);
    p = multiply_add(p, r, all(1.339887440266574e-3f));
    p = multiply_add(p, r, all(9.618437357674640e-3f));
    p = multiply_add(p, r, all(5.550332471162809e-2f));
    p = multiply_add(p, r, all(2.402264791363012e-1f));
    p = multiply_add(p, r, all(6.931472028550421e-1f));
    p = multiply_add(p, r, all(1.0f));
    __m256i power =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return mul(p, _mm256_castsi256_ps(power));
}

PRIMITIVE vector hide(vector v, const uint32_t *words, uint32_t bit) {
    __m256i wanted = _mm256_set1_epi32((int32_t)bit);
    __m256i word = _mm256_loadu_si256((const __m256i *)words);
    __m256i seen = _mm256_cmpeq_epi32(_mm256_and_si256(word, wanted), wanted);
    return _mm256_blendv_ps(all(-__builtin_inff()), v, _mm256_castsi256_ps(seen));
}

PRIMITIVE vector hide_bits(vector v, uint32_t bits) {
    const __m256i lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i own = _mm256_and_si256(_mm256_set1_epi32((int32_t)bits), lanes);
    return _mm256_blendv_ps(all(-__builtin_inff()), v,
                            _mm256_castsi256_ps(_mm256_cmpeq_epi32(own, lanes)));
}
PRIMITIVE float top(vector v) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

#include "attention_body.h"
#include "attention_thin.h"

TARGET static bool widen(const uint16_t *in, int64_t count, float *out) {
    const __m128i top = _mm_set1_epi16(0x7c00); /* the exponent of infinities and NaN */
    __m128i bad = _mm_setzero_si128();
    int64_t i = 0;
    bool finite = true;
    for (; i + LANES <= count; i += LANES) {
        __m128i half = _mm_loadu_si128((const __m128i *)(in + i));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi16(_mm_and_si128(half, top), top));
        save(out + i, _mm256_cvtph_ps(half));
    }
    for (; i < count; i++) {
        finite = finite && (in[i] & 0x7c00) != 0x7c00;
        out[i] = _cvtsh_ss(in[i]);
    }
    return finite && _mm_testz_si128(bad, bad);
}

TARGET static uint64_t see(const uint16_t *mask, int64_t count, bool *biased) {
    uint64_t seen = 0;
    int64_t k = 0;
    const __m256i never = _mm256_set1_epi16((short)0xfc00);
    const __m256i size = _mm256_set1_epi16(0x7fff);
    for (; k + 16 <= count; k += 16) {
        __m256i value = _mm256_loadu_si256((const __m256i *)(mask + k));
        __m256i hidden = _mm256_cmpeq_epi16(value, never);
        if (!_mm256_testz_si256(_mm256_andnot_si256(hidden, value), size))
            *biased = true;
        /* One bit a byte, then one a half: every second of the byte mask. */
        __m128i bytes =
            _mm_packs_epi16(_mm256_castsi256_si128(hidden), _mm256_extracti128_si256(hidden, 1));
        seen |= (uint64_t)(uint16_t)~_mm_movemask_epi8(bytes) << k;
    }
    for (; k < count; k++) {
        if (mask[k] == 0xfc00)
            continue;
        seen |= UINT64_C(1) << k;
        if ((mask[k] & 0x7fff) != 0)
            *biased = true;
    }
    return seen;
}

const sal_attention_kernel sal_attention_avx2 = {LANES, widen, widen_rows, see,
                                                 chunk, decay, columns,    thin};

#else
typedef int sal_attention_avx2_needs_x86_64;
#endif
