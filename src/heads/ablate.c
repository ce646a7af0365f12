/* The causal check: heads chosen on one half of the documents are taken out while the model reads the summaries of the other half, and, when
 * asked, while it makes them; beside random heads of the same layers. A document is one transaction. */
#include "salient/ablate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heads/ablate_internal.h"
#include "salient/file.h"
#include "score/importance_change.h"
#include "stage/walk.h"
#include "stats/stats.h"

#define INPUTS_VERSION "ablate 1" /* goes up when the same inputs would give other rows */

sal_ablate_options sal_ablate_defaults(void) {
    return (sal_ablate_options){.evidence = SAL_EVIDENCE_RECEIVED,
                                .words = SAL_HEAD_CONTENT,
                                .limit = -1,
                                .top = 10,
                                .draws = 5,
                                .seed = 1};
}

const char *sal_ablate_measure_name(sal_ablate_measure measure) {
    static const char *const names[SAL_ABLATE_MEASURES] = {"log_likelihood", "importance_all",
                                                           "importance_content", "length"};
    return names[measure];
}

const char *sal_ablate_heads_name(sal_ablate_heads heads) {
    static const char *const names[SAL_ABLATE_HEADS] = {"chosen", "random", "difference"};
    return names[heads];
}

const char *sal_head_edit_name(sal_head_edit edit) {
    return edit == SAL_EDIT_ZERO ? "zero" : "mean";
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
    ablate_choice choice;
    int64_t key;
    sal_buffer described; /* the heads */
    char system[200];
    sal_model *model; /* NULL until a document needs it */
    sal_scorer *scorer;
    size_t sets;    /* 1 + draws */
    size_t rows;    /* of a document: as the model is, then edits times sets */
    double *values; /* [rows, SAL_ABLATE_MEASURES, capacity] by document */
    size_t capacity;
} ablation;

/* ---- one document: what it needs ---------------------------------------------------------------------------- */

typedef struct document_work {
    const sal_document *document;
    head_summary summary;
    sal_importance_list *stored; /* importance as the study has it, when summaries are made again */
    char inputs[SAL_ABLATION_INPUTS];
    sal_ablation_row *rows; /* [rows] */
} document_work;

static void work_free(document_work *work) {
    sal_free(work->summary.text);
    sal_importance_list_free(work->stored);
    sal_free(work->rows);
}

/* The hash of what log-likelihoods depend on; behind it, when asked for, that of what the rest does. */
static int hash_inputs(const ablation *a, document_work *work, sal_error *err) {
    const char *const parts[] = {
        INPUTS_VERSION, work->document->hash, work->document->language, a->choice.model_digest,
        a->system,      a->described.bytes};
    sal_sha256 hash;
    sal_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sal_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    sal_sha256_add(&hash, work->summary.text, work->summary.length);
    sal_sha256_finish(&hash, work->inputs);
    if (a->options->regeneration == NULL)
        return SAL_OK;
    int status = sal_study_get_importance(a->study, work->document->key, a->choice.summarizer,
                                          SAL_STRICT, &work->stored, err);
    if (status == SAL_OK)
        (void)snprintf(work->inputs + 64, sizeof work->inputs - 64, "+%.64s",
                       work->stored == NULL ? "" : work->stored->inputs);
    return status;
}

/* Rows that are there, when nothing they depend on has changed; those of a regeneration hold without one too. */
static int find_rows(const ablation *a, document_work *work, sal_error *err) {
    char stored[SAL_ABLATION_INPUTS];
    size_t count = 0;
    int status = sal_study_get_ablation_rows(a->study, a->key, work->document->key, stored,
                                             &work->rows, &count, err);
    const bool fits = strncmp(stored, work->inputs, strlen(work->inputs)) == 0;
    if (status == SAL_OK && (count != a->rows || !fits)) {
        sal_free(work->rows);
        work->rows = NULL;
    }
    return status;
}

/* ---- one document: measuring -------------------------------------------------------------------------------- */

static int open_model(ablation *a, sal_error *err) {
    if (a->scorer != NULL)
        return SAL_OK;
    int status = sal_model_open(a->options->model, &a->options->model_options, &a->model, err);
    return status == SAL_OK ? sal_scorer_open(a->model, &a->scorer, err) : status;
}

