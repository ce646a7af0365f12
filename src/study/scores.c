/* Scores: one number each with its interval, replaced together for (corpus, summarizer, protocol). */
#include "study/table.h"

/* ---- writing ------------------------------------------------------------------------------ */

typedef struct score_key {
    const char *corpus;
    int64_t summarizer;
    sal_protocol protocol;
} score_key;

static void bind_key(study_query *query, const void *key) {
    const score_key *of = key;
    study_bind_text(query, of->corpus);
    study_bind_integer(query, of->summarizer);
    study_bind_text(query, sal_protocol_name(of->protocol));
}

static void bind_score(study_query *query, const void *item) {
    const sal_score *score = item;
    study_bind_text(query, score->words ? score->words : "");
    study_bind_text(query, score->measure);
    study_bind_integer(query, score->length);
    study_bind_real(query, score->value);
    study_bind_real(query, score->low);
    study_bind_real(query, score->high);
    study_bind_integer(query, score->documents);
    study_bind_integer(query, score->undefined);
}

static int explain(int code, const void *key, const void *item, sal_error *err) {
    (void)key;
    return sal_fail_in(err, code, "score %.80s", ((const sal_score *)item)->measure);
}

static const study_table scores_table = {
    .remove = "DELETE FROM scores WHERE corpus = ? AND summarizer = ? AND protocol = ?",
    .insert = "INSERT INTO scores (corpus, summarizer, protocol, words, measure, length, value,"
              " low, high, documents, undefined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    .bind_key = bind_key,
    .bind_row = bind_score,
    .size = sizeof(sal_score),
    .explain = explain,
};

int sal_study_put_scores(sal_study *study, const char *corpus, int64_t summarizer,
                         sal_protocol protocol, const sal_score *scores, size_t count,
                         sal_error *err) {
    const score_key key = {corpus, summarizer, protocol};
    int rc = study_check_name("the corpus of a score", corpus, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = study_check_name("the measure of a score", scores[i].measure, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    return study_replace_rows(study, &scores_table, &key, scores, count, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static size_t name_texts(void *item, const char **fields[STUDY_TEXTS]) {
    sal_score *score = item;
    fields[0] = &score->corpus;
    fields[1] = &score->words;
    fields[2] = &score->measure;
    return 3;
}

static void read_score(study_query *query, int column, void *item) {
    sqlite3_stmt *statement = query->statement;
    *(sal_score *)item = (sal_score){
        .summarizer = sqlite3_column_int64(statement, column),
        .protocol = sqlite3_column_int(statement, column + 1) != 0 ? SAL_PAPER : SAL_STRICT,
        .length = sqlite3_column_int(statement, column + 2),
        .value = study_column_real(query, column + 3),
        .low = study_column_real(query, column + 4),
        .high = study_column_real(query, column + 5),
        .documents = sqlite3_column_int64(statement, column + 6),
        .undefined = sqlite3_column_int64(statement, column + 7),
    };
}

static const study_row_kind score_kind = {sizeof(sal_score), name_texts, read_score};

int sal_study_get_scores(sal_study *study, sal_score_list **out, sal_error *err) {
    const study_statement select = {
        .sql = "SELECT s.corpus, s.words, s.measure, s.summarizer, s.protocol = 'paper', s.length,"
               " s.value, s.low, s.high, s.documents, s.undefined FROM scores s"
               " JOIN summarizers z USING (summarizer)"
               " ORDER BY s.corpus, z.name, s.protocol = 'paper', s.words, s.measure, s.length"};
    sal_score_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "scores");
    }
    int rc = study_read_rows(study, &select, &score_kind, (void **)&list->items, &list->count, err);
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
    study_free_rows(&score_kind, list->items, list->count);
    sal_free(list);
}
