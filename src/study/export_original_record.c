/* One record as the original's scripts write it (_1_data_generation.py, _2_data_preprocess.py). */
#include <string.h>

#include "salient/json.h"
#include "study/export_original.h"

static const original_fields news_fields = {"article", "highlights", "summary"};
static const original_fields dialogue_fields = {"dialogue", "summary", "generated_summary"};
static const original_fields french_fields = {"dialogue", "synopsis", "generated_summary"};

static const struct {
    const char *corpus;
    const original_fields *fields;
} known_corpora[] = {
    {"cnn_dailymail", &news_fields},
    {"samsum", &dialogue_fields},
    {"knkarthick/samsum", &dialogue_fields},
    {"decoda", &french_fields},
};

original_fields original_fields_of(const sal_document *document) {
    for (size_t i = 0; i < sizeof known_corpora / sizeof known_corpora[0]; i++) {
        if (strcmp(document->corpus, known_corpora[i].corpus) == 0) {
            return *known_corpora[i].fields;
        }
    }
    if (strcmp(document->kind, "dialogue") != 0) {
        return news_fields;
    }
    return strcmp(document->language, "fr") == 0 ? french_fields : dialogue_fields;
}

/* `,\n    "key": `, the first without the comma */
static int write_key(const sal_sink *sink, const char *key, bool first, sal_error *err) {
    int rc = sal_sink_string(sink, first ? "\n        " : ",\n        ", err);
    if (rc == SAL_OK) {
        rc = sal_json_key(sink, key, err);
    }
    return rc == SAL_OK ? sal_sink_string(sink, " ", err) : rc;
}

static int write_text(const sal_sink *sink, const char *key, const char *text, size_t length,
                      bool first, sal_error *err) {
    int rc = write_key(sink, key, first, err);
    if (rc != SAL_OK) {
        return rc;
    }
    return text == NULL ? sal_sink_string(sink, "null", err)
                        : sal_json_string(sink, text, length, err);
}

static int write_count(const sal_sink *sink, const char *key, int64_t value, sal_error *err) {
    int rc = write_key(sink, key, false, err);
    if (rc != SAL_OK) {
        return rc;
    }
    return value < 0 ? sal_sink_string(sink, "null", err) : sal_json_integer(sink, value, err);
}

static int write_criteria(const sal_sink *sink, int length, sal_error *err) {
    int rc = write_key(sink, "criteria", false, err);
    if (rc != SAL_OK) {
        return rc;
    }
    return length > 0 ? sal_sink_format(sink, err, "\"length_num_%d\"", length)
                      : sal_sink_string(sink, "null", err);
}

/* Python writes a whole float as 1.0. */
static int write_float(const sal_sink *sink, double value, sal_error *err) {
    char text[SAL_JSON_DOUBLE_ROOM];
    sal_json_format_double(value, text);
    return sal_sink_format(sink, err, "%s%s", text,
                           strspn(text, "-0123456789") == strlen(text) ? ".0" : "");
}

static int write_importance(const sal_sink *sink, const sal_importance_list *importance,
                            sal_error *err) {
    bool first = true;
    int rc = write_key(sink, "word_importance", false, err);
    if (rc == SAL_OK) {
        rc = sal_sink_string(sink, "{", err);
    }
    for (size_t i = 0; rc == SAL_OK && i < importance->count; i++) {
        const sal_importance_row *row = &importance->rows[i];
        if (row->count == 0 || row->of == 0) {
            continue;
        }
        rc = sal_sink_string(sink, first ? "\n            " : ",\n            ", err);
        first = false;
        if (rc == SAL_OK) {
            rc = sal_json_key(sink, row->word, err);
        }
        if (rc == SAL_OK) {
            rc = sal_sink_string(sink, " ", err);
        }
        if (rc == SAL_OK) {
            rc = write_float(sink, (double)row->count / (double)row->of, err);
        }
    }
    return rc == SAL_OK ? sal_sink_string(sink, first ? "}" : "\n        }", err) : rc;
}

int original_write_record(const sal_sink *sink, const sal_document *document,
                          const sal_summary *summary, const sal_importance_list *importance,
                          sal_error *err) {
    original_fields fields = original_fields_of(document);
    int64_t in = summary->prompt_tokens, out = summary->tokens;
    int rc = sal_sink_string(sink, "    {", err);
    if (rc == SAL_OK) {
        rc = write_text(sink, fields.text, document->text, document->text_length, true, err);
    }
    if (rc == SAL_OK) {
        rc = write_text(sink, fields.reference, document->reference, document->reference_length,
                        false, err);
    }
    if (rc == SAL_OK) {
        rc = write_text(sink, "id", document->id, strlen(document->id), false, err);
    }
    if (rc == SAL_OK) {
        rc = write_text(sink, fields.generated, summary->text, summary->text_length, false, err);
    }
    if (rc == SAL_OK) {
        rc = write_criteria(sink, summary->length, err);
    }
    if (rc == SAL_OK) {
        rc = write_count(sink, "input_tokens", in, err);
    }
    if (rc == SAL_OK) {
        rc = write_count(sink, "output_tokens", out, err);
    }
    if (rc == SAL_OK) {
        rc = write_count(sink, "total_tokens", in < 0 || out < 0 ? -1 : in + out, err);
    }
    if (rc == SAL_OK && importance != NULL) {
        rc = write_importance(sink, importance, err);
    }
    return rc == SAL_OK ? sal_sink_string(sink, "\n    }", err) : rc;
}
