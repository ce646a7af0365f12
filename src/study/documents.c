/* Documents: stored as they came, keyed by corpus and id, found in import order. */
#include <string.h>

#include "salient/file.h"
#include "study/table.h"

static int check_document(const sal_document *document, sal_error *err) {
    int rc = study_check_name("the corpus name", document->corpus, err);
    if (rc == SAL_OK) {
        rc = study_check_name("the document id", document->id, err);
    }
    if (rc == SAL_OK) {
        rc = study_check_name("the language", document->language, err);
    }
    if (rc == SAL_OK) {
        rc = study_check_name("the kind", document->kind, err);
    }
    if (rc == SAL_OK) {
        rc = study_check_text("the text", document->text, document->text_length, err);
    }
    if (rc == SAL_OK && document->reference != NULL) {
        rc =
            study_check_text("the reference", document->reference, document->reference_length, err);
    }
    if (rc != SAL_OK && document->id != NULL) {
        return sal_fail_in(err, rc, "document %.80s", document->id);
    }
    return rc;
}

static int insert_document(sal_study *study, const sal_document *document, const char *hash,
                           sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT INTO documents (corpus, id, language, kind, text, reference,"
                              " hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_text(&query, document->corpus);
    study_bind_text(&query, document->id);
    study_bind_text(&query, document->language);
    study_bind_text(&query, document->kind);
    study_bind_bytes(&query, document->text, document->text_length);
    if (document->reference != NULL) {
        study_bind_bytes(&query, document->reference, document->reference_length);
    } else {
        study_bind_text(&query, NULL);
    }
    study_bind_text(&query, hash);
    return study_query_run(&query, err);
}

static int fill_in_reference(sal_study *study, int64_t key, const sal_document *document,
                             sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, "UPDATE documents SET reference = ? WHERE document = ?",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_bytes(&query, document->reference, document->reference_length);
    study_bind_integer(&query, key);
    return study_query_run(&query, err);
}

/* Compare with the row that has the id: *added tells the outcome, *fill that its reference is missing
 * and ours is not. */
static int compare_existing(sal_study *study, const sal_document *document, const char *hash,
                            sal_added *added, bool *fill, int64_t *key, sal_error *err) {
    study_query query = {0};
    bool row = false;
    *added = SAL_ADDED_NEW;
    *fill = false;
    int rc = study_query_open(study,
                              "SELECT document, hash, reference FROM documents"
                              " WHERE corpus = ? AND id = ?",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_text(&query, document->corpus);
    study_bind_text(&query, document->id);
    rc = study_query_next(&query, &row, err);
    if (rc == SAL_OK && row) {
        const char *its_hash = (const char *)sqlite3_column_text(query.statement, 1);
        const char *its_reference = (const char *)sqlite3_column_text(query.statement, 2);
        size_t length = (size_t)sqlite3_column_bytes(query.statement, 2);
        bool same = its_hash != NULL && strcmp(its_hash, hash) == 0;
        *key = sqlite3_column_int64(query.statement, 0);
        *fill = same && its_reference == NULL && document->reference != NULL;
        if (its_reference != NULL && document->reference != NULL) {
            same = same && length == document->reference_length &&
                   memcmp(its_reference, document->reference, length) == 0;
        }
        *added = same ? SAL_ADDED_SAME : SAL_ADDED_CONFLICT;
    }
    study_query_close(&query);
    return rc;
}

int sal_study_add_document(sal_study *study, const sal_document *document, sal_added *added,
                           int64_t *key, sal_error *err) {
    char hash[65];
    bool fill = false;
    int64_t row = 0;
    sal_added outcome = SAL_ADDED_NEW;
    int rc = check_document(document, err);
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    sal_sha256_of(document->text ? document->text : "", document->text_length, hash);
    rc = compare_existing(study, document, hash, &outcome, &fill, &row, err);
    if (rc == SAL_OK && outcome == SAL_ADDED_NEW) {
        rc = insert_document(study, document, hash, err);
        row = sqlite3_last_insert_rowid(study->database);
    } else if (rc == SAL_OK && fill) {
        rc = fill_in_reference(study, row, document, err);
    }
    rc = study_finish_write(study, rc, err);
    if (rc != SAL_OK) {
        return sal_fail_in(err, rc, "document %.80s", document->id);
    }
    *added = outcome;
    if (key != NULL) {
        *key = row;
    }
    return SAL_OK;
}

/* Count off limit documents of each corpus from rows (document, corpus) in order. */
static int collect_keys(study_query *query, int64_t limit, int64_t **keys, size_t *count,
                        sal_error *err) {
    sal_buffer corpus = {0};
    size_t capacity = 0;
    int64_t in_corpus = 0;
    bool row = false, first = true;
    int rc = study_query_next(query, &row, err);
    for (; rc == SAL_OK && row; rc = study_query_next(query, &row, err)) {
        const char *name = (const char *)sqlite3_column_text(query->statement, 1);
        if (name == NULL) {
            rc = sal_fail_memory(err, "a corpus name");
            break;
        }
        if (first || strcmp(name, corpus.bytes) != 0) {
            first = false;
            in_corpus = 0;
            sal_buffer_clear(&corpus);
            rc = sal_buffer_add_string(&corpus, name, err);
        }
        if (rc == SAL_OK && (limit < 0 || in_corpus < limit)) {
            rc = sal_grow((void **)keys, &capacity, *count, sizeof **keys, err);
            if (rc == SAL_OK) {
                (*keys)[(*count)++] = sqlite3_column_int64(query->statement, 0);
                in_corpus++;
            }
        }
        if (rc != SAL_OK) {
            break;
        }
    }
    sal_buffer_free(&corpus);
    return rc;
}

int sal_study_document_keys(sal_study *study, const char *corpus, int64_t limit, int64_t **keys,
                            size_t *count, sal_error *err) {
    study_query query = {0};
    int64_t *found = NULL;
    size_t found_count = 0;
    int rc = study_check_corpus(study, corpus, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              corpus != NULL ? "SELECT document, corpus FROM documents"
                                               " WHERE corpus = ? ORDER BY document"
                                             : "SELECT document, corpus FROM documents"
                                               " ORDER BY corpus, document",
                              &query, err);
    }
    if (rc == SAL_OK) {
        if (corpus != NULL) {
            study_bind_text(&query, corpus);
        }
        rc = collect_keys(&query, limit, &found, &found_count, err);
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_free(found);
        return rc;
    }
    *keys = found;
    *count = found_count;
    return SAL_OK;
}

static int copy_document(study_query *query, sal_document *document, sal_error *err) {
    char *texts[7] = {0};
    size_t lengths[7] = {0};
    int rc = SAL_OK;
    for (int i = 0; i < 7 && rc == SAL_OK; i++) {
        rc = study_column_copy(query, i, &texts[i], &lengths[i], err);
    }
    document->corpus = texts[0];
    document->id = texts[1];
    document->language = texts[2];
    document->kind = texts[3];
    document->text = texts[4];
    document->text_length = lengths[4];
    document->reference = texts[5];
    document->reference_length = lengths[5];
    document->hash = texts[6];
    return rc;
}

int sal_study_get_document(sal_study *study, int64_t key, sal_document **out, sal_error *err) {
    study_query query = {0};
    bool row = false;
    sal_document *document = sal_calloc(1, sizeof *document);
    if (document == NULL) {
        return sal_fail_memory(err, "a document");
    }
    document->key = key;
    int rc = study_query_open(study,
                              "SELECT corpus, id, language, kind, text, reference, hash"
                              " FROM documents WHERE document = ?",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, key);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && !row) {
        rc = sal_fail(err, SAL_ENOTFOUND, "%s: no document has the key %lld", study->path,
                      (long long)key);
    }
    if (rc == SAL_OK) {
        rc = copy_document(&query, document, err);
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_document_free(document);
        return rc;
    }
    *out = document;
    return SAL_OK;
}

