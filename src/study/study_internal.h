/** What the files of src/study share: the open study, and queries over it. */
#ifndef SALIENT_STUDY_INTERNAL_H
#define SALIENT_STUDY_INTERNAL_H

#include <sqlite3.h>

#include "salient/study.h"

/** A statement prepared once and kept for the life of the study; sql is a string literal, so its
 *  address identifies it. */
typedef struct study_kept {
    const char *sql;
    sqlite3_stmt *statement;
    bool in_use;
} study_kept;

struct sal_study {
    sqlite3 *database;
    char *path;          /* as given to open */
    char *database_path; /* path/study.db */
    char *lock_path;     /* path/study.lock */
    int lock;            /* descriptor that holds the writer's lock; -1: none */
    sal_study_mode mode;
    bool made_folder; /* by this open */
    bool made_database;
    int depth; /* open transactions: 1 = a real one, above = savepoints */
    study_kept *kept;
    size_t kept_count;
    size_t kept_capacity;
};

/* ---- lock.c ------------------------------------------------------------------------------- */

/** Become the one writer of a study. The lock is the kernel's (flock): it vanishes with the process,
 *  however that ends.
 *  errs   SAL_EBUSY (names the process that writes), SAL_EIO */
int study_lock_take(sal_study *study, sal_error *err) SAL_MUST_CHECK;
void study_lock_release(sal_study *study);

/* ---- schema.c ----------------------------------------------------------------------------- */

/** Version of the tables this build reads and writes (PRAGMA user_version). */
#define STUDY_SCHEMA_VERSION 7
/** PRAGMA application_id of a study: "sali". */
#define STUDY_APPLICATION_ID 0x73616c69

/** Check that the database is a study that this build understands; a writer brings older tables
 *  forward, and CREATE makes them in an empty database.
 *  errs   SAL_EFORMAT (not a study, newer schema, older one in READ mode), SAL_EIO */
int study_schema_prepare(sal_study *study, sal_error *err) SAL_MUST_CHECK;

/* ---- transactions (transaction.c) --------------------------------------------------------- */

/** sal_study_begin for a function that writes: SAL_EINVAL in a study opened for reading. */
int study_begin_write(sal_study *study, sal_error *err) SAL_MUST_CHECK;
/** End what study_begin_write began: commit when rc is 0, else roll back and give rc back. */
int study_finish_write(sal_study *study, int rc, sal_error *err) SAL_MUST_CHECK;
/** Run SQL without parameters and results. */
int study_execute(sal_study *study, const char *sql, sal_error *err) SAL_MUST_CHECK;

/* ---- queries (query.c) -------------------------------------------------------------------- */

/** One running statement: open, bind the parameters in order, step, close. */
typedef struct study_query {
    sal_study *study;
    sqlite3_stmt *statement;
    size_t kept;     /* index + 1 of the kept statement; 0: prepared for this query alone */
    int parameter;   /* the last one bound */
    int bind_status; /* first failure of a bind, reported by the next step */
} study_query;

/** Prepare, or take the kept statement of the same literal.
 *  in     sql string literal (or at least alive as long as the study)
 *  out    *query; safe to close even when this failed, if it was zero-initialised */
int study_query_open(sal_study *study, const char *sql, study_query *query,
                     sal_error *err) SAL_MUST_CHECK;
/** Bind the next parameter. Failures are kept and reported by the next step. */
void study_bind_integer(study_query *query, int64_t value);
void study_bind_text(study_query *query, const char *text); /* NULL: null */
void study_bind_bytes(study_query *query, const char *bytes, size_t length);
void study_bind_array(study_query *query, const void *array, size_t bytes); /* NULL: null */
void study_bind_real(study_query *query, double value);                     /* not finite: null */
void study_bind_at_least_zero(study_query *query, int64_t value);           /* negative: null */
/** Step; *row tells whether there is one. */
int study_query_next(study_query *query, bool *row, sal_error *err) SAL_MUST_CHECK;
/** Step to the end, dropping rows, and close. */
int study_query_run(study_query *query, sal_error *err) SAL_MUST_CHECK;
/** Make the statement free for the next bindings (same query, new values). */
void study_query_rewind(study_query *query);
void study_query_close(study_query *query);

/** Copy of a text column; *out NULL for null. length may be NULL. */
int study_column_copy(study_query *query, int column, char **out, size_t *length,
                      sal_error *err) SAL_MUST_CHECK;
/** A real column; NaN for null. */
double study_column_real(study_query *query, int column);
/** An integer column; otherwise for null. */
int64_t study_column_integer(study_query *query, int column, int64_t otherwise);

/** First integer of the first row of a parameterless query; 0 without a row. */
int study_scalar(sal_study *study, const char *sql, int64_t *value, sal_error *err) SAL_MUST_CHECK;

/** Error of the last SQLite call, as our code and text. */
int study_fail_sqlite(sal_study *study, int status, sal_error *err);

/* ---- checks of what comes in (check.c) ---------------------------------------------------- */

#define STUDY_MAXIMUM_NAME 1000                /* bytes of a name, id or language */
#define STUDY_MAXIMUM_TEXT ((size_t)512 << 20) /* bytes of a document, summary or configuration */

/** A name: not NULL, not empty, valid UTF-8, at most STUDY_MAXIMUM_NAME bytes, no control characters.
 *  errs   SAL_EINVAL, SAL_ELIMIT, SAL_EFORMAT; the text names what */
int study_check_name(const char *what, const char *name, sal_error *err) SAL_MUST_CHECK;
/** A text of at most STUDY_MAXIMUM_TEXT bytes of valid UTF-8; NULL only with length 0. */
int study_check_text(const char *what, const char *text, size_t length,
                     sal_error *err) SAL_MUST_CHECK;
/** SAL_ENOTFOUND unless the corpus exists (NULL: all); lists those that do. */
int study_check_corpus(sal_study *study, const char *corpus, sal_error *err) SAL_MUST_CHECK;

#endif
