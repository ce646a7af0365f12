#include <stdlib.h>
#include <string.h>

#include "report/report_internal.h"

/* Order of bytes, the shorter first where one begins the other: that of the study. */
static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length) {
    const size_t common = a_length < b_length ? a_length : b_length;
    const int order = common > 0 ? memcmp(a, b, common) : 0;

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Equal words: the one of the document first, so that it is the one that stays. */
static int compare_words(const void *a, const void *b) {
    const sal_vocabulary_word *left = a;
    const sal_vocabulary_word *right = b;
    const int order = compare_bytes(left->bytes, left->length, right->bytes, right->length);

    return order != 0 ? order : (int)right->inside - (int)left->inside;
}

static int add_word(sal_vocabulary *vocabulary, const char *bytes, size_t length, bool inside,
                    sal_error *err) {
    const int code = sal_grow((void **)&vocabulary->words, &vocabulary->capacity, vocabulary->count,
                              sizeof *vocabulary->words, err);

    if (code == SAL_OK) {
        vocabulary->words[vocabulary->count++] =
            (sal_vocabulary_word){.bytes = bytes, .length = length, .inside = inside};
    }
    return code;
}

static void keep_first_of_equals(sal_vocabulary *vocabulary) {
    size_t kept = 0;

    for (size_t i = 0; i < vocabulary->count; i++) {
        const sal_vocabulary_word *word = &vocabulary->words[i];

        if (kept == 0 ||
            compare_bytes(vocabulary->words[kept - 1].bytes, vocabulary->words[kept - 1].length,
                          word->bytes, word->length) != 0) {
            vocabulary->words[kept++] = *word;
        }
    }
    vocabulary->count = kept;
}

int sal_vocabulary_make(const sal_word_list *document, sal_importance_list *const *lists,
                        size_t count, const sal_stopwords *stopwords, sal_vocabulary *vocabulary,
                        sal_error *err) {
    int code = SAL_OK;

    vocabulary->count = 0;
    for (size_t i = 0; i < document->count && code == SAL_OK; i++) {
        code = add_word(vocabulary, document->words[i].bytes, document->words[i].length, true, err);
    }
    for (size_t list = 0; list < count; list++) {
        for (size_t i = 0; lists[list] != NULL && i < lists[list]->count && code == SAL_OK; i++) {
            const sal_importance_row *row = &lists[list]->rows[i];

            /* Zero rows of document words come from the document anyway. */
            if (row->count > 0) {
                code = add_word(vocabulary, row->word, strlen(row->word), false, err);
            }
        }
    }
    if (code != SAL_OK || vocabulary->count == 0) {
        return code;
    }
    qsort(vocabulary->words, vocabulary->count, sizeof *vocabulary->words, compare_words);
    keep_first_of_equals(vocabulary);
    for (size_t i = 0; stopwords != NULL && i < vocabulary->count; i++) {
        sal_vocabulary_word *word = &vocabulary->words[i];

        word->stop = sal_stopwords_has(stopwords, word->bytes, word->length);
    }
    return SAL_OK;
}

int64_t sal_vocabulary_find(const sal_vocabulary *vocabulary, const char *bytes, size_t length) {
    size_t low = 0;
    size_t high = vocabulary->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const sal_vocabulary_word *word = &vocabulary->words[middle];
        const int order = compare_bytes(bytes, length, word->bytes, word->length);

        if (order == 0) {
            return (int64_t)middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

void sal_vocabulary_free(sal_vocabulary *vocabulary) {
    sal_free(vocabulary->words);
    *vocabulary = (sal_vocabulary){0};
}

/* UTF-16 units of valid UTF-8: one per character, two for those of four bytes. */
static int64_t utf16_units(const char *bytes, size_t length) {
    int64_t units = 0;

    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)bytes[i];

        if ((byte & 0xC0) != 0x80) {
            units += byte >= 0xF0 ? 2 : 1;
        }
    }
    return units;
}

void sal_block_spans(sal_block *block, const char *text, size_t length, const sal_word_list *words,
                     size_t offset, const sal_vocabulary *vocabulary) {
    size_t at = 0;     /* bytes of text counted so far */
    int64_t units = 0; /* the same in UTF-16 units */

    sal_block_open(block, '[');
    for (size_t i = 0; i < words->count && block->code == SAL_OK; i++) {
        const sal_word *word = &words->words[i];
        const size_t start = word->span.start + offset;
        const size_t end = word->span.end + offset;

        if (start < at || end < start || end > length) {
            block->code =
                sal_fail(block->err, SAL_ESHAPE, "word %zu spans bytes %zu to %zu of a text of %zu",
                         i, start, end, length);
            return;
        }
        units += utf16_units(text + at, start - at);
        sal_block_integer(block, units);
        sal_block_integer(block, utf16_units(text + start, end - start));
        sal_block_integer(block, sal_vocabulary_find(vocabulary, word->bytes, word->length));
        units += utf16_units(text + start, end - start);
        at = end;
    }
    sal_block_close(block, ']');
}
