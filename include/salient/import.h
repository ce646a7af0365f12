/** Import: documents and ready-made summaries from JSON arrays, JSONL, CSV/TSV, plain text and standard input.
 *
 *  One file is one transaction: a file that is malformed (syntax, truncated line, bad UTF-8, nesting or length beyond the limits)
 *  is refused whole with file:line and the study stays as it was. A record that is well-formed but unusable (no text field, empty
 *  text, an id taken by another text) is skipped, listed as file:line and counted in tally->failed.
 *  Memory is bounded by the longest record (limit below), whatever the size of the file.
 */
#ifndef SALIENT_IMPORT_H
#define SALIENT_IMPORT_H

#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SAL_IMPORT_MAXIMUM_RECORD ((size_t)64 << 20) /* bytes of one record */
#define SAL_IMPORT_MAXIMUM_DEPTH 64                  /* nesting of JSON */

/** One row of --map: take our field ("text", "id", "reference", "lang", "kind"; with summaries also "summary", "length",
 *  "replica", "importance") from the input's field. */
typedef struct sal_field_map {
    const char *field;
    const char *from;
} sal_field_map;

typedef struct sal_import_options {
    const char *corpus; /* NULL: the file's base name without extension; standard input: "stdin" */
    const char *language; /* for records that name none; NULL: "en" */
    const char *kind;     /* likewise; NULL: "news" */
    const sal_field_map *map;
    size_t map_count;
    int64_t limit;  /* records a file at most; < 0: all */
    bool summaries; /* the records are summaries made elsewhere (predictions.json) */
    const char
        *as; /* summaries: name of the summarizer; NULL: the file's base name without extension */
    const char
        *format; /* "json", "jsonl", "csv", "tsv", "txt", or NULL: by extension, then by content */
} sal_import_options;

/** Import one file ("-": standard input; "hf:OWNER/NAME[:CONFIG[:SPLIT]]": the rows of a data set of the hub; "hf:OWNER/NAME/PATTERN":
 *  JSON files of its repository, `*` and `?` within a folder, two stars across folders) into a study open for writing. Importing it again changes nothing.
 *
 *  Documents     fields text|article|dialogue, id, reference|highlights|summary|synopsis, lang|language, kind; the first that is there.
 *                Without id: FILE:line.
 *  Summaries     generated|generated_summary|summary, length or criteria "length_num_N", replica, status; "summary" beside another
 *                generated field is the reference. Records with one id belong to one document (without ids: those with one text that
 *                follow each other). Several of one length without replica are replicas 0, 1, ... in file order. "[Error: ...]" and the
 *                like are stored as failed, "[Content restricted]" and empty texts as refused, with their text. The summarizer's
 *                configuration is the file's SHA-256 and the map.
 *                word_importance ({word: y}, y in 0 to 1) is kept as it came where at most one summary of the document comes with it;
 *                where they all come, importance is computed from them. A record may hold it without a summary.
 *  A field that --map gives to one of ours serves as no other; one that no record has is an error.
 *
 *  hf:           The corpus is called NAME. Without CONFIG and SPLIT: the only ones there are, else those that the paper uses
 *                (cnn_dailymail: 3.0.0, test; SAMSum: test), else test. Of a pattern each file is a transaction; a file that holds
 *                neither documents nor summaries is told and counted. predictions.json holds summaries: their summarizer is called by its
 *                two folders, their corpus by the last one; other files beside it that fit the pattern are left out. Where it is missing,
 *                generated_summaries_with_word_importance.json, then ..._deduplicated.json, takes its place.
 *                SALIENT_HUB and SALIENT_HUB_ROWS: other addresses than Hugging Face's.
 *  progress      note(): each skipped record as "FILE:line: skipped: why"; update() counts records, their total is not known (0)
 *  out    *tally added to: done = documents (or summaries) added, kept = already there, failed = skipped records
 *  errs   SAL_ENOTFOUND, SAL_EIO, SAL_EFORMAT, SAL_ELIMIT, SAL_ECANCELLED; SAL_EFORMAT too when no record at all could be used;
 *         SAL_EINVAL (options; an id that several corpora have), SAL_EEXISTS (another file has the summarizer's name: --as),
 *         SAL_EUNSUPPORTED (compressed files, Parquet without the program duckdb, a data set that wants a key: HF_TOKEN). The study and *tally are then as they were. */
int sal_import_file(sal_study *study, const char *path, const sal_import_options *options,
                    const sal_progress *progress, sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

/** Records of a predictions file without a study: each document's summaries together, every record counted whatever its length and
 *  status, as the published code does; like that, it stops at a record without a summary.
 *  The callback gets the documents in the order of their first record; summaries in file order.
 *  Memory is bounded by the file's size (documents are grouped by id). */
typedef struct sal_prediction_document {
    const char *id;
    const char *text; /* "" when the records have none */
    size_t text_length;
    const char *const *summaries; /* [count], NUL-terminated */
    const size_t *summary_lengths;
    const sal_status *
        statuses; /* [count]; `[Error: ...]` failed, `[Content restricted]` and empty texts refused (METHODS 2) */
    size_t count;
} sal_prediction_document;

int sal_import_predictions(const char *path, const sal_import_options *options,
                           int (*each)(void *context, const sal_prediction_document *document,
                                       sal_error *err),
                           void *context, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
