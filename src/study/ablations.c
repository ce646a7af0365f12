/* Ablations: what documents say with heads taken out, and the numbers over documents. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "salient/ablate.h"
#include "study/study_internal.h"

static const char *edit_name(int edit) {
    return edit < 0 ? "none" : sal_head_edit_name((sal_head_edit)edit);
}

/* ---- ablations --------------------------------------------------------------------------------------------- */

static int find_ablation(sal_study *study, const sal_ablation *ablation, const char *seed,
                         int64_t *key, bool *same, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *key = 0;
    int rc = study_query_open(study,
                              "SELECT b.ablation, b.heads FROM ablations b JOIN head_analyses a"
                              " USING (model, summarizer, evidence) WHERE a.analysis = ?"
                              " AND b.corpus = ? AND b.words = ? AND b.top = ? AND b.draws = ?"
                              " AND b.seed = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, ablation->analysis);
        study_bind_text(&query, ablation->corpus);
        study_bind_text(&query, sal_head_words_name(ablation->words));
        study_bind_integer(&query, ablation->top);
        study_bind_integer(&query, ablation->draws);
        study_bind_text(&query, seed);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        const char *heads = (const char *)sqlite3_column_text(query.statement, 1);
        *key = sqlite3_column_int64(query.statement, 0);
        *same = heads != NULL && strcmp(heads, ablation->heads) == 0;
    }
    study_query_close(&query);
    return rc;
}

/* sql must be a literal: statements are kept by address. */
static int remove_rows(sal_study *study, const char *sql, int64_t key, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, sql, &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, key);
    return study_query_run(&query, err);
}

static int remove_ablation(sal_study *study, int64_t key, sal_error *err) {
    int rc = remove_rows(study, "DELETE FROM ablation_units WHERE ablation = ?", key, err);
    if (rc == SAL_OK)
        rc = remove_rows(study, "DELETE FROM ablation_results WHERE ablation = ?", key, err);
    return rc == SAL_OK ? remove_rows(study, "DELETE FROM ablations WHERE ablation = ?", key, err)
                        : rc;
}

static int insert_ablation(sal_study *study, const sal_ablation *ablation, const char *seed,
                           int64_t *key, sal_error *err) {
    study_query query = {0};
    int rc =
        study_query_open(study,
                         "INSERT INTO ablations (model, summarizer, evidence, corpus, words,"
                         " top, draws, seed, heads) SELECT model, summarizer, evidence, ?2, ?3,"
                         " ?4, ?5, ?6, ?7 FROM head_analyses WHERE analysis = ?1",
                         &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, ablation->analysis);
    study_bind_text(&query, ablation->corpus);
    study_bind_text(&query, sal_head_words_name(ablation->words));
    study_bind_integer(&query, ablation->top);
    study_bind_integer(&query, ablation->draws);
    study_bind_text(&query, seed);
    study_bind_text(&query, ablation->heads);
    rc = study_query_run(&query, err);
    *key = sqlite3_last_insert_rowid(study->database);
    return rc;
}

int sal_study_put_ablation(sal_study *study, const sal_ablation *ablation, int64_t *key,
                           sal_error *err) {
    char seed[24];
    bool same = false;
    (void)snprintf(seed, sizeof seed, "%" PRIu64, ablation->seed);
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = find_ablation(study, ablation, seed, key, &same, err);
    if (rc == SAL_OK && *key != 0 && !same) {
        rc = remove_ablation(study, *key, err);
        *key = 0;
    }
    if (rc == SAL_OK && *key == 0)
        rc = insert_ablation(study, ablation, seed, key, err);
    return study_finish_write(study, rc, err);
}

/* ---- documents --------------------------------------------------------------------------------------------- */

static int remove_document(sal_study *study, int64_t ablation, int64_t document, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(
        study, "DELETE FROM ablation_units WHERE ablation = ? AND document = ?", &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, ablation);
    study_bind_integer(&query, document);
    return study_query_run(&query, err);
}