/* Summaries with these heads out, their importance held against that of `against` (NULL: the study's). */
static int make_again(const ablation *a, const document_work *work, const sal_head_place *heads,
                      size_t count, const float *outputs, size_t width,
                      const sal_importance_list *against, sal_ablation_row *row,
                      sal_ablate_texts *texts, sal_error *err) {
    const sal_ablate_regeneration *again = a->options->regeneration;
    int status = again->make(again->context, a->model, a->choice.summarizer_name, work->document,
                             heads, count, outputs, width, texts, err);
    if (status == SAL_OK)
        status = score_importance_change(texts->importance, against, false,
                                         &row->values[SAL_ABLATE_IMPORTANCE_ALL], err);
    if (status == SAL_OK)
        status = score_importance_change(texts->importance, against, true,
                                         &row->values[SAL_ABLATE_IMPORTANCE_CONTENT], err);
    if (status == SAL_OK)
        row->values[SAL_ABLATE_LENGTH] = texts->words;
    return status;
}

/* One row: log-likelihood, and the summaries made again. whole: the model's own, NULL when this is that row, which *texts then keeps. */
static int measure_row(const ablation *a, const document_work *work, const head_passes *passes,
                       size_t from, const sal_head_place *heads, size_t count,
                       const sal_ablate_texts *whole, sal_ablation_row *row,
                       sal_ablate_texts *texts, sal_error *err) {
    const size_t T = passes->chat.count;
    const sal_head_edit how = row->edit == SAL_EDIT_MEAN ? SAL_EDIT_MEAN : SAL_EDIT_ZERO;
    size_t width = 0;
    for (int m = 0; m < SAL_ABLATE_MEASURES; m++)
        row->values[m] = NAN;
    int status = sal_scorer_run(a->scorer, passes->chat.ids, T, from, heads, count, how,
                                &row->values[SAL_ABLATE_LOG_LIKELIHOOD], a->progress, err);
    row->values[SAL_ABLATE_LOG_LIKELIHOOD] /= (double)(T - from);
    const float *outputs = sal_scorer_means(a->scorer, &width);
    if (status == SAL_OK && a->options->regeneration != NULL)
        status = make_again(a, work, heads, count, outputs, width,
                            whole == NULL ? work->stored : whole->importance, row, texts, err);
    return status;
}

static int measure_rows(const ablation *a, document_work *work, const head_passes *passes,
                        size_t from, sal_error *err) {
    sal_ablate_texts whole = {0};
    work->rows[0] = (sal_ablation_row){.edit = -1, .draw = -1};
    int status = measure_row(a, work, passes, from, NULL, 0, NULL, &work->rows[0], &whole, err);
    for (size_t i = 0; status == SAL_OK && i < SAL_EDITS * a->sets; i++) {
        sal_ablate_texts texts = {0};
        const size_t set = i % a->sets;
        sal_ablation_row *row = &work->rows[1 + i];
        *row = (sal_ablation_row){.edit = (int)(i / a->sets), .draw = (int)set - 1};
        status = measure_row(a, work, passes, from, a->choice.sets + set * a->choice.top,
                             a->choice.top, &whole, row, &texts, err);
        sal_importance_list_free(texts.importance);
    }
    sal_importance_list_free(whole.importance);
    return status;
}

/* A text past the model's context fails alone: rows stay NULL. */
static int measure_document(ablation *a, document_work *work, sal_error *err) {
    head_passes passes = {0};
    sal_span queries[2];
    int status = open_model(a, err);
    work->rows = sal_calloc(a->rows, sizeof *work->rows);
    if (status == SAL_OK && work->rows == NULL)
        status = sal_fail_memory(err, "an ablation");
    if (status == SAL_OK)
        status =
            head_chat_sequence(a->model, work->document, &work->summary, &passes, queries, err);
    if (status == SAL_OK)
        status = measure_rows(a, work, &passes, queries[1].start, err);
    if (status == SAL_OK)
        status = sal_study_put_ablation_rows(a->study, a->key, work->document->key, work->inputs,
                                             work->rows, a->rows, err);
    if (status == SAL_ELIMIT) {
        a->result->too_long++;
        sal_free(work->rows);
        work->rows = NULL;
        status = SAL_OK;
    }
    head_passes_free(&passes);
    return status;
}

