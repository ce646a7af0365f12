/* What a linear probe reads in one layer, as something that can be added to it. With y = b + w x, the smallest step that raises y by 1 is
 * w/|w|²; w are the weights of columns as they are, so the step is one in the model's own states. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "probe/evaluate.h"
#include "probe/linear.h"
#include "probe/stage.h"
#include "salient/steer.h"
#include "stage/model.h"

enum { FIRST_LAYER = 2 };

void sal_probe_direction_free(sal_probe_direction *direction) {
    if (direction == NULL)
        return;
    sal_free(direction->vector);
    sal_free(direction->documents);
    sal_free(direction);
}

static int check_layer(const sal_model_info *info, int layer, sal_error *err) {
    if (layer < FIRST_LAYER)
        return sal_fail(err, SAL_EINVAL,
                        "state %d: a control vector for it would be direction.%d, and the first "
                        "there is is direction.1; choose a state from %d to %d",
                        layer, layer - 1, FIRST_LAYER, info->layers - 1);
    if (layer >= info->layers)
        return sal_fail(err, SAL_EINVAL,
                        "state %d: state %d is seen after the final norm, where no control vector "
                        "reaches; choose a state from %d to %d",
                        layer, info->layers, FIRST_LAYER, info->layers - 1);
    return SAL_OK;
}

/* The states must come from the model that is to be steered. */
static int check_model(const probe_stage *stage, const sal_model_info *info, sal_error *err) {
    const sal_state_set *set = stage->here.set;
    char digest[65];
    int status = stage_digest_model(stage->study, stage->options->model, digest, err);
    if (status == SAL_OK && (strcmp(digest, set->digest) != 0 || set->width != info->width))
        status = sal_fail(err, SAL_EEXISTS,
                          "%.300s is another model (%.12s..., width %d) than the one whose states "
                          "the study has (%.12s..., width %lld)",
                          stage->options->model, digest, info->width, set->digest,
                          (long long)set->width);
    return status;
}

static int choose_corpus(probe_stage *stage, char ***corpora, size_t *count, sal_error *err) {
    const char *wanted = stage->options->corpus;
    int status = sal_study_corpora(stage->study, corpora, count, err);
    for (size_t c = 0; status == SAL_OK && c < *count; c++)
        if (wanted == NULL ? *count == 1 : strcmp((*corpora)[c], wanted) == 0)
            stage->corpus = stage->here.corpus = (*corpora)[c];
    if (status == SAL_OK && stage->corpus == NULL)
        status = wanted != NULL
                     ? sal_fail(err, SAL_ENOTFOUND, "there is no corpus '%.200s'", wanted)
                     : sal_fail(err, SAL_EINVAL,
                                "the study has %zu corpora and a direction is one corpus's: "
                                "choose it with --corpus",
                                *count);
    return status;
}

static int score(const probe_stage *stage, const double *predictions, sal_probe_direction *out,
                 sal_error *err) {
    const probe_data *data = &stage->data;
    double *rho = sal_calloc(data->documents, sizeof *rho);
    probe_mean mean = {0};
    int status = rho == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        const size_t start = data->start[d], n = data->start[d + 1] - start;
        status = probe_score_spearman(data->y + start, predictions + start, NULL, n, &rho[d], err);
    }
    if (status == SAL_OK)
        status = probe_mean_of(rho, 1, data->documents,
                               split_spread(&stage->rounds, stage->part, data->rows),
                               stage->options->seed, &mean, err);
    out->spearman = mean.value;
    out->low = mean.low;
    out->high = mean.high;
    sal_free(rho);
    return status;
}

/* Weights [F+1] into the smallest step that raises the prediction by 1. */
static int scale(const double *weights, sal_probe_direction *out, sal_error *err) {
    double squares = 0;
    for (size_t f = 0; f < out->width; f++)
        squares += weights[f] * weights[f];
    if (!(squares > 0))
        return sal_fail(err, SAL_EINVAL, "the probe of state %d has learnt nothing to add",
                        out->layer);
    for (size_t f = 0; f < out->width; f++)
        out->vector[f] = (float)(weights[f] / squares);
    out->norm = 1 / sqrt(squares);
    return SAL_OK;
}

