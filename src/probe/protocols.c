/* Paper and strict beside each other, from the results of the study: per layer the Spearman of both, and the gaps that a strict run
 * stored, each with one of the paper's choices. */
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

static int add_row(output *out, const sal_probe_table *table, const char *variant,
                   const sal_probe_result *result, const char *factor, const char *measure,
                   sal_error *err) {
    const int status =
        sal_grow((void **)&out->rows, &out->capacity, out->count, sizeof *out->rows, err);
    if (status != SAL_OK)
        return status;
    out->rows[out->count++] = (sal_protocol_row){.corpus = table->analysis.corpus,
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
    return SAL_OK;
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

static int add_table(output *out, const sal_probe_table *table, sal_error *err) {
    const sal_probe_analysis *a = &table->analysis;
    sal_buffer name = {0};
    char *variant = NULL;
    int status = sal_buffer_add_format(&name, err, "%s %s%s%s", a->probe, a->loss,
                                       a->options[0] == '\0' ? "" : " ", a->options);
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

static bool are_counterparts(const sal_probe_analysis *a, const sal_probe_analysis *b) {
    return a->protocol != b->protocol && a->summarizer == b->summarizer &&
           strcmp(a->corpus, b->corpus) == 0 && strcmp(a->model, b->model) == 0 &&
           strcmp(a->probe, b->probe) == 0 && strcmp(a->loss, b->loss) == 0 &&
           strcmp(a->options, b->options) == 0;
}

/* Whether there is anything to stand beside a table: a gap, or the same probe by the other protocol. */
static bool has_something_beside(const sal_probe_tables *tables, const sal_probe_table *table) {
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->results[i].control, "gap-", 4) == 0)
            return true;
    for (size_t t = 0; t < tables->count; t++)
        if (are_counterparts(&table->analysis, &tables->items[t].analysis))
            return true;
    return false;
}

static int run_corpus(sal_study *study, const char *corpus, const sal_probe_tables *tables,
                      sal_error *err) {
    output out = {.count = 0};
    int status = SAL_OK;
    for (size_t t = 0; status == SAL_OK && t < tables->count; t++)
        if (strcmp(tables->items[t].analysis.corpus, corpus) == 0 &&
            has_something_beside(tables, &tables->items[t]))
            status = add_table(&out, &tables->items[t], err);
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
