/* Attention heads: analyses, one unit for each document of an analysis, and the table over documents.
 *
 * A unit's arrays are BLOBs of little-endian float and double, as they lie in memory on every machine this builds for. */
#include "salient/heads.h"

#include <stdio.h>
#include <string.h>

#include "study/study_internal.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arrays of a study are little-endian"
#endif

/* ---- analyses ---------------------------------------------------------------------------------------------- */

static int find_model(sal_study *study, const char *name, const char *digest, int64_t *key,
                      sal_error *err) {
    study_query query = {0};
    bool row = false;
    *key = 0;
    int rc = study_query_open(study, "SELECT model, digest FROM head_models WHERE name = ?", &query,
                              err);
    if (rc == SAL_OK) {
        study_bind_text(&query, name);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        *key = sqlite3_column_int64(query.statement, 0);
        if (strcmp((const char *)sqlite3_column_text(query.statement, 1), digest) != 0)
            rc = sal_fail(err, SAL_EEXISTS,
                          "the study has heads of another model file named '%.200s'; give this "
                          "file a name of its own",
                          name);
    }
    study_query_close(&query);
    return rc;
}

static int put_model(sal_study *study, const char *name, const char *digest, int64_t *key,
                     sal_error *err) {
    study_query query = {0};
    int rc = find_model(study, name, digest, key, err);
    if (rc != SAL_OK || *key != 0)
        return rc;
    rc = study_query_open(study, "INSERT INTO head_models (name, digest) VALUES (?, ?)", &query,
                          err);
    if (rc != SAL_OK)
        return rc;
    study_bind_text(&query, name);
    study_bind_text(&query, digest);
    rc = study_query_run(&query, err);
    *key = sqlite3_last_insert_rowid(study->database);
    return rc;
}

static int find_analysis(sal_study *study, int64_t model, const sal_head_analysis *analysis,
                         int64_t *key, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *key = 0;
    int rc =
        study_query_open(study,
                         "SELECT analysis FROM head_analyses WHERE model = ? AND summarizer = ?"
                         " AND protocol = ? AND evidence = ? AND options = ?",
                         &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, model);
        study_bind_integer(&query, analysis->summarizer);
        study_bind_text(&query, sal_protocol_name(analysis->protocol));
        study_bind_text(&query, analysis->evidence);
        study_bind_text(&query, analysis->options);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row)
        *key = sqlite3_column_int64(query.statement, 0);
    study_query_close(&query);
    return rc;
}

static int insert_analysis(sal_study *study, int64_t model, const sal_head_analysis *analysis,
                           int64_t *key, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO head_analyses (model, summarizer, protocol, evidence,"
                              " options, rows, metrics) VALUES (?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, model);
    study_bind_integer(&query, analysis->summarizer);
    study_bind_text(&query, sal_protocol_name(analysis->protocol));
    study_bind_text(&query, analysis->evidence);
    study_bind_text(&query, analysis->options);
    study_bind_text(&query, analysis->rows);
    study_bind_text(&query, analysis->metrics);
    rc = study_query_run(&query, err);
    *key = sqlite3_last_insert_rowid(study->database);
    return rc;
}

int sal_study_put_head_analysis(sal_study *study, const sal_head_analysis *analysis, int64_t *key,
                                sal_error *err) {
    int64_t model = 0;
    int rc = study_check_name("the name of a model", analysis->model, err);
    if (rc == SAL_OK)
        rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = put_model(study, analysis->model, analysis->model_digest, &model, err);
    if (rc == SAL_OK)
        rc = find_analysis(study, model, analysis, key, err);
    if (rc == SAL_OK && *key == 0)
        rc = insert_analysis(study, model, analysis, key, err);
    return study_finish_write(study, rc, err);
}

/* ---- units ------------------------------------------------------------------------------------------------- */

static int remove_unit(sal_study *study, const sal_head_unit *unit, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, "DELETE FROM head_units WHERE analysis = ? AND document = ?",
                              &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, unit->analysis);
    study_bind_integer(&query, unit->document);
    return study_query_run(&query, err);
}

