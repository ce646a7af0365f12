/** Inside the report: what its files share. The page is a template (assets/report.html) whose {{markers}} are filled from here; the
 *  data goes into JSON blocks that assets/report*.js draw. */
#ifndef SALIENT_REPORT_INTERNAL_H
#define SALIENT_REPORT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/agreement.h"
#include "salient/heads.h"
#include "salient/importance.h"
#include "salient/probe.h"
#include "salient/protocols.h"
#include "salient/report.h"
#include "salient/study.h"
#include "salient/text.h"

/** A corpus as the report shows it. */
typedef struct sal_report_corpus {
    const char *name; /* borrowed from sal_report.names */
    int64_t *keys;    /* of its documents, in stored order; owned */
    size_t documents;
    size_t shown;     /* the first ones, in full */
    char **languages; /* of the shown ones, in order of appearance; owned */
    size_t language_count;
    char **kinds;
    size_t kind_count;
} sal_report_corpus;

/** Everything of a report that does not depend on a document. */
typedef struct sal_report {
    sal_study *study; /* borrowed, as options and progress */
    const sal_report_options *options;
    const sal_progress *progress;
    char *title;
    char **names;
    size_t name_count;
    sal_report_corpus *corpora;
    size_t corpus_count;
    sal_summarizer_list *summarizers;
    sal_score_list *scores;
    sal_agreement_list *agreement; /* of the shown corpora, when one is chosen */
    sal_head_tables *heads;
    sal_probe_tables *probes;
    sal_protocol_list *protocols;
    sal_text *text;
} sal_report;

/* ---- json_block.c: JSON for a script element, with an error that sticks ---------------------------------------------------- */

/** Writes JSON through a sink. After a failure every call does nothing, so that only the end needs looking at. */
typedef struct sal_block {
    const sal_sink *sink;
    sal_error *err;
    int code;   /* first failure, or SAL_OK */
    bool comma; /* the next value follows another one */
} sal_block;

/** Begin or end an object or array: one of { [ } ]. */
void sal_block_open(sal_block *block, char bracket);
void sal_block_close(sal_block *block, char bracket);
void sal_block_key(sal_block *block, const char *key);
/** A string of the outside, escaped so that it cannot end the script element; NULL: null. */
void sal_block_bytes(sal_block *block, const char *bytes, size_t length);
void sal_block_string(sal_block *block, const char *string);
void sal_block_integer(sal_block *block, int64_t value);
void sal_block_number(sal_block *block, double value); /* NaN: null */
void sal_block_boolean(sal_block *block, bool value);
void sal_block_null(sal_block *block);
/** Members of an object: a key and its value. */
void sal_block_put_string(sal_block *block, const char *key, const char *string);
void sal_block_put_integer(sal_block *block, const char *key, int64_t value);
void sal_block_put_number(sal_block *block, const char *key, double value);
/** A member that is an array: put writes what stands there for each of the items [count] of size bytes, which may be nothing. */
void sal_block_put_array(sal_block *block, const char *key, const void *items, size_t count,
                         size_t size,
                         void (*put)(sal_block *block, const sal_report *report, const void *item),
                         const sal_report *report);
/** JSON made elsewhere: `<`, `>` and `&`, which stand only inside strings there, become \uXXXX. */
void sal_block_json(sal_block *block, const char *json, size_t length);

/* ---- vocabulary.c: the words of a document, numbered ------------------------------------------------------------------------ */

typedef struct sal_vocabulary_word {
    const char *bytes; /* borrowed from the word list or the importance rows */
    size_t length;
    bool inside; /* a word of the document, not only of its summaries */
    bool stop;   /* a function word; false without a stop list */
} sal_vocabulary_word;

/** Sorted by bytes; a word's number is its place. Zero-initialise; free with sal_vocabulary_free. */
typedef struct sal_vocabulary {
    sal_vocabulary_word *words;
    size_t count;
    size_t capacity;
} sal_vocabulary;

/** Number the words of a document and those of its importance lists.
 *  in     document: its words, which must outlive the vocabulary, as the lists [count]; a list may be NULL
 *  in     stopwords may be NULL
 *  errs   SAL_ENOMEM */
int sal_vocabulary_make(const sal_word_list *document, sal_importance_list *const *lists,
                        size_t count, const sal_stopwords *stopwords, sal_vocabulary *vocabulary,
                        sal_error *err) SAL_MUST_CHECK;
/** Number of a word, or -1. */
int64_t sal_vocabulary_find(const sal_vocabulary *vocabulary, const char *bytes, size_t length);
void sal_vocabulary_free(sal_vocabulary *vocabulary);

/** Where words stand in a text as [start, length, number, ...] in UTF-16 units, JavaScript's; -1 for a word without a number.
 *  in     words: spans in bytes, counted from offset bytes into text */
void sal_block_spans(sal_block *block, const char *text, size_t length, const sal_word_list *words,
                     size_t offset, const sal_vocabulary *vocabulary);

/* ---- the blocks and the page ------------------------------------------------------------------------------------------------- */

/** study_block.c: the JSON of the whole study: corpora, summarizers, scores, runs. */
int sal_report_study_block(const sal_report *report, const sal_sink *sink,
                           sal_error *err) SAL_MUST_CHECK;

/** agreement_block.c: what `salient compare` found, as the members "agreement" and "clusters" of the object being written. */
void sal_report_put_agreement(sal_block *block, const sal_report *report);

/** heads_block.c: what `salient heads` found, as the member "heads"; and whether there is any for the shown corpora. */
void sal_report_put_heads(sal_block *block, const sal_report *report);
bool sal_report_has_heads(const sal_report *report);

/** head_words.c: what every head of a table gives to every word of its first documents, as the member "samples". */
void sal_report_put_head_words(sal_block *block, const sal_report *report,
                               const sal_head_table *table);

/** probes_block.c: what `salient probe` found, as the member "probes"; and whether there is any for the shown corpora. */
void sal_report_put_probes(sal_block *block, const sal_report *report);
bool sal_report_has_probes(const sal_report *report);

/** protocols_block.c: paper and strict beside each other, as the member "protocols". */
void sal_report_put_protocols(sal_block *block, const sal_report *report);

/** report.c: whether a corpus is among the shown ones. */
bool sal_report_shows(const sal_report *report, const char *corpus);

/** document_block.c: one script element per shown document; one document is in memory at a time. Notes the languages and kinds it
 *  meets in report->corpora. errs SAL_ECANCELLED between documents */
int sal_report_document_blocks(sal_report *report, const sal_sink *sink,
                               sal_error *err) SAL_MUST_CHECK;

/** page.c: the template with every marker filled. */
int sal_report_page(sal_report *report, const sal_sink *sink, sal_error *err) SAL_MUST_CHECK;

/** page.c: text as HTML text or inside a quoted attribute; control characters become U+FFFD. */
int sal_html_text(const sal_sink *sink, const char *bytes, size_t length,
                  sal_error *err) SAL_MUST_CHECK;

/** page.c: base64 of three bytes. */
void sal_base64_group(const unsigned char bytes[3], char letters[4]);

/** page.c: base64 of the SHA-256 of a script's text, as a content security policy wants it: 44 characters and a NUL. */
void sal_script_hash(const char *bytes, size_t length, char hash[45]);

#endif
