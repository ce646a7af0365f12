/* Checking a study: what the file itself, its references, its hashes and its numbers say.
 *
 * Each check is a query whose rows are problems: the first column is the text to show. Hashes need the
 * text of every row, so these two compare row by row. */
#include <string.h>

#include "salient/file.h"
#include "study/study_internal.h"

typedef struct check {
    sal_study *study;
    void (*found)(void *context, const char *problem);
    void *context;
    int64_t problems;
} check;

static void tell(check *state, const char *problem) {
    state->problems++;
    if (state->found != NULL) {
        state->found(state->context, problem);
    }
}

/* SQLite's own checks: pages, indexes, NOT NULL, CHECK; then references to rows that are not there. */
static const char *const structure_checks[] = {
    "SELECT 'the database file: ' || integrity_check FROM pragma_integrity_check"
    " WHERE integrity_check <> 'ok'",
    "SELECT 'table ' || \"table\" || ', row ' || coalesce(rowid, '?') ||"
    " ': refers to a row of ' || parent || ' that is not there' FROM pragma_foreign_key_check",
};

#define DOCUMENT_OF(row)                                                                           \
    "'document ' || coalesce((SELECT corpus || '/' || id FROM documents d WHERE d.document = " row \
    ".document), " row ".document)"
#define SUMMARIZER_OF(row)                                                                         \
    "coalesce((SELECT name FROM summarizers z WHERE z.summarizer = " row ".summarizer), " row      \
    ".summarizer)"

static const char *const content_checks[] = {
    "SELECT " DOCUMENT_OF("s") " || ', summary of ' || " SUMMARIZER_OF(
        "s") " || ', length ' ||"
             " s.length || ': status ''' || s.status || ''' is none of ok, truncated, refused, "
             "failed'"
             " FROM summaries s WHERE s.status NOT IN ('ok', 'truncated', 'refused', 'failed')",
    "SELECT " DOCUMENT_OF("s") " || ', summary of ' || " SUMMARIZER_OF(
        "s") " || ': length ' ||"
             " s.length || ', replica ' || s.replica || ', words ' || s.words || ': none may be "
             "negative'"
             " FROM summaries s WHERE s.length < 0 OR s.replica < 0 OR s.words < 0",
    "SELECT " DOCUMENT_OF("u") " || ', importance by ' || " SUMMARIZER_OF(
        "u") " || ', ' ||"
             " u.protocol || ': the word ''' || i.word || ''' is counted ' || i.count || ' times, "
             "but there"
             " are ' || u.summaries || ' summaries'"
             " FROM importance i JOIN importance_units u ON u.unit = i.unit"
             " WHERE i.count < 0 OR i.count > u.summaries",
    "SELECT " DOCUMENT_OF("u") " || ', importance by ' || " SUMMARIZER_OF(
        "u") " || ', ' ||"
             " u.protocol || ': there are no summaries it could come from' FROM importance_units u"
             " WHERE NOT EXISTS (SELECT 1 FROM summaries s WHERE s.document = u.document"
             " AND s.summarizer = u.summarizer) AND NOT EXISTS (SELECT 1 FROM imported_importance y"
             " WHERE y.document = u.document AND y.summarizer = u.summarizer)",
    "SELECT " DOCUMENT_OF("y") " || ', importance imported as ' || " SUMMARIZER_OF(
        "y") " || ': the word ''' || y.word || ''' has ' || y.importance || ', where 0 to 1 is"
             " allowed' FROM imported_importance y WHERE NOT y.importance BETWEEN 0 AND 1",
    "SELECT " DOCUMENT_OF("u") " || ', importance by ' || " SUMMARIZER_OF(
        "u") " || ': protocol '''"
             " || u.protocol || ''' is neither strict nor paper' FROM importance_units u"
             " WHERE u.protocol NOT IN ('strict', 'paper')",
    "SELECT 'scores of corpus ' || corpus || ': no document belongs to it' FROM scores"
    " WHERE corpus NOT IN (SELECT corpus FROM documents) GROUP BY corpus",
    "SELECT " DOCUMENT_OF("u") " || ', heads of ' || coalesce((SELECT name FROM head_models m JOIN "
                               "head_analyses a USING (model) WHERE a.analysis = u.analysis), '?')"
                               " || ': arrays do not have the size that words, rows and metrics "
                               "say' FROM head_units u JOIN head_analyses a USING (analysis)"
                               " WHERE length(u.facts) <> 4 * 8 * u.words OR length(u.vectors) <>"
                               " 4 * u.words * json_array_length(a.rows) OR EXISTS (SELECT 1 FROM"
                               " head_scores s WHERE s.unit = u.unit AND length(s.scores) <>"
                               " 8 * json_array_length(a.rows) * json_array_length(a.metrics))",
    "SELECT " DOCUMENT_OF("u") " || ', retrieval heads of ' || coalesce((SELECT name FROM"
                               " head_models m WHERE m.model = u.model), '?')"
                               " || ': hits do not have the size that layers and heads say'"
                               " FROM retrieval_units u"
                               " WHERE length(u.hits) <> 4 * u.layers * u.heads",
};

