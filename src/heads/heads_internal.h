/** Inside of the heads room: a document's words and which tokens make them, the passes that give evidence, the scores of one unit,
 *  the table over documents. */
#ifndef SALIENT_HEADS_INTERNAL_H
#define SALIENT_HEADS_INTERNAL_H

#include "salient/retrieval.h"
#include "salient/tap.h"
#include "stage/model.h"

/** Threads of our own loops: as asked for, else one per processor. */
int head_threads(const sal_model_options *options);

/* ---- words.c ------------------------------------------------------------------------------------------------ */

/** The word types of a document, in order of first position. */
typedef struct head_words {
    sal_word_list list;   /* owns the bytes */
    size_t count;         /* W types */
    const char **words;   /* [W] */
    double *first;        /* [W] index of the first occurrence among all occurrences */
    double *frequency;    /* [W] occurrences */
    signed char *content; /* [W] 1, 0, or -1: no stop list */
    double *importance;   /* [W] y */
    size_t occurrences;   /* of all types */
    size_t *start;        /* [W+1] where a type's spans begin in spans */
    sal_span
        *spans; /* bytes that make the word's value: the first occurrence (paper) or all (strict) */
} head_words;

/** Words of a document (METHODS 3): strict by sal_text_words, all occurrences; paper by sal_text_split, the first one.
 *  in     stopwords may be NULL (content -1)
 *  out    words: zero-initialised by the caller; importance 0 everywhere
 *  errs   SAL_EFORMAT, SAL_ENOMEM */
int head_words_make(const sal_text *text, sal_protocol protocol, const sal_stopwords *stopwords,
                    const sal_document *document, head_words *words, sal_error *err) SAL_MUST_CHECK;
void head_words_free(head_words *words);

/** Fill words->importance from the stored rows: strict by the word itself; paper by normalised keys, later ones in code-point order
 *  winning. 0 where absent. */
int head_words_set_importance(const sal_importance_list *rows, sal_protocol protocol,
                              const char *language, head_words *words,
                              sal_error *err) SAL_MUST_CHECK;

/** Which tokens make each word: those whose bytes overlap one of its spans, each once. */
typedef struct head_alignment {
    size_t count;     /* words with at least one token */
    size_t *words;    /* [count] index of the type, ascending */
    size_t *start;    /* [count+1] where a word's tokens begin */
    size_t *tokens;   /* token indices */
    size_t unaligned; /* words without a token */
    size_t flagged;   /* words with a token that fewer than 16 queries follow */
} head_alignment;

/** Tokens that are left out. */
typedef struct head_left_out {
    size_t first;       /* so many at the beginning of the document */
    size_t min_queries; /* those that fewer tokens follow */
} head_left_out;

/** in     tokens [T]: bytes of a text in which the document begins at byte origin; ascending */
int head_align(const head_words *words, const sal_span *tokens, size_t T, size_t origin,
               head_left_out left_out, head_alignment *alignment, sal_error *err) SAL_MUST_CHECK;
void head_alignment_free(head_alignment *alignment);

/** Word values of one row of token values, brought to sum 1 (1/n each when the sum is 0).
 *  in     values [T]; out row [alignment->count]
 *  A value that is not finite makes the row NaN. return whether it is defined */
bool head_word_values(const head_alignment *alignment, const float *values, sal_head_value how,
                      double *row);
bool head_word_values_of_doubles(const head_alignment *alignment, const double *values,
                                 sal_head_value how, double *row);

/* ---- frequencies.c ------------------------------------------------------------------------------------------ */

/** In how many documents of a corpus each word occurs. */
typedef struct head_frequencies {
    char **words; /* [count], sorted by bytes */
    double *documents;
    size_t count;
    size_t total; /* documents of the corpus */
    char digest[65];
} head_frequencies;

int head_frequencies_make(sal_study *study, const sal_text *text, sal_protocol protocol,
                          const char *corpus, head_frequencies *frequencies,
                          sal_error *err) SAL_MUST_CHECK;
void head_frequencies_free(head_frequencies *frequencies);
/** Smooth idf: ln((1 + N)/(1 + df)) + 1. */
double head_idf(const head_frequencies *frequencies, const char *word);

/* ---- score.c ------------------------------------------------------------------------------------------------ */

/** Evidence of one kind on one document. */
typedef struct head_evidence {
    sal_evidence kind;
    const float *values; /* [L,H,T] of all layers of the pass */
    size_t H, T;
    const size_t *layers; /* [layer_count] those wanted */
    size_t layer_count;
    const sal_span *tokens; /* [T] bytes */
    size_t origin;          /* byte at which the document begins */
    size_t skip_keys;       /* tokens without which the queries' attention was renormalised */
    int64_t non_finite;
} head_evidence;

/** What a unit is made of beside its evidence. */
typedef struct head_setting {
    sal_protocol protocol;
    sal_head_value value;
    bool drop_zero;
    head_left_out left_out;
    int threads;
    const head_frequencies *frequencies;
} head_setting;

/** Word values, null heads and all scores: everything of the unit but analysis, document, inputs.
 *  out    *unit owned arrays; free with head_unit_clear */
