/* Agreement between summarizers, and their trees: replaced together for a corpus. */
#include <string.h>

#include "salient/agreement.h"
#include "study/study_internal.h"

/* ---- writing ------------------------------------------------------------------------------ */

static int remove_corpus(sal_study *study, const char *corpus, sal_error *err) {
    static const char *const statements[] = {"DELETE FROM agreement WHERE corpus = ?",
                                             "DELETE FROM clusters WHERE corpus = ?"};
    int rc = SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < 2; i++) {
        study_query query = {0};
        rc = study_query_open(study, statements[i], &query, err);
        if (rc == SAL_OK) {
            study_bind_text(&query, corpus);
            rc = study_query_run(&query, err);
        }
    }
    return rc;
}

static int insert_rows(sal_study *study, const char *corpus, const sal_agreement *rows,
                       size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO agreement (corpus, a, b, words, measure, value, low,"
                              " high, documents, undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        study_bind_text(&query, corpus);
        study_bind_text(&query, rows[i].a);
        study_bind_text(&query, rows[i].b ? rows[i].b : "");
        study_bind_text(&query, rows[i].words ? rows[i].words : "");
        study_bind_text(&query, rows[i].measure);
        study_bind_real(&query, rows[i].value);
        study_bind_real(&query, rows[i].low);
        study_bind_real(&query, rows[i].high);
        study_bind_integer(&query, rows[i].documents);
        study_bind_integer(&query, rows[i].undefined);
        rc = study_query_next(&query, &row, err);
        if (rc != SAL_OK) {
            rc = sal_fail_in(err, rc, "agreement %.80s of %.200s and %.200s", rows[i].measure,
                             rows[i].a, rows[i].b ? rows[i].b : "none");
        }
    }
    study_query_close(&query);
    return rc;
}

static int insert_steps(sal_study *study, const char *corpus, const sal_cluster_step *steps,
                        size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO clusters (corpus, words, distance, linkage, step,"
                              " left_node, right_node, height, size, support, members)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        study_bind_text(&query, corpus);
        study_bind_text(&query, steps[i].words);
        study_bind_text(&query, steps[i].distance);
        study_bind_text(&query, steps[i].linkage);
        study_bind_integer(&query, steps[i].step);
        study_bind_integer(&query, steps[i].left);
        study_bind_integer(&query, steps[i].right);
        study_bind_real(&query, steps[i].height);
        study_bind_integer(&query, steps[i].size);
        study_bind_real(&query, steps[i].support);
        study_bind_text(&query, steps[i].members);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_agreement(sal_study *study, const char *corpus, const sal_agreement *rows,
                            size_t count, const sal_cluster_step *steps, size_t step_count,
                            sal_error *err) {
    int rc = study_check_name("the corpus of an agreement", corpus, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = study_check_name("the measure of an agreement", rows[i].measure, err);
    }
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    rc = remove_corpus(study, corpus, err);
    if (rc == SAL_OK) {
        rc = insert_rows(study, corpus, rows, count, err);
    }
    if (rc == SAL_OK) {
        rc = insert_steps(study, corpus, steps, step_count, err);
    }
    return study_finish_write(study, rc, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Copy text columns into fields one by one; what was copied is in its field when a later one fails. */
static int copy_texts(study_query *query, const int *columns, const char **const *fields,
                      size_t count, sal_error *err) {
    int rc = SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        char *text = NULL;
        rc = study_column_copy(query, columns[i], &text, NULL, err);
        *fields[i] = text;
    }
    return rc;
}

static int copy_row(study_query *query, sal_agreement *row, sal_error *err) {
    static const int columns[] = {0, 1, 2, 3, 4};
    const char **const fields[] = {&row->corpus, &row->a, &row->b, &row->words, &row->measure};
    *row = (sal_agreement){
        .value = study_column_real(query, 5),
        .low = study_column_real(query, 6),
        .high = study_column_real(query, 7),
        .documents = sqlite3_column_int64(query->statement, 8),
        .undefined = sqlite3_column_int64(query->statement, 9),
    };
    return copy_texts(query, columns, fields, 5, err);
}

static int copy_step(study_query *query, sal_cluster_step *step, sal_error *err) {
    static const int columns[] = {0, 1, 2, 3, 10};
    const char **const fields[] = {&step->corpus, &step->words, &step->distance, &step->linkage,
                                   &step->members};
    *step = (sal_cluster_step){
        .step = sqlite3_column_int64(query->statement, 4),
        .left = sqlite3_column_int64(query->statement, 5),
        .right = sqlite3_column_int64(query->statement, 6),
        .height = study_column_real(query, 7),
        .size = sqlite3_column_int64(query->statement, 8),
        .support = study_column_real(query, 9),
    };
    return copy_texts(query, columns, fields, 5, err);
}

static int read_rows(sal_study *study, const char *corpus, sal_agreement_list *list,
                     sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT corpus, a, nullif(b, ''), words, measure, value, low, high,"
                              " documents, undefined FROM agreement"
                              " WHERE ?1 IS NULL OR corpus = ?1"
                              " ORDER BY corpus, a, b, words, measure",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list->items, &capacity, list->count, sizeof *list->items, err);
        if (rc == SAL_OK) {
            rc = copy_row(&query, &list->items[list->count++], err);
        }
        if (rc == SAL_OK) {
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    return rc;
}

static int read_steps(sal_study *study, const char *corpus, sal_agreement_list *list,
                      sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT corpus, words, distance, linkage, step, left_node,"
                              " right_node, height, size, support, members FROM clusters"
                              " WHERE ?1 IS NULL OR corpus = ?1"
                              " ORDER BY corpus, words, distance, linkage, step",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list->steps, &capacity, list->step_count, sizeof *list->steps, err);
        if (rc == SAL_OK) {
            rc = copy_step(&query, &list->steps[list->step_count++], err);
        }
        if (rc == SAL_OK) {
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    return rc;
}

int sal_study_get_agreement(sal_study *study, const char *corpus, sal_agreement_list **out,
                            sal_error *err) {
    sal_agreement_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "agreement");
    }
    int rc = read_rows(study, corpus, list, err);
    if (rc == SAL_OK) {
        rc = read_steps(study, corpus, list, err);
    }
    if (rc == SAL_OK) {
        *out = list;
    } else {
        sal_agreement_list_free(list);
    }
    return rc;
}

void sal_agreement_list_free(sal_agreement_list *list) {
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        sal_free((char *)list->items[i].corpus);
        sal_free((char *)list->items[i].a);
        sal_free((char *)list->items[i].b);
        sal_free((char *)list->items[i].words);
        sal_free((char *)list->items[i].measure);
    }
    for (size_t i = 0; i < list->step_count; i++) {
        sal_free((char *)list->steps[i].corpus);
        sal_free((char *)list->steps[i].words);
        sal_free((char *)list->steps[i].distance);
        sal_free((char *)list->steps[i].linkage);
        sal_free((char *)list->steps[i].members);
    }
    sal_free(list->items);
    sal_free(list->steps);
    sal_free(list);
}

