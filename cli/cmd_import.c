/* salient import: documents, or summaries made elsewhere, into a study. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "salient/file.h"
#include "salient/import.h"
#include "session.h"
#include "suggest.h"

#define MAP_MAXIMUM 16

struct import_options {
    struct common_options common;
    struct text_list map;
    const char *language;
    int kind;
    int64_t limit;
    int format;
    bool summaries;
    const char *as;
};

static const char *const kinds[] = {"auto", "news", "dialogue", NULL};
static const char *const formats[] = {"auto", "json", "jsonl", "csv", "tsv", "txt", NULL};
static const char *const document_fields[] = {"text", "id", "reference", "lang", "kind", NULL};
static const char *const summary_fields[] = {"text",    "id",     "reference", "lang",       "kind",
                                             "summary", "length", "replica",   "importance", NULL};

#define AT(field) offsetof(struct import_options, field)
static const struct option_row rows[] = {
    {"corpus", 0, OPTION_TEXT, offsetof(struct common_options, corpus), NULL, 0, 0, "NAME", NULL,
     "What is imported",
     "corpus the records belong to (default: the file's name without extension; texts for plain "
     "text; stdin)"},
    {"map", 0, OPTION_LIST, AT(map), NULL, 0, 0, "OURS=THEIRS", NULL, "What is imported",
     "take our field (text, id, reference, lang, kind; with --summaries also summary, length, "
     "replica, importance) from a field of the input; "
     "several separated by commas; may be repeated"},
    {"lang", 0, OPTION_TEXT, AT(language), "en", 0, 0, "CODE", NULL, "What is imported",
     "language of records that name none"},
    {"kind", 0, OPTION_CHOICE, AT(kind), "auto", 0, 0, "KIND", kinds, "What is imported",
     "kind of records that name none: news or dialogue; auto: dialogue where the text comes from a "
     "field of that name, else news"},
    {"format", 0, OPTION_CHOICE, AT(format), "auto", 0, 0, "FORMAT", formats, "What is imported",
     "auto (by extension, then content), json, jsonl, csv, tsv or txt"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "What is imported",
     "records of each file at most (default: all)"},
    {"summaries", 0, OPTION_FLAG, AT(summaries), NULL, 0, 0, NULL, NULL, "Summaries made elsewhere",
     "the records are summaries (predictions.json of the paper's code, or the like), or hold "
     "importance itself (word_importance: {word: y})"},
    {"as", 0, OPTION_TEXT, AT(as), NULL, 0, 0, "NAME", NULL, "Summaries made elsewhere",
     "name of their summarizer in the study (default: the file's name without extension)"},
    {0}};

/* One "ours=theirs". The texts live in room, which is cut in place. */
static int add_pair(struct session *session, const char *const *fields, char *pair,
                    sal_field_map *map, size_t *count) {
    static const char hint[] = "example: --map text=article,reference=highlights";
    struct suggestion suggestion;
    char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair || equals[1] == '\0') {
        return session_usage(session, hint, "--map takes OURS=THEIRS, not '%s'", pair);
    }
    *equals = '\0';
    suggest_start(&suggestion, pair);
    for (size_t i = 0; fields[i] != NULL; i++) {
        suggest_offer(&suggestion, fields[i]);
        if (strcmp(fields[i], pair) == 0) {
            if (*count == MAP_MAXIMUM) {
                return session_usage(session, hint, "--map has more than %d fields", MAP_MAXIMUM);
            }
            map[(*count)++] = (sal_field_map){fields[i], equals + 1};
            return 0;
        }
    }
    if (suggestion.nearest != NULL) {
        return session_usage(session, hint, "--map knows no field '%s'; did you mean %s?", pair,
                             suggestion.nearest);
    }
    return session_usage(
        session, hint, "--map knows no field '%s'%s", pair,
        fields == document_fields ? " (summary, length and replica: with --summaries)" : "");
}

