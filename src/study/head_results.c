/* The table of heads over documents: replaced together for (analysis, corpus), read with names in place of keys. */
#include <stdio.h>

#include "salient/heads.h"
#include "study/table.h"

/* ---- writing ----------------------------------------------------------------------------------------------- */

static void bind_result(study_query *query, const void *item) {
    const sal_head_result *result = item;
    study_bind_text(query, sal_head_words_name(result->words));
    study_bind_integer(query, result->row);
    study_bind_text(query, result->metric);
    study_bind_real(query, result->value);
    study_bind_real(query, result->low);
    study_bind_real(query, result->high);
    study_bind_integer(query, result->documents);
    study_bind_integer(query, result->undefined);
    study_bind_real(query, result->p_family);
    study_bind_real(query, result->p);
    study_bind_real(query, result->q);
    study_bind_real(query, result->q_by);
    study_bind_real(query, result->p_naive);
}

int sal_study_put_head_results(sal_study *study, int64_t analysis, const char *corpus,
                               const sal_head_result *results, size_t count, sal_error *err) {
    static const study_table table = {
        .remove = "DELETE FROM head_results WHERE analysis = ? AND corpus = ?",
        .insert = "INSERT INTO head_results (analysis, corpus, words, row, metric, value, low,"
                  " high, documents, undefined, p_family, p, q, q_by, p_naive)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        .bind_key = study_bind_analysis_key,
        .bind_row = bind_result,
        .size = sizeof(sal_head_result),
    };
    const study_analysis_key key = {analysis, corpus};
    int rc = study_check_name("the corpus of a table", corpus, err);
    if (rc != SAL_OK)
        return rc;
    return study_replace_rows(study, &table, &key, results, count, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static size_t name_table_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_head_table *table = item;
    fields[0] = &table->analysis.model;
    fields[1] = &table->analysis.model_digest;
    fields[2] = &table->analysis.evidence;
    fields[3] = &table->analysis.options;
    fields[4] = &table->analysis.rows;
    fields[5] = &table->analysis.metrics;
    fields[6] = &table->summarizer;
    fields[7] = &table->corpus;
    return 8;
}

static void read_table(study_query *query, int column, void *item) {
    sal_head_analysis *analysis = &((sal_head_table *)item)->analysis;
    analysis->key = sqlite3_column_int64(query->statement, column);
    analysis->summarizer = sqlite3_column_int64(query->statement, column + 1);
    analysis->protocol =
        sqlite3_column_int(query->statement, column + 2) != 0 ? SAL_PAPER : SAL_STRICT;
}

static size_t name_result_texts(void *item, const char **fields[STUDY_TEXTS]) {
    fields[0] = &((sal_head_result *)item)->metric;
    return 1;
}

static void read_result(study_query *query, int column, void *item) {
    sqlite3_stmt *statement = query->statement;
    sal_head_result *result = item;
    const char *null_head = (const char *)sqlite3_column_text(statement, column);
    *result = (sal_head_result){
        .row = sqlite3_column_int64(statement, column + 1),
        .layer = (int)study_column_integer(query, column + 2, -1),
        .head = (int)study_column_integer(query, column + 3, -1),
        .words = sqlite3_column_int(statement, column + 4) != 0 ? SAL_HEAD_CONTENT : SAL_HEAD_ALL,
        .value = study_column_real(query, column + 5),
        .low = study_column_real(query, column + 6),
        .high = study_column_real(query, column + 7),
        .documents = sqlite3_column_int64(statement, column + 8),
        .undefined = sqlite3_column_int64(statement, column + 9),
        .p_family = study_column_real(query, column + 10),
        .p = study_column_real(query, column + 11),
        .q = study_column_real(query, column + 12),
        .q_by = study_column_real(query, column + 13),
        .p_naive = study_column_real(query, column + 14),
    };
    if (null_head != NULL)
        (void)snprintf(result->null_head, sizeof result->null_head, "%.15s", null_head);
}

static const study_row_kind table_kind = {sizeof(sal_head_table), name_table_texts, read_table};
static const study_row_kind result_kind = {sizeof(sal_head_result), name_result_texts, read_result};

static int read_counts(sal_study *study, sal_head_table *table, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT count(*), sum(unaligned), sum(flagged), sum(non_finite),"
                              " (SELECT avg(tied) FROM head_scores s JOIN head_units v USING (unit)"
                              "  JOIN documents e USING (document) WHERE v.analysis = ?1"
                              "  AND e.corpus = ?2 AND s.words = 'all'),"
                              " (SELECT avg(tied) FROM head_scores s JOIN head_units v USING (unit)"
                              "  JOIN documents e USING (document) WHERE v.analysis = ?1"
                              "  AND e.corpus = ?2 AND s.words = 'content')"
                              " FROM head_units u JOIN documents d USING (document)"
                              " WHERE u.analysis = ?1 AND d.corpus = ?2",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, table->analysis.key);
        study_bind_text(&query, table->corpus);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        table->documents = sqlite3_column_int64(query.statement, 0);
        table->unaligned = sqlite3_column_int64(query.statement, 1);
        table->flagged = sqlite3_column_int64(query.statement, 2);
        table->non_finite = sqlite3_column_int64(query.statement, 3);
        table->ties[SAL_HEAD_ALL] = study_column_real(&query, 4);
        table->ties[SAL_HEAD_CONTENT] = study_column_real(&query, 5);
    }
    study_query_close(&query);
    return rc;
}

