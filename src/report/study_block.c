/* The data of everything but the documents: what the study holds and what was computed over it. */
#include <string.h>

#include "report/report_internal.h"
#include "salient/version.h"

static void put_names(sal_block *block, const char *key, char *const *names, size_t count) {
    sal_block_key(block, key);
    sal_block_open(block, '[');
    for (size_t i = 0; i < count; i++) {
        sal_block_string(block, names[i]);
    }
    sal_block_close(block, ']');
}

static void put_corpora(sal_block *block, const sal_report *report) {
    sal_block_key(block, "corpora");
    sal_block_open(block, '[');
    for (size_t i = 0; i < report->corpus_count; i++) {
        const sal_report_corpus *corpus = &report->corpora[i];

        sal_block_open(block, '{');
        sal_block_put_string(block, "name", corpus->name);
        sal_block_put_integer(block, "documents", (int64_t)corpus->documents);
        sal_block_put_integer(block, "shown", (int64_t)corpus->shown);
        put_names(block, "languages", corpus->languages, corpus->language_count);
        put_names(block, "kinds", corpus->kinds, corpus->kind_count);
        sal_block_close(block, '}');
    }
    sal_block_close(block, ']');
}

static void put_summarizer(sal_block *block, const sal_summarizer_info *info) {
    sal_block_open(block, '{');
    sal_block_put_string(block, "name", info->name);
    sal_block_put_string(block, "kind", info->kind);
    sal_block_put_string(block, "digest", info->digest);
    sal_block_put_string(block, "model", info->model);
    sal_block_put_string(block, "family", info->family);
    sal_block_put_string(block, "template", info->template_name);
    sal_block_put_string(block, "length_policy", info->length_policy);
    sal_block_put_number(block, "parameters", info->parameters);
    sal_block_put_number(block, "temperature", info->temperature);
    sal_block_put_number(block, "top_p", info->top_p);
    sal_block_put_number(block, "top_k", info->top_k);
    sal_block_put_number(block, "repeat_penalty", info->repeat_penalty);
    sal_block_key(block, "seed");
    if (info->has_seed && info->seed <= (uint64_t)1 << 53) {
        sal_block_integer(block, (int64_t)info->seed);
    } else {
        sal_block_null(block);
    }
    sal_block_key(block, "nested");
    sal_block_boolean(block, info->nested);
    sal_block_close(block, '}');
}

static void put_summarizers(sal_block *block, const sal_report *report) {
    sal_block_key(block, "summarizers");
    sal_block_open(block, '[');
    for (size_t i = 0; i < report->summarizers->count; i++) {
        put_summarizer(block, &report->summarizers->items[i]);
    }
    sal_block_close(block, ']');
}

/* Place of a summarizer in the list, or -1. */
static int64_t place_of(const sal_report *report, int64_t key) {
    for (size_t i = 0; i < report->summarizers->count; i++) {
        if (report->summarizers->items[i].key == key) {
            return (int64_t)i;
        }
    }
    return -1;
}

static bool is_shown(const sal_report *report, const sal_score *score) {
    return sal_report_shows(report, score->corpus) && place_of(report, score->summarizer) >= 0;
}

static void put_score(sal_block *block, const sal_report *report, const sal_score *score) {
    sal_block_open(block, '{');
    sal_block_put_string(block, "corpus", score->corpus);
    sal_block_put_integer(block, "summarizer", place_of(report, score->summarizer));
    sal_block_put_string(block, "protocol", sal_protocol_name(score->protocol));
    sal_block_put_string(block, "words", score->words);
    sal_block_put_string(block, "measure", score->measure);
    sal_block_put_integer(block, "length", score->length);
    sal_block_put_number(block, "value", score->value);
    sal_block_put_number(block, "low", score->low);
    sal_block_put_number(block, "high", score->high);
    sal_block_put_integer(block, "documents", score->documents);
    sal_block_put_integer(block, "undefined", score->undefined);
    sal_block_close(block, '}');
}

static void put_scores(sal_block *block, const sal_report *report) {
    sal_block_key(block, "scores");
    sal_block_open(block, '[');
    for (size_t i = 0; i < report->scores->count && block->code == SAL_OK; i++) {
        if (is_shown(report, &report->scores->items[i])) {
            put_score(block, report, &report->scores->items[i]);
        }
    }
    sal_block_close(block, ']');
}

/* Writing a report may be in the run log too, but must not change the next report. A quote inside a string is escaped, so these
 * bytes can only be the field. */
static bool is_report_run(const char *line, size_t length) {
    static const char field[] = "\"command\":\"report\"";

    for (size_t i = 0; i + sizeof field - 1 <= length; i++) {
        if (memcmp(line + i, field, sizeof field - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* The run log as `salient export --table runs` writes it, a run per line. */
static void put_runs(sal_block *block, const sal_report *report) {
    sal_buffer lines = {0};
    const sal_sink sink = sal_buffer_sink(&lines);

    sal_block_key(block, "runs");
    sal_block_open(block, '[');
    if (block->code == SAL_OK) {
        block->code =
            sal_export_table(report->study, "runs", NULL, SAL_FORMAT_JSONL, &sink, block->err);
    }
    for (size_t start = 0; start < lines.length;) {
        const char *line = lines.bytes + start;
        const char *end = memchr(line, '\n', lines.length - start);
        const size_t length = end == NULL ? lines.length - start : (size_t)(end - line);

        if (length > 0 && !is_report_run(line, length)) {
            sal_block_json(block, line, length);
        }
        start += length + 1;
    }
    sal_block_close(block, ']');
    sal_buffer_free(&lines);
}

int sal_report_study_block(const sal_report *report, const sal_sink *sink, sal_error *err) {
    sal_buffer buffer = {0};
    const sal_sink to_buffer = sal_buffer_sink(&buffer);
    sal_block block = {.sink = &to_buffer, .err = err};
    int code = SAL_OK;

    sal_block_open(&block, '{');
    sal_block_key(&block, "title");
    sal_block_string(&block, report->title);
    sal_block_key(&block, "version");
    sal_block_string(&block, SAL_VERSION);
    put_corpora(&block, report);
    put_summarizers(&block, report);
    put_scores(&block, report);
    sal_report_put_agreement(&block, report);
    sal_report_put_heads(&block, report);
    sal_report_put_probes(&block, report);
    sal_report_put_protocols(&block, report);
    put_runs(&block, report);
    sal_block_close(&block, '}');
    code = block.code;
    if (code == SAL_OK) {
        code = sal_sink_write(sink, buffer.bytes, buffer.length, err);
    }
    sal_buffer_free(&buffer);
    return code;
}
