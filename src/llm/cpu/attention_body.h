/** The kernels of attention_kernel.h, written once. Each attention_<set>.c defines the vector and its primitives, then includes this.
 *
 *  wanted  TARGET (function attribute), LANES, KEYS (keys of a score tile), ROWS and COLUMNS (rows and vectors of an output tile),
 *          vector, zero(), all(float), load(p), save(p, v), mul, add, sub, multiply_add(a, b, c) = a b + c, largest(a, b) (b when one is NaN),
 *          power2(x) for x <= 0 or NaN (0 for -inf), hide(v, words, bit) (-inf in lanes whose word lacks the bit), transposed_sum(v[LANES])
 *
 *  Not a header in the usual sense: no guard, included by exactly one file per instruction set. */

#define ROW_STRIDE (SAL_VECTORS * LANES)
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline)) TARGET

/* scores[k][r] = keys[k] . queries[.][r] for KEYS keys and `vectors` vectors of rows, all in registers. */
INLINE void score_tile(const float *keys, const float *queries, int64_t width, float *scores,
                       const int vectors) {
    vector sums[KEYS][SAL_VECTORS];
    UNROLL for (int k = 0; k < KEYS; k++) {
        UNROLL for (int v = 0; v < vectors; v++) sums[k][v] = zero();
    }
    for (int64_t i = 0; i < width; i++) {
        vector row[SAL_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) row[v] =
            load(queries + i * ROW_STRIDE + v * LANES);
        UNROLL for (int k = 0; k < KEYS; k++) {
            vector key = all(keys[k * width + i]);
            UNROLL for (int v = 0; v < vectors; v++) sums[k][v] =
                multiply_add(key, row[v], sums[k][v]);
        }
    }
    UNROLL for (int k = 0; k < KEYS; k++) {
        UNROLL for (int v = 0; v < vectors; v++)
            save(scores + k * ROW_STRIDE + v * LANES, sums[k][v]);
    }
}

/* A few keys at a time: the processor has room for so many under way. */
INLINE void fetch_next(const sal_chunk *c, int first) {
    for (int k = first; k < first + KEYS; k++) {
        sal_fetch(c->next_key + (size_t)k * c->next_key_stride, c->width);
        if (c->value_width > 0)
            sal_fetch(c->next_value + (size_t)k * c->next_value_stride, c->value_width);
    }
}

INLINE void score_chunk(const sal_chunk *c, const int vectors) {
    for (int k = 0; k < SAL_CHUNK; k += KEYS) {
        if (c->next_key != NULL)
            fetch_next(c, k);
        score_tile(c->keys + k * c->width, c->queries, c->width, c->weights + k * ROW_STRIDE,
                   vectors);
    }
}

/* Mask and bias one vector of rows, move its maximum on, turn scores into weights and add them up. */
INLINE void weigh(const sal_chunk *c, int v) {
    float *scores = c->weights + v * LANES;
    const uint32_t *seen = c->seen[v];
    const vector before = load(c->max + v * LANES);
    vector top[4] = {before, before, before, before};
    if (seen == NULL && c->bias == NULL) {
        for (int k = 0; k < SAL_CHUNK; k += 4) {
            UNROLL for (int j = 0; j < 4; j++) top[j] =
                largest(top[j], load(scores + (k + j) * ROW_STRIDE));
        }
    } else {
        for (int k = 0; k < SAL_CHUNK; k++) {
            vector score = load(scores + k * ROW_STRIDE);
            if (c->bias != NULL)
                score = add(score, load(c->bias + k * ROW_STRIDE + v * LANES));
            if (seen != NULL)
                score = hide(score, seen + k / 32 * LANES, (uint32_t)1 << k % 32);
            save(scores + k * ROW_STRIDE, score);
            top[0] = largest(top[0], score);
        }
    }
    const vector now = largest(largest(top[0], top[1]), largest(top[2], top[3]));
    vector total[4] = {zero(), zero(), zero(), zero()};
    for (int k = 0; k < SAL_CHUNK; k += 4) {
        UNROLL for (int j = 0; j < 4; j++) {
            vector weight = power2(sub(load(scores + (k + j) * ROW_STRIDE), now));
            save(scores + (k + j) * ROW_STRIDE, weight);
            total[j] = add(total[j], weight);
        }
    }
    const vector factor = power2(sub(before, now));
    save(c->factor + v * LANES, factor);
    save(c->max + v * LANES, now);
    save(c->sum + v * LANES, multiply_add(load(c->sum + v * LANES), factor,
                                          add(add(total[0], total[1]), add(total[2], total[3]))));
}

