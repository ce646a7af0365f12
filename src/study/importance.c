/* Importance: one unit for each (document, summarizer, protocol), one row for each word of it. */
#include <string.h>

#include "study/table.h"

static int check_rows(const sal_importance_row *rows, size_t count, int64_t of, sal_error *err) {
    for (size_t i = 0; i < count; i++) {
        const sal_importance_row *row = &rows[i];
        if (row->word == NULL) {
            return sal_fail(err, SAL_EINVAL, "a word is missing");
        }
        int rc = study_check_text("a word", row->word, strlen(row->word), err);
        if (rc != SAL_OK) {
            return rc;
        }
        if (row->of != of || row->count < 0 || row->count > of) {
            return sal_fail(err, SAL_EINVAL,
                            "the word '%.80s' is counted %lld of %lld times, with %lld summaries",
                            row->word, (long long)row->count, (long long)row->of, (long long)of);
        }
        if (i > 0 && strcmp(rows[i - 1].word, row->word) >= 0) {
            return sal_fail(err, SAL_EINVAL, "the words are not sorted: '%.80s' before '%.80s'",
                            rows[i - 1].word, row->word);
        }
    }
    return SAL_OK;
}

static int remove_unit(sal_study *study, int64_t document, int64_t summarizer,
                       sal_protocol protocol, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "DELETE FROM importance_units"
                              " WHERE document = ? AND summarizer = ? AND protocol = ?",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_integer(&query, document);
    study_bind_integer(&query, summarizer);
    study_bind_text(&query, sal_protocol_name(protocol));
    return study_query_run(&query, err);
}

static int insert_unit(sal_study *study, int64_t document, int64_t summarizer,
                       sal_protocol protocol, const char *inputs, int64_t of, bool counted,
                       int64_t *unit, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO importance_units (document, summarizer, protocol,"
                              " summaries, inputs, counted) VALUES (?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_integer(&query, document);
    study_bind_integer(&query, summarizer);
    study_bind_text(&query, sal_protocol_name(protocol));
    study_bind_integer(&query, of);
    study_bind_text(&query, inputs);
    study_bind_integer(&query, counted ? 1 : 0);
    rc = study_query_run(&query, err);
    *unit = sqlite3_last_insert_rowid(study->database);
    return rc;
}

static void bind_row(study_query *query, const void *item) {
    const sal_importance_row *row = item;
    study_bind_text(query, row->word);
    study_bind_integer(query, row->count);
    study_bind_at_least_zero(query, row->content > 0 ? 1 : row->content);
    study_bind_integer(query, row->in_document ? 1 : 0);
}

/* Removed with their unit. */
static const study_table rows_table = {
    .insert = "INSERT INTO importance (unit, word, count, content_word, in_document)"
              " VALUES (?, ?, ?, ?, ?)",
    .bind_key = study_bind_integer_key,
    .bind_row = bind_row,
    .size = sizeof(sal_importance_row),
};

static int put_unit(sal_study *study, int64_t document, int64_t summarizer, sal_protocol protocol,
                    const char *inputs, int64_t of, bool counted, const sal_importance_row *rows,
                    size_t count, sal_error *err) {
    int64_t unit = 0;
    int rc = study_check_name("the hash of the summaries", inputs, err);
    if (rc == SAL_OK) {
        rc = check_rows(rows, count, of, err);
    }
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return sal_fail_in(err, rc, "importance of document %lld", (long long)document);
    }
    rc = remove_unit(study, document, summarizer, protocol, err);
    if (rc == SAL_OK) {
        rc = insert_unit(study, document, summarizer, protocol, inputs, of, counted, &unit, err);
    }
    if (rc == SAL_OK) {
        rc = study_insert_rows(study, &rows_table, &unit, rows, count, err);
    }
    return study_finish_write(study, rc, err);
}

int sal_study_put_importance(sal_study *study, int64_t document, int64_t summarizer,
                             sal_protocol protocol, const char *inputs, int64_t of,
                             const sal_importance_row *rows, size_t count, sal_error *err) {
    return put_unit(study, document, summarizer, protocol, inputs, of, true, rows, count, err);
}

int sal_study_put_scaled_importance(sal_study *study, int64_t document, int64_t summarizer,
                                    sal_protocol protocol, const char *inputs, int64_t of,
                                    const sal_importance_row *rows, size_t count, sal_error *err) {
    return put_unit(study, document, summarizer, protocol, inputs, of, false, rows, count, err);
}

/* The unit's row; *unit 0 when there is none. */
static int find_unit(sal_study *study, int64_t document, int64_t summarizer, sal_protocol protocol,
                     sal_importance_list *list, int64_t *unit, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *unit = 0;
    int rc = study_query_open(study,
                              "SELECT unit, summaries, inputs, counted FROM importance_units"
                              " WHERE document = ? AND summarizer = ? AND protocol = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, document);
        study_bind_integer(&query, summarizer);
        study_bind_text(&query, sal_protocol_name(protocol));
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        *unit = sqlite3_column_int64(query.statement, 0);
        list->of = sqlite3_column_int64(query.statement, 1);
        list->counted = sqlite3_column_int(query.statement, 3) != 0;
        rc = study_column_copy(&query, 2, &list->inputs, NULL, err);
    }
    study_query_close(&query);
    return rc;
}

static size_t name_texts(void *item, const char **fields[STUDY_TEXTS]) {
    fields[0] = &((sal_importance_row *)item)->word;
    return 1;
}

static void read_row(study_query *query, int column, void *item) {
    *(sal_importance_row *)item = (sal_importance_row){
        .count = sqlite3_column_int64(query->statement, column),
        .content = (int)study_column_integer(query, column + 1, -1),
        .in_document = sqlite3_column_int(query->statement, column + 2) != 0,
    };
}

static const study_row_kind row_kind = {sizeof(sal_importance_row), name_texts, read_row};

static int read_rows(sal_study *study, int64_t unit, sal_importance_list *list, sal_error *err) {
    const study_statement select = {"SELECT word, count, content_word, in_document FROM importance"
                                    " WHERE unit = ? ORDER BY word",
                                    study_bind_integer_key, &unit};
    int rc = study_read_rows(study, &select, &row_kind, (void **)&list->rows, &list->count, err);
    for (size_t i = 0; i < list->count; i++) {
        list->rows[i].of = list->of;
    }
    return rc;
}

int sal_study_get_importance(sal_study *study, int64_t document, int64_t summarizer,
                             sal_protocol protocol, sal_importance_list **out, sal_error *err) {
    int64_t unit = 0;
    sal_importance_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "importance");
    }
    int rc = find_unit(study, document, summarizer, protocol, list, &unit, err);
    if (rc == SAL_OK && unit != 0) {
        rc = read_rows(study, unit, list, err);
    }
    if (rc != SAL_OK || unit == 0) {
        sal_importance_list_free(list);
        list = NULL;
    }
    if (rc == SAL_OK) {
        *out = list;
    }
    return rc;
}

void sal_importance_list_free(sal_importance_list *list) {
    if (list == NULL) {
        return;
    }
    study_free_rows(&row_kind, list->rows, list->count);
    sal_free(list->inputs);
    sal_free(list);
}
