/** Stems of words by the Snowball algorithms (libstemmer). Internal to the library. */
#ifndef SALIENT_TEXT_STEM_H
#define SALIENT_TEXT_STEM_H

#include <stddef.h>

#include "salient/error.h"

/** Not to be used by two threads at once. */
typedef struct sal_stemmer sal_stemmer;

/** in     language: primary subtag counts ("en" of "en-GB")
 *  out    *out = NULL (and success) when there is no algorithm for the language: words are then their own stems */
int sal_stemmer_open(const char *language, sal_stemmer **out, sal_error *err) SAL_MUST_CHECK;
void sal_stemmer_close(sal_stemmer *stemmer);
/** Stem of a lower-case word; the word itself when stemmer is NULL.
 *  out    *stem, *stem_length: valid until the next call
 *  errs   SAL_ENOMEM */
int sal_stemmer_stem(sal_stemmer *stemmer, const char *word, size_t length, const char **stem,
                     size_t *stem_length, sal_error *err) SAL_MUST_CHECK;

#endif
