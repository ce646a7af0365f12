/* README.md of the export: a data set card as Hugging Face reads them. */
#include <string.h>

#include "salient/json.h"
#include "salient/version.h"
#include "study/export_original.h"

/* A JSON string is a YAML one. */
static int write_quoted(const sal_sink *sink, const char *text, sal_error *err) {
    return sal_json_string(sink, text, strlen(text), err);
}

static bool language_was_listed(const original_part *parts, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(parts[i].language, parts[index].language) == 0) {
            return true;
        }
    }
    return false;
}

static int write_languages(const sal_sink *sink, const original_part *parts, size_t count,
                           sal_error *err) {
    int rc = count > 0 ? sal_sink_string(sink, "language:\n", err) : SAL_OK;
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        if (language_was_listed(parts, i)) {
            continue;
        }
        rc = sal_sink_string(sink, "- ", err);
        if (rc == SAL_OK) {
            rc = write_quoted(sink, parts[i].language, err);
        }
        if (rc == SAL_OK) {
            rc = sal_sink_string(sink, "\n", err);
        }
    }
    return rc;
}

static int write_configuration(const sal_sink *sink, const original_part *part, sal_error *err) {
    sal_buffer name = {0}, path = {0};
    int rc =
        sal_buffer_add_format(&name, err, "%s--%s", part->summarizer_folder, part->corpus_folder);
    if (rc == SAL_OK) {
        /* Not the file with word_importance: its maps have other keys in every record, which loaders
           of tables turn into a column for each word. */
        rc = sal_buffer_add_format(&path, err, "data/%s/%s/predictions.json",
                                   part->summarizer_folder, part->corpus_folder);
    }
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, "- config_name: ", err);
    }
    if (rc == SAL_OK) {
        rc = write_quoted(sink, name.bytes, err);
    }
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, "\n  data_files:\n  - split: test\n    path: ", err);
    }
    if (rc == SAL_OK) {
        rc = write_quoted(sink, path.bytes, err);
    }
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, "\n", err);
    }
    sal_buffer_free(&name);
    sal_buffer_free(&path);
    return rc;
}

static int write_head(const sal_sink *sink, const original_part *parts, size_t count,
                      sal_error *err) {
    int rc = sal_sink_string(sink, "---\n", err);
    if (rc == SAL_OK) {
        rc = write_languages(sink, parts, count, err);
    }
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink,
                             "task_categories:\n- summarization\n"
                             "tags:\n- word-importance\n- length-controlled-summaries\n"
                             "pretty_name: \"Summaries and importance of words\"\n",
                             err);
    }
    if (rc == SAL_OK && count > 0) {
        rc = sal_sink_string(sink, "configs:\n", err);
    }
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = write_configuration(sink, &parts[i], err);
    }
    return rc == SAL_OK ? sal_sink_string(sink, "---\n\n", err) : rc;
}

/* A name as plain text in a cell of a Markdown table. */
static int write_cell(const sal_sink *sink, const char *name, sal_error *err) {
    int rc = SAL_OK;
    for (const char *c = name; rc == SAL_OK && *c != '\0'; c++) {
        if (*c == '<') {
            rc = sal_sink_string(sink, "&lt;", err);
        } else if (*c == '&') {
            rc = sal_sink_string(sink, "&amp;", err);
        } else {
            if (strchr("\\`*_{}[]|~#!", *c) != NULL) {
                rc = sal_sink_string(sink, "\\", err);
            }
            if (rc == SAL_OK) {
                rc = sal_sink_write(sink, c, 1, err);
            }
        }
    }
    return rc;
}

static int write_row(const sal_sink *sink, const original_part *part, sal_error *err) {
    int rc = sal_sink_string(sink, "| ", err);
    if (rc == SAL_OK) {
        rc = write_cell(sink, part->summarizer, err);
    }
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, " | ", err);
    }
    if (rc == SAL_OK) {
        rc = write_cell(sink, part->corpus, err);
    }
    return rc == SAL_OK
               ? sal_sink_format(sink, err, " | %lld | %lld | %lld |\n", (long long)part->documents,
                                 (long long)part->summaries, (long long)part->with_importance)
               : rc;
}

static const char description[] =
    "# Summaries and importance of words\n\n"
    "Length-controlled summaries of documents, and for every word the share of a document's "
    "summaries\n"
    "that keep it, in the layout of the data published with \"What Matters to an LLM? Behavioral "
    "and\n"
    "Computational Evidences from Summarization\" (arXiv 2602.00459). Written by "
    "salient " SAL_VERSION ".\n\n"
    "| model | data set | documents | summaries | documents with importance |\n"
    "|---|---|---|---|---|\n";

static const char files[] =
    "\nBelow `data/{model}/{dataset}/`:\n\n"
    "- `predictions.json`: one record for each summary: the document (`article` or `dialogue`), "
    "its\n"
    "  human summary (`highlights`, `summary` or `synopsis`), `id`, the model's text (`summary` "
    "or\n"
    "  `generated_summary`), `criteria` (`length_num_N`: N words were asked for), `input_tokens`,\n"
    "  `output_tokens`, `total_tokens` (null where no tokens were counted).\n"
    "- `generated_summaries_with_word_importance.json`: the same with `word_importance`, a map "
    "from\n"
    "  each word to a number in (0, 1], by the paper's protocol.\n"
    "- `generated_summaries_with_word_importance_deduplicated.json`: the first record of each "
    "document.\n"
    "\nCheck the licences of the documents and of the models before you share this.\n";

int original_write_card(const sal_sink *sink, const original_part *parts, size_t count,
                        sal_error *err) {
    int rc = write_head(sink, parts, count, err);
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, description, err);
    }
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        rc = write_row(sink, &parts[i], err);
    }
    return rc == SAL_OK ? sal_sink_string(sink, files, err) : rc;
}
