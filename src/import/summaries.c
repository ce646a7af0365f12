/* Ready-made summaries into a study: each record is joined to its document by id; a document that is not there is added. */
#include <math.h>
#include <string.h>

#include "import/import_internal.h"
#include "import/slots.h"
#include "import/word_importance.h"
#include "salient/json.h"
#include "salient/text.h"

typedef struct summary_importer {
    import_job *job;
    sal_text *text;
    int64_t summarizer;
    import_slots slots;
    sal_document *document;     /* that of the last record: mostly the next one's too */
    int64_t failed;             /* summaries that came as errors */
    int64_t words_alone;        /* documents whose importance is kept as it came */
    int64_t words_dropped;      /* documents whose importance came beside all their summaries */
    sal_summary_list *existing; /* its summaries by this summarizer, from before this file */
} summary_importer;

static void forget_document(summary_importer *importer) {
    sal_document_free(importer->document);
    sal_summary_list_free(importer->existing);
    importer->document = NULL;
    importer->existing = NULL;
}

/* Everything that can change the texts: the file, and which of its fields are taken. */
static int write_config(const import_job *job, const char *digest, sal_buffer *config,
                        sal_error *err) {
    const sal_sink sink = sal_buffer_sink(config);
    bool first = true;
    /* Sorted: text comes after summary, replica after reference. */
    static const import_name sorted[] = {IMPORT_ID,       IMPORT_IMPORTANCE, IMPORT_KIND,
                                         IMPORT_LANGUAGE, IMPORT_LENGTH,     IMPORT_REFERENCE,
                                         IMPORT_REPLICA,  IMPORT_SUMMARY,    IMPORT_TEXT};
    int code = sal_sink_format(&sink, err, "{\"file_sha256\":\"%s\",\"kind\":\"import\",\"map\":{",
                               digest);

    for (size_t i = 0; code == SAL_OK && i < sizeof sorted / sizeof sorted[0]; i++) {
        const char *from = job->map.from[sorted[i]];

        if (from == NULL) {
            continue;
        }
        code = first ? SAL_OK : sal_sink_string(&sink, ",", err);
        first = false;
        if (code == SAL_OK) {
            code = sal_json_key(&sink, import_field_name(sorted[i]), err);
        }
        if (code == SAL_OK) {
            code = sal_json_string(&sink, from, strlen(from), err);
        }
    }
    return code == SAL_OK ? sal_sink_string(&sink, "}}", err) : code;
}

static int put_summarizer(summary_importer *importer, const char *digest, sal_error *err) {
    const import_job *job = importer->job;
    sal_buffer name = {0};
    sal_buffer config = {0};
    sal_summarizer_info info = {.kind = "import",
                                .temperature = NAN,
                                .top_p = NAN,
                                .top_k = NAN,
                                .repeat_penalty = NAN,
                                .parameters = NAN};
    int code = job->options->as != NULL ? sal_buffer_add_string(&name, job->options->as, err)
                                        : import_stem(job->reader, &name, err);

    if (code == SAL_OK) {
        code = write_config(job, digest, &config, err);
    }
    if (code == SAL_OK) {
        info.name = name.bytes;
        info.config = config.bytes;
        code = sal_study_put_summarizer(job->study, &info, &importer->summarizer, err);
    }
    sal_buffer_free(&name);
    sal_buffer_free(&config);
    return code;
}

static int add_document(summary_importer *importer, const char *id, const import_record *found,
                        int64_t *key, sal_error *err) {
    const import_job *job = importer->job;
    sal_added added = SAL_ADDED_NEW;
    const sal_document document = {
        .corpus = job->corpus.bytes,
        .id = id,
        .language = found->language,
        .kind = found->kind,
        .text = found->text->bytes,
        .text_length = found->text->length,
        .reference = found->reference == NULL ? NULL : found->reference->bytes,
        .reference_length = found->reference == NULL ? 0 : found->reference->length};

    return sal_study_add_document(job->study, &document, &added, key, err);
}

