/* Checks of what callers hand in: names and texts, before they are bound. */
#include <string.h>

#include "study/study_internal.h"

int study_check_name(const char *what, const char *name, sal_error *err) {
    if (name == NULL || name[0] == '\0') {
        return sal_fail(err, SAL_EINVAL, "%s is empty", what);
    }
    size_t length = strlen(name), bad = 0;
    if (length > STUDY_MAXIMUM_NAME) {
        return sal_fail(err, SAL_ELIMIT, "%s has %zu bytes, at most %d are allowed: %.40s...", what,
                        length, STUDY_MAXIMUM_NAME, name);
    }
    if (!sal_utf8_valid(name, length, &bad)) {
        return sal_fail(err, SAL_EFORMAT, "%s is not valid UTF-8 at byte %zu", what, bad);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return sal_fail(err, SAL_EINVAL, "%s has a control character at byte %zu: %s", what, i,
                            name);
        }
    }
    return SAL_OK;
}

int study_check_text(const char *what, const char *text, size_t length, sal_error *err) {
    size_t bad = 0;
    if (text == NULL && length > 0) {
        return sal_fail(err, SAL_EINVAL, "%s is missing", what);
    }
    if (length > STUDY_MAXIMUM_TEXT) {
        return sal_fail(err, SAL_ELIMIT, "%s has %zu bytes, at most %zu are allowed", what, length,
                        STUDY_MAXIMUM_TEXT);
    }
    if (length > 0 && !sal_utf8_valid(text, length, &bad)) {
        return sal_fail(err, SAL_EFORMAT, "%s is not valid UTF-8 at byte %zu", what, bad);
    }
    return SAL_OK;
}

static int list_corpora(sal_study *study, sal_buffer *names, sal_error *err) {
    study_query query = {0};
    bool row = true;
    int rc = study_query_open(study, "SELECT DISTINCT corpus FROM documents ORDER BY corpus",
                              &query, err);
    while (rc == SAL_OK) {
        rc = study_query_next(&query, &row, err);
        if (rc != SAL_OK || !row) {
            break;
        }
        const char *name = (const char *)sqlite3_column_text(query.statement, 0);
        rc = sal_buffer_add_format(names, err, "%s%s", names->length > 0 ? ", " : "",
                                   name ? name : "");
    }
    study_query_close(&query);
    return rc;
}

int study_check_corpus(sal_study *study, const char *corpus, sal_error *err) {
    if (corpus == NULL) {
        return SAL_OK;
    }
    study_query query = {0};
    sal_buffer names = {0};
    bool row = false;
    int rc =
        study_query_open(study, "SELECT 1 FROM documents WHERE corpus = ? LIMIT 1", &query, err);
    if (rc != SAL_OK) {
        goto done;
    }
    study_bind_text(&query, corpus);
    rc = study_query_next(&query, &row, err);
    if (rc != SAL_OK || row) {
        goto done;
    }
    rc = list_corpora(study, &names, err);
    if (rc == SAL_OK) {
        rc = sal_fail(err, SAL_ENOTFOUND, "%s: has no corpus '%s'; it has %s", study->path, corpus,
                      names.length > 0 ? names.bytes : "no documents yet");
    }
done:
    sal_buffer_free(&names);
    study_query_close(&query);
    return rc;
}