/* out[r][x] = out[r][x] * factor[r] + sum_k weights[k][r] * values[k][x] for ROWS rows and `columns` vectors. */
INLINE void value_tile(const sal_chunk *c, int64_t row, int64_t x, const int columns) {
    vector sums[ROWS][COLUMNS];
    float *out = c->out + row * c->value_width + x;
    UNROLL for (int r = 0; r < ROWS; r++) {
        vector factor = all(c->factor[row + r]);
        UNROLL for (int j = 0; j < columns; j++) sums[r][j] =
            mul(load(out + r * c->value_width + j * LANES), factor);
    }
    const float *values = c->values + x;
    const float *weights = c->weights + row;
    for (int k = 0; k < SAL_CHUNK; k++) {
        vector value[COLUMNS];
        UNROLL for (int j = 0; j < columns; j++) value[j] = load(values + j * LANES);
        UNROLL for (int r = 0; r < ROWS; r++) {
            vector weight = all(weights[r]);
            UNROLL for (int j = 0; j < columns; j++) sums[r][j] =
                multiply_add(weight, value[j], sums[r][j]);
        }
        values += c->value_width;
        weights += ROW_STRIDE;
    }
    UNROLL for (int r = 0; r < ROWS; r++) {
        UNROLL for (int j = 0; j < columns; j++)
            save(out + r * c->value_width + j * LANES, sums[r][j]);
    }
}

/* A tile of 1 .. COLUMNS vectors: a number known to the compiler, so that sums stay in registers. */
TARGET static void values(const sal_chunk *c, int64_t row, int64_t x, int64_t columns) {
    switch (columns) {
#if COLUMNS > 3
    case 4:
        value_tile(c, row, x, 4);
        break;
#endif
    case 3:
        value_tile(c, row, x, 3);
        break;
    case 2:
        value_tile(c, row, x, 2);
        break;
    default:
        value_tile(c, row, x, 1);
        break;
    }
}

/* Output: tiles of ROWS rows; the vectors of a row in as few, nearly equal parts as there are registers for. */
TARGET static void add_values(const sal_chunk *c) {
    const int64_t vectors = c->value_width / LANES;
    const int64_t parts = (vectors + COLUMNS - 1) / COLUMNS;
    for (int64_t row = 0; row < c->rows; row += ROWS) {
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = vectors * part / parts;
            values(c, row, first * LANES, vectors * (part + 1) / parts - first);
        }
    }
}

TARGET static void score_1(const sal_chunk *c) {
    score_chunk(c, 1);
}
TARGET static void score_2(const sal_chunk *c) {
    score_chunk(c, 2);
}
TARGET static void score_3(const sal_chunk *c) {
    score_chunk(c, 3);
}

TARGET static void chunk(const sal_chunk *c) {
    if (c->vectors == 3)
        score_3(c);
    else if (c->vectors == 2)
        score_2(c);
    else
        score_1(c);
    for (int v = 0; v < c->vectors; v++)
        weigh(c, v);
    if (c->value_width > 0)
        add_values(c);
}

TARGET static void decay(const float *from, const float *to, const float *base, int vectors,
                         float *out) {
    for (int x = 0; x < vectors * LANES; x += LANES)
        save(out + x, mul(load(base + x), power2(sub(load(from + x), load(to + x)))));
}

TARGET static void columns(const float *weights, const float *factor, float *sums) {
    const vector scale = load(factor);
    for (int k = 0; k < SAL_CHUNK; k += LANES) {
        vector rows[LANES];
        UNROLL for (int j = 0; j < LANES; j++) rows[j] =
            mul(load(weights + (k + j) * ROW_STRIDE), scale);
        save(sums + k, add(load(sums + k), transposed_sum(rows)));
    }
}
