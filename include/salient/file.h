/** Files: whole reads with a limit, and writes that appear complete or not at all. */
#ifndef SALIENT_FILE_H
#define SALIENT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A file open for reading, in blocks. "-" is standard input. */
typedef struct sal_file sal_file;

/** errs SAL_ENOTFOUND, SAL_EIO, SAL_ENOMEM; the text names the path. A folder is an error. */
int sal_file_open(const char *path, sal_file **out, sal_error *err) SAL_MUST_CHECK;
/** Read up to capacity bytes; *length 0 at the end. */
int sal_file_read(sal_file *file, char *bytes, size_t capacity, size_t *length,
                  sal_error *err) SAL_MUST_CHECK;
void sal_file_close(sal_file *file);

/** Read a whole file into *out (owned by the caller). errs SAL_ELIMIT when it is longer than limit bytes. */
int sal_file_read_all(const char *path, size_t limit, sal_buffer *out,
                      sal_error *err) SAL_MUST_CHECK;

/** A file being written beside its final place: path.partial (what a killed writer left there is taken over), renamed on commit. A link is followed: what it names is
 *  replaced, with the rights it had. A device or pipe (/dev/stdout, a FIFO) is written in place. */
typedef struct sal_output sal_output;

/** errs SAL_EIO, SAL_ENOMEM; the text names the path */
int sal_output_open(const char *path, sal_output **out, sal_error *err) SAL_MUST_CHECK;
/** The name under which it is written until then, for libraries that write files by name; borrowed. */
const char *sal_output_name(const sal_output *output);
/** The sink that writes to it; valid until commit or discard. */
sal_sink sal_output_sink(sal_output *output);
/** Flush, sync, rename into place, free. On failure the partial file is removed; output is freed either way. */
int sal_output_commit(sal_output *output, sal_error *err) SAL_MUST_CHECK;
/** Remove the partial file and free; NULL is fine. */
void sal_output_discard(sal_output *output);

/** SHA-256, streaming. */
typedef struct sal_sha256 {
    uint32_t state[8];
    uint64_t length;
    unsigned char block[64];
} sal_sha256;

void sal_sha256_start(sal_sha256 *hash);
void sal_sha256_add(sal_sha256 *hash, const void *bytes, size_t length);
/** Hexadecimal digest, 64 characters and a NUL. */
void sal_sha256_finish(sal_sha256 *hash, char digest[65]);
/** Digest of bytes in one call. */
void sal_sha256_of(const void *bytes, size_t length, char digest[65]);
/** Digest of a file's content. errs SAL_ENOTFOUND, SAL_EIO */
int sal_sha256_file(const char *path, char digest[65], sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
