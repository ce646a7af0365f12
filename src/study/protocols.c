/* Paper and strict beside each other: rows of a stage, replaced together for a corpus. */
#include "salient/protocols.h"

#include "study/table.h"

/* ---- writing ------------------------------------------------------------------------------ */

typedef struct stage_key {
    const char *corpus;
    const char *stage;
} stage_key;

static void bind_stage(study_query *query, const void *key) {
    const stage_key *stage = key;
    study_bind_text(query, stage->corpus);
    study_bind_text(query, stage->stage);
}

static void bind_row(study_query *query, const void *item) {
    const sal_protocol_row *row = item;
    study_bind_text(query, row->summarizer);
    study_bind_text(query, row->model);
    study_bind_text(query, row->variant);
    study_bind_text(query, row->words);
    study_bind_text(query, row->factor);
    study_bind_text(query, row->measure);
    study_bind_integer(query, row->layer);
    study_bind_integer(query, row->head);
    study_bind_real(query, row->value);
    study_bind_real(query, row->low);
    study_bind_real(query, row->high);
    study_bind_integer(query, row->documents);
    study_bind_integer(query, row->undefined);
}

static int explain(int code, const void *key, const void *item, sal_error *err) {
    const stage_key *stage = key;
    const sal_protocol_row *row = item;
    return sal_fail_in(err, code, "%.40s of %.40s by %.200s", row->measure, stage->stage,
                       row->summarizer);
}

static const study_table protocols = {
    .remove = "DELETE FROM protocols WHERE corpus = ? AND stage = ?",
    .insert = "INSERT INTO protocols (corpus, stage, summarizer, model, variant, words, factor,"
              " measure, layer, head, value, low, high, documents, undefined)"
              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = bind_stage,
    .bind_row = bind_row,
    .size = sizeof(sal_protocol_row),
    .explain = explain,
};

int sal_study_put_protocols(sal_study *study, const char *corpus, const char *stage,
                            const sal_protocol_row *rows, size_t count, sal_error *err) {
    const stage_key key = {corpus, stage};
    return study_replace_rows(study, &protocols, &key, rows, count, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static size_t name_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_protocol_row *row = item;
    fields[0] = &row->corpus;
    fields[1] = &row->stage;
    fields[2] = &row->summarizer;
    fields[3] = &row->model;
    fields[4] = &row->variant;
    fields[5] = &row->words;
    fields[6] = &row->factor;
    fields[7] = &row->measure;
    return 8;
}

static void read_row(study_query *query, int column, void *item) {
    *(sal_protocol_row *)item = (sal_protocol_row){
        .layer = sqlite3_column_int(query->statement, column),
        .head = sqlite3_column_int(query->statement, column + 1),
        .value = study_column_real(query, column + 2),
        .low = study_column_real(query, column + 3),
        .high = study_column_real(query, column + 4),
        .documents = sqlite3_column_int64(query->statement, column + 5),
        .undefined = sqlite3_column_int64(query->statement, column + 6),
    };
}

static const study_row_kind row_kind = {sizeof(sal_protocol_row), name_texts, read_row};

int sal_study_get_protocols(sal_study *study, const char *corpus, sal_protocol_list **out,
                            sal_error *err) {
    const study_statement select = {"SELECT corpus, stage, summarizer, model, variant, words,"
                                    " factor, measure, layer, head, value, low, high, documents,"
                                    " undefined FROM protocols WHERE ?1 IS NULL OR corpus = ?1"
                                    " ORDER BY corpus, stage, summarizer, model, variant, words,"
                                    " layer, head, factor, measure",
                                    study_bind_text_key, corpus};
    sal_protocol_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "protocols beside each other");
    int rc = study_read_rows(study, &select, &row_kind, (void **)&list->items, &list->count, err);
    if (rc == SAL_OK)
        *out = list;
    else
        sal_protocol_list_free(list);
    return rc;
}

void sal_protocol_list_free(sal_protocol_list *list) {
    if (list == NULL)
        return;
    study_free_rows(&row_kind, list->items, list->count);
    sal_free(list);
}
