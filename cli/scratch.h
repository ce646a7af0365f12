/** Folders for things tried out: made below $TMPDIR, measured, and removed whole. */
#ifndef CLI_SCRATCH_H
#define CLI_SCRATCH_H

#include <stdint.h>

#include "salient/file.h"

/** A new folder that nobody else can read. out *path freed with sal_free */
int scratch_make(char **path, sal_error *err) SAL_MUST_CHECK;

/** Remove a folder and all below it; links are removed, not followed. NULL is fine. */
void scratch_remove(const char *path);

/** Bytes of all files below a folder, links not counted. */
int64_t scratch_bytes(const char *path);

/** folder/name. return freed with sal_free; NULL when out of memory */
char *scratch_join(const char *folder, const char *name);

/** Show each folder of from/states below to/states by a link. Nothing may be written through them. in from: begins with a slash */
int scratch_link_states(const char *from, const char *to, sal_error *err) SAL_MUST_CHECK;

/** The files of from/states that to/states lacks, as files of its own: hard links, or copies where these cannot be.
 *  in     wanted: whether a file of that name belongs to it */
int scratch_copy_states(const char *from, const char *to,
                        bool (*wanted)(void *context, const char *name), void *context,
                        sal_error *err) SAL_MUST_CHECK;

#endif
