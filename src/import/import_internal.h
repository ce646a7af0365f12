/** Inside of the import room: which field of a record is what, and what becomes of records that cannot be used. */
#ifndef SALIENT_IMPORT_INTERNAL_H
#define SALIENT_IMPORT_INTERNAL_H

#include "io/reader.h"
#include "salient/import.h"

/** Our fields; import_field_name spells them as --map does. */
typedef enum import_name {
    IMPORT_TEXT,
    IMPORT_ID,
    IMPORT_REFERENCE,
    IMPORT_LANGUAGE,
    IMPORT_KIND,
    IMPORT_SUMMARY,
    IMPORT_LENGTH,
    IMPORT_REPLICA,
    IMPORT_STATUS,
    IMPORT_IMPORTANCE,
    IMPORT_NAMES
} import_name;

/** Where our fields are taken from. */
typedef struct import_map {
    const char *from[IMPORT_NAMES]; /* --map; NULL: the default names are tried */
    bool seen[IMPORT_NAMES];        /* a record had that field */
    bool summaries;
} import_map;

/** One file being imported. */
typedef struct import_job {
    sal_study *study;
    const sal_import_options *options;
    const sal_progress *progress;
    sal_reader *reader;
    import_map map;
    sal_buffer corpus; /* name of the corpus for new documents */
    sal_tally tally;   /* of this file */
    int64_t records;   /* read so far */
    sal_error first;   /* why the first unusable record is unusable */
    /* Records without id: those with one text, right after each other, are one document. */
    sal_buffer made_id;
    char made_digest[65];
} import_job;

const char *import_field_name(import_name name);

/** Check options and fill the map.
 *  errs   SAL_EINVAL: unknown or repeated field, kind, language */
int import_check_options(const sal_import_options *options, import_map *map,
                         sal_error *err) SAL_MUST_CHECK;

/** Open the reader of a file; bytes NULL, or the content of a source that can be read only once. */
int import_open_reader(const char *path, const sal_import_options *options, const sal_buffer *bytes,
                       sal_reader **out, sal_error *err) SAL_MUST_CHECK;

/** The field of a record that serves as `name`; NULL when there is none or when it is JSON's null. */
const sal_field *import_find(import_map *map, const sal_record *record, import_name name);

/** What a record says of its document. Pointers into the record. */
typedef struct import_record {
    const sal_field *id; /* NULL: it has none */
    const sal_field *text;
    const sal_field *reference;
    const char *language;
    const char *kind;
} import_record;

/** Read what a record says of its document.
 *  out    found; text and id may be NULL
 *  return SAL_OK, or a code with the reason in *why when the record cannot be used */
int import_read_record(import_job *job, const sal_record *record, import_record *found,
                       sal_error *why) SAL_MUST_CHECK;

/** The reason for a missing text or summary: lists the fields that are there and the --map that may help. */
int import_refuse_missing(const import_map *map, const sal_record *record, import_name name,
                          sal_error *why);

/** Id of a record: its own, or FILE:line (of the first record that has the same text right before).
 *  out    *id valid until the next call */
int import_identify(import_job *job, const sal_record *record, const import_record *found,
                    const char **id, sal_error *err) SAL_MUST_CHECK;

/** Pass a record over: one line for the user, counted. */
int import_skip(import_job *job, int64_t line, const char *why, sal_error *err) SAL_MUST_CHECK;

/** After the last record: mapped fields that no record had, and inputs without a usable record, are errors. */
int import_check_end(const import_job *job, sal_error *err) SAL_MUST_CHECK;

/** Next record, within --limit; NULL at the end. Polls for cancellation. */
int import_next(import_job *job, const sal_record **record, sal_error *err) SAL_MUST_CHECK;

/** True for a text of white space alone. */
bool import_is_blank(const char *bytes, size_t length);

/** Base name of the input without its extension. */
int import_stem(const sal_reader *reader, sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

/** Import the records of job->reader, inside the transaction of the file. */
int import_documents(import_job *job, sal_error *err) SAL_MUST_CHECK;
/** in     digest of the file */
int import_summaries(import_job *job, const char *digest, sal_error *err) SAL_MUST_CHECK;

/** Import an hf: source: its records are fetched into the cache and imported from there, as files are (hub.c). */
int import_hub(sal_study *study, const char *source, const sal_import_options *options,
               const sal_progress *progress, sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

/** Fetch the rows of one split as JSONL, on from where an earlier run stopped (hub_rows.c).
 *  in     name: OWNER/NAME; rest: "", ":CONFIG" or ":CONFIG:SPLIT"
 *  out    path: of the file, which stays until it is removed */
struct sal_hub;
int import_hub_fetch_rows(const struct sal_hub *hub, const char *source, const char *name,
                          const char *rest, int64_t limit, sal_buffer *path,
                          sal_error *err) SAL_MUST_CHECK;

/** True when a path fits a pattern: `*` and `?` within a folder, two stars across folders; all else is itself. */
bool import_path_matches(const char *pattern, const char *path);

/** What a record says of its summary. */
typedef struct import_summary {
    const char *text;
    size_t text_length;
    int length;  /* 0: none given */
    int replica; /* -1: none given */
    sal_status status;
    const char *error;
} import_summary;

/** return SAL_OK, or a code with the reason in *why when the record cannot be used */
int import_read_summary(import_job *job, const sal_record *record, import_summary *found,
                        sal_error *why) SAL_MUST_CHECK;

/** The text of a record's summary and the status that its text tells: predictions without a study take records of any length. */
int import_read_summary_text(import_map *map, const sal_record *record, import_summary *found,
                             sal_error *why) SAL_MUST_CHECK;

#endif
