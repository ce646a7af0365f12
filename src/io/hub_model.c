/* Which GGUF file of a repository is meant: by name, by quantisation, or the only one there is. */

#include <string.h>
#include <strings.h>

#include "io/hub.h"
#include "io/partial.h"
#include "salient/cache.h"
#include "salient/hub.h"

enum { NAMES_LISTED = 12 };

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    const size_t tail = strlen(end);
    return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

/* "model-00002-of-00003.gguf": 2, and where "-00002" begins; 0 when it is no part. */
static int part_number(const char *path, size_t *stem) {
    static const char shape[] = "-00000-of-00000.gguf";
    const size_t length = strlen(path);
    const size_t tail = strlen(shape);
    int number = 0;
    if (length < tail)
        return 0;
    const char *at = path + length - tail;
    for (size_t i = 0; i < tail; i++) {
        if (shape[i] == '0' ? at[i] < '0' || at[i] > '9' : at[i] != shape[i])
            return 0;
        if (i >= 1 && i <= 5)
            number = number * 10 + (at[i] - '0');
    }
    *stem = length - tail;
    return number;
}

static bool same_model(const char *a, const char *b) {
    size_t of_a = 0;
    size_t of_b = 0;
    if (part_number(a, &of_a) == 0 || part_number(b, &of_b) == 0)
        return strcmp(a, b) == 0;
    return of_a == of_b && strncmp(a, b, of_a) == 0;
}

static bool is_boundary(char c) {
    return c == '\0' || c == '-' || c == '.' || c == '/';
}

/* The quantisation stands in the name between separators: Q4_K_M is not a part of IQ4_K_M or Q4_K_M_L. */
static bool has_quant(const char *path, const char *quant) {
    const size_t length = strlen(quant);
    for (const char *at = path; *at != '\0'; at++)
        if (strncasecmp(at, quant, length) == 0 && is_boundary(at[length]) &&
            (at == path || is_boundary(at[-1])))
            return true;
    return false;
}

static bool is_wanted(const sal_hub_file *file, const char *which) {
    if (!ends_with(file->path, ".gguf"))
        return false;
    if (ends_with(which, ".gguf"))
        return strcmp(file->path, which) == 0 || strcmp(base_of(file->path), which) == 0 ||
               same_model(file->path, which);
    /* Projectors of images are no models of their own. */
    return strstr(file->path, "mmproj") == NULL &&
           (which[0] == '\0' || has_quant(file->path, which));
}

static int list_names(const sal_hub_tree *tree, sal_buffer *out, sal_error *err) {
    size_t listed = 0;
    size_t stem = 0;
    int status = sal_buffer_add_string(out, "", err);
    for (size_t i = 0; status == SAL_OK && i < tree->count; i++) {
        if (!ends_with(tree->files[i].path, ".gguf") || part_number(tree->files[i].path, &stem) > 1)
            continue;
        if (listed++ == NAMES_LISTED)
            return sal_buffer_add_string(out, ", ...", err);
        status =
            sal_buffer_add_format(out, err, "%s%s", listed == 1 ? "" : ", ", tree->files[i].path);
    }
    return status;
}

static int fail_choice(const char *source, const sal_hub_tree *tree, const char *which, bool many,
                       sal_error *err) {
    sal_buffer names = {0};
    int status = list_names(tree, &names, err);
    if (status == SAL_OK && names.length == 0)
        status = sal_fail(err, SAL_ENOTFOUND, "%s: there is no GGUF file in it", source);
    else if (status == SAL_OK)
        status = sal_fail(err, many ? SAL_EINVAL : SAL_ENOTFOUND,
                          "%s: %s%s; add :FILE or a quantisation like :Q4_K_M. There are: %.600s",
                          source, many ? "several files fit" : "there is no file for ",
                          many ? "" : which, names.bytes);
    sal_buffer_free(&names);
    return status;
}

/* Mark the files of the one model that is meant. out *first: the one to open */
static int choose(const char *source, const sal_hub_tree *tree, const char *which, size_t *first,
                  sal_error *err) {
    bool found = false;
    for (size_t i = 0; i < tree->count; i++) {
        if (!is_wanted(&tree->files[i], which))
            continue;
        if (found && !same_model(tree->files[*first].path, tree->files[i].path))
            return fail_choice(source, tree, which, true, err);
        if (!found)
            *first = i; /* by path: the first part comes first */
        found = true;
    }
    return found ? SAL_OK : fail_choice(source, tree, which, false, err);
}

static int pull_file(const sal_hub *hub, const char *name, const sal_hub_file *file,
                     const char *folder, sal_buffer *path, sal_tally *tally, sal_error *err) {
    bool kept = false;
    sal_buffer_clear(path);
    int status = sal_buffer_add_format(path, err, "%s/%s", folder, base_of(file->path));
    if (status == SAL_OK)
        status = sal_hub_download(hub, SAL_HUB_MODELS, name, file, path->bytes, &kept, err);
    if (status == SAL_OK) {
        tally->kept += kept;
        tally->done += !kept;
    }
    return status;
}

int sal_hub_pull_model(const char *source, const char *folder, const sal_progress *progress,
                       sal_buffer *path, sal_tally *tally, sal_error *err) {
    sal_hub hub = {0};
    sal_hub_tree tree = {0};
    sal_buffer place = {0};
    sal_buffer below = {0};
    sal_buffer other = {0};
    char *name = NULL;
    const char *rest = NULL;
    size_t first = 0;
    int status = strncmp(source, "hf:", 3) == 0
                     ? sal_hub_parse_name(source, source + 3, &name, &rest, err)
                     : sal_fail(err, SAL_EINVAL, "%s: a model of the hub is hf:OWNER/REPO", source);
    if (status == SAL_OK && *rest == '/')
        status = sal_fail(err, SAL_EINVAL,
                          "%s: a file of a repository is named after a colon: "
                          "hf:OWNER/REPO:FILE",
                          source);
    if (status == SAL_OK)
        status = sal_hub_open(progress, &hub, err);
    if (status == SAL_OK)
        status = sal_hub_list(&hub, SAL_HUB_MODELS, name, &tree, err);
    if (status == SAL_OK)
        status = choose(source, &tree, *rest == ':' ? rest + 1 : "", &first, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&below, err, "models/%s", name);
    if (status == SAL_OK)
        status = folder != NULL ? sal_buffer_add_string(&place, folder, err)
                                : sal_cache_path(below.bytes, &place, err);
    for (size_t i = first; status == SAL_OK && i < tree.count; i++)
        if (same_model(tree.files[first].path, tree.files[i].path))
            status = pull_file(&hub, name, &tree.files[i], place.bytes, i == first ? path : &other,
                               tally, err);
    sal_hub_tree_free(&tree);
    sal_hub_close(&hub);
    sal_free(name);
    sal_buffer_free(&place);
    sal_buffer_free(&below);
    sal_buffer_free(&other);
    return status;
}
