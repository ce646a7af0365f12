/* The hub's addresses, its key, and the list of a repository's files. */

#include "io/hub.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char hub_files[] = "https://huggingface.co";
static const char hub_rows[] = "https://datasets-server.huggingface.co";
enum { MAXIMUM_LISTING = 64 << 20, MAXIMUM_PAGES = 1000, MAXIMUM_NAME = 96 };

static int read_address(const char *variable, const char *usual, char **out, sal_error *err) {
    const char *value = getenv(variable);
    const char *address = value != NULL && value[0] != '\0' ? value : usual;
    size_t length = strlen(address);
    int status = sal_url_check(variable, address, NULL, err);
    if (status != SAL_OK)
        return status;
    while (length > 0 && address[length - 1] == '/')
        length--;
    *out = sal_copy_bytes(address, length);
    return *out == NULL ? sal_fail_memory(err, variable) : SAL_OK;
}

int sal_hub_open(const sal_progress *progress, sal_hub *hub, sal_error *err) {
    const char *key = getenv("HF_TOKEN");
    *hub = (sal_hub){.http = sal_http_defaults(), .progress = progress};
    int status = read_address("SALIENT_HUB", hub_files, &hub->files, err);
    if (status == SAL_OK)
        status = read_address("SALIENT_HUB_ROWS", hub_rows, &hub->rows, err);
    for (const char *at = key; status == SAL_OK && at != NULL && *at != '\0'; at++)
        if (*at < '!' || *at > '~')
            status = sal_fail(err, SAL_EINVAL, "HF_TOKEN holds characters that no key has");
    if (status == SAL_OK && key != NULL && key[0] != '\0') {
        hub->key = sal_copy_string(key);
        if (hub->key == NULL)
            status = sal_fail_memory(err, "a key");
    }
    if (status != SAL_OK)
        sal_hub_close(hub);
    return status;
}

void sal_hub_close(sal_hub *hub) {
    volatile char *at = hub->key;
    while (at != NULL && *at != '\0')
        *at++ = '\0';
    sal_free(hub->files);
    sal_free(hub->rows);
    sal_free(hub->key);
    *hub = (sal_hub){0};
}

const char *sal_hub_key_for(const sal_hub *hub, const char *url) {
    static const char domain[] = "huggingface.co";
    char *host = NULL;
    if (hub->key == NULL || sal_url_check("an address", url, &host, NULL) != SAL_OK)
        return NULL;
    const size_t length = strlen(host);
    const size_t tail = strlen(domain);
    const bool own = length >= tail && strcmp(host + length - tail, domain) == 0 &&
                     (length == tail || host[length - tail - 1] == '.');
    const bool here = strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0;
    sal_free(host);
    return own || here ? hub->key : NULL;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static size_t name_length(const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t length = strspn(text, plain);
    return length > MAXIMUM_NAME || text[0] == '.' ? 0 : length;
}

int sal_hub_parse_name(const char *source, const char *text, char **name, const char **rest,
                       sal_error *err) {
    const size_t owner = name_length(text);
    const size_t own = owner > 0 && text[owner] == '/' ? name_length(text + owner + 1) : 0;
    const char *end = text + owner + 1 + own;
    if (own == 0 || (*end != '\0' && *end != ':' && *end != '/'))
        return sal_fail(err, SAL_EINVAL,
                        "%s: this names no repository; one is hf:OWNER/NAME, for example "
                        "hf:abisee/cnn_dailymail",
                        source);
    *name = sal_copy_bytes(text, owner + 1 + own);
    *rest = end;
    return *name == NULL ? sal_fail_memory(err, "a name") : SAL_OK;
}

int sal_hub_get(const sal_hub *hub, const char *url, sal_buffer *body, char **next,
                sal_error *err) {
    const sal_http_request request = {.url = url,
                                      .key = sal_hub_key_for(hub, url),
                                      .reply_limit = MAXIMUM_LISTING,
                                      .timeout_seconds = 120};
    return sal_http_get(&hub->http, &request, hub->progress, body, next, err);
}

/* ---- the list of files ----------------------------------------------------------------------------- */

/* Relative, and staying below where it is put. */
static bool is_safe_path(const char *path) {
    if (path[0] == '\0' || strlen(path) > 500)
        return false;
    for (const char *part = path; part != NULL;) {
        const char *slash = strchr(part, '/');
        const size_t length = slash != NULL ? (size_t)(slash - part) : strlen(part);
        if (length == 0 || part[0] == '.')
            return false;
        part = slash != NULL ? slash + 1 : NULL;
    }
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == '\\' || *at == 127)
            return false;
    return true;
}

