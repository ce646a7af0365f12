/** Inside of the text room: UTF-8 code points, normalisation with a way back to the text as given. */
#ifndef SALIENT_TEXT_INTERNAL_H
#define SALIENT_TEXT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"
#include "salient/text.h"

/** Code point at bytes + *at, which is moved behind it. The bytes must be valid UTF-8 (sal_utf8_valid). */
int32_t sal_utf8_next(const char *bytes, size_t *at);
/** Start of the code point that ends before at (> 0). */
size_t sal_utf8_before(const char *bytes, size_t at);
/** Write a code point; returns its number of bytes, 1 to 4. */
size_t sal_utf8_put(char *out, int32_t code_point);
/** True when no byte is above 0x7F. */
bool sal_utf8_is_ascii(const char *bytes, size_t length);
/** SAL_EFORMAT with the offset and the bad byte unless bytes are valid UTF-8. */
int sal_utf8_check(const char *bytes, size_t length, sal_error *err) SAL_MUST_CHECK;

/** White space as Python's str.strip and \s see it: White_Space and U+001C..U+001F. */
bool sal_is_white_space(int32_t code_point);
/** End of the white space that starts at `at`. */
size_t sal_skip_white_space(const char *bytes, size_t length, size_t at);
/** The span without white space at both ends. */
sal_span sal_strip_white_space(const char *bytes, sal_span span);

/** A stretch of output bytes that came from a stretch of input bytes of another length or order. Between
 *  edits, output and input bytes correspond one to one. */
typedef struct sal_edit {
    sal_span output;
    sal_span input;
} sal_edit;

/** Edits in order, and a cursor: positions must be asked for in ascending order, so that mapping all words of a
 *  text is linear. */
typedef struct sal_edit_list {
    sal_edit *items;
    size_t count;
    size_t capacity;
    size_t cursor;
} sal_edit_list;

/** Input bytes that cover an output span; spans in ascending order, not overlapping. */
sal_span sal_edit_list_map(sal_edit_list *list, sal_span output);

/** A text brought to the form in which words are matched. Zero-initialise; free with sal_normal_free. */
typedef struct sal_normal {
    const char *bytes; /* [length]; the input itself when that is ASCII (then not lower-cased) */
    size_t length;
    bool ascii;
    sal_buffer composed;
    char *lowered;
    sal_edit_list compositions;
    sal_edit_list lowerings;
} sal_normal;

/** Normalise: strict NFC, curly apostrophes to ', lower case; paper lower case alone (Python's str.lower).
 *  in     bytes [length], borrowed as long as normal lives
 *  errs   SAL_EFORMAT (bad UTF-8), SAL_ENOMEM
 *  cost   linear; ASCII text is neither copied nor changed */
int sal_normal_make(sal_protocol protocol, const char *bytes, size_t length, sal_normal *normal,
                    sal_error *err) SAL_MUST_CHECK;
/** Bytes of the text as given that cover a span of the normal form; spans in ascending order. */
sal_span sal_normal_map(sal_normal *normal, sal_span span);
void sal_normal_free(sal_normal *normal);

#endif
