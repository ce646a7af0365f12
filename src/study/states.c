/* Hidden states: sets, and which file holds those of a document. */
#include "salient/states.h"

#include <stdio.h>
#include <string.h>

#include "study/table.h"

/* ---- sets -------------------------------------------------------------------------------------------------- */

static int check_digest(sal_study *study, const sal_state_set *set, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(
        study, "SELECT digest FROM state_sets WHERE model = ? AND digest <> ? LIMIT 1", &query,
        err);
    if (rc == SAL_OK) {
        study_bind_text(&query, set->model);
        study_bind_text(&query, set->digest);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        rc = sal_fail(err, SAL_EEXISTS,
                      "the study has states of another model file named '%.200s'; give this file a "
                      "name of its own",
                      set->model);
    }
    study_query_close(&query);
    return rc;
}

static void bind_identity(study_query *query, const sal_state_set *set) {
    study_bind_text(query, set->model);
    study_bind_text(query, sal_protocol_name(set->protocol));
    study_bind_integer(query, set->summarizer);
    study_bind_text(query, set->weights);
    study_bind_integer(query, set->seed);
    study_bind_text(query, set->pooling);
    study_bind_text(query, set->dtype);
    study_bind_text(query, set->layers);
}

static int find_set(sal_study *study, const sal_state_set *set, int64_t *key, char **folder,
                    sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT state_set, folder FROM state_sets WHERE model = ? AND"
                              " protocol = ? AND summarizer = ? AND weights = ? AND seed = ? AND"
                              " pooling = ? AND dtype = ? AND layers = ?",
                              &query, err);
    *key = 0;
    if (rc == SAL_OK) {
        bind_identity(&query, set);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        *key = sqlite3_column_int64(query.statement, 0);
        rc = study_column_copy(&query, 1, folder, NULL, err);
    }
    study_query_close(&query);
    return rc;
}

/* A folder's name that says what is in it: number, protocol, weights, model; other characters than letters, digits, . _ - become _. */
static int make_folder(sal_study *study, const sal_state_set *set, char **folder, sal_error *err) {
    char name[300];
    int64_t last = 0;
    int rc = study_scalar(study, "SELECT coalesce(max(state_set), 0) FROM state_sets", &last, err);
    if (rc != SAL_OK)
        return rc;
    char weights[64] = "";
    if (strcmp(set->weights, "trained") != 0)
        (void)snprintf(weights, sizeof weights, "-%s-%lld", set->weights, (long long)set->seed);
    (void)snprintf(name, sizeof name, "%lld-%s%s-%.150s", (long long)last + 1,
                   sal_protocol_name(set->protocol), weights, set->model);
    for (char *at = name; *at != '\0'; at++) {
        const bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                           (*at >= '0' && *at <= '9') || strchr("._-", *at) != NULL;
        if (!plain)
            *at = '_';
    }
    *folder = sal_copy_string(name);
    return *folder == NULL ? sal_fail_memory(err, "the name of a folder") : SAL_OK;
}

static int insert_set(sal_study *study, const sal_state_set *set, int64_t *key, char **folder,
                      sal_error *err) {
    study_query query = {0};
    int rc = make_folder(study, set, folder, err);
    if (rc == SAL_OK)
        rc = study_query_open(study,
                              "INSERT INTO state_sets (model, protocol, summarizer, weights, seed,"
                              " pooling, dtype, layers, digest, width, folder)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK)
        return rc;
    bind_identity(&query, set);
    study_bind_text(&query, set->digest);
    study_bind_integer(&query, set->width);
    study_bind_text(&query, *folder);
    rc = study_query_run(&query, err);
    *key = sqlite3_last_insert_rowid(study->database);
    return rc;
}

int sal_study_put_state_set(sal_study *study, const sal_state_set *set, int64_t *key, char **folder,
                            sal_error *err) {
    char *found = NULL;
    int rc = study_check_name("the name of a model", set->model, err);
    if (rc == SAL_OK)
        rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = check_digest(study, set, err);
    if (rc == SAL_OK)
        rc = find_set(study, set, key, &found, err);
    if (rc == SAL_OK && *key == 0)
        rc = insert_set(study, set, key, &found, err);
    rc = study_finish_write(study, rc, err);
    if (rc == SAL_OK)
        *folder = found;
    else
        sal_free(found);
    return rc;
}

static size_t name_set_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_state_set *set = item;
    fields[0] = &set->model;
    fields[1] = &set->digest;
    fields[2] = &set->weights;
    fields[3] = &set->pooling;
    fields[4] = &set->dtype;
    fields[5] = &set->layers;
    fields[6] = &set->folder;
    return 7;
}

