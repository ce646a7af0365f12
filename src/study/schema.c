/* The tables of a study, and how older ones are brought forward. docs/schema.md explains every column.
 *
 * The list of migrations is the schema: number n turns version n into n+1, version 0 being an empty
 * database. A released entry is never edited; a change is a new entry. */
#include <string.h>

#include "study/study_internal.h"

static const char *const schema_1[] = {
    "CREATE TABLE documents ("
    " document INTEGER PRIMARY KEY,"
    " corpus TEXT NOT NULL CHECK (corpus <> ''),"
    " id TEXT NOT NULL CHECK (id <> ''),"
    " language TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " reference TEXT,"
    " hash TEXT NOT NULL CHECK (length(hash) = 64),"
    " UNIQUE (corpus, id))",
    "CREATE INDEX documents_in_order ON documents (corpus, document)",
    "CREATE INDEX documents_by_id ON documents (id)",

    "CREATE TABLE summarizers ("
    " summarizer INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE CHECK (name <> ''),"
    " digest TEXT NOT NULL CHECK (length(digest) = 64),"
    " kind TEXT NOT NULL,"
    " model TEXT,"
    " template TEXT,"
    " temperature REAL,"
    " top_p REAL,"
    " top_k REAL,"
    " repeat_penalty REAL,"
    " seed INTEGER,"
    " length_policy TEXT,"
    " family TEXT,"
    " parameters REAL,"
    " nested INTEGER NOT NULL CHECK (nested IN (0, 1)),"
    " config TEXT NOT NULL)",

    "CREATE TABLE summaries ("
    " summary INTEGER PRIMARY KEY,"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " length INTEGER NOT NULL CHECK (length >= 0),"
    " replica INTEGER NOT NULL CHECK (replica >= 0),"
    " status TEXT NOT NULL CHECK (status IN ('ok', 'truncated', 'refused', 'failed')),"
    " words INTEGER NOT NULL CHECK (words >= 0),"
    " tokens INTEGER CHECK (tokens >= 0),"
    " prompt_tokens INTEGER CHECK (prompt_tokens >= 0),"
    " text TEXT NOT NULL,"
    " error TEXT,"
    " UNIQUE (document, summarizer, length, replica))",

    "CREATE TABLE timings ("
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " prefill_seconds REAL,"
    " decode_seconds REAL,"
    " other_seconds REAL,"
    " tokens INTEGER,"
    " PRIMARY KEY (document, summarizer)) WITHOUT ROWID",

    "CREATE TABLE importance_units ("
    " unit INTEGER PRIMARY KEY,"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " summaries INTEGER NOT NULL CHECK (summaries >= 0),"
    " inputs TEXT NOT NULL,"
    " UNIQUE (document, summarizer, protocol))",

    "CREATE TABLE importance ("
    " unit INTEGER NOT NULL REFERENCES importance_units (unit) ON DELETE CASCADE,"
    " word TEXT NOT NULL,"
    " count INTEGER NOT NULL CHECK (count >= 0),"
    " content_word INTEGER CHECK (content_word IN (0, 1)),"
    " in_document INTEGER NOT NULL CHECK (in_document IN (0, 1)),"
    " PRIMARY KEY (unit, word)) WITHOUT ROWID",

    "CREATE TABLE scores ("
    " corpus TEXT NOT NULL,"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " words TEXT NOT NULL CHECK (words IN ('', 'all', 'content')),"
    " measure TEXT NOT NULL,"
    " length INTEGER NOT NULL CHECK (length >= 0),"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (corpus, summarizer, protocol, words, measure, length)) WITHOUT ROWID",

    "CREATE TABLE runs ("
    " run INTEGER PRIMARY KEY,"
    " command TEXT NOT NULL,"
    " command_line TEXT NOT NULL,"
    " options TEXT NOT NULL,"
    " hashes TEXT,"
    " version TEXT NOT NULL,"
    " machine TEXT,"
    " started TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted', "
    "'killed')),"
    " done INTEGER,"
    " kept INTEGER,"
    " failed INTEGER,"
    " refused INTEGER,"
    " truncated INTEGER,"
    " wall_seconds REAL,"
    " cpu_seconds REAL,"
    " peak_bytes INTEGER)",

    "CREATE TABLE files ("
    " path TEXT PRIMARY KEY,"
    " size INTEGER NOT NULL,"
    " modified INTEGER NOT NULL,"
    " digest TEXT NOT NULL CHECK (length(digest) = 64)) WITHOUT ROWID",

    "CREATE VIEW tidy_summaries AS"
    " SELECT d.corpus AS corpus, d.id AS document, z.name AS summarizer,"
    "  nullif(s.length, 0) AS length, s.replica AS replica, s.status AS status, s.words AS words,"
    "  s.tokens AS tokens, s.prompt_tokens AS prompt_tokens, s.text AS text, s.error AS error"
    " FROM summaries s JOIN documents d USING (document) JOIN summarizers z USING (summarizer)",

    "CREATE VIEW tidy_importance AS"
    " SELECT d.corpus AS corpus, d.id AS document, z.name AS summarizer, u.protocol AS protocol,"
    "  i.word AS word, i.count AS count, u.summaries AS \"of\","
    "  CAST(i.count AS REAL) / nullif(u.summaries, 0) AS importance,"
    "  i.content_word AS content_word, i.in_document AS in_document"
    " FROM importance i JOIN importance_units u USING (unit) JOIN documents d USING (document)"
    " JOIN summarizers z USING (summarizer)",

    "CREATE VIEW tidy_scores AS"
    " SELECT s.corpus AS corpus, z.name AS summarizer, s.protocol AS protocol, s.words AS words,"
    "  s.measure AS measure, nullif(s.length, 0) AS length, s.value AS value, s.low AS low,"
    "  s.high AS high, s.documents AS documents, s.undefined AS undefined"
    " FROM scores s JOIN summarizers z USING (summarizer)",
    NULL,
};

