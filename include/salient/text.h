/** Text: words, cleaning, normalisation, sentences, stop words (METHODS 2). Pure functions over UTF-8 bytes.
 *
 *  A word is a match of `\b[\w'-]+(?:\.\d+)?\b` with Python's \w (letters, numbers, underscore), after lower-casing (full
 *  Unicode mapping, root locale). The strict protocol first brings the text to NFC and folds curly apostrophes to '.
 */
#ifndef SALIENT_TEXT_H
#define SALIENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "salient/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which of the two protocols of METHODS.md is computed. */
typedef enum sal_protocol { SAL_STRICT = 0, SAL_PAPER = 1 } sal_protocol;

/** "strict" or "paper". */
const char *sal_protocol_name(sal_protocol protocol);

/** Half-open byte range. */
typedef struct sal_span {
    size_t start;
    size_t end;
} sal_span;

/** Compiled patterns. Immutable once open: one object may be used by several threads. */
typedef struct sal_text sal_text;
int sal_text_open(sal_text **out, sal_error *err) SAL_MUST_CHECK;
void sal_text_close(sal_text *text);

/** One word: lower-cased (and normalised) bytes, and where it stands in the text as it was given. */
typedef struct sal_word {
    const char *bytes; /* NUL-terminated, inside the list's storage */
    size_t length;
    sal_span span; /* bytes of the input text, covering the whole word */
} sal_word;

/** Words in order, with repeats. Zero-initialise; free with sal_word_list_free; may be reused. */
typedef struct sal_word_list {
    sal_word *words;
    size_t count;
    size_t capacity;
    char *storage;
} sal_word_list;

void sal_word_list_free(sal_word_list *list);

/** All words of a text (no cleaning: documents, or summaries already cleaned).
 *  in     bytes [length], valid UTF-8
 *  out    list, replaced
 *  errs   SAL_EFORMAT on invalid UTF-8, SAL_ENOMEM */
int sal_text_words(const sal_text *text, sal_protocol protocol, const char *bytes, size_t length,
                   sal_word_list *list, sal_error *err) SAL_MUST_CHECK;

/** Words as the paper's head analysis has them (METHODS 3, paper): pieces between white space, lower-cased, ` as ', all but letters,
 *  numbers, _ and ' dropped; French: then NFD and ASCII alone. Pieces of which nothing remains are left out.
 *  in     bytes [length], valid UTF-8; language: "fr" or "fr-..." is French, anything else and NULL is not
 *  out    list, replaced; a word's span is its whole piece
 *  errs   SAL_EFORMAT on invalid UTF-8, SAL_ENOMEM */
int sal_text_split(const char *bytes, size_t length, const char *language, sal_word_list *list,
                   sal_error *err) SAL_MUST_CHECK;

/** Number of words of a text, in the strict definition (what length n counts).
 *  errs SAL_EFORMAT, SAL_ENOMEM */
int sal_text_count_words(const sal_text *text, const char *bytes, size_t length, size_t *count,
                         sal_error *err) SAL_MUST_CHECK;

/** Byte offset of the end of the n-th word (strict definition), or length if there are fewer than n words.
 *  out    *end, and *count = min(n, words of the text) */
int sal_text_cut(const sal_text *text, const char *bytes, size_t length, size_t n, size_t *end,
                 size_t *count, sal_error *err) SAL_MUST_CHECK;

/** Clean a summary (METHODS 2): the four leads once each, then strip white space, then `"`, then `'`. Not lower-cased.
 *  out    *span of what remains, inside bytes */
int sal_text_clean(const sal_text *text, const char *bytes, size_t length, sal_span *span,
                   sal_error *err) SAL_MUST_CHECK;

/** Sentences by ICU's break iterator with the language's abbreviations ("en", "fr"; unknown or NULL: root rules); spans trimmed of white space, empty ones
 *  dropped. Every line end ends a sentence, so turns of a dialogue stay apart.
 *  out    *spans [*count], freed by the caller with sal_free */
int sal_text_sentences(const char *bytes, size_t length, const char *language, sal_span **spans,
                       size_t *count, sal_error *err) SAL_MUST_CHECK;

/** The same for many texts of one language: ICU's rules are made once, which takes longer than cutting a text. Not to be used by two
 *  threads at once. */
typedef struct sal_sentence_cutter sal_sentence_cutter;
int sal_sentence_cutter_open(const char *language, sal_sentence_cutter **out,
                             sal_error *err) SAL_MUST_CHECK;
void sal_sentence_cutter_close(sal_sentence_cutter *cutter);
/** out    *spans [*count], freed by the caller with sal_free */
int sal_sentence_cutter_cut(sal_sentence_cutter *cutter, const char *bytes, size_t length,
                            sal_span **spans, size_t *count, sal_error *err) SAL_MUST_CHECK;

/** Stop words of one language, from the pinned lists built into the library. */
typedef struct sal_stopwords sal_stopwords;
/** in     language: primary subtag counts ("en" of "en-GB")
 *  out    *out = NULL (and success) when there is no list for the language: content words are then undefined (null). */
int sal_stopwords_open(const char *language, sal_stopwords **out, sal_error *err) SAL_MUST_CHECK;
void sal_stopwords_close(sal_stopwords *stopwords);
/** True when the word (lower-case, apostrophes folded) is in the list, in French after one leading elision (METHODS 2) is
 *  dropped. */
bool sal_stopwords_has(const sal_stopwords *stopwords, const char *word, size_t length);
/** SHA-256 of the language's list; for the run log. */
const char *sal_stopwords_digest(const sal_stopwords *stopwords);

/** True when bytes are valid UTF-8 (no surrogates, no overlong forms); *bad = offset of the first bad byte otherwise. */
bool sal_utf8_valid(const char *bytes, size_t length, size_t *bad);

#ifdef __cplusplus
}
#endif
#endif
