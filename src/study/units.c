/* What is missing, by single summaries: for stages that store each as it comes. */
#include <string.h>

#include "study/study_internal.h"

/* Which (length, replica) of a document need no work: stored, and not failed. */
static int mark_present(study_query *query, int64_t document, int64_t summarizer,
                        const int *lengths, size_t count, int replicas, bool *present,
                        sal_error *err) {
    bool row = false;
    memset(present, 0, count * (size_t)replicas * sizeof *present);
    study_query_rewind(query);
    study_bind_integer(query, document);
    study_bind_integer(query, summarizer);
    int rc = study_query_next(query, &row, err);
    for (; rc == SAL_OK && row; rc = study_query_next(query, &row, err)) {
        const int length = sqlite3_column_int(query->statement, 0);
        const int replica = sqlite3_column_int(query->statement, 1);
        for (size_t i = 0; i < count; i++) {
            if (lengths[i] == length && replica < replicas) {
                present[i * (size_t)replicas + (size_t)replica] = true;
            }
        }
    }
    return rc;
}

int sal_study_missing_units(sal_study *study, int64_t summarizer, const char *corpus, int64_t limit,
                            const int *lengths, size_t count, int replicas,
                            sal_summary_unit **units, size_t *missing, size_t *total,
                            sal_error *err) {
    study_query query = {0};
    int64_t *keys = NULL;
    bool *present = NULL;
    sal_summary_unit *found = NULL;
    size_t documents = 0, kept = 0, capacity = 0;
    if (replicas < 1 || count > SIZE_MAX / (size_t)replicas) {
        return sal_fail(err, SAL_EINVAL, "replicas is %d, at least 1 is needed", replicas);
    }
    const size_t each = count * (size_t)replicas;
    int rc = sal_study_document_keys(study, corpus, limit, &keys, &documents, err);
    present = sal_calloc(each, sizeof *present);
    if (rc == SAL_OK && present == NULL) {
        rc = sal_fail_memory(err, "missing summaries");
    }
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              "SELECT length, replica FROM summaries"
                              " WHERE document = ? AND summarizer = ? AND status <> 'failed'",
                              &query, err);
    }
    for (size_t i = 0; rc == SAL_OK && i < documents; i++) {
        rc = mark_present(&query, keys[i], summarizer, lengths, count, replicas, present, err);
        for (size_t k = 0; rc == SAL_OK && k < each; k++) {
            if (present[k]) {
                continue;
            }
            rc = sal_grow((void **)&found, &capacity, kept, sizeof *found, err);
            if (rc == SAL_OK) {
                found[kept++] = (sal_summary_unit){keys[i], lengths[k / (size_t)replicas],
                                                   (int)(k % (size_t)replicas)};
            }
        }
    }
    study_query_close(&query);
    sal_free(keys);
    sal_free(present);
    if (rc != SAL_OK) {
        sal_free(found);
        return rc;
    }
    *units = found;
    *missing = kept;
    *total = documents * each;
    return SAL_OK;
}
