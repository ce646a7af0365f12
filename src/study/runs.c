/* The run log: what was done to the study, with which options, by which version. */
#include <string.h>

#include "study/study_internal.h"

static int check_run(const sal_run *run, sal_error *err) {
    const char *const texts[] = {run->command, run->command_line, run->options, run->version};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] == NULL) {
            return sal_fail(err, SAL_EINVAL,
                            "the run log needs command, line, options and version");
        }
        int rc = study_check_text("a text of the run log", texts[i], strlen(texts[i]), err);
        if (rc != SAL_OK) {
            return rc;
        }
    }
    return SAL_OK;
}

/* There is one writer, so a run still called running when another begins was killed. */
static int mark_killed_runs(sal_study *study, sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(study, "UPDATE runs SET status = 'killed' WHERE status = 'running'",
                              &query, err);
    return rc == SAL_OK ? study_query_run(&query, err) : rc;
}

int sal_study_begin_run(sal_study *study, const sal_run *run, int64_t *key, sal_error *err) {
    study_query query = {0};
    int rc = check_run(run, err);
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    rc = mark_killed_runs(study, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study,
                              "INSERT INTO runs (command, command_line, options, hashes, version,"
                              " machine, started, status) VALUES (?, ?, ?, ?, ?, ?,"
                              " strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), 'running')",
                              &query, err);
    }
    if (rc == SAL_OK) {
        study_bind_text(&query, run->command);
        study_bind_text(&query, run->command_line);
        study_bind_text(&query, run->options);
        study_bind_text(&query, run->hashes);
        study_bind_text(&query, run->version);
        study_bind_text(&query, run->machine);
        rc = study_query_run(&query, err);
    }
    int64_t row = sqlite3_last_insert_rowid(study->database);
    rc = study_finish_write(study, rc, err);
    if (rc == SAL_OK) {
        *key = row;
    }
    return rc;
}

int sal_study_end_run(sal_study *study, int64_t key, const char *status, const sal_tally *tally,
                      double wall_seconds, double cpu_seconds, int64_t peak_bytes, sal_error *err) {
    study_query query = {0};
    int rc = study_begin_write(study, err);
    if (rc != SAL_OK) {
        return rc;
    }
    rc = study_query_open(study,
                          "UPDATE runs SET status = ?, done = ?, kept = ?, failed = ?, refused = ?,"
                          " truncated = ?, wall_seconds = ?, cpu_seconds = ?, peak_bytes = ?"
                          " WHERE run = ?",
                          &query, err);
    if (rc == SAL_OK) {
        sal_tally none = {0};
        const sal_tally *counts = tally ? tally : &none;
        study_bind_text(&query, status);
        study_bind_integer(&query, counts->done);
        study_bind_integer(&query, counts->kept);
        study_bind_integer(&query, counts->failed);
        study_bind_integer(&query, counts->refused);
        study_bind_integer(&query, counts->truncated);
        study_bind_real(&query, wall_seconds);
        study_bind_real(&query, cpu_seconds);
        study_bind_at_least_zero(&query, peak_bytes);
        study_bind_integer(&query, key);
        rc = study_query_run(&query, err);
    }
    if (rc == SAL_OK && sqlite3_changes(study->database) == 0) {
        rc = sal_fail(err, SAL_ENOTFOUND, "%s: the run log has no run %lld", study->path,
                      (long long)key);
    }
    return study_finish_write(study, rc, err);
}

int sal_study_note_run(sal_study *study, const char *name, const char *text, sal_error *err) {
    study_query query = {0};
    int rc = study_check_text("a name of the run log", name, strlen(name), err);
    if (rc == SAL_OK) {
        rc = study_check_text("a text of the run log", text, strlen(text), err);
    }
    if (rc == SAL_OK) {
        rc = study_begin_write(study, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    /* json_patch takes the name as a value, so that no character of it is read as a path. */
    rc = study_query_open(study,
                          "UPDATE runs SET hashes = json_patch(coalesce(hashes, '{}'),"
                          " json_object(?, ?)) WHERE status = 'running'",
                          &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, name);
        study_bind_text(&query, text);
        rc = study_query_run(&query, err);
    }
    return study_finish_write(study, rc, err);
}
