/* Opening and closing a study.
 *
 * A writer takes the lock (lock.c), then writes through a log (WAL) beside study.db, so that readers
 * are not held up; on close the log is folded back and one file remains. On network file systems the
 * log's shared memory does not work: there SQLite's rollback journal stays. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "study/network.h"
#include "study/study_internal.h"

enum { PATIENCE_MILLISECONDS = 10000, LOG_PATIENCE_MILLISECONDS = 2000 };

static char *join(const char *folder, const char *name) {
    sal_buffer path = {0};
    /* "file:..." would be read as an address and not as a path. */
    const char *before = strncmp(folder, "file:", 5) == 0 ? "./" : "";
    if (sal_buffer_add_format(&path, NULL, "%s%s/%s", before, folder, name) != SAL_OK) {
        sal_buffer_free(&path);
    }
    return path.bytes;
}

/* Remove what a failed CREATE made, while it is still locked. */
static void undo_create(const sal_study *study) {
    if (study->made_database) {
        sal_system_unlink(study->database_path);
    }
    if (study->made_folder) {
        sal_system_unlink(study->lock_path);
        rmdir(study->path);
    }
}

static void free_study(sal_study *study, bool undo) {
    for (size_t i = 0; i < study->kept_count; i++) {
        sqlite3_finalize(study->kept[i].statement);
    }
    sqlite3_close(study->database);
    if (undo) {
        undo_create(study);
    }
    study_lock_release(study);
    sal_free(study->kept);
    sal_free(study->path);
    sal_free(study->database_path);
    sal_free(study->lock_path);
    sal_free(study);
}

static sal_study *make_study(const char *path, sal_study_mode mode) {
    sal_study *study = sal_calloc(1, sizeof *study);
    if (study == NULL) {
        return NULL;
    }
    study->lock = -1;
    study->mode = mode;
    study->path = sal_copy_string(path);
    study->database_path = join(path, "study.db");
    study->lock_path = join(path, "study.lock");
    if (study->path == NULL || study->database_path == NULL || study->lock_path == NULL) {
        free_study(study, false);
        return NULL;
    }
    return study;
}

/* What of the study is there already. */
typedef struct place {
    bool folder;
    bool database;
} place;

