/* Rows of a table as an array of structs: the loops that every kind of row goes through. */
#include "study/table.h"

#include <string.h>

/* ---- keys --------------------------------------------------------------------------------- */

void study_bind_text_key(study_query *query, const void *text) {
    study_bind_text(query, text);
}

void study_bind_integer_key(study_query *query, const void *integer) {
    study_bind_integer(query, *(const int64_t *)integer);
}

void study_bind_pair_key(study_query *query, const void *pair) {
    const int64_t *integers = pair;
    study_bind_integer(query, integers[0]);
    study_bind_integer(query, integers[1]);
}

void study_bind_analysis_key(study_query *query, const void *analysis_key) {
    const study_analysis_key *key = analysis_key;
    study_bind_integer(query, key->analysis);
    study_bind_text(query, key->corpus);
}

/* ---- statements --------------------------------------------------------------------------- */

static int open_statement(sal_study *study, const study_statement *statement, study_query *query,
                          sal_error *err) {
    int rc = study_query_open(study, statement->sql, query, err);
    if (rc == SAL_OK && statement->bind != NULL)
        statement->bind(query, statement->key);
    return rc;
}

int study_run_statement(sal_study *study, const study_statement *statement, sal_error *err) {
    study_query query = {0};
    int rc = open_statement(study, statement, &query, err);
    return rc == SAL_OK ? study_query_run(&query, err) : rc;
}

int study_visit_rows(sal_study *study, const study_statement *statement,
                     int (*visit)(void *context, study_query *query, sal_error *err), void *context,
                     sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = open_statement(study, statement, &query, err);
    if (rc == SAL_OK)
        rc = study_query_next(&query, &row, err);
    while (rc == SAL_OK && row) {
        rc = visit(context, &query, err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A list that grows. */
typedef struct row_list {
    const study_row_kind *kind;
    void **items;
    size_t *count;
    size_t capacity;
} row_list;

static size_t name_texts(const study_row_kind *kind, void *item, const char **fields[STUDY_TEXTS]) {
    return kind->texts == NULL ? 0 : kind->texts(item, fields);
}

/* What was copied is in its field when a later text fails: freeing the list frees it. */
static int append_row(void *context, study_query *query, sal_error *err) {
    row_list *list = context;
    const size_t size = list->kind->size;
    const char **fields[STUDY_TEXTS];
    int rc = sal_grow(list->items, &list->capacity, *list->count, size, err);
    if (rc != SAL_OK)
        return rc;
    void *item = (char *)*list->items + size * *list->count;
    memset(item, 0, size);
    (*list->count)++;
    const size_t texts = name_texts(list->kind, item, fields);
    if (list->kind->read != NULL)
        list->kind->read(query, (int)texts, item);
    for (size_t i = 0; rc == SAL_OK && i < texts; i++) {
        char *text = NULL;
        rc = study_column_copy(query, (int)i, &text, NULL, err);
        *fields[i] = text;
    }
    return rc;
}

int study_read_rows(sal_study *study, const study_statement *statement, const study_row_kind *kind,
                    void **items, size_t *count, sal_error *err) {
    row_list list = {.kind = kind, .items = items, .count = count};
    return study_visit_rows(study, statement, append_row, &list, err);
}

void study_free_texts(const study_row_kind *kind, void *item) {
    const char **fields[STUDY_TEXTS];
    const size_t texts = name_texts(kind, item, fields);
    for (size_t i = 0; i < texts; i++)
        sal_free((char *)*fields[i]);
}

void study_free_rows(const study_row_kind *kind, void *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        study_free_texts(kind, (char *)items + i * kind->size);
    sal_free(items);
}

/* ---- writing ------------------------------------------------------------------------------ */

int study_insert_rows(sal_study *study, const study_table *table, const void *key,
                      const void *items, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, table->insert, &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        const void *item = (const char *)items + i * table->size;
        bool row = false;
        study_query_rewind(&query);
        table->bind_key(&query, key);
        table->bind_row(&query, item);
        rc = study_query_next(&query, &row, err);
        if (rc != SAL_OK && table->explain != NULL)
            rc = table->explain(rc, key, item, err);
    }
    study_query_close(&query);
    return rc;
}

int study_replace_rows(sal_study *study, const study_table *table, const void *key,
                       const void *items, size_t count, sal_error *err) {
    const study_statement remove = {table->remove, table->bind_key, key};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = study_run_statement(study, &remove, err);
    if (rc == SAL_OK)
        rc = study_insert_rows(study, table, key, items, count, err);
    return study_finish_write(study, rc, err);
}
