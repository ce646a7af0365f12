#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

char *scratch_join(const char *folder, const char *name) {
    sal_buffer path = {0};
    if (sal_buffer_add_format(&path, NULL, "%s/%s", folder, name) != 0) {
        sal_buffer_free(&path);
        return NULL;
    }
    return path.bytes;
}

int scratch_make(char **path, sal_error *err) {
    const char *place = getenv("TMPDIR");
    char *made =
        scratch_join(place != NULL && *place != '\0' ? place : "/tmp", "salient-estimate-XXXXXX");
    if (made == NULL) {
        return sal_fail_memory(err, "a folder");
    }
    if (mkdtemp(made) == NULL) {
        const int status =
            sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s (another place: set TMPDIR)",
                     made, strerror(errno));
        sal_free(made);
        return status;
    }
    *path = made;
    return 0;
}

/* Call visit for each entry of a folder; one that is not there has none. */
static int each_entry(const char *folder,
                      int (*visit)(void *context, const char *path, const char *name),
                      void *context) {
    DIR *open = opendir(folder);
    int status = 0;
    if (open == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(open); status == 0 && entry != NULL;
         entry = readdir(open)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        char *path = scratch_join(folder, entry->d_name);
        status = path == NULL ? SAL_ENOMEM : visit(context, path, entry->d_name);
        sal_free(path);
    }
    (void)closedir(open);
    return status;
}

static bool is_folder(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int remove_entry(void *context, const char *path, const char *name) {
    (void)context;
    (void)name;
    if (is_folder(path)) {
        (void)each_entry(path, remove_entry, NULL);
        (void)rmdir(path);
    } else {
        (void)unlink(path);
    }
    return 0;
}

void scratch_remove(const char *path) {
    if (path != NULL) {
        (void)remove_entry(NULL, path, path);
    }
}

static int add_bytes(void *context, const char *path, const char *name) {
    struct stat status;
    (void)name;
    if (lstat(path, &status) != 0) {
        return 0;
    }
    if (S_ISDIR(status.st_mode)) {
        return each_entry(path, add_bytes, context);
    }
    *(int64_t *)context += S_ISREG(status.st_mode) ? (int64_t)status.st_size : 0;
    return 0;
}

int64_t scratch_bytes(const char *path) {
    int64_t bytes = 0;
    (void)each_entry(path, add_bytes, &bytes);
    return bytes;
}

/* ---- states ---------------------------------------------------------------------------------------------------------------- */

struct states {
    char *target; /* folder below which they go */
    bool (*wanted)(void *context, const char *name);
    void *context;
    sal_error *err;
};

static int make_folder(const char *path, sal_error *err) {
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? 0
               : sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s", path, strerror(errno));
}

static int link_set(void *context, const char *path, const char *name) {
    const struct states *states = context;
    char *target = scratch_join(states->target, name);
    int status = target == NULL ? sal_fail_memory(states->err, "a path") : 0;
    if (status == 0 && is_folder(path) && symlink(path, target) != 0) {
        status = sal_fail(states->err, SAL_EIO, "%s: the link cannot be made: %s", target,
                          strerror(errno));
    }
    sal_free(target);
    return status;
}

static int copy_bytes(const char *from, sal_output *output, sal_error *err) {
    const sal_sink sink = sal_output_sink(output);
    sal_file *file = NULL;
    size_t length = 0;
    char *block = sal_calloc(1, BLOCK);
    int status = block == NULL ? sal_fail_memory(err, "a copy") : sal_file_open(from, &file, err);
    do {
        status = status == 0 ? sal_file_read(file, block, BLOCK, &length, err) : status;
        status = status == 0 ? sal_sink_write(&sink, block, length, err) : status;
    } while (status == 0 && length > 0);
    sal_file_close(file);
    sal_free(block);
    return status;
}

static int copy_file(const char *from, const char *to, sal_error *err) {
    sal_output *output = NULL;
    if (link(from, to) == 0 || errno == EEXIST) {
        return 0;
    }
    int status = sal_output_open(to, &output, err);
    if (status == 0) {
        status = copy_bytes(from, output, err);
        if (status == 0) {
            return sal_output_commit(output, err);
        }
        sal_output_discard(output);
    }
    return status;
}

static int copy_entry(void *context, const char *path, const char *name) {
    const struct states *states = context;
    if (is_folder(path) || !states->wanted(states->context, name)) {
        return 0;
    }
    char *target = scratch_join(states->target, name);
    const int status = target == NULL ? sal_fail_memory(states->err, "a path")
                                      : copy_file(path, target, states->err);
    sal_free(target);
    return status;
}

static int copy_set(void *context, const char *path, const char *name) {
    const struct states *states = context;
    struct states below = *states;
    below.target = scratch_join(states->target, name);
    int status = below.target == NULL ? sal_fail_memory(states->err, "a path")
                                      : make_folder(below.target, states->err);
    if (status == 0) {
        status = each_entry(path, copy_entry, &below);
    }
    sal_free(below.target);
    return status;
}

static int each_set(const char *from, const char *to, struct states *states,
                    int (*visit)(void *context, const char *path, const char *name)) {
    char *source = scratch_join(from, "states");
    states->target = scratch_join(to, "states");
    int status = source == NULL || states->target == NULL
                     ? sal_fail_memory(states->err, "a path")
                     : make_folder(states->target, states->err);
    if (status == 0) {
        status = each_entry(source, visit, states);
    }
    sal_free(source);
    sal_free(states->target);
    return status;
}

int scratch_link_states(const char *from, const char *to, sal_error *err) {
    struct states states = {.err = err};
    return each_set(from, to, &states, link_set);
}

int scratch_copy_states(const char *from, const char *to,
                        bool (*wanted)(void *context, const char *name), void *context,
                        sal_error *err) {
    struct states states = {.wanted = wanted, .context = context, .err = err};
    return each_set(from, to, &states, copy_set);
}
