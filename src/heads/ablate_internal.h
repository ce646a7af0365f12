/** Inside of the causal check: which heads are taken out (ablate_heads.c); documents and results are ablate.c's. */
#ifndef SALIENT_HEADS_ABLATE_INTERNAL_H
#define SALIENT_HEADS_ABLATE_INTERNAL_H

#include "heads/heads_internal.h"
#include "salient/ablate.h"

/** Heads chosen on one half of the documents, and draws of others. Zero-initialise; free with ablate_choice_free. */
typedef struct ablate_choice {
    int64_t analysis, summarizer;
    char model_digest[65];
    char corpus[1001], summarizer_name[1001];
    size_t top, draws;
    sal_head_place *sets; /* [1 + draws, top]: the chosen ones, best first; then each draw */
} ablate_choice;

/** errs   SAL_ENOTFOUND, SAL_EINVAL, as sal_ablate_run */
int ablate_choose(sal_study *study, const sal_ablate_options *options, ablate_choice *choice,
                  sal_error *err) SAL_MUST_CHECK;
void ablate_choice_free(ablate_choice *choice);

/** The sets as JSON. */
int ablate_describe(const ablate_choice *choice, sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

#endif
