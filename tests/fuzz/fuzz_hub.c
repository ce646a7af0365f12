/* Replies of the Hugging Face hub: lists of files, splits and rows. The first byte picks what is asked for; pages are apart by the byte
   0x1e, and the last one comes again and again. Held against any input:
   - no reply keeps us asking for ever;
   - files of a list stay below the folder where they are put, and digests are digests;
   - rows that were kept are whole lines of JSON. */
#include "fuzzing.h"

#include <jansson.h>

#include "import/import_internal.h"
#include "salient/file.h"

/* hub.c with our own way to the hub; all of it, so that the library's is not linked. */
#define sal_http_get fuzz_http_get
#include "../../src/io/hub.c"
#undef sal_http_get

enum { ASKED_MAXIMUM = 2000 };

static struct {
    const char *left;
    size_t length;
    int asked;
} pages;

int fuzz_http_get(const sal_http_options *options, const sal_http_request *request,
                  const sal_progress *progress, sal_buffer *body, char **next, sal_error *err) {
    (void)options;
    (void)progress;
    must(++pages.asked < ASKED_MAXIMUM && strncmp(request->url, "https://", 8) == 0);
    const char *end = memchr(pages.left, 0x1e, pages.length);
    const size_t length = end == NULL ? pages.length : (size_t)(end - pages.left);
    sal_buffer_clear(body);
    const int status = sal_buffer_add(body, pages.left, length, err);
    if (next != NULL)
        *next = length > 0 && pages.left[0] == ' ' ? sal_copy_string(request->url) : NULL;
    if (end != NULL) {
        pages.left = end + 1;
        pages.length -= length + 1;
    }
    return status;
}

static void list_files(const sal_hub *hub) {
    sal_hub_tree tree;
    sal_error err = {0};
    if (sal_hub_list(hub, SAL_HUB_MODELS, "owner/name", &tree, &err) != SAL_OK) {
        must(err.text[0] != '\0' && tree.files == NULL);
        return;
    }
    for (size_t i = 0; i < tree.count; i++) {
        const sal_hub_file *file = &tree.files[i];
        must(file->path[0] != '/' && file->path[0] != '\0' &&
             strstr(file->path, "..") != file->path);
        must(strstr(file->path, "/../") == NULL && file->size >= 0);
        must(file->sha256[0] == '\0' || strspn(file->sha256, "0123456789abcdef") == 64);
        must(import_path_matches("**", file->path) && import_path_matches(file->path, file->path));
    }
    sal_hub_tree_free(&tree);
}

static void fetch_rows(const sal_hub *hub, const char *rest) {
    sal_buffer path = {0}, kept = {0};
    sal_error err = {0};
    const int status =
        import_hub_fetch_rows(hub, "hf:owner/name", "owner/name", rest, 7, &path, &err);
    must(status == err.code && (status == SAL_OK || err.text[0] != '\0'));
    if (path.bytes != NULL && access(path.bytes, F_OK) == 0) {
        must(strncmp(path.bytes, fuzz_folder(), strlen(fuzz_folder())) == 0);
        must(strstr(path.bytes, "/../") == NULL);
        must(sal_file_read_all(path.bytes, (size_t)1 << 30, &kept, &err) == SAL_OK);
        for (char *line = kept.bytes, *end; line != NULL && *line != '\0'; line = end + 1) {
            end = strchr(line, '\n');
            must(end != NULL);
            json_t *row = json_loadb(line, (size_t)(end - line), 0, NULL);
            must(json_is_object(row));
            json_decref(row);
        }
        must(unlink(path.bytes) == 0);
    }
    sal_buffer_free(&path);
    sal_buffer_free(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const rests[] = {"", ":config", ":config:split"};
    sal_hub hub = {0};
    if (size == 0)
        return 0;
    char *bytes = malloc(size);
    must(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    pages.left = bytes;
    pages.length = size - 1;
    pages.asked = 0;
    must(setenv("SALIENT_CACHE", fuzz_folder(), 1) == 0);
    must(sal_hub_open(NULL, &hub, NULL) == SAL_OK);
    if (data[0] % 4 == 3)
        list_files(&hub);
    else
        fetch_rows(&hub, rests[data[0] % 4]);
    sal_hub_close(&hub);
    free(bytes);
    return 0;
}