/* ---- scans -------------------------------------------------------------------------------- */

int sal_study_scan_importance(sal_study *study, int64_t document, sal_protocol protocol,
                              int (*visit)(void *context, const sal_scanned_word *word,
                                           sal_error *err),
                              void *context, sal_error *err) {
    study_query query = {0};
    bool row = false;
    /* CROSS JOIN: units of the document by their index, words of each in order of the primary key. */
    int rc = study_query_open(
        study,
        "SELECT u.summarizer, i.count, u.summaries, i.content_word, i.in_document, u.inputs = '',"
        " i.word FROM importance_units u CROSS JOIN importance i ON i.unit = u.unit"
        " WHERE u.document = ? AND u.protocol = ? AND u.summaries > 0"
        " ORDER BY u.summarizer, i.word",
        &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, document);
        study_bind_text(&query, sal_protocol_name(protocol));
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        const sal_scanned_word word = {
            .summarizer = sqlite3_column_int64(query.statement, 0),
            .count = sqlite3_column_int64(query.statement, 1),
            .of = sqlite3_column_int64(query.statement, 2),
            .content = (int)study_column_integer(&query, 3, -1),
            .in_document = sqlite3_column_int(query.statement, 4) != 0,
            .stale = sqlite3_column_int(query.statement, 5) != 0,
            .word = (const char *)sqlite3_column_text(query.statement, 6),
            .length = (size_t)sqlite3_column_bytes(query.statement, 6),
        };
        rc = word.word == NULL ? sal_fail_memory(err, "a word of the study")
                               : visit(context, &word, err);
        if (rc == SAL_OK) {
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    return rc;
}

int sal_study_list_asked(sal_study *study, const char *corpus, sal_asked **asked, size_t *count,
                         sal_error *err) {
    study_query query = {0};
    sal_asked *list = NULL;
    size_t capacity = 0, used = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT DISTINCT s.summarizer, s.length, s.replica FROM documents d"
                              " CROSS JOIN summaries s ON s.document = d.document"
                              " WHERE d.corpus = ? ORDER BY 1, 2, 3",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list, &capacity, used, sizeof *list, err);
        if (rc == SAL_OK) {
            list[used++] = (sal_asked){sqlite3_column_int64(query.statement, 0),
                                       sqlite3_column_int(query.statement, 1),
                                       sqlite3_column_int(query.statement, 2)};
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_free(list);
        return rc;
    }
    *asked = list;
    *count = used;
    return SAL_OK;
}
