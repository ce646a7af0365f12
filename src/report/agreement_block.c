/* What `salient compare` found, for the heat map, the tree and the curves. */
#include <string.h>

#include "report/report_internal.h"

/* The page draws no union measures and no sample sizes; exports have them. */
static bool is_drawn(const char *measure) {
    static const char *const left_out[] = {"spearman_union", "js_union", "jaccard_10"};

    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        if (strcmp(measure, left_out[i]) == 0) {
            return false;
        }
    }
    return strncmp(measure, "sample_size_", strlen("sample_size_")) != 0;
}

static void put_row(sal_block *block, const sal_report *report, const void *item) {
    const sal_agreement *row = item;

    if (!sal_report_shows(report, row->corpus) || !is_drawn(row->measure)) {
        return;
    }
    sal_block_open(block, '{');
    sal_block_put_string(block, "corpus", row->corpus);
    sal_block_put_string(block, "a", row->a);
    sal_block_put_string(block, "b", row->b);
    sal_block_put_string(block, "words", row->words);
    sal_block_put_string(block, "measure", row->measure);
    sal_block_put_number(block, "value", row->value);
    sal_block_put_number(block, "low", row->low);
    sal_block_put_number(block, "high", row->high);
    sal_block_put_integer(block, "documents", row->documents);
    sal_block_close(block, '}');
}

static void put_step(sal_block *block, const sal_report *report, const void *item) {
    const sal_cluster_step *step = item;

    if (!sal_report_shows(report, step->corpus)) {
        return;
    }
    sal_block_open(block, '{');
    sal_block_put_string(block, "corpus", step->corpus);
    sal_block_put_string(block, "words", step->words);
    sal_block_put_string(block, "distance", step->distance);
    sal_block_put_string(block, "linkage", step->linkage);
    sal_block_put_integer(block, "left", step->left);
    sal_block_put_integer(block, "right", step->right);
    sal_block_put_number(block, "height", step->height);
    sal_block_put_number(block, "support", step->support);
    sal_block_key(block, "members");
    sal_block_json(block, step->members, strlen(step->members));
    sal_block_close(block, '}');
}

void sal_report_put_agreement(sal_block *block, const sal_report *report) {
    const sal_agreement_list *list = report->agreement;

    sal_block_put_array(block, "agreement", list->items, list->count, sizeof *list->items, put_row,
                        report);
    sal_block_put_array(block, "clusters", list->steps, list->step_count, sizeof *list->steps,
                        put_step, report);
}
