/* salient importance: which words the summaries of a document keep. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "importance_view.h"
#include "json.h"
#include "salient/import.h"
#include "suggest.h"

enum { FORMAT_TABLE, FORMAT_JSONL, FORMAT_PAPER };
static const char *const formats[] = {"table", "jsonl", "paper", NULL};

struct importance_options {
    struct common_options common;
    const char *document;
    int format;
    const char *summaries;
};

#define AT(field) offsetof(struct importance_options, field)
static const struct option_row rows[] = {
    {"doc", 0, OPTION_TEXT, AT(document), NULL, 0, 0, "ID", NULL, "What to work on",
     "show this document with its words shaded by importance"},
    {"format", 0, OPTION_CHOICE, AT(format), "table", 0, 0, "FORMAT", formats, "Output",
     "table (for people), jsonl (a row for each word) or paper (JSON array of id, text, "
     "word_importance; one summarizer)"},
    {"summaries", 0, OPTION_TEXT, AT(summaries), NULL, 0, 0, "FILE", NULL, "What to work on",
     "without a study: summaries in a predictions.json as the paper's code writes it; with "
     "--format paper"},
    {0}};

/* ---- without a study ------------------------------------------------------------------------------------------------------- */

struct predictions {
    const sal_text *text;
    sal_protocol protocol;
    sal_buffer out;
};

static int add_document(struct predictions *predictions, const sal_prediction_document *document,
                        const sal_importance_input *inputs, sal_error *err) {
    sal_importance_list *list = NULL;
    const char *text = document->text_length > 0 ? document->text : NULL;
    int status = sal_importance_compute(predictions->text, predictions->protocol, NULL, text,
                                        document->text_length, inputs, document->count, &list, err);
    if (status == 0) {
        status = sal_buffer_add_string(&predictions->out,
                                       predictions->out.length > 1 ? ",\n" : "\n", err);
    }
    if (status == 0) {
        status = importance_add_paper(&predictions->out, document->id, document->text,
                                      document->text_length, list, err);
    }
    sal_importance_list_free(list);
    return status;
}

static int on_document(void *context, const sal_prediction_document *document, sal_error *err) {
    sal_importance_input *inputs = sal_calloc(document->count, sizeof *inputs);
    if (inputs == NULL) {
        return sal_fail_memory(err, "summaries");
    }
    for (size_t i = 0; i < document->count; i++) {
        inputs[i] = (sal_importance_input){document->summaries[i], document->summary_lengths[i],
                                           document->statuses[i]};
    }
    const int status = add_document(context, document, inputs, err);
    sal_free(inputs);
    return status;
}

