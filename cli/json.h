/** JSON into a buffer: the spelling is the library's (salient/json.h), objects are written field by field. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"

/** Add a JSON string of bytes [length], quotes included; what is no UTF-8 becomes U+FFFD. */
int json_add_text(sal_buffer *out, const char *bytes, size_t length, sal_error *err) SAL_MUST_CHECK;

/** The same for a NUL-terminated string; NULL gives null. */
int json_add_string(sal_buffer *out, const char *string, sal_error *err) SAL_MUST_CHECK;

/** Add the shortest decimal number that reads back as value; NaN and infinities give null. */
int json_add_number(sal_buffer *out, double value, sal_error *err) SAL_MUST_CHECK;

/** An object being written; keeps the first error, so that fields can follow each other without a check each. */
struct object_writer {
    sal_buffer *out;
    sal_error *err;
    int status;
    bool begun; /* a field is there */
};

void object_begin(struct object_writer *object, sal_buffer *out, sal_error *err);
void object_text(struct object_writer *object, const char *name, const char *text); /* NULL: null */
void object_bytes(struct object_writer *object, const char *name, const char *bytes, size_t length);
void object_integer(struct object_writer *object, const char *name, int64_t value);
void object_number(struct object_writer *object, const char *name,
                   double value);                                             /* not finite: null */
void object_truth(struct object_writer *object, const char *name, int value); /* < 0: null */
/** Close it. return the first error, or 0 */
int object_end(struct object_writer *object) SAL_MUST_CHECK;

#endif
