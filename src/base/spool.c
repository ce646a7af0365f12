#include "salient/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "salient/memory.h"

struct sal_spool {
    int descriptor;
    char *path; /* of a file that has no name any more; for errors */
};

static int fail_errno(const sal_spool *spool, const char *what, sal_error *err) {
    return sal_fail(err, errno == ENOENT ? SAL_ENOTFOUND : SAL_EIO, "%s: %s: %s", spool->path, what,
                    strerror(errno));
}

/* Files of one process that would meet under this name do not: each has lost it before the next is made. */
static int choose_path(const char *beside, char **path, sal_error *err) {
    const char *folder = getenv("TMPDIR");
    struct stat info;
    sal_buffer text = {0};
    const bool device =
        strncmp(beside, "/dev/", 5) == 0 || (stat(beside, &info) == 0 && !S_ISREG(info.st_mode));
    folder = folder == NULL || folder[0] == '\0' ? "/tmp" : folder;
    int status =
        device ? sal_buffer_add_format(&text, err, "%s/salient.spool-%ld", folder, (long)getpid())
               : sal_buffer_add_format(&text, err, "%s.spool-%ld", beside, (long)getpid());
    if (status == SAL_OK)
        *path = text.bytes;
    else
        sal_buffer_free(&text);
    return status;
}

int sal_spool_open(const char *beside, sal_spool **out, sal_error *err) {
    sal_spool *spool = sal_calloc(1, sizeof *spool);
    if (spool == NULL)
        return sal_fail_memory(err, beside);
    spool->descriptor = -1;
    int status = choose_path(beside, &spool->path, err);
    if (status != SAL_OK)
        goto done;
    spool->descriptor =
        sal_system_open(spool->path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (spool->descriptor < 0 || sal_system_unlink(spool->path) != 0) {
        status = fail_errno(spool, "no temporary file can be made", err);
        goto done;
    }
    *out = spool;
    spool = NULL;
done:
    sal_spool_close(spool);
    return status;
}

void sal_spool_close(sal_spool *spool) {
    if (spool == NULL)
        return;
    if (spool->descriptor >= 0)
        (void)sal_system_close(spool->descriptor);
    sal_free(spool->path);
    sal_free(spool);
}

int sal_spool_write(sal_spool *spool, uint64_t at, const void *bytes, size_t length,
                    sal_error *err) {
    for (const char *from = bytes; length > 0;) {
        const ssize_t done = sal_system_write_at(spool->descriptor, from, length, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(spool, "cannot be written", err);
        from += done;
        at += (uint64_t)done;
        length -= (size_t)done;
    }
    return SAL_OK;
}

int sal_spool_read(sal_spool *spool, uint64_t at, void *bytes, size_t length, sal_error *err) {
    for (char *to = bytes; length > 0;) {
        const ssize_t done = sal_system_read_at(spool->descriptor, to, length, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(spool, "cannot be read", err);
        if (done == 0)
            return sal_fail(err, SAL_EIO, "%s: ends before byte %llu", spool->path,
                            (unsigned long long)(at + length));
        to += done;
        at += (uint64_t)done;
        length -= (size_t)done;
    }
    return SAL_OK;
}
