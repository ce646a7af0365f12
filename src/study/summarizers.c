/* Summarizers: a name of the study and the digest of everything that can change its texts. */
#include <stdio.h>
#include <string.h>

#include "salient/file.h"
#include "study/config_difference.h"
#include "study/table.h"

static int check_info(const sal_summarizer_info *info, char digest[65], sal_error *err) {
    int rc = study_check_name("the summarizer's name", info->name, err);
    if (rc == SAL_OK) {
        rc = study_check_name("the summarizer's kind", info->kind, err);
    }
    if (rc == SAL_OK && info->config == NULL) {
        return sal_fail(err, SAL_EINVAL, "summarizer %s has no configuration", info->name);
    }
    if (rc == SAL_OK) {
        rc = study_check_text("the configuration", info->config, strlen(info->config), err);
    }
    if (rc == SAL_OK) {
        rc = study_check_config(info->config, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    sal_sha256_of(info->config, strlen(info->config), digest);
    if (info->digest != NULL && strcmp(info->digest, digest) != 0) {
        return sal_fail(err, SAL_EINVAL,
                        "summarizer %s: its digest %.70s is not that of its "
                        "configuration, %s",
                        info->name, info->digest, digest);
    }
    return SAL_OK;
}

/* SQLite's integers are signed: a seed beyond them is stored as decimal text. */
static void bind_seed(study_query *query, const sal_summarizer_info *info, char room[24]) {
    if (!info->has_seed) {
        study_bind_text(query, NULL);
    } else if (info->seed <= INT64_MAX) {
        study_bind_integer(query, (int64_t)info->seed);
    } else {
        snprintf(room, 24, "u%llu", (unsigned long long)info->seed);
        study_bind_text(query, room);
    }
}

static int insert_summarizer(sal_study *study, const sal_summarizer_info *info, const char *digest,
                             sal_error *err) {
    study_query query = {0};
    char seed[24];
    int rc = study_query_open(
        study,
        "INSERT INTO summarizers (name, digest, kind, model, template, temperature, top_p, top_k,"
        " repeat_penalty, seed, length_policy, family, parameters, nested, config)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_text(&query, info->name);
    study_bind_text(&query, digest);
    study_bind_text(&query, info->kind);
    study_bind_text(&query, info->model);
    study_bind_text(&query, info->template_name);
    study_bind_real(&query, info->temperature);
    study_bind_real(&query, info->top_p);
    study_bind_real(&query, info->top_k);
    study_bind_real(&query, info->repeat_penalty);
    bind_seed(&query, info, seed);
    study_bind_text(&query, info->length_policy);
    study_bind_text(&query, info->family);
    study_bind_real(&query, info->parameters);
    study_bind_integer(&query, info->nested ? 1 : 0);
    study_bind_text(&query, info->config);
    return study_query_run(&query, err);
}

static int fail_different(sal_study *study, const sal_summarizer_info *info, const char *stored,
                          sal_error *err) {
    sal_buffer text = {0};
    int rc = study_config_difference(stored, info->config, &text, err);
    if (rc == SAL_OK) {
        rc = sal_fail(err, SAL_EEXISTS,
                      "%s: a summarizer '%s' with another configuration is there already: %s; give "
                      "this one a name of its own with --as NAME",
                      study->path, info->name, text.bytes);
    }
    sal_buffer_free(&text);
    return rc;
}

/* A run that ended before its first summary (a wrong option, a missing file) leaves a name with nothing
 * behind it: another configuration may have it. */
static int is_empty(sal_study *study, int64_t key, bool *empty, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT 1 FROM summaries WHERE summarizer = ?1"
                              " UNION ALL SELECT 1 FROM importance_units WHERE summarizer = ?1"
                              " UNION ALL SELECT 1 FROM imported_importance WHERE summarizer = ?1"
                              " LIMIT 1",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, key);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    *empty = !row;
    return rc;
}

static int remove_empty(sal_study *study, int64_t key, sal_error *err) {
    static const char *const deletions[] = {"DELETE FROM scores WHERE summarizer = ?",
                                            "DELETE FROM summarizers WHERE summarizer = ?"};
    int rc = SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < sizeof deletions / sizeof deletions[0]; i++) {
        const study_statement deletion = {deletions[i], study_bind_integer_key, &key};
        rc = study_run_statement(study, &deletion, err);
    }
    return rc;
}

/* Refuse another configuration under a name that is in use; take the name from one that is not. */
static int replace_other(sal_study *study, const sal_summarizer_info *info, const char *stored,
                         int64_t *key, sal_error *err) {
    bool empty = false;
    int rc = is_empty(study, *key, &empty, err);
    if (rc != SAL_OK) {
        return rc;
    }
    if (!empty) {
        return fail_different(study, info, stored, err);
    }
    rc = remove_empty(study, *key, err);
    *key = 0;
    return rc;
}

/* *key 0 when the name is free. */
static int find_same(sal_study *study, const sal_summarizer_info *info, const char *digest,
                     int64_t *key, sal_error *err) {
    study_query query = {0};
    bool row = false;
    char *stored = NULL;
    *key = 0;
    int rc = study_query_open(
        study, "SELECT summarizer, digest, config FROM summarizers WHERE name = ?", &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, info->name);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        const char *its_digest = (const char *)sqlite3_column_text(query.statement, 1);
        *key = sqlite3_column_int64(query.statement, 0);
        if (its_digest == NULL || strcmp(its_digest, digest) != 0) {
            rc = study_column_copy(&query, 2, &stored, NULL, err);
        }
    }
    study_query_close(&query);
    if (rc == SAL_OK && stored != NULL) {
        rc = replace_other(study, info, stored, key, err);
    }
    sal_free(stored);
    return rc;
}