/* All --map options. out room: owns the texts; return 0 or an exit status */
static int parse_map(struct session *session, const struct import_options *options,
                     sal_buffer *room, sal_field_map *map, size_t *count) {
    const char *const *fields = options->summaries ? summary_fields : document_fields;
    int status = 0;
    for (size_t i = 0; status == 0 && i < options->map.count; i++) {
        status = sal_buffer_add_format(room, &session->error, "%s%s", i == 0 ? "" : ",",
                                       options->map.items[i]);
    }
    if (status != 0) {
        return session_exit(session, status, NULL);
    }
    char *next = room->bytes;
    while (status == 0 && next != NULL) {
        char *comma = strchr(next, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        status = add_pair(session, fields, next, map, count);
        next = comma == NULL ? NULL : comma + 1;
    }
    return status;
}

/* A file that cannot be opened is found before a study is made for it. */
static int check_files(struct session *session) {
    for (size_t i = 1; i < session->argument_count; i++) {
        sal_file *file = NULL;
        /* Standard input is open, and what an hf: source is, import itself says. */
        if (strcmp(session->arguments[i], "-") == 0 ||
            strncmp(session->arguments[i], "hf:", 3) == 0) {
            continue;
        }
        const int status = sal_file_open(session->arguments[i], &file, &session->error);
        if (status != 0) {
            return status;
        }
        sal_file_close(file);
    }
    return 0;
}

static int import_files(struct session *session, sal_study *study,
                        const sal_import_options *options, sal_tally *tally) {
    int status = 0;
    for (size_t i = 1; status == 0 && i < session->argument_count; i++) {
        sal_tally own = {0};
        struct stage stage;
        stage_start(&stage);
        status = sal_import_file(study, session->arguments[i], options, &session->progress, &own,
                                 &session->error);
        if (status == 0) {
            stage_end(session, &stage, session->arguments[i],
                      options->summaries ? "summaries" : "documents", &own);
        }
        tally_add(tally, &own);
    }
    return status;
}

static int run(struct session *session, void *config) {
    const struct import_options *options = config;
    sal_field_map map[MAP_MAXIMUM];
    sal_buffer room = {0};
    sal_study *study = NULL;
    sal_tally tally = {0};
    int64_t key = 0;
    sal_import_options request = {.corpus = options->common.corpus,
                                  .language = options->language,
                                  .kind = options->kind == 0 ? NULL : kinds[options->kind],
                                  .map = map,
                                  .limit = options->limit,
                                  .summaries = options->summaries,
                                  .as = options->as,
                                  .format = options->format == 0 ? NULL : formats[options->format]};
    if (options->as != NULL && !options->summaries) {
        return session_usage(session, "documents have no summarizer", "--as goes with --summaries");
    }
    const int wrong = parse_map(session, options, &room, map, &request.map_count);
    if (wrong != 0) {
        sal_buffer_free(&room);
        return wrong;
    }
    int status = check_files(session);
    if (status == 0) {
        status = sal_study_open(session->arguments[0], SAL_STUDY_CREATE, &study, &session->error);
    }
    if (status == 0) {
        status = session_begin_run(session, study, config, NULL, &key);
    }
    if (status == 0) {
        status = import_files(session, study, &request, &tally);
        status = session_end_run(session, study, key, &tally, status);
    }
    if (status == 0) {
        status = session_close(session, study, status);
    } else {
        sal_study_abandon(study);
    }
    sal_buffer_free(&room);
    return session_exit(session, status, &tally);
}

static const char *const arguments[] = {"STUDY", "FILE...", NULL};
static const char *const examples[] = {
    "salient import mystudy examples/demo/news.jsonl",
    "salient import mystudy articles.csv --corpus cnn_dailymail --map "
    "text=article,reference=highlights",
    "salient import mystudy hf:abisee/cnn_dailymail:3.0.0:test --limit 100", NULL};
static const struct option_row *const options[] = {rows, NULL};

const struct command command_import = {
    "import",
    "Study",
    "documents, or summaries made elsewhere, into a study",
    arguments,
    "Reads documents from JSON, JSONL, CSV or TSV files, from plain text (one document, its id is "
    "the file's name) or from "
    "standard input (-) into the study STUDY, a folder that is made when it is not there. Texts "
    "are stored as they came. A record "
    "without an id gets FILE:line.\n\n"
    "hf:OWNER/NAME[:CONFIG[:SPLIT]] fetches the rows of a data set of the Hugging Face hub, going "
    "on "
    "where an earlier run broke off; hf:OWNER/NAME/PATTERN fetches JSON files of its repository (* "
    "and ? "
    "within a folder, ** across folders), each predictions.json among them as summaries, or, where "
    "there is none, each generated_summaries_with_word_importance*.json. HF_TOKEN, where "
    "set, opens what wants a key.\n\n"
    "A malformed file is refused whole; a record that cannot be used is skipped and listed. "
    "Importing a file twice changes "
    "nothing.",
    examples,
    options,
    sizeof(struct import_options),
    run,
    NULL,
    NULL};
