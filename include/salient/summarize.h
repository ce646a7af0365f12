/** Summarizers: one summary per document and length (METHODS 1), stored in the study. */
#ifndef SALIENT_SUMMARIZE_H
#define SALIENT_SUMMARIZE_H

#include "salient/model.h"
#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_summarize_options {
    const char *with; /* a GGUF file, or "lead", "random", "reference", ... */
    const char *as;   /* name in the study; NULL: with (a model's file name without .gguf) */
    const char *corpus;
    int64_t limit;      /* documents of each corpus; < 0: all */
    const int *lengths; /* [length_count], ascending, > 0 */
    size_t length_count;
    int replicas;
    const char *template_name; /* "paper-first", "text-first" or a file with {n} and {text} */
    const char *chat_template; /* file, or NULL */
    const char *length_policy; /* "ask", "trim", "retry:R" */
    double temperature;        /* NaN in these four: the model's preset */
    double top_p;
    double top_k;
    double repeat_penalty;
    uint64_t seed;
    int max_tokens;
    sal_model_options model_options;
} sal_summarize_options;

/** Defaults: lengths 10, 20, ..., 100 (static), one replica, "paper-first", "ask", presets, seed 1, 500 tokens. */
sal_summarize_options sal_summarize_defaults(void);

/** Names of the summarizers that need no model, NULL-terminated: for help and suggestions. */
const char *const *sal_summarize_builtin(void);

/** Make the summaries that the study lacks. The unit is the document: all its lengths are stored together.
 *  out    *tally added to: done, kept = documents; failed, refused, truncated = summaries
 *  errs   SAL_EEXISTS (another configuration under that name), SAL_EINVAL, SAL_ENOTFOUND, SAL_EMODEL, SAL_ECANCELLED, ... */
int sal_summarize_run(sal_study *study, const sal_summarize_options *options,
                      const sal_progress *progress, sal_tally *tally,
                      sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