static int read_results(sal_study *study, sal_head_table *table, sal_error *err) {
    const study_analysis_key key = {table->analysis.key, table->corpus};
    const study_statement select = {
        "SELECT r.metric, json_extract(a.rows, '$[' || r.row || '][2]'), r.row,"
        " json_extract(a.rows, '$[' || r.row || '][0]'),"
        " json_extract(a.rows, '$[' || r.row || '][1]'), r.words = 'content', r.value,"
        " r.low, r.high, r.documents, r.undefined, r.p_family, r.p, r.q, r.q_by, r.p_naive"
        " FROM head_results r JOIN head_analyses a USING (analysis)"
        " WHERE r.analysis = ? AND r.corpus = ? ORDER BY r.words, r.row, r.metric",
        study_bind_analysis_key, &key};
    return study_read_rows(study, &select, &result_kind, (void **)&table->results, &table->count,
                           err);
}

static int list_tables(sal_study *study, sal_head_tables *tables, sal_error *err) {
    const study_statement select = {
        .sql = "SELECT m.name, m.digest, a.evidence, a.options, a.rows, a.metrics, z.name,"
               " r.corpus, a.analysis, a.summarizer, a.protocol = 'paper'"
               " FROM (SELECT DISTINCT analysis, corpus FROM head_results) r"
               " JOIN head_analyses a USING (analysis) JOIN head_models m USING (model)"
               " JOIN summarizers z USING (summarizer)"
               " ORDER BY r.corpus, m.name, z.name, a.protocol = 'paper', a.evidence, a.options"};
    return study_read_rows(study, &select, &table_kind, (void **)&tables->items, &tables->count,
                           err);
}

int sal_study_get_head_tables(sal_study *study, sal_head_tables **out, sal_error *err) {
    sal_head_tables *tables = sal_calloc(1, sizeof *tables);
    if (tables == NULL)
        return sal_fail_memory(err, "the tables of heads");
    int rc = list_tables(study, tables, err);
    for (size_t i = 0; rc == SAL_OK && i < tables->count; i++) {
        rc = read_counts(study, &tables->items[i], err);
        if (rc == SAL_OK)
            rc = read_results(study, &tables->items[i], err);
    }
    if (rc == SAL_OK)
        *out = tables;
    else
        sal_head_tables_free(tables);
    return rc;
}

void sal_head_tables_free(sal_head_tables *tables) {
    if (tables == NULL)
        return;
    for (size_t i = 0; i < tables->count; i++)
        study_free_rows(&result_kind, tables->items[i].results, tables->items[i].count);
    study_free_rows(&table_kind, tables->items, tables->count);
    sal_free(tables);
}
