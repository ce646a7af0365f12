/** The kernels of few rows (sal_few), written once, included by each instruction set.
 *
 *  wanted  the words of vector_<set>.h, GROUP (rows of a tile at most), FEW (rows up to which there are registers for WIDE_FEW columns) and
 *          WIDE (columns of a tile of more rows), even_bf16(p) and odd_bf16(p) (of 2 LANES weights), come_apart(p, v) (2 LANES numbers,
 *          likewise);
 *          with AVX512_BF16 also add_pairs(a, b, sum), round_pairs(low, high) (2 LANES numbers to bf16)
 *
 *  A tile is a few rows times a few columns, its sums in registers. A bf16 number is the upper half of a float: of two side by side in
 *  one 32-bit lane, one comes apart by a shift, the other by a mask, so the even numbers of a step make one vector and the odd ones
 *  the other; prepare lays x out that way. A strip is two tiles of columns: it stays in the nearest cache while all groups of rows go
 *  over it, and meanwhile the next strip is fetched, which the hardware does not foresee. */

#define INLINE static inline __attribute__((always_inline)) TARGET
#define UNROLL _Pragma("GCC unroll 16")

enum { STEP = 2 * LANES, WIDE_FEW = 8, SUMS = 2 * LANES };

/* Vectors of a step: pairs of bf16 are multiplied where they are. */
#define PARTS(half) ((half) == SAL_HALF_BF16_BOTH ? 1 : 2)

/* One of the vectors of a step. */
INLINE vector part(sal_half half, const uint16_t *p, const int which) {
    if (half == SAL_HALF_F16)
        return load_half(p + which * LANES);
    if (half == SAL_HALF_BF16_BOTH)
        return load((const float *)(const void *)p);
    return which == 0 ? even_bf16(p) : odd_bf16(p);
}

INLINE vector add_product(sal_half half, vector weight, vector x, vector sum) {
#ifdef AVX512_BF16
    if (half == SAL_HALF_BF16_BOTH)
        return add_pairs(weight, x, sum);
#endif
    (void)half;
    return multiply_add(weight, x, sum);
}

/* One vector of each weight, times the same of each row. */
INLINE void add_part(sal_half half, const uint16_t *w, int64_t width, const float *x,
                     int64_t x_width, vector *sums, const int rows, const int columns,
                     const int which) {
    vector of[GROUP];
    UNROLL for (int r = 0; r < rows; r++) of[r] = load(x + r * x_width + which * LANES);
    UNROLL for (int c = 0; c < columns; c++) {
        const vector weight = part(half, w + c * width, which);
        UNROLL for (int r = 0; r < rows; r++) sums[r * columns + c] =
            add_product(half, weight, of[r], sums[r * columns + c]);
    }
}

/* ahead: bit c: fetch the column that stands a strip after column c. */
INLINE void tile(const sal_few *few, sal_half half, int64_t row, int64_t column, unsigned ahead,
                 const int strip, const int rows, const int columns) {
    const int64_t width = few->width, x_width = width / 2 * PARTS(half);
    const float *x = few->x + row * x_width;
    const uint16_t *w = few->weights + column * width;
    vector sums[SUMS];
    float results[SUMS];
    UNROLL for (int i = 0; i < SUMS; i++) sums[i] = zero();
    for (int64_t i = 0; i < width; i += STEP) {
        UNROLL for (int c = 0; c < columns; c++) {
            if ((ahead >> c & 1) != 0)
                __builtin_prefetch(w + (c + strip) * width + i);
        }
        const float *at = x + i / 2 * PARTS(half);
        add_part(half, w + i, width, at, x_width, sums, rows, columns, 0);
        if (PARTS(half) == 2)
            add_part(half, w + i, width, at, x_width, sums, rows, columns, 1);
    }
    float *out = few->out + row * few->stride + column;
    UNROLL for (int i = 0; i < rows * columns; i += LANES)
        save(results + i, transposed_sum(sums + i));
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int c = 0; c < columns; c++) out[r * few->stride + c] =
            results[r * columns + c];
    }
}

INLINE void strip(const sal_few *few, sal_half half, int64_t row, int64_t column, int64_t columns,
                  unsigned ahead, const int rows, const int wide) {
    const int64_t end = column + columns;
    for (; column + wide <= end; column += wide)
        tile(few, half, row, column, ahead, 2 * wide, rows, wide);
    for (; column < end; column++)
        tile(few, half, row, column, ahead, 2 * wide, rows, 1);
}

/* Rows in as few, nearly equal groups as the registers allow. */
INLINE void multiply_wide(const sal_few *few, sal_half half, const int wide) {
    const int64_t groups = (few->rows + GROUP - 1) / GROUP, whole = 2 * wide;
    for (int64_t column = 0; column < few->columns; column += whole) {
        const int64_t left = few->columns - column, columns = left < whole ? left : whole;
        for (int64_t group = 0; group < groups; group++) {
            const int64_t row = few->rows * group / groups;
            /* the first group fetches one half of the next strip, the second one the other */
            const unsigned ahead = left <= whole ? 0
                                   : groups == 1 ? 0xff
                                   : group == 0  ? 0x55
                                   : group == 1  ? 0xaa
                                                 : 0;
            switch (few->rows * (group + 1) / groups - row) {
#if GROUP > 3
            case 5:
                strip(few, half, row, column, columns, ahead, 5, WIDE);
                break;
            case 4:
                strip(few, half, row, column, columns, ahead, 4, WIDE);
                break;
#endif
            case 3:
                strip(few, half, row, column, columns, ahead, 3, WIDE);
                break;
            case 2:
                strip(few, half, row, column, columns, ahead, 2, wide);
                break;
            default:
                strip(few, half, row, column, columns, ahead, 1, wide);
                break;
            }
        }
    }
}

INLINE void multiply(const sal_few *few, sal_half half) {
    if (few->rows <= FEW)
        multiply_wide(few, half, WIDE_FEW);
    else
        multiply_wide(few, half, WIDE);
}

TARGET static void multiply_f16(const sal_few *few) {
    multiply(few, SAL_HALF_F16);
}

TARGET static void multiply_bf16(const sal_few *few) {
    multiply(few, SAL_HALF_BF16);
}

#ifdef AVX512_BF16
TARGET static void multiply_both(const sal_few *few) {
    multiply(few, SAL_HALF_BF16_BOTH);
}

TARGET static void prepare_both(const float *x, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i += STEP)
        save(out + i / 2, round_pairs(load(x + i), load(x + i + LANES)));
}
#endif

TARGET static void prepare_bf16(const float *x, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i += STEP) {
        vector pair[2];
        come_apart(x + i, pair);
        save(out + i, pair[0]);
        save(out + i + LANES, pair[1]);
    }
}