/* No damage, but good to know. */
static const char *const notes[] = {
    "SELECT 'note: importance by ' || z.name || ', ' || u.protocol || ', corpus ' || d.corpus ||"
    " ': ' || count(*) || ' documents are out of date, as summaries changed since; salient"
    " importance computes them anew' FROM importance_units u JOIN documents d USING (document)"
    " JOIN summarizers z USING (summarizer) WHERE u.inputs = ''"
    " GROUP BY z.name, u.protocol, d.corpus ORDER BY z.name, u.protocol, d.corpus",
};

static int run_check(check *state, const char *sql, sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(state->study, sql, &query, err);
    if (rc == SAL_OK) {
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        const char *text = (const char *)sqlite3_column_text(query.statement, 0);
        tell(state, text ? text : "a row that cannot be shown");
        rc = study_query_next(&query, &row, err);
    }
    study_query_close(&query);
    return rc;
}

/* Rows (what, text, digest): the digest must be that of the text. */
static int check_digests(check *state, const char *sql, sal_error *err) {
    study_query query = {0};
    sal_buffer problem = {0};
    bool row = false;
    int rc = study_query_open(state->study, sql, &query, err);
    if (rc == SAL_OK) {
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        char digest[65];
        const char *what = (const char *)sqlite3_column_text(query.statement, 0);
        const char *text = (const char *)sqlite3_column_text(query.statement, 1);
        size_t length = (size_t)sqlite3_column_bytes(query.statement, 1);
        const char *stored = (const char *)sqlite3_column_text(query.statement, 2);
        sal_sha256_of(text ? text : "", length, digest);
        if (stored == NULL || strcmp(stored, digest) != 0) {
            sal_buffer_clear(&problem);
            rc = sal_buffer_add_format(&problem, err,
                                       "%.400s has the hash %.64s, but %.64s is stored",
                                       what ? what : "a text", digest, stored ? stored : "none");
            if (rc == SAL_OK) {
                tell(state, problem.bytes);
            }
        }
        if (rc == SAL_OK) {
            rc = study_query_next(&query, &row, err);
        }
    }
    sal_buffer_free(&problem);
    study_query_close(&query);
    return rc;
}

static int run_checks(check *state, const char *const *checks, size_t count, sal_error *err) {
    int rc = SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = run_check(state, checks[i], err);
    }
    return rc;
}

static int run_all(check *state, sal_error *err) {
    int rc = run_checks(state, structure_checks,
                        sizeof structure_checks / sizeof structure_checks[0], err);
    if (rc == SAL_OK) {
        rc = check_digests(state,
                           "SELECT 'document ' || corpus || '/' || id || ': its text', text, hash"
                           " FROM documents ORDER BY corpus, document",
                           err);
    }
    if (rc == SAL_OK) {
        rc = check_digests(state,
                           "SELECT 'summarizer ' || name || ': its configuration', config, digest"
                           " FROM summarizers ORDER BY name",
                           err);
    }
    if (rc == SAL_OK) {
        rc = run_checks(state, content_checks, sizeof content_checks / sizeof content_checks[0],
                        err);
    }
    int64_t problems = state->problems;
    if (rc == SAL_OK) {
        rc = run_checks(state, notes, sizeof notes / sizeof notes[0], err);
        state->problems = problems;
    }
    return rc;
}

int sal_study_verify(sal_study *study, void (*found)(void *context, const char *problem),
                     void *context, int64_t *problems, sal_error *err) {
    check state = {.study = study, .found = found, .context = context};
    sal_error failure = {0};
    int rc = run_all(&state, &failure);
    if (rc == SAL_EFORMAT) {
        /* Too damaged to be read to the end: that is a finding, not a failure to look. */
        tell(&state, failure.text);
        rc = SAL_OK;
    }
    if (rc != SAL_OK) {
        return sal_fail(err, rc, "%s", failure.text);
    }
    *problems = state.problems;
    return SAL_OK;
}
