/** Summarizers: one summary per document and length (METHODS 1), stored in the study. */
#ifndef SALIENT_SUMMARIZE_H
#define SALIENT_SUMMARIZE_H

#include "salient/model.h"
#include "salient/study.h"
#include "salient/work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_summarize_options {
    const char *with; /* a GGUF file, "api:MODEL@BASE_URL", or "lead", "random", "reference", ... */
    const char *as;   /* name in the study; NULL: sal_summarize_name */
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
    /* Endpoints. None of these changes a text. */
    int jobs;               /* requests in flight at most */
    int attempts;           /* of one request, the first included */
    double timeout_seconds; /* for one reply */
    double backoff_seconds; /* before the second attempt; then doubled */
    double price_in;  /* of a million tokens of prompts, in any money: told and logged; NaN: none */
    double price_out; /* of a million tokens of texts */
    bool one_host;  /* all endpoints of the command have one host: SALIENT_API_KEY may be its key */
    sal_work *work; /* not NULL: count what is missing, make nothing (salient/work.h) */
    sal_pace *pace; /* not NULL: what a local model took is added */
} sal_summarize_options;

/** Defaults: lengths 10, 20, ..., 100 (static), one replica, "paper-first", "ask", presets, seed 1, 500 tokens; endpoints: 4 requests in
 *  flight, 6 attempts, 300 s for a reply, back-off from 1 s, no prices. */
sal_summarize_options sal_summarize_defaults(void);

/** Names of the summarizers that need no model, NULL-terminated: for help and suggestions. */
const char *const *sal_summarize_builtin(void);

/** The name a summarizer gets: options->as, else with; of a model file its base name without .gguf, of an endpoint MODEL.
 *  return freed with sal_free; NULL when out of memory */
char *sal_summarize_name(const sal_summarize_options *options);

/** Check an "api:MODEL@BASE_URL" and give its host. Its key is never in it: a user name, password or query is refused, and the error
 *  does not repeat it.
 *  out    *host freed with sal_free; NULL (and success) when with is no endpoint
 *  errs   SAL_EINVAL */
int sal_summarize_endpoint_host(const char *with, char **host, sal_error *err) SAL_MUST_CHECK;

/** Make the summaries that the study lacks. The unit is the document: all its lengths are stored together. For endpoints it is the
 *  summary, stored as it comes; there failed ones are made again, refused ones are not.
 *  The key of an endpoint comes from the environment: DEEPSEEK_API_KEY for *.deepseek.com, OPENAI_API_KEY for *.openai.com, else the
 *  host in capitals with _ and _API_KEY, else (one_host) SALIENT_API_KEY. It is sent to that host alone and kept nowhere.
 *  out    *tally added to: done, kept = documents (endpoints: summaries); failed, refused, truncated = summaries
 *  errs   SAL_EEXISTS (another configuration under that name), SAL_EINVAL, SAL_ENOTFOUND, SAL_EMODEL, SAL_ECANCELLED, ... */
int sal_summarize_run(sal_study *study, const sal_summarize_options *options,
                      const sal_progress *progress, sal_tally *tally,
                      sal_error *err) SAL_MUST_CHECK;

/** A local model's summaries made again, as its configuration in the study says, while its heads are edited. Nothing is stored. */
typedef struct sal_regenerator sal_regenerator;

/** in     summarizer: name in the study; model: its file at path, open with its weights, borrowed; chat_template: file, or NULL, as when the
 *         summaries were made; model_options: as model was opened
 *  errs   SAL_ENOTFOUND, SAL_EUNSUPPORTED (no local model made them), SAL_EEXISTS (the configuration would be another one: says in what),
 *         those of the model */
int sal_regenerator_open(sal_study *study, const char *summarizer, sal_model *model,
                         const char *path, const char *chat_template,
                         const sal_model_options *model_options, const sal_progress *progress,
                         sal_regenerator **out, sal_error *err) SAL_MUST_CHECK;
void sal_regenerator_close(sal_regenerator *regenerator);

/** All lengths and replicas of a document.
 *  in     heads [count], outputs, width: as sal_engine_edit
 *  out    *summaries by length, then replica, words counted; free with sal_summary_list_free
 *  errs   SAL_ECANCELLED, SAL_EMODEL, SAL_EUNSUPPORTED, SAL_ENOMEM */
int sal_regenerator_make(sal_regenerator *regenerator, const sal_document *document,
                         const sal_head_place *heads, size_t count, const float *outputs,
                         size_t width, const sal_progress *progress, sal_summary_list **summaries,
                         sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
