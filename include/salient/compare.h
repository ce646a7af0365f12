/** How summarizers differ (METHODS 5): agreement, trees, what they keep. Reads importance (strict) from the study, writes to its tables
 *  `agreement` and `clusters` (salient/agreement.h; docs/schema.md lists the measures). */
#ifndef SALIENT_COMPARE_H
#define SALIENT_COMPARE_H

#include "salient/agreement.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Family and size of a summarizer that the study does not know, or knows otherwise. */
typedef struct sal_compare_label {
    const char *name;   /* summarizer */
    const char *family; /* NULL: not given */
    double parameters;  /* number of weights; NaN: not given */
} sal_compare_label;

typedef struct sal_compare_options {
    const char *corpus; /* NULL: all, each by itself */
    const sal_compare_label *labels;
    size_t label_count;
    uint64_t seed; /* of resamples, relabellings and random selection */
    int threads;   /* 0: one per processor; the result does not depend on it */
} sal_compare_options;

/** Compare all summarizers of each corpus whose importance is in the study.
 *  out    *tally added to: done = documents compared; failed = documents of which fewer than two summarizers have importance
 *  errs   SAL_ENOTFOUND (no importance yet: names the command that makes it; a label of no summarizer), SAL_ECANCELLED, ...
 *  cost   3,000 documents, 16 summarizers: O(documents x pairs x words), some 20 s on two processors */
int sal_compare_run(sal_study *study, const sal_compare_options *options,
                    const sal_progress *progress, sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
