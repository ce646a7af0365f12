/* Paper and strict beside each other, as `salient compare --protocols` stored it: rows as arrays. */
#include "report/report_internal.h"

/* [stage, summarizer, model, variant, words, layer, head, factor, measure, value, low, high, documents, corpus] */
static void put_row(sal_block *block, const sal_report *report, const void *item) {
    const sal_protocol_row *row = item;

    if (!sal_report_shows(report, row->corpus)) {
        return;
    }
    sal_block_open(block, '[');
    sal_block_string(block, row->stage);
    sal_block_string(block, row->summarizer);
    sal_block_string(block, row->model);
    sal_block_string(block, row->variant);
    sal_block_string(block, row->words);
    sal_block_integer(block, row->layer);
    sal_block_integer(block, row->head);
    sal_block_string(block, row->factor);
    sal_block_string(block, row->measure);
    sal_block_number(block, row->value);
    sal_block_number(block, row->low);
    sal_block_number(block, row->high);
    sal_block_integer(block, row->documents);
    sal_block_string(block, row->corpus);
    sal_block_close(block, ']');
}

void sal_report_put_protocols(sal_block *block, const sal_report *report) {
    const sal_protocol_list *list = report->protocols;

    sal_block_put_array(block, "protocols", list->items, list->count, sizeof *list->items, put_row,
                        report);
}