static int insert_unit(sal_study *study, const sal_head_unit *unit, int64_t *key, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO head_units (analysis, document, inputs, tokens,"
                              " unaligned, flagged, non_finite, words, word_list, facts, vectors)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK)
        return rc;
    study_bind_integer(&query, unit->analysis);
    study_bind_integer(&query, unit->document);
    study_bind_text(&query, unit->inputs);
    study_bind_integer(&query, unit->tokens);
    study_bind_integer(&query, unit->unaligned);
    study_bind_integer(&query, unit->flagged);
    study_bind_integer(&query, unit->non_finite);
    study_bind_integer(&query, (int64_t)unit->words);
    study_bind_bytes(&query, unit->word_list, unit->word_list_length);
    study_bind_array(&query, unit->facts, SAL_FACTS * unit->words * sizeof *unit->facts);
    study_bind_array(&query, unit->vectors, unit->rows * unit->words * sizeof *unit->vectors);
    rc = study_query_run(&query, err);
    *key = sqlite3_last_insert_rowid(study->database);
    return rc;
}

static int insert_scores(sal_study *study, int64_t key, const sal_head_unit *unit, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO head_scores (unit, words, count, tied, scores)"
                              " VALUES (?, ?, ?, ?, ?)",
                              &query, err);
    for (int set = 0; rc == SAL_OK && set < SAL_HEAD_WORDS; set++) {
        bool row = false;
        const sal_head_scores *scores = &unit->sets[set];
        study_query_rewind(&query);
        study_bind_integer(&query, key);
        study_bind_text(&query, sal_head_words_name((sal_head_words)set));
        study_bind_integer(&query, scores->words);
        study_bind_real(&query, scores->tied);
        study_bind_array(&query, scores->scores, unit->rows * SAL_HEAD_MEASURES * sizeof(double));
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_head_unit(sal_study *study, const sal_head_unit *unit, sal_error *err) {
    int64_t key = 0;
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_unit(study, unit, err);
    if (rc == SAL_OK)
        rc = insert_unit(study, unit, &key, err);
    if (rc == SAL_OK)
        rc = insert_scores(study, key, unit, err);
    return study_finish_write(study, rc, err);
}

/* Copy of an array of count numbers; *out NULL for null. */
static int copy_array(study_query *query, int column, size_t count, size_t size, void **out,
                      sal_error *err) {
    const void *bytes = sqlite3_column_blob(query->statement, column);
    size_t length = (size_t)sqlite3_column_bytes(query->statement, column);
    *out = NULL;
    if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
        return SAL_OK;
    if (length / size != count || length % size != 0)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: an array of heads has %zu bytes, not %zu; salient verify says more",
                        sal_study_path(query->study), length, count * size);
    *out = sal_calloc(count, size);
    if (*out == NULL)
        return sal_fail_memory(err, "heads");
    if (length > 0)
        memcpy(*out, bytes, length);
    return SAL_OK;
}

static int read_unit(study_query *query, sal_head_unit *unit, sal_error *err) {
    sqlite3_stmt *statement = query->statement;
    const char *inputs = (const char *)sqlite3_column_text(statement, 1);
    (void)snprintf(unit->inputs, sizeof unit->inputs, "%.64s", inputs == NULL ? "" : inputs);
    unit->tokens = sqlite3_column_int64(statement, 2);
    unit->unaligned = sqlite3_column_int64(statement, 3);
    unit->flagged = sqlite3_column_int64(statement, 4);
    unit->non_finite = sqlite3_column_int64(statement, 5);
    unit->words = (size_t)sqlite3_column_int64(statement, 6);
    unit->rows = (size_t)sqlite3_column_int64(statement, 10);
    int rc = study_column_copy(query, 7, &unit->word_list, &unit->word_list_length, err);
    if (rc == SAL_OK)
        rc = copy_array(query, 8, SAL_FACTS * unit->words, sizeof *unit->facts,
                        (void **)&unit->facts, err);
    if (rc == SAL_OK)
        rc = copy_array(query, 9, unit->rows * unit->words, sizeof *unit->vectors,
                        (void **)&unit->vectors, err);
    return rc;
}

static int find_unit(sal_study *study, int64_t analysis, int64_t document, sal_head_unit *unit,
                     int64_t *key, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT u.unit, u.inputs, u.tokens, u.unaligned, u.flagged,"
                              " u.non_finite, u.words, u.word_list, u.facts, u.vectors,"
                              " json_array_length(a.rows)"
                              " FROM head_units u JOIN head_analyses a USING (analysis)"
                              " WHERE u.analysis = ? AND u.document = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, analysis);
        study_bind_integer(&query, document);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        *key = sqlite3_column_int64(query.statement, 0);
        rc = read_unit(&query, unit, err);
    }
    study_query_close(&query);
    return rc;
}

static int read_scores(sal_study *study, int64_t key, sal_head_unit *unit, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT words = 'content', count, tied, scores FROM head_scores"
                              " WHERE unit = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, key);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        sal_head_scores *scores = &unit->sets[sqlite3_column_int(query.statement, 0)];
        scores->words = sqlite3_column_int64(query.statement, 1);
        scores->tied = study_column_real(&query, 2);
        rc = copy_array(&query, 3, unit->rows * SAL_HEAD_MEASURES, sizeof(double),
                        (void **)&scores->scores, err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_get_head_unit(sal_study *study, int64_t analysis, int64_t document,
                            sal_head_unit **out, sal_error *err) {
    int64_t key = 0;
    sal_head_unit *unit = sal_calloc(1, sizeof *unit);
    if (unit == NULL)
        return sal_fail_memory(err, "heads");
    unit->analysis = analysis;
    unit->document = document;
    int rc = find_unit(study, analysis, document, unit, &key, err);
    if (rc == SAL_OK && key != 0)
        rc = read_scores(study, key, unit, err);
    if (rc != SAL_OK || key == 0) {
        sal_head_unit_free(unit);
        unit = NULL;
    }
    if (rc == SAL_OK)
        *out = unit;
    return rc;
}

int sal_study_get_head_inputs(sal_study *study, int64_t analysis, int64_t document, char inputs[65],
                              sal_error *err) {
    study_query query = {0};
    bool row = false;
    inputs[0] = '\0';
    int rc = study_query_open(
        study, "SELECT inputs FROM head_units WHERE analysis = ? AND document = ?", &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, analysis);
        study_bind_integer(&query, document);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        const char *stored = (const char *)sqlite3_column_text(query.statement, 0);
        (void)snprintf(inputs, 65, "%.64s", stored == NULL ? "" : stored);
    }
    study_query_close(&query);
    return rc;
}

void sal_head_unit_free(sal_head_unit *unit) {
    if (unit == NULL)
        return;
    sal_free(unit->word_list);
    sal_free(unit->facts);
    sal_free(unit->vectors);
    for (int set = 0; set < SAL_HEAD_WORDS; set++)
        sal_free(unit->sets[set].scores);
    sal_free(unit);
}
