/* What `salient probe` found, for the curves over layers: one object for each table, its rows as arrays. */
#include <string.h>

#include "report/report_internal.h"

bool sal_report_has_probes(const sal_report *report) {
    for (size_t i = 0; i < report->probes->count; i++) {
        if (sal_report_shows(report, report->probes->items[i].analysis.corpus)) {
            return true;
        }
    }
    return false;
}

/* [words, control, layer, metric, value, low, high, documents]: over all seeds; exports have each seed too. */
static void put_results(sal_block *block, const sal_probe_table *table) {
    sal_block_key(block, "results");
    sal_block_open(block, '[');
    for (size_t i = 0; i < table->count; i++) {
        const sal_probe_result *result = &table->results[i];

        if (result->seed >= 0) {
            continue;
        }
        sal_block_open(block, '[');
        sal_block_string(block, result->words);
        sal_block_string(block, result->control);
        sal_block_integer(block, result->layer);
        sal_block_string(block, result->metric);
        sal_block_number(block, result->value);
        sal_block_number(block, result->low);
        sal_block_number(block, result->high);
        sal_block_integer(block, result->documents);
        sal_block_close(block, ']');
    }
    sal_block_close(block, ']');
}

/* [word, documents, importance, importance rank, predicted rank, error], worst first. */
static void put_words(sal_block *block, const sal_probe_table *table) {
    sal_block_key(block, "words_layer");
    sal_block_integer(block, table->word_count > 0 ? table->words[0].layer : -1);
    sal_block_key(block, "words");
    sal_block_open(block, '[');
    for (size_t i = 0; i < table->word_count; i++) {
        const sal_probe_word *word = &table->words[i];

        sal_block_open(block, '[');
        sal_block_string(block, word->word);
        sal_block_integer(block, word->documents);
        sal_block_number(block, word->importance);
        sal_block_number(block, word->importance_rank);
        sal_block_number(block, word->predicted_rank);
        sal_block_number(block, word->error);
        sal_block_close(block, ']');
    }
    sal_block_close(block, ']');
}

static void put_table(sal_block *block, const sal_probe_table *table) {
    const sal_probe_analysis *analysis = &table->analysis;
    const struct {
        const char *key;
        const char *value;
    } strings[] = {
        {"corpus", analysis->corpus},
        {"model", analysis->model},
        {"summarizer", analysis->summarizer_name},
        {"protocol", sal_protocol_name(analysis->protocol)},
        {"probe", analysis->probe},
        {"loss", analysis->loss},
        {"options", analysis->options},
    };

    sal_block_open(block, '{');
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        sal_block_key(block, strings[i].key);
        sal_block_string(block, strings[i].value);
    }
    put_results(block, table);
    put_words(block, table);
    sal_block_close(block, '}');
}

void sal_report_put_probes(sal_block *block, const sal_report *report) {
    sal_block_key(block, "probes");
    sal_block_open(block, '[');
    for (size_t i = 0; i < report->probes->count && block->code == SAL_OK; i++) {
        if (sal_report_shows(report, report->probes->items[i].analysis.corpus)) {
            put_table(block, &report->probes->items[i]);
        }
    }
    sal_block_close(block, ']');
}