static int note_documents(const probe_stage *stage, sal_probe_direction *out, sal_error *err) {
    const probe_data *data = &stage->data;
    out->documents = sal_calloc(data->documents, sizeof *out->documents);
    if (out->documents == NULL)
        return sal_fail_memory(err, "documents");
    for (size_t d = 0; d < data->documents; d++) {
        const size_t part = stage->part[data->start[d]];
        if (part == stage->rounds.test[0])
            out->documents[out->count++] = data->keys[d];
        else
            out->learnt += split_trains(&stage->rounds, 0, part);
    }
    return SAL_OK;
}

static int fit(const probe_stage *stage, sal_probe_direction *out, sal_error *err) {
    const size_t F = stage->trained.width;
    const linear_job job = {
        .data = &stage->data,
        .features = {.source = &stage->trained,
                     .slot = probe_source_slot(&stage->trained, (size_t)out->layer)},
        .rounds = &stage->rounds,
        .part = stage->part,
        .targets = stage->data.y,
        .R = 1};
    double *predictions = sal_calloc(stage->data.rows, sizeof *predictions);
    double *weights = sal_calloc(F + 1, sizeof *weights);
    out->width = F;
    out->vector = sal_calloc(F, sizeof *out->vector);
    int status = predictions == NULL || weights == NULL || out->vector == NULL
                     ? sal_fail_memory(err, "a direction")
                     : linear_run(&job, predictions, &out->lambda, weights, err);
    if (status == SAL_OK)
        status = scale(weights, out, err);
    if (status == SAL_OK)
        status = score(stage, predictions, out, err);
    if (status == SAL_OK)
        status = note_documents(stage, out, err);
    sal_free(predictions);
    sal_free(weights);
    return status;
}

static int run(probe_stage *stage, const sal_model_info *info, sal_probe_direction *out,
               sal_error *err) {
    char **corpora = NULL;
    size_t count = 0;
    int status = sal_text_open(&stage->text, err);
    if (status == SAL_OK)
        status = probe_choose(stage, err);
    if (status == SAL_OK)
        status = check_model(stage, info, err);
    if (status == SAL_OK)
        status = choose_corpus(stage, &corpora, &count, err);
    if (status == SAL_OK)
        status = probe_prepare(stage, err);
    if (status == SAL_OK && stage->data.documents == 0)
        status = sal_fail(err, SAL_ENOTFOUND,
                          "corpus %.200s has no documents with states and importance by %.200s",
                          stage->corpus, stage->here.by->name);
    if (status == SAL_OK)
        status = fit(stage, out, err);
    if (status == SAL_OK) {
        (void)snprintf(out->corpus, sizeof out->corpus, "%s", stage->corpus);
        (void)snprintf(out->model, sizeof out->model, "%s", stage->model_name);
        (void)snprintf(out->digest, sizeof out->digest, "%s", stage->here.set->digest);
        (void)snprintf(out->summarizer, sizeof out->summarizer, "%s", stage->here.by->name);
    }
    probe_clear(stage);
    sal_strings_free(corpora, count);
    return status;
}

int sal_probe_direction_fit(sal_study *study, const sal_probe_options *options,
                            const sal_model_info *info, int layer, const sal_progress *progress,
                            sal_probe_direction **out, sal_error *err) {
    char layers[24];
    sal_probe_options asked = *options;
    probe_stage stage = {
        .study = study, .options = &asked, .progress = progress, .threads = 1, .one_split = true};
    int status = check_layer(info, layer, err);
    if (status != SAL_OK)
        return status;
    (void)snprintf(layers, sizeof layers, "%d", layer);
    memset(asked.controls, 0, sizeof asked.controls);
    asked.layers = layers;
    asked.transfer = SAL_TRANSFER_NONE;
    asked.seeds = 1;
    sal_probe_direction *direction = sal_calloc(1, sizeof *direction);
    if (direction == NULL)
        return sal_fail_memory(err, "a direction");
    direction->layer = layer;
    const int blas_threads = openblas_get_num_threads();
    openblas_set_num_threads(1); /* one order of sums, whatever the machine */
    status = run(&stage, info, direction, err);
    openblas_set_num_threads(blas_threads);
    probe_forget(&stage);
    if (status == SAL_OK)
        *out = direction;
    else
        sal_probe_direction_free(direction);
    return status;
}