/* All is computed before the first byte is written: a file that turns out malformed leaves nothing on standard output. */
static int run_predictions(struct session *session, const struct importance_options *options) {
    const sal_import_options import = {.limit = -1, .summaries = true};
    struct predictions predictions = {NULL, (sal_protocol)options->common.protocol, {0}};
    sal_error *err = &session->error;
    sal_text *text = NULL;
    int status = sal_text_open(&text, err);
    predictions.text = text;
    if (status == 0) {
        status = sal_buffer_add_string(&predictions.out, "[", err);
    }
    if (status == 0) {
        status =
            sal_import_predictions(options->summaries, &import, on_document, &predictions, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(&predictions.out, "\n]\n", err);
    }
    if (status == 0) {
        const sal_sink sink = terminal_sink();
        status = sal_sink_write(&sink, predictions.out.bytes, predictions.out.length, err);
    }
    sal_buffer_free(&predictions.out);
    sal_text_close(text);
    return session_exit(session, status, NULL);
}

/* ---- in a study ------------------------------------------------------------------------------------------------------------ */

static int add_language(sal_buffer *out, const char *language, sal_error *err) {
    char key[40];
    sal_stopwords *stopwords = NULL;
    (void)snprintf(key, sizeof key, "\"stopwords-%.20s\":", language);
    if (out->bytes != NULL && strstr(out->bytes, key) != NULL) {
        return 0; /* this language is there already */
    }
    int status = sal_stopwords_open(language, &stopwords, err);
    if (status == 0) {
        status = sal_buffer_add_string(out, out->length > 1 ? "," : "", err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(out, key, err);
    }
    if (status == 0) {
        status =
            json_add_string(out, stopwords == NULL ? NULL : sal_stopwords_digest(stopwords), err);
    }
    sal_stopwords_close(stopwords);
    return status;
}

/* The stop lists in force, by language, for the run log. */
static int collect_hashes(struct session *session, sal_study *study, sal_buffer *out) {
    sal_error *err = &session->error;
    int64_t *documents = NULL;
    size_t count = 0;
    int status =
        sal_study_document_keys(study, session->options->corpus, -1, &documents, &count, err);
    if (status == 0) {
        status = sal_buffer_add_string(out, "{", err);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        sal_document *document = NULL;
        status = sal_study_get_document(study, documents[i], &document, err);
        if (status == 0) {
            status = add_language(out, document->language, err);
        }
        sal_document_free(document);
    }
    sal_free(documents);
    return status != 0 ? status : sal_buffer_add_string(out, "}", err);
}

static int compute(struct session *session, sal_study *study, const void *config,
                   sal_tally *tally) {
    const struct common_options *common = session->options;
    const sal_importance_options request = {common->by, common->corpus,
                                            (sal_protocol)common->protocol, false};
    sal_buffer hashes = {0};
    struct stage stage;
    int64_t key = 0;
    stage_start(&stage);
    int status = collect_hashes(session, study, &hashes);
    if (status == 0) {
        status = session_begin_run(session, study, config, hashes.bytes, &key);
    }
    if (status == 0) {
        status = sal_importance_run(study, &request, &session->progress, tally, &session->error);
        if (status == 0) {
            stage_end(session, &stage, sal_protocol_name(request.protocol),
                      "documents x summarizers", tally);
        }
        status = session_end_run(session, study, key, tally, status);
    }
    sal_buffer_free(&hashes);
    return status;
}

/* In a study that cannot be written now: is all there and up to date? Else why it cannot be written is what there is to tell. */
static int look(struct session *session, sal_study *study, const sal_error *unwritable) {
    const struct common_options *common = session->options;
    const sal_importance_options request = {common->by, common->corpus,
                                            (sal_protocol)common->protocol, true};
    sal_tally missing = {0};
    const int status =
        sal_importance_run(study, &request, &session->progress, &missing, &session->error);
    if (status == 0 && missing.done > 0) {
        return sal_fail(&session->error, unwritable->code,
                        "%s (to be computed are %lld documents x summarizers)", unwritable->text,
                        (long long)missing.done);
    }
    return status;
}

/* Keep the summarizers that --by names; the list is reordered in place. */
static int select_summarizers(struct importance_view *view, sal_summarizer_list *list) {
    const char *by = view->session->options->by;
    struct suggestion suggestion;
    view->summarizers = list->items;
    view->summarizer_count = list->count;
    if (by == NULL) {
        return 0;
    }
    suggest_start(&suggestion, by);
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, by) == 0) {
            view->summarizers = &list->items[i];
            view->summarizer_count = 1;
            return 0;
        }
        suggest_offer(&suggestion, list->items[i].name);
    }
    if (suggestion.nearest != NULL) {
        return sal_fail(&view->session->error, SAL_ENOTFOUND,
                        "the study has no summarizer '%s'; did you mean '%s'?", by,
                        suggestion.nearest);
    }
    return sal_fail(
        &view->session->error, SAL_ENOTFOUND,
        "the study has no summarizer '%s'; salient export %s --table summarizers lists them", by,
        sal_study_path(view->study));
}

static int check_single(const struct importance_view *view) {
    char names[300] = "";
    size_t used = 0;
    if (view->summarizer_count == 1) {
        return 0;
    }
    if (view->summarizer_count == 0) {
        return sal_fail(&view->session->error, SAL_ENOTFOUND,
                        "%s has no summaries yet; `salient summarize` makes them",
                        sal_study_path(view->study));
    }
    for (size_t i = 0; i < view->summarizer_count && used < sizeof names - 1; i++) {
        const int added = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                                   view->summarizers[i].name);
        used = added < 0 || (size_t)added >= sizeof names - used ? sizeof names - 1
                                                                 : used + (size_t)added;
    }
    return sal_fail(&view->session->error, SAL_EINVAL,
                    "--format paper holds one summarizer; choose with --by: %s", names);
}

