/* Retrieval heads: a row for each document, scores over documents, overlaps with what analyses name. Rows are found by an analysis of the
 * same model and summarizer. */
#include "salient/retrieval.h"

#include <stdio.h>
#include <string.h>

#include "study/table.h"

#define OF_ANALYSIS                                                                                \
    "model = (SELECT model FROM head_analyses WHERE analysis = ?1) AND"                            \
    " summarizer = (SELECT summarizer FROM head_analyses WHERE analysis = ?1)"

const char *sal_retrieval_chosen_name(sal_retrieval_chosen chosen) {
    return chosen == SAL_CHOSEN_SURVIVING ? "surviving" : "best";
}

/* ---- documents --------------------------------------------------------------------------------------------- */

int sal_study_put_retrieval_unit(sal_study *study, const sal_retrieval_unit *unit, sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = study_query_open(study,
                          "INSERT OR REPLACE INTO retrieval_units (model, summarizer, document,"
                          " inputs, tokens, copied, layers, heads, hits)"
                          " SELECT model, summarizer, ?2, ?3, ?4, ?5, ?6, ?7, ?8"
                          " FROM head_analyses WHERE analysis = ?1",
                          &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, unit->analysis);
        study_bind_integer(&query, unit->document);
        study_bind_text(&query, unit->inputs);
        study_bind_integer(&query, unit->tokens);
        study_bind_integer(&query, unit->copied);
        study_bind_integer(&query, (int64_t)unit->layers);
        study_bind_integer(&query, (int64_t)unit->heads);
        study_bind_array(&query, unit->hits, unit->layers * unit->heads * sizeof *unit->hits);
        rc = study_query_run(&query, err);
    }
    return study_finish_write(study, rc, err);
}

static int read_unit(study_query *query, sal_retrieval_unit *unit, sal_error *err) {
    sqlite3_stmt *statement = query->statement;
    const char *inputs = (const char *)sqlite3_column_text(statement, 0);
    const void *hits = sqlite3_column_blob(statement, 5);
    const size_t bytes = (size_t)sqlite3_column_bytes(statement, 5);
    (void)snprintf(unit->inputs, sizeof unit->inputs, "%.64s", inputs == NULL ? "" : inputs);
    unit->tokens = sqlite3_column_int64(statement, 1);
    unit->copied = sqlite3_column_int64(statement, 2);
    unit->layers = (size_t)sqlite3_column_int64(statement, 3);
    unit->heads = (size_t)sqlite3_column_int64(statement, 4);
    if (hits == NULL || unit->heads == 0 || bytes % (unit->heads * sizeof *unit->hits) != 0 ||
        bytes / (unit->heads * sizeof *unit->hits) != unit->layers)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: hits of %zu layers of %zu heads have %zu bytes; salient verify says "
                        "more",
                        sal_study_path(query->study), unit->layers, unit->heads, bytes);
    unit->hits = sal_calloc(unit->layers * unit->heads, sizeof *unit->hits);
    if (unit->hits == NULL)
        return sal_fail_memory(err, "retrieval heads");
    memcpy(unit->hits, hits, bytes);
    return SAL_OK;
}

int sal_study_get_retrieval_unit(sal_study *study, int64_t analysis, int64_t document,
                                 sal_retrieval_unit **out, sal_error *err) {
    study_query query = {0};
    bool row = false;
    sal_retrieval_unit *unit = sal_calloc(1, sizeof *unit);
    if (unit == NULL)
        return sal_fail_memory(err, "retrieval heads");
    *out = NULL;
    *unit = (sal_retrieval_unit){.analysis = analysis, .document = document};
    int rc = study_query_open(study,
                              "SELECT inputs, tokens, copied, layers, heads, hits"
                              " FROM retrieval_units WHERE " OF_ANALYSIS " AND document = ?2",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, analysis);
        study_bind_integer(&query, document);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row)
        rc = read_unit(&query, unit, err);
    study_query_close(&query);
    if (rc == SAL_OK && row)
        *out = unit;
    else
        sal_retrieval_unit_free(unit);
    return rc;
}

void sal_retrieval_unit_free(sal_retrieval_unit *unit) {
    if (unit == NULL)
        return;
    sal_free(unit->hits);
    sal_free(unit);
}

/* ---- over documents ---------------------------------------------------------------------------------------- */

static void bind_head(study_query *query, const void *item) {
    const sal_retrieval_head *head = item;
    study_bind_integer(query, head->layer);
    study_bind_integer(query, head->head);
    study_bind_real(query, head->value);
    study_bind_real(query, head->low);
    study_bind_real(query, head->high);
    study_bind_integer(query, head->documents);
    study_bind_integer(query, head->undefined);
}

