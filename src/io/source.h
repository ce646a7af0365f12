/** Bytes of an input, in blocks, checked and counted: the floor on which the record readers stand.
 *
 *  Every block handed out is valid UTF-8 without NUL and ends on a whole character; anything else is refused with file, line and byte
 *  offset. Memory is one block, whatever the size of the input.
 */
#ifndef SALIENT_IO_SOURCE_H
#define SALIENT_IO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/file.h"

#define SAL_SOURCE_BLOCK ((size_t)1 << 16)
#define SAL_SOURCE_SMALLEST_BLOCK ((size_t)8) /* holds any character, and the mark */

typedef struct sal_source {
    char *name;     /* owned; as errors call the input: the path as given, or "standard input" */
    sal_file *file; /* owned; NULL when reading from memory */
    const char *memory; /* borrowed; what is left of it */
    size_t memory_left;
    size_t capacity; /* of block */
    char *block; /* owned; [position, length) is not yet taken, [length, filled) not yet whole */
    size_t position;
    size_t length;
    size_t filled;
    int64_t line;   /* of the next byte, from 1 */
    int64_t offset; /* of block[0] in the input */
    bool ended;     /* nothing follows [length, filled) */
} sal_source;

/** Open a file ("-": standard input).
 *  in     capacity: bytes of a block, 0 = SAL_SOURCE_BLOCK; tests take small ones
 *  errs   those of sal_file_open */
int sal_source_open(const char *path, size_t capacity, sal_source *source,
                    sal_error *err) SAL_MUST_CHECK;
/** Read bytes [length] that stay the caller's; name is for errors. */
int sal_source_open_bytes(const char *name, const char *bytes, size_t length, size_t capacity,
                          sal_source *source, sal_error *err) SAL_MUST_CHECK;
void sal_source_close(sal_source *source);

/** Make at least one byte available at block[position], unless the input is at its end: then position == length.
 *  errs   SAL_EIO, SAL_EFORMAT (invalid UTF-8, NUL) */
int sal_source_fill(sal_source *source, sal_error *err) SAL_MUST_CHECK;

/** Take bytes [count] of the block: count their lines. */
void sal_source_take(sal_source *source, size_t count);

/** Skip a byte order mark at the very start. */
int sal_source_skip_mark(sal_source *source, sal_error *err) SAL_MUST_CHECK;
/** Skip blanks, tabs, CR and LF. */
int sal_source_skip_space(sal_source *source, sal_error *err) SAL_MUST_CHECK;

#endif