int sal_study_put_summarizer(sal_study *study, const sal_summarizer_info *info, int64_t *key,
                             sal_error *err) {
    char digest[65];
    int64_t row = 0;
    int rc = check_info(info, digest, err);
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    rc = find_same(study, info, digest, &row, err);
    if (rc == SAL_OK && row == 0) {
        rc = insert_summarizer(study, info, digest, err);
        row = sqlite3_last_insert_rowid(study->database);
    }
    rc = study_finish_write(study, rc, err);
    if (rc == SAL_OK) {
        *key = row;
    }
    return rc;
}

/* ---- the list ----------------------------------------------------------------------------- */

static void read_seed(study_query *query, int column, sal_summarizer_info *info) {
    int type = sqlite3_column_type(query->statement, column);
    info->has_seed = type != SQLITE_NULL;
    info->seed = (uint64_t)sqlite3_column_int64(query->statement, column);
    if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(query->statement, column);
        info->seed = 0;
        for (const char *c = text ? text + 1 : ""; *c >= '0' && *c <= '9'; c++) {
            info->seed = info->seed * 10 + (uint64_t)(*c - '0');
        }
    }
}

static size_t name_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_summarizer_info *info = item;
    fields[0] = &info->name;
    fields[1] = &info->kind;
    fields[2] = &info->digest;
    fields[3] = &info->config;
    fields[4] = &info->model;
    fields[5] = &info->template_name;
    fields[6] = &info->length_policy;
    fields[7] = &info->family;
    return 8;
}

static void read_summarizer(study_query *query, int column, void *item) {
    sal_summarizer_info *info = item;
    *info = (sal_summarizer_info){
        .temperature = study_column_real(query, column),
        .top_p = study_column_real(query, column + 1),
        .top_k = study_column_real(query, column + 2),
        .repeat_penalty = study_column_real(query, column + 3),
        .parameters = study_column_real(query, column + 4),
        .nested = sqlite3_column_int(query->statement, column + 6) != 0,
        .key = sqlite3_column_int64(query->statement, column + 7),
    };
    read_seed(query, column + 5, info);
}

static const study_row_kind summarizer_kind = {sizeof(sal_summarizer_info), name_texts,
                                               read_summarizer};

int sal_study_list_summarizers(sal_study *study, sal_summarizer_list **out, sal_error *err) {
    const study_statement select = {
        .sql = "SELECT name, kind, digest, config, model, template, length_policy, family,"
               " temperature, top_p, top_k, repeat_penalty, parameters, seed, nested, summarizer"
               " FROM summarizers ORDER BY name"};
    sal_summarizer_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "summarizers");
    }
    int rc =
        study_read_rows(study, &select, &summarizer_kind, (void **)&list->items, &list->count, err);
    if (rc != SAL_OK) {
        sal_summarizer_list_free(list);
        return rc;
    }
    *out = list;
    return SAL_OK;
}

void sal_summarizer_list_free(sal_summarizer_list *list) {
    if (list == NULL) {
        return;
    }
    study_free_rows(&summarizer_kind, list->items, list->count);
    sal_free(list);
}
