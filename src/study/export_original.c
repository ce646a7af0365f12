/* Export in the layout of the paper's published data: a walk over models and data sets, one document in
 * memory at a time. */
#include "study/export_original.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "salient/file.h"
#include "study/export_heads.h"
#include "study/study_internal.h"

/* The three files of one model and data set. */
enum { PREDICTIONS, WITH_IMPORTANCE, DEDUPLICATED, FILE_COUNT };
static const char *const file_names[FILE_COUNT] = {
    "predictions.json",
    "generated_summaries_with_word_importance.json",
    "generated_summaries_with_word_importance_deduplicated.json",
};

typedef struct record_file {
    sal_output *output;
    bool any; /* a record was written */
} record_file;

typedef struct walk {
    sal_study *study;
    const char *folder;
    const sal_progress *progress;
    sal_summarizer_list *summarizers;
    char **summarizer_folders;
    char **corpora;
    size_t corpus_count;
    char **corpus_folders;
    original_part *parts;
    size_t part_count;
    size_t part_capacity;
} walk;

/* ---- files -------------------------------------------------------------------------------- */

static int make_folder(const char *path, sal_error *err) {
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s", path, strerror(errno));
    }
    return SAL_OK;
}

/* folder/data/model/dataset, made level by level; *path is the last. */
static int make_part_folder(const walk *state, const original_part *part, sal_buffer *path,
                            sal_error *err) {
    const char *const levels[] = {"data", part->summarizer_folder, part->corpus_folder};
    int rc = sal_buffer_add_string(path, state->folder, err);
    if (rc == SAL_OK) {
        rc = make_folder(path->bytes, err);
    }
    for (size_t i = 0; rc == SAL_OK && i < sizeof levels / sizeof levels[0]; i++) {
        rc = sal_buffer_add_format(path, err, "/%s", levels[i]);
        if (rc == SAL_OK) {
            rc = make_folder(path->bytes, err);
        }
    }
    return rc;
}

static int open_file(record_file *file, const char *folder, const char *name, sal_error *err) {
    sal_buffer path = {0};
    int rc = sal_buffer_add_format(&path, err, "%s/%s", folder, name);
    if (rc == SAL_OK) {
        rc = sal_output_open(path.bytes, &file->output, err);
    }
    sal_buffer_free(&path);
    return rc;
}

static int add_record(record_file *file, const sal_document *document, const sal_summary *summary,
                      const sal_importance_list *importance, sal_error *err) {
    sal_sink sink = sal_output_sink(file->output);
    int rc = sal_sink_string(&sink, file->any ? ",\n" : "[\n", err);
    file->any = true;
    return rc == SAL_OK ? original_write_record(&sink, document, summary, importance, err) : rc;
}

static int commit_file(record_file *file, sal_error *err) {
    if (file->output == NULL) {
        return SAL_OK;
    }
    sal_sink sink = sal_output_sink(file->output);
    int rc = sal_sink_string(&sink, file->any ? "\n]" : "[]", err);
    if (rc == SAL_OK) {
        rc = sal_output_commit(file->output, err);
        file->output = NULL;
    }
    return rc;
}

/* ---- one model and data set --------------------------------------------------------------- */

static int write_document(record_file *files, const sal_document *document,
                          const sal_summary_list *summaries, const sal_importance_list *importance,
                          sal_error *err) {
    int rc = SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < summaries->count; i++) {
        rc = add_record(&files[PREDICTIONS], document, &summaries->items[i], NULL, err);
        if (rc == SAL_OK && importance != NULL) {
            rc = add_record(&files[WITH_IMPORTANCE], document, &summaries->items[i], importance,
                            err);
        }
    }
    if (rc == SAL_OK && importance != NULL) {
        rc = add_record(&files[DEDUPLICATED], document, &summaries->items[0], importance, err);
    }
    return rc;
}

/* A document of a part, if the model has summaries of it. The importance files are opened with the
 * first document that has importance: none computed, none written. */
