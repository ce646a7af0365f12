/* Scores: one number each with its interval, replaced together for (corpus, summarizer, protocol). */
#include <string.h>

#include "study/study_internal.h"

static int remove_scores(sal_study *study, const char *corpus, int64_t summarizer,
                         sal_protocol protocol, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "DELETE FROM scores"
                              " WHERE corpus = ? AND summarizer = ? AND protocol = ?",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_text(&query, corpus);
    study_bind_integer(&query, summarizer);
    study_bind_text(&query, sal_protocol_name(protocol));
    return study_query_run(&query, err);
}

static int insert_score(study_query *query, const char *corpus, int64_t summarizer,
                        sal_protocol protocol, const sal_score *score, sal_error *err) {
    bool row = false;
    study_query_rewind(query);
    study_bind_text(query, corpus);
    study_bind_integer(query, summarizer);
    study_bind_text(query, sal_protocol_name(protocol));
    study_bind_text(query, score->words ? score->words : "");
    study_bind_text(query, score->measure);
    study_bind_integer(query, score->length);
    study_bind_real(query, score->value);
    study_bind_real(query, score->low);
    study_bind_real(query, score->high);
    study_bind_integer(query, score->documents);
    study_bind_integer(query, score->undefined);
    int rc = study_query_next(query, &row, err);
    return rc == SAL_OK ? rc : sal_fail_in(err, rc, "score %.80s", score->measure);
}

int sal_study_put_scores(sal_study *study, const char *corpus, int64_t summarizer,
                         sal_protocol protocol, const sal_score *scores, size_t count,
                         sal_error *err) {
    study_query query = {0};
    int rc = study_check_name("the corpus of a score", corpus, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = study_check_name("the measure of a score", scores[i].measure, err);
    }
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    rc = remove_scores(study, corpus, summarizer, protocol, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              "INSERT INTO scores (corpus, summarizer, protocol, words, measure,"
                              " length, value, low, high, documents, undefined)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    }
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = insert_score(&query, corpus, summarizer, protocol, &scores[i], err);
    }
    study_query_close(&query);
    return study_finish_write(study, rc, err);
}

static int copy_score(study_query *query, sal_score *score, sal_error *err) {
    char *corpus = NULL, *words = NULL, *measure = NULL;
    *score = (sal_score){
        .summarizer = sqlite3_column_int64(query->statement, 1),
        .protocol = sqlite3_column_int(query->statement, 2) != 0 ? SAL_PAPER : SAL_STRICT,
        .length = sqlite3_column_int(query->statement, 5),
        .value = study_column_real(query, 6),
        .low = study_column_real(query, 7),
        .high = study_column_real(query, 8),
        .documents = sqlite3_column_int64(query->statement, 9),
        .undefined = sqlite3_column_int64(query->statement, 10),
    };
    int rc = study_column_copy(query, 0, &corpus, NULL, err);
    if (rc == SAL_OK) {
        rc = study_column_copy(query, 3, &words, NULL, err);
    }
    if (rc == SAL_OK) {
        rc = study_column_copy(query, 4, &measure, NULL, err);
    }
    score->corpus = corpus;
    score->words = words;
    score->measure = measure;
    return rc;
}

int sal_study_get_scores(sal_study *study, sal_score_list **out, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    sal_score_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "scores");
    }
    int rc = study_query_open(
        study,
        "SELECT s.corpus, s.summarizer, s.protocol = 'paper', s.words, s.measure, s.length, "
        "s.value,"
        " s.low, s.high, s.documents, s.undefined FROM scores s JOIN summarizers z USING "
        "(summarizer)"
        " ORDER BY s.corpus, z.name, s.protocol = 'paper', s.words, s.measure, s.length",
        &query, err);
    if (rc == SAL_OK) {
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list->items, &capacity, list->count, sizeof *list->items, err);
        if (rc == SAL_OK) {
            rc = copy_score(&query, &list->items[list->count++], err);
        }
        if (rc == SAL_OK) {
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_score_list_free(list);
        return rc;
    }
    *out = list;
    return SAL_OK;
}

void sal_score_list_free(sal_score_list *list) {
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        sal_free((char *)list->items[i].corpus);
        sal_free((char *)list->items[i].words);
        sal_free((char *)list->items[i].measure);
    }
    sal_free(list->items);
    sal_free(list);
}
