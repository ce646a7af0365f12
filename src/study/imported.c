/* Importance that others computed: kept as it came, apart from the importance that the stage makes from it. */
#include <string.h>

#include "study/study_internal.h"

static int check_words(const sal_imported_word *words, size_t count, sal_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (words[i].word == NULL) {
            return sal_fail(err, SAL_EINVAL, "a word is missing");
        }
        int rc = study_check_text("a word", words[i].word, strlen(words[i].word), err);
        if (rc != SAL_OK) {
            return rc;
        }
        if (!(words[i].importance >= 0 && words[i].importance <= 1)) {
            return sal_fail(err, SAL_EINVAL,
                            "the word '%.80s' has the importance %g, where 0 to 1 is allowed",
                            words[i].word, words[i].importance);
        }
        if (i > 0 && strcmp(words[i - 1].word, words[i].word) >= 0) {
            return sal_fail(err, SAL_EINVAL, "the words are not sorted: '%.80s' before '%.80s'",
                            words[i - 1].word, words[i].word);
        }
    }
    return SAL_OK;
}

/* Run a statement whose parameters are document and summarizer. */
static int run_for_pair(sal_study *study, const char *sql, int64_t document, int64_t summarizer,
                        sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, sql, &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_integer(&query, document);
    study_bind_integer(&query, summarizer);
    return study_query_run(&query, err);
}

static int insert_words(sal_study *study, int64_t document, int64_t summarizer,
                        const sal_imported_word *words, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO imported_importance (document, summarizer, word,"
                              " importance) VALUES (?, ?, ?, ?)",
                              &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        bool row = false;
        study_query_rewind(&query);
        study_bind_integer(&query, document);
        study_bind_integer(&query, summarizer);
        study_bind_text(&query, words[i].word);
        study_bind_real(&query, words[i].importance);
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_imported(sal_study *study, int64_t document, int64_t summarizer,
                           const sal_imported_word *words, size_t count, sal_error *err) {
    int rc = check_words(words, count, err);
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return sal_fail_in(err, rc, "imported importance of document %lld", (long long)document);
    }
    rc =
        run_for_pair(study, "DELETE FROM imported_importance WHERE document = ? AND summarizer = ?",
                     document, summarizer, err);
    if (rc == SAL_OK) {
        rc = insert_words(study, document, summarizer, words, count, err);
    }
    /* What was computed from something else is out of date: no hash is empty. */
    if (rc == SAL_OK) {
        rc = run_for_pair(study,
                          "UPDATE importance_units SET inputs = ''"
                          " WHERE document = ? AND summarizer = ? AND inputs <> ''",
                          document, summarizer, err);
    }
    return study_finish_write(study, rc, err);
}

int sal_study_get_imported(sal_study *study, int64_t document, int64_t summarizer,
                           sal_imported_list **out, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    sal_imported_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "imported importance");
    }
    int rc = study_query_open(study,
                              "SELECT word, importance FROM imported_importance"
                              " WHERE document = ? AND summarizer = ? ORDER BY word",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, document);
        study_bind_integer(&query, summarizer);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        char *word = NULL;
        rc = sal_grow((void **)&list->words, &capacity, list->count, sizeof *list->words, err);
        if (rc == SAL_OK) {
            rc = study_column_copy(&query, 0, &word, NULL, err);
        }
        if (rc == SAL_OK) {
            list->words[list->count++] =
                (sal_imported_word){word, sqlite3_column_double(query.statement, 1)};
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    if (rc != SAL_OK || list->count == 0) {
        sal_imported_list_free(list);
        list = NULL;
    }
    if (rc == SAL_OK) {
        *out = list;
    }
    return rc;
}

void sal_imported_list_free(sal_imported_list *list) {
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        sal_free((char *)list->words[i].word);
    }
    sal_free(list->words);
    sal_free(list);
}
