/* Export: tables as tidy rows, one observation each.
 *
 * A table is a query that gives the rows in their documented order and a list of its columns. The order
 * never depends on when a row was stored; rows come from a cursor over an index, and what SQLite still
 * sorts is one document's rows at a time, so memory stays bounded. */
#include <string.h>

#include "salient/json.h"
#include "study/study_internal.h"

/* How a column's value is written. */
typedef enum column_type {
    TEXT,
    NUMBER,
    DIGITS, /* text that is a number: seeds beyond SQLite's integers */
    BOOLEAN
} column_type;

typedef struct export_column {
    const char *name;
    column_type type;
} export_column;

enum { COLUMNS_AT_MOST = 24 };

typedef struct export_table {
    const char *name;
    bool by_corpus; /* ?1 is the corpus, null for all */
    const char *sql;
    export_column columns[COLUMNS_AT_MOST]; /* ends with a NULL name */
} export_table;

/* CROSS JOIN fixes the order of the loops: documents outermost, in order of the index. */
static const export_table tables[] = {
    {"documents",
     true,
     "SELECT corpus, id, language, kind, text, reference, hash FROM documents d"
     " WHERE ?1 IS NULL OR d.corpus = ?1 ORDER BY d.corpus, d.document",
     {{"corpus", TEXT},
      {"document", TEXT},
      {"language", TEXT},
      {"kind", TEXT},
      {"text", TEXT},
      {"reference", TEXT},
      {"hash", TEXT}}},
    {"summarizers",
     false,
     "SELECT name, digest, kind, model, template, temperature, top_p, top_k, repeat_penalty,"
     " ltrim(seed, 'u'), length_policy, family, parameters, nested, config FROM summarizers"
     " ORDER BY name",
     {{"name", TEXT},
      {"digest", TEXT},
      {"kind", TEXT},
      {"model", TEXT},
      {"template", TEXT},
      {"temperature", NUMBER},
      {"top_p", NUMBER},
      {"top_k", NUMBER},
      {"repeat_penalty", NUMBER},
      {"seed", DIGITS},
      {"length_policy", TEXT},
      {"family", TEXT},
      {"parameters", NUMBER},
      {"nested", BOOLEAN},
      {"config", TEXT}}},
    {"summaries",
     true,
     "SELECT d.corpus, d.id, z.name, nullif(s.length, 0), s.replica, s.status, s.words, s.tokens,"
     " s.prompt_tokens, s.text, s.error"
     " FROM documents d CROSS JOIN summaries s ON s.document = d.document"
     " CROSS JOIN summarizers z ON z.summarizer = s.summarizer"
     " WHERE ?1 IS NULL OR d.corpus = ?1"
     " ORDER BY d.corpus, d.document, z.name, s.length = 0, s.length, s.replica",
     {{"corpus", TEXT},
      {"document", TEXT},
      {"summarizer", TEXT},
      {"length", NUMBER},
      {"replica", NUMBER},
      {"status", TEXT},
      {"words", NUMBER},
      {"tokens", NUMBER},
      {"prompt_tokens", NUMBER},
      {"text", TEXT},
      {"error", TEXT}}},
    {"importance",
     true,
     "SELECT d.corpus, d.id, z.name, u.protocol, i.word, CASE u.counted WHEN 1 THEN i.count END,"
     " CASE u.counted WHEN 1 THEN u.summaries END,"
     " CAST(i.count AS REAL) / nullif(u.summaries, 0), i.content_word, i.in_document"
     " FROM documents d CROSS JOIN importance_units u ON u.document = d.document"
     " CROSS JOIN summarizers z ON z.summarizer = u.summarizer"
     " CROSS JOIN importance i ON i.unit = u.unit"
     " WHERE ?1 IS NULL OR d.corpus = ?1"
     " ORDER BY d.corpus, d.document, z.name, u.protocol = 'paper', i.word",
     {{"corpus", TEXT},
      {"document", TEXT},
      {"summarizer", TEXT},
      {"protocol", TEXT},
      {"word", TEXT},
      {"count", NUMBER},
      {"of", NUMBER},
      {"importance", NUMBER},
      {"content_word", BOOLEAN},
      {"in_document", BOOLEAN}}},
    {"scores",
     true,
     "SELECT s.corpus, z.name, s.protocol, s.words, s.measure, nullif(s.length, 0), s.value, s.low,"
     " s.high, s.documents, s.undefined FROM scores s JOIN summarizers z USING (summarizer)"
     " WHERE ?1 IS NULL OR s.corpus = ?1"
     " ORDER BY s.corpus, z.name, s.protocol = 'paper', s.words, s.measure, s.length",
     {{"corpus", TEXT},
      {"summarizer", TEXT},
      {"protocol", TEXT},
      {"words", TEXT},
      {"measure", TEXT},
      {"length", NUMBER},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"agreement",
     true,
     "SELECT corpus, a, nullif(b, ''), words, measure, value, low, high, documents, undefined"
     " FROM agreement WHERE ?1 IS NULL OR corpus = ?1 ORDER BY corpus, a, b, words, measure",
     {{"corpus", TEXT},
      {"a", TEXT},
      {"b", TEXT},
      {"words", TEXT},
      {"measure", TEXT},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"clusters",
     true,
     "SELECT corpus, words, distance, linkage, step, left_node, right_node, height, size, support,"
     " members FROM clusters WHERE ?1 IS NULL OR corpus = ?1"
     " ORDER BY corpus, words, distance, linkage, step",
     {{"corpus", TEXT},
      {"words", TEXT},
      {"distance", TEXT},
      {"linkage", TEXT},
      {"step", NUMBER},
      {"left", NUMBER},
      {"right", NUMBER},
      {"height", NUMBER},
      {"size", NUMBER},
      {"support", NUMBER},
      {"members", TEXT}}},
    {"heads",
     true,
     "SELECT r.corpus, m.name, z.name, a.protocol, a.evidence, a.options, r.words,"
     " json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), json_extract(k.value, '$[2]'),"
     " r.metric, r.value, r.low, r.high, r.documents, r.undefined, r.p_family, r.p, r.q, r.q_by,"
     " r.p_naive"
     " FROM head_analyses a JOIN head_models m USING (model) JOIN summarizers z USING (summarizer)"
     " CROSS JOIN json_each(a.rows) k"
     " CROSS JOIN head_results r ON r.analysis = a.analysis AND r.row = k.key"
     " WHERE ?1 IS NULL OR r.corpus = ?1"
     " ORDER BY r.corpus, m.name, z.name, a.protocol = 'paper', a.evidence, a.options, r.words,"
     " r.row, r.metric",
     {{"corpus", TEXT},     {"model", TEXT},   {"summarizer", TEXT},  {"protocol", TEXT},
      {"evidence", TEXT},   {"options", TEXT}, {"words", TEXT},       {"layer", NUMBER},
      {"head", NUMBER},     {"null", TEXT},    {"metric", TEXT},      {"value", NUMBER},
      {"low", NUMBER},      {"high", NUMBER},  {"documents", NUMBER}, {"undefined", NUMBER},
      {"p_family", NUMBER}, {"p", NUMBER},     {"q", NUMBER},         {"q_by", NUMBER},
      {"p_naive", NUMBER}}},
    {"retrieval",
     true,
     "SELECT r.corpus, m.name, z.name, r.layer, r.head, r.value, r.low, r.high, r.documents,"
     " r.undefined FROM retrieval_heads r JOIN head_models m USING (model)"
     " JOIN summarizers z USING (summarizer) WHERE ?1 IS NULL OR r.corpus = ?1"
     " ORDER BY r.corpus, m.name, z.name, r.layer, r.head",
     {{"corpus", TEXT},
      {"model", TEXT},
      {"summarizer", TEXT},
      {"layer", NUMBER},
      {"head", NUMBER},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"retrieval_overlaps",
     true,
     "SELECT o.corpus, m.name, z.name, a.protocol, a.evidence, a.options, o.words, o.chosen,"
     " o.heads, o.retrieval_heads, o.chosen_heads, o.shared, o.p"
     " FROM retrieval_overlaps o JOIN head_analyses a USING (analysis)"
     " JOIN head_models m USING (model) JOIN summarizers z USING (summarizer)"
     " WHERE ?1 IS NULL OR o.corpus = ?1"
     " ORDER BY o.corpus, m.name, z.name, a.protocol = 'paper', a.evidence, a.options, o.words,"
     " o.chosen = 'best'",
     {{"corpus", TEXT},
      {"model", TEXT},
      {"summarizer", TEXT},
      {"protocol", TEXT},
      {"evidence", TEXT},
      {"options", TEXT},
      {"words", TEXT},
      {"chosen", TEXT},
      {"heads", NUMBER},
      {"retrieval_heads", NUMBER},
      {"chosen_heads", NUMBER},
      {"shared", NUMBER},
      {"p", NUMBER}}},
    {"ablations",
     true,
     "SELECT a.corpus, m.name, z.name, a.evidence, a.words, a.top, a.draws, a.seed, r.edit,"
     " r.heads, r.measure, r.value, r.low, r.high, r.documents, r.undefined"
     " FROM ablations a JOIN ablation_results r USING (ablation) JOIN head_models m USING (model)"
     " JOIN summarizers z USING (summarizer) WHERE ?1 IS NULL OR a.corpus = ?1"
     " ORDER BY a.corpus, m.name, z.name, a.evidence, a.words, a.top, a.draws, a.seed,"
     " instr('none zero mean', r.edit), instr('none chosen random difference', r.heads),"
     " r.measure",
     {{"corpus", TEXT},
      {"model", TEXT},
      {"summarizer", TEXT},
      {"evidence", TEXT},
      {"words", TEXT},
      {"top", NUMBER},
      {"draws", NUMBER},
      {"seed", TEXT},
      {"edit", TEXT},
      {"heads", TEXT},
      {"measure", TEXT},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"probes",
     true,
     "SELECT r.corpus, r.model, z.name, r.protocol, r.probe, r.loss, r.options, r.words,"
     " nullif(r.layer, -1), r.control, nullif(r.seed, -1), r.metric, r.value, r.low, r.high,"
     " r.documents, r.undefined"
     " FROM probe_results r JOIN summarizers z USING (summarizer)"
     " WHERE ?1 IS NULL OR r.corpus = ?1"
     " ORDER BY r.corpus, r.model, z.name, r.protocol = 'paper', r.probe, r.loss, r.options,"
     " r.words, r.control, r.layer, r.seed, r.metric",
     {{"corpus", TEXT},
      {"model", TEXT},
      {"summarizer", TEXT},
      {"protocol", TEXT},
      {"probe", TEXT},
      {"loss", TEXT},
      {"options", TEXT},
      {"words", TEXT},
      {"layer", NUMBER},
      {"control", TEXT},
      {"seed", NUMBER},
      {"metric", TEXT},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"probe_words",
     true,
     "SELECT w.corpus, w.model, z.name, w.protocol, w.probe, w.loss, w.options,"
     " nullif(w.layer, -1), w.word, w.documents, w.importance, w.importance_rank,"
     " w.predicted_rank, w.error FROM probe_words w JOIN summarizers z USING (summarizer)"
     " WHERE ?1 IS NULL OR w.corpus = ?1"
     " ORDER BY w.corpus, w.model, z.name, w.protocol = 'paper', w.probe, w.loss, w.options,"
     " w.error DESC, w.word",
     {{"corpus", TEXT},
      {"model", TEXT},
      {"summarizer", TEXT},
      {"protocol", TEXT},
      {"probe", TEXT},
      {"loss", TEXT},
      {"options", TEXT},
      {"layer", NUMBER},
      {"word", TEXT},
      {"documents", NUMBER},
      {"importance", NUMBER},
      {"importance_rank", NUMBER},
      {"predicted_rank", NUMBER},
      {"error", NUMBER}}},
    {"protocols",
     true,
     "SELECT corpus, stage, summarizer, nullif(model, ''), nullif(variant, ''),"
     " nullif(words, ''), nullif(layer, -1), nullif(head, -1), factor, measure, value, low, high,"
     " documents, undefined FROM protocols WHERE ?1 IS NULL OR corpus = ?1"
     " ORDER BY corpus, stage, summarizer, model, variant, words, layer, head, factor, measure",
     {{"corpus", TEXT},
      {"stage", TEXT},
      {"summarizer", TEXT},
      {"model", TEXT},
      {"variant", TEXT},
      {"words", TEXT},
      {"layer", NUMBER},
      {"head", NUMBER},
      {"factor", TEXT},
      {"measure", TEXT},
      {"value", NUMBER},
      {"low", NUMBER},
      {"high", NUMBER},
      {"documents", NUMBER},
      {"undefined", NUMBER}}},
    {"states",
     true,
     "SELECT d.corpus, d.id, s.model, s.protocol, s.weights, nullif(s.seed, 0), s.pooling,"
     " s.dtype, s.layers, s.width, u.tokens, u.words, u.unaligned, u.file"
     " FROM documents d CROSS JOIN state_units u ON u.document = d.document"
     " CROSS JOIN state_sets s ON s.state_set = u.state_set"
     " WHERE ?1 IS NULL OR d.corpus = ?1"
     " ORDER BY d.corpus, d.document, s.model, s.protocol = 'paper', s.weights <> 'trained',"
     " s.weights, s.seed, s.pooling, s.dtype, s.layers, s.state_set",
     {{"corpus", TEXT},
      {"document", TEXT},
      {"model", TEXT},
      {"protocol", TEXT},
      {"weights", TEXT},
      {"seed", NUMBER},
      {"pooling", TEXT},
      {"dtype", TEXT},
      {"layers", TEXT},
      {"width", NUMBER},
      {"tokens", NUMBER},
      {"words", NUMBER},
      {"unaligned", NUMBER},
      {"file", TEXT}}},
    {"timings",
     true,
     "SELECT d.corpus, d.id, z.name, t.prefill_seconds, t.decode_seconds, t.other_seconds, t.tokens"
     " FROM documents d CROSS JOIN timings t ON t.document = d.document"
     " CROSS JOIN summarizers z ON z.summarizer = t.summarizer"
     " WHERE ?1 IS NULL OR d.corpus = ?1 ORDER BY d.corpus, d.document, z.name",
     {{"corpus", TEXT},
      {"document", TEXT},
      {"summarizer", TEXT},
      {"prefill_seconds", NUMBER},
      {"decode_seconds", NUMBER},
      {"other_seconds", NUMBER},
      {"tokens", NUMBER}}},
    {"runs",
     false,
     "SELECT run, command, command_line, options, hashes, version, machine, started, status, done,"
     " kept, failed, refused, truncated, wall_seconds, cpu_seconds, peak_bytes FROM runs"
     " ORDER BY run",
     {{"run", NUMBER},
      {"command", TEXT},
      {"command_line", TEXT},
      {"options", TEXT},
      {"hashes", TEXT},
      {"version", TEXT},
      {"machine", TEXT},
      {"started", TEXT},
      {"status", TEXT},
      {"done", NUMBER},
      {"kept", NUMBER},
      {"failed", NUMBER},
      {"refused", NUMBER},
      {"truncated", NUMBER},
      {"wall_seconds", NUMBER},
      {"cpu_seconds", NUMBER},
      {"peak_bytes", NUMBER}}},
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

/* head_score(blob, i): the i-th number of an array of double, null for NaN (export_documents registers it). */
static const export_table head_documents = {
    "heads",
    true,
    "SELECT d.corpus, d.id, m.name, z.name, a.protocol, a.evidence, a.options, s.words,"
    " json_extract(r.value, '$[0]'), json_extract(r.value, '$[1]'), json_extract(r.value, '$[2]'),"
    " k.value, head_score(s.scores, r.key * json_array_length(a.metrics) + k.key)"
    " FROM documents d CROSS JOIN head_units u ON u.document = d.document"
    " CROSS JOIN head_analyses a ON a.analysis = u.analysis"
    " CROSS JOIN head_models m ON m.model = a.model"
    " CROSS JOIN summarizers z ON z.summarizer = a.summarizer"
    " CROSS JOIN head_scores s ON s.unit = u.unit AND s.scores IS NOT NULL"
    " CROSS JOIN json_each(a.rows) r CROSS JOIN json_each(a.metrics) k"
    " WHERE ?1 IS NULL OR d.corpus = ?1"
    " ORDER BY d.corpus, d.document, m.name, z.name, a.protocol = 'paper', a.evidence, a.options,"
    " s.words, r.key, k.key",
    {{"corpus", TEXT},
     {"document", TEXT},
     {"model", TEXT},
     {"summarizer", TEXT},
     {"protocol", TEXT},
     {"evidence", TEXT},
     {"options", TEXT},
     {"words", TEXT},
     {"layer", NUMBER},
     {"head", NUMBER},
     {"null", TEXT},
     {"metric", TEXT},
     {"value", NUMBER}}};

static const char *const table_names[] = {
    "documents", "summarizers", "summaries",   "importance", "scores",
    "agreement", "clusters",    "heads",       "retrieval",  "retrieval_overlaps",
    "ablations", "probes",      "probe_words", "protocols",  "states",
    "timings",   "runs",        NULL};
_Static_assert(sizeof table_names / sizeof table_names[0] == TABLE_COUNT + 1,
               "every exportable table has its name in the list");

const char *const *sal_export_tables(void) {
    return table_names;
}

/* ---- values ------------------------------------------------------------------------------- */

static int write_text(const sal_sink *sink, sal_format format, study_query *query, int column,
                      sal_error *err) {
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    size_t length = (size_t)sqlite3_column_bytes(query->statement, column);
    if (text == NULL) {
        return sal_fail_memory(err, "a text of the study");
    }
    return format == SAL_FORMAT_CSV ? sal_csv_field(sink, text, length, err)
                                    : sal_json_string(sink, text, length, err);
}

static int write_value(const sal_sink *sink, sal_format format, study_query *query, int column,
                       column_type type, sal_error *err) {
    int stored = sqlite3_column_type(query->statement, column);
    if (stored == SQLITE_NULL) {
        return format == SAL_FORMAT_CSV ? SAL_OK : sal_sink_string(sink, "null", err);
    }
    switch (type) {
    case TEXT:
        return write_text(sink, format, query, column, err);
    case BOOLEAN:
        return sal_sink_string(
            sink, sqlite3_column_int(query->statement, column) ? "true" : "false", err);
    case DIGITS:
        return sal_sink_string(sink, (const char *)sqlite3_column_text(query->statement, column),
                               err);
    case NUMBER:
        break;
    }
    return stored == SQLITE_INTEGER
               ? sal_json_integer(sink, sqlite3_column_int64(query->statement, column), err)
               : sal_json_double(sink, sqlite3_column_double(query->statement, column), err);
}

/* ---- rows --------------------------------------------------------------------------------- */

static int write_csv_head(const sal_sink *sink, const export_column *columns, sal_error *err) {
    int rc = SAL_OK;
    for (int i = 0; rc == SAL_OK && columns[i].name != NULL; i++) {
        rc = sal_sink_format(sink, err, "%s%s", i > 0 ? "," : "", columns[i].name);
    }
    return rc == SAL_OK ? sal_sink_string(sink, "\n", err) : rc;
}

static int write_csv_row(const sal_sink *sink, const export_column *columns, study_query *query,
                         sal_error *err) {
    int rc = SAL_OK;
    for (int i = 0; rc == SAL_OK && columns[i].name != NULL; i++) {
        if (i > 0) {
            rc = sal_sink_string(sink, ",", err);
        }
        if (rc == SAL_OK) {
            rc = write_value(sink, SAL_FORMAT_CSV, query, i, columns[i].type, err);
        }
    }
    return rc == SAL_OK ? sal_sink_string(sink, "\n", err) : rc;
}

static int write_json_row(const sal_sink *sink, sal_format format, const export_column *columns,
                          study_query *query, bool first, sal_error *err) {
    int rc = SAL_OK;
    if (format == SAL_FORMAT_JSON) {
        rc = sal_sink_string(sink, first ? "\n" : ",\n", err);
    }
    for (int i = 0; rc == SAL_OK && columns[i].name != NULL; i++) {
        rc = sal_sink_string(sink, i > 0 ? "," : "{", err);
        if (rc == SAL_OK) {
            rc = sal_json_key(sink, columns[i].name, err);
        }
        if (rc == SAL_OK) {
            rc = write_value(sink, format, query, i, columns[i].type, err);
        }
    }
    return rc == SAL_OK ? sal_sink_string(sink, format == SAL_FORMAT_JSONL ? "}\n" : "}", err) : rc;
}

static int write_rows(study_query *query, const export_table *table, sal_format format,
                      const sal_sink *sink, sal_error *err) {
    bool row = false, first = true;
    int rc = SAL_OK;
    if (format == SAL_FORMAT_CSV) {
        rc = write_csv_head(sink, table->columns, err);
    } else if (format == SAL_FORMAT_JSON) {
        rc = sal_sink_string(sink, "[", err);
    }
    while (rc == SAL_OK) {
        rc = study_query_next(query, &row, err);
        if (rc != SAL_OK || !row) {
            break;
        }
        rc = format == SAL_FORMAT_CSV
                 ? write_csv_row(sink, table->columns, query, err)
                 : write_json_row(sink, format, table->columns, query, first, err);
        first = false;
    }
    if (rc == SAL_OK && format == SAL_FORMAT_JSON) {
        rc = sal_sink_string(sink, first ? "]\n" : "\n]\n", err);
    }
    return rc;
}

static int fail_unknown(const char *name, sal_error *err) {
    sal_buffer names = {0};
    int rc = SAL_OK;
    for (int i = 0; rc == SAL_OK && i < TABLE_COUNT; i++) {
        rc = sal_buffer_add_format(&names, err, "%s%s", i > 0 ? ", " : "", tables[i].name);
    }
    if (rc == SAL_OK) {
        rc =
            sal_fail(err, SAL_EINVAL, "there is no table '%.80s'; there are %s", name, names.bytes);
    }
    sal_buffer_free(&names);
    return rc;
}

static int export_found(sal_study *study, const export_table *found, const char *corpus,
                        sal_format format, const sal_sink *sink, sal_error *err) {
    study_query query = {0};
    int rc = study_check_corpus(study, corpus, err);
    if (rc == SAL_OK) {
        rc = study_query_open(study, found->sql, &query, err);
    }
    if (rc == SAL_OK) {
        if (found->by_corpus) {
            study_bind_text(&query, corpus);
        }
        rc = write_rows(&query, found, format, sink, err);
    }
    study_query_close(&query);
    return rc;
}

int sal_export_table(sal_study *study, const char *table, const char *corpus, sal_format format,
                     const sal_sink *sink, sal_error *err) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(tables[i].name, table) == 0) {
            return export_found(study, &tables[i], corpus, format, sink, err);
        }
    }
    return fail_unknown(table, err);
}

static void head_score(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    const char *bytes = sqlite3_value_blob(values[0]);
    sqlite3_int64 length = sqlite3_value_bytes(values[0]);
    sqlite3_int64 index = sqlite3_value_int64(values[1]);
    double score = 0;
    if (bytes == NULL || index < 0 || index >= length / (sqlite3_int64)sizeof score) {
        sqlite3_result_null(context);
        return;
    }
    memcpy(&score, bytes + (size_t)index * sizeof score, sizeof score);
    sqlite3_result_double(context, score); /* NaN becomes null */
}

int sal_export_head_documents(sal_study *study, const char *corpus, sal_format format,
                              const sal_sink *sink, sal_error *err) {
    int status = sqlite3_create_function(study->database, "head_score", 2,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                         NULL, head_score, NULL, NULL);
    if (status != SQLITE_OK) {
        return study_fail_sqlite(study, status, err);
    }
    return export_found(study, &head_documents, corpus, format, sink, err);
}