static int export_document(walk *state, original_part *part, int64_t summarizer, int64_t key,
                           const char *folder, record_file *files, sal_error *err) {
    sal_document *document = NULL;
    sal_summary_list *summaries = NULL;
    sal_importance_list *importance = NULL;
    int rc = sal_study_get_summaries(state->study, key, summarizer, &summaries, err);
    if (rc != SAL_OK || summaries->count == 0) {
        goto done;
    }
    rc = sal_study_get_document(state->study, key, &document, err);
    if (rc == SAL_OK) {
        rc = sal_study_get_importance(state->study, key, summarizer, SAL_PAPER, &importance, err);
    }
    if (importance != NULL && importance->inputs[0] == '\0') {
        sal_importance_list_free(importance); /* out of date: as if it was not computed yet */
        importance = NULL;
    }
    if (rc == SAL_OK && importance != NULL && files[WITH_IMPORTANCE].output == NULL) {
        rc = open_file(&files[WITH_IMPORTANCE], folder, file_names[WITH_IMPORTANCE], err);
        if (rc == SAL_OK) {
            rc = open_file(&files[DEDUPLICATED], folder, file_names[DEDUPLICATED], err);
        }
    }
    if (rc == SAL_OK && part->language == NULL) {
        part->language = sal_copy_string(document->language);
        rc = part->language == NULL ? sal_fail_memory(err, "a language") : SAL_OK;
    }
    if (rc == SAL_OK) {
        rc = write_document(files, document, summaries, importance, err);
    }
    if (rc == SAL_OK) {
        part->documents++;
        part->summaries += (int64_t)summaries->count;
        part->with_importance += importance != NULL ? 1 : 0;
    }
done:
    sal_importance_list_free(importance);
    sal_summary_list_free(summaries);
    sal_document_free(document);
    return rc;
}

static int export_part(walk *state, original_part *part, int64_t summarizer, sal_error *err) {
    record_file files[FILE_COUNT] = {{0}};
    sal_buffer folder = {0};
    int64_t *keys = NULL;
    size_t count = 0;
    int rc = sal_study_document_keys(state->study, part->corpus, -1, &keys, &count, err);
    if (rc == SAL_OK) {
        rc = make_part_folder(state, part, &folder, err);
    }
    if (rc == SAL_OK) {
        rc = open_file(&files[PREDICTIONS], folder.bytes, file_names[PREDICTIONS], err);
    }
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        sal_progress_update(state->progress, part->summarizer, (int64_t)i, (int64_t)count,
                            "documents");
        rc = sal_progress_cancelled(state->progress)
                 ? sal_fail(err, SAL_ECANCELLED, "the export was interrupted; %s is not complete",
                            state->folder)
                 : export_document(state, part, summarizer, keys[i], folder.bytes, files, err);
    }
    for (int i = 0; rc == SAL_OK && i < FILE_COUNT; i++) {
        rc = commit_file(&files[i], err);
    }
    if (rc == SAL_OK) {
        rc = original_export_heads(state->study, summarizer, part->corpus, keys, count,
                                   folder.bytes, err);
    }
    for (int i = 0; i < FILE_COUNT; i++) {
        sal_output_discard(files[i].output);
    }
    sal_buffer_free(&folder);
    sal_free(keys);
    return rc;
}

/* ---- all of them -------------------------------------------------------------------------- */

static int has_summaries(walk *state, const char *corpus, int64_t summarizer, bool *any,
                         sal_error *err) {
    study_query query = {0};
    int rc = study_query_open(state->study,
                              "SELECT 1 FROM documents d CROSS JOIN summaries s"
                              " ON s.document = d.document AND s.summarizer = ?2"
                              " WHERE d.corpus = ?1 LIMIT 1",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_text(&query, corpus);
        study_bind_integer(&query, summarizer);
        rc = study_query_next(&query, any, err);
    }
    study_query_close(&query);
    return rc;
}

static void note_missing_importance(const walk *state, const original_part *part) {
    sal_buffer text = {0};
    if (part->with_importance < part->documents &&
        sal_buffer_add_format(
            &text, NULL,
            "%s, %s: %lld of %lld documents have no importance by the paper's "
            "protocol, or it is out of date; salient importance --protocol paper computes it",
            part->summarizer, part->corpus, (long long)(part->documents - part->with_importance),
            (long long)part->documents) == SAL_OK) {
        sal_progress_note(state->progress, text.bytes);
    }
    sal_buffer_free(&text);
}