static bool is_digest(const char *text) {
    return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int add_file(sal_hub_tree *tree, const json_t *entry, sal_error *err) {
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *type = json_string_value(json_object_get(entry, "type"));
    const json_t *size = json_object_get(entry, "size");
    const char *digest = json_string_value(json_object_get(json_object_get(entry, "lfs"), "oid"));
    if (path == NULL || type == NULL || !json_is_integer(size) || json_integer_value(size) < 0)
        return sal_fail(err, SAL_EFORMAT, "the hub's list of files has an unknown shape");
    if (strcmp(type, "file") != 0 || !is_safe_path(path))
        return SAL_OK;
    int status =
        sal_grow((void **)&tree->files, &tree->capacity, tree->count, sizeof *tree->files, err);
    if (status != SAL_OK)
        return status;
    sal_hub_file *file = &tree->files[tree->count];
    *file = (sal_hub_file){sal_copy_string(path), json_integer_value(size), ""};
    if (file->path == NULL)
        return sal_fail_memory(err, "a list of files");
    if (is_digest(digest))
        memcpy(file->sha256, digest, 65);
    tree->count++;
    return SAL_OK;
}

static int add_page(sal_hub_tree *tree, const sal_buffer *body, sal_error *err) {
    json_t *root = NULL;
    int status = sal_json_reply(body->bytes, body->length, &root, err);
    if (status == SAL_OK && !json_is_array(root))
        status = sal_fail(err, SAL_EFORMAT, "the hub's list of files has an unknown shape");
    for (size_t i = 0; status == SAL_OK && i < json_array_size(root); i++)
        status = add_file(tree, json_array_get(root, i), err);
    json_decref(root);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const sal_hub_file *)a)->path, ((const sal_hub_file *)b)->path);
}

int sal_hub_list(const sal_hub *hub, sal_hub_kind kind, const char *name, sal_hub_tree *tree,
                 sal_error *err) {
    sal_buffer url = {0};
    sal_buffer body = {0};
    *tree = (sal_hub_tree){0};
    int status =
        sal_buffer_add_format(&url, err, "%s/api/%s/%s/tree/main?recursive=true", hub->files,
                              kind == SAL_HUB_MODELS ? "models" : "datasets", name);
    for (int page = 0; status == SAL_OK && url.length > 0; page++) {
        char *next = NULL;
        if (page == MAXIMUM_PAGES) {
            status = sal_fail(err, SAL_ELIMIT, "its list of files does not end after %d pages",
                              MAXIMUM_PAGES);
            break;
        }
        status = sal_hub_get(hub, url.bytes, &body, &next, err);
        if (status == SAL_OK)
            status = add_page(tree, &body, err);
        sal_buffer_clear(&url);
        if (status == SAL_OK && next != NULL)
            status = sal_buffer_add_string(&url, next, err);
        sal_free(next);
    }
    if (status == SAL_OK && tree->count > 0)
        qsort(tree->files, tree->count, sizeof *tree->files, by_path);
    if (status != SAL_OK) {
        sal_fail_in(err, status, "hf:%s", name);
        sal_hub_tree_free(tree);
    }
    sal_buffer_free(&url);
    sal_buffer_free(&body);
    return status;
}

void sal_hub_tree_free(sal_hub_tree *tree) {
    for (size_t i = 0; i < tree->count; i++)
        sal_free(tree->files[i].path);
    sal_free(tree->files);
    *tree = (sal_hub_tree){0};
}
