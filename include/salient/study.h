/** The study: one SQLite file in which the stages meet (DESIGN, The study; schema in docs/schema.md).
 *
 *  A study is a folder with study.db in it. Only import creates one. Every stage asks it what is missing, computes only that and
 *  stores each finished unit in one transaction: a killed run continues where it stopped and ends with the same rows.
 *  Strings in the structs are owned by whoever filled the struct; a list returned here is freed with its own free function.
 *  Names (corpora, ids, summarizers) are 1 to 1,000 bytes of UTF-8 without control characters; texts are UTF-8 of at most 512 MiB:
 *  SAL_EINVAL, SAL_ELIMIT or SAL_EFORMAT otherwise.
 */
#ifndef SALIENT_STUDY_H
#define SALIENT_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"
#include "salient/progress.h"
#include "salient/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_study sal_study;

typedef enum sal_study_mode {
    SAL_STUDY_READ, /* must exist; nothing is written; works beside a writer */
    SAL_STUDY_WRITE, /* must exist; becomes the one writer: SAL_EBUSY when another process is writing */
    SAL_STUDY_CREATE /* as WRITE, made (folder and file) when it is not there */
} sal_study_mode;

/** errs SAL_ENOTFOUND (no study there; names the path and `salient import`), SAL_EBUSY, SAL_EFORMAT (not a study, or a newer
 *  schema), SAL_EIO, SAL_ENOMEM */
int sal_study_open(const char *path, sal_study_mode mode, sal_study **out,
                   sal_error *err) SAL_MUST_CHECK;
/** Checkpoint and fold the log back into one file; free. NULL is fine. */
int sal_study_close(sal_study *study, sal_error *err);
/** Close after a failure: a study that this open made and that holds no document goes away again, as if it had never been begun.
 *  NULL is fine. */
void sal_study_abandon(sal_study *study);
/** The path as given to open. */
const char *sal_study_path(const sal_study *study);

/** Copy a study into a new one, whoever is writing to it: its tables, not the files beside them.
 *  in     per_corpus: documents of each corpus that are kept with all that is known of them, evenly spread over the lengths of their
 *         texts; < 0: all
 *  errs   SAL_EIO (no room), SAL_EBUSY, ... What was made so far stays: the caller removes the folder. */
int sal_study_copy(sal_study *study, const char *folder, int64_t per_corpus,
                   sal_error *err) SAL_MUST_CHECK;

/** One explicit transaction around several calls (an imported file). Calls below nest inside it. */
int sal_study_begin(sal_study *study, sal_error *err) SAL_MUST_CHECK;
int sal_study_commit(sal_study *study, sal_error *err) SAL_MUST_CHECK;
void sal_study_rollback(sal_study *study);

/* ---- documents ------------------------------------------------------------------------------------------------------------- */

/** A document. id is unique within its corpus; text is stored as it came, byte for byte. */
typedef struct sal_document {
    int64_t key; /* row in the study; 0 before it is stored */
    const char *corpus;
    const char *id;
    const char *language; /* "en", "fr", ... */
    const char *kind;     /* "news" or "dialogue" */
    const char *text;
    size_t text_length;
    const char *reference; /* human summary; NULL when there is none */
    size_t reference_length;
    const char *hash; /* SHA-256 of the text; filled by the study */
} sal_document;

typedef enum sal_added { SAL_ADDED_NEW, SAL_ADDED_SAME, SAL_ADDED_CONFLICT } sal_added;

/** Store a document.
 *  out    *added: new; the same content is there already (nothing written; a reference that was missing is filled in); or the id
 *         is taken by another text or reference (nothing written, the caller reports it)
 *  out    *key of the row, NULL allowed */
int sal_study_add_document(sal_study *study, const sal_document *document, sal_added *added,
                           int64_t *key, sal_error *err) SAL_MUST_CHECK;

/** Keys of the documents of a corpus (NULL: all) in stored order (by corpus name, then import order), at most limit (< 0: all)
 *  per corpus. out *keys [*count], freed with sal_free. errs SAL_ENOTFOUND when the corpus does not exist (lists those that do). */
int sal_study_document_keys(sal_study *study, const char *corpus, int64_t limit, int64_t **keys,
                            size_t *count, sal_error *err) SAL_MUST_CHECK;