/* Attention heads. Arrays are BLOBs of little-endian numbers, row-major; rows and metrics name their axes. */
static const char *const schema_2[] = {
    "CREATE TABLE head_models ("
    " model INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE CHECK (name <> ''),"
    " digest TEXT NOT NULL CHECK (length(digest) = 64))",

    "CREATE TABLE head_analyses ("
    " analysis INTEGER PRIMARY KEY,"
    " model INTEGER NOT NULL REFERENCES head_models (model),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " evidence TEXT NOT NULL,"
    " options TEXT NOT NULL,"
    " rows TEXT NOT NULL,"
    " metrics TEXT NOT NULL,"
    " UNIQUE (model, summarizer, protocol, evidence, options))",

    "CREATE TABLE head_units ("
    " unit INTEGER PRIMARY KEY,"
    " analysis INTEGER NOT NULL REFERENCES head_analyses (analysis),"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " inputs TEXT NOT NULL,"
    " tokens INTEGER NOT NULL CHECK (tokens >= 0),"
    " unaligned INTEGER NOT NULL CHECK (unaligned >= 0),"
    " flagged INTEGER NOT NULL CHECK (flagged >= 0),"
    " non_finite INTEGER NOT NULL CHECK (non_finite >= 0),"
    " words INTEGER NOT NULL CHECK (words >= 0),"
    " word_list TEXT NOT NULL,"
    " facts BLOB NOT NULL,"
    " vectors BLOB NOT NULL,"
    " UNIQUE (analysis, document))",
    "CREATE INDEX head_units_by_document ON head_units (document)",

    "CREATE TABLE head_scores ("
    " unit INTEGER NOT NULL REFERENCES head_units (unit) ON DELETE CASCADE,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " count INTEGER NOT NULL CHECK (count >= 0),"
    " tied REAL,"
    " scores BLOB,"
    " PRIMARY KEY (unit, words))",

    "CREATE TABLE head_results ("
    " analysis INTEGER NOT NULL REFERENCES head_analyses (analysis),"
    " corpus TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " row INTEGER NOT NULL CHECK (row >= 0),"
    " metric TEXT NOT NULL,"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " p_family REAL,"
    " p REAL,"
    " q REAL,"
    " q_by REAL,"
    " p_naive REAL,"
    " PRIMARY KEY (analysis, corpus, words, row, metric)) WITHOUT ROWID",
    NULL,
};

