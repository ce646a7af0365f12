/* Paper and strict beside each other, from the results of the study: per layer the Spearman of both, and the gaps that a strict run
 * stored, each with one of the paper's choices. Which layers were looked at is no part of what a probe is here: a paper run over some
 * layers stands beside a strict one over all. */
#include <math.h>
#include <string.h>

#include "salient/probe.h"
#include "salient/protocols.h"

/* Rows of a corpus; the names of variants are owned. */
typedef struct output {
    sal_protocol_row *rows;
    size_t count, capacity;
    char **texts;
    size_t text_count, text_capacity;
} output;

static bool is_there(const output *out, const sal_protocol_row *row) {
    for (size_t i = 0; i < out->count; i++) {
        const sal_protocol_row *one = &out->rows[i];
        if (one->layer == row->layer && strcmp(one->factor, row->factor) == 0 &&
            strcmp(one->words, row->words) == 0 && strcmp(one->measure, row->measure) == 0 &&
            strcmp(one->variant, row->variant) == 0 && strcmp(one->model, row->model) == 0 &&
            strcmp(one->summarizer, row->summarizer) == 0)
            return true;
    }
    return false;
}

/* The first wins: tables come by their options, the one over all layers in front. */
static int add_row(output *out, const sal_probe_table *table, const char *variant,
                   const sal_probe_result *result, const char *factor, const char *measure,
                   sal_error *err) {
    const sal_protocol_row row = {.corpus = table->analysis.corpus,
                                  .stage = "probes",
                                  .summarizer = table->analysis.summarizer_name,
                                  .model = table->analysis.model,
                                  .variant = variant,
                                  .words = result->words,
                                  .layer = result->layer,
                                  .head = -1,
                                  .factor = factor,
                                  .measure = measure,
                                  .value = result->value,
                                  .low = result->low,
                                  .high = result->high,
                                  .documents = result->documents,
                                  .undefined = result->undefined};
    if (is_there(out, &row))
        return SAL_OK;
    const int status =
        sal_grow((void **)&out->rows, &out->capacity, out->count, sizeof *out->rows, err);
    if (status == SAL_OK)
        out->rows[out->count++] = row;
    return status;
}

/* The factor of a result: the probe itself, or a gap; NULL: neither. */
static const char *factor_of(const sal_probe_table *table, const sal_probe_result *result) {
    static const char *const names[][2] = {
        {"gap-split", "split"}, {"gap-span", "span"}, {"gap-zero", "zero-words"}};
    if (result->seed >= 0 || strcmp(result->metric, "spearman") != 0)
        return NULL;
    if (strcmp(result->control, "none") == 0)
        return sal_protocol_name(table->analysis.protocol);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(result->control, names[i][0]) == 0)
            return names[i][1];
    return NULL;
}

/* Options but the layers, each with a space in front. */
static int add_options(const char *options, sal_buffer *name, sal_error *err) {
    int status = SAL_OK;
    while (status == SAL_OK && *options != '\0') {
        const size_t length = strcspn(options, " ");
        if (length > 0 && strncmp(options, "layers=", 7) != 0) {
            status = sal_buffer_add_string(name, " ", err);
            if (status == SAL_OK)
                status = sal_buffer_add(name, options, length, err);
        }
        options += length;
        options += strspn(options, " ");
    }
    return status;
}

/* "linear squares", "mlp kl epochs=3": what a probe is, freed by the caller. */
static int name_variant(const sal_probe_analysis *a, sal_buffer *name, sal_error *err) {
    const int status = sal_buffer_add_format(name, err, "%s %s", a->probe, a->loss);
    return status == SAL_OK ? add_options(a->options, name, err) : status;
}

static int add_table(output *out, const sal_probe_table *table, sal_error *err) {
    const sal_probe_analysis *a = &table->analysis;
    sal_buffer name = {0};
    char *variant = NULL;
    int status = name_variant(a, &name, err);
    if (status == SAL_OK)
        status = sal_grow((void **)&out->texts, &out->text_capacity, out->text_count,
                          sizeof *out->texts, err);
    if (status == SAL_OK && (variant = sal_copy_string(name.bytes)) == NULL)
        status = sal_fail_memory(err, "a name");
    if (status == SAL_OK)
        out->texts[out->text_count++] = variant;
    for (size_t i = 0; status == SAL_OK && i < table->count; i++) {
        const char *factor = factor_of(table, &table->results[i]);
        const bool gap = strncmp(table->results[i].control, "gap-", 4) == 0;
        if (factor != NULL)
            status = add_row(out, table, variant, &table->results[i], factor,
                             gap ? "spearman_change" : "spearman", err);
    }
    sal_buffer_free(&name);
    return status;
}

static int are_counterparts(const sal_probe_analysis *a, const sal_probe_analysis *b, bool *yes,
                            sal_error *err) {
    sal_buffer names[2] = {{0}, {0}};
    *yes = a->protocol != b->protocol && a->summarizer == b->summarizer &&
           strcmp(a->corpus, b->corpus) == 0 && strcmp(a->model, b->model) == 0;
    if (!*yes)
        return SAL_OK;
    int status = name_variant(a, &names[0], err);
    if (status == SAL_OK)
        status = name_variant(b, &names[1], err);
    *yes = status == SAL_OK && strcmp(names[0].bytes, names[1].bytes) == 0;
    sal_buffer_free(&names[0]);
    sal_buffer_free(&names[1]);
    return status;
}

/* Whether there is anything to stand beside a table: a gap, or the same probe by the other protocol. */
static int has_something_beside(const sal_probe_tables *tables, const sal_probe_table *table,
                                bool *yes, sal_error *err) {
    int status = SAL_OK;
    *yes = false;
    for (size_t i = 0; !*yes && i < table->count; i++)
        *yes = strncmp(table->results[i].control, "gap-", 4) == 0;
    for (size_t t = 0; status == SAL_OK && !*yes && t < tables->count; t++)
        status = are_counterparts(&table->analysis, &tables->items[t].analysis, yes, err);
    return status;
}

static int run_corpus(sal_study *study, const char *corpus, const sal_probe_tables *tables,
                      sal_error *err) {
    output out = {.count = 0};
    int status = SAL_OK;
    for (size_t t = 0; status == SAL_OK && t < tables->count; t++) {
        bool beside = false;
        if (strcmp(tables->items[t].analysis.corpus, corpus) != 0)
            continue;
        status = has_something_beside(tables, &tables->items[t], &beside, err);
        if (status == SAL_OK && beside)
            status = add_table(&out, &tables->items[t], err);
    }
    if (status == SAL_OK)
        status = sal_study_put_protocols(study, corpus, "probes", out.rows, out.count, err);
    sal_free(out.rows);
    sal_strings_free(out.texts, out.text_count);
    return status;
}

int sal_probe_protocols(sal_study *study, const char *corpus, sal_error *err) {
    sal_probe_tables *tables = NULL;
    char **corpora = NULL;
    size_t count = 0;
    int status = sal_study_get_probe_tables(study, &tables, err);
    if (status == SAL_OK)
        status = sal_study_corpora(study, &corpora, &count, err);
    for (size_t c = 0; status == SAL_OK && c < count; c++)
        if (corpus == NULL || strcmp(corpus, corpora[c]) == 0)
            status = run_corpus(study, corpora[c], tables, err);
    sal_probe_tables_free(tables);
    sal_strings_free(corpora, count);
    return status;
}
