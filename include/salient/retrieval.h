/** Retrieval heads (Wu et al. 2024; METHODS 3): heads that look at the token which the model is about to copy. Which heads they are, and how
 *  many of those that follow importance are among them.
 *
 *  A document's own ok summary of the middle length is read behind the chat prompt, teacher-forced. A token of it is copied where it
 *  occurs among the document's tokens; a head has a hit where the query from which it is predicted gives its largest weight, over all
 *  it sees, to the same token in the document. Score of a head: hits / copied tokens, mean over documents. */
#ifndef SALIENT_RETRIEVAL_H
#define SALIENT_RETRIEVAL_H

#include "salient/heads.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A retrieval head has a score above this. */
#define SAL_RETRIEVAL_THRESHOLD .1

/** One document. Rows belong to the model and summarizer of an analysis, whatever its evidence, protocol and options. */
typedef struct sal_retrieval_unit {
    int64_t analysis;
    int64_t document;
    char inputs[65]; /* hash of everything it depends on */
    int64_t tokens;  /* of the summary */
    int64_t copied;  /* those that occur in the document */
    size_t layers;   /* L: all of the model */
    size_t heads;    /* H */
    int32_t *hits;   /* [L,H] */
} sal_retrieval_unit;

/** Store a unit, replacing what was there. */
int sal_study_put_retrieval_unit(sal_study *study, const sal_retrieval_unit *unit,
                                 sal_error *err) SAL_MUST_CHECK;
/** out *out = NULL (and success) when there is none; free with sal_retrieval_unit_free */
int sal_study_get_retrieval_unit(sal_study *study, int64_t analysis, int64_t document,
                                 sal_retrieval_unit **out, sal_error *err) SAL_MUST_CHECK;
void sal_retrieval_unit_free(sal_retrieval_unit *unit);

/** Score of one head in a corpus. */
typedef struct sal_retrieval_head {
    int layer, head;
    double value;     /* NaN: undefined */
    double low, high; /* 95 % interval over documents; NaN below 20 */
    int64_t documents;
    int64_t undefined; /* documents in whose summary nothing is copied */
} sal_retrieval_head;

/** Replace the scores of the analysis' model and summarizer in a corpus. */
int sal_study_put_retrieval_heads(sal_study *study, int64_t analysis, const char *corpus,
                                  const sal_retrieval_head *heads, size_t count,
                                  sal_error *err) SAL_MUST_CHECK;
/** By layer and head. out *heads [*count], freed with sal_free; none: *count 0 */
int sal_study_get_retrieval_heads(sal_study *study, int64_t analysis, const char *corpus,
                                  sal_retrieval_head **heads, size_t *count,
                                  sal_error *err) SAL_MUST_CHECK;

/** Which heads of an analysis are compared. */
typedef enum sal_retrieval_chosen {
    SAL_CHOSEN_SURVIVING, /* family-wise p <= SAL_HEADS_SIGNIFICANT */
    SAL_CHOSEN_BEST,      /* the first ten by test statistic, fewer where there are fewer */
    SAL_CHOSEN
} sal_retrieval_chosen;
/** "surviving", "best". */
const char *sal_retrieval_chosen_name(sal_retrieval_chosen chosen);

/** How many of the chosen heads are retrieval heads. */
typedef struct sal_retrieval_overlap {
    sal_head_words words;
    sal_retrieval_chosen chosen;
    int64_t heads; /* of the analysis, with a test statistic and a score */
    int64_t retrieval_heads;
    int64_t chosen_heads;
    int64_t shared;
    double p; /* hypergeometric, so many shared or more; NaN: none chosen */
} sal_retrieval_overlap;

enum { SAL_RETRIEVAL_OVERLAPS = SAL_HEAD_WORDS * SAL_CHOSEN };

/** Replace the overlaps of (analysis, corpus). */
int sal_study_put_retrieval_overlaps(sal_study *study, int64_t analysis, const char *corpus,
                                     const sal_retrieval_overlap *overlaps, size_t count,
                                     sal_error *err) SAL_MUST_CHECK;
/** By words, then chosen. out overlaps, *count of them */
int sal_study_get_retrieval_overlaps(sal_study *study, int64_t analysis, const char *corpus,
                                     sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS],
                                     size_t *count, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
