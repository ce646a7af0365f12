/* Ready-made summaries into a study: each record is joined to its document by id; a document that is not there is added. */
#include <math.h>
#include <string.h>

#include "import/import_internal.h"
#include "import/slots.h"
#include "salient/json.h"
#include "salient/text.h"

typedef struct summary_importer {
    import_job *job;
    sal_text *text;
    int64_t summarizer;
    import_slots slots;
    sal_document *document;     /* that of the last record: mostly the next one's too */
    int64_t failed;             /* summaries that came as errors */
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
    static const import_name sorted[] = {IMPORT_ID,      IMPORT_KIND,      IMPORT_LANGUAGE,
                                         IMPORT_LENGTH,  IMPORT_REFERENCE, IMPORT_REPLICA,
                                         IMPORT_SUMMARY, IMPORT_TEXT};
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

static int import_one(summary_importer *importer, const sal_record *record, sal_error *err) {
    import_job *job = importer->job;
    sal_error why = {0};
    import_record found = {0};
    import_summary summary = {0};
    const char *id = NULL;
    bool unusable = import_read_record(job, record, &found, &why) != SAL_OK ||
                    import_read_summary(job, record, &summary, &why) != SAL_OK;
    int code = unusable ? SAL_OK : import_identify(job, record, &found, &id, err);

    if (code == SAL_OK && !unusable && !is_current(importer, id)) {
        code = find_document(importer, id, &found, &unusable, &why, err);
    }
    if (code == SAL_OK && !unusable && has_other_text(importer, &found)) {
        unusable = true;
        (void)sal_fail(&why, SAL_EEXISTS,
                       "the id \"%.100s\" is taken by another text in corpus \"%.100s\"%s", id,
                       importer->document->corpus,
                       job->options->corpus == NULL ? "; --corpus NAME puts these apart" : "");
    }
    if (code == SAL_OK && unusable) {
        return import_skip(job, record->line, why.text, err);
    }
    if (code == SAL_OK) {
        code = place(importer, record, &summary, err);
    }
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
    forget_document(&importer);
    import_slots_free(&importer.slots);
    sal_text_close(importer.text);
    return code;
}
