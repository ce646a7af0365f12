/* What `salient heads` found, for the maps of layers and heads: one object for each table, numbers as arrays by row. */
#include <math.h>
#include <string.h>

#include "report/report_internal.h"

/* What the page can switch between; exports have all of it. */
static const char *const drawn[] = {
    "spearman", "partial_position", "partial_position_frequency", "kl_normalized", "ndcg@10",
    "js",       "fisher_z"};
enum { DRAWN = sizeof drawn / sizeof drawn[0] };

bool sal_report_has_heads(const sal_report *report) {
    for (size_t i = 0; i < report->heads->count; i++) {
        if (sal_report_shows(report, report->heads->items[i].corpus)) {
            return true;
        }
    }
    return false;
}

static double field(const sal_head_result *result, size_t offset) {
    double value = NAN;
    memcpy(&value, (const char *)result + offset, sizeof value);
    return value;
}

/* One field of one metric over all rows, in the order of rows. */
static void put_numbers(sal_block *block, const sal_head_table *table, sal_head_words words,
                        const char *metric, const char *key, size_t offset) {
    sal_block_key(block, key);
    sal_block_open(block, '[');
    for (size_t i = 0; i < table->count; i++) {
        const sal_head_result *result = &table->results[i];
        if (result->words == words && strcmp(result->metric, metric) == 0) {
            sal_block_number(block, field(result, offset));
        }
    }
    sal_block_close(block, ']');
}

static void put_metric(sal_block *block, const sal_head_table *table, sal_head_words words,
                       const char *metric) {
    sal_block_key(block, metric);
    sal_block_open(block, '{');
    put_numbers(block, table, words, metric, "value", offsetof(sal_head_result, value));
    put_numbers(block, table, words, metric, "low", offsetof(sal_head_result, low));
    put_numbers(block, table, words, metric, "high", offsetof(sal_head_result, high));
    if (strcmp(metric, "fisher_z") == 0) {
        put_numbers(block, table, words, metric, "p_family", offsetof(sal_head_result, p_family));
        put_numbers(block, table, words, metric, "q", offsetof(sal_head_result, q));
    }
    if (strcmp(metric, "spearman") == 0) {
        put_numbers(block, table, words, metric, "p_naive", offsetof(sal_head_result, p_naive));
    }
    sal_block_close(block, '}');
}

static bool has_words(const sal_head_table *table, sal_head_words words) {
    for (size_t i = 0; i < table->count; i++) {
        if (table->results[i].words == words) {
            return true;
        }
    }
    return false;
}

/* Layer and head of each row, or the name of a null head. */
static void put_rows(sal_block *block, const sal_head_table *table) {
    sal_block_key(block, "rows");
    sal_block_open(block, '[');
    for (size_t i = 0; i < table->count; i++) {
        const sal_head_result *result = &table->results[i];
        if (result->words != table->results[0].words || strcmp(result->metric, "spearman") != 0) {
            continue;
        }
        sal_block_open(block, '[');
        if (result->null_head[0] != '\0') {
            sal_block_string(block, result->null_head);
        } else {
            sal_block_integer(block, result->layer);
            sal_block_integer(block, result->head);
        }
        sal_block_close(block, ']');
    }
    sal_block_close(block, ']');
}

static void put_table(sal_block *block, const sal_report *report, const void *item) {
    const sal_head_table *table = item;

    if (!sal_report_shows(report, table->corpus)) {
        return;
    }
    sal_block_open(block, '{');
    sal_block_put_string(block, "corpus", table->corpus);
    sal_block_put_string(block, "model", table->analysis.model);
    sal_block_put_string(block, "summarizer", table->summarizer);
    sal_block_put_string(block, "protocol", sal_protocol_name(table->analysis.protocol));
    sal_block_put_string(block, "evidence", table->analysis.evidence);
    sal_block_put_string(block, "options", table->analysis.options);
    sal_block_put_integer(block, "documents", table->documents);
    put_rows(block, table);
    for (int words = 0; words < SAL_HEAD_WORDS; words++) {
        sal_block_key(block, sal_head_words_name((sal_head_words)words));
        if (!has_words(table, (sal_head_words)words)) {
            sal_block_null(block);
            continue;
        }
        sal_block_open(block, '{');
        sal_block_put_number(block, "tied", table->ties[words]);
        for (size_t m = 0; m < DRAWN; m++) {
            put_metric(block, table, (sal_head_words)words, drawn[m]);
        }
        sal_block_close(block, '}');
    }
    sal_report_put_head_words(block, report, table);
    sal_block_close(block, '}');
}

void sal_report_put_heads(sal_block *block, const sal_report *report) {
    const sal_head_tables *tables = report->heads;

    sal_block_put_array(block, "heads", tables->items, tables->count, sizeof *tables->items,
                        put_table, report);
}
