/** Inside of the importance room: the table of a document's words, what is measured on it, and the sums over documents. */
#ifndef SALIENT_IMPORTANCE_INTERNAL_H
#define SALIENT_IMPORTANCE_INTERNAL_H

#include "salient/importance.h"

/** Which choices are the paper's; all false: strict. The protocols are two of them; protocols.c takes each alone. */
typedef struct sal_importance_choices {
    bool all_records; /* refused, failed and empty records count too */
    bool raw_words;   /* neither NFC nor folded apostrophes */
    bool kept_alone;  /* words are those that a summary keeps, not all of the document's */
} sal_importance_choices;
sal_importance_choices sal_importance_choices_of(sal_protocol protocol);

/** One word type of a document or of its summaries. */
typedef struct sal_table_word {
    const char *bytes; /* NUL-terminated, inside the table's lists */
    size_t length;
    int64_t count; /* summaries that count and keep it */
    int content;   /* 1, 0, or -1: no stop list */
    bool in_document;
} sal_table_word;

/** Which summary keeps which word. W words sorted by bytes, S summaries in the order given. */
typedef struct sal_word_table {
    sal_table_word *words; /* [W] */
    size_t word_count;     /* W */
    unsigned char *kept;   /* [W,S] row-major: 1 where the summary counts and has the word */
    bool *counts;          /* [S] whether the protocol counts the summary */
    size_t summary_count;  /* S */
    int64_t of;            /* summaries that count */
    sal_word_list
        *lists; /* [S+1] words of the summaries, then of the document; they own the bytes */
} sal_word_table;

/** Build the table of one document. Words are all that a counting summary keeps and, unless kept_alone, all of the document's.
 *  in     document may be NULL; stopwords may be NULL
 *  errs   SAL_EFORMAT (names the summary), SAL_ENOMEM */
int sal_word_table_make(const sal_text *text, sal_importance_choices choices,
                        const sal_stopwords *stopwords, const char *document,
                        size_t document_length, const sal_importance_input *summaries, size_t count,
                        sal_word_table *table, sal_error *err) SAL_MUST_CHECK;
void sal_word_table_free(sal_word_table *table);

/** Whose rows are made, and what they come from. */
typedef struct sal_importance_place {
    const sal_document *document;
    int64_t summarizer;
    sal_protocol protocol;
    const char *inputs; /* hash */
} sal_importance_place;

/** Store imported importance as rows of the study (imported.c); stopwords may be NULL.
 *  errs   SAL_EFORMAT, SAL_ENOMEM, those of the study */
int sal_importance_put_imported(sal_study *study, const sal_text *text,
                                const sal_importance_place *place, const sal_stopwords *stopwords,
                                const sal_imported_list *imported, sal_error *err) SAL_MUST_CHECK;

/** Which words a measure is taken over. */
typedef enum sal_word_set { SAL_ALL_WORDS, SAL_CONTENT_WORDS, SAL_WORD_SETS } sal_word_set;

/** Where a summary stands: what was asked of it. */
typedef struct sal_summary_place {
    int length;
    int replica;
} sal_summary_place;

/** A document's summaries as the table and the measures want them (run.c).
 *  out    *inputs, *places [summaries->count], freed with sal_free; texts borrowed */
int sal_importance_inputs(const sal_summary_list *summaries, sal_importance_input **inputs,
                          sal_summary_place **places, sal_error *err) SAL_MUST_CHECK;

/** Measures of one document, by word set; NaN = undefined (measures.c says when). */
typedef struct sal_document_measures {
    double pearson[SAL_WORD_SETS];
    double spearman[SAL_WORD_SETS];
    double consistency[SAL_WORD_SETS];
} sal_document_measures;

/** Measure one document.
 *  in     places [S] of the table's summaries, sorted by length, then replica
 *  errs   SAL_ENOMEM */
int sal_importance_measure(const sal_word_table *table, sal_importance_choices choices,
                           const sal_summary_place *places, sal_document_measures *measures,
                           sal_error *err) SAL_MUST_CHECK;

/** What summaries of one asked length came out as. Sums, so that documents add up. */
typedef struct sal_length_audit {
    int length;
    int64_t summaries; /* that count */
    int64_t words;     /* achieved, summed */
    int64_t within;    /* those within 10 percent of the length asked for */
    int64_t documents;
} sal_length_audit;

/** All documents of one (corpus, summarizer, protocol). Zero-initialise; free with sal_score_sums_free. */
typedef struct sal_score_sums {
    sal_document_measures *documents;
    size_t document_count;
    size_t document_capacity;
    int64_t with_halves; /* documents with two summaries or more, or with imported importance */
    int64_t without_importance; /* documents of which no summary counts */
    int64_t statuses[SAL_STATUS_FAILED + 1];
    sal_length_audit *lengths; /* sorted by length */
    size_t length_count;
    size_t length_capacity;
} sal_score_sums;

/** Add one document: its summaries and what was measured on them.
 *  in     counts [summaries->count] as in the table */
int sal_score_sums_add(sal_score_sums *sums, const sal_summary_list *summaries, const bool *counts,
                       const sal_document_measures *measures, sal_error *err) SAL_MUST_CHECK;

/** Add a document whose importance is imported: no reliability, its summaries (none or one) are audited alone. */
int sal_score_sums_add_imported(sal_score_sums *sums, const sal_summary_list *summaries,
                                sal_error *err) SAL_MUST_CHECK;

/** The scores of importance.h from the sums; corpus, summarizer and protocol are left for the caller to fill.
 *  out    *scores [*count], freed with sal_free; their strings are static */
int sal_score_sums_scores(const sal_score_sums *sums, sal_score **scores, size_t *count,
                          sal_error *err) SAL_MUST_CHECK;
void sal_score_sums_free(sal_score_sums *sums);

#endif