static void take_rows(ablation *a, const document_work *work) {
    const size_t place = (size_t)a->result->documents++;
    for (size_t row = 0; row < a->rows; row++)
        for (size_t m = 0; m < SAL_ABLATE_MEASURES; m++) {
            const double value = work->rows[row].values[m];
            a->values[(row * SAL_ABLATE_MEASURES + m) * a->capacity + place] = value;
            a->result->regenerated =
                a->result->regenerated || (m == SAL_ABLATE_LENGTH && !isnan(value));
        }
}

static int run_document(ablation *a, const sal_document *document, sal_error *err) {
    document_work work = {.document = document};
    int status =
        head_find_summary(a->study, document->key, a->choice.summarizer, &work.summary, err);
    if (status == SAL_OK && work.summary.text == NULL) {
        a->result->without_summary++;
        return SAL_OK;
    }
    if (status == SAL_OK)
        status = hash_inputs(a, &work, err);
    if (status == SAL_OK)
        status = find_rows(a, &work, err);
    if (status == SAL_OK && work.rows != NULL)
        a->result->kept++;
    else if (status == SAL_OK)
        status = measure_document(a, &work, err);
    if (status == SAL_OK && work.rows != NULL)
        take_rows(a, &work);
    work_free(&work);
    return status;
}

static int visit(void *context, int64_t key, sal_error *err) {
    ablation *a = context;
    sal_document *document = NULL;
    if (a->options->limit >= 0 && a->result->documents >= a->options->limit)
        return STAGE_WALK_ENOUGH;
    int status = sal_study_get_document(a->study, key, &document, err);
    if (status == SAL_OK && !head_is_selecting(document))
        status = run_document(a, document, err);
    if (status != SAL_OK && status != SAL_ECANCELLED && document != NULL)
        status = sal_fail_in(err, status, "document %.200s", document->id);
    sal_document_free(document);
    return status;
}

static int run_documents(ablation *a, const int64_t *keys, size_t count, sal_error *err) {
    stage_walk walk = {.progress = a->progress, .stage = "ablate", .total = (int64_t)count};
    return stage_walk_documents(&walk, keys, count, visit, a, err);
}

/* ---- over documents ----------------------------------------------------------------------------------------- */

static double value_at(const ablation *a, size_t row, int measure, size_t document) {
    return a->values[(row * SAL_ABLATE_MEASURES + (size_t)measure) * a->capacity + document];
}

/* What a set of heads changes on a document: importance is a change by itself. */
static double change_at(const ablation *a, size_t row, int measure, size_t document) {
    const bool absolute = measure == SAL_ABLATE_LOG_LIKELIHOOD || measure == SAL_ABLATE_LENGTH;
    return value_at(a, row, measure, document) - (absolute ? value_at(a, 0, measure, document) : 0);
}

/* Mean over the draws that are defined. */
static double mean_of_draws(const ablation *a, int edit, int measure, size_t document) {
    double sum = 0;
    size_t defined = 0;
    for (size_t set = 1; set < a->sets; set++) {
        const double value = change_at(a, 1 + (size_t)edit * a->sets + set, measure, document);
        if (!isnan(value)) {
            sum += value;
            defined++;
        }
    }
    return defined > 0 ? sum / (double)defined : NAN;
}

static double effect_at(const ablation *a, int edit, int heads, int measure, size_t document) {
    const double chosen = change_at(a, 1 + (size_t)edit * a->sets, measure, document);
    if (heads == SAL_ABLATE_CHOSEN)
        return chosen;
    const double random = mean_of_draws(a, edit, measure, document);
    return heads == SAL_ABLATE_RANDOM ? random : chosen - random;
}

