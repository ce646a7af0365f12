/* Importance that others computed: kept as it came, apart from the importance that the stage makes from it. */
#include <string.h>

#include "study/table.h"

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

static void bind_word(study_query *query, const void *item) {
    const sal_imported_word *word = item;
    study_bind_text(query, word->word);
    study_bind_real(query, word->importance);
}

static const study_table words_table = {
    .remove = "DELETE FROM imported_importance WHERE document = ? AND summarizer = ?",
    .insert = "INSERT INTO imported_importance (document, summarizer, word, importance)"
              " VALUES (?, ?, ?, ?)",
    .bind_key = study_bind_pair_key,
    .bind_row = bind_word,
    .size = sizeof(sal_imported_word),
};

int sal_study_put_imported(sal_study *study, int64_t document, int64_t summarizer,
                           const sal_imported_word *words, size_t count, sal_error *err) {
    const int64_t pair[2] = {document, summarizer};
    /* What was computed from something else is out of date: no hash is empty. */
    const study_statement outdate = {"UPDATE importance_units SET inputs = ''"
                                     " WHERE document = ? AND summarizer = ? AND inputs <> ''",
                                     study_bind_pair_key, pair};
    int rc = check_words(words, count, err);
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return sal_fail_in(err, rc, "imported importance of document %lld", (long long)document);
    }
    rc = study_replace_rows(study, &words_table, pair, words, count, err);
    if (rc == SAL_OK) {
        rc = study_run_statement(study, &outdate, err);
    }
    return study_finish_write(study, rc, err);
}

static size_t name_texts(void *item, const char **fields[STUDY_TEXTS]) {
    fields[0] = &((sal_imported_word *)item)->word;
    return 1;
}

static void read_word(study_query *query, int column, void *item) {
    ((sal_imported_word *)item)->importance = sqlite3_column_double(query->statement, column);
}

static const study_row_kind word_kind = {sizeof(sal_imported_word), name_texts, read_word};

int sal_study_get_imported(sal_study *study, int64_t document, int64_t summarizer,
                           sal_imported_list **out, sal_error *err) {
    const int64_t pair[2] = {document, summarizer};
    const study_statement select = {"SELECT word, importance FROM imported_importance"
                                    " WHERE document = ? AND summarizer = ? ORDER BY word",
                                    study_bind_pair_key, pair};
    sal_imported_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "imported importance");
    }
    int rc = study_read_rows(study, &select, &word_kind, (void **)&list->words, &list->count, err);
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
    study_free_rows(&word_kind, list->words, list->count);
    sal_free(list);
}