/* Is the document of the last record that of this one too? The corpus was settled when it was found. */
static bool is_current(const summary_importer *importer, const char *id) {
    return importer->document != NULL && strcmp(importer->document->id, id) == 0;
}

/* Make importer->document the one with this id, adding it when it is not there.
   return SAL_OK; *unusable is then set with the reason in *why when this record's document cannot be used */
static int find_document(summary_importer *importer, const char *id, const import_record *found,
                         bool *unusable, sal_error *why, sal_error *err) {
    const import_job *job = importer->job;
    const bool has_text =
        found->text != NULL && !import_is_blank(found->text->bytes, found->text->length);
    int64_t key = 0;
    int code = SAL_OK;

    forget_document(importer);
    code = sal_study_find_document(job->study, job->options->corpus, id, &key, why);
    if (code == SAL_ENOTFOUND && has_text) {
        code = add_document(importer, id, found, &key, why);
        if (code == SAL_EINVAL || code == SAL_ELIMIT) {
            *unusable = true;
            return SAL_OK;
        }
    } else if (code == SAL_ENOTFOUND) {
        *unusable = true;
        (void)sal_fail(
            why, SAL_ENOTFOUND,
            "the document \"%.100s\" is not in the study, and the record has no text of it", id);
        return SAL_OK;
    }
    if (code == SAL_OK) {
        code = sal_study_get_document(job->study, key, &importer->document, why);
    }
    if (code == SAL_OK) {
        code = sal_study_get_summaries(job->study, key, importer->summarizer, &importer->existing,
                                       why);
    }
    return code == SAL_OK ? SAL_OK : sal_fail(err, code, "%s", why->text);
}

/* A record that carries another text than the document of its id was made from something else. */
static bool has_other_text(const summary_importer *importer, const import_record *found) {
    const sal_document *document = importer->document;

    return found->text != NULL && found->text->length > 0 &&
           (found->text->length != document->text_length ||
            memcmp(found->text->bytes, document->text, document->text_length) != 0);
}

static bool is_stored(const summary_importer *importer, const sal_summary *summary) {
    for (size_t i = 0; i < importer->existing->count; i++) {
        const sal_summary *old = &importer->existing->items[i];

        if (old->length == summary->length && old->replica == summary->replica) {
            return old->status == summary->status && old->text_length == summary->text_length &&
                   old->words == summary->words &&
                   memcmp(old->text, summary->text, summary->text_length) == 0;
        }
    }
    return false;
}

static int count_words(const summary_importer *importer, sal_summary *summary, sal_error *err) {
    sal_span span = {0};
    size_t words = 0;
    int code = sal_text_clean(importer->text, summary->text, summary->text_length, &span, err);

    if (code == SAL_OK) {
        code = sal_text_count_words(importer->text, summary->text + span.start,
                                    span.end - span.start, &words, err);
    }
    summary->words = (int64_t)words;
    return code;
}

static int store(summary_importer *importer, const import_summary *found, int replica,
                 sal_error *err) {
    sal_tally *tally = &importer->job->tally;
    sal_summary summary = {.document = importer->document->key,
                           .summarizer = importer->summarizer,
                           .length = found->length,
                           .replica = replica,
                           .status = found->status,
                           .text = found->text,
                           .text_length = found->text_length,
                           .tokens = -1,
                           .prompt_tokens = -1,
                           .error = found->error};
    int code = count_words(importer, &summary, err);

    if (code != SAL_OK) {
        return code;
    }
    importer->failed += found->status == SAL_STATUS_FAILED;
    tally->refused += found->status == SAL_STATUS_REFUSED;
    tally->truncated += found->status == SAL_STATUS_TRUNCATED;
    if (is_stored(importer, &summary)) {
        tally->kept++;
        return SAL_OK;
    }
    tally->done++;
    return sal_study_put_summaries(importer->job->study, &summary, 1, NULL, err);
}