static int print_documents(const struct importance_view *view,
                           const struct importance_options *options) {
    sal_error *err = &view->session->error;
    int64_t *keys = NULL, one = 0;
    size_t count = 1;
    int status = 0;
    if (options->document != NULL) {
        status = sal_study_find_document(view->study, view->corpus, options->document, &one, err);
    } else {
        status = sal_study_document_keys(view->study, view->corpus, -1, &keys, &count, err);
    }
    const int64_t *documents = options->document != NULL ? &one : keys;
    if (status == 0 && options->format == FORMAT_TABLE) {
        status = importance_print_document(view, one);
    } else if (status == 0 && options->format == FORMAT_JSONL) {
        status = importance_print_rows(view, documents, count);
    } else if (status == 0) {
        status = importance_print_paper(view, documents, count);
    }
    sal_free(keys);
    return status;
}

static int print_results(const struct importance_view *view,
                         const struct importance_options *options) {
    display_clear(&view->session->display);
    if (options->common.json) {
        return importance_print_scores(view);
    }
    if (options->document == NULL && options->format == FORMAT_TABLE) {
        return importance_print_tables(view);
    }
    return print_documents(view, options);
}

/* Choose, compute, show: a wrong choice is told before anything is computed.
 * in     unwritable: why the study is open for reading only; code 0 when it is not */
static int run_study(struct session *session, sal_study *study,
                     const struct importance_options *options, const sal_error *unwritable,
                     sal_tally *tally) {
    sal_summarizer_list *list = NULL;
    struct importance_view view = {.session = session,
                                   .study = study,
                                   .corpus = options->common.corpus,
                                   .protocol = (sal_protocol)options->common.protocol,
                                   .sink = terminal_sink()};
    int status = sal_study_list_summarizers(study, &list, &session->error);
    if (status == 0) {
        status = select_summarizers(&view, list);
    }
    if (status == 0 && options->format == FORMAT_PAPER) {
        status = check_single(&view);
    }
    if (status == 0) {
        status = unwritable->code != 0 ? look(session, study, unwritable)
                                       : compute(session, study, options, tally);
    }
    if (status == 0) {
        status = print_results(&view, options);
    }
    sal_summarizer_list_free(list);
    return status;
}

static int check_options(struct session *session, const struct importance_options *options) {
    const bool study = session->argument_count > 0;
    if (!study && options->summaries == NULL) {
        return session_usage(session, "usage: salient importance STUDY [options]",
                             "STUDY is needed (or --summaries FILE)");
    }
    if (study && options->summaries != NULL) {
        return session_usage(
            session, "to bring summaries into a study: salient import STUDY FILE --summaries",
            "a study and --summaries exclude each other");
    }
    if (options->summaries != NULL && options->format != FORMAT_PAPER) {
        return session_usage(session, "add --format paper",
                             "--summaries goes with --format paper only");
    }
    if (options->common.json && (options->format != FORMAT_TABLE || options->document != NULL)) {
        return session_usage(session, "for a document's rows: --doc ID --format jsonl",
                             "--json writes the scores; it does not go with --format or --doc");
    }
    return 0;
}

static int run(struct session *session, void *config) {
    const struct importance_options *options = config;
    sal_study *study = NULL;
    sal_tally tally = {0};
    const int wrong = check_options(session, options);
    if (wrong != 0) {
        return wrong;
    }
    if (options->summaries != NULL) {
        return run_predictions(session, options);
    }
    sal_error unwritable = {0};
    int status = sal_study_open(session->arguments[0], SAL_STUDY_WRITE, &study, &unwritable);
    if (status == SAL_EIO || status == SAL_EBUSY) { /* no rights, or someone else writes */
        status = sal_study_open(session->arguments[0], SAL_STUDY_READ, &study, &session->error);
    } else {
        session->error = unwritable;
    }
    if (status == 0) {
        status = run_study(session, study, options, &unwritable, &tally);
    }
    status = session_close(session, study, status);
    return session_exit(session, status, &tally);
}

static const char *const arguments[] = {"[STUDY]", NULL};
static const char *const examples[] = {
    "salient importance mystudy", "salient importance mystudy --doc ferry --by lead",
    "salient importance --summaries predictions.json --protocol paper --format paper", NULL};
static const struct option_row *const options[] = {options_by,       options_corpus, rows,
                                                   options_protocol, options_json,   NULL};

const struct command command_importance = {
    "importance",
    "Study",
    "which words the summaries of each document keep",
    arguments,
    "The importance of a word is the share of a document's summaries that keep it. Computes what "
    "is missing or out of date, then "
    "shows for each corpus and summarizer how reliable the measure is, how long the summaries came "
    "out, and the words kept most; "
    "or one document, shaded; or all rows for other programs.",
    examples,
    options,
    sizeof(struct importance_options),
    run,
    NULL,
    NULL};