int sal_study_put_ablation_rows(sal_study *study, int64_t ablation, int64_t document,
                                const char *inputs, const sal_ablation_row *rows, size_t count,
                                sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_document(study, ablation, document, err);
    if (rc == SAL_OK)
        rc = study_query_open(study,
                              "INSERT INTO ablation_units (ablation, document, inputs, edit, draw,"
                              " log_likelihood, importance_all, importance_content, length)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        study_bind_integer(&query, ablation);
        study_bind_integer(&query, document);
        study_bind_text(&query, inputs);
        study_bind_text(&query, edit_name(rows[i].edit));
        study_bind_integer(&query, rows[i].draw);
        for (int m = 0; m < SAL_ABLATE_MEASURES; m++)
            study_bind_real(&query, rows[i].values[m]);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return study_finish_write(study, rc, err);
}

static void read_row(study_query *query, char inputs[SAL_ABLATION_INPUTS], sal_ablation_row *row) {
    const char *hash = (const char *)sqlite3_column_text(query->statement, 0);
    (void)snprintf(inputs, SAL_ABLATION_INPUTS, "%.129s", hash == NULL ? "" : hash);
    *row = (sal_ablation_row){.edit = sqlite3_column_int(query->statement, 1),
                              .draw = sqlite3_column_int(query->statement, 2)};
    for (int m = 0; m < SAL_ABLATE_MEASURES; m++)
        row->values[m] = study_column_real(query, 3 + m);
}

int sal_study_get_ablation_rows(sal_study *study, int64_t ablation, int64_t document,
                                char inputs[SAL_ABLATION_INPUTS], sal_ablation_row **rows,
                                size_t *count, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    inputs[0] = '\0';
    *rows = NULL;
    *count = 0;
    int rc = study_query_open(study,
                              "SELECT inputs, CASE edit WHEN 'none' THEN -1 WHEN 'zero' THEN 0"
                              " ELSE 1 END AS how, draw, log_likelihood, importance_all,"
                              " importance_content, length FROM ablation_units"
                              " WHERE ablation = ? AND document = ? ORDER BY how, draw",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, ablation);
        study_bind_integer(&query, document);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)rows, &capacity, *count, sizeof **rows, err);
        if (rc == SAL_OK) {
            read_row(&query, inputs, &(*rows)[(*count)++]);
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_free(*rows);
        *rows = NULL;
        *count = 0;
    }
    return rc;
}

/* ---- over documents ---------------------------------------------------------------------------------------- */

static int insert_effect(study_query *query, int64_t ablation, const char *edit, const char *heads,
                         int measure, const sal_ablate_effect *effect, sal_error *err) {
    bool row = false;
    study_query_rewind(query);
    study_bind_integer(query, ablation);
    study_bind_text(query, edit);
    study_bind_text(query, heads);
    study_bind_text(query, sal_ablate_measure_name((sal_ablate_measure)measure));
    study_bind_real(query, effect->value);
    study_bind_real(query, effect->low);
    study_bind_real(query, effect->high);
    study_bind_integer(query, effect->documents);
    study_bind_integer(query, effect->undefined);
    return study_query_next(query, &row, err);
}

int sal_study_put_ablation_results(sal_study *study, int64_t ablation,
                                   const sal_ablate_result *result, sal_error *err) {
    const int measures = result->regenerated ? SAL_ABLATE_MEASURES : 1;
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_rows(study, "DELETE FROM ablation_results WHERE ablation = ?", ablation, err);
    if (rc == SAL_OK)
        rc =
            study_query_open(study,
                             "INSERT INTO ablation_results (ablation, edit, heads, measure, value,"
                             " low, high, documents, undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                             &query, err);
    for (int m = 0; m < measures; m++) {
        if (rc == SAL_OK)
            rc = insert_effect(&query, ablation, "none", "none", m, &result->whole[m], err);
        for (int e = 0; e < SAL_EDITS; e++)
            for (int h = 0; rc == SAL_OK && h < SAL_ABLATE_HEADS; h++)
                rc = insert_effect(&query, ablation, edit_name(e),
                                   sal_ablate_heads_name((sal_ablate_heads)h), m,
                                   &result->effects[e][h][m], err);
    }
    study_query_close(&query);
    return study_finish_write(study, rc, err);
}
