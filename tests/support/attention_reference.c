#include "attention_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double reference_of_half(uint16_t half) {
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = (half & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31)
        return fraction != 0 ? NAN : sign * INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

uint16_t reference_to_half(double x) {
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    int exponent;
    const double size = fabs(x);
    if (size < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)lrint(ldexp(size, 24)));
    frexp(size, &exponent); /* size = m 2^exponent, m in [1/2, 1) */
    long fraction = lrint(ldexp(size, 11 - exponent));
    if (fraction == 2048) {
        fraction = 1024;
        exponent++;
    }
    return (uint16_t)(sign | (exponent + 14) << 10 | (fraction - 1024));
}

static double half_at(const void *base, size_t offset) {
    uint16_t half;
    memcpy(&half, (const char *)base + offset, sizeof half);
    return reference_of_half(half);
}

/* One row: weights [keys] from scores, 0 where masked; all 0 when everything is. */
static void row_weights(const sal_attention *a, int64_t stream, int64_t head, int64_t query,
                        double *weights) {
    const int64_t of = head / (a->heads / a->heads_kv);
    const float *q =
        (const float *)(const void *)((const char *)a->q + (size_t)query * a->q_query +
                                      (size_t)head * a->q_head + (size_t)stream * a->q_stream);
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < a->keys; j++) {
        const double mask = half_at(a->mask, (size_t)stream * a->mask_stream +
                                                 (size_t)query * a->mask_query + (size_t)j * 2);
        weights[j] = -INFINITY;
        if (mask == -INFINITY)
            continue;
        double dot = 0;
        for (int64_t i = 0; i < a->width; i++)
            dot += (double)q[i] * half_at(a->k, (size_t)j * a->k_key + (size_t)of * a->k_head +
                                                    (size_t)stream * a->k_stream + (size_t)i * 2);
        weights[j] = dot * (double)a->scale + mask;
        max = fmax(max, weights[j]);
    }
    for (int64_t j = 0; j < a->keys; j++) {
        weights[j] = weights[j] == -INFINITY ? 0 : exp(weights[j] - max);
        sum += weights[j];
    }
    for (int64_t j = 0; j < a->keys && sum != 0; j++)
        weights[j] /= sum;
}

void reference_attention(const sal_attention *a, double *out, double *weights) {
    double *row = malloc((size_t)a->keys * sizeof *row);
    if (row == NULL)
        abort();
    for (int64_t stream = 0; stream < a->streams; stream++) {
        for (int64_t query = 0; query < a->queries; query++) {
            for (int64_t head = 0; head < a->heads; head++) {
                const int64_t of = head / (a->heads / a->heads_kv);
                row_weights(a, stream, head, query, row);
                if (weights != NULL && stream == 0)
                    memcpy(weights + (head * a->queries + query) * a->keys, row,
                           (size_t)a->keys * sizeof *row);
                double *to =
                    out + ((stream * a->queries + query) * a->heads + head) * a->value_width;
                for (int64_t i = 0; i < a->value_width; i++) {
                    to[i] = 0;
                    for (int64_t j = 0; j < a->keys; j++) {
                        const uint16_t *mask =
                            (const uint16_t *)(const void *)((const char *)a->mask +
                                                             (size_t)stream * a->mask_stream +
                                                             (size_t)query * a->mask_query);
                        if (mask[j] != 0xfc00)
                            to[i] +=
                                row[j] *
                                half_at(a->v, (size_t)j * a->v_key + (size_t)of * a->v_head +
                                                  (size_t)stream * a->v_stream + (size_t)i * 2);
                    }
                }
            }
        }
    }
    free(row);
}