static void read_set(study_query *query, int column, void *item) {
    sqlite3_stmt *statement = query->statement;
    *(sal_state_set *)item = (sal_state_set){
        .key = sqlite3_column_int64(statement, column),
        .protocol = sqlite3_column_int(statement, column + 1) != 0 ? SAL_PAPER : SAL_STRICT,
        .summarizer = sqlite3_column_int64(statement, column + 2),
        .seed = sqlite3_column_int64(statement, column + 3),
        .width = sqlite3_column_int64(statement, column + 4),
    };
}

static const study_row_kind set_kind = {sizeof(sal_state_set), name_set_texts, read_set};

int sal_study_list_state_sets(sal_study *study, sal_state_set_list **out, sal_error *err) {
    const study_statement select = {
        .sql = "SELECT model, digest, weights, pooling, dtype, layers, folder, state_set,"
               " protocol = 'paper', summarizer, seed, width FROM state_sets"
               " ORDER BY model, protocol = 'paper', weights <> 'trained', weights, seed,"
               " state_set"};
    sal_state_set_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "the sets of states");
    int rc = study_read_rows(study, &select, &set_kind, (void **)&list->items, &list->count, err);
    if (rc == SAL_OK)
        *out = list;
    else
        sal_state_set_list_free(list);
    return rc;
}

void sal_state_set_list_free(sal_state_set_list *list) {
    if (list == NULL)
        return;
    study_free_rows(&set_kind, list->items, list->count);
    sal_free(list);
}

/* ---- units ------------------------------------------------------------------------------------------------- */

int sal_study_put_state_unit(sal_study *study, const sal_state_unit *unit, sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK)
        return rc;
    rc = study_query_open(study,
                          "INSERT OR REPLACE INTO state_units (state_set, document, inputs, tokens,"
                          " words, unaligned, file) VALUES (?, ?, ?, ?, ?, ?, ?)",
                          &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, unit->set);
        study_bind_integer(&query, unit->document);
        study_bind_text(&query, unit->inputs);
        study_bind_integer(&query, unit->tokens);
        study_bind_integer(&query, unit->words);
        study_bind_integer(&query, unit->unaligned);
        study_bind_text(&query, unit->file);
        rc = study_query_run(&query, err);
    }
    return study_finish_write(study, rc, err);
}

int sal_study_get_state_unit(sal_study *study, int64_t set, int64_t document, sal_state_unit *unit,
                             sal_error *err) {
    study_query query = {0};
    bool row = false;
    *unit = (sal_state_unit){.set = set, .document = document};
    int rc = study_query_open(study,
                              "SELECT inputs, file, tokens, words, unaligned FROM state_units"
                              " WHERE state_set = ? AND document = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, set);
        study_bind_integer(&query, document);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        (void)snprintf(unit->inputs, sizeof unit->inputs, "%.64s",
                       (const char *)sqlite3_column_text(query.statement, 0));
        (void)snprintf(unit->file, sizeof unit->file, "%.299s",
                       (const char *)sqlite3_column_text(query.statement, 1));
        unit->tokens = sqlite3_column_int64(query.statement, 2);
        unit->words = sqlite3_column_int64(query.statement, 3);
        unit->unaligned = sqlite3_column_int64(query.statement, 4);
    }
    study_query_close(&query);
    return rc;
}
