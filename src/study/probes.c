/* Probes: results by analysis, and predictions of finished trainings. */
#include "salient/probe.h"

#include <string.h>

#include "study/study_internal.h"

/* ---- results ----------------------------------------------------------------------------------------------- */

static void bind_analysis(study_query *query, const sal_probe_analysis *analysis) {
    study_bind_text(query, analysis->corpus);
    study_bind_text(query, analysis->model);
    study_bind_integer(query, analysis->summarizer);
    study_bind_text(query, sal_protocol_name(analysis->protocol));
    study_bind_text(query, analysis->probe);
    study_bind_text(query, analysis->loss);
    study_bind_text(query, analysis->options);
}

#define OF_ANALYSIS                                                                                \
    " WHERE corpus = ? AND model = ? AND summarizer = ? AND protocol = ? AND probe = ? AND"        \
    " loss = ? AND options = ?"

/* sql must be a literal: statements are kept by address. */
static int remove_rows(sal_study *study, const char *sql, const sal_probe_analysis *analysis,
                       sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, sql, &query, err);
    if (rc != SAL_OK)
        return rc;
    bind_analysis(&query, analysis);
    return study_query_run(&query, err);
}

static int insert_results(sal_study *study, const sal_probe_analysis *analysis,
                          const sal_probe_result *results, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO probe_results (corpus, model, summarizer, protocol,"
                              " probe, loss, options, words, layer, control, seed, metric, value,"
                              " low, high, documents, undefined)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        bind_analysis(&query, analysis);
        study_bind_text(&query, results[i].words);
        study_bind_integer(&query, results[i].layer);
        study_bind_text(&query, results[i].control);
        study_bind_integer(&query, results[i].seed);
        study_bind_text(&query, results[i].metric);
        study_bind_real(&query, results[i].value);
        study_bind_real(&query, results[i].low);
        study_bind_real(&query, results[i].high);
        study_bind_integer(&query, results[i].documents);
        study_bind_integer(&query, results[i].undefined);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_probe_results(sal_study *study, const sal_probe_analysis *analysis,
                                const sal_probe_result *results, size_t count, sal_error *err) {
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_rows(study, "DELETE FROM probe_results" OF_ANALYSIS, analysis, err);
    if (rc == SAL_OK)
        rc = insert_results(study, analysis, results, count, err);
    return study_finish_write(study, rc, err);
}

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

static int read_analysis(study_query *query, sal_probe_analysis *analysis, sal_error *err) {
    static const int columns[] = {0, 1, 2, 3, 4, 5};
    const char **const fields[] = {&analysis->corpus, &analysis->model, &analysis->summarizer_name,
                                   &analysis->probe,  &analysis->loss,  &analysis->options};
    analysis->summarizer = sqlite3_column_int64(query->statement, 6);
    analysis->protocol = sqlite3_column_int(query->statement, 7) != 0 ? SAL_PAPER : SAL_STRICT;
    return copy_texts(query, columns, fields, 6, err);
}

static int list_analyses(sal_study *study, sal_probe_tables *tables, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(
        study,
        "SELECT r.corpus, r.model, z.name, r.probe, r.loss, r.options, r.summarizer,"
        " r.protocol = 'paper' FROM (SELECT DISTINCT corpus, model, summarizer, protocol, probe,"
        " loss, options FROM probe_results) r JOIN summarizers z USING (summarizer)"
        " ORDER BY r.corpus, r.model, z.name, r.protocol = 'paper', r.probe, r.loss, r.options",
        &query, err);
    if (rc == SAL_OK)
        rc = study_query_next(&query, &row, err);
    while (rc == SAL_OK && row) {
        rc =
            sal_grow((void **)&tables->items, &capacity, tables->count, sizeof *tables->items, err);
        if (rc == SAL_OK) {
            sal_probe_table *table = &tables->items[tables->count++];
            *table = (sal_probe_table){.count = 0};
            rc = read_analysis(&query, &table->analysis, err);
        }
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

static int read_result(study_query *query, sal_probe_result *result, sal_error *err) {
    static const int columns[] = {0, 1, 2};
    const char **const fields[] = {&result->words, &result->control, &result->metric};
    *result = (sal_probe_result){.layer = sqlite3_column_int(query->statement, 3),
                                 .seed = sqlite3_column_int64(query->statement, 4),
                                 .value = study_column_real(query, 5),
                                 .low = study_column_real(query, 6),
                                 .high = study_column_real(query, 7),
                                 .documents = sqlite3_column_int64(query->statement, 8),
                                 .undefined = sqlite3_column_int64(query->statement, 9)};
    return copy_texts(query, columns, fields, 3, err);
}

static int read_results(sal_study *study, sal_probe_table *table, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT words, control, metric, layer, seed, value, low, high,"
                              " documents, undefined FROM probe_results WHERE corpus = ? AND"
                              " model = ? AND summarizer = ? AND protocol = ? AND probe = ? AND"
                              " loss = ? AND options = ? ORDER BY words, control, layer, seed,"
                              " metric",
                              &query, err);
    if (rc == SAL_OK) {
        bind_analysis(&query, &table->analysis);
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

/* ---- words at which probes err ----------------------------------------------------------------------------- */

static int insert_words(sal_study *study, const sal_probe_analysis *analysis,
                        const sal_probe_word *words, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO probe_words (corpus, model, summarizer, protocol,"
                              " probe, loss, options, layer, word, documents, importance,"
                              " importance_rank, predicted_rank, error)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        bind_analysis(&query, analysis);
        study_bind_integer(&query, words[i].layer);
        study_bind_text(&query, words[i].word);
        study_bind_integer(&query, words[i].documents);
        study_bind_real(&query, words[i].importance);
        study_bind_real(&query, words[i].importance_rank);
        study_bind_real(&query, words[i].predicted_rank);
        study_bind_real(&query, words[i].error);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_probe_words(sal_study *study, const sal_probe_analysis *analysis,
                              const sal_probe_word *words, size_t count, sal_error *err) {
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = remove_rows(study, "DELETE FROM probe_words" OF_ANALYSIS, analysis, err);
    if (rc == SAL_OK)
        rc = insert_words(study, analysis, words, count, err);
    return study_finish_write(study, rc, err);
}

static int read_word(study_query *query, sal_probe_word *word, sal_error *err) {
    char *text = NULL;
    *word = (sal_probe_word){.layer = sqlite3_column_int(query->statement, 1),
                             .documents = sqlite3_column_int64(query->statement, 2),
                             .importance = study_column_real(query, 3),
                             .importance_rank = study_column_real(query, 4),
                             .predicted_rank = study_column_real(query, 5),
                             .error = study_column_real(query, 6)};
    int rc = study_column_copy(query, 0, &text, NULL, err);
    word->word = text;
    return rc;
}

static int read_words(sal_study *study, sal_probe_table *table, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT word, layer, documents, importance, importance_rank,"
                              " predicted_rank, error FROM probe_words WHERE corpus = ? AND"
                              " model = ? AND summarizer = ? AND protocol = ? AND probe = ? AND"
                              " loss = ? AND options = ? ORDER BY error DESC, word",
                              &query, err);
    if (rc == SAL_OK) {
        bind_analysis(&query, &table->analysis);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&table->words, &capacity, table->word_count, sizeof *table->words,
                      err);
        if (rc == SAL_OK)
            rc = read_word(&query, &table->words[table->word_count++], err);
        if (rc == SAL_OK)
            rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

int sal_study_get_probe_tables(sal_study *study, sal_probe_tables **out, sal_error *err) {
    sal_probe_tables *tables = sal_calloc(1, sizeof *tables);
    if (tables == NULL)
        return sal_fail_memory(err, "the tables of probes");
    int rc = list_analyses(study, tables, err);
    for (size_t i = 0; rc == SAL_OK && i < tables->count; i++)
        rc = read_results(study, &tables->items[i], err);
    for (size_t i = 0; rc == SAL_OK && i < tables->count; i++)
        rc = read_words(study, &tables->items[i], err);
    if (rc == SAL_OK)
        *out = tables;
    else
        sal_probe_tables_free(tables);
    return rc;
}

void sal_probe_tables_free(sal_probe_tables *tables) {
    if (tables == NULL)
        return;
    for (size_t i = 0; i < tables->count; i++) {
        sal_probe_table *table = &tables->items[i];
        const sal_probe_analysis *a = &table->analysis;
        const char *const texts[] = {a->corpus, a->model, a->summarizer_name,
                                     a->probe,  a->loss,  a->options};
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            sal_free((char *)texts[t]);
        for (size_t r = 0; r < table->count; r++) {
            sal_free((char *)table->results[r].words);
            sal_free((char *)table->results[r].control);
            sal_free((char *)table->results[r].metric);
        }
        sal_free(table->results);
        for (size_t w = 0; w < table->word_count; w++)
            sal_free((char *)table->words[w].word);
        sal_free(table->words);
    }
    sal_free(tables->items);
    sal_free(tables);
}

/* ---- trainings --------------------------------------------------------------------------------------------- */

int sal_study_get_training(sal_study *study, const char digest[65], double *predictions,
                           size_t count, bool *found, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *found = false;
    int rc = study_query_open(study, "SELECT predictions FROM probe_trainings WHERE digest = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, digest);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        const void *bytes = sqlite3_column_blob(query.statement, 0);
        const size_t length = (size_t)sqlite3_column_bytes(query.statement, 0);
        *found = bytes != NULL && length == count * sizeof *predictions;
        if (*found)
            memcpy(predictions, bytes, length);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_training(sal_study *study, const char digest[65], const double *predictions,
                           size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = study_query_open(
        study, "INSERT OR REPLACE INTO probe_trainings (digest, predictions) VALUES (?, ?)", &query,
        err);
    if (rc == SAL_OK) {
        study_bind_text(&query, digest);
        if (sqlite3_bind_blob64(query.statement, 2, predictions, count * sizeof *predictions,
                                SQLITE_STATIC) != SQLITE_OK)
            rc = sal_fail_memory(err, "predictions");
        if (rc == SAL_OK)
            rc = study_query_run(&query, err);
        else
            study_query_close(&query);
    }
    return study_finish_write(study, rc, err);
}
