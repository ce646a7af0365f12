/* Agreement between summarizers, and their trees: replaced together for a corpus. */
#include "salient/agreement.h"

#include "study/table.h"

/* ---- writing ------------------------------------------------------------------------------ */

static void bind_agreement(study_query *query, const void *item) {
    const sal_agreement *row = item;
    study_bind_text(query, row->a);
    study_bind_text(query, row->b ? row->b : "");
    study_bind_text(query, row->words ? row->words : "");
    study_bind_text(query, row->measure);
    study_bind_real(query, row->value);
    study_bind_real(query, row->low);
    study_bind_real(query, row->high);
    study_bind_integer(query, row->documents);
    study_bind_integer(query, row->undefined);
}

static void bind_step(study_query *query, const void *item) {
    const sal_cluster_step *step = item;
    study_bind_text(query, step->words);
    study_bind_text(query, step->distance);
    study_bind_text(query, step->linkage);
    study_bind_integer(query, step->step);
    study_bind_integer(query, step->left);
    study_bind_integer(query, step->right);
    study_bind_real(query, step->height);
    study_bind_integer(query, step->size);
    study_bind_real(query, step->support);
    study_bind_text(query, step->members);
}

static int explain(int code, const void *key, const void *item, sal_error *err) {
    const sal_agreement *row = item;
    (void)key;
    return sal_fail_in(err, code, "agreement %.80s of %.200s and %.200s", row->measure, row->a,
                       row->b ? row->b : "none");
}

static const study_table agreement_table = {
    .remove = "DELETE FROM agreement WHERE corpus = ?",
    .insert = "INSERT INTO agreement (corpus, a, b, words, measure, value, low, high, documents,"
              " undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = study_bind_text_key,
    .bind_row = bind_agreement,
    .size = sizeof(sal_agreement),
    .explain = explain,
};

static const study_table clusters_table = {
    .remove = "DELETE FROM clusters WHERE corpus = ?",
    .insert = "INSERT INTO clusters (corpus, words, distance, linkage, step, left_node, right_node,"
              " height, size, support, members) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = study_bind_text_key,
    .bind_row = bind_step,
    .size = sizeof(sal_cluster_step),
};

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
    rc = study_replace_rows(study, &agreement_table, corpus, rows, count, err);
    if (rc == SAL_OK) {
        rc = study_replace_rows(study, &clusters_table, corpus, steps, step_count, err);
    }
    return study_finish_write(study, rc, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static size_t name_row_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_agreement *row = item;
    fields[0] = &row->corpus;
    fields[1] = &row->a;
    fields[2] = &row->b;
    fields[3] = &row->words;
    fields[4] = &row->measure;
    return 5;
}

static void read_row(study_query *query, int column, void *item) {
    *(sal_agreement *)item = (sal_agreement){
        .value = study_column_real(query, column),
        .low = study_column_real(query, column + 1),
        .high = study_column_real(query, column + 2),
        .documents = sqlite3_column_int64(query->statement, column + 3),
        .undefined = sqlite3_column_int64(query->statement, column + 4),
    };
}

static size_t name_step_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_cluster_step *step = item;
    fields[0] = &step->corpus;
    fields[1] = &step->words;
    fields[2] = &step->distance;
    fields[3] = &step->linkage;
    fields[4] = &step->members;
    return 5;
}

static void read_step(study_query *query, int column, void *item) {
    *(sal_cluster_step *)item = (sal_cluster_step){
        .step = sqlite3_column_int64(query->statement, column),
        .left = sqlite3_column_int64(query->statement, column + 1),
        .right = sqlite3_column_int64(query->statement, column + 2),
        .height = study_column_real(query, column + 3),
        .size = sqlite3_column_int64(query->statement, column + 4),
        .support = study_column_real(query, column + 5),
    };
}

static const study_row_kind row_kind = {sizeof(sal_agreement), name_row_texts, read_row};
static const study_row_kind step_kind = {sizeof(sal_cluster_step), name_step_texts, read_step};

