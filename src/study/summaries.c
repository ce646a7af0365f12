/* Summaries and their timings: stored unit by unit, a unit being what one call hands in. */
#include <string.h>

#include "study/study_internal.h"

static const char *const status_names[] = {"ok", "truncated", "refused", "failed"};
enum { STATUS_COUNT = sizeof status_names / sizeof status_names[0] };

const char *sal_status_name(sal_status status) {
    return (unsigned int)status < STATUS_COUNT ? status_names[status] : "unknown";
}

static int status_from_name(const char *name, sal_status *status, sal_error *err) {
    for (int i = 0; name != NULL && i < STATUS_COUNT; i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *status = (sal_status)i;
            return SAL_OK;
        }
    }
    return sal_fail(err, SAL_EFORMAT, "the study holds a summary of unknown status '%.40s'",
                    name ? name : "");
}

static int check_summary(const sal_summary *summary, sal_error *err) {
    if (summary->length < 0 || summary->replica < 0 || summary->words < 0 ||
        (unsigned int)summary->status >= STATUS_COUNT) {
        return sal_fail(
            err, SAL_EINVAL,
            "a summary has length %d, replica %d, status %d and %lld words; none may be "
            "negative, and the status is 0 to 3",
            summary->length, summary->replica, (int)summary->status, (long long)summary->words);
    }
    int rc = study_check_text("the text of a summary", summary->text, summary->text_length, err);
    if (rc == SAL_OK && summary->error != NULL) {
        rc =
            study_check_text("the error of a summary", summary->error, strlen(summary->error), err);
    }
    return rc;
}

static int put_summary(study_query *query, const sal_summary *summary, sal_error *err) {
    bool row = false;
    study_query_rewind(query);
    study_bind_integer(query, summary->document);
    study_bind_integer(query, summary->summarizer);
    study_bind_integer(query, summary->length);
    study_bind_integer(query, summary->replica);
    study_bind_text(query, sal_status_name(summary->status));
    study_bind_integer(query, summary->words);
    study_bind_at_least_zero(query, summary->tokens);
    study_bind_at_least_zero(query, summary->prompt_tokens);
    study_bind_bytes(query, summary->text, summary->text_length);
    study_bind_text(query, summary->error);
    return study_query_next(query, &row, err);
}

static int put_timing(sal_study *study, const sal_summary *unit, const sal_timing *timing,
                      sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "INSERT OR REPLACE INTO timings (document, summarizer,"
                              " prefill_seconds, decode_seconds, other_seconds, tokens)"
                              " VALUES (?, ?, ?, ?, ?, ?)",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_integer(&query, unit->document);
    study_bind_integer(&query, unit->summarizer);
    study_bind_real(&query, timing->prefill_seconds);
    study_bind_real(&query, timing->decode_seconds);
    study_bind_real(&query, timing->other_seconds);
    study_bind_at_least_zero(&query, timing->tokens);
    return study_query_run(&query, err);
}

/* Importance that was computed before a summary changed is out of date: its inputs become empty, which
 * no hash is. */
static int mark_importance(sal_study *study, const sal_summary *summary, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study,
                              "UPDATE importance_units SET inputs = ''"
                              " WHERE document = ? AND summarizer = ? AND inputs <> ''",
                              &query, err);
    if (rc != SAL_OK) {
        return rc;
    }
    study_bind_integer(&query, summary->document);
    study_bind_integer(&query, summary->summarizer);
    return study_query_run(&query, err);
}

static int put_all(sal_study *study, const sal_summary *summaries, size_t count, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(
        study,
        "INSERT INTO summaries (document, summarizer, length, replica, status, words, tokens,"
        " prompt_tokens, text, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (document, summarizer, length, replica) DO UPDATE SET"
        " status = excluded.status, words = excluded.words, tokens = excluded.tokens,"
        " prompt_tokens = excluded.prompt_tokens, text = excluded.text, error = excluded.error"
        " WHERE (status, words, tokens, prompt_tokens, text, error) IS NOT (excluded.status,"
        " excluded.words, excluded.tokens, excluded.prompt_tokens, excluded.text, excluded.error)",
        &query, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = check_summary(&summaries[i], err);
        if (rc == SAL_OK) {
            rc = put_summary(&query, &summaries[i], err);
        }
        if (rc == SAL_OK && sqlite3_changes(study->database) > 0) {
            rc = mark_importance(study, &summaries[i], err);
        }
        if (rc != SAL_OK) {
            rc = sal_fail_in(err, rc, "summary of document %lld, length %d",
                             (long long)summaries[i].document, summaries[i].length);
        }
    }
    study_query_close(&query);
    return rc;
}

