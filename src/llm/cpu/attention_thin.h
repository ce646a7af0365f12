/** The kernel of few rows (sal_thin), written once, included after attention_body.h by the instruction sets that have it.
 *
 *  wanted  besides what attention_body.h wants: THIN_KEYS and THIN_COLUMNS (keys and vectors at a time), load_half(p), hide_bits(v, bits)
 *          (-inf in lanes whose bit is 0), top(v), total(v) (over the lanes) */

INLINE const uint16_t *thin_row(const char *first, size_t stride, int64_t index) {
    return (const uint16_t *)(const void *)(first + (size_t)index * stride);
}

/* Scores of LANES keys for all rows: sums along the lanes first, then one transposed sum a row. */
INLINE void thin_scores(const sal_thin *t, int first, float *scores, const int rows) {
    vector parts[SAL_THIN_ROWS][LANES];
    for (int k = 0; k < LANES; k += THIN_KEYS) {
        vector sums[THIN_KEYS][SAL_THIN_ROWS];
        const uint16_t *key[THIN_KEYS];
        UNROLL for (int j = 0; j < THIN_KEYS; j++) {
            /* past the last key there may be no memory; what is computed there is hidden */
            const int64_t at = first + k + j;
            key[j] = thin_row(t->key, t->key_stride, at < t->keys ? at : t->keys - 1);
            UNROLL for (int r = 0; r < rows; r++) sums[j][r] = zero();
        }
        for (int64_t i = 0; i < t->width; i += LANES) {
            vector query[SAL_THIN_ROWS];
            UNROLL for (int r = 0; r < rows; r++) query[r] = load(t->queries + r * t->width + i);
            UNROLL for (int j = 0; j < THIN_KEYS; j++) {
                vector part = load_half(key[j] + i);
                UNROLL for (int r = 0; r < rows; r++) sums[j][r] =
                    multiply_add(part, query[r], sums[j][r]);
            }
        }
        UNROLL for (int j = 0; j < THIN_KEYS; j++) {
            UNROLL for (int r = 0; r < rows; r++) parts[r][k + j] = sums[j][r];
        }
    }
    for (int r = 0; r < rows; r++)
        save(scores + r * SAL_CHUNK + first, transposed_sum(parts[r]));
}

/* One row's scores to weights; return what its earlier sums are multiplied by. */
INLINE float thin_weigh(const sal_thin *t, int row, float *scores) {
    vector most = all(t->max[row]);
    for (int k = 0; k < SAL_CHUNK; k += LANES) {
        vector score = load(scores + k);
        if (t->bias != NULL)
            score = add(score, load(t->bias + k));
        score = hide_bits(score, (uint32_t)(t->seen >> k));
        save(scores + k, score);
        most = largest(most, score);
    }
    const float now = top(most);
    vector sum = zero();
    for (int k = 0; k < SAL_CHUNK; k += LANES) {
        vector weight = power2(sub(load(scores + k), all(now)));
        save(scores + k, weight);
        sum = add(sum, weight);
    }
    float factor[LANES];
    save(factor, power2(all(t->max[row] - now)));
    t->sum[row] = t->sum[row] * factor[0] + total(sum);
    t->max[row] = now;
    return factor[0];
}

INLINE void thin_values(const sal_thin *t, const float *weights, const float *factors, int64_t x,
                        const int rows, const int columns) {
    vector sums[SAL_THIN_ROWS][THIN_COLUMNS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < columns; j++) sums[r][j] =
            mul(load(t->out + r * t->value_width + x + j * LANES), all(factors[r]));
    }
    for (uint64_t left = t->seen; left != 0; left &= left - 1) {
        const int k = __builtin_ctzll(left);
        const uint16_t *value = thin_row(t->value, t->value_stride, k) + x;
        UNROLL for (int j = 0; j < columns; j++) {
            vector part = load_half(value + j * LANES);
            UNROLL for (int r = 0; r < rows; r++) sums[r][j] =
                multiply_add(all(weights[r * SAL_CHUNK + k]), part, sums[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < columns; j++)
            save(t->out + r * t->value_width + x + j * LANES, sums[r][j]);
    }
}

INLINE void thin_rows(const sal_thin *t, const int rows) {
    float weights[SAL_THIN_ROWS * SAL_CHUNK], factors[SAL_THIN_ROWS];
    for (int k = 0; k < SAL_CHUNK; k += LANES) {
        for (int j = k; t->next && j < k + LANES; j++) {
            fetch(t->key + (size_t)(SAL_CHUNK + j) * t->key_stride, t->width);
            fetch(t->value + (size_t)(SAL_CHUNK + j) * t->value_stride, t->value_width);
        }
        thin_scores(t, k, weights, rows);
    }
    for (int r = 0; r < rows; r++)
        factors[r] = thin_weigh(t, r, weights + r * SAL_CHUNK);
    int64_t x = 0;
    for (; x + THIN_COLUMNS * LANES <= t->value_width; x += THIN_COLUMNS * LANES)
        thin_values(t, weights, factors, x, rows, THIN_COLUMNS);
    for (; x < t->value_width; x += LANES)
        thin_values(t, weights, factors, x, rows, 1);
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
