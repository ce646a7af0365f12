/* Half precision by integers: the exponent is moved, the mantissa rounded to ten bits. */
#include "io/half.h"

#include <string.h>

static uint16_t half_of(float value) {
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) /* NaN */
        return (uint16_t)(sign | 0x7e00);
    if (magnitude >= 0x477fe000) /* 65504 and above */
        return (uint16_t)(sign | 0x7bff);
    if (magnitude < 0x33000000) /* below half the smallest */
        return sign;
    uint32_t shift = 13, mantissa = magnitude;
    if (magnitude < 0x38800000) { /* subnormal: the hidden bit appears, the shift grows */
        shift = 126 - (magnitude >> 23);
        mantissa = (magnitude & 0x7fffff) | 0x800000;
    } else {
        mantissa -= 0x38000000; /* exponent 127 -> 15 */
    }
    const uint32_t half = mantissa >> shift, rest = mantissa & ((1u << shift) - 1);
    const uint32_t middle = 1u << (shift - 1);
    return (uint16_t)(sign | (half + (rest > middle || (rest == middle && (half & 1) != 0))));
}

static float float_of(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 31, mantissa = half & 0x3ff;
    uint32_t bits = 0;
    float value = 0;
    if (exponent == 0) {
        value = (float)mantissa * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    bits = exponent == 31 ? 0x7f800000u | mantissa << 13 : (exponent + 112) << 23 | mantissa << 13;
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void sal_half_from_floats(const float *values, size_t count, uint16_t *halves) {
    for (size_t i = 0; i < count; i++)
        halves[i] = half_of(values[i]);
}

void sal_half_to_floats(const uint16_t *halves, size_t count, float *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = float_of(halves[i]);
}
