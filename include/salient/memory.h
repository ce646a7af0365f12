/** Memory: checked allocation, growing buffers, and the sink through which everything is written.
 *
 *  All memory of the library comes from here, so that a test can make any allocation fail (tests/support replaces
 *  src/base/system.c at link time). What a function gives away is freed with sal_free unless its header says otherwise.
 */
#ifndef SALIENT_MEMORY_H
#define SALIENT_MEMORY_H

#include <stddef.h>

#include "salient/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Allocate count objects of size bytes, zeroed. NULL when out of memory or when count * size overflows.
 *  count 0 gives a valid pointer of one byte. */
void *sal_calloc(size_t count, size_t size);

/** Resize to count objects of size bytes (contents kept, new part not zeroed); NULL leaves the old block alone. */
void *sal_realloc(void *block, size_t count, size_t size);

/** Free; NULL is fine. */
void sal_free(void *block);

/** Copy of length bytes with a NUL after them; NULL when out of memory. */
char *sal_copy_bytes(const char *bytes, size_t length);

/** Copy of a NUL-terminated string; NULL when out of memory or when string is NULL. */
char *sal_copy_string(const char *string);

/** Free an array of strings made with sal_copy_*, and the strings; NULL is fine. */
void sal_strings_free(char **strings, size_t count);

/** SAL_ENOMEM with a text that names what could not be allocated. */
int sal_fail_memory(sal_error *err, const char *what);
#ifdef __clang_analyzer__ /* as for sal_fail */
#define sal_fail_memory(err, what) sal_code_returned((sal_fail_memory)(err, what), SAL_ENOMEM)
#endif

/** Make room for one more element in a growing array.
 *  in/out *array of *capacity elements, count of them in use; doubled when full
 *  errs   SAL_ENOMEM (the array stays valid) */
int sal_grow(void **array, size_t *capacity, size_t count, size_t element_size,
             sal_error *err) SAL_MUST_CHECK;

/** A growing byte string, always NUL-terminated once something was added. Zero-initialise it. */
typedef struct sal_buffer {
    char *bytes; /* owned; NULL while empty */
    size_t length;
    size_t capacity;
} sal_buffer;

int sal_buffer_add(sal_buffer *buffer, const char *bytes, size_t length,
                   sal_error *err) SAL_MUST_CHECK;
int sal_buffer_add_string(sal_buffer *buffer, const char *string, sal_error *err) SAL_MUST_CHECK;
int sal_buffer_add_format(sal_buffer *buffer, sal_error *err, const char *format,
                          ...) SAL_MUST_CHECK SAL_PRINTF(3, 4);
/** Forget the content, keep the memory. */
void sal_buffer_clear(sal_buffer *buffer);
/** Free the memory and zero the struct. */
void sal_buffer_free(sal_buffer *buffer);

/** Where output goes: a file, stdout or a buffer. write takes all bytes or fails. */
typedef struct sal_sink {
    int (*write)(void *context, const char *bytes, size_t length, sal_error *err);
    void *context;
} sal_sink;

int sal_sink_write(const sal_sink *sink, const char *bytes, size_t length,
                   sal_error *err) SAL_MUST_CHECK;
int sal_sink_string(const sal_sink *sink, const char *string, sal_error *err) SAL_MUST_CHECK;
int sal_sink_format(const sal_sink *sink, sal_error *err, const char *format, ...) SAL_MUST_CHECK
    SAL_PRINTF(3, 4);
/** A sink that appends to a buffer; the buffer must outlive it. */
sal_sink sal_buffer_sink(sal_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
