/* The table of heads over documents: replaced together for (analysis, corpus), read with names in place of keys. */
#include <stdio.h>
#include <string.h>

#include "salient/heads.h"
#include "study/study_internal.h"

static int remove_results(sal_study *study, int64_t analysis, const char *corpus, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, "DELETE FROM head_results WHERE analysis = ? AND corpus = ?",
                              &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, analysis);
    study_bind_text(&query, corpus);
    return study_query_run(&query, err);
}

static int insert_result(study_query *query, int64_t analysis, const char *corpus,
                         const sal_head_result *result, sal_error *err) {
    const double numbers[] = {result->p_family, result->p, result->q, result->q_by,
                              result->p_naive};
    bool row = false;
    study_query_rewind(query);
    study_bind_integer(query, analysis);
    study_bind_text(query, corpus);
    study_bind_text(query, sal_head_words_name(result->words));
    study_bind_integer(query, result->row);
    study_bind_text(query, result->metric);
    study_bind_real(query, result->value);
    study_bind_real(query, result->low);
    study_bind_real(query, result->high);
    study_bind_integer(query, result->documents);
    study_bind_integer(query, result->undefined);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        study_bind_real(query, numbers[i]);
    return study_query_next(query, &row, err);
}

int sal_study_put_head_results(sal_study *study, int64_t analysis, const char *corpus,
                               const sal_head_result *results, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_check_name("the corpus of a table", corpus, err);
    if (rc == SAL_OK)
        rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_results(study, analysis, corpus, err);
    if (rc == SAL_OK)
        rc = study_query_open(study,
                              "INSERT INTO head_results (analysis, corpus, words, row, metric,"
                              " value, low, high, documents, undefined, p_family, p, q, q_by,"
                              " p_naive) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++)
        rc = insert_result(&query, analysis, corpus, &results[i], err);
    study_query_close(&query);
    return study_finish_write(study, rc, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static int read_table(study_query *query, sal_head_table *table, sal_error *err) {
    static const int columns[] = {1, 2, 6, 7, 8, 9, 10, 11};
    sal_head_analysis *analysis = &table->analysis;
    const char **const texts[] = {&analysis->model,   &analysis->model_digest, &analysis->evidence,
                                  &analysis->options, &analysis->rows,         &analysis->metrics,
                                  &table->summarizer, &table->corpus};
    int rc = SAL_OK;
    *table = (sal_head_table){0};
    analysis->key = sqlite3_column_int64(query->statement, 0);
    analysis->summarizer = sqlite3_column_int64(query->statement, 3);
    analysis->protocol = sqlite3_column_int(query->statement, 4) != 0 ? SAL_PAPER : SAL_STRICT;
    for (size_t i = 0; rc == SAL_OK && i < sizeof columns / sizeof columns[0]; i++)
        rc = study_column_copy(query, columns[i], (char **)texts[i], NULL, err);
    return rc;
}

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

static int read_result(study_query *query, sal_head_result *result, sal_error *err) {
    char *metric = NULL;
    const char *null_head = (const char *)sqlite3_column_text(query->statement, 3);
    int rc = study_column_copy(query, 5, &metric, NULL, err);
    *result = (sal_head_result){
        .row = sqlite3_column_int64(query->statement, 0),
        .layer = (int)study_column_integer(query, 1, -1),
        .head = (int)study_column_integer(query, 2, -1),
        .words = sqlite3_column_int(query->statement, 4) != 0 ? SAL_HEAD_CONTENT : SAL_HEAD_ALL,
        .metric = metric,
        .value = study_column_real(query, 6),
        .low = study_column_real(query, 7),
        .high = study_column_real(query, 8),
        .documents = sqlite3_column_int64(query->statement, 9),
        .undefined = sqlite3_column_int64(query->statement, 10),
        .p_family = study_column_real(query, 11),
        .p = study_column_real(query, 12),
        .q = study_column_real(query, 13),
        .q_by = study_column_real(query, 14),
        .p_naive = study_column_real(query, 15),
    };
    if (null_head != NULL)
        (void)snprintf(result->null_head, sizeof result->null_head, "%.15s", null_head);
    return rc;
}

static int read_results(sal_study *study, sal_head_table *table, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(
        study,
        "SELECT r.row, json_extract(a.rows, '$[' || r.row || '][0]'),"
        " json_extract(a.rows, '$[' || r.row || '][1]'),"
        " json_extract(a.rows, '$[' || r.row || '][2]'), r.words = 'content', r.metric, r.value,"
        " r.low, r.high, r.documents, r.undefined, r.p_family, r.p, r.q, r.q_by, r.p_naive"
        " FROM head_results r JOIN head_analyses a USING (analysis)"
        " WHERE r.analysis = ? AND r.corpus = ? ORDER BY r.words, r.row, r.metric",
        &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, table->analysis.key);
        study_bind_text(&query, table->corpus);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&table->results, &capacity, table->count, sizeof *table->results,
                      err);
        if (rc == SAL_OK)
            rc = read_result(&query, &table->results[table->count++], err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

static int list_tables(sal_study *study, sal_head_tables *tables, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(
        study,
        "SELECT a.analysis, m.name, m.digest, a.summarizer, a.protocol = 'paper', 0, a.evidence,"
        " a.options, a.rows, a.metrics, z.name, r.corpus"
        " FROM (SELECT DISTINCT analysis, corpus FROM head_results) r"
        " JOIN head_analyses a USING (analysis) JOIN head_models m USING (model)"
        " JOIN summarizers z USING (summarizer)"
        " ORDER BY r.corpus, m.name, z.name, a.protocol = 'paper', a.evidence, a.options",
        &query, err);
    if (rc == SAL_OK)
        rc = study_query_next(&query, &row, err);
    while (rc == SAL_OK && row) {
        rc =
            sal_grow((void **)&tables->items, &capacity, tables->count, sizeof *tables->items, err);
        if (rc == SAL_OK)
            rc = read_table(&query, &tables->items[tables->count++], err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
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
    for (size_t i = 0; i < tables->count; i++) {
        sal_head_table *table = &tables->items[i];
        const char *const texts[] = {table->analysis.model,    table->analysis.model_digest,
                                     table->analysis.evidence, table->analysis.options,
                                     table->analysis.rows,     table->analysis.metrics,
                                     table->summarizer,        table->corpus};
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            sal_free((char *)texts[t]);
        for (size_t r = 0; r < table->count; r++)
            sal_free((char *)table->results[r].metric);
        sal_free(table->results);
    }
    sal_free(tables->items);
    sal_free(tables);
}