/** A document by key; free with sal_document_free. */
int sal_study_get_document(sal_study *study, int64_t key, sal_document **out,
                           sal_error *err) SAL_MUST_CHECK;
/** Key of a document by id, in a corpus (NULL: any; SAL_EINVAL naming --corpus when several have it). errs SAL_ENOTFOUND */
int sal_study_find_document(sal_study *study, const char *corpus, const char *id, int64_t *key,
                            sal_error *err) SAL_MUST_CHECK;
void sal_document_free(sal_document *document);

/** Names of the corpora, sorted; free with sal_strings_free. */
int sal_study_corpora(sal_study *study, char ***names, size_t *count,
                      sal_error *err) SAL_MUST_CHECK;

/* ---- summarizers ----------------------------------------------------------------------------------------------------------- */

/** A summarizer: a name of the study and the whole configuration behind it. */
typedef struct sal_summarizer_info {
    int64_t key;
    const char *name;
    const char *kind;   /* "model", "endpoint", "lead", "random", "reference", "import", ... */
    const char *digest; /* SHA-256 of config; filled by the study when NULL */
    const char
        *config; /* canonical JSON object (sorted keys) of everything that can change its texts */
    const char *model; /* model name or NULL */
    const char *template_name;
    const char *length_policy; /* "ask", "trim", "retry:R", or NULL */
    const char *family;        /* "llama", "qwen2", ... or NULL */
    double temperature;        /* NaN: not applicable, as the next three */
    double top_p;
    double top_k;
    double repeat_penalty;
    double parameters; /* number of weights; NaN when unknown */
    bool has_seed;
    uint64_t seed;
    bool
        nested; /* texts of different lengths are nested by construction (trim, extractive): reliability is marked so */
} sal_summarizer_info;

/** Store or find a summarizer by name.
 *  out    *key
 *  errs   SAL_EEXISTS when the name is there with another digest: the text says which field differs and names --as */
int sal_study_put_summarizer(sal_study *study, const sal_summarizer_info *info, int64_t *key,
                             sal_error *err) SAL_MUST_CHECK;

typedef struct sal_summarizer_list {
    sal_summarizer_info *items;
    size_t count;
} sal_summarizer_list;

/** All summarizers in order of name. */
int sal_study_list_summarizers(sal_study *study, sal_summarizer_list **out,
                               sal_error *err) SAL_MUST_CHECK;
void sal_summarizer_list_free(sal_summarizer_list *list);

/* ---- summaries ------------------------------------------------------------------------------------------------------------- */

typedef enum sal_status {
    SAL_STATUS_OK,
    SAL_STATUS_TRUNCATED,
    SAL_STATUS_REFUSED,
    SAL_STATUS_FAILED
} sal_status;
/** "ok", "truncated", "refused", "failed". */
const char *sal_status_name(sal_status status);

typedef struct sal_summary {
    int64_t document;
    int64_t summarizer;
    int length;  /* words asked for; 0 = none (reference): null outside */
    int replica; /* from 0 */
    sal_status status;
    const char *text;
    size_t text_length;
    int64_t words;  /* achieved, strict definition, after cleaning; counted by whoever stores it */
    int64_t tokens; /* generated; -1 = not applicable */
    int64_t prompt_tokens; /* -1 = not applicable */
    const char *error;     /* what went wrong (failed, refused, too long), or NULL */
} sal_summary;

/** Seconds of one unit, per stage; kept apart from the results so that these are equal on every run. */
typedef struct sal_timing {
    double prefill_seconds;
    double decode_seconds;
    double other_seconds;
    int64_t tokens;
} sal_timing;

/** Store the summaries of a unit in one transaction, replacing rows of the same (document, summarizer, length, replica).
 *  Importance computed before a row was added or changed is thereby out of date: its inputs become "".
 *  in     timing may be NULL */
int sal_study_put_summaries(sal_study *study, const sal_summary *summaries, size_t count,
                            const sal_timing *timing, sal_error *err) SAL_MUST_CHECK;

typedef struct sal_summary_list {
    sal_summary *items; /* sorted by length, then replica */
    size_t count;
} sal_summary_list;

int sal_study_get_summaries(sal_study *study, int64_t document, int64_t summarizer,
                            sal_summary_list **out, sal_error *err) SAL_MUST_CHECK;
