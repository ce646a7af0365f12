/** Hidden states of words (METHODS 4): one forward pass per document, kept in safetensors files below the study.
 *
 *  STUDY/states/SET/DOCUMENT.safetensors holds states [S,W,D] (f16 or f32), layers i32 [S], words u8 (each followed by a newline),
 *  first i32 [W] (place of the first occurrence among all) and frequency i32 [W]. State 0 is the embedding, k the output of block k-1,
 *  the last one comes after the final norm.
 */
#ifndef SALIENT_STATES_H
#define SALIENT_STATES_H

#include "salient/model.h"
#include "salient/safetensors.h"
#include "salient/study.h"
#include "salient/work.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A word's state from its occurrences; an occurrence is the mean of its tokens. */
typedef enum sal_pooling {
    SAL_POOLING_MEAN,  /* mean over all occurrences */
    SAL_POOLING_FIRST, /* the first occurrence */
    SAL_POOLING_LAST,
    SAL_POOLING_MAX, /* largest value of any token, number by number */
    SAL_POOLINGS
} sal_pooling;
/** "mean", "first", "last", "max". */
const char *sal_pooling_name(sal_pooling pooling);

typedef struct sal_states_options {
    const char *model; /* GGUF file */
    const char *
        by; /* paper: the summarizer whose first record is the assistant's turn; NULL: the only one made with the model */
    const char *corpus;    /* NULL: all */
    int64_t limit;         /* documents of each corpus; < 0: all */
    sal_protocol protocol; /* strict: no assistant's turn, states of the document's bytes alone */
    const char
        *layers; /* states: "all", "representative" (first, middle, last) or a list "0,5,7" */
    sal_pooling pooling;
    sal_dtype dtype;           /* SAL_F16 or SAL_F32 */
    const char *chat_template; /* text of a template file; NULL: the model's own */
    const uint64_t
        *random_seeds; /* [random_count] random copies of the model, in place of the model itself */
    size_t random_count;
    bool keep_embeddings; /* of the random copies */
    sal_model_options model_options;
    sal_work *work; /* not NULL: count what is missing, compute nothing (salient/work.h) */
} sal_states_options;

/** strict, all layers, mean, f16. */
sal_states_options sal_states_defaults(void);

/** Compute what is missing or out of date, one file and one transaction per document.
 *  out    *tally added to: done, kept = (document, copy of the model) units; failed = documents without words, longer than the context, or
 *         (paper) without a first record
 *  errs   SAL_ENOTFOUND, SAL_EINVAL (a layer that is not there), SAL_EEXISTS (another model under this name), SAL_EUNSUPPORTED (a chat
 *         template that changes the document), SAL_EMODEL, SAL_ECANCELLED, ...
 *  cost   memory of one layer of one document, 6 W D bytes for W words, beside the model's own; 4 S P D bytes of disk for the S states of P
 *         tokens while a document is at work */
int sal_states_run(sal_study *study, const sal_states_options *options,
                   const sal_progress *progress, sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

/* ---- what is stored --------------------------------------------------------------------------------------------------------- */

/** One configuration that states were taken in. */
typedef struct sal_state_set {
    int64_t key;
    const char *model;  /* the file's name without .gguf */
    const char *digest; /* of the model; of a random copy: of the model it is the control of */
    sal_protocol protocol;
    int64_t summarizer;  /* paper; strict: 0 */
    const char *weights; /* "trained", "random" or "random-blocks" (embeddings kept) */
    int64_t seed;        /* of random weights; trained: 0 */
    const char *pooling;
    const char *dtype;  /* "F16", "F32" */
    const char *layers; /* JSON: numbers of the S states, "[0,1,2]" */
    int64_t width;      /* D */
    const char *folder; /* below the study */
} sal_state_set;

/** Find or store a set. in folder: NULL is fine, the study makes it up.
 *  out    *key; *folder owned by the caller
 *  errs   SAL_EEXISTS when the model's name is there with another digest */
int sal_study_put_state_set(sal_study *study, const sal_state_set *set, int64_t *key, char **folder,
                            sal_error *err) SAL_MUST_CHECK;

typedef struct sal_state_set_list {
    sal_state_set *items; /* by model, protocol, weights (trained first), seed, key */
    size_t count;
} sal_state_set_list;

int sal_study_list_state_sets(sal_study *study, sal_state_set_list **out,
                              sal_error *err) SAL_MUST_CHECK;
void sal_state_set_list_free(sal_state_set_list *list);

/** One document of a set. */
typedef struct sal_state_unit {
    int64_t set;
    int64_t document;
    char inputs[65]; /* hash of everything it depends on; "": there is no unit */
    int64_t tokens;  /* of the whole sequence */
    int64_t words;
    int64_t unaligned; /* words without a token: left out */
    char file[300];    /* below the study */
} sal_state_unit;

/** Store a unit, replacing what was there. */
int sal_study_put_state_unit(sal_study *study, const sal_state_unit *unit,
                             sal_error *err) SAL_MUST_CHECK;
/** out *unit: inputs "" when there is none */
int sal_study_get_state_unit(sal_study *study, int64_t set, int64_t document, sal_state_unit *unit,
                             sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
