/** The file of states of one document. */
#ifndef SALIENT_PROBE_SHARD_H
#define SALIENT_PROBE_SHARD_H

#include "salient/states.h"

/** Words of a file of states. Zero-initialise. */
typedef struct probe_shard_words {
    char *bytes; /* owns the words */
    const char **words;
    int32_t *first, *frequency; /* [count] */
    size_t count;
} probe_shard_words;

/** errs SAL_EFORMAT (arrays that do not fit together), SAL_EIO, SAL_ENOMEM */
int probe_shard_words_read(const sal_safetensors *file, probe_shard_words *list,
                           sal_error *err) SAL_MUST_CHECK;
void probe_shard_words_free(probe_shard_words *list);

/** Open the file of a document in a set.
 *  out    *file NULL: the document has no states; path: the file
 *  errs   SAL_ENOTFOUND (the file is gone: names salient states), SAL_EFORMAT, SAL_EIO */
int probe_shard_open(sal_study *study, int64_t set, int64_t document, sal_safetensors **file,
                     char path[1000], sal_error *err) SAL_MUST_CHECK;

#endif
