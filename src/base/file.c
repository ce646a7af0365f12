/* realpath is an X/Open addition to POSIX */
#define _XOPEN_SOURCE 700

#include "salient/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"

struct sal_file {
    int descriptor;
    char *path;
};

struct sal_output {
    int descriptor;
    char *path;
    bool in_place;
    char *partial; /* NULL: written in place */
    char *block;   /* writes are gathered: callers write a field at a time */
    size_t used;
};

enum { OUTPUT_BLOCK = 1 << 16, READ_BLOCK = 1 << 16 };

static int fail_errno(sal_error *err, const char *path, const char *what) {
    int code = errno == ENOENT ? SAL_ENOTFOUND : errno == ENOMEM ? SAL_ENOMEM : SAL_EIO;
    return sal_fail(err, code, "%s: %s: %s", path, what, strerror(errno));
}

int sal_file_open(const char *path, sal_file **out, sal_error *err) {
    int status = SAL_OK;
    struct stat info;
    sal_file *file = sal_calloc(1, sizeof *file);
    if (file == NULL)
        return sal_fail_memory(err, path);
    file->descriptor = -1;
    file->path = sal_copy_string(path);
    if (file->path == NULL) {
        status = sal_fail_memory(err, path);
        goto done;
    }
    file->descriptor =
        strcmp(path, "-") == 0 ? STDIN_FILENO : sal_system_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (file->descriptor < 0) {
        status = fail_errno(err, path, "cannot be opened");
        goto done;
    }
    if (fstat(file->descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = sal_fail(err, SAL_EIO, "%s: is a folder, not a file", path);
        goto done;
    }
    *out = file;
    file = NULL;
done:
    sal_file_close(file);
    return status;
}

int sal_file_read(sal_file *file, char *bytes, size_t capacity, size_t *length, sal_error *err) {
    ssize_t got;
    do
        got = sal_system_read(file->descriptor, bytes, capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_errno(err, file->path, "cannot be read");
    *length = (size_t)got;
    return SAL_OK;
}

void sal_file_close(sal_file *file) {
    if (file == NULL)
        return;
    if (file->descriptor > STDIN_FILENO)
        (void)sal_system_close(file->descriptor);
    sal_free(file->path);
    sal_free(file);
}

int sal_file_read_all(const char *path, size_t limit, sal_buffer *out, sal_error *err) {
    sal_file *file = NULL;
    char *block = sal_calloc(READ_BLOCK, 1);
    int status = block == NULL ? sal_fail_memory(err, path) : sal_file_open(path, &file, err);
    sal_buffer_clear(out);
    while (status == SAL_OK) {
        size_t length = 0;
        status = sal_file_read(file, block, READ_BLOCK, &length, err);
        if (status != SAL_OK || length == 0)
            break;
        if (out->length + length > limit)
            status =
                sal_fail(err, SAL_ELIMIT, "%s: is longer than the allowed %zu bytes", path, limit);
        else
            status = sal_buffer_add(out, block, length, err);
    }
    if (status == SAL_OK)
        status = sal_buffer_add(out, "", 0, err);
    sal_file_close(file);
    sal_free(block);
    return status;
}

/* Remove what was written so far, close, free. */
void sal_output_discard(sal_output *output) {
    if (output == NULL)
        return;
    if (output->descriptor >= 0) {
        if (output->partial != NULL) /* while it is still ours */
            (void)sal_system_unlink(output->partial);
        (void)sal_system_close(output->descriptor);
    }
    sal_free(output->path);
    sal_free(output->partial);
    sal_free(output->block);
    sal_free(output);
}

/* Devices and pipes are written in place: a file renamed over /dev/null would take its name. So are the
 * names of open descriptors, whatever stands behind them. */
static bool is_in_place(const char *path, const struct stat *info) {
    return (!S_ISREG(info->st_mode) && !S_ISDIR(info->st_mode)) ||
           strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0 ||
           strncmp(path, "/dev/fd/", 8) == 0;
}

/* Where the bytes go. A link keeps pointing where it did: what it names is replaced.
 * out    output->path and ->in_place; *mode rights of what stands there */
static int choose_place(const char *path, sal_output *output, int *mode, sal_error *err) {
    struct stat info;
    char behind[PATH_MAX];
    const bool there = stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode))
        return sal_fail(err, SAL_EIO, "%s: is a folder, not a file", path);
    const bool in_place = there && is_in_place(path, &info);
    const bool linked = there && !in_place && realpath(path, behind) != NULL;
    *mode = there ? (int)(info.st_mode & 0777U) : 0666;
    output->path = sal_copy_string(linked ? behind : path);
    if (output->path == NULL)
        return sal_fail_memory(err, path);
    output->in_place = in_place;
    return SAL_OK;
}

