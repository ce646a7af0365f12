/** Steering: a direction is added to a state of every token while the model computes, as a control vector of llama.cpp. */
#ifndef SALIENT_STEER_H
#define SALIENT_STEER_H

#include "salient/importance.h"
#include "salient/probe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the model -------------------------------------------------------------------------------------------------------------- */

/** From now on, add a direction to state k in all that is computed with a model: by its taps, scorers and engines, prompts and new
 *  tokens. State k is the output of block k-1; libllama calls it direction.(k-1), and has none for the output of the first block.
 *  in     state 2 .. layers; direction [width], copied; NULL: none any more (state is then not looked at)
 *  errs   SAL_EINVAL (a state that cannot be steered, another width), SAL_ENOMEM. Not while something is computed. */
int sal_model_steer(sal_model *model, int state, const float *direction, size_t width,
                    sal_error *err) SAL_MUST_CHECK;

/** Write a direction as a control vector: GGUF, architecture "controlvector", keys controlvector.model_hint and .layer_count (1), one tensor
 *  direction.(state-1) of floats. Written beside and renamed; the same direction gives the same bytes.
 *  in     model_hint: architecture of the model; direction [width]
 *  errs   SAL_EINVAL (state below 2), SAL_EIO, SAL_ENOMEM */
int sal_control_vector_write(const char *path, const char *model_hint, int state,
                             const float *direction, size_t width, sal_error *err) SAL_MUST_CHECK;

/* ---- a probe's direction ----------------------------------------------------------------------------------------------------- */

/** What a linear probe of one layer reads, as something to add to that layer. */
typedef struct sal_probe_direction {
    char corpus[1001];
    char model[256]; /* its name in the study */
    char digest[65]; /* of the model */
    char summarizer[1001];
    int layer; /* state */
    size_t width;
    float *
        vector; /* [width] w/|w|² of the un-standardised weights w: adding it once raises what the probe predicts by 1 */
    double norm;   /* of the vector */
    double lambda; /* of the ridge regression */
    double spearman, low,
        high; /* of the probe on documents it has not learnt from; NaN: undefined, no interval */
    int64_t learnt;     /* documents */
    int64_t *documents; /* [count] keys of those it has not learnt from, in import order */
    size_t count;
} sal_probe_direction;

/** Fit the direction of one layer on three fifths of the documents (by groups of near-duplicates; another fifth chooses lambda).
 *  in     options: which states and importance, as for a run, its model a file; layers, kind, controls and transfer are not looked at
 *  in     info: of that file
 *  out    *out, freed with sal_probe_direction_free
 *  errs   SAL_EINVAL (layer below 2: there is no control vector for it; the last, whose state is seen after the final norm, where none
 *         reaches; several corpora), SAL_EEXISTS (the file is another model than that of the states), those of sal_probe_run */
int sal_probe_direction_fit(sal_study *study, const sal_probe_options *options,
                            const sal_model_info *info, int layer, const sal_progress *progress,
                            sal_probe_direction **out, sal_error *err) SAL_MUST_CHECK;
void sal_probe_direction_free(sal_probe_direction *direction);

/* ---- what it changes --------------------------------------------------------------------------------------------------------- */

/** Summaries and importance are other stages' work: the caller connects them. */
typedef struct sal_steer_maker {
    /** Make all summaries of a document with the model as it is now steered.
     *  out    *importance strict, freed by whoever got it, NULL: no summary counts; *words of a summary, mean over those that count */
    int (*make)(void *context, sal_model *model, const char *summarizer,
                const sal_document *document, sal_importance_list **importance, double *words,
                sal_error *err);
    /** Let go of the model, which is about to be closed. */
    void (*close)(void *context);
    void *context;
} sal_steer_maker;

/** How a model was steered. */
typedef enum sal_steer_way {
    SAL_STEER_NONE,
    SAL_STEER_UP,     /* strength times the direction */
    SAL_STEER_DOWN,   /* minus that */
    SAL_STEER_RANDOM, /* directions of equal norm, at random; mean over the draws */
    SAL_STEER_WAYS
} sal_steer_way;
/** "none", "up", "down", "random". */
const char *sal_steer_way_name(sal_steer_way way);

typedef enum sal_steer_measure {
    SAL_STEER_SHIFT, /* 1 - Spearman of importance against none, all words of the document */
    SAL_STEER_SHIFT_CONTENT, /* the same over content words */
    SAL_STEER_KEPT,     /* share of the words that summaries keep unsteered that they still keep */
    SAL_STEER_SELECTED, /* share of the document's words that any summary keeps */
    SAL_STEER_MEAN,     /* mean importance of the document's words */
    SAL_STEER_LENGTH,   /* words of a summary */
    SAL_STEER_MEASURES
} sal_steer_measure;
/** "shift", "shift_content", "kept", "selected", "mean_importance", "length". */
const char *sal_steer_measure_name(sal_steer_measure measure);

typedef struct sal_steer_options {
    const char *model;  /* GGUF file whose states the study has */
    const char *by;     /* summarizer made with it; NULL: the only one */
    const char *corpus; /* NULL: the only one */
    int layer;          /* state, 2 .. layers - 1 */
    double strength;    /* A > 0: what the probe's prediction is raised by */
    int draws;          /* of random directions; 0: none */
    int64_t limit; /* documents at most, of those the direction has not learnt from; < 0: all */
    uint64_t seed;
    const sal_steer_maker *maker;
    sal_model_options model_options;
} sal_steer_options;

/** strength 1, 3 draws, all documents, seed 1. */
sal_steer_options sal_steer_defaults(void);

/** A number over documents: mean and 95 % interval (NaN below 20 documents). */
typedef struct sal_steer_number {
    double value, low, high;
    int64_t documents, undefined;
} sal_steer_number;

typedef struct sal_steer_result {
    sal_probe_direction *direction;
    int64_t kept;                       /* of the documents, were in the study */
    int64_t documents, without_summary; /* steered; left out, as no unsteered summary counts */
    sal_steer_number ways[SAL_STEER_WAYS][SAL_STEER_MEASURES]; /* of NONE: shifts 0, kept 1 */
    sal_steer_number up_less_down[SAL_STEER_MEASURES];
    sal_steer_number up_less_random[SAL_STEER_MEASURES];
} sal_steer_result;

/** Fit a direction, and make the summaries of documents it has not learnt from without it, with it, against it and with random directions of
 *  its norm. The numbers of each document are kept when it is done: an interrupted run goes on.
 *  out    *out, freed with sal_steer_result_free
 *  errs   those of sal_probe_direction_fit, of the model and of the maker; SAL_EEXISTS (the file is another model than that of the states),
 *         SAL_EUNSUPPORTED (this architecture takes no control vector) */
int sal_steer_run(sal_study *study, const sal_steer_options *options, const sal_progress *progress,
                  sal_steer_result **out, sal_error *err) SAL_MUST_CHECK;
void sal_steer_result_free(sal_steer_result *result);

#ifdef __cplusplus
}
#endif
#endif
