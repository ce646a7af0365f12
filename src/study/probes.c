/* Probes: results by analysis, and predictions of finished trainings. */
#include "salient/probe.h"

#include <string.h>

#include "study/table.h"

/* ---- writing ----------------------------------------------------------------------------------------------- */

static void bind_analysis(study_query *query, const void *key) {
    const sal_probe_analysis *analysis = key;
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

static void bind_result(study_query *query, const void *item) {
    const sal_probe_result *result = item;
    study_bind_text(query, result->words);
    study_bind_integer(query, result->layer);
    study_bind_text(query, result->control);
    study_bind_integer(query, result->seed);
    study_bind_text(query, result->metric);
    study_bind_real(query, result->value);
    study_bind_real(query, result->low);
    study_bind_real(query, result->high);
    study_bind_integer(query, result->documents);
    study_bind_integer(query, result->undefined);
}

static void bind_word(study_query *query, const void *item) {
    const sal_probe_word *word = item;
    study_bind_integer(query, word->layer);
    study_bind_text(query, word->word);
    study_bind_integer(query, word->documents);
    study_bind_real(query, word->importance);
    study_bind_real(query, word->importance_rank);
    study_bind_real(query, word->predicted_rank);
    study_bind_real(query, word->error);
}

static const study_table results_table = {
    .remove = "DELETE FROM probe_results" OF_ANALYSIS,
    .insert = "INSERT INTO probe_results (corpus, model, summarizer, protocol, probe, loss,"
              " options, words, layer, control, seed, metric, value, low, high, documents,"
              " undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = bind_analysis,
    .bind_row = bind_result,
    .size = sizeof(sal_probe_result),
};

/* Words at which probes err. */
static const study_table words_table = {
    .remove = "DELETE FROM probe_words" OF_ANALYSIS,
    .insert = "INSERT INTO probe_words (corpus, model, summarizer, protocol, probe, loss, options,"
              " layer, word, documents, importance, importance_rank, predicted_rank, error)"
              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = bind_analysis,
    .bind_row = bind_word,
    .size = sizeof(sal_probe_word),
};

int sal_study_put_probe_results(sal_study *study, const sal_probe_analysis *analysis,
                                const sal_probe_result *results, size_t count, sal_error *err) {
    return study_replace_rows(study, &results_table, analysis, results, count, err);
}

int sal_study_put_probe_words(sal_study *study, const sal_probe_analysis *analysis,
                              const sal_probe_word *words, size_t count, sal_error *err) {
    return study_replace_rows(study, &words_table, analysis, words, count, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static size_t name_table_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_probe_analysis *analysis = &((sal_probe_table *)item)->analysis;
    fields[0] = &analysis->corpus;
    fields[1] = &analysis->model;
    fields[2] = &analysis->summarizer_name;
    fields[3] = &analysis->probe;
    fields[4] = &analysis->loss;
    fields[5] = &analysis->options;
    return 6;
}

static void read_table(study_query *query, int column, void *item) {
    sal_probe_analysis *analysis = &((sal_probe_table *)item)->analysis;
    analysis->summarizer = sqlite3_column_int64(query->statement, column);
    analysis->protocol =
        sqlite3_column_int(query->statement, column + 1) != 0 ? SAL_PAPER : SAL_STRICT;
}

static size_t name_result_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_probe_result *result = item;
    fields[0] = &result->words;
    fields[1] = &result->control;
    fields[2] = &result->metric;
    return 3;
}

static void read_result(study_query *query, int column, void *item) {
    *(sal_probe_result *)item = (sal_probe_result){
        .layer = sqlite3_column_int(query->statement, column),
        .seed = sqlite3_column_int64(query->statement, column + 1),
        .value = study_column_real(query, column + 2),
        .low = study_column_real(query, column + 3),
        .high = study_column_real(query, column + 4),
        .documents = sqlite3_column_int64(query->statement, column + 5),
        .undefined = sqlite3_column_int64(query->statement, column + 6),
    };
}

static size_t name_word_texts(void *item, const char **fields[STUDY_TEXTS]) {
    fields[0] = &((sal_probe_word *)item)->word;
    return 1;
}

static void read_word(study_query *query, int column, void *item) {
    *(sal_probe_word *)item = (sal_probe_word){
        .layer = sqlite3_column_int(query->statement, column),
        .documents = sqlite3_column_int64(query->statement, column + 1),
        .importance = study_column_real(query, column + 2),
        .importance_rank = study_column_real(query, column + 3),
        .predicted_rank = study_column_real(query, column + 4),
        .error = study_column_real(query, column + 5),
    };
}

static const study_row_kind table_kind = {sizeof(sal_probe_table), name_table_texts, read_table};
static const study_row_kind result_kind = {sizeof(sal_probe_result), name_result_texts,
                                           read_result};
static const study_row_kind word_kind = {sizeof(sal_probe_word), name_word_texts, read_word};

static int list_tables(sal_study *study, sal_probe_tables *tables, sal_error *err) {
    const study_statement select = {
        .sql = "SELECT r.corpus, r.model, z.name, r.probe, r.loss, r.options, r.summarizer,"
               " r.protocol = 'paper' FROM (SELECT DISTINCT corpus, model, summarizer, protocol,"
               " probe, loss, options FROM probe_results) r JOIN summarizers z USING (summarizer)"
               " ORDER BY r.corpus, r.model, z.name, r.protocol = 'paper', r.probe, r.loss,"
               " r.options"};
    return study_read_rows(study, &select, &table_kind, (void **)&tables->items, &tables->count,
                           err);
}

static int fill_table(sal_study *study, sal_probe_table *table, sal_error *err) {
    const study_statement results = {"SELECT words, control, metric, layer, seed, value, low, high,"
                                     " documents, undefined FROM probe_results" OF_ANALYSIS
                                     " ORDER BY words, control, layer, seed, metric",
                                     bind_analysis, &table->analysis};
    const study_statement words = {"SELECT word, layer, documents, importance, importance_rank,"
                                   " predicted_rank, error FROM probe_words" OF_ANALYSIS
                                   " ORDER BY error DESC, word",
                                   bind_analysis, &table->analysis};
    int rc = study_read_rows(study, &results, &result_kind, (void **)&table->results, &table->count,
                             err);
    if (rc == SAL_OK)
        rc = study_read_rows(study, &words, &word_kind, (void **)&table->words, &table->word_count,
                             err);
    return rc;
}

int sal_study_get_probe_tables(sal_study *study, sal_probe_tables **out, sal_error *err) {
    sal_probe_tables *tables = sal_calloc(1, sizeof *tables);
    if (tables == NULL)
        return sal_fail_memory(err, "the tables of probes");
    int rc = list_tables(study, tables, err);
    for (size_t i = 0; rc == SAL_OK && i < tables->count; i++)
        rc = fill_table(study, &tables->items[i], err);
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
        study_free_rows(&result_kind, table->results, table->count);
        study_free_rows(&word_kind, table->words, table->word_count);
    }
    study_free_rows(&table_kind, tables->items, tables->count);
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
