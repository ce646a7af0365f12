/** What attention.c asks of the instruction set: a handful of loops over one block of query rows and one chunk of keys.
 *
 *  A block is up to three vectors of query rows, one row a lane; a chunk is 64 keys. Scores are kept [key][row], so that maximum,
 *  exponential and sum run down the lanes without a shuffle, and so that K need not be transposed: a key's number is broadcast, the
 *  queries' lie side by side.
 */
#ifndef SALIENT_CPU_ATTENTION_KERNEL_H
#define SALIENT_CPU_ATTENTION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attention.h"

enum {
    SAL_CHUNK = 64,     /* keys of a chunk */
    SAL_VECTORS = 3,    /* vectors of a block */
    SAL_LANES_MAX = 16, /* of any instruction set */
    SAL_LINE = 64       /* alignment of every array, in bytes */
};

/** One block against one chunk. W = SAL_VECTORS * lanes is the row stride of every [.., W] array. */
typedef struct sal_chunk {
    int vectors;          /* in use, 1 .. SAL_VECTORS */
    int64_t rows;         /* whose output is wanted, <= vectors * lanes */
    int64_t width;        /* of keys */
    int64_t value_width;  /* rounded up to whole vectors; 0: no output */
    const float *queries; /* [width, W], scaled by scale * log2(e) */
    const float *keys;    /* [SAL_CHUNK, width] */
    const float *values;  /* [SAL_CHUNK, value_width] */
    const uint32_t *seen
        [SAL_VECTORS]; /* [2, lanes]: bit k of word w: this row sees key 32 w + k. NULL: all do */
    const float *bias; /* [SAL_CHUNK, W] to add, or NULL */
    float *weights;    /* out [SAL_CHUNK, W]: 2^(score - max) */
    float *max, *sum;  /* in/out [W]: of the rows so far */
    float *factor;     /* scratch [W] */
    float *out;        /* in/out [W, value_width]: not yet divided by sum */
    const char *next_key,
        *next_value; /* the next chunk's halves, to be fetched meanwhile; NULL: none */
    size_t next_key_stride, next_value_stride; /* in bytes */
} sal_chunk;

enum { SAL_THIN_ROWS = 4 };

typedef struct sal_thin_row {
    const float *query; /* [width], scaled by scale * log2(e) */
    float *max, *sum;   /* in/out: of this row so far */
    float *out;         /* in/out [value_width]: not yet divided by sum */
} sal_thin_row;

/** One query's heads against the keys of one chunk that it sees: too few rows to fill a vector, so lanes are parts of a key, and halves are
 *  read where they lie. Other keys are not read at all. */
typedef struct sal_thin {
    int rows; /* 1 .. SAL_THIN_ROWS */
    sal_thin_row row[SAL_THIN_ROWS];
    int64_t width;       /* of keys, whole vectors */
    int64_t value_width; /* whole vectors */
    const char *key, *value;
    size_t key_stride, value_stride; /* in bytes */
    uint64_t seen;                   /* bit k: key k is seen; one at least is */
    bool next;         /* whether a whole chunk follows, which is to be fetched meanwhile */
    const float *bias; /* [SAL_CHUNK] to add, or NULL */
} sal_thin;

/* Fetch a row of halves: keys of one head lie a row of all heads apart, too far for the hardware to see what comes next. Whatever only
 * fetches is inlined by order: GCC takes such a function for one without effect, and drops its calls. */
#define SAL_FETCH static inline __attribute__((always_inline)) void

SAL_FETCH sal_fetch(const char *row, int64_t halves) {
    for (int64_t byte = 0; byte < halves * (int64_t)sizeof(uint16_t); byte += SAL_LINE)
        __builtin_prefetch(row + byte);
}

typedef struct sal_attention_kernel {
    int lanes;
    /** Half to float. in [count] half; out [count]. True when all are finite. */
    bool (*widen)(const uint16_t *in, int64_t count, float *out);
    /** The same for rows of whole vectors: in [rows, count], stride bytes apart; out [rows, out_stride]. ahead: rows to fetch beforehand. NULL:
     *  widen row after row. */
    bool (*widen_rows)(const char *in, size_t stride, int64_t rows, int64_t count, int64_t ahead,
                       float *out, int64_t out_stride);
    /** Bit k: mask[k] is not -inf, k < count <= 64. *biased is set when one of these is not 0. */
    uint64_t (*see)(const uint16_t *mask, int64_t count, bool *biased);
    /** Scores, running maximum, exponentials, sums and output of one chunk. */
    void (*chunk)(const sal_chunk *chunk);
    /** out[r] = base[r] * 2^(from[r] - to[r]), r < vectors * lanes */
    void (*decay)(const float *from, const float *to, const float *base, int vectors, float *out);
    /** sums[k] += sum over the lanes of weights[k * W + lane] * factor[lane], k < SAL_CHUNK */
    void (*columns)(const float *weights, const float *factor, float *sums);
    /** As chunk, for one query. NULL: chunk is as good. */
    void (*thin)(const sal_thin *thin);
} sal_attention_kernel;

extern const sal_attention_kernel sal_attention_portable;
#if defined(__x86_64__)
extern const sal_attention_kernel sal_attention_avx2;
extern const sal_attention_kernel sal_attention_avx512;
#endif

#endif
