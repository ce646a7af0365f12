/** Drawing the next token: our own code, in the order of METHODS 1. */
#ifndef SALIENT_LLM_SAMPLING_H
#define SALIENT_LLM_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

#include "salient/model.h"
#include "salient/random.h"

/** Tokens that a sequence has had, prompt included: each once, for the repetition penalty. */
typedef struct sal_history {
    uint64_t *seen; /* bit set [vocabulary] */
    int32_t *ids;   /* the distinct ones */
    size_t count;
    size_t capacity;
} sal_history;

int sal_history_open(sal_history *history, int vocabulary, sal_error *err) SAL_MUST_CHECK;
void sal_history_close(sal_history *history);
/** in id in [0, vocabulary) */
int sal_history_add(sal_history *history, int32_t id, sal_error *err) SAL_MUST_CHECK;

typedef struct sal_candidate {
    float logit;
    int32_t id;
} sal_candidate;

/** Work space for one vocabulary; used by one thread at a time. */
typedef struct sal_sampler {
    sal_sampling options;
    int vocabulary;
    sal_candidate *candidates; /* [vocabulary] */
    double *weights;           /* [vocabulary] */
} sal_sampler;

/** errs SAL_EINVAL when an option is out of range, SAL_ENOMEM */
int sal_sampler_open(sal_sampler *sampler, const sal_sampling *options, int vocabulary,
                     sal_error *err) SAL_MUST_CHECK;
void sal_sampler_close(sal_sampler *sampler);

/** Draw one token.
 *  math   penalty: l <- l/r for l > 0 else l*r, for each distinct token of the history; then p ~ exp(l/T) over the top_k largest (all
 *         that tie with the k-th included), of these the fewest largest that reach top_p; as transformers' processors do
 *  in     logits [vocabulary], changed by the penalty; NaN and -infinity are never drawn
 *  out    *token; temperature 0: the largest, the lowest id where several tie; *random is left alone then
 *  errs   SAL_EMODEL when no logit is finite
 *  cost   one pass over the vocabulary and k log k; without top_k and with top_p, up to a sort */
int sal_sampler_draw(sal_sampler *sampler, float *logits, const sal_history *history,
                     sal_random *random, int32_t *token, sal_error *err) SAL_MUST_CHECK;

#endif
