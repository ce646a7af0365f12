/* The causal check: heads chosen on one half of the documents are taken out while the model reads the summaries of the other half,
 * beside random heads of the same layers. Everything is a change of log-likelihood per token of the summary, document by document. */
#include "salient/ablate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heads/heads_internal.h"
#include "salient/random.h"
#include "stats/stats.h"

enum { EDITS = 2 };

sal_ablate_options sal_ablate_defaults(void) {
    return (sal_ablate_options){.evidence = SAL_EVIDENCE_RECEIVED,
                                .words = SAL_HEAD_CONTENT,
                                .limit = -1,
                                .top = 10,
                                .draws = 5,
                                .seed = 1};
}

void sal_ablate_result_free(sal_ablate_result *result) {
    if (result == NULL)
        return;
    sal_free(result->heads);
    sal_free(result);
}

typedef struct ablation {
    sal_study *study;
    const sal_ablate_options *options;
    const sal_progress *progress;
    sal_ablate_result *result;
    int64_t summarizer;
    size_t heads_per_layer;
    sal_head_place *drawn; /* [draws, top] */
    sal_model *model;
    sal_scorer *scorer;
    double *
        changes; /* [3 EDITS, capacity] per document: top, mean of the draws, their difference, for each edit */
    size_t capacity;
    double total; /* of the whole model's log-likelihoods per token */
} ablation;

/* ---- which heads -------------------------------------------------------------------------------------------- */

static bool fits(const ablation *a, const sal_head_table *table, const char *digest) {
    const sal_ablate_options *options = a->options;
    return strcmp(table->analysis.model_digest, digest) == 0 &&
           table->analysis.protocol == SAL_STRICT && table->analysis.options[0] == '\0' &&
           strcmp(table->analysis.evidence, sal_evidence_name(options->evidence)) == 0 &&
           (options->by == NULL || strcmp(options->by, table->summarizer) == 0) &&
           (options->corpus == NULL || strcmp(options->corpus, table->corpus) == 0);
}

