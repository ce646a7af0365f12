/** Files that grow over several runs, one process at a time. */
#ifndef SALIENT_IO_PARTIAL_H
#define SALIENT_IO_PARTIAL_H

#include <stdint.h>

#include "salient/memory.h"

typedef struct sal_partial sal_partial;

/** Open for reading and appending; the file and its folders are made when they are not there.
 *  errs   SAL_EBUSY (another process holds it), SAL_EIO, SAL_ENOMEM */
int sal_partial_open(const char *path, sal_partial **out, sal_error *err) SAL_MUST_CHECK;
int64_t sal_partial_size(const sal_partial *partial);
/** Shorten to size bytes. */
int sal_partial_cut(sal_partial *partial, int64_t size, sal_error *err) SAL_MUST_CHECK;
/** Drop what stands after the last line end.
 *  out    *lines that remain */
int sal_partial_cut_line(sal_partial *partial, int64_t *lines, sal_error *err) SAL_MUST_CHECK;
/** A sink that appends; not buffered. */
sal_sink sal_partial_sink(sal_partial *partial);
/** Write to disk, and rename. */
int sal_partial_finish(sal_partial *partial, const char *path, sal_error *err) SAL_MUST_CHECK;
/** Remove the file. */
void sal_partial_remove(sal_partial *partial);
/** Close; the file stays. NULL is fine. */
void sal_partial_close(sal_partial *partial);

#endif
