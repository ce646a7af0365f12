/* Copies of a study: whole, or with a sample of its documents. What estimates look at and try out, so that the study itself stays as it is. */
#include <stdio.h>

#include "study/study_internal.h"

/* All pages of one consistent state: a writer beside us does not matter. */
static int copy_pages(sal_study *from, sal_study *to, sal_error *err) {
    sqlite3_backup *backup = sqlite3_backup_init(to->database, "main", from->database, "main");
    if (backup == NULL) {
        return study_fail_sqlite(to, sqlite3_errcode(to->database), err);
    }
    int step = SQLITE_OK;
    for (int patience = 0; patience < 100; patience++) {
        step = sqlite3_backup_step(backup, -1);
        if (step != SQLITE_BUSY && step != SQLITE_LOCKED) {
            break;
        }
        sqlite3_sleep(50);
    }
    const int finished = sqlite3_backup_finish(backup);
    return step == SQLITE_DONE
               ? SAL_OK
               : study_fail_sqlite(to, finished != SQLITE_OK ? finished : step, err);
}

/* Documents in the middle of so many bins of equal size, by the lengths of their texts. */
static int choose_documents(sal_study *study, int64_t per_corpus, sal_error *err) {
    study_query query = {0};
    int status = study_query_open(
        study,
        "CREATE TEMP TABLE sample AS WITH wanted (k) AS (SELECT ?1), placed AS (SELECT document,"
        " row_number() OVER (PARTITION BY corpus ORDER BY length(text), document) AS r,"
        " count(*) OVER (PARTITION BY corpus) AS n FROM documents)"
        " SELECT document FROM placed, wanted WHERE n <= k"
        " OR ((2 * r - 1) * k + n) / (2 * n) > ((2 * r - 3) * k + n) / (2 * n)",
        &query, err);
    if (status == SAL_OK) {
        study_bind_integer(&query, per_corpus);
        status = study_query_run(&query, err);
    }
    study_query_close(&query);
    return status;
}

/* Delete what the table's rows say of documents outside the sample. */
static int thin_table(sal_study *study, const char *table, sal_error *err) {
    sal_buffer sql = {0};
    int status = sal_buffer_add_format(
        &sql, err, "DELETE FROM \"%s\" WHERE document NOT IN (SELECT document FROM temp.sample)",
        table);
    if (status == SAL_OK) {
        status = study_execute(study, sql.bytes, err);
    }
    sal_buffer_free(&sql);
    return status;
}

/* Every table that refers to documents, then the documents. */
static int thin_tables(sal_study *study, sal_error *err) {
    char tables[32][64];
    size_t count = 0;
    study_query query = {0};
    bool row = false;
    int status =
        study_query_open(study,
                         "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE "
                         "'%REFERENCES documents %' AND length(name) < 64 ORDER BY name",
                         &query, err);
    while (status == SAL_OK && (status = study_query_next(&query, &row, err)) == SAL_OK && row &&
           count < sizeof tables / sizeof tables[0]) {
        (void)snprintf(tables[count++], sizeof tables[0], "%s",
                       (const char *)sqlite3_column_text(query.statement, 0));
    }
    study_query_close(&query);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = thin_table(study, tables[i], err);
    }
    return status == SAL_OK ? thin_table(study, "documents", err) : status;
}

static int keep_sample(sal_study *study, int64_t per_corpus, sal_error *err) {
    int status = study_begin_write(study, err);
    if (status != SAL_OK) {
        return status;
    }
    status = choose_documents(study, per_corpus, err);
    if (status == SAL_OK) {
        status = thin_tables(study, err);
    }
    status = study_finish_write(study, status, err);
    return status == SAL_OK ? study_execute(study, "DROP TABLE temp.sample", err) : status;
}

int sal_study_copy(sal_study *study, const char *folder, int64_t per_corpus, sal_error *err) {
    sal_study *copy = NULL;
    int status = sal_study_open(folder, SAL_STUDY_CREATE, &copy, err);
    if (status == SAL_OK) {
        status = copy_pages(study, copy, err);
    }
    if (status == SAL_OK && per_corpus >= 0) {
        status = keep_sample(copy, per_corpus, err);
    }
    const int closed = sal_study_close(copy, status == SAL_OK ? err : NULL);
    return status != SAL_OK ? status : closed;
}