static int find_table(const ablation *a, const sal_head_tables *tables, const char *digest,
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
static int choose(ablation *a, const sal_head_table *table, sal_error *err) {
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
        a->result->heads[a->result->top_count++] =
            (sal_head_place){candidates[k]->layer, candidates[k]->head};
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
static int draw(ablation *a, sal_error *err) {
    const size_t top = a->result->top_count;
    sal_random random;
    sal_random_seed(&random, a->options->seed);
    for (size_t d = 0; d < (size_t)a->options->draws; d++) {
        sal_head_place *drawn = a->drawn + d * top;
        for (size_t k = 0; k < top; k++) {
            const int layer = a->result->heads[k].layer;
            size_t free = 0;
            for (size_t h = 0; h < a->heads_per_layer; h++) {
                const sal_head_place head = {layer, (int)h};
                if (!holds(a->result->heads, top, head) && !holds(drawn, k, head) &&
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

static int find_heads(ablation *a, sal_error *err) {
    sal_head_tables *tables = NULL;
    const sal_head_table *table = NULL;
    char digest[65];
    const size_t top = (size_t)a->options->top;
    a->result->heads = sal_calloc(top, sizeof *a->result->heads);
    a->drawn = sal_calloc(top * (size_t)a->options->draws, sizeof *a->drawn);
    if (a->result->heads == NULL || a->drawn == NULL)
        return sal_fail_memory(err, "heads");
    int status = head_digest_model(a->study, a->options->model, digest, err);
    if (status == SAL_OK)
        status = sal_study_get_head_tables(a->study, &tables, err);
    if (status == SAL_OK)
        status = find_table(a, tables, digest, &table, err);
    if (status == SAL_OK) {
        (void)snprintf(a->result->corpus, sizeof a->result->corpus, "%.1000s", table->corpus);
        (void)snprintf(a->result->summarizer, sizeof a->result->summarizer, "%.1000s",
                       table->summarizer);
        a->summarizer = table->analysis.summarizer;
        status = choose(a, table, err);
    }
    if (status == SAL_OK)
        status = draw(a, err);
    sal_head_tables_free(tables);
    return status;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

static int score(ablation *a, const head_passes *passes, size_t from, const sal_head_place *heads,
                 size_t count, sal_head_edit how, double *per_token, sal_error *err) {
    int status = sal_scorer_run(a->scorer, passes->chat.ids, passes->chat.count, from, heads, count,
                                how, per_token, a->progress, err);
    *per_token /= (double)(passes->chat.count - from);
    return status;
}

static int score_all(ablation *a, const head_passes *passes, size_t from, sal_error *err) {
    const size_t top = a->result->top_count;
    const size_t place = (size_t)a->result->documents;
    double whole = 0;
    int status = score(a, passes, from, NULL, 0, SAL_EDIT_ZERO, &whole, err);
    for (int e = 0; status == SAL_OK && e < EDITS; e++) {
        double chosen = 0;
        double random = 0;
        status = score(a, passes, from, a->result->heads, top, (sal_head_edit)e, &chosen, err);
        for (int d = 0; status == SAL_OK && d < a->options->draws; d++) {
            double one = 0;
            status = score(a, passes, from, a->drawn + (size_t)d * top, top, (sal_head_edit)e, &one,
                           err);
            random += (one - whole) / a->options->draws;
        }
        a->changes[(size_t)e * a->capacity + place] = chosen - whole;
        a->changes[(size_t)(EDITS + e) * a->capacity + place] = random;
        a->changes[(size_t)(2 * EDITS + e) * a->capacity + place] = chosen - whole - random;
    }
    if (status == SAL_OK) {
        a->total += whole;
        a->result->documents++;
    }
    return status;
}

static int open_model(ablation *a, sal_error *err) {
    if (a->scorer != NULL)
        return SAL_OK;
    int status = sal_model_open(a->options->model, &a->options->model_options, &a->model, err);
    return status == SAL_OK ? sal_scorer_open(a->model, &a->scorer, err) : status;
}

static int run_document(ablation *a, const sal_document *document, sal_error *err) {
    head_summary summary = {0};
    head_passes passes = {0};
    sal_span queries[2];
    int status = head_find_summary(a->study, document->key, a->summarizer, &summary, err);
    if (status == SAL_OK && summary.text == NULL) {
        a->result->without_summary++;
        return SAL_OK;
    }
    if (status == SAL_OK)
        status = open_model(a, err);
    if (status == SAL_OK)
        status = head_chat_sequence(a->model, document, &summary, &passes, queries, err);
    if (status == SAL_OK)
        status = score_all(a, &passes, queries[1].start, err);
    if (status == SAL_ELIMIT) {
        a->result->too_long++;
        status = SAL_OK;
    }
    sal_free(summary.text);
    head_passes_free(&passes);
    return status;
}

static int run_documents(ablation *a, const int64_t *keys, size_t count, sal_error *err) {
    int status = SAL_OK;
    for (size_t i = 0; i < count && status == SAL_OK; i++) {
        sal_document *document = NULL;
        sal_progress_update(a->progress, "ablate", (int64_t)i, (int64_t)count, "documents");
        if (a->options->limit >= 0 && a->result->documents >= a->options->limit)
            break;
        if (sal_progress_cancelled(a->progress))
            return sal_fail(err, SAL_ECANCELLED, "interrupted");
        status = sal_study_get_document(a->study, keys[i], &document, err);
        if (status == SAL_OK && !head_is_selecting(document))
            status = run_document(a, document, err);
        if (status != SAL_OK && status != SAL_ECANCELLED && document != NULL)
            status = sal_fail_in(err, status, "document %.200s", document->id);
        sal_document_free(document);
    }
    return status;
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static int summarise(const ablation *a, size_t row, sal_ablate_effect *effect, sal_error *err) {
    sal_stats_mean mean;
    int status = sal_stats_bootstrap_mean(
        a->changes + row * a->capacity, (size_t)a->result->documents, a->options->seed, &mean, err);
    *effect = (sal_ablate_effect){mean.value, mean.low, mean.high, (int64_t)mean.defined};
    return status;
}

static int finish(ablation *a, sal_error *err) {
    int status = SAL_OK;
    for (size_t e = 0; e < EDITS && status == SAL_OK; e++) {
        status = summarise(a, e, &a->result->top[e], err);
        if (status == SAL_OK)
            status = summarise(a, EDITS + e, &a->result->random[e], err);
        if (status == SAL_OK)
            status = summarise(a, 2 * EDITS + e, &a->result->difference[e], err);
    }
    a->result->log_likelihood =
        a->result->documents > 0 ? a->total / (double)a->result->documents : NAN;
    return status;
}

static int run_all(ablation *a, sal_error *err) {
    int64_t *keys = NULL;
    int status = find_heads(a, err);
    if (status == SAL_OK)
        status = sal_study_document_keys(a->study, a->result->corpus, -1, &keys, &a->capacity, err);
    if (status == SAL_OK) {
        a->changes = sal_calloc(3 * EDITS * a->capacity, sizeof *a->changes);
        if (a->changes == NULL)
            status = sal_fail_memory(err, "changes of log-likelihood");
    }
    if (status == SAL_OK)
        status = run_documents(a, keys, a->capacity, err);
    if (status == SAL_OK)
        status = finish(a, err);
    sal_free(keys);
    return status;
}

int sal_ablate_run(sal_study *study, const sal_ablate_options *options,
                   const sal_progress *progress, sal_ablate_result **out, sal_error *err) {
    ablation a = {.study = study, .options = options, .progress = progress};
    a.result = sal_calloc(1, sizeof *a.result);
    if (a.result == NULL)
        return sal_fail_memory(err, "an ablation");
    int status = options->top < 1 || options->draws < 1
                     ? sal_fail(err, SAL_EINVAL, "%d heads and %d draws: at least 1 of each",
                                options->top, options->draws)
                     : run_all(&a, err);
    sal_scorer_close(a.scorer);
    sal_model_close(a.model);
    sal_free(a.changes);
    sal_free(a.drawn);
    if (status == SAL_OK)
        *out = a.result;
    else
        sal_ablate_result_free(a.result);
    return status;
}