/* How summarizers agree, and the trees they form. Names in place of keys: some rows are about groups of summarizers. */
static const char *const schema_3[] = {
    "CREATE TABLE agreement ("
    " corpus TEXT NOT NULL,"
    " a TEXT NOT NULL CHECK (a <> ''),"
    " b TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('', 'all', 'content')),"
    " measure TEXT NOT NULL CHECK (measure <> ''),"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (corpus, a, b, words, measure)) WITHOUT ROWID",

    "CREATE TABLE clusters ("
    " corpus TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " distance TEXT NOT NULL,"
    " linkage TEXT NOT NULL,"
    " step INTEGER NOT NULL CHECK (step >= 0),"
    " left_node INTEGER NOT NULL,"
    " right_node INTEGER NOT NULL,"
    " height REAL NOT NULL,"
    " size INTEGER NOT NULL CHECK (size >= 2),"
    " support REAL,"
    " members TEXT NOT NULL,"
    " PRIMARY KEY (corpus, words, distance, linkage, step)) WITHOUT ROWID",
    NULL,
};

/* Hidden states: which files hold them; and what probes read from them. */
static const char *const schema_4[] = {
    "CREATE TABLE state_sets ("
    " state_set INTEGER PRIMARY KEY,"
    " model TEXT NOT NULL CHECK (model <> ''),"
    " digest TEXT NOT NULL CHECK (length(digest) = 64),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " summarizer INTEGER NOT NULL,"
    " weights TEXT NOT NULL CHECK (weights IN ('trained', 'random', 'random-blocks')),"
    " seed INTEGER NOT NULL,"
    " pooling TEXT NOT NULL,"
    " dtype TEXT NOT NULL,"
    " layers TEXT NOT NULL,"
    " width INTEGER NOT NULL CHECK (width > 0),"
    " folder TEXT NOT NULL,"
    " UNIQUE (model, protocol, summarizer, weights, seed, pooling, dtype, layers))",

    "CREATE TABLE state_units ("
    " state_set INTEGER NOT NULL REFERENCES state_sets (state_set),"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " inputs TEXT NOT NULL,"
    " tokens INTEGER NOT NULL CHECK (tokens >= 0),"
    " words INTEGER NOT NULL CHECK (words >= 0),"
    " unaligned INTEGER NOT NULL CHECK (unaligned >= 0),"
    " file TEXT NOT NULL,"
    " PRIMARY KEY (state_set, document)) WITHOUT ROWID",
    "CREATE INDEX state_units_by_document ON state_units (document)",

    "CREATE TABLE probe_results ("
    " corpus TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " probe TEXT NOT NULL,"
    " loss TEXT NOT NULL,"
    " options TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " layer INTEGER NOT NULL CHECK (layer >= -1),"
    " control TEXT NOT NULL,"
    " seed INTEGER NOT NULL,"
    " metric TEXT NOT NULL,"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (corpus, model, summarizer, protocol, probe, loss, options, words, layer,"
    "  control, seed, metric)) WITHOUT ROWID",

    "CREATE TABLE probe_trainings ("
    " digest TEXT PRIMARY KEY CHECK (length(digest) = 64),"
    " predictions BLOB NOT NULL) WITHOUT ROWID",
    NULL,
};

/* Paper and strict beside each other, and the words at which probes err. Names in place of keys, as in agreement. */
static const char *const schema_5[] = {
    "CREATE TABLE protocols ("
    " corpus TEXT NOT NULL,"
    " stage TEXT NOT NULL CHECK (stage IN ('importance', 'heads', 'probes')),"
    " summarizer TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " variant TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('', 'all', 'content')),"
    " layer INTEGER NOT NULL CHECK (layer >= -1),"
    " head INTEGER NOT NULL CHECK (head >= -1),"
    " factor TEXT NOT NULL,"
    " measure TEXT NOT NULL,"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (corpus, stage, summarizer, model, variant, words, layer, head, factor,"
    "  measure)) WITHOUT ROWID",

    "CREATE TABLE probe_words ("
    " corpus TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " protocol TEXT NOT NULL CHECK (protocol IN ('strict', 'paper')),"
    " probe TEXT NOT NULL,"
    " loss TEXT NOT NULL,"
    " options TEXT NOT NULL,"
    " layer INTEGER NOT NULL CHECK (layer >= -1),"
    " word TEXT NOT NULL,"
    " documents INTEGER NOT NULL CHECK (documents > 0),"
    " importance REAL NOT NULL,"
    " importance_rank REAL NOT NULL,"
    " predicted_rank REAL NOT NULL,"
    " error REAL NOT NULL,"
    " PRIMARY KEY (corpus, model, summarizer, protocol, probe, loss, options, word))"
    " WITHOUT ROWID",
    NULL,
};

/* Importance that others computed. Where no counts of ten summaries stand behind it, exports give no count. */
static const char *const schema_6[] = {
    "CREATE TABLE imported_importance ("
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " word TEXT NOT NULL,"
    " importance REAL NOT NULL CHECK (importance >= 0 AND importance <= 1),"
    " PRIMARY KEY (document, summarizer, word)) WITHOUT ROWID",
    "CREATE INDEX imported_importance_by_summarizer ON imported_importance (summarizer)",

    "ALTER TABLE importance_units ADD COLUMN counted INTEGER NOT NULL DEFAULT 1"
    " CHECK (counted IN (0, 1))",

    "DROP VIEW tidy_importance",
    "CREATE VIEW tidy_importance AS"
    " SELECT d.corpus AS corpus, d.id AS document, z.name AS summarizer, u.protocol AS protocol,"
    "  i.word AS word, CASE u.counted WHEN 1 THEN i.count END AS count,"
    "  CASE u.counted WHEN 1 THEN u.summaries END AS \"of\","
    "  CAST(i.count AS REAL) / nullif(u.summaries, 0) AS importance,"
    "  i.content_word AS content_word, i.in_document AS in_document"
    " FROM importance i JOIN importance_units u USING (unit) JOIN documents d USING (document)"
    " JOIN summarizers z USING (summarizer)",
    NULL,
};

/* What heads do: which of them copy tokens into summaries, and what is lost without some of them. */
static const char *const schema_7[] = {
    "CREATE TABLE retrieval_units ("
    " model INTEGER NOT NULL REFERENCES head_models (model),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " inputs TEXT NOT NULL,"
    " tokens INTEGER NOT NULL CHECK (tokens >= 0),"
    " copied INTEGER NOT NULL CHECK (copied BETWEEN 0 AND tokens),"
    " layers INTEGER NOT NULL CHECK (layers > 0),"
    " heads INTEGER NOT NULL CHECK (heads > 0),"
    " hits BLOB NOT NULL,"
    " PRIMARY KEY (model, summarizer, document)) WITHOUT ROWID",
    "CREATE INDEX retrieval_units_by_document ON retrieval_units (document)",

    "CREATE TABLE retrieval_heads ("
    " model INTEGER NOT NULL REFERENCES head_models (model),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " corpus TEXT NOT NULL,"
    " layer INTEGER NOT NULL CHECK (layer >= 0),"
    " head INTEGER NOT NULL CHECK (head >= 0),"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (model, summarizer, corpus, layer, head)) WITHOUT ROWID",

    "CREATE TABLE retrieval_overlaps ("
    " analysis INTEGER NOT NULL REFERENCES head_analyses (analysis),"
    " corpus TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " chosen TEXT NOT NULL CHECK (chosen IN ('surviving', 'best')),"
    " heads INTEGER NOT NULL CHECK (heads > 0),"
    " retrieval_heads INTEGER NOT NULL CHECK (retrieval_heads >= 0),"
    " chosen_heads INTEGER NOT NULL CHECK (chosen_heads >= 0),"
    " shared INTEGER NOT NULL CHECK (shared >= 0),"
    " p REAL,"
    " PRIMARY KEY (analysis, corpus, words, chosen)) WITHOUT ROWID",

    "CREATE TABLE ablations ("
    " ablation INTEGER PRIMARY KEY,"
    " model INTEGER NOT NULL REFERENCES head_models (model),"
    " summarizer INTEGER NOT NULL REFERENCES summarizers (summarizer),"
    " corpus TEXT NOT NULL,"
    " evidence TEXT NOT NULL,"
    " words TEXT NOT NULL CHECK (words IN ('all', 'content')),"
    " top INTEGER NOT NULL CHECK (top > 0),"
    " draws INTEGER NOT NULL CHECK (draws > 0),"
    " seed TEXT NOT NULL,"
    " heads TEXT NOT NULL,"
    " UNIQUE (model, summarizer, corpus, evidence, words, top, draws, seed))",

    "CREATE TABLE ablation_units ("
    " ablation INTEGER NOT NULL REFERENCES ablations (ablation) ON DELETE CASCADE,"
    " document INTEGER NOT NULL REFERENCES documents (document),"
    " inputs TEXT NOT NULL,"
    " edit TEXT NOT NULL CHECK (edit IN ('none', 'zero', 'mean')),"
    " draw INTEGER NOT NULL CHECK (draw >= -1),"
    " log_likelihood REAL NOT NULL,"
    " importance_all REAL,"
    " importance_content REAL,"
    " length REAL,"
    " PRIMARY KEY (ablation, document, edit, draw)) WITHOUT ROWID",
    "CREATE INDEX ablation_units_by_document ON ablation_units (document)",

    "CREATE TABLE ablation_results ("
    " ablation INTEGER NOT NULL REFERENCES ablations (ablation) ON DELETE CASCADE,"
    " edit TEXT NOT NULL CHECK (edit IN ('none', 'zero', 'mean')),"
    " heads TEXT NOT NULL CHECK (heads IN ('none', 'chosen', 'random', 'difference')),"
    " measure TEXT NOT NULL,"
    " value REAL,"
    " low REAL,"
    " high REAL,"
    " documents INTEGER NOT NULL CHECK (documents >= 0),"
    " undefined INTEGER NOT NULL CHECK (undefined >= 0),"
    " PRIMARY KEY (ablation, edit, heads, measure)) WITHOUT ROWID",
    NULL,
};

