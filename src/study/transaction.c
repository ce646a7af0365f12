/* Transactions that nest: the outermost is a real one, those inside are savepoints, so that a failed
 * unit inside a longer transaction takes back its own rows only. */
#include "study/study_internal.h"

int study_execute(sal_study *study, const char *sql, sal_error *err) {
    int status = sqlite3_exec(study->database, sql, NULL, NULL, NULL);
    return status == SQLITE_OK ? SAL_OK : study_fail_sqlite(study, status, err);
}

int sal_study_begin(sal_study *study, sal_error *err) {
    const char *sql = "SAVEPOINT nested";
    if (study->depth == 0) {
        /* IMMEDIATE: a conflict with another program shows here and not in mid-work. */
        sql = study->mode == SAL_STUDY_READ ? "BEGIN" : "BEGIN IMMEDIATE";
    }
    int rc = study_execute(study, sql, err);
    if (rc == SAL_OK) {
        study->depth++;
    }
    return rc;
}

/* After some errors (disk full, out of memory) SQLite has rolled back everything by itself. */
static bool rolled_back_already(const sal_study *study) {
    return sqlite3_get_autocommit(study->database) != 0;
}

int sal_study_commit(sal_study *study, sal_error *err) {
    if (study->depth == 0) {
        return sal_fail(err, SAL_EINVAL, "%s: commit without begin", study->path);
    }
    if (rolled_back_already(study)) {
        study->depth--;
        return sal_fail(err, SAL_EIO, "%s: the transaction was rolled back after an earlier error",
                        study->path);
    }
    int rc = study_execute(study, study->depth == 1 ? "COMMIT" : "RELEASE nested", err);
    if (rc != SAL_OK) {
        sal_study_rollback(study);
        return rc;
    }
    study->depth--;
    return SAL_OK;
}

void sal_study_rollback(sal_study *study) {
    if (study == NULL || study->depth == 0) {
        return;
    }
    if (!rolled_back_already(study)) {
        const char *sql = study->depth == 1 ? "ROLLBACK" : "ROLLBACK TO nested; RELEASE nested";
        /* Cannot fail in a way that keeps the rows: the journal is undone at the next open. */
        sqlite3_exec(study->database, sql, NULL, NULL, NULL);
    }
    study->depth--;
}

int study_begin_write(sal_study *study, sal_error *err) {
    if (study->mode == SAL_STUDY_READ) {
        return sal_fail(err, SAL_EINVAL, "%s: is open for reading only", study->path);
    }
    return sal_study_begin(study, err);
}

int study_finish_write(sal_study *study, int rc, sal_error *err) {
    if (rc == SAL_OK) {
        return sal_study_commit(study, err);
    }
    sal_study_rollback(study);
    return rc;
}
