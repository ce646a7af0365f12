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

static void put_row(sal_block *block, const sal_agreement *row) {
    const struct {
        const char *key;
        const char *value;
    } strings[] = {{"corpus", row->corpus},
                   {"a", row->a},
                   {"b", row->b},
                   {"words", row->words},
                   {"measure", row->measure}};

    sal_block_open(block, '{');
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        sal_block_key(block, strings[i].key);
        sal_block_string(block, strings[i].value);
    }
    sal_block_key(block, "value");
    sal_block_number(block, row->value);
    sal_block_key(block, "low");
    sal_block_number(block, row->low);
    sal_block_key(block, "high");
    sal_block_number(block, row->high);
    sal_block_key(block, "documents");
    sal_block_integer(block, row->documents);
    sal_block_close(block, '}');
}

static void put_step(sal_block *block, const sal_cluster_step *step) {
    const struct {
        const char *key;
        const char *value;
    } strings[] = {{"corpus", step->corpus},
                   {"words", step->words},
                   {"distance", step->distance},
                   {"linkage", step->linkage}};

    sal_block_open(block, '{');
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        sal_block_key(block, strings[i].key);
        sal_block_string(block, strings[i].value);
    }
    sal_block_key(block, "left");
    sal_block_integer(block, step->left);
    sal_block_key(block, "right");
    sal_block_integer(block, step->right);
    sal_block_key(block, "height");
    sal_block_number(block, step->height);
    sal_block_key(block, "support");
    sal_block_number(block, step->support);
    sal_block_key(block, "members");
    sal_block_json(block, step->members, strlen(step->members));
    sal_block_close(block, '}');
}

void sal_report_put_agreement(sal_block *block, const sal_report *report) {
    const sal_agreement_list *list = report->agreement;

    sal_block_key(block, "agreement");
    sal_block_open(block, '[');
    for (size_t i = 0; i < list->count && block->code == SAL_OK; i++) {
        if (sal_report_shows(report, list->items[i].corpus) && is_drawn(list->items[i].measure)) {
            put_row(block, &list->items[i]);
        }
    }
    sal_block_close(block, ']');
    sal_block_key(block, "clusters");
    sal_block_open(block, '[');
    for (size_t i = 0; i < list->step_count && block->code == SAL_OK; i++) {
        if (sal_report_shows(report, list->steps[i].corpus)) {
            put_step(block, &list->steps[i]);
        }
    }
    sal_block_close(block, ']');
}
