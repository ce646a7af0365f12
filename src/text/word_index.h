/** Words as numbers: each distinct word gets the next one, in order of first appearance. Internal to the library. */
#ifndef SALIENT_TEXT_WORD_INDEX_H
#define SALIENT_TEXT_WORD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"

#define SAL_NO_WORD SIZE_MAX

/** A distinct word: where its bytes stand in the pool. */
typedef struct sal_indexed_word {
    size_t start;
    size_t length;
    uint64_t hash;
} sal_indexed_word;

/** Zero-initialise; free with sal_word_index_free. */
typedef struct sal_word_index {
    sal_indexed_word *words; /* [count] by number */
    size_t count;
    size_t capacity;
    sal_buffer pool;
    size_t *slots; /* [slot_count] number + 1, 0 = free; a power of two, at most half full */
    size_t slot_count;
} sal_word_index;

/** Number of a word, which is added when it is new.
 *  errs   SAL_ENOMEM (the index stays as it was) */
int sal_word_index_add(sal_word_index *index, const char *bytes, size_t length, size_t *number,
                       sal_error *err) SAL_MUST_CHECK;
/** Number of a word, or SAL_NO_WORD. */
size_t sal_word_index_find(const sal_word_index *index, const char *bytes, size_t length);
/** Bytes of a word by its number; not NUL-terminated, valid until the next add. */
const char *sal_word_index_bytes(const sal_word_index *index, size_t number);
void sal_word_index_free(sal_word_index *index);

#endif
