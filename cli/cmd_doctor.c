/* salient doctor: is everything there that a study needs, and which versions are at work? */
#include <inttypes.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unicode/uversion.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "commands.h"
#include "json.h"
#include "salient/model.h"
#include "salient/version.h"
#include "session.h"

#define DEMO_MODEL                                                                                 \
    "deps/models/SmolLM2-135M-Instruct.Q4_1.gguf" /* where scripts/deps leaves it, from the checkout */

struct doctor_options {
    struct common_options common;
    const char *study;
};

static const struct option_row rows[] = {
    {"study", 0, OPTION_TEXT, offsetof(struct doctor_options, study), NULL, 0, 0, "STUDY", NULL,
     "What to look at", "also look whether this study can be read"},
    {0}};

/* What was found: one line each, printed as they come or collected as JSON. */
struct findings {
    struct session *session;
    sal_buffer list; /* JSON objects */
    int status;      /* of writing */
    bool missing;    /* something needed is not there */
};

/* in     repair: command that mends it; NULL when all is well */
static void report(struct findings *findings, const char *name, const char *value,
                   const char *repair) {
    sal_error *err = &findings->session->error;
    const sal_sink sink = terminal_sink();
    sal_buffer line = {0};
    int status = findings->status;
    findings->missing = findings->missing || repair != NULL;
    if (status == 0 && findings->session->options->json) {
        struct object_writer object;
        status = sal_buffer_add_string(&findings->list, findings->list.length > 0 ? "," : "", err);
        object_begin(&object, &findings->list, err);
        object_text(&object, "what", name);
        object_truth(&object, "ok", repair == NULL);
        object_text(&object, "value", value);
        object_text(&object, "repair", repair);
        status = status != 0 ? status : object_end(&object);
    } else if (status == 0) {
        status = sal_buffer_add_format(&line, err, "%-7s %-12s ", repair == NULL ? "ok" : "MISSING",
                                       name);
        status = status != 0 ? status : text_add_harmless(&line, value, strlen(value), false, err);
        if (status == 0) {
            status = sal_buffer_add_format(
                &line, err, "%s%s\n",
                repair == NULL ? "" : "\n        to repair it: ", repair == NULL ? "" : repair);
        }
        status = status != 0 ? status : sal_sink_write(&sink, line.bytes, line.length, err);
    }
    sal_buffer_free(&line);
    findings->status = status;
}

static void report_parts(struct findings *findings) {
    char text[200], pcre[64] = "";
    UVersionInfo icu;
    char icu_text[U_MAX_VERSION_STRING_LENGTH] = "";
    u_getVersion(icu);
    u_versionToString(icu, icu_text);
    (void)pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    (void)snprintf(text, sizeof text, "SQLite %s, jansson %s, PCRE2 %.40s, ICU %s",
                   sqlite3_libversion(), JANSSON_VERSION, pcre, icu_text);
    report(findings, "parts", text, NULL);
}

static void report_system(struct findings *findings) {
    sal_buffer system = {0};
    sal_error error = {0};
    if (sal_model_system(&system, &error) == 0 && system.bytes != NULL) {
        report(findings, "models", system.bytes, NULL);
    } else {
        report(findings, "models", error.text, "scripts/deps && make");
    }
    sal_buffer_free(&system);
}

static void report_stopwords(struct findings *findings) {
    static const char *const languages[] = {"en", "fr"};
    char text[200] = "";
    bool all = true;
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
        sal_stopwords *stopwords = NULL;
        sal_error error = {0};
        const size_t used = strlen(text);
        const bool there =
            sal_stopwords_open(languages[i], &stopwords, &error) == 0 && stopwords != NULL;
        (void)snprintf(text + used, sizeof text - used, "%s%s %.12s", i == 0 ? "" : ", ",
                       languages[i], there ? sal_stopwords_digest(stopwords) : "not there");
        all = all && there;
        sal_stopwords_close(stopwords);
    }
    report(findings, "stop lists", text, all ? NULL : "scripts/deps && make");
}

static void report_model(struct findings *findings, const char *path) {
    const sal_model_options request = {.vocabulary_only = true};
    const char *file = path == NULL ? DEMO_MODEL : path;
    sal_model *model = NULL;
    sal_error error = {0};
    char text[600];
    if (path == NULL && access(file, F_OK) != 0) {
        /* Only a checkout has the demo model; an installed program does without. */
        report(findings, "demo model",
               "not here (" DEMO_MODEL
               "); scripts/deps brings it, or name a model: salient doctor MODEL",
               NULL);
        return;
    }
    if (sal_model_open(file, &request, &model, &error) != 0) {
        report(findings, "model", error.text,
               path == NULL ? "scripts/deps"
                            : "salient model info MODEL, with the path of a GGUF file");
        return;
    }
    const sal_model_info *info = sal_model_describe(model);
    (void)snprintf(text, sizeof text, "%.300s: %.100s, %s", file, info->type,
                   info->chat_template_known
                       ? "chat template known"
                       : "chat template not known: summarize needs --chat-template");
    report(findings, "model", text, NULL);
    sal_model_close(model);
}

static void report_study(struct findings *findings, const char *path) {
    sal_study *study = NULL;
    sal_error error = {0};
    int64_t *keys = NULL;
    size_t documents = 0;
    char text[600];
    int status = sal_study_open(path, SAL_STUDY_READ, &study, &error);
    if (status == 0) {
        status = sal_study_document_keys(study, NULL, -1, &keys, &documents, &error);
    }
    if (status == 0) {
        (void)snprintf(text, sizeof text, "%.500s: %zu documents", path, documents);
        report(findings, "study", text, NULL);
    } else {
        report(findings, "study", error.text,
               "salient import STUDY FILE, or salient verify STUDY if it is there");
    }
    sal_free(keys);
    (void)sal_study_close(study, NULL); /* nothing was written; whatever is wrong has been told */
}

static int run(struct session *session, void *config) {
    const struct doctor_options *options = config;
    struct findings findings = {session, {0}, 0, false};
    report(&findings, "salient", SAL_VERSION, NULL);
    report_system(&findings);
    report_parts(&findings);
    report_stopwords(&findings);
    report_model(&findings, session->argument_count > 0 ? session->arguments[0] : NULL);
    if (options->study != NULL) {
        report_study(&findings, options->study);
    }
    if (findings.status == 0 && options->common.json) {
        (void)printf("[%s]\n", findings.list.bytes == NULL ? "" : findings.list.bytes);
    }
    sal_buffer_free(&findings.list);
    const int result = session_exit(session, findings.status, NULL);
    return result == EXIT_DONE && findings.missing ? EXIT_FAILED : result;
}

static const char *const arguments[] = {"[MODEL]", NULL};
static const char *const examples[] = {"salient doctor",
                                       "salient doctor model.gguf --study mystudy", NULL};
static const struct option_row *const options[] = {rows, options_json, NULL};

const struct command command_doctor = {
    "doctor",
    "Help",
    "is everything there that a study needs?",
    arguments,
    "Shows versions, what libllama makes of this processor, and whether the stop lists and a model "
    "(the demo model, or MODEL) can be "
    "read. Exit status 1 when something needed is missing; then it names the command that repairs "
    "it.",
    examples,
    options,
    sizeof(struct doctor_options),
    run,
    NULL,
    NULL};
