/* Paper and strict beside each other: rows of a stage, replaced together for a corpus. */
#include "salient/protocols.h"

#include "study/study_internal.h"

enum { TEXTS = 8 };

static int remove_rows(sal_study *study, const char *corpus, const char *stage, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, "DELETE FROM protocols WHERE corpus = ? AND stage = ?", &query,
                              err);
    if (rc != SAL_OK)
        return rc;
    study_bind_text(&query, corpus);
    study_bind_text(&query, stage);
    return study_query_run(&query, err);
}

static int insert_rows(sal_study *study, const char *corpus, const char *stage,
                       const sal_protocol_row *rows, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO protocols (corpus, stage, summarizer, model, variant,"
                              " words, factor, measure, layer, head, value, low, high, documents,"
                              " undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        const sal_protocol_row *row = &rows[i];
        bool found = false;
        study_query_rewind(&query);
        study_bind_text(&query, corpus);
        study_bind_text(&query, stage);
        study_bind_text(&query, row->summarizer);
        study_bind_text(&query, row->model);
        study_bind_text(&query, row->variant);
        study_bind_text(&query, row->words);
        study_bind_text(&query, row->factor);
        study_bind_text(&query, row->measure);
        study_bind_integer(&query, row->layer);
        study_bind_integer(&query, row->head);
        study_bind_real(&query, row->value);
        study_bind_real(&query, row->low);
        study_bind_real(&query, row->high);
        study_bind_integer(&query, row->documents);
        study_bind_integer(&query, row->undefined);
        rc = study_query_next(&query, &found, err);
        if (rc != SAL_OK)
            rc = sal_fail_in(err, rc, "%.40s of %.40s by %.200s", row->measure, stage,
                             row->summarizer);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_protocols(sal_study *study, const char *corpus, const char *stage,
                            const sal_protocol_row *rows, size_t count, sal_error *err) {
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_rows(study, corpus, stage, err);
    if (rc == SAL_OK)
        rc = insert_rows(study, corpus, stage, rows, count, err);
    return study_finish_write(study, rc, err);
}

static void name_texts(sal_protocol_row *row, const char **fields[TEXTS]) {
    fields[0] = &row->corpus;
    fields[1] = &row->stage;
    fields[2] = &row->summarizer;
    fields[3] = &row->model;
    fields[4] = &row->variant;
    fields[5] = &row->words;
    fields[6] = &row->factor;
    fields[7] = &row->measure;
}

static int copy_row(study_query *query, sal_protocol_row *row, sal_error *err) {
    const char **fields[TEXTS];
    int rc = SAL_OK;
    *row = (sal_protocol_row){
        .layer = sqlite3_column_int(query->statement, TEXTS),
        .head = sqlite3_column_int(query->statement, TEXTS + 1),
        .value = study_column_real(query, TEXTS + 2),
        .low = study_column_real(query, TEXTS + 3),
        .high = study_column_real(query, TEXTS + 4),
        .documents = sqlite3_column_int64(query->statement, TEXTS + 5),
        .undefined = sqlite3_column_int64(query->statement, TEXTS + 6),
    };
    name_texts(row, fields);
    for (int i = 0; rc == SAL_OK && i < TEXTS; i++) {
        char *text = NULL;
        rc = study_column_copy(query, i, &text, NULL, err);
        *fields[i] = text;
    }
    return rc;
}

static int read_rows(sal_study *study, const char *corpus, sal_protocol_list *list,
                     sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT corpus, stage, summarizer, model, variant, words, factor,"
                              " measure, layer, head, value, low, high, documents, undefined"
                              " FROM protocols WHERE ?1 IS NULL OR corpus = ?1"
                              " ORDER BY corpus, stage, summarizer, model, variant, words, layer,"
                              " head, factor, measure",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list->items, &capacity, list->count, sizeof *list->items, err);
        if (rc == SAL_OK)
            rc = copy_row(&query, &list->items[list->count++], err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_get_protocols(sal_study *study, const char *corpus, sal_protocol_list **out,
                            sal_error *err) {
    sal_protocol_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "protocols beside each other");
    int rc = read_rows(study, corpus, list, err);
    if (rc == SAL_OK)
        *out = list;
    else
        sal_protocol_list_free(list);
    return rc;
}

void sal_protocol_list_free(sal_protocol_list *list) {
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const char **fields[TEXTS];
        name_texts(&list->items[i], fields);
        for (int t = 0; t < TEXTS; t++)
            sal_free((char *)*fields[t]);
    }
    sal_free(list->items);
    sal_free(list);
}
