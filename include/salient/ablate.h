/** Causal check of heads (METHODS 3): what a model thinks of its summary when heads are taken out. */
#ifndef SALIENT_ABLATE_H
#define SALIENT_ABLATE_H

#include "salient/heads.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- scoring a continuation ------------------------------------------------------------------------------------------------- */

typedef struct sal_head_place { /* layer and head, from 0 */
    int layer;
    int head;
} sal_head_place;

typedef enum sal_head_edit {
    SAL_EDIT_ZERO, /* the head's output is 0 at every token */
    SAL_EDIT_MEAN  /* its mean over the tokens of the text, at every token */
} sal_head_edit;

/** A scorer over an open model; the model must outlive it. Its context grows with the longest text so far. */
typedef struct sal_scorer sal_scorer;
int sal_scorer_open(sal_model *model, sal_scorer **out, sal_error *err) SAL_MUST_CHECK;
void sal_scorer_close(sal_scorer *scorer);

/** Log-likelihood of a continuation, teacher-forced: sum of ln p(token | all before it), in nats.
 *  in     tokens [T]; from: first token of the continuation, 1 <= from < T; heads [count] edited as how says
 *  out    *log_likelihood
 *  errs   SAL_EINVAL, SAL_ELIMIT (longer than the model's context), SAL_EMODEL (a layer that was to be edited was not seen),
 *         SAL_ECANCELLED, SAL_ENOMEM */
int sal_scorer_run(sal_scorer *scorer, const int32_t *tokens, size_t T, size_t from,
                   const sal_head_place *heads, size_t count, sal_head_edit how,
                   double *log_likelihood, const sal_progress *progress,
                   sal_error *err) SAL_MUST_CHECK;

/** What the last run with SAL_EDIT_MEAN put in the place of each head: [count, *width], a head's mean over the tokens of that text.
 *  return borrowed until the next run; NULL when that was no such run */
const float *sal_scorer_means(const sal_scorer *scorer, size_t *width);

/** From now on, replace the outputs of heads in all that an editable engine computes, prompts and new tokens.
 *  in     heads [count]; 0: none any more; outputs [count, width] as sal_scorer_means gives them, or NULL: zeros
 *  errs   SAL_EINVAL (not opened as editable, a head that is not there), SAL_ENOMEM. A model whose heads do not show is known by the
 *         next sal_engine_generate: SAL_EUNSUPPORTED */
int sal_engine_edit(sal_engine *engine, const sal_head_place *heads, size_t count,
                    const float *outputs, size_t width, sal_error *err) SAL_MUST_CHECK;

/* ---- the stage ---------------------------------------------------------------------------------------------------------------- */

typedef struct sal_ablate_options {
    const char *model;  /* GGUF file, as given to salient heads */
    const char *by;     /* summarizer; NULL: the only one whose heads were measured */
    const char *corpus; /* NULL: the only one */
    sal_evidence evidence;
    sal_head_words words;
    int64_t limit; /* documents at most; < 0: all */
    int top;       /* K heads */
    int draws;     /* of K random heads of the same layers */
    uint64_t seed;
    sal_model_options model_options;
} sal_ablate_options;

/** evidence received, content words, 10 heads, 5 draws, seed 1. */
sal_ablate_options sal_ablate_defaults(void);

/** Change of summary log-likelihood per token, over documents. */
typedef struct sal_ablate_effect {
    double value, low, high; /* mean and 95 % interval; low and high NaN below 20 documents */
    int64_t documents;
} sal_ablate_effect;

typedef struct sal_ablate_result {
    char corpus[1001];
    char summarizer[1001];
    sal_head_place *heads; /* [top_count] chosen on the selecting half by fisher_z, best first */
    size_t top_count;
    int64_t documents;       /* of the other half, scored */
    int64_t without_summary; /* left out: no ok summary of the middle length */
    int64_t too_long;        /* left out */
    double log_likelihood;   /* of the whole model, per token, mean over documents */
    /* By edit: zero, mean. */
    sal_ablate_effect top[2];        /* heads chosen */
    sal_ablate_effect random[2];     /* mean over draws */
    sal_ablate_effect difference[2]; /* top less random: below 0, the chosen heads matter more */
} sal_ablate_result;

/** Run the causal check on documents that did not choose the heads. Nothing is stored.
 *  out    *out; free with sal_ablate_result_free
 *  errs   SAL_ENOTFOUND (salient heads has not been run so: says how), SAL_EINVAL (several corpora or summarizers; a layer has too few
 *         other heads to draw from), those of the model */
int sal_ablate_run(sal_study *study, const sal_ablate_options *options,
                   const sal_progress *progress, sal_ablate_result **out,
                   sal_error *err) SAL_MUST_CHECK;
void sal_ablate_result_free(sal_ablate_result *result);

#ifdef __cplusplus
}
#endif
#endif