void sal_summary_list_free(sal_summary_list *list);

/** Documents of a corpus (NULL: all) for which not every (length, replica) of the lengths [count] x replicas is stored, whatever
 *  its status, among the first limit documents of each corpus. out *keys [*missing] freed with sal_free; *total = documents asked. */
int sal_study_missing_summaries(sal_study *study, int64_t summarizer, const char *corpus,
                                int64_t limit, const int *lengths, size_t count, int replicas,
                                int64_t **keys, size_t *missing, size_t *total,
                                sal_error *err) SAL_MUST_CHECK;

/** One text that a study lacks. */
typedef struct sal_summary_unit {
    int64_t document;
    int length;
    int replica;
} sal_summary_unit;

/** The same by single summaries, for stages whose unit is the summary; a failed one is missing too, a refused one is not.
 *  out    *units [*missing] by document in stored order, then length as given, then replica; freed with sal_free.
 *         *total = summaries asked */
int sal_study_missing_units(sal_study *study, int64_t summarizer, const char *corpus, int64_t limit,
                            const int *lengths, size_t count, int replicas,
                            sal_summary_unit **units, size_t *missing, size_t *total,
                            sal_error *err) SAL_MUST_CHECK;

/* ---- importance ------------------------------------------------------------------------------------------------------------ */

typedef struct sal_importance_row {
    const char *word;
    int64_t count;    /* summaries that keep it */
    int64_t of;       /* summaries of the document */
    int content;      /* 1, 0, or -1: no stop list for the language */
    bool in_document; /* the word occurs in the document */
} sal_importance_row;

/** Store the importance of one (document, summarizer, protocol), replacing what was there, in one transaction.
 *  in     rows [count] sorted by word bytes; inputs = hash of the summaries it was computed from */
int sal_study_put_importance(sal_study *study, int64_t document, int64_t summarizer,
                             sal_protocol protocol, const char *inputs, int64_t of,
                             const sal_importance_row *rows, size_t count,
                             sal_error *err) SAL_MUST_CHECK;

/** The same for imported importance that is no share of ten summaries: a row's count is its importance in units of 1/of, to be shown as
 *  importance alone. */
int sal_study_put_scaled_importance(sal_study *study, int64_t document, int64_t summarizer,
                                    sal_protocol protocol, const char *inputs, int64_t of,
                                    const sal_importance_row *rows, size_t count,
                                    sal_error *err) SAL_MUST_CHECK;

typedef struct sal_importance_list {
    sal_importance_row *rows; /* sorted by word bytes */
    size_t count;
    int64_t of;
    bool counted; /* false: put as scaled importance */
    char *inputs;
} sal_importance_list;

/** out *out = NULL (and success) when it was not computed yet */
int sal_study_get_importance(sal_study *study, int64_t document, int64_t summarizer,
                             sal_protocol protocol, sal_importance_list **out,
                             sal_error *err) SAL_MUST_CHECK;
void sal_importance_list_free(sal_importance_list *list);

/** Importance that others computed: what a summarizer of kind "import" may have in place of summaries. */
typedef struct sal_imported_word {
    const char *word;  /* as it came */
    double importance; /* 0 to 1 */
} sal_imported_word;

/** Store the imported importance of one (document, summarizer), replacing what was there (count 0: none). Importance computed before
 *  is thereby out of date.
 *  in     words [count] sorted by word bytes
 *  errs   SAL_EINVAL (importance outside of 0 to 1, words not sorted), ... */
int sal_study_put_imported(sal_study *study, int64_t document, int64_t summarizer,
                           const sal_imported_word *words, size_t count,
                           sal_error *err) SAL_MUST_CHECK;

typedef struct sal_imported_list {
    sal_imported_word *words; /* sorted by word bytes */
    size_t count;
} sal_imported_list;

/** out *out = NULL (and success) when there is none; free with sal_imported_list_free */
int sal_study_get_imported(sal_study *study, int64_t document, int64_t summarizer,
                           sal_imported_list **out, sal_error *err) SAL_MUST_CHECK;
void sal_imported_list_free(sal_imported_list *list);

/* ---- scores: one number each, with interval; reliability, consistency, length audit, later agreement and probes -------------- */

