/** Taps: what a forward pass shows of attention and hidden states, reduced while it runs. No T×T matrix is ever kept.
 *
 *  Axes: L layers, H heads, T tokens, P positions, D width; row-major.
 */
#ifndef SALIENT_TAP_H
#define SALIENT_TAP_H

#include "salient/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_tap sal_tap;

typedef struct sal_tap_options {
    int threads; /* 0: the model's */
    bool exact;  /* no flash attention, f32 K and V caches, attention from the SOFT_MAX nodes */
    int micro_batch; /* tokens computed at once; 0: the default. Results do not depend on it beyond rounding */
} sal_tap_options;

/** A tap over an open model; the model must outlive it. Its context grows with the longest text so far. */
int sal_tap_open(sal_model *model, const sal_tap_options *options, sal_tap **out,
                 sal_error *err) SAL_MUST_CHECK;
void sal_tap_close(sal_tap *tap);

/** What computes: "own" (our backend), "stock" (libllama alone) or "exact" (libllama without flash attention, products in float); for
 *  records. Static storage. */
const char *sal_tap_path(const sal_tap *tap);

/** Takes hidden rows as they are computed: one state of neighbouring positions of the request's list. A micro-batch gives state 0, then 1, up
 *  to L, each by ascending positions; then comes the next micro-batch.
 *  in     rows [count,D] of positions first .. first+count-1, borrowed for the call
 *  errs   any ends the run, which returns it */
typedef int (*sal_tap_take)(void *context, size_t state, size_t first, size_t count, size_t D,
                            const float *rows, sal_error *err);

/** What is wanted of one text. */
typedef struct sal_tap_request {
    const int32_t *tokens; /* [T], T >= 1 */
    size_t token_count;
    bool received; /* attention received over all queries */
    bool
        norm; /* the same, each a_ij weighted by the norm of value j through the output projection */
    const sal_span *
        query_spans; /* token ranges: attention received from these queries alone, one [L,H,T] each */
    size_t span_count;
    size_t
        skip_keys; /* K > 0: in all of the above each query's attention is brought to sum 1 without the first K tokens, which
                      receive nothing; the first K queries give nothing */
    sal_span
        top_queries; /* of these queries, the token with the largest weight, first of equals; empty: none */
    bool hidden;              /* hidden states at positions */
    const int32_t *positions; /* [P] ascending; NULL: all T */
    size_t position_count;
    sal_tap_take
        take; /* gets the hidden rows in place of the result, so that they need not be in memory together; NULL: the result */
    void *take_context;
    int last_layer; /* nothing is computed after this layer's attention (or output, with hidden), and L of the result is one more;
                       < 0: all layers */
} sal_tap_request;

typedef struct sal_tap_result {
    size_t L, H, T, D, P; /* L: layers that were asked for */
    float *
        received; /* [L,H,T]: column sums of attention over queries i >= j; each head sums to T. NULL when not asked for */
    float *norm;  /* [L,H,T] */
    float *spans; /* [span_count,L,H,T]; each head sums to the span's length */
    int32_t *
        top; /* [L,H,top_queries]: by query from the first; -1: a row that is not finite. NULL when not asked for */
    float *
        hidden; /* [L+1,P,D]: 0 = embeddings, k = output of block k-1, L = after the final norm; NULL when rows were taken */
    int64_t non_finite; /* query rows with a non-finite score, left out */
    double seconds;     /* of the forward pass */
} sal_tap_result;

/** Run one text.
 *  errs   SAL_EINVAL (nothing asked for; a token, position, span or layer that is not there), SAL_ELIMIT (longer than the model's
 *         context), SAL_EMODEL (a layer that did not see all T queries: names it), SAL_EUNSUPPORTED (what this architecture does not
 *         show), SAL_ECANCELLED, SAL_ENOMEM
 *  cost   that of the forward pass, and a few percent; memory 8 (1 + span_count) L H T bytes, and 4 (L+1) P D unless rows are taken,
 *         beside the model's own */
int sal_tap_run(sal_tap *tap, const sal_tap_request *request, sal_tap_result *result,
                const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;
void sal_tap_result_free(sal_tap_result *result);

/** Exposure: attention received relative to what uniform causal attention gives.
 *  math   e[h,j] = received[h,j] / sum_{i>=j} 1/(i+1-K)     (METHODS 3; K = skip_keys of the request, 0 as a rule); 0 for j < K
 *  in     received [rows,T]; out exposure [rows,T], may be the same array */
void sal_tap_exposure(const float *received, size_t rows, size_t T, size_t skip_keys,
                      float *exposure);

#ifdef __cplusplus
}
#endif
#endif
