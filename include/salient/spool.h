/** A spool: bytes that are written and read at any place and need not be in memory together. It is a file that has lost its name, so
 *  nothing is left of it whatever happens to the process. */
#ifndef SALIENT_SPOOL_H
#define SALIENT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_spool sal_spool;

/** An empty spool, on the disk of the file `beside`, or in $TMPDIR (/tmp) when that is a device or pipe.
 *  errs   SAL_EIO, SAL_ENOTFOUND (no such folder), SAL_ENOMEM; the text names the path */
int sal_spool_open(const char *beside, sal_spool **out, sal_error *err) SAL_MUST_CHECK;
/** NULL is fine. */
void sal_spool_close(sal_spool *spool);

/** errs SAL_EIO (the disk is full, ...) */
int sal_spool_write(sal_spool *spool, uint64_t at, const void *bytes, size_t length,
                    sal_error *err) SAL_MUST_CHECK;
/** errs SAL_EIO, also for bytes that were never written */
int sal_spool_read(sal_spool *spool, uint64_t at, void *bytes, size_t length,
                   sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
