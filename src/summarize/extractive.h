/** What the extractive kinds share beyond summarizer.h: a kind described, and kinds that are nothing but a score of sentences. */
#ifndef SALIENT_SUMMARIZE_EXTRACTIVE_H
#define SALIENT_SUMMARIZE_EXTRACTIVE_H

#include "summarize/sentences.h"
#include "summarize/summarizer.h"

/** An extractive kind; strings are borrowed while it is being opened, name for ever. */
typedef struct sal_extractive_kind {
    const char *name;
    const uint64_t *seed; /* NULL: draws nothing */
    const char *words;    /* what counts as a word, for the configuration; NULL: does not matter */
    const char *corpus_digest; /* of the documents it learned from; NULL: from none */
    sal_sentence_rank rank;
    void (*close)(void *context);
} sal_extractive_kind;

/** Open it. context goes to rank and, when the summarizer is closed or cannot be opened, to close. */
int sal_summarizer_open_kind(const sal_summarizer_setting *setting, const sal_extractive_kind *kind,
                             void *context, sal_summarizer **out, sal_error *err) SAL_MUST_CHECK;

/** Scores of sentences, the highest first (textrank.c, lexrank.c). */
typedef int (*sal_sentence_score)(const sal_sentence_words *words, double *scores, sal_error *err);

int sal_summarizer_open_scored(const sal_summarizer_setting *setting, const char *name,
                               sal_word_choice choice, sal_sentence_score score,
                               sal_summarizer **out, sal_error *err) SAL_MUST_CHECK;

/** "all words", "content words", "stems of content words". */
const char *sal_word_choice_name(sal_word_choice choice);

#endif
