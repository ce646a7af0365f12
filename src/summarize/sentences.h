/** Ranking sentences: their words as numbers, and the pure functions that score them (METHODS 1). Shared by the extractive kinds. */
#ifndef SALIENT_SUMMARIZE_SENTENCES_H
#define SALIENT_SUMMARIZE_SENTENCES_H

#include "salient/study.h"
#include "text/word_index.h"

/** Words of a document's sentences. Zero-initialise; free with sal_sentence_words_free. */
typedef struct sal_sentence_words {
    size_t sentence_count; /* S */
    size_t *starts;        /* [S+1] places in types; sentence i has types[starts[i]] .. */
    size_t *types;         /* [starts[S]] numbers of the words in order, with repeats */
    sal_word_index index;  /* what the numbers stand for */
} sal_sentence_words;

void sal_sentence_words_free(sal_sentence_words *words);

/* ---- reading (sentence_words.c) ----------------------------------------------------------------- */

/** What counts as a word: all words of the strict protocol, content words alone, or their stems. */
typedef enum sal_word_choice { SAL_WORDS_ALL, SAL_WORDS_CONTENT, SAL_WORDS_STEMS } sal_word_choice;

/** Reads sentences; remembers the stop lists and stemmers of the languages it has seen. */
typedef struct sal_sentence_reader sal_sentence_reader;

/** in     text borrowed, must outlive the reader */
int sal_sentence_reader_open(const sal_text *text, sal_word_choice choice,
                             sal_sentence_reader **out, sal_error *err) SAL_MUST_CHECK;
/** NULL is fine. */
void sal_sentence_reader_close(sal_sentence_reader *reader);
/** Words of the sentences [count] of a document. A language without a stop list loses none of its words, one without an
 *  algorithm has no stems.
 *  out    words, replaced; index and sentences start anew */
int sal_sentence_reader_read(sal_sentence_reader *reader, const sal_document *document,
                             const sal_span *sentences, size_t count, sal_sentence_words *words,
                             sal_error *err) SAL_MUST_CHECK;

/* ---- ranking (graph.c, and the kinds' own files) ------------------------------------------------ */

/** TextRank (Mihalcea & Tarau 2004).
 *  math   w_ij = |distinct common words| / (ln|s_i| + ln|s_j|), lengths with repeats, 0 where the divisor is 0 or i = j; then PageRank
 *  out    scores [S], sum 1
 *  errs   SAL_ENOMEM
 *  cost   O(S³) up to 256 sentences, beyond that O(S²) for each of at most some 200 iterations */
int sal_score_textrank(const sal_sentence_words *words, double *scores,
                       sal_error *err) SAL_MUST_CHECK;

/** LexRank, continuous (Erkan & Radev 2004).
 *  math   w_ij = cosine of the vectors tf ln(S/df) over the document's sentences, w_ii = 1; then PageRank
 *  out    scores [S], sum 1 */
int sal_score_lexrank(const sal_sentence_words *words, double *scores,
                      sal_error *err) SAL_MUST_CHECK;

/** Mean tf·idf of a sentence's words, tf being the count in the document; 0 for a sentence without words.
 *  in     idf [types]
 *  out    scores [S] */
int sal_score_tfidf(const sal_sentence_words *words, const double *idf, double *scores,
                    sal_error *err) SAL_MUST_CHECK;

/** Smooth inverse document frequency: ln((1 + documents) / (1 + with)) + 1. */
double sal_smooth_idf(size_t documents, size_t with);

/** SumBasic (Nenkova & Vanderwende 2005).
 *  math   p(w) = count / N; the sentence of the highest mean p comes next, and p(w) becomes p(w)² for its words
 *  out    order [S], the best first; equal scores in document order */
int sal_order_sumbasic(const sal_sentence_words *words, size_t *order,
                       sal_error *err) SAL_MUST_CHECK;

#endif