int sal_study_find_document(sal_study *study, const char *corpus, const char *id, int64_t *key,
                            sal_error *err) {
    study_query query = {0};
    bool row = false, another = false;
    int64_t found = 0;
    int rc = study_check_corpus(study, corpus, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              corpus != NULL
                                  ? "SELECT document FROM documents WHERE id = ? AND corpus = ?"
                                  : "SELECT document FROM documents WHERE id = ? LIMIT 2",
                              &query, err);
    }
    if (rc == SAL_OK) {
        study_bind_text(&query, id);
        if (corpus != NULL) {
            study_bind_text(&query, corpus);
        }
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        found = sqlite3_column_int64(query.statement, 0);
        rc = study_query_next(&query, &another, err);
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        return rc;
    }
    if (!row) {
        return sal_fail(err, SAL_ENOTFOUND,
                        "%s: no document has the id '%.200s'%s%s; salient export %s --table "
                        "documents lists them",
                        study->path, id, corpus ? " in corpus " : "", corpus ? corpus : "",
                        study->path);
    }
    if (another) {
        return sal_fail(err, SAL_EINVAL,
                        "%s: several corpora have a document '%.200s'; say which with --corpus",
                        study->path, id);
    }
    *key = found;
    return SAL_OK;
}

void sal_document_free(sal_document *document) {
    if (document == NULL) {
        return;
    }
    sal_free((char *)document->corpus);
    sal_free((char *)document->id);
    sal_free((char *)document->language);
    sal_free((char *)document->kind);
    sal_free((char *)document->text);
    sal_free((char *)document->reference);
    sal_free((char *)document->hash);
    sal_free(document);
}

static size_t name_string(void *item, const char **fields[STUDY_TEXTS]) {
    fields[0] = item;
    return 1;
}

int sal_study_corpora(sal_study *study, char ***names, size_t *count, sal_error *err) {
    static const study_row_kind string_kind = {sizeof(char *), name_string, NULL};
    const study_statement select = {.sql = "SELECT DISTINCT corpus FROM documents ORDER BY corpus"};
    char **found = NULL;
    size_t found_count = 0;
    int rc = study_read_rows(study, &select, &string_kind, (void **)&found, &found_count, err);
    if (rc != SAL_OK) {
        sal_strings_free(found, found_count);
        return rc;
    }
    *names = found;
    *count = found_count;
    return SAL_OK;
}