static int summarise(const ablation *a, const double *values, sal_ablate_effect *effect,
                     sal_error *err) {
    sal_stats_mean mean;
    int status = sal_stats_bootstrap_mean(values, (size_t)a->result->documents, a->options->seed,
                                          &mean, err);
    if (status == SAL_OK)
        *effect = (sal_ablate_effect){mean.value, mean.low, mean.high, (int64_t)mean.defined,
                                      (int64_t)mean.undefined};
    return status;
}

static int finish(ablation *a, sal_error *err) {
    const size_t count = (size_t)a->result->documents;
    double *values = sal_calloc(count, sizeof *values);
    int status = values == NULL ? sal_fail_memory(err, "an ablation") : SAL_OK;
    for (int m = 0; status == SAL_OK && m < SAL_ABLATE_MEASURES; m++) {
        for (size_t d = 0; d < count; d++)
            values[d] = value_at(a, 0, m, d);
        status = summarise(a, values, &a->result->whole[m], err);
        for (int of = 0; status == SAL_OK && of < SAL_EDITS * SAL_ABLATE_HEADS; of++) {
            const int edit = of / SAL_ABLATE_HEADS, heads = of % SAL_ABLATE_HEADS;
            for (size_t d = 0; d < count; d++)
                values[d] = effect_at(a, edit, heads, m, d);
            status = summarise(a, values, &a->result->effects[edit][heads][m], err);
        }
    }
    sal_free(values);
    return status == SAL_OK ? sal_study_put_ablation_results(a->study, a->key, a->result, err)
                            : status;
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

/* The chosen heads into the result, and the ablation into the study. */
static int note_choice(ablation *a, sal_error *err) {
    const ablate_choice *choice = &a->choice;
    (void)snprintf(a->result->corpus, sizeof a->result->corpus, "%s", choice->corpus);
    (void)snprintf(a->result->summarizer, sizeof a->result->summarizer, "%s",
                   choice->summarizer_name);
    a->result->heads = sal_calloc(choice->top, sizeof *a->result->heads);
    if (a->result->heads == NULL)
        return sal_fail_memory(err, "heads");
    memcpy(a->result->heads, choice->sets, choice->top * sizeof *a->result->heads);
    a->result->top_count = choice->top;
    int status = ablate_describe(choice, &a->described, err);
    if (status != SAL_OK)
        return status;
    const sal_ablation stored = {.analysis = choice->analysis,
                                 .corpus = choice->corpus,
                                 .words = a->options->words,
                                 .top = a->options->top,
                                 .draws = a->options->draws,
                                 .seed = a->options->seed,
                                 .heads = a->described.bytes};
    return sal_study_put_ablation(a->study, &stored, &a->key, err);
}

static int make_room(ablation *a, sal_error *err) {
    a->sets = 1 + a->choice.draws;
    a->rows = 1 + SAL_EDITS * a->sets;
    a->values = sal_calloc(a->rows * SAL_ABLATE_MEASURES, a->capacity * sizeof *a->values);
    return a->values != NULL ? SAL_OK : sal_fail_memory(err, "an ablation");
}

static int run_all(ablation *a, sal_error *err) {
    int64_t *keys = NULL;
    if (a->options->top < 1 || a->options->draws < 1)
        return sal_fail(err, SAL_EINVAL, "%d heads and %d draws: at least 1 of each",
                        a->options->top, a->options->draws);
    int status = ablate_choose(a->study, a->options, &a->choice, err);
    if (status == SAL_OK)
        status = stage_describe_system(&a->options->model_options, a->system, err);
    if (status == SAL_OK)
        status = note_choice(a, err);
    if (status == SAL_OK)
        status = sal_study_document_keys(a->study, a->choice.corpus, -1, &keys, &a->capacity, err);
    if (status == SAL_OK)
        status = make_room(a, err);
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
    int status = run_all(&a, err);
    sal_scorer_close(a.scorer);
    if (options->regeneration != NULL)
        options->regeneration->close(options->regeneration->context);
    sal_model_close(a.model);
    ablate_choice_free(&a.choice);
    sal_buffer_free(&a.described);
    sal_free(a.values);
    if (status == SAL_OK)
        *out = a.result;
    else
        sal_ablate_result_free(a.result);
    return status;
}
