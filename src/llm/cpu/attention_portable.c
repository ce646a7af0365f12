/* Any processor: vectors of 4 rows in the compiler's own notation, which every 64-bit machine has registers for. */
#include "attention_kernel.h"

#include <string.h>

#define TARGET
#define LANES 4
#define KEYS 4
#define ROWS 4
#define COLUMNS 3
#define PRIMITIVE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(16)));
typedef int32_t mask4 __attribute__((vector_size(16)));
typedef uint32_t bits4 __attribute__((vector_size(16)));

PRIMITIVE vector all(float x) {
    return (vector){x, x, x, x};
}
PRIMITIVE vector zero(void) {
    return all(0.0f);
}
PRIMITIVE vector load(const float *p) {
    vector v;
    memcpy(&v, p, sizeof v);
    return v;
}
PRIMITIVE void save(float *p, vector v) {
    memcpy(p, &v, sizeof v);
}
PRIMITIVE vector mul(vector a, vector b) {
    return a * b;
}
PRIMITIVE vector add(vector a, vector b) {
    return a + b;
}
PRIMITIVE vector sub(vector a, vector b) {
    return a - b;
}
PRIMITIVE vector multiply_add(vector a, vector b, vector c) {
    return a * b + c;
}
PRIMITIVE vector choose(mask4 which, vector yes, vector no) {
    return (vector)(((mask4)yes & which) | ((mask4)no & ~which));
}
PRIMITIVE vector largest(vector a, vector b) {
    return choose(a > b, a, b);
}

/* As in attention_avx2.c; adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits. */
PRIMITIVE vector power2(vector x) {
    const float magic = 12582912.0f;
    x = choose(x < all(-127.0f), all(-127.0f), x);
    vector shifted = x + all(magic);
    vector n = shifted - all(magic);
    vector r = x - n;
    vector p = all(1.535336188319500e-4f);
    p = p * r + all(1.339887440266574e-3f);
    p = p * r + all(9.618437357674640e-3f);
    p = p * r + all(5.550332471162809e-2f);
    p = p * r + all(2.402264791363012e-1f);
    p = p * r + all(6.931472028550421e-1f);
    p = p * r + all(1.0f);
    const uint32_t start = 0x4b400000 - 127; /* the bits of magic, less the exponent's bias */
    bits4 power =
        ((bits4)shifted - (bits4){start, start, start, start}) & (bits4){255, 255, 255, 255};
    return p * (vector)(power << 23);
}

PRIMITIVE vector hide(vector v, const uint32_t *words, uint32_t bit) {
    const int32_t one = (int32_t)bit;
    mask4 word;
    memcpy(&word, words, sizeof word);
    const float never = -__builtin_inff();
    return choose((word & (mask4){one, one, one, one}) != 0, v, all(never));
}

PRIMITIVE vector transposed_sum(const vector *v) {
    vector sums = {0};
    for (int j = 0; j < LANES; j++)
        sums[j] = (v[j][0] + v[j][1]) + (v[j][2] + v[j][3]);
    return sums;
}

#include "attention_body.h"

/* Half to float by its parts; subnormal halves are normal floats. */
static float float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 31;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)(half & 1023) * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | (uint32_t)(half & 1023) << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool widen(const uint16_t *in, int64_t count, float *out) {
    int bad = 0;
    for (int64_t i = 0; i < count; i++) {
        bad |= (in[i] & 0x7c00) == 0x7c00;
        out[i] = float_of_half(in[i]);
    }
    return bad == 0;
}

static uint64_t see(const uint16_t *mask, int64_t count, bool *biased) {
    uint64_t seen = 0;
    for (int64_t k = 0; k < count; k++) {
        if (mask[k] == 0xfc00)
            continue;
        seen |= UINT64_C(1) << k;
        if ((mask[k] & 0x7fff) != 0)
            *biased = true;
    }
    return seen;
}

const sal_attention_kernel sal_attention_portable = {LANES, widen, NULL,    see,
                                                     chunk, decay, columns, NULL};
