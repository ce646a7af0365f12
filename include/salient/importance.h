/** Importance of words (METHODS 2): how many of a document's summaries keep a word. */
#ifndef SALIENT_IMPORTANCE_H
#define SALIENT_IMPORTANCE_H

#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One summary as the computation sees it. */
typedef struct sal_importance_input {
    const char *text;
    size_t length;
    sal_status status;
} sal_importance_input;

/** Importance of every word of one document.
 *  math   y_w = summaries containing w / summaries of the document; strict counts only ok and truncated ones
 *  in     document may be NULL (no document at hand: in_document false, no zero rows); stopwords may be NULL (content -1)
 *  out    *out: rows sorted by word bytes; in the strict protocol the document's words that no summary keeps are there with count 0
 *  errs   SAL_EFORMAT (bad UTF-8), SAL_ENOMEM */
int sal_importance_compute(const sal_text *text, sal_protocol protocol,
                           const sal_stopwords *stopwords, const char *document,
                           size_t document_length, const sal_importance_input *summaries,
                           size_t count, sal_importance_list **out, sal_error *err) SAL_MUST_CHECK;

typedef struct sal_importance_options {
    const char *by;     /* summarizer; NULL: all */
    const char *corpus; /* NULL: all */
    sal_protocol protocol;
    bool look; /* store nothing; the study may be open for reading. done: to be computed */
} sal_importance_options;

/** Compute what is missing or out of date, one transaction per (document, summarizer), then the scores of each (corpus,
 *  summarizer): reliability, incremental consistency, length audit; for all words and content words. Measures:
 *    reliability_pearson, reliability_spearman   mean over documents of the split-half reliability: importance from the 1st, 3rd, ...
 *                                                length asked for against that from the 2nd, 4th, ... (one length alone: its replicas),
 *                                                over all word types of the document (strict) or all kept words (paper), stepped up by
 *                                                Spearman-Brown; documents where it is undefined are left out and counted; 95 % bootstrap
 *                                                interval over documents (2000 draws, fixed seed), null below 20 documents
 *    ceiling_pearson, ceiling_spearman           sqrt of them; null if <= 0
 *    consistency                                 share of the words of length L still there at the next longer one, mean over pairs, then
 *                                                over documents, with interval
 *    summaries, ok, truncated, refused, failed   counts
 *    documents_without_importance                no summary of theirs counts: nothing is stored for them, tally->failed counts them
 *    words_asked, words_achieved                 per length, mean over the summaries that count (achieved alone for length 0: not asked)
 *    within_10_percent                           share of them, per length; as length 0: over all lengths asked for
 *  The first three groups are left out for a summarizer with one summary a document (the reference), and are near 1 by construction
 *  where the summarizer is nested. Scores are made anew by every run; importance is written only where its inputs changed.
 *  out    *tally added to: done, kept = (document, summarizer) units
 *  errs   SAL_ENOTFOUND (no such summarizer: lists those there are), SAL_ECANCELLED, ... */
int sal_importance_run(sal_study *study, const sal_importance_options *options,
                       const sal_progress *progress, sal_tally *tally,
                       sal_error *err) SAL_MUST_CHECK;

/** Lay both protocols beside each other, for every summarizer of every corpus: what each choice of the paper's changes about
 *  importance and its reliability, one at a time (docs/schema.md, protocols). From the texts alone; replaces the rows of each corpus.
 *  in     corpus NULL: all
 *  errs   SAL_ECANCELLED, SAL_EFORMAT, SAL_ENOMEM, ... */
int sal_importance_protocols(sal_study *study, const char *corpus, const sal_progress *progress,
                             sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