int head_score(const head_setting *setting, const head_words *words, const head_evidence *evidence,
               sal_head_unit *unit, sal_error *err) SAL_MUST_CHECK;
void head_unit_clear(sal_head_unit *unit);

/* ---- passes.c ----------------------------------------------------------------------------------------------- */

/** The summary that the second pass is followed by; text NULL: there is none of status ok. */
typedef struct head_summary {
    char *text;
    size_t length;
    int words; /* asked for */
} head_summary;

/** The summarizer's summary of the middle length (the lower one of two), replica 0. */
int head_find_summary(sal_study *study, int64_t document, int64_t summarizer, head_summary *summary,
                      sal_error *err) SAL_MUST_CHECK;

/** What the passes over a document gave. Zero-initialise; free with head_passes_free. */
typedef struct head_passes {
    size_t skip_keys; /* set before: tokens without which each query's attention is renormalised */
    bool
        retrieval; /* set before: all layers of the chat pass, and the largest weights of its queries */
    sal_tokens raw;
    sal_tap_result raw_result;
    float *exposure; /* [L,H,T] */
    sal_tokens chat;
    size_t chat_origin;     /* byte of the prompt at which the document begins */
    sal_span chat_document; /* tokens that overlap the document's bytes */
    sal_span
        copying; /* queries that predict the summary's tokens: the last of the prompt, then those but the last */
    sal_tap_result chat_result;
    bool has_chat;
} head_passes;

/** The pass over the raw document. errs SAL_ELIMIT: too long */
int head_pass_raw(sal_model *model, sal_tap *tap, const sal_document *document,
                  const bool wanted[SAL_EVIDENCES], int last_layer, head_passes *passes,
                  const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;
/** Tokens of the chat prompt (text-first) and the summary behind it.
 *  out    passes->chat, chat_origin; queries: tokens of the instruction, and of the summary
 *  errs   SAL_EUNSUPPORTED (the template changes the text) */
int head_chat_sequence(sal_model *model, const sal_document *document, const head_summary *summary,
                       head_passes *passes, sal_span queries[2], sal_error *err) SAL_MUST_CHECK;
/** The pass over the chat prompt and the summary. errs SAL_ELIMIT: too long */
int head_pass_chat(sal_model *model, sal_tap *tap, const sal_document *document,
                   const head_summary *summary, int last_layer, head_passes *passes,
                   const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;
/** Evidence of a kind from the passes; layers are left for the caller. */
head_evidence head_passes_evidence(const head_passes *passes, sal_evidence kind);
void head_passes_free(head_passes *passes);

/* ---- retrieval.c -------------------------------------------------------------------------------------------- */

/** Hits of heads among the copied tokens of a sequence (salient/retrieval.h).
 *  in     ids: tokens of the sequence; document: the document's among them; queries: each predicts the token behind it; top [rows,
 *         queries]: key of each query's largest weight, or -1
 *  out    hits [rows]
 *  return copied tokens */
int64_t head_retrieval_count(const int32_t *ids, sal_span document, sal_span queries,
                             const int32_t *top, size_t rows, int32_t *hits);
/** Hash of what a document's hits depend on. */
void head_retrieval_inputs(const sal_document *document, const head_summary *summary,
                           const char *model_digest, const char *system, char inputs[65]);
int head_retrieval_is_stored(sal_study *study, int64_t analysis, int64_t document,
                             const char inputs[65], bool *stored, sal_error *err) SAL_MUST_CHECK;
/** Count and store the hits of a document from a chat pass that was asked for them. */
int head_retrieval_store(sal_study *study, int64_t analysis, int64_t document,
                         const char inputs[65], const head_passes *passes,
                         sal_error *err) SAL_MUST_CHECK;
/** Scores over documents [count] of a corpus, put into the study. */
int head_retrieval_table(sal_study *study, const sal_heads_options *options, int64_t analysis,
                         const char *corpus, const int64_t *documents, size_t count,
                         sal_error *err) SAL_MUST_CHECK;
/** Overlaps of one table with the retrieval heads among heads [count]; a set of words without a test statistic has none. */
int head_retrieval_overlap(const sal_head_table *table, const sal_retrieval_head *heads,
                           size_t count, sal_retrieval_overlap out[SAL_RETRIEVAL_OVERLAPS],
                           size_t *out_count, sal_error *err) SAL_MUST_CHECK;
/** Overlaps of every table of a model, summarizer and corpus, as the study has them now. */
int head_retrieval_overlaps(sal_study *study, int64_t summarizer, const char *model_digest,
                            const char *corpus, sal_error *err) SAL_MUST_CHECK;

/* ---- table.c ------------------------------------------------------------------------------------------------ */

/** Whether a document belongs to the half that chooses heads; the other half reports. Its hash decides. */
bool head_is_selecting(const sal_document *document);

/** The table of an analysis over documents [count] of one corpus, from what is stored, put into the study. */
int head_table_make(sal_study *study, const sal_heads_options *options, int64_t analysis,
                    const char *corpus, const int64_t *documents, size_t count, size_t heads,
                    const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;

#endif
