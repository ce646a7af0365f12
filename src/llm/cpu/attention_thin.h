/** What works on halves where they lie: the kernel of few rows (sal_thin) and widening, written once, included after attention_body.h by the instruction sets that have it.
 *
 *  wanted  besides what attention_body.h wants: THIN_KEYS and THIN_COLUMNS (keys and vectors at a time), load_half(p), hide_bits(v, bits)
 *          (-inf in lanes whose bit is 0), top(v), total(v) (over the lanes) */

INLINE const uint16_t *thin_row(const char *first, size_t stride, int64_t index) {
    return (const uint16_t *)(const void *)(first + (size_t)index * stride);
}

/* The keys that are seen, in order. The last one is repeated to whole vectors: what is computed with it there is hidden. */
INLINE int list_seen(uint64_t seen, uint8_t *keys) {
    int count = 0;
    if (seen == UINT64_MAX) {
        for (; count < SAL_CHUNK; count++)
            keys[count] = (uint8_t)count;
        return count;
    }
    for (uint64_t left = seen; left != 0; left &= left - 1)
        keys[count++] = (uint8_t)__builtin_ctzll(left);
    for (int k = count; k % LANES != 0; k++)
        keys[k] = keys[count - 1];
    return count;
}

/* Scores of `count` keys, up to LANES, for all rows: sums along the lanes first, then one transposed sum a row. */
INLINE void thin_scores(const sal_thin *t, const uint8_t *keys, int count, float *scores,
                        const int rows) {
    vector parts[SAL_THIN_ROWS][LANES];
    for (int k = 0; k < LANES; k += THIN_KEYS) {
        vector sums[THIN_KEYS][SAL_THIN_ROWS];
        UNROLL for (int j = 0; j < THIN_KEYS; j++) {
            UNROLL for (int r = 0; r < rows; r++) sums[j][r] = zero();
        }
        for (int64_t i = 0; k < count && i < t->width; i += LANES) {
            vector query[SAL_THIN_ROWS];
            UNROLL for (int r = 0; r < rows; r++) query[r] = load(t->row[r].query + i);
            UNROLL for (int j = 0; j < THIN_KEYS; j++) {
                vector part = load_half(thin_row(t->key, t->key_stride, keys[k + j]) + i);
                UNROLL for (int r = 0; r < rows; r++) sums[j][r] =
                    multiply_add(part, query[r], sums[j][r]);
            }
        }
        UNROLL for (int j = 0; j < THIN_KEYS; j++) {
            UNROLL for (int r = 0; r < rows; r++) parts[r][k + j] = sums[j][r];
        }
    }
    for (int r = 0; r < rows; r++)
        save(scores + r * SAL_CHUNK, transposed_sum(parts[r]));
}

/* One row's scores of `count` keys to weights; return what its earlier sums are multiplied by. */
INLINE float thin_weigh(const sal_thin *t, const sal_thin_row *row, const uint8_t *keys, int count,
                        float *scores) {
    vector most = all(*row->max);
    for (int k = 0; t->bias != NULL && k < count; k++)
        scores[k] += t->bias[keys[k]];
    for (int k = 0; k < count; k += LANES) {
        vector score = load(scores + k);
        if (k + LANES > count)
            score = hide_bits(score, (UINT32_C(1) << (count - k)) - 1);
        save(scores + k, score);
        most = largest(most, score);
    }
    const float now = top(most);
    vector sum = zero();
    for (int k = 0; k < count; k += LANES) {
        vector weight = power2(sub(load(scores + k), all(now)));
        save(scores + k, weight);
        sum = add(sum, weight);
    }
    float factor[LANES];
    save(factor, power2(all(*row->max - now)));
    *row->sum = *row->sum * factor[0] + total(sum);
    *row->max = now;
    return factor[0];
}

INLINE void thin_values(const sal_thin *t, const uint8_t *keys, int count, const float *weights,
                        const float *factors, int64_t x, const int rows, const int columns) {
    vector sums[SAL_THIN_ROWS][THIN_COLUMNS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < columns; j++) sums[r][j] =
            mul(load(t->row[r].out + x + j * LANES), all(factors[r]));
    }
    for (int k = 0; k < count; k++) {
        const uint16_t *value = thin_row(t->value, t->value_stride, keys[k]) + x;
        UNROLL for (int j = 0; j < columns; j++) {
            vector part = load_half(value + j * LANES);
            UNROLL for (int r = 0; r < rows; r++) sums[r][j] =
                multiply_add(all(weights[r * SAL_CHUNK + k]), part, sums[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < columns; j++) save(t->row[r].out + x + j * LANES, sums[r][j]);
    }
}

INLINE void thin_rows(const sal_thin *t, const int rows) {
    float weights[SAL_THIN_ROWS * SAL_CHUNK], factors[SAL_THIN_ROWS];
    uint8_t keys[SAL_CHUNK];
    const int count = list_seen(t->seen, keys);
    for (int k = 0; k < SAL_CHUNK; k += LANES) {
        for (int j = k; t->next && j < k + LANES; j++) {
            sal_fetch(t->key + (size_t)(SAL_CHUNK + j) * t->key_stride, t->width);
            sal_fetch(t->value + (size_t)(SAL_CHUNK + j) * t->value_stride, t->value_width);
        }
        if (k < count)
            thin_scores(t, keys + k, count - k, weights + k, rows);
    }
    for (int r = 0; r < rows; r++)
        factors[r] = thin_weigh(t, &t->row[r], keys, count, weights + r * SAL_CHUNK);
    int64_t x = 0;
    for (; x + THIN_COLUMNS * LANES <= t->value_width; x += THIN_COLUMNS * LANES)
        thin_values(t, keys, count, weights, factors, x, rows, THIN_COLUMNS);
    for (; x < t->value_width; x += LANES)
        thin_values(t, keys, count, weights, factors, x, rows, 1);
}

TARGET static void thin(const sal_thin *t) {
    if (t->rows == 1)
        thin_rows(t, 1);
    else if (t->rows == 2)
        thin_rows(t, 2);
    else if (t->rows == 3)
        thin_rows(t, 3);
    else
        thin_rows(t, 4);
}

/* A number that is not finite times 0 is not 0. */
INLINE void widen_row(const char *in, int64_t count, float *out, vector *poison) {
    const uint16_t *half = (const uint16_t *)(const void *)in;
    for (int64_t i = 0; i < count; i += LANES) {
        const vector x = load_half(half + i);
        save(out + i, x);
        *poison = multiply_add(x, zero(), *poison);
    }
}

TARGET static bool widen_rows(const char *in, size_t stride, int64_t rows, int64_t count,
                              int64_t ahead, float *out, int64_t out_stride) {
    vector poison[4] = {zero(), zero(), zero(), zero()};
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        UNROLL for (int r = 0; r < 4; r++) {
            if (ahead > 0)
                sal_fetch(in + (size_t)(row + r + ahead) * stride, count);
            widen_row(in + (size_t)(row + r) * stride, count, out + (row + r) * out_stride,
                      &poison[r]);
        }
    }
    for (; row < rows; row++)
        widen_row(in + (size_t)row * stride, count, out + row * out_stride, &poison[0]);
    return total(add(add(poison[0], poison[1]), add(poison[2], poison[3]))) == 0.0f;
}
