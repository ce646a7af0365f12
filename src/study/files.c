/* Digests of big files, remembered by path, size and modification time. */
/* realpath is an X/Open addition to POSIX */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "salient/file.h"
#include "study/study_internal.h"

/* A file changed within the clock's step after it was hashed keeps its time: one that is younger than
 * this many seconds is hashed again next time. */
enum { YOUNG_SECONDS = 3 };

typedef struct file_identity {
    char path[PATH_MAX];
    int64_t size;
    int64_t modified; /* nanoseconds since 1970 */
} file_identity;

static int identify(const char *path, file_identity *file, sal_error *err) {
    struct stat status;
    if (stat(path, &status) != 0 || realpath(path, file->path) == NULL) {
        return sal_fail(err, errno == ENOENT ? SAL_ENOTFOUND : SAL_EIO, "%s: %s", path,
                        strerror(errno));
    }
    file->size = (int64_t)status.st_size;
    file->modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + (int64_t)status.st_mtim.tv_nsec;
    return SAL_OK;
}

static int look_up(sal_study *study, const file_identity *file, char digest[65], bool *found,
                   sal_error *err) {
    study_query query = {0};
    *found = false;
    int rc = study_query_open(study,
                              "SELECT digest FROM files"
                              " WHERE path = ? AND size = ? AND modified = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, file->path);
        study_bind_integer(&query, file->size);
        study_bind_integer(&query, file->modified);
        rc = study_query_next(&query, found, err);
    }
    if (rc == SAL_OK && *found) {
        const char *text = (const char *)sqlite3_column_text(query.statement, 0);
        *found = text != NULL && strlen(text) == 64;
        if (*found) {
            memcpy(digest, text, 65);
        }
    }
    study_query_close(&query);
    return rc;
}

static int remember(sal_study *study, const file_identity *file, const char *digest,
                    sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK) {
        return rc;
    }
    rc = study_query_open(study,
                          "INSERT OR REPLACE INTO files (path, size, modified, digest)"
                          " VALUES (?, ?, ?, ?)",
                          &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, file->path);
        study_bind_integer(&query, file->size);
        study_bind_integer(&query, file->modified);
        study_bind_text(&query, digest);
        rc = study_query_run(&query, err);
    }
    return study_finish_write(study, rc, err);
}

static bool is_young(const file_identity *file) {
    return (int64_t)time(NULL) - file->modified / 1000000000 < YOUNG_SECONDS;
}

int sal_study_file_digest(sal_study *study, const char *path, char digest[65], sal_error *err) {
    file_identity before = {0}, after = {0};
    bool found = false;
    int rc = identify(path, &before, err);
    if (rc == SAL_OK) {
        rc = look_up(study, &before, digest, &found, err);
    }
    if (rc != SAL_OK || found) {
        return rc;
    }
    rc = sal_sha256_file(path, digest, err);
    if (rc == SAL_OK) {
        rc = identify(path, &after, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    if (before.size != after.size || before.modified != after.modified) {
        return sal_fail(err, SAL_EIO,
                        "%s: changed while it was read; start again when it is complete", path);
    }
    if (study->mode == SAL_STUDY_READ || is_young(&after)) {
        return SAL_OK;
    }
    return remember(study, &after, digest, err);
}
