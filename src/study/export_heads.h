/** metrics_scores.json of the paper's layout: heads of one model on one data set. */
#ifndef SALIENT_STUDY_EXPORT_HEADS_H
#define SALIENT_STUDY_EXPORT_HEADS_H

#include "salient/study.h"

/** Write folder/metrics_scores.json from the heads that salient heads --protocol paper --evidence received has stored for this
 *  summarizer's importance (the first by options, then model); nothing when there are none.
 *  in     keys [count]: the corpus's documents in order */
int original_export_heads(sal_study *study, int64_t summarizer, const char *corpus,
                          const int64_t *keys, size_t count, const char *folder,
                          sal_error *err) SAL_MUST_CHECK;

#endif
