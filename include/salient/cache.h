/** The folder where things wait that can be had again: SALIENT_CACHE, else XDG_CACHE_HOME/salient, else ~/.cache/salient. */
#ifndef SALIENT_CACHE_H
#define SALIENT_CACHE_H

#include <stdbool.h>

#include "salient/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Path of something below the cache folder; nothing is made.
 *  out    *path: room for more at its end
 *  errs   SAL_EINVAL: none of the variables is set */
int sal_cache_path(const char *below, sal_buffer *path, sal_error *err) SAL_MUST_CHECK;

/** Make an empty file below the cache folder, and the folders on the way: something is remembered by its name.
 *  errs   SAL_EINVAL (no cache folder), SAL_EIO, SAL_EBUSY (another process makes it now), SAL_ENOMEM */
int sal_cache_note(const char *below, sal_error *err) SAL_MUST_CHECK;

/** Whether there is such a file. */
bool sal_cache_has(const char *below);

#ifdef __cplusplus
}
#endif
#endif
