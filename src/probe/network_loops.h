/* Loops of the networks over long arrays, as wide as the processor's vectors are: the same numbers on each, as nothing is added up here and
 * no product is fused with a sum (-std=c11). Included by network_body.h, once for float and once for double. */

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

/* Which numbers a dropout keeps: a mask drawn in one piece, so that its numbers can be drawn side by side. */
typedef struct drop_mask {
    uint32_t key[2];
    uint32_t below; /* numbers whose hash is below this are dropped */
    real keep;      /* factor of the others */
} drop_mask;

static drop_mask draw_mask(double rate, sal_random *random) {
    const uint64_t bits = sal_random_next(random);
    const double below = floor(rate * 4294967296.0 + .5);
    return (drop_mask){{(uint32_t)bits, (uint32_t)(bits >> 32)},
                       (uint32_t)below,
                       (real)(4294967296.0 / (4294967296.0 - below))};
}

/* A hash of the place under the key: multiplications and shifts of Wellons' "lowbias32". */
static inline bool mask_keeps(drop_mask mask, uint32_t place) {
    uint32_t x = place * UINT32_C(0x9e3779b9) + mask.key[0];
    x ^= x >> 16;
    x *= UINT32_C(0x7feb352d);
    x ^= x >> 15;
    x = (x + mask.key[1]) * UINT32_C(0x846ca68b);
    x ^= x >> 16;
    return x >= mask.below;
}

WIDE static void mask_factors(real *restrict factors, size_t count, drop_mask mask) {
    for (size_t i = 0; i < count; i++)
        factors[i] = mask_keeps(mask, (uint32_t)i) ? mask.keep : 0;
}

/* x = max(x, 0), and dropped */
WIDE static void relu_and_drop(real *restrict x, size_t count, drop_mask mask) {
    for (size_t i = 0; i < count; i++) {
        const real kept = x[i] * mask.keep;
        const bool on = (x[i] > 0) & mask_keeps(mask, (uint32_t)i);
        x[i] = on ? kept : 0;
    }
}

WIDE static void relu(const real *x, size_t count, real *y) {
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

/* g = scale g where value > 0, else 0 */
WIDE static void relu_back(real *restrict g, const real *restrict value, size_t count, real scale) {
    for (size_t i = 0; i < count; i++) {
        const real slope = g[i] * scale;
        g[i] = value[i] > 0 ? slope : 0;
    }
}

WIDE static void multiply_each(const real *x, const real *factors, size_t count, real *y) {
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * factors[i];
}

/* sums [columns] += the rows of x */
WIDE static void add_rows(const real *restrict x, size_t rows, size_t columns,
                          real *restrict sums) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            sums[c] += x[r * columns + c];
}

/* Each row of y is bias, or has it added. */
WIDE static void add_bias(const real *restrict bias, size_t rows, size_t columns, bool added,
                          real *restrict y) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            y[r * columns + c] = added ? y[r * columns + c] + bias[c] : bias[c];
}

typedef struct adam_step {
    real b1, c1, b2, c2; /* betas, and what they leave of 1 */
    real decay, rate, root, epsilon;
} adam_step;

WIDE static void step_adam(real *restrict w, real *restrict m, real *restrict v,
                           const real *restrict g, size_t count, adam_step s) {
    for (size_t i = 0; i < count; i++) {
        m[i] = s.b1 * m[i] + s.c1 * g[i];
        v[i] = s.b2 * v[i] + s.c2 * (g[i] * g[i]);
        w[i] = w[i] * s.decay - s.rate * m[i] / (SQRT(v[i]) * s.root + s.epsilon);
    }
}