int sal_study_get_agreement(sal_study *study, const char *corpus, sal_agreement_list **out,
                            sal_error *err) {
    const study_statement rows = {"SELECT corpus, a, nullif(b, ''), words, measure, value, low,"
                                  " high, documents, undefined FROM agreement"
                                  " WHERE ?1 IS NULL OR corpus = ?1"
                                  " ORDER BY corpus, a, b, words, measure",
                                  study_bind_text_key, corpus};
    const study_statement steps = {"SELECT corpus, words, distance, linkage, members, step,"
                                   " left_node, right_node, height, size, support FROM clusters"
                                   " WHERE ?1 IS NULL OR corpus = ?1"
                                   " ORDER BY corpus, words, distance, linkage, step",
                                   study_bind_text_key, corpus};
    sal_agreement_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "agreement");
    }
    int rc = study_read_rows(study, &rows, &row_kind, (void **)&list->items, &list->count, err);
    if (rc == SAL_OK) {
        rc = study_read_rows(study, &steps, &step_kind, (void **)&list->steps, &list->step_count,
                             err);
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
    study_free_rows(&row_kind, list->items, list->count);
    study_free_rows(&step_kind, list->steps, list->step_count);
    sal_free(list);
}

/* ---- scans -------------------------------------------------------------------------------- */

typedef struct unit_key {
    int64_t document;
    sal_protocol protocol;
} unit_key;

static void bind_unit(study_query *query, const void *key) {
    const unit_key *unit = key;
    study_bind_integer(query, unit->document);
    study_bind_text(query, sal_protocol_name(unit->protocol));
}

typedef struct word_scan {
    int (*visit)(void *context, const sal_scanned_word *word, sal_error *err);
    void *context;
} word_scan;

static int visit_word(void *context, study_query *query, sal_error *err) {
    const word_scan *scan = context;
    const sal_scanned_word word = {
        .summarizer = sqlite3_column_int64(query->statement, 0),
        .count = sqlite3_column_int64(query->statement, 1),
        .of = sqlite3_column_int64(query->statement, 2),
        .content = (int)study_column_integer(query, 3, -1),
        .in_document = sqlite3_column_int(query->statement, 4) != 0,
        .stale = sqlite3_column_int(query->statement, 5) != 0,
        .word = (const char *)sqlite3_column_text(query->statement, 6),
        .length = (size_t)sqlite3_column_bytes(query->statement, 6),
    };
    return word.word == NULL ? sal_fail_memory(err, "a word of the study")
                             : scan->visit(scan->context, &word, err);
}

int sal_study_scan_importance(sal_study *study, int64_t document, sal_protocol protocol,
                              int (*visit)(void *context, const sal_scanned_word *word,
                                           sal_error *err),
                              void *context, sal_error *err) {
    const unit_key key = {document, protocol};
    /* CROSS JOIN: units of the document by their index, words of each in order of the primary key. */
    const study_statement select = {
        "SELECT u.summarizer, i.count, u.summaries, i.content_word, i.in_document, u.inputs = '',"
        " i.word FROM importance_units u CROSS JOIN importance i ON i.unit = u.unit"
        " WHERE u.document = ? AND u.protocol = ? AND u.summaries > 0"
        " ORDER BY u.summarizer, i.word",
        bind_unit, &key};
    word_scan scan = {visit, context};
    return study_visit_rows(study, &select, visit_word, &scan, err);
}

static void read_asked(study_query *query, int column, void *item) {
    *(sal_asked *)item = (sal_asked){sqlite3_column_int64(query->statement, column),
                                     sqlite3_column_int(query->statement, column + 1),
                                     sqlite3_column_int(query->statement, column + 2)};
}

int sal_study_list_asked(sal_study *study, const char *corpus, sal_asked **asked, size_t *count,
                         sal_error *err) {
    static const study_row_kind asked_kind = {sizeof(sal_asked), NULL, read_asked};
    const study_statement select = {"SELECT DISTINCT s.summarizer, s.length, s.replica"
                                    " FROM documents d CROSS JOIN summaries s"
                                    " ON s.document = d.document"
                                    " WHERE d.corpus = ? ORDER BY 1, 2, 3",
                                    study_bind_text_key, corpus};
    sal_asked *list = NULL;
    size_t used = 0;
    int rc = study_read_rows(study, &select, &asked_kind, (void **)&list, &used, err);
    if (rc != SAL_OK) {
        sal_free(list);
        return rc;
    }
    *asked = list;
    *count = used;
    return SAL_OK;
}
