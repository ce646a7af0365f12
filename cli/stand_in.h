/** Texts in the place of a model's, for the samples of an estimate: their openings, of the lengths asked for. */
#ifndef CLI_STAND_IN_H
#define CLI_STAND_IN_H

#include "rehearsal.h"

/** Put the summaries that a summarize step of one summarizer lacks on a sample: the first words of each document. The summarizer is
 *  stored there already (rehearsal_count). */
int stand_in_put(const struct rehearsal_step *step, const char *study,
                 sal_error *err) SAL_MUST_CHECK;

#endif