/* Hold the file under its name: a lock of the kernel's, which ends with the process. Between our opening and our locking its last
 * owner may have renamed it into place. */
static bool take_over(int descriptor, const char *name) {
    struct stat ours, named;
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &ours) == 0 &&
           stat(name, &named) == 0 && ours.st_dev == named.st_dev && ours.st_ino == named.st_ino &&
           S_ISREG(ours.st_mode) && ftruncate(descriptor, 0) == 0;
}

/* PATH.partial, so that what a killed writer left is taken over by the next one; where another process holds it,
 * PATH.partial-NUMBER. */
static int open_partial(sal_output *output, int mode, sal_error *err) {
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    sal_buffer name = {0};
    int status = sal_buffer_add_format(&name, err, "%s.partial", output->path);
    if (status == SAL_OK) {
        output->descriptor = sal_system_open(name.bytes, flags, mode);
        if (output->descriptor >= 0 && !take_over(output->descriptor, name.bytes)) {
            (void)sal_system_close(output->descriptor);
            output->descriptor = -1;
            status = sal_buffer_add_format(&name, err, "-%ld", (long)getpid());
            if (status == SAL_OK)
                output->descriptor = sal_system_open(name.bytes, flags | O_TRUNC, mode);
        }
    }
    output->partial = name.bytes;
    return status;
}

int sal_output_open(const char *path, sal_output **out, sal_error *err) {
    int mode = 0;
    sal_output *output = sal_calloc(1, sizeof *output);
    if (output == NULL)
        return sal_fail_memory(err, path);
    output->descriptor = -1;
    int status = choose_place(path, output, &mode, err);
    if (status != SAL_OK)
        goto done;
    output->block = sal_calloc(OUTPUT_BLOCK, 1);
    if (output->block == NULL) {
        status = sal_fail_memory(err, path);
        goto done;
    }
    if (output->in_place)
        output->descriptor = sal_system_open(output->path, O_WRONLY | O_CLOEXEC, mode);
    else
        status = open_partial(output, mode, err);
    if (status != SAL_OK)
        goto done;
    if (output->descriptor < 0) {
        status = fail_errno(err, path, "cannot be written");
        goto done;
    }
    *out = output;
    output = NULL;
done:
    sal_output_discard(output);
    return status;
}

static int write_all(sal_output *output, const char *bytes, size_t length, sal_error *err) {
    while (length > 0) {
        ssize_t written = sal_system_write(output->descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_errno(err, output->path, "cannot be written");
        bytes += written;
        length -= (size_t)written;
    }
    return SAL_OK;
}

static int flush(sal_output *output, sal_error *err) {
    size_t used = output->used;
    output->used = 0;
    return write_all(output, output->block, used, err);
}

static int write_output(void *context, const char *bytes, size_t length, sal_error *err) {
    sal_output *output = context;
    if (length > OUTPUT_BLOCK - output->used) {
        int status = flush(output, err);
        if (status != SAL_OK)
            return status;
    }
    if (length > OUTPUT_BLOCK)
        return write_all(output, bytes, length, err);
    memcpy(output->block + output->used, bytes, length);
    output->used += length;
    return SAL_OK;
}

const char *sal_output_name(const sal_output *output) {
    return output->partial != NULL ? output->partial : output->path;
}

sal_sink sal_output_sink(sal_output *output) {
    return (sal_sink){write_output, output};
}

/* Nothing is left to be removed. */
static void finish(sal_output *output) {
    sal_free(output->partial);
    output->partial = NULL;
}

int sal_output_commit(sal_output *output, sal_error *err) {
    int status = flush(output, err);
    if (status == SAL_OK && output->partial != NULL && sal_system_sync(output->descriptor) != 0 &&
        errno != EINVAL && errno != ENOTSUP)
        status = fail_errno(err, output->path, "cannot be written to disk");
    if (status == SAL_OK) {
        const int hold = dup(output->descriptor); /* keeps the lock until the file has its name */
        int closed = sal_system_close(output->descriptor);
        output->descriptor = hold;
        if (closed != 0)
            status = fail_errno(err, output->path, "cannot be written to disk");
        else if (output->partial != NULL && sal_system_rename(output->partial, output->path) != 0)
            status = fail_errno(err, output->path, "cannot be put in place");
        else
            finish(output);
    }
    sal_output_discard(output);
    return status;
}
