/* Which heads the causal check takes out: the best of salient heads on the half of the documents that chooses, and for comparison random
 * ones of the same layers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heads/ablate_internal.h"
#include "salient/random.h"

void ablate_choice_free(ablate_choice *choice) {
    sal_free(choice->sets);
    *choice = (ablate_choice){0};
}

/* What is looked for. */
typedef struct search {
    sal_study *study;
    const sal_ablate_options *options;
    ablate_choice *choice;
    size_t heads_per_layer;
} search;

static bool fits(const search *a, const sal_head_table *table, const char *digest) {
    const sal_ablate_options *options = a->options;
    return strcmp(table->analysis.model_digest, digest) == 0 &&
           table->analysis.protocol == SAL_STRICT && table->analysis.options[0] == '\0' &&
           strcmp(table->analysis.evidence, sal_evidence_name(options->evidence)) == 0 &&
           (options->by == NULL || strcmp(options->by, table->summarizer) == 0) &&
           (options->corpus == NULL || strcmp(options->corpus, table->corpus) == 0);
}

static int find_table(const search *a, const sal_head_tables *tables, const char *digest,
                      const sal_head_table **out, sal_error *err) {
    size_t found = 0;
    char names[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < tables->count; i++) {
        const sal_head_table *table = &tables->items[i];
        if (!fits(a, table, digest))
            continue;
        *out = table;
        int added = snprintf(names + used, sizeof names - used, "%scorpus %.80s by %.80s",
                             found++ == 0 ? "" : ", ", table->corpus, table->summarizer);
        used = added < 0 || (size_t)added >= sizeof names - used ? sizeof names - 1
                                                                 : used + (size_t)added;
    }
    if (found == 1)
        return SAL_OK;
    if (found > 1)
        return sal_fail(err, SAL_EINVAL,
                        "several tables of heads fit (%s): choose with --corpus and --by", names);
    return sal_fail(err, SAL_ENOTFOUND,
                    "the study has no strict heads of this model with evidence %s over all layers; "
                    "make them with: salient heads %.300s --model %.300s --evidence %s",
                    sal_evidence_name(a->options->evidence), sal_study_path(a->study),
                    a->options->model, sal_evidence_name(a->options->evidence));
}

static int by_value(const void *x, const void *y) {
    const sal_head_result *left = *(const sal_head_result *const *)x;
    const sal_head_result *right = *(const sal_head_result *const *)y;
    if (left->value < right->value || left->value > right->value)
        return left->value > right->value ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

/* The best heads of the selecting half. */
static int choose(search *a, const sal_head_table *table, sal_error *err) {
    const sal_head_result **candidates = sal_calloc(table->count, sizeof *candidates);
    size_t count = 0;
    int status = SAL_OK;
    if (candidates == NULL)
        return sal_fail_memory(err, "heads");
    for (size_t i = 0; i < table->count; i++) {
        const sal_head_result *result = &table->results[i];
        if (result->words == a->options->words && result->layer >= 0 && !isnan(result->value) &&
            strcmp(result->metric, "fisher_z_selected") == 0) {
            candidates[count++] = result;
            if ((size_t)result->head + 1 > a->heads_per_layer)
                a->heads_per_layer = (size_t)result->head + 1;
        }
    }
    if (count < (size_t)a->options->top)
        status = sal_fail(err, SAL_EINVAL,
                          "%d heads are to be chosen, and %zu have a value on the selecting half",
                          a->options->top, count);
    if (status == SAL_OK)
        qsort(candidates, count, sizeof *candidates, by_value);
    for (size_t k = 0; status == SAL_OK && k < (size_t)a->options->top; k++)
        a->choice->sets[k] = (sal_head_place){candidates[k]->layer, candidates[k]->head};
    sal_free(candidates);
    return status;
}

static bool holds(const sal_head_place *heads, size_t count, sal_head_place head) {
    for (size_t i = 0; i < count; i++)
        if (heads[i].layer == head.layer && heads[i].head == head.head)
            return true;
    return false;
}

/* For each draw and chosen head another head of its layer, neither chosen nor drawn twice. */
static int draw(search *a, sal_error *err) {
    const size_t top = a->choice->top;
    const sal_head_place *chosen = a->choice->sets;
    sal_random random;
    sal_random_seed(&random, a->options->seed);
    for (size_t d = 0; d < (size_t)a->options->draws; d++) {
        sal_head_place *drawn = a->choice->sets + (d + 1) * top;
        for (size_t k = 0; k < top; k++) {
            const int layer = chosen[k].layer;
            size_t free = 0;
            for (size_t h = 0; h < a->heads_per_layer; h++) {
                const sal_head_place head = {layer, (int)h};
                if (!holds(chosen, top, head) && !holds(drawn, k, head) &&
                    sal_random_below(&random, ++free) == 0)
                    drawn[k] = head; /* each free one with equal chance */
            }
            if (free == 0)
                return sal_fail(err, SAL_EINVAL,
                                "layer %d has too few other heads to draw from: lower --top",
                                layer);
        }
    }
    return SAL_OK;
}

int ablate_choose(sal_study *study, const sal_ablate_options *options, ablate_choice *choice,
                  sal_error *err) {
    search a = {.study = study, .options = options, .choice = choice};
    sal_head_tables *tables = NULL;
    const sal_head_table *table = NULL;
    choice->top = (size_t)options->top;
    choice->draws = (size_t)options->draws;
    choice->sets = sal_calloc(choice->top * (1 + choice->draws), sizeof *choice->sets);
    if (choice->sets == NULL)
        return sal_fail_memory(err, "heads");
    int status = stage_digest_model(study, options->model, choice->model_digest, err);
    if (status == SAL_OK)
        status = sal_study_get_head_tables(study, &tables, err);
    if (status == SAL_OK)
        status = find_table(&a, tables, choice->model_digest, &table, err);
    if (status == SAL_OK) {
        (void)snprintf(choice->corpus, sizeof choice->corpus, "%.1000s", table->corpus);
        (void)snprintf(choice->summarizer_name, sizeof choice->summarizer_name, "%.1000s",
                       table->summarizer);
        choice->analysis = table->analysis.key;
        choice->summarizer = table->analysis.summarizer;
        status = choose(&a, table, err);
    }
    if (status == SAL_OK)
        status = draw(&a, err);
    sal_head_tables_free(tables);
    return status;
}

int ablate_describe(const ablate_choice *choice, sal_buffer *out, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (size_t set = 0; set <= choice->draws; set++) {
        for (size_t k = 0; status == SAL_OK && k < choice->top; k++) {
            const sal_head_place *head = &choice->sets[set * choice->top + k];
            status = sal_buffer_add_format(out, err, "%s[%d,%d]",
                                           k > 0     ? ","
                                           : set > 0 ? ",["
                                                     : "[",
                                           head->layer, head->head);
        }
        if (status == SAL_OK)
            status = sal_buffer_add_string(out, "]", err);
    }
    return status == SAL_OK ? sal_buffer_add_string(out, "]", err) : status;
}
