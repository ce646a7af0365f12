/** Importance of words as a record brings it along. */
#ifndef SALIENT_IMPORT_WORD_IMPORTANCE_H
#define SALIENT_IMPORT_WORD_IMPORTANCE_H

#include "io/reader.h"
#include "salient/study.h"

struct json_t;

/** Words of one record, sorted by bytes; they point into root. Free with import_words_free. */
typedef struct import_words {
    sal_imported_word *items;
    size_t count;
    struct json_t *root;
} import_words;

/** Read the field of a record.
 *  out    *words; empty after an error
 *  return SAL_OK, or a code with the reason in *why when the record cannot be used (SAL_ENOMEM: as ever) */
int import_read_words(const sal_field *field, import_words *words, sal_error *why) SAL_MUST_CHECK;
void import_words_free(import_words *words);

/** True when the study holds exactly these; stored NULL: none. */
bool import_words_equal(const import_words *words, const sal_imported_list *stored);

#endif
