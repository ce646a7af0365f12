/** Attention on the processor that adds up, while it runs, what is asked of it.
 *
 *  math   A[i,j] = softmax_j(scale * q_i . k_j + mask[i,j]); out_i = sum_j A[i,j] v_j; columns[j] = sum_i A[i,j]   (METHODS 3, received)
 *
 *  Pure functions over arrays: nothing here knows libllama. Scores, exponentials and sums are float, columns are added to doubles in a
 *  fixed order; K and V are half precision as libllama's caches hold them. A row's bytes depend on nothing but that row's numbers
 *  and, with few queries, on the number of queries: not on threads, on padding, nor on what else is computed. A masked cell (-inf)
 *  reaches no result, whatever it holds.
 */
#ifndef SALIENT_CPU_ATTENTION_H
#define SALIENT_CPU_ATTENTION_H

#include <stdint.h>

#include "salient/memory.h"

/** What the processor may use. A cap below what it has is for tests and measurements. */
typedef enum sal_cpu_features {
    SAL_CPU_PORTABLE,
    SAL_CPU_AVX2,   /* AVX2, FMA, F16C */
    SAL_CPU_AVX512, /* AVX-512 F, BW, DQ, VL */
    SAL_CPU_BEST
} sal_cpu_features;

/** The best this processor has, not above cap. */
sal_cpu_features sal_cpu_features_here(sal_cpu_features cap);
/** "portable", "AVX2", "AVX-512". */
const char *sal_cpu_features_name(sal_cpu_features features);

/** One attention. Every stride is in bytes; elements of a row lie side by side. Query head h uses key head h / (heads / heads_kv). */
typedef struct sal_attention {
    int64_t width;       /* of a query and a key */
    int64_t value_width; /* may differ */
    int64_t queries, keys, heads, heads_kv, streams;
    float scale;
    const void *q; /* float [streams, heads, queries, width] */
    size_t q_query, q_head, q_stream;
    const void *k; /* half [streams, heads_kv, keys, width] */
    size_t k_key, k_head, k_stream;
    const void *v; /* half [streams, heads_kv, keys, value_width]; NULL: only columns are wanted */
    size_t v_key, v_head, v_stream;
    const void *
        mask; /* half [streams or 1, queries, keys]: 0 or a bias, -inf where a query must not see a key */
    size_t mask_query, mask_stream; /* mask_stream 0: one mask for all streams */
    void *
        out; /* float [streams, queries, heads, value_width]; a query that sees no key gets zeros */
    size_t out_query, out_head, out_stream;
} sal_attention;

/** Columns to add up over some of this attention's queries. */
typedef struct sal_attention_span {
    int64_t first, end; /* queries of this call; what lies outside 0 .. queries is ignored */
    double *columns;    /* [heads, stride], added to; the caller's */
    size_t stride;      /* at least keys */
} sal_attention_span;

/** The key with the largest weight, of each head and query in a range. */
typedef struct sal_attention_top {
    int64_t first, end; /* queries of this call; what lies outside 0 .. queries is left as it is */
    int32_t *
        keys; /* [heads, stride] by query - first, the caller's; -1: the row sees no key or is not finite. NULL: not
                           wanted */
    size_t stride; /* at least end - first */
} sal_attention_top;

typedef struct sal_attention_measure {
    const sal_attention_span *spans;
    size_t span_count;
    int64_t
        skip; /* K > 0: rows are brought to sum 1 over the keys from K on, and the first K columns get nothing; rows whose
                 weights there are all 0 in float are left out */
    sal_attention_top top; /* over all keys; of equal weights the first key */
    int64_t
        nonfinite_rows; /* out, added to: rows (query, head) whose sum is not finite; they are left out of the columns */
} sal_attention_measure;

/** Memory that calls reuse. Zero-initialise; free with sal_attention_workspace_free. Not for two calls at a time. */
typedef struct sal_attention_workspace {
    void *block;
    size_t bytes;
} sal_attention_workspace;

void sal_attention_workspace_free(sal_attention_workspace *workspace);

/** Compute it.
 *  in     measure: NULL when nothing is to be added up; needs streams == 1
 *  in     features: as sal_cpu_features_here returned it; threads >= 1
 *  errs   SAL_ENOMEM, SAL_ESHAPE (sizes that do not fit together), SAL_EUNSUPPORTED (columns over several streams)
 *  cost   O(queries visible_keys (width + value_width) heads); memory: f32 copies of the keys and values of one key head or 64 MiB,
 *         and 64 queries' rows of one key head for each thread when columns are wanted */
int sal_attention_run(const sal_attention *attention, sal_attention_measure *measure,
                      sal_cpu_features features, int threads, sal_attention_workspace *workspace,
                      sal_error *err) SAL_MUST_CHECK;

#endif