int sal_study_put_summaries(sal_study *study, const sal_summary *summaries, size_t count,
                            const sal_timing *timing, sal_error *err) {
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK) {
        return rc;
    }
    rc = put_all(study, summaries, count, err);
    if (rc == SAL_OK && timing != NULL && count > 0) {
        rc = put_timing(study, &summaries[0], timing, err);
    }
    return study_finish_write(study, rc, err);
}

static int copy_summary(study_query *query, sal_summary *summary, sal_error *err) {
    char *text = NULL, *error = NULL;
    summary->length = sqlite3_column_int(query->statement, 0);
    summary->replica = sqlite3_column_int(query->statement, 1);
    summary->words = sqlite3_column_int64(query->statement, 3);
    summary->tokens = study_column_integer(query, 4, -1);
    summary->prompt_tokens = study_column_integer(query, 5, -1);
    int rc = status_from_name((const char *)sqlite3_column_text(query->statement, 2),
                              &summary->status, err);
    if (rc == SAL_OK) {
        rc = study_column_copy(query, 6, &text, &summary->text_length, err);
    }
    if (rc == SAL_OK) {
        rc = study_column_copy(query, 7, &error, NULL, err);
    }
    summary->text = text;
    summary->error = error;
    return rc;
}

static int collect_summaries(study_query *query, int64_t document, int64_t summarizer,
                             sal_summary_list *list, sal_error *err) {
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_next(query, &row, err);
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&list->items, &capacity, list->count, sizeof *list->items, err);
        if (rc != SAL_OK) {
            break;
        }
        sal_summary *summary = &list->items[list->count++];
        *summary = (sal_summary){.document = document, .summarizer = summarizer};
        rc = copy_summary(query, summary, err);
        if (rc == SAL_OK) {
            rc = study_query_next(query, &row, err);
        }
    }
    return rc;
}

int sal_study_get_summaries(sal_study *study, int64_t document, int64_t summarizer,
                            sal_summary_list **out, sal_error *err) {
    study_query query = {0};
    sal_summary_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL) {
        return sal_fail_memory(err, "summaries");
    }
    int rc = study_query_open(study,
                              "SELECT length, replica, status, words, tokens, prompt_tokens, text,"
                              " error FROM summaries WHERE document = ? AND summarizer = ?"
                              " ORDER BY length, replica",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, document);
        study_bind_integer(&query, summarizer);
        rc = collect_summaries(&query, document, summarizer, list, err);
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_summary_list_free(list);
        return rc;
    }
    *out = list;
    return SAL_OK;
}

void sal_summary_list_free(sal_summary_list *list) {
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        sal_free((char *)list->items[i].text);
        sal_free((char *)list->items[i].error);
    }
    sal_free(list->items);
    sal_free(list);
}

/* ---- what is missing ---------------------------------------------------------------------- */

/* Stored (length, replica) pairs of a unit that are among those asked for. */
static int count_present(study_query *query, int64_t document, int64_t summarizer,
                         const int *lengths, size_t count, int replicas, size_t *present,
                         sal_error *err) {
    bool row = false;
    *present = 0;
    study_query_rewind(query);
    study_bind_integer(query, document);
    study_bind_integer(query, summarizer);
    int rc = study_query_next(query, &row, err);
    for (; rc == SAL_OK && row; rc = study_query_next(query, &row, err)) {
        int length = sqlite3_column_int(query->statement, 0);
        for (size_t i = 0; i < count; i++) {
            if (lengths[i] == length && sqlite3_column_int(query->statement, 1) < replicas) {
                (*present)++;
                break;
            }
        }
    }
    return rc;
}

int sal_study_missing_summaries(sal_study *study, int64_t summarizer, const char *corpus,
                                int64_t limit, const int *lengths, size_t count, int replicas,
                                int64_t **keys, size_t *missing, size_t *total, sal_error *err) {
    study_query query = {0};
    int64_t *found = NULL;
    size_t documents = 0, kept = 0;
    if (replicas < 1 || count > SIZE_MAX / (size_t)replicas) {
        return sal_fail(err, SAL_EINVAL, "replicas is %d, at least 1 is needed", replicas);
    }
    int rc = sal_study_document_keys(study, corpus, limit, &found, &documents, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              "SELECT length, replica FROM summaries"
                              " WHERE document = ? AND summarizer = ?",
                              &query, err);
    }
    for (size_t i = 0; rc == SAL_OK && i < documents; i++) {
        size_t present = 0;
        rc = count_present(&query, found[i], summarizer, lengths, count, replicas, &present, err);
        if (rc == SAL_OK && present < count * (size_t)replicas) {
            found[kept++] = found[i];
        }
    }
    study_query_close(&query);
    if (rc != SAL_OK) {
        sal_free(found);
        return rc;
    }
    *keys = found;
    *missing = kept;
    *total = documents;
    return SAL_OK;
}