static const char *const *const migrations[STUDY_SCHEMA_VERSION] = {
    schema_1, schema_2, schema_3, schema_4, schema_5, schema_6, schema_7};

/* One transaction for each version: a writer killed between two leaves a study of the older one. */
static int bring_forward(sal_study *study, int64_t version, sal_error *err) {
    for (; version < STUDY_SCHEMA_VERSION; version++) {
        sal_buffer mark = {0};
        int rc = sal_buffer_add_format(&mark, err,
                                       "PRAGMA user_version = %d; PRAGMA application_id = %d;",
                                       (int)version + 1, STUDY_APPLICATION_ID);
        if (rc == SAL_OK) {
            rc = study_begin_write(study, err);
        }
        if (rc != SAL_OK) {
            sal_buffer_free(&mark);
            return rc;
        }
        for (const char *const *sql = migrations[version]; rc == SAL_OK && *sql != NULL; sql++) {
            rc = study_execute(study, *sql, err);
        }
        if (rc == SAL_OK) {
            rc = study_execute(study, mark.bytes, err);
        }
        rc = study_finish_write(study, rc, err);
        sal_buffer_free(&mark);
        if (rc != SAL_OK) {
            return rc;
        }
    }
    return SAL_OK;
}

int study_schema_prepare(sal_study *study, sal_error *err) {
    int64_t version = 0, application = 0, objects = 0;
    int rc = study_scalar(study, "PRAGMA user_version", &version, err);
    if (rc == SAL_OK) {
        rc = study_scalar(study, "PRAGMA application_id", &application, err);
    }
    if (rc == SAL_OK) {
        rc = study_scalar(study, "SELECT count(*) FROM sqlite_master", &objects, err);
    }
    if (rc != SAL_OK) {
        return rc;
    }
    bool empty = version == 0 && application == 0 && objects == 0;
    if (empty && study->mode == SAL_STUDY_CREATE) {
        return bring_forward(study, 0, err);
    }
    if (application != STUDY_APPLICATION_ID || version < 1) {
        return sal_fail(err, SAL_EFORMAT, "%s: is %s, not a study of salient%s",
                        study->database_path, empty ? "an empty database" : "another database",
                        empty ? "; remove it and import again" : "");
    }
    if (version > STUDY_SCHEMA_VERSION) {
        return sal_fail(err, SAL_EFORMAT,
                        "%s: has tables of version %lld, and this salient knows versions up to %d; "
                        "use the newer salient that wrote it",
                        study->path, (long long)version, STUDY_SCHEMA_VERSION);
    }
    if (version < STUDY_SCHEMA_VERSION && study->mode == SAL_STUDY_READ) {
        return sal_fail(err, SAL_EFORMAT,
                        "%s: has tables of version %lld, older than %d; any command that writes "
                        "(salient importance) brings them forward",
                        study->path, (long long)version, STUDY_SCHEMA_VERSION);
    }
    return bring_forward(study, version, err);
}
