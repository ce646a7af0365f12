/** The time of a step from samples of growing size. */
#ifndef CLI_LADDER_H
#define CLI_LADDER_H

#include "estimate.h"
#include "estimate_memory.h"

#define TOKENS_A_WORD 1.5 /* ESTIMATE_RULES */

/** What the time of a step grows with: tokens that pass the model, else units, else documents. */
double estimate_extent(const sal_work *work, int64_t documents, bool counts);

/** Rehearse the step and fill in time, memory and disk.
 *  in     model: of the step; weights 0: none; words: asked for of one document; estimate: counted */
int ladder_climb(const struct estimates *estimates, struct rehearsal *rehearsal,
                 const struct rehearsal_step *step, const struct model_memory *model, double words,
                 struct estimate *estimate) SAL_MUST_CHECK;

/** Put stand-ins where a summarize step would have left summaries, on the rungs from this one to the first that holds all units. */
int ladder_fill(struct rehearsal *rehearsal, const struct rehearsal_step *step, size_t from,
                int64_t all) SAL_MUST_CHECK;

#endif