typedef struct sal_score {
    const char *corpus;
    int64_t summarizer;
    sal_protocol protocol;
    const char *words;   /* "all" or "content"; "" where it does not apply */
    const char *measure; /* "split_half_pearson", ... */
    int length;          /* the length it belongs to; 0 = none */
    double value;        /* NaN = undefined: null */
    double low;          /* 95 % interval; NaN = none */
    double high;
    int64_t documents; /* documents that entered */
    int64_t undefined; /* documents left out because the measure is undefined there */
} sal_score;

/** Replace all scores of (corpus, summarizer, protocol) in one transaction. */
int sal_study_put_scores(sal_study *study, const char *corpus, int64_t summarizer,
                         sal_protocol protocol, const sal_score *scores, size_t count,
                         sal_error *err) SAL_MUST_CHECK;

typedef struct sal_score_list {
    sal_score *items; /* sorted by corpus, summarizer name, protocol, words, measure, length */
    size_t count;
} sal_score_list;

/** All scores. */
int sal_study_get_scores(sal_study *study, sal_score_list **out, sal_error *err) SAL_MUST_CHECK;
void sal_score_list_free(sal_score_list *list);

/* ---- run log --------------------------------------------------------------------------------------------------------------- */

typedef struct sal_run {
    const char *command;      /* subcommand */
    const char *command_line; /* as typed, quoted */
    const char *options;      /* JSON object of the options in force */
    const char *hashes;       /* JSON object: stop lists, models, templates; or NULL */
    const char *version;
    const char *machine; /* processor features, threads */
} sal_run;

int sal_study_begin_run(sal_study *study, const sal_run *run, int64_t *key,
                        sal_error *err) SAL_MUST_CHECK;
/** in     status "done", "failed", "interrupted"; peak_bytes = peak resident memory */
int sal_study_end_run(sal_study *study, int64_t key, const char *status, const sal_tally *tally,
                      double wall_seconds, double cpu_seconds, int64_t peak_bytes,
                      sal_error *err) SAL_MUST_CHECK;

/** Add a name and text to the "hashes" of the run in progress, for what is known only once it works (an endpoint's
 *  system_fingerprint). Without a run in progress nothing happens. */
int sal_study_note_run(sal_study *study, const char *name, const char *text,
                       sal_error *err) SAL_MUST_CHECK;

/** SHA-256 of a big file, remembered in the study by path, size and modification time so that a model is hashed once. */
int sal_study_file_digest(sal_study *study, const char *path, char digest[65],
                          sal_error *err) SAL_MUST_CHECK;

/* ---- checking -------------------------------------------------------------------------------------------------------------- */

/** Check integrity (SQLite), foreign keys, text hashes, configuration digests, counts in range.
 *  in     found is called once per problem with one line of text, and with "note: ..." for what is no problem (importance out of
 *         date) and not counted; may be NULL
 *  out    *problems */
int sal_study_verify(sal_study *study, void (*found)(void *context, const char *problem),
                     void *context, int64_t *problems, sal_error *err) SAL_MUST_CHECK;

/* ---- export ---------------------------------------------------------------------------------------------------------------- */

typedef enum sal_format { SAL_FORMAT_JSONL, SAL_FORMAT_CSV, SAL_FORMAT_JSON } sal_format;

/** Names of the exportable tables, NULL-terminated. */
const char *const *sal_export_tables(void);

/** Write a table as tidy rows in its documented order (docs/schema.md). corpus NULL: all. undefined = null (CSV: empty).
 *  errs SAL_EINVAL for an unknown table */
int sal_export_table(sal_study *study, const char *table, const char *corpus, sal_format format,
                     const sal_sink *sink, sal_error *err) SAL_MUST_CHECK;

/** Write the table heads with one row for each document in place of the means over documents, in the order of docs/schema.md. */
int sal_export_head_documents(sal_study *study, const char *corpus, sal_format format,
                              const sal_sink *sink, sal_error *err) SAL_MUST_CHECK;

/** Write the layout of the paper's published data below a folder: data/{model}/{dataset}/predictions.json, ... (DESIGN, export).
 *  Importance files are written for what `importance --protocol paper` has computed. */
int sal_export_original(sal_study *study, const char *folder, const char *corpus,
                        const sal_progress *progress, sal_tally *tally,
                        sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