static int look_at_place(const sal_study *study, place *found, sal_error *err) {
    struct stat status;
    *found = (place){0};
    if (stat(study->path, &status) != 0) {
        if (errno == ENOENT) {
            return SAL_OK;
        }
        return sal_fail(err, SAL_EIO, "%s: %s", study->path, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return sal_fail(err, SAL_EFORMAT, "%s: is a file; a study is a folder with study.db in it",
                        study->path);
    }
    found->folder = true;
    if (stat(study->database_path, &status) == 0) {
        found->database = true;
    } else if (errno != ENOENT) {
        return sal_fail(err, SAL_EIO, "%s: %s", study->database_path, strerror(errno));
    }
    return SAL_OK;
}

static int make_folder(const sal_study *study, sal_error *err) {
    if (mkdir(study->path, 0777) != 0 && errno != EEXIST) {
        return sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s", study->path,
                        strerror(errno));
    }
    return SAL_OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* True when the database's header says that it is used with a log (WAL). */
static bool header_says_log(const char *path) {
    char header[20] = {0};
    int descriptor = sal_system_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    ssize_t length = sal_system_read(descriptor, header, sizeof header);
    sal_system_close(descriptor);
    return length == (ssize_t)sizeof header && header[18] == 2;
}

/* Size of the file path + suffix; -1 when it is not there. */
static int64_t size_beside(const char *path, const char *suffix) {
    sal_buffer name = {0};
    struct stat status;
    int64_t size = -1;
    if (sal_buffer_add_format(&name, NULL, "%s%s", path, suffix) == SAL_OK &&
        stat(name.bytes, &status) == 0) {
        size = (int64_t)status.st_size;
    }
    sal_buffer_free(&name);
    return size;
}

/* A study copied out of a live one keeps "log" in its header, and SQLite would make log files beside
 * it to read it. In a folder that cannot be written, with no log there, nobody can be writing either:
 * only then the file may be called immutable. Anywhere else that would let a reader see a writer's
 * half-written pages. */
static bool may_be_called_immutable(const sal_study *study) {
    return header_says_log(study->database_path) && access(study->path, W_OK) != 0 &&
           size_beside(study->database_path, "-wal") <= 0 &&
           size_beside(study->database_path, "-shm") < 0;
}

static int immutable_address(const char *path, sal_buffer *address, sal_error *err) {
    int rc = sal_buffer_add_string(address, "file:", err);
    for (const char *c = path; rc == SAL_OK && *c != '\0'; c++) {
        rc = strchr("%?#", *c) != NULL
                 ? sal_buffer_add_format(address, err, "%%%02X", (unsigned int)(unsigned char)*c)
                 : sal_buffer_add(address, c, 1, err);
    }
    return rc == SAL_OK ? sal_buffer_add_string(address, "?immutable=1", err) : rc;
}

/* ---- the connection ----------------------------------------------------------------------- */

static int open_database(sal_study *study, sal_error *err) {
    sal_buffer address = {0};
    const char *name = study->database_path;
    int flags = SQLITE_OPEN_READWRITE;
    int rc = SAL_OK;
    if (study->mode == SAL_STUDY_READ) {
        flags = SQLITE_OPEN_READONLY;
        if (may_be_called_immutable(study)) {
            rc = immutable_address(study->database_path, &address, err);
            name = address.bytes;
            flags |= SQLITE_OPEN_URI;
        }
    } else if (study->mode == SAL_STUDY_CREATE) {
        flags |= SQLITE_OPEN_CREATE;
    }
    if (rc == SAL_OK) {
        int status = sqlite3_open_v2(name, &study->database, flags, NULL);
        if (status != SQLITE_OK) {
            rc = study_fail_sqlite(study, status, err);
        }
    }
    sal_buffer_free(&address);
    return rc;
}

/* A study may come from anyone: its file gets no say over what SQLite does. */
static int configure(sal_study *study, sal_error *err) {
    sqlite3_busy_timeout(study->database, PATIENCE_MILLISECONDS);
    sqlite3_extended_result_codes(study->database, 1);
    sqlite3_db_config(study->database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(study->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    return study_execute(study, "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON", err);
}

/* Where the log cannot be had (a network, or a reader in mid-query), the journal serves as well. */
static int start_log(sal_study *study, sal_error *err) {
    if (study_on_network(study->path)) {
        return SAL_OK;
    }
    sqlite3_busy_timeout(study->database, LOG_PATIENCE_MILLISECONDS);
    int rc = study_execute(study, "PRAGMA journal_mode = WAL", err);
    sqlite3_busy_timeout(study->database, PATIENCE_MILLISECONDS);
    if (rc == SAL_EBUSY) {
        return SAL_OK;
    }
    return rc == SAL_OK ? study_execute(study, "PRAGMA synchronous = NORMAL", err) : rc;
}

static int connect_study(sal_study *study, sal_error *err) {
    int rc = open_database(study, err);
    if (rc == SAL_OK) {
        rc = configure(study, err);
    }
    if (rc == SAL_OK) {
        rc = study_schema_prepare(study, err);
    }
    if (rc == SAL_OK && study->mode != SAL_STUDY_READ) {
        rc = start_log(study, err);
    }
    return rc;
}

int sal_study_open(const char *path, sal_study_mode mode, sal_study **out, sal_error *err) {
    place before = {0};
    if (path == NULL || path[0] == '\0') {
        return sal_fail(err, SAL_EINVAL, "the path of the study is empty");
    }
    sal_study *study = make_study(path, mode);
    if (study == NULL) {
        return sal_fail_memory(err, "the study");
    }
    int rc = look_at_place(study, &before, err);
    if (rc == SAL_OK && !before.database && mode != SAL_STUDY_CREATE) {
        rc = sal_fail(err, SAL_ENOTFOUND,
                      "%s: no study there; make one with: salient import %s FILE", path, path);
    }
    if (rc == SAL_OK && mode == SAL_STUDY_CREATE) {
        rc = make_folder(study, err);
    }
    if (rc == SAL_OK && mode != SAL_STUDY_READ) {
        rc = study_lock_take(study, err);
    }
    if (rc == SAL_OK) {
        study->made_folder = !before.folder;
        study->made_database = !before.database;
        rc = connect_study(study, err);
    }
    if (rc != SAL_OK) {
        free_study(study, true);
        return rc;
    }
    *out = study;
    return SAL_OK;
}

/* Leaving WAL needs everyone else out; a reader in mid-query keeps the log for the next writer, which
 * is no error: the rows are safe in it. */
static int fold_log(sal_study *study, sal_error *err) {
    sqlite3_busy_timeout(study->database, LOG_PATIENCE_MILLISECONDS);
    int rc =
        study_execute(study, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE", err);
    return rc == SAL_EBUSY ? SAL_OK : rc;
}

int sal_study_close(sal_study *study, sal_error *err) {
    int rc = SAL_OK;
    if (study == NULL) {
        return SAL_OK;
    }
    while (study->depth > 0) {
        sal_study_rollback(study);
    }
    if (study->mode != SAL_STUDY_READ) {
        rc = fold_log(study, err);
    }
    free_study(study, false);
    return rc;
}

/* Asked of the file and not of what the caller did: whatever is in it was committed. */
static bool holds_nothing(sal_study *study) {
    int64_t rows = 1;
    return study->made_database &&
           study_scalar(study, "SELECT EXISTS (SELECT 1 FROM documents)", &rows, NULL) == SAL_OK &&
           rows == 0;
}

void sal_study_abandon(sal_study *study) {
    if (study == NULL) {
        return;
    }
    while (study->depth > 0) {
        sal_study_rollback(study);
    }
    const bool nothing = holds_nothing(study);
    if (study->mode != SAL_STUDY_READ) {
        (void)fold_log(study, NULL);
    }
    free_study(study, nothing);
}

const char *sal_study_path(const sal_study *study) {
    return study->path;
}
