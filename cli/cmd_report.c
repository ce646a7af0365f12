/* salient report: one HTML file that shows what the study found. */
#include <string.h>

#include "commands.h"
#include "salient/report.h"
#include "session.h"

struct report_options {
    struct common_options common;
    const char *output;
    int64_t documents;
    const char *title;
};

#define AT(field) offsetof(struct report_options, field)
static const struct option_row rows[] = {
    {"output", 'o', OPTION_TEXT, AT(output), NULL, 0, 0, "FILE", NULL, "What to show",
     "the file to write (default: report.html in the study's folder)"},
    {"documents", 0, OPTION_COUNT, AT(documents), "20", 0, 1e6, "N", NULL, "What to show",
     "documents of each corpus shown with shaded words, at most"},
    {"title", 0, OPTION_TEXT, AT(title), NULL, 0, 0, "TEXT", NULL, "What to show",
     "title (default: the study's name)"},
    {0}};

static int write_report(struct session *session, sal_study *study,
                        const struct report_options *options, const char *path) {
    const sal_report_options request = {options->common.corpus, options->documents, options->title};
    struct stage stage;
    stage_start(&stage);
    int status = sal_report_write(study, path, &request, &session->progress, &session->error);
    if (status == SAL_EIO && options->output == NULL) {
        sal_error cause = session->error;
        status = sal_fail(&session->error, status,
                          "%s; to write it elsewhere: salient report %s -o report.html", cause.text,
                          session->arguments[0]);
    }
    if (status == 0) {
        stage_end(session, &stage, path, NULL, NULL);
    }
    return status;
}

static int run(struct session *session, void *config) {
    const struct report_options *options = config;
    sal_study *study = NULL;
    sal_buffer path = {0};
    int status = sal_study_open(session->arguments[0], SAL_STUDY_READ, &study, &session->error);
    if (status == 0 && options->output == NULL) {
        status =
            sal_buffer_add_format(&path, &session->error, "%s/report.html", session->arguments[0]);
    } else if (status == 0) {
        status = sal_buffer_add_string(&path, options->output, &session->error);
    }
    if (status == 0 && strcmp(path.bytes, "-") == 0) {
        status = sal_fail(&session->error, SAL_EINVAL,
                          "the report goes to a file, not to standard output: -o report.html");
    }
    if (status == 0) {
        status = write_report(session, study, options, path.bytes);
    }
    status = session_close(session, study, status);
    sal_buffer_free(&path);
    return session_exit(session, status, NULL);
}

static const char *const arguments[] = {"STUDY", NULL};
static const char *const examples[] = {"salient report mystudy",
                                       "salient report mystudy -o report.html --documents 5", NULL};
static const struct option_row *const options[] = {rows, options_corpus, NULL};

const struct command command_report = {
    "report",
    "Results",
    "one HTML file that shows what was found",
    arguments,
    "Writes a page that works offline: how reliable the importance is, how long the summaries are, "
    "which words are kept, and "
    "documents with their words shaded.",
    examples,
    options,
    sizeof(struct report_options),
    run,
    NULL,
    NULL};
