/** The Hugging Face hub: what a repository holds, and its files. Data sets' rows are src/import's matter. */
#ifndef SALIENT_IO_HUB_H
#define SALIENT_IO_HUB_H

#include <stdint.h>

#include "io/http.h"

typedef enum sal_hub_kind { SAL_HUB_DATASETS, SAL_HUB_MODELS } sal_hub_kind;

/** Where the hub is, and the key for it. Zero-initialise; free with sal_hub_close. */
typedef struct sal_hub {
    char *files; /* address of the hub: SALIENT_HUB, else https://huggingface.co */
    char *
        rows; /* of the rows of data sets: SALIENT_HUB_ROWS, else https://datasets-server.huggingface.co */
    char *key; /* HF_TOKEN, or NULL */
    sal_http_options http;
    const sal_progress *progress;
} sal_hub;

/** errs SAL_EINVAL: an address that may not be used, a key with characters that no key has */
int sal_hub_open(const sal_progress *progress, sal_hub *hub, sal_error *err) SAL_MUST_CHECK;
void sal_hub_close(sal_hub *hub);
/** The key to send to an address of the hub: HF_TOKEN goes to huggingface.co and this machine alone. NULL: none. */
const char *sal_hub_key_for(const sal_hub *hub, const char *url);

/** The "OWNER/NAME" at the start of a text, and what follows it.
 *  errs   SAL_EINVAL */
int sal_hub_parse_name(const char *source, const char *text, char **name, const char **rest,
                       sal_error *err) SAL_MUST_CHECK;

/** GET JSON, at most 64 MiB. */
int sal_hub_get(const sal_hub *hub, const char *url, sal_buffer *body, char **next,
                sal_error *err) SAL_MUST_CHECK;

typedef struct sal_hub_file {
    char *path; /* relative, without "..", control characters and empty parts */
    int64_t size;
    char sha256[65]; /* "" for small files, of which the hub tells none */
} sal_hub_file;

typedef struct sal_hub_tree {
    sal_hub_file *files; /* [count] by path */
    size_t count;
    size_t capacity;
} sal_hub_tree;

/** All files of a repository; free with sal_hub_tree_free. Paths that could leave a folder are left out. */
int sal_hub_list(const sal_hub *hub, sal_hub_kind kind, const char *name, sal_hub_tree *tree,
                 sal_error *err) SAL_MUST_CHECK;
void sal_hub_tree_free(sal_hub_tree *tree);

/** Bring a file to path; path.part holds what has come so far.
 *  out    *kept: it was there already with the right size and digest
 *  errs   as sal_hub_pull_model */
int sal_hub_download(const sal_hub *hub, sal_hub_kind kind, const char *name,
                     const sal_hub_file *file, const char *path, bool *kept,
                     sal_error *err) SAL_MUST_CHECK;

#endif
