/* Queries: statements are prepared once and kept, every value is bound, every failure becomes one of
 * our errors. */
#include <math.h>
#include <string.h>

#include "study/study_internal.h"

static int code_of(int status) {
    switch (status & 0xff) {
    case SQLITE_NOMEM:
        return SAL_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SAL_EBUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* with our fixed SQL: a table or column is missing */
        return SAL_EFORMAT;
    case SQLITE_TOOBIG:
        return SAL_ELIMIT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return SAL_EINVAL;
    default:
        return SAL_EIO;
    }
}

static const char *hint_of(int status) {
    if (status == SQLITE_READONLY_ROLLBACK || status == SQLITE_READONLY_RECOVERY) {
        return "; a writer was killed here: any command that writes (salient importance) repairs "
               "it";
    }
    switch (status & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another program uses the study, try again when it has ended";
    case SQLITE_NOTADB:
        return "; the file is no study";
    case SQLITE_CORRUPT:
        return "; the file is damaged, salient verify says more";
    case SQLITE_FULL:
        return "; make room on the disk and start again: what was finished is kept";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "; check the rights of the study's folder, or copy it to a folder of your own";
    default:
        return "";
    }
}

int study_fail_sqlite(sal_study *study, int status, sal_error *err) {
    const char *text =
        study->database && (sqlite3_errcode(study->database) & 0xff) == (status & 0xff)
            ? sqlite3_errmsg(study->database)
            : sqlite3_errstr(status);
    return sal_fail(err, code_of(status), "%s: %s%s", study->database_path, text, hint_of(status));
}

static int prepare(sal_study *study, const char *sql, bool keep, sqlite3_stmt **out,
                   sal_error *err) {
    unsigned int flags = keep ? SQLITE_PREPARE_PERSISTENT : 0;
    int status = sqlite3_prepare_v3(study->database, sql, -1, flags, out, NULL);
    return status == SQLITE_OK ? SAL_OK : study_fail_sqlite(study, status, err);
}

int study_query_open(sal_study *study, const char *sql, study_query *query, sal_error *err) {
    *query = (study_query){.study = study};
    bool used_now = false;
    for (size_t i = 0; i < study->kept_count; i++) {
        study_kept *kept = &study->kept[i];
        if (kept->sql != sql) {
            continue;
        }
        if (!kept->in_use) {
            kept->in_use = true;
            query->statement = kept->statement;
            query->kept = i + 1;
            return SAL_OK;
        }
        used_now = true;
    }
    if (used_now) { /* the same query inside itself: a statement of its own */
        return prepare(study, sql, false, &query->statement, err);
    }
    int rc = sal_grow((void **)&study->kept, &study->kept_capacity, study->kept_count,
                      sizeof *study->kept, err);
    if (rc == SAL_OK) {
        rc = prepare(study, sql, true, &query->statement, err);
    }
    if (rc == SAL_OK) {
        study->kept[study->kept_count] = (study_kept){sql, query->statement, true};
        query->kept = ++study->kept_count;
    }
    return rc;
}

static void note_bind(study_query *query, int status) {
    if (status != SQLITE_OK && query->bind_status == SQLITE_OK) {
        query->bind_status = status;
    }
}

void study_bind_integer(study_query *query, int64_t value) {
    note_bind(query, sqlite3_bind_int64(query->statement, ++query->parameter, value));
}

void study_bind_at_least_zero(study_query *query, int64_t value) {
    if (value >= 0) {
        study_bind_integer(query, value);
    } else {
        note_bind(query, sqlite3_bind_null(query->statement, ++query->parameter));
    }
}

void study_bind_bytes(study_query *query, const char *bytes, size_t length) {
    note_bind(query, sqlite3_bind_text64(query->statement, ++query->parameter, bytes ? bytes : "",
                                         length, SQLITE_STATIC, SQLITE_UTF8));
}

void study_bind_array(study_query *query, const void *array, size_t bytes) {
    query->parameter++;
    note_bind(query, array == NULL ? sqlite3_bind_null(query->statement, query->parameter)
                                   : sqlite3_bind_blob64(query->statement, query->parameter, array,
                                                         bytes, SQLITE_STATIC));
}

void study_bind_text(study_query *query, const char *text) {
    if (text != NULL) {
        study_bind_bytes(query, text, strlen(text));
    } else {
        note_bind(query, sqlite3_bind_null(query->statement, ++query->parameter));
    }
}

void study_bind_real(study_query *query, double value) {
    query->parameter++;
    note_bind(query, isfinite(value)
                         ? sqlite3_bind_double(query->statement, query->parameter, value)
                         : sqlite3_bind_null(query->statement, query->parameter));
}

int study_query_next(study_query *query, bool *row, sal_error *err) {
    *row = false;
    if (query->bind_status != SQLITE_OK) {
        return study_fail_sqlite(query->study, query->bind_status, err);
    }
    int status = sqlite3_step(query->statement);
    if (status == SQLITE_ROW || status == SQLITE_DONE) {
        *row = status == SQLITE_ROW;
        return SAL_OK;
    }
    return study_fail_sqlite(query->study, status, err);
}

int study_query_run(study_query *query, sal_error *err) {
    bool row = true;
    int rc = SAL_OK;
    while (rc == SAL_OK && row) {
        rc = study_query_next(query, &row, err);
    }
    study_query_close(query);
    return rc;
}

void study_query_rewind(study_query *query) {
    sqlite3_reset(query->statement);
    sqlite3_clear_bindings(query->statement);
    query->parameter = 0;
    query->bind_status = SQLITE_OK;
}

void study_query_close(study_query *query) {
    if (query->statement == NULL) {
        return;
    }
    if (query->kept > 0) {
        study_query_rewind(query);
        query->study->kept[query->kept - 1].in_use = false;
    } else {
        sqlite3_finalize(query->statement);
    }
    query->statement = NULL;
}

int study_column_copy(study_query *query, int column, char **out, size_t *length, sal_error *err) {
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    size_t bytes = (size_t)sqlite3_column_bytes(query->statement, column);
    *out = NULL;
    if (length != NULL) {
        *length = 0;
    }
    if (text == NULL) {
        /* null, or SQLite had no memory to hand out the text */
        return sqlite3_column_type(query->statement, column) == SQLITE_NULL
                   ? SAL_OK
                   : sal_fail_memory(err, "a text of the study");
    }
    *out = sal_copy_bytes(text, bytes);
    if (*out == NULL) {
        return sal_fail_memory(err, "a text of the study");
    }
    if (length != NULL) {
        *length = bytes;
    }
    return SAL_OK;
}

double study_column_real(study_query *query, int column) {
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(query->statement, column);
}

int64_t study_column_integer(study_query *query, int column, int64_t otherwise) {
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL
               ? otherwise
               : sqlite3_column_int64(query->statement, column);
}

int study_scalar(sal_study *study, const char *sql, int64_t *value, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *value = 0;
    int rc = study_query_open(study, sql, &query, err);
    if (rc == SAL_OK) {
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        *value = study_column_integer(&query, 0, 0);
    }
    study_query_close(&query);
    return rc;
}
