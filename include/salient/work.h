/** What a stage would have to compute, counted without computing it: for a look before the start. */
#ifndef SALIENT_WORK_H
#define SALIENT_WORK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Counts of a stage. An options struct that points to one has the stage look, tokenise and add to it in place of computing; names and
 *  configurations are stored all the same, so it looks at a copy of a study (sal_study_copy). */
typedef struct sal_work {
    int64_t units; /* documents (endpoints: summaries) that are missing or out of date */
    int64_t kept;  /* that are there */
    int64_t
        waiting; /* of the units, those that an earlier stage has to prepare first (no importance yet, no summary) */
    int64_t left_out; /* that cannot be computed: longer than the model's context, without words */
    int64_t texts;    /* summaries to be made */
    int64_t prompts;  /* tokens of all prompts or sequences */
    int64_t
        computed; /* of them those that pass the model: what the prompts of a document share counts once */
    int64_t prompt_bytes; /* endpoints, whose tokenizer is not known: bytes of all prompts */
    int64_t cells;        /* of the cache, for the document that needs most */
    int64_t longest;      /* tokens of the longest sequence, what may be generated included */
} sal_work;

/** What a stage took, where it is measured from inside. */
typedef struct sal_pace {
    double prefill_seconds, decode_seconds; /* sampling is part of the latter */
    int64_t generated;                      /* tokens */
} sal_pace;

#ifdef __cplusplus
}
#endif
#endif
