/** A summarizer maps (document, lengths) to texts. Each kind is one file that fills this interface; run.c drives them all alike.
 *
 *  To add a kind: write <kind>.c with an open function, and give it a row in the table of registry.c.
 */
#ifndef SALIENT_SUMMARIZE_SUMMARIZER_H
#define SALIENT_SUMMARIZE_SUMMARIZER_H

#include "prompt/prompt.h"
#include "salient/summarize.h"

/** One text that is wanted. */
typedef struct sal_summary_job {
    int length; /* words; 0 when the summarizer has no lengths */
    int replica;
} sal_summary_job;

/** One text as made; text and error are owned by whoever holds the draft. */
typedef struct sal_summary_draft {
    sal_status status;
    char *text; /* valid UTF-8 */
    size_t text_length;
    int64_t tokens;        /* -1: not applicable */
    int64_t prompt_tokens; /* -1: not applicable */
    char *error;           /* why it is not ok, or NULL */
} sal_summary_draft;

void sal_summary_draft_free(sal_summary_draft *draft);

typedef struct sal_summarizer sal_summarizer;

/** Where a kind whose unit is the summary takes its work and leaves it (units.c). Texts may be put in any order: what is stored does
 *  not depend on it. */
typedef struct sal_unit_desk {
    /** The next text that is wanted.
     *  out    *document valid until the next take; NULL when there is no more. *unit names the text to put */
    int (*take)(void *context, const sal_document **document, sal_summary_job *job, size_t *unit,
                sal_error *err);
    /** Store a draft at once, in a transaction of its own. The draft stays the caller's. */
    int (*put)(void *context, size_t unit, const sal_summary_draft *draft, sal_error *err);
    void *context;
} sal_unit_desk;

struct sal_summarizer {
    /** What goes into the study; strings owned by the summarizer. */
    sal_summarizer_info info;
    /** False: one text per document, whatever the lengths (the reference). */
    bool has_lengths;
    /** Not NULL: the unit is the summary, and this takes the place of summarize. Failed texts are asked for again by the next run. */
    int (*summarize_units)(sal_summarizer *self, const sal_unit_desk *desk,
                           const sal_progress *progress, sal_error *err);
    /** Make the drafts [count] of a document's jobs [count]; all jobs have the same replica.
     *  What goes wrong with one text is a draft of status failed or refused; an error return ends the run. */
    int (*summarize)(sal_summarizer *self, const sal_document *document,
                     const sal_summary_job *jobs, size_t count, sal_summary_draft *drafts,
                     sal_timing *timing, const sal_progress *progress, sal_error *err);
    /** Add to *work what summarize would take for a document; NULL: nothing worth counting. */
    int (*count)(sal_summarizer *self, const sal_document *document, const sal_summary_job *jobs,
                 size_t count, sal_work *work, sal_error *err);
    void (*close)(sal_summarizer *self);
};

/** Everything an open function may need. */
typedef struct sal_summarizer_setting {
    const sal_summarize_options *options;
    const sal_text *text;
    sal_study *study; /* for file digests that it remembers */
    const sal_progress *progress;
    sal_model *
        model; /* of a local summarizer, open with its weights, borrowed: its heads may then be edited. NULL: its own */
} sal_summarizer_setting;

/** Open the summarizer that options->with names.
 *  errs   SAL_EINVAL (unknown: suggests what there is), those of the kind */
int sal_summarizer_open(const sal_summarizer_setting *setting, sal_summarizer **out,
                        sal_error *err) SAL_MUST_CHECK;
void sal_summarizer_close(sal_summarizer *summarizer);

/* The kinds. */
int sal_summarizer_open_lead(const sal_summarizer_setting *setting, sal_summarizer **out,
                             sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_random(const sal_summarizer_setting *setting, sal_summarizer **out,
                               sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_tail(const sal_summarizer_setting *setting, sal_summarizer **out,
                             sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_frequency(const sal_summarizer_setting *setting, sal_summarizer **out,
                                  sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_tfidf(const sal_summarizer_setting *setting, sal_summarizer **out,
                              sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_textrank(const sal_summarizer_setting *setting, sal_summarizer **out,
                                 sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_lexrank(const sal_summarizer_setting *setting, sal_summarizer **out,
                                sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_reference(const sal_summarizer_setting *setting, sal_summarizer **out,
                                  sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_local(const sal_summarizer_setting *setting, sal_summarizer **out,
                              sal_error *err) SAL_MUST_CHECK;
int sal_summarizer_open_endpoint(const sal_summarizer_setting *setting, sal_summarizer **out,
                                 sal_error *err) SAL_MUST_CHECK;

/** Edit heads of a local summarizer that was given a model; as sal_engine_edit. */
int sal_summarizer_local_edit(sal_summarizer *summarizer, const sal_head_place *heads, size_t count,
                              const float *outputs, size_t width, sal_error *err) SAL_MUST_CHECK;

/** Have a summarizer of units make what the study lacks and what failed before.
 *  out    *tally added to: done, kept, failed, refused, truncated = summaries */
int sal_summarize_units(sal_study *study, const sal_text *text, sal_summarizer *summarizer,
                        int64_t key, const sal_summarize_options *options,
                        const sal_progress *progress, sal_tally *tally,
                        sal_error *err) SAL_MUST_CHECK;

/** Words of a draft as the length audit counts them: after cleaning, strict definition. */
int sal_summary_draft_words(const sal_text *text, const sal_summary_draft *draft, int64_t *words,
                            sal_error *err) SAL_MUST_CHECK;

/* ---- what the kinds share ----------------------------------------------------------------------- */

/** Ranks the sentences of a document: order [count] filled with sentence indices, the best first. */
typedef int (*sal_sentence_rank)(void *context, const sal_document *document, int replica,
                                 const sal_span *sentences, size_t count, size_t *order,
                                 sal_error *err);

/** An extractive summarizer from a ranking of sentences: takes them in rank order until n words are reached, cuts at n, prints them
 *  in document order with one space between (METHODS 1).
 *  in     kind: static name; seed: NULL when the ranking draws nothing; context given to rank, freed with sal_free on close */
int sal_summarizer_open_extractive(const sal_summarizer_setting *setting, const char *kind,
                                   const uint64_t *seed, sal_sentence_rank rank, void *context,
                                   sal_summarizer **out, sal_error *err) SAL_MUST_CHECK;

/** The extraction itself: sentences in rank order until n words, cut at n, in document order.
 *  in     order: a permutation of 0..count-1
 *  out    appended to *out */
int sal_extract(const sal_text *text, const char *document, const sal_span *sentences, size_t count,
                const size_t *order, size_t n, sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

/** Parse a length policy: "ask", "trim" or "retry:R" with R in 1..100.
 *  out    *trim, *retries (0 for the first two)
 *  errs   SAL_EINVAL */
int sal_length_policy_parse(const char *policy, bool *trim, int *retries,
                            sal_error *err) SAL_MUST_CHECK;

/** Where the n-th word of a cleaned text ends (trim).
 *  out    *kept: what remains of bytes [length]; *complete: the n-th word is there, and what stands after it makes it no longer
 *         word ("ten-" may become "ten-year") */
int sal_length_cut(const sal_text *text, const char *bytes, size_t length, int n, sal_span *kept,
                   bool *complete, sal_error *err) SAL_MUST_CHECK;

/** True when achieved words lie within ±10 % of those asked for. */
bool sal_length_within(int64_t achieved, int asked);

#endif