int sal_study_put_retrieval_heads(sal_study *study, int64_t analysis, const char *corpus,
                                  const sal_retrieval_head *heads, size_t count, sal_error *err) {
    static const study_table table = {
        .remove = "DELETE FROM retrieval_heads WHERE " OF_ANALYSIS " AND corpus = ?2",
        .insert = "INSERT INTO retrieval_heads (model, summarizer, corpus, layer, head, value, low,"
                  " high, documents, undefined)"
                  " SELECT model, summarizer, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
                  " FROM head_analyses WHERE analysis = ?1",
        .bind_key = study_bind_analysis_key,
        .bind_row = bind_head,
        .size = sizeof(sal_retrieval_head),
    };
    const study_analysis_key key = {analysis, corpus};
    return study_replace_rows(study, &table, &key, heads, count, err);
}

static void read_head(study_query *query, int column, void *item) {
    *(sal_retrieval_head *)item = (sal_retrieval_head){
        .layer = sqlite3_column_int(query->statement, column),
        .head = sqlite3_column_int(query->statement, column + 1),
        .value = study_column_real(query, column + 2),
        .low = study_column_real(query, column + 3),
        .high = study_column_real(query, column + 4),
        .documents = sqlite3_column_int64(query->statement, column + 5),
        .undefined = sqlite3_column_int64(query->statement, column + 6),
    };
}

int sal_study_get_retrieval_heads(sal_study *study, int64_t analysis, const char *corpus,
                                  sal_retrieval_head **heads, size_t *count, sal_error *err) {
    static const study_row_kind kind = {sizeof(sal_retrieval_head), NULL, read_head};
    const study_analysis_key key = {analysis, corpus};
    const study_statement select = {"SELECT layer, head, value, low, high, documents, undefined"
                                    " FROM retrieval_heads WHERE " OF_ANALYSIS
                                    " AND corpus = ?2 ORDER BY layer, head",
                                    study_bind_analysis_key, &key};
    *heads = NULL;
    *count = 0;
    int rc = study_read_rows(study, &select, &kind, (void **)heads, count, err);
    if (rc != SAL_OK) {
        sal_free(*heads);
        *heads = NULL;
        *count = 0;
    }
    return rc;
}

/* ---- overlaps ---------------------------------------------------------------------------------------------- */

static void bind_overlap(study_query *query, const void *item) {
    const sal_retrieval_overlap *overlap = item;
    study_bind_text(query, sal_head_words_name(overlap->words));
    study_bind_text(query, sal_retrieval_chosen_name(overlap->chosen));
    study_bind_integer(query, overlap->heads);
    study_bind_integer(query, overlap->retrieval_heads);
    study_bind_integer(query, overlap->chosen_heads);
    study_bind_integer(query, overlap->shared);
    study_bind_real(query, overlap->p);
}

int sal_study_put_retrieval_overlaps(sal_study *study, int64_t analysis, const char *corpus,
                                     const sal_retrieval_overlap *overlaps, size_t count,
                                     sal_error *err) {
    static const study_table table = {
        .remove = "DELETE FROM retrieval_overlaps WHERE analysis = ? AND corpus = ?",
        .insert = "INSERT INTO retrieval_overlaps (analysis, corpus, words, chosen, heads,"
                  " retrieval_heads, chosen_heads, shared, p) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        .bind_key = study_bind_analysis_key,
        .bind_row = bind_overlap,
        .size = sizeof(sal_retrieval_overlap),
    };
    const study_analysis_key key = {analysis, corpus};
    return study_replace_rows(study, &table, &key, overlaps, count, err);
}

int sal_study_get_retrieval_overlaps(sal_study *study, int64_t analysis, const char *corpus,
                                     sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS],
                                     size_t *count, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *count = 0;
    int rc = study_query_open(study,
                              "SELECT words = 'content', chosen = 'best', heads, retrieval_heads,"
                              " chosen_heads, shared, p FROM retrieval_overlaps"
                              " WHERE analysis = ? AND corpus = ? ORDER BY words, chosen = 'best'",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, analysis);
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row && *count < SAL_RETRIEVAL_OVERLAPS) {
        sqlite3_stmt *statement = query.statement;
        overlaps[(*count)++] = (sal_retrieval_overlap){
            .words = sqlite3_column_int(statement, 0) != 0 ? SAL_HEAD_CONTENT : SAL_HEAD_ALL,
            .chosen =
                sqlite3_column_int(statement, 1) != 0 ? SAL_CHOSEN_BEST : SAL_CHOSEN_SURVIVING,
            .heads = sqlite3_column_int64(statement, 2),
            .retrieval_heads = sqlite3_column_int64(statement, 3),
            .chosen_heads = sqlite3_column_int64(statement, 4),
            .shared = sqlite3_column_int64(statement, 5),
            .p = study_column_real(&query, 6)};
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}