static int export_pair(walk *state, size_t summarizer, size_t corpus, sal_error *err) {
    const sal_summarizer_info *info = &state->summarizers->items[summarizer];
    bool any = false;
    int rc = has_summaries(state, state->corpora[corpus], info->key, &any, err);
    if (rc != SAL_OK || !any) {
        return rc;
    }
    rc = sal_grow((void **)&state->parts, &state->part_capacity, state->part_count,
                  sizeof *state->parts, err);
    if (rc != SAL_OK) {
        return rc;
    }
    original_part *part = &state->parts[state->part_count++];
    *part = (original_part){
        .summarizer = info->name,
        .corpus = state->corpora[corpus],
        .summarizer_folder = state->summarizer_folders[summarizer],
        .corpus_folder = state->corpus_folders[corpus],
    };
    rc = export_part(state, part, info->key, err);
    if (rc == SAL_OK) {
        note_missing_importance(state, part);
    }
    return rc;
}

static int name_folders(walk *state, sal_error *err) {
    size_t count = state->summarizers->count;
    const char **names = sal_calloc(count, sizeof *names);
    if (names == NULL) {
        return sal_fail_memory(err, "folder names");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = state->summarizers->items[i].name;
    }
    int rc = original_folder_names(names, count, &state->summarizer_folders, err);
    if (rc == SAL_OK) {
        rc = original_folder_names((const char *const *)state->corpora, state->corpus_count,
                                   &state->corpus_folders, err);
    }
    sal_free(names);
    return rc;
}

static int export_all(walk *state, const char *corpus, sal_error *err) {
    int rc = study_check_corpus(state->study, corpus, err);
    if (rc == SAL_OK) {
        rc = sal_study_list_summarizers(state->study, &state->summarizers, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_corpora(state->study, &state->corpora, &state->corpus_count, err);
    }
    if (rc == SAL_OK) {
        rc = name_folders(state, err);
    }
    for (size_t s = 0; rc == SAL_OK && s < state->summarizers->count; s++) {
        for (size_t c = 0; rc == SAL_OK && c < state->corpus_count; c++) {
            if (corpus == NULL || strcmp(corpus, state->corpora[c]) == 0) {
                rc = export_pair(state, s, c, err);
            }
        }
    }
    if (rc == SAL_OK && state->part_count == 0) {
        rc = sal_fail(err, SAL_ENOTFOUND,
                      "%s: no summaries to export; make some with: salient "
                      "summarize %s --with lead",
                      sal_study_path(state->study), sal_study_path(state->study));
    }
    return rc;
}

static int write_card(const walk *state, sal_error *err) {
    record_file card = {0};
    int rc = open_file(&card, state->folder, "README.md", err);
    if (rc == SAL_OK) {
        sal_sink sink = sal_output_sink(card.output);
        rc = original_write_card(&sink, state->parts, state->part_count, err);
    }
    if (rc == SAL_OK) {
        rc = sal_output_commit(card.output, err);
        card.output = NULL;
    }
    sal_output_discard(card.output);
    return rc;
}

int sal_export_original(sal_study *study, const char *folder, const char *corpus,
                        const sal_progress *progress, sal_tally *tally, sal_error *err) {
    walk state = {.study = study, .folder = folder, .progress = progress};
    /* One transaction, so that a writer beside us cannot change the study between two files. */
    int rc = sal_study_begin(study, err);
    if (rc != SAL_OK) {
        return rc;
    }
    rc = export_all(&state, corpus, err);
    if (rc == SAL_OK) {
        rc = write_card(&state, err);
    }
    sal_study_rollback(study);
    if (rc == SAL_OK && tally != NULL) {
        tally->done += (int64_t)state.part_count;
    }
    for (size_t i = 0; i < state.part_count; i++) {
        sal_free((char *)state.parts[i].language);
    }
    sal_free(state.parts);
    sal_strings_free(state.summarizer_folders, state.summarizers ? state.summarizers->count : 0);
    sal_strings_free(state.corpus_folders, state.corpus_count);
    sal_strings_free(state.corpora, state.corpus_count);
    sal_summarizer_list_free(state.summarizers);
    return rc;
}