/* The summary of a record whose document is found. */
static int place(summary_importer *importer, const sal_record *record, const import_summary *found,
                 sal_error *err) {
    int replica = found->replica;
    bool taken = false;
    sal_error why = {0};
    int code = import_slots_fill(&importer->slots, importer->document->key, found->length, &replica,
                                 &taken, err);

    if (code == SAL_OK && taken) {
        (void)sal_fail(&why, SAL_EEXISTS,
                       "a summary of document \"%.100s\" with length %d and replica %d came before",
                       importer->document->id, found->length, replica);
        return import_skip(importer->job, record->line, why.text, err);
    }
    return code == SAL_OK ? store(importer, found, replica, err) : code;
}

/* What a record brings. */
typedef struct entry {
    import_record found;
    import_summary summary;
    bool has_summary;
    import_words words; /* its importance; count 0: none */
} entry;

/* return SAL_OK; *unusable is then set with the reason in *why when the record cannot be used */
static int read_entry(import_job *job, const sal_record *record, entry *out, bool *unusable,
                      sal_error *why, sal_error *err) {
    const sal_field *importance = import_find(&job->map, record, IMPORT_IMPORTANCE);
    int code = import_read_record(job, record, &out->found, why);

    out->has_summary = importance == NULL || import_find(&job->map, record, IMPORT_SUMMARY) != NULL;
    if (code == SAL_OK && out->has_summary) {
        code = import_read_summary(job, record, &out->summary, why);
    }
    if (code == SAL_OK && importance != NULL) {
        code = import_read_words(importance, &out->words, why);
    }
    *unusable = code != SAL_OK;
    return code == SAL_ENOMEM ? sal_fail_memory(err, "a record") : SAL_OK;
}

/* A record that holds importance alone, once for each document. */
static int place_words_alone(summary_importer *importer, const sal_record *record, bool stored,
                             bool *skipped, sal_error *err) {
    static const int no_length = -1;
    int replica = 0;
    sal_error why = {0};
    const int code = import_slots_fill(&importer->slots, importer->document->key, no_length,
                                       &replica, skipped, err);

    if (code == SAL_OK && *skipped) {
        (void)sal_fail(&why, SAL_EEXISTS, "importance of document \"%.100s\" came before",
                       importer->document->id);
        return import_skip(importer->job, record->line, why.text, err);
    }
    importer->job->tally.kept += stored;
    importer->job->tally.done += !stored;
    return code;
}

/* Importance is kept as it came where at most one summary is there to compute it from: where all of them are, it is computed. */
static int place_words(summary_importer *importer, const sal_record *record, const entry *e,
                       sal_error *err) {
    sal_study *study = importer->job->study;
    const int64_t document = importer->document->key;
    sal_imported_list *stored = NULL;
    sal_summary_list *summaries = NULL;
    bool skipped = false;
    int code = sal_study_get_imported(study, document, importer->summarizer, &stored, err);

    if (code == SAL_OK) {
        code = sal_study_get_summaries(study, document, importer->summarizer, &summaries, err);
    }
    if (code == SAL_OK && !e->has_summary) {
        code = place_words_alone(importer, record, import_words_equal(&e->words, stored), &skipped,
                                 err);
    }
    if (code == SAL_OK && !skipped && summaries->count <= 1) {
        importer->words_alone++;
        if (!import_words_equal(&e->words, stored)) {
            code = sal_study_put_imported(study, document, importer->summarizer, e->words.items,
                                          e->words.count, err);
        }
    } else if (code == SAL_OK && !skipped && stored != NULL) {
        importer->words_alone--;
        importer->words_dropped++;
        code = sal_study_put_imported(study, document, importer->summarizer, NULL, 0, err);
    }
    sal_imported_list_free(stored);
    sal_summary_list_free(summaries);
    return code;
}

