/* salient export: the study's tables as tidy rows, or the layout of the paper's published data. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "output.h"
#include "session.h"
#include "suggest.h"

struct export_options {
    struct common_options common;
    const char *table;
    int format;
    const char *output;
    int layout;
    bool per_document;
};

static const char *const formats[] = {"jsonl", "csv", "json",
                                      NULL}; /* in the order of sal_format */
static const char *const layouts[] = {"none", "original", NULL};

#define AT(field) offsetof(struct export_options, field)
static const struct option_row rows[] = {
    {"table", 0, OPTION_TEXT, AT(table), NULL, 0, 0, "TABLE", NULL, "What to export",
     "documents, summarizers, summaries, importance, scores, agreement, clusters, heads, "
     "retrieval, "
     "retrieval_overlaps, ablations, probes, probe_words, protocols, states, timings or runs "
     "(docs/schema.md has the columns)"},
    {"per-document", 0, OPTION_FLAG, AT(per_document), NULL, 0, 0, NULL, NULL, "What to export",
     "with --table heads: a row for each document in place of means over documents"},
    {"format", 0, OPTION_CHOICE, AT(format), "jsonl", 0, 0, "FORMAT", formats, "What to export",
     "jsonl (an object a line), csv (undefined: empty) or json (one array)"},
    {"output", 'o', OPTION_TEXT, AT(output), "-", 0, 0, "FILE", NULL, "What to export",
     "where to write; -: standard output"},
    {"layout", 0, OPTION_CHOICE, AT(layout), "none", 0, 0, "LAYOUT", layouts, "What to export",
     "original: the folders and files of the paper's published data, below the folder DIR"},
    {0}};

/* A table's own spelling of the name, or NULL with the usage error told. */
static const char *find_table(struct session *session, const char *name) {
    const char *const *tables = sal_export_tables();
    struct suggestion suggestion;
    char all[300] = "", hint[400];
    size_t used = 0;
    suggest_start(&suggestion, name);
    for (size_t i = 0; tables[i] != NULL; i++) {
        if (strcmp(tables[i], name) == 0) {
            return tables[i];
        }
        suggest_offer(&suggestion, tables[i]);
        const int added =
            snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", tables[i]);
        used =
            added < 0 || (size_t)added >= sizeof all - used ? sizeof all - 1 : used + (size_t)added;
    }
    (void)snprintf(hint, sizeof hint, "tables: %s", all);
    if (suggestion.nearest != NULL) {
        (void)session_usage(session, hint, "there is no table '%s'; did you mean %s?", name,
                            suggestion.nearest);
    } else {
        (void)session_usage(session, hint, "there is no table '%s'", name);
    }
    return NULL;
}

static int check_options(struct session *session, const struct export_options *options) {
    if (options->layout == 0 && options->table == NULL) {
        return session_usage(session,
                             "example: salient export mystudy --table summaries --format csv",
                             "--table is needed (or --layout original and a folder)");
    }
    if (options->layout != 0 && options->table != NULL) {
        return session_usage(session, "give one of the two",
                             "--table and --layout exclude each other");
    }
    if (options->layout != 0 && session->argument_count < 2) {
        return session_usage(session, "example: salient export mystudy --layout original data",
                             "--layout needs DIR");
    }
    if (options->layout == 0 && session->argument_count > 1) {
        return session_usage(session, "to write a file: -o FILE", "'%s' is one argument too many",
                             session->arguments[1]);
    }
    if (options->table != NULL && find_table(session, options->table) == NULL) {
        return EXIT_USAGE;
    }
    if (options->per_document && (options->table == NULL || strcmp(options->table, "heads") != 0)) {
        return session_usage(session, "add --table heads",
                             "--per-document goes with --table heads");
    }
    return 0;
}

static int export_table(struct session *session, sal_study *study,
                        const struct export_options *options) {
    struct output output;
    int status = output_open(options->output, &output, &session->error);
    if (status == 0) {
        const sal_format format = (sal_format)options->format;
        status = options->per_document
                     ? sal_export_head_documents(study, options->common.corpus, format,
                                                 &output.sink, &session->error)
                     : sal_export_table(study, options->table, options->common.corpus, format,
                                        &output.sink, &session->error);
        status = output_close(&output, status, &session->error);
    }
    return status;
}

static int export_layout(struct session *session, sal_study *study,
                         const struct export_options *options, sal_tally *tally) {
    struct stage stage;
    stage_start(&stage);
    const int status = sal_export_original(study, session->arguments[1], options->common.corpus,
                                           &session->progress, tally, &session->error);
    if (status == 0) {
        stage_end(session, &stage, session->arguments[1], "files", tally);
    }
    return status;
}

static int run(struct session *session, void *config) {
    const struct export_options *options = config;
    sal_study *study = NULL;
    sal_tally tally = {0};
    const int wrong = check_options(session, options);
    if (wrong != 0) {
        return wrong;
    }
    int status = sal_study_open(session->arguments[0], SAL_STUDY_READ, &study, &session->error);
    if (status == 0 && options->layout == 0) {
        status = export_table(session, study, options);
    } else if (status == 0) {
        status = export_layout(session, study, options, &tally);
    }
    status = session_close(session, study, status);
    return session_exit(session, status, &tally);
}

static const char *const arguments[] = {"STUDY", "[DIR]", NULL};
static const char *const examples[] = {
    "salient export mystudy --table importance --format csv -o importance.csv",
    "salient export mystudy --table summaries --corpus news",
    "salient export mystudy --layout original data", NULL};
static const struct option_row *const options[] = {rows, options_corpus, NULL};

const struct command command_export = {
    "export",
    "Results",
    "tables as CSV, JSON or JSONL; the paper's layout",
    arguments,
    "Writes a table of the study as tidy rows, one observation each, in a documented order; an "
    "undefined value is null. With "
    "--layout original it writes predictions.json and the files beside it as the paper's published "
    "code does, below DIR.",
    examples,
    options,
    sizeof(struct export_options),
    run,
    NULL,
    NULL};
