#include "io/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"

struct sal_partial {
    int descriptor;
    char *path;
    int64_t size;
};

static int fail_errno(sal_error *err, const char *path, const char *what) {
    return sal_fail(err, SAL_EIO, "%s: %s: %s", path, what, strerror(errno));
}

/* All folders of a path. */
static int make_folders(const char *path, sal_error *err) {
    char *copy = sal_copy_string(path);
    int status = SAL_OK;
    if (copy == NULL)
        return sal_fail_memory(err, path);
    for (char *at = strchr(copy + 1, '/'); status == SAL_OK && at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = fail_errno(err, copy, "cannot be made");
        *at = '/';
    }
    sal_free(copy);
    return status;
}

int sal_partial_open(const char *path, sal_partial **out, sal_error *err) {
    sal_partial *partial = NULL;
    int status = make_folders(path, err);
    if (status != SAL_OK)
        return status;
    partial = sal_calloc(1, sizeof *partial);
    if (partial == NULL)
        return sal_fail_memory(err, path);
    partial->descriptor = -1;
    partial->path = sal_copy_string(path);
    if (partial->path == NULL) {
        status = sal_fail_memory(err, path);
        goto done;
    }
    partial->descriptor = sal_system_open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (partial->descriptor < 0) {
        status = fail_errno(err, path, "cannot be written");
        goto done;
    }
    if (flock(partial->descriptor, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? sal_fail(err, SAL_EBUSY, "%s: another process is downloading it", path)
                     : fail_errno(err, path, "cannot be locked");
        goto done;
    }
    partial->size = (int64_t)lseek(partial->descriptor, 0, SEEK_END);
    if (partial->size < 0) {
        status = fail_errno(err, path, "cannot be read");
        goto done;
    }
    *out = partial;
    partial = NULL;
done:
    sal_partial_close(partial);
    return status;
}

int64_t sal_partial_size(const sal_partial *partial) {
    return partial->size;
}

int sal_partial_cut(sal_partial *partial, int64_t size, sal_error *err) {
    if (ftruncate(partial->descriptor, (off_t)size) != 0)
        return fail_errno(err, partial->path, "cannot be shortened");
    partial->size = size;
    return SAL_OK;
}

int sal_partial_cut_line(sal_partial *partial, int64_t *lines, sal_error *err) {
    enum { BLOCK = 1 << 16 };
    char *block = sal_calloc(BLOCK, 1);
    int64_t end = 0;
    int64_t at = 0;
    int status = block == NULL ? sal_fail_memory(err, partial->path) : SAL_OK;
    *lines = 0;
    if (status == SAL_OK && lseek(partial->descriptor, 0, SEEK_SET) < 0)
        status = fail_errno(err, partial->path, "cannot be read");
    while (status == SAL_OK) {
        const ssize_t got = sal_system_read(partial->descriptor, block, BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = fail_errno(err, partial->path, "cannot be read");
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++) {
            if (block[i] != '\n')
                continue;
            end = at + i + 1;
            (*lines)++;
        }
        at += got;
    }
    sal_free(block);
    return status == SAL_OK && end < partial->size ? sal_partial_cut(partial, end, err) : status;
}

static int append(void *context, const char *bytes, size_t length, sal_error *err) {
    sal_partial *partial = context;
    while (length > 0) {
        const ssize_t written = sal_system_write(partial->descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_errno(err, partial->path, "cannot be written");
        bytes += written;
        length -= (size_t)written;
        partial->size += written;
    }
    return SAL_OK;
}

sal_sink sal_partial_sink(sal_partial *partial) {
    return (sal_sink){append, partial};
}

int sal_partial_finish(sal_partial *partial, const char *path, sal_error *err) {
    if (sal_system_sync(partial->descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
        return fail_errno(err, partial->path, "cannot be written to disk");
    if (sal_system_rename(partial->path, path) != 0)
        return fail_errno(err, path, "cannot be put in place");
    return SAL_OK;
}

void sal_partial_remove(sal_partial *partial) {
    (void)sal_system_unlink(partial->path);
}

void sal_partial_close(sal_partial *partial) {
    if (partial == NULL)
        return;
    if (partial->descriptor >= 0)
        (void)sal_system_close(partial->descriptor);
    sal_free(partial->path);
    sal_free(partial);
}
