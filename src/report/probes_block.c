/* What `salient probe` found, for the curves over layers: one object for each table, its rows as arrays. */
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
static void put_result(sal_block *block, const sal_report *report, const void *item) {
    const sal_probe_result *result = item;

    (void)report;
    if (result->seed >= 0) {
        return;
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

/* [word, documents, importance, importance rank, predicted rank, error], worst first. */
static void put_word(sal_block *block, const sal_report *report, const void *item) {
    const sal_probe_word *word = item;

    (void)report;
    sal_block_open(block, '[');
    sal_block_string(block, word->word);
    sal_block_integer(block, word->documents);
    sal_block_number(block, word->importance);
    sal_block_number(block, word->importance_rank);
    sal_block_number(block, word->predicted_rank);
    sal_block_number(block, word->error);
    sal_block_close(block, ']');
}

static void put_table(sal_block *block, const sal_report *report, const void *item) {
    const sal_probe_table *table = item;
    const sal_probe_analysis *analysis = &table->analysis;

    if (!sal_report_shows(report, analysis->corpus)) {
        return;
    }
    sal_block_open(block, '{');
    sal_block_put_string(block, "corpus", analysis->corpus);
    sal_block_put_string(block, "model", analysis->model);
    sal_block_put_string(block, "summarizer", analysis->summarizer_name);
    sal_block_put_string(block, "protocol", sal_protocol_name(analysis->protocol));
    sal_block_put_string(block, "probe", analysis->probe);
    sal_block_put_string(block, "loss", analysis->loss);
    sal_block_put_string(block, "options", analysis->options);
    sal_block_put_array(block, "results", table->results, table->count, sizeof *table->results,
                        put_result, report);
    sal_block_put_integer(block, "words_layer", table->word_count > 0 ? table->words[0].layer : -1);
    sal_block_put_array(block, "words", table->words, table->word_count, sizeof *table->words,
                        put_word, report);
    sal_block_close(block, '}');
}

void sal_report_put_probes(sal_block *block, const sal_report *report) {
    const sal_probe_tables *tables = report->probes;

    sal_block_put_array(block, "probes", tables->items, tables->count, sizeof *tables->items,
                        put_table, report);
}