static int import_one(summary_importer *importer, const sal_record *record, sal_error *err) {
    import_job *job = importer->job;
    sal_error why = {0};
    entry e = {0};
    const char *id = NULL;
    bool unusable = false;
    int code = read_entry(job, record, &e, &unusable, &why, err);

    if (code == SAL_OK && !unusable) {
        code = import_identify(job, record, &e.found, &id, err);
    }
    if (code == SAL_OK && !unusable && !is_current(importer, id)) {
        code = find_document(importer, id, &e.found, &unusable, &why, err);
    }
    if (code == SAL_OK && !unusable && has_other_text(importer, &e.found)) {
        unusable = true;
        (void)sal_fail(&why, SAL_EEXISTS,
                       "the id \"%.100s\" is taken by another text in corpus \"%.100s\"%s", id,
                       importer->document->corpus,
                       job->options->corpus == NULL ? "; --corpus NAME puts these apart" : "");
    }
    if (code == SAL_OK && unusable) {
        code = import_skip(job, record->line, why.text, err);
    } else if (code == SAL_OK && e.has_summary) {
        code = place(importer, record, &e.summary, err);
    }
    if (code == SAL_OK && !unusable && e.words.count > 0) {
        code = place_words(importer, record, &e, err);
    }
    import_words_free(&e.words);
    return code == SAL_OK ? SAL_OK
                          : sal_fail_in(err, code, "%s:%lld", sal_reader_name(job->reader),
                                        (long long)record->line);
}

/* Records that hold an error in place of a summary are kept, as the paper protocol counts them; the user should know. */
static int note_failures(const summary_importer *importer, sal_error *err) {
    const import_job *job = importer->job;
    sal_buffer note = {0};
    int code = SAL_OK;

    if (importer->failed + job->tally.refused == 0) {
        return SAL_OK;
    }
    code = sal_buffer_add_format(&note, err,
                                 "%s: %lld of the summaries are errors, %lld are empty or refused: "
                                 "kept with that status; the strict protocol leaves them out",
                                 sal_reader_name(job->reader), (long long)importer->failed,
                                 (long long)job->tally.refused);
    if (code == SAL_OK) {
        sal_progress_note(job->progress, note.bytes);
    }
    sal_buffer_free(&note);
    return code;
}

/* Where importance comes from decides what can be said of it. */
static int note_words(const summary_importer *importer, sal_error *err) {
    const import_job *job = importer->job;
    sal_buffer note = {0};
    int code = SAL_OK;

    if (importer->words_alone > 0) {
        code = sal_buffer_add_format(
            &note, err,
            "%s: importance of %lld documents is kept as it came: its reliability is unknown",
            sal_reader_name(job->reader), (long long)importer->words_alone);
        if (code == SAL_OK) {
            sal_progress_note(job->progress, note.bytes);
        }
    }
    if (code == SAL_OK && importer->words_dropped > 0) {
        sal_buffer_clear(&note);
        code = sal_buffer_add_format(
            &note, err,
            "%s: importance of %lld documents is computed from their summaries, which came too",
            sal_reader_name(job->reader), (long long)importer->words_dropped);
        if (code == SAL_OK) {
            sal_progress_note(job->progress, note.bytes);
        }
    }
    sal_buffer_free(&note);
    return code;
}

int import_summaries(import_job *job, const char *digest, sal_error *err) {
    summary_importer importer = {.job = job};
    const sal_record *record = NULL;
    int code = sal_text_open(&importer.text, err);

    if (code == SAL_OK) {
        code = put_summarizer(&importer, digest, err);
    }
    if (code == SAL_OK) {
        code = import_next(job, &record, err);
    }
    while (code == SAL_OK && record != NULL) {
        code = import_one(&importer, record, err);
        if (code == SAL_OK) {
            code = import_next(job, &record, err);
        }
    }
    if (code == SAL_OK) {
        code = note_failures(&importer, err);
    }
    if (code == SAL_OK) {
        code = note_words(&importer, err);
    }
    forget_document(&importer);
    import_slots_free(&importer.slots);
    sal_text_close(importer.text);
    return code;
}
