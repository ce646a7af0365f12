#include "salient/report.h"

#include <string.h>

#include "report/report_internal.h"
#include "salient/file.h"

/* The last part of the study's path; a path like "." names nothing. */
static char *title_of(const char *path) {
    size_t end = strlen(path);
    size_t start = 0;
    size_t bad = 0;

    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    if (end == start || path[start] == '.' || !sal_utf8_valid(path + start, end - start, &bad)) {
        return sal_copy_string("study");
    }
    return sal_copy_bytes(path + start, end - start);
}

bool sal_report_shows(const sal_report *report, const char *corpus) {
    for (size_t i = 0; i < report->corpus_count; i++) {
        if (strcmp(report->corpora[i].name, corpus) == 0) {
            return true;
        }
    }
    return false;
}

static void free_report(sal_report *report) {
    for (size_t i = 0; i < report->corpus_count; i++) {
        sal_free(report->corpora[i].keys);
        sal_strings_free(report->corpora[i].languages, report->corpora[i].language_count);
        sal_strings_free(report->corpora[i].kinds, report->corpora[i].kind_count);
    }
    sal_free(report->corpora);
    sal_strings_free(report->names, report->name_count);
    sal_summarizer_list_free(report->summarizers);
    sal_score_list_free(report->scores);
    sal_agreement_list_free(report->agreement);
    sal_head_tables_free(report->heads);
    sal_probe_tables_free(report->probes);
    sal_protocol_list_free(report->protocols);
    sal_text_close(report->text);
    sal_free(report->title);
}

static int add_corpus(sal_report *report, const char *name, sal_error *err) {
    const int64_t limit = report->options->documents_at_most;
    sal_report_corpus *corpus = &report->corpora[report->corpus_count];
    const int code =
        sal_study_document_keys(report->study, name, -1, &corpus->keys, &corpus->documents, err);

    if (code != SAL_OK) {
        return code;
    }
    report->corpus_count++;
    corpus->name = name;
    corpus->shown = corpus->documents;
    if (limit >= 0 && (uint64_t)limit < corpus->documents) {
        corpus->shown = (size_t)limit;
    }
    return SAL_OK;
}

/* The corpora that are wanted. A wanted one that does not exist is named by sal_study_document_keys. */
static int load_corpora(sal_report *report, sal_error *err) {
    const char *only = report->options->corpus;
    int code = sal_study_corpora(report->study, &report->names, &report->name_count, err);

    if (code != SAL_OK) {
        return code;
    }
    if (report->name_count == 0) {
        return sal_fail(err, SAL_ENOTFOUND,
                        "%s holds no documents; to go on: salient import %s FILE",
                        sal_study_path(report->study), sal_study_path(report->study));
    }
    report->corpora = sal_calloc(report->name_count, sizeof *report->corpora);
    if (report->corpora == NULL) {
        return sal_fail_memory(err, "the corpora of a report");
    }
    if (only != NULL) {
        return add_corpus(report, only, err);
    }
    for (size_t i = 0; i < report->name_count && code == SAL_OK; i++) {
        code = add_corpus(report, report->names[i], err);
    }
    return code;
}

static int load_results(sal_report *report, sal_error *err) {
    int code = sal_study_list_summarizers(report->study, &report->summarizers, err);

    if (code != SAL_OK) {
        return code;
    }
    if (report->summarizers->count == 0) {
        return sal_fail(err, SAL_ENOTFOUND,
                        "%s holds no summaries yet; to go on: salient summarize %s --with lead",
                        sal_study_path(report->study), sal_study_path(report->study));
    }
    code = sal_study_get_scores(report->study, &report->scores, err);
    if (code == SAL_OK) {
        code = sal_study_get_agreement(report->study, report->options->corpus, &report->agreement,
                                       err);
    }
    if (code == SAL_OK) {
        code = sal_study_get_head_tables(report->study, &report->heads, err);
    }
    if (code == SAL_OK) {
        code = sal_study_get_probe_tables(report->study, &report->probes, err);
    }
    if (code == SAL_OK) {
        code = sal_study_get_protocols(report->study, report->options->corpus, &report->protocols,
                                       err);
    }
    return code == SAL_OK ? sal_text_open(&report->text, err) : code;
}

static int load_report(sal_report *report, sal_error *err) {
    const char *title = report->options->title;
    int code = SAL_OK;

    report->title =
        title != NULL ? sal_copy_string(title) : title_of(sal_study_path(report->study));
    if (report->title == NULL) {
        return sal_fail_memory(err, "the title of a report");
    }
    code = load_corpora(report, err);
    return code == SAL_OK ? load_results(report, err) : code;
}

static void tell_what_is_missing(const sal_report *report) {
    if (report->scores->count == 0) {
        sal_progress_note(report->progress,
                          "importance has not been computed: the report shows texts only; to go "
                          "on: salient importance STUDY");
    }
}

int sal_report_write(sal_study *study, const char *path, const sal_report_options *options,
                     const sal_progress *progress, sal_error *err) {
    const sal_report_options all = {.documents_at_most = -1};
    sal_report report = {
        .study = study, .options = options != NULL ? options : &all, .progress = progress};
    sal_output *output = NULL;
    sal_sink sink;
    int code = load_report(&report, err);

    if (code != SAL_OK) {
        goto done;
    }
    tell_what_is_missing(&report);
    code = sal_output_open(path, &output, err);
    if (code != SAL_OK) {
        goto done;
    }
    sink = sal_output_sink(output);
    code = sal_report_page(&report, &sink, err);
    if (code != SAL_OK) {
        sal_output_discard(output);
        goto done;
    }
    code = sal_output_commit(output, err);
done:
    free_report(&report);
    return code;
}
