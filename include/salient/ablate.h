/** Causal check of heads (METHODS 3): what a model thinks of its summary when heads are taken out. */
#ifndef SALIENT_ABLATE_H
#define SALIENT_ABLATE_H

#include "salient/heads.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- scoring a continuation ------------------------------------------------------------------------------------------------- */

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

/* ---- making summaries again -------------------------------------------------------------------------------------------------- */

/** What a document's summaries come to. */
typedef struct sal_ablate_texts {
    sal_importance_list
        *importance; /* strict; freed by whoever got it; NULL: none of the summaries counts */
    double words;    /* of a summary, mean over those that count; NaN: none does */
} sal_ablate_texts;

/** Makes all summaries of a document with heads taken out. Summaries and importance are other stages' work: the caller connects them. */
typedef struct sal_ablate_regeneration {
    /** in     model: open, with its weights, the same in every call; heads [count], outputs, width: as sal_engine_edit; count 0: as the
     *         model is */
    int (*make)(void *context, sal_model *model, const char *summarizer,
                const sal_document *document, const sal_head_place *heads, size_t count,
                const float *outputs, size_t width, sal_ablate_texts *texts, sal_error *err);
    /** Let go of the model, which is about to be closed. */
    void (*close)(void *context);
    void *context;
} sal_ablate_regeneration;

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
    const sal_ablate_regeneration *regeneration; /* NULL: log-likelihood alone */
    sal_model_options model_options;
} sal_ablate_options;

/** evidence received, content words, 10 heads, 5 draws, seed 1. */
sal_ablate_options sal_ablate_defaults(void);

typedef enum sal_ablate_measure {
    SAL_ABLATE_LOG_LIKELIHOOD,     /* of the summary of the middle length, nats per token */
    SAL_ABLATE_IMPORTANCE_ALL,     /* 1 - Spearman over all words of the document, see below */
    SAL_ABLATE_IMPORTANCE_CONTENT, /* the same over content words */
    SAL_ABLATE_LENGTH,             /* words of a summary, mean over its lengths */
    SAL_ABLATE_MEASURES
} sal_ablate_measure;
/** "log_likelihood", "importance_all", "importance_content", "length". */
const char *sal_ablate_measure_name(sal_ablate_measure measure);

/** Which heads an effect is of. */
typedef enum sal_ablate_heads {
    SAL_ABLATE_CHOSEN,
    SAL_ABLATE_RANDOM,     /* mean over the draws */
    SAL_ABLATE_DIFFERENCE, /* chosen less random */
    SAL_ABLATE_HEADS
} sal_ablate_heads;
/** "chosen", "random", "difference". */
const char *sal_ablate_heads_name(sal_ablate_heads heads);

enum { SAL_EDITS = 2 };
/** "zero", "mean". */
const char *sal_head_edit_name(sal_head_edit edit);

/** A number over documents. */
typedef struct sal_ablate_effect {
    double value, low, high; /* mean and 95 % interval; low and high NaN below 20 documents */
    int64_t documents;
    int64_t undefined;
} sal_ablate_effect;

typedef struct sal_ablate_result {
    char corpus[1001];
    char summarizer[1001];
    sal_head_place *heads; /* [top_count] chosen on the selecting half by fisher_z, best first */
    size_t top_count;
    int64_t documents;       /* of the other half, measured */
    int64_t kept;            /* of these, were in the study */
    int64_t without_summary; /* left out: no ok summary of the middle length */
    int64_t too_long;        /* left out */
    bool regenerated;        /* the measures behind the first are there */
    /* As the model is: log-likelihood and length themselves; importance: of its summaries made again against those of the study (0 where
     * this machine makes the same). */
    sal_ablate_effect whole[SAL_ABLATE_MEASURES];
    /* With heads taken out: change of log-likelihood and length; importance: against the summaries made again as the model is. Below 0
     * (log-likelihood) and above 0 (importance) the difference says that the chosen heads matter more. */
    sal_ablate_effect effects[SAL_EDITS][SAL_ABLATE_HEADS][SAL_ABLATE_MEASURES];
} sal_ablate_result;

/** Run the causal check on documents that did not choose the heads. Each document is stored when it is done; the next run goes on.
 *  out    *out; free with sal_ablate_result_free
 *  errs   SAL_ENOTFOUND (salient heads has not been run so: says how), SAL_EINVAL (several corpora or summarizers; a layer has too few
 *         other heads to draw from), those of the model and of regeneration */
int sal_ablate_run(sal_study *study, const sal_ablate_options *options,
                   const sal_progress *progress, sal_ablate_result **out,
                   sal_error *err) SAL_MUST_CHECK;
void sal_ablate_result_free(sal_ablate_result *result);

/* ---- what is stored ------------------------------------------------------------------------------------------------------------ */

/** One causal check. */
typedef struct sal_ablation {
    int64_t analysis; /* of the model, summarizer and evidence */
    const char *corpus;
    sal_head_words words;
    int top, draws;
    uint64_t seed;
    const char *heads; /* JSON: [layer,head] of the chosen ones, then of each draw */
} sal_ablation;

/** Find it, or store it. One with other heads under the same options gives way, with all that was measured. */
int sal_study_put_ablation(sal_study *study, const sal_ablation *ablation, int64_t *key,
                           sal_error *err) SAL_MUST_CHECK;

/** What a document says with one set of heads out. */
typedef struct sal_ablation_row {
    int edit; /* sal_head_edit, or -1: as the model is */
    int draw; /* -1: the chosen heads, or none */
    double values
        [SAL_ABLATE_MEASURES]; /* NaN: undefined, or not measured; importance as in sal_ablate_result */
} sal_ablation_row;

enum { SAL_ABLATION_INPUTS = 130 };

/** Replace a document's rows, in one transaction. inputs: hash of what they depend on */
int sal_study_put_ablation_rows(sal_study *study, int64_t ablation, int64_t document,
                                const char *inputs, const sal_ablation_row *rows, size_t count,
                                sal_error *err) SAL_MUST_CHECK;
/** out inputs "" when there are none; rows [*count] in the order none, then by edit and draw; freed with sal_free */
int sal_study_get_ablation_rows(sal_study *study, int64_t ablation, int64_t document,
                                char inputs[SAL_ABLATION_INPUTS], sal_ablation_row **rows,
                                size_t *count, sal_error *err) SAL_MUST_CHECK;

/** Replace the numbers over documents: log-likelihood alone, or all measures when result->regenerated. */
int sal_study_put_ablation_results(sal_study *study, int64_t ablation,
                                   const sal_ablate_result *result, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
