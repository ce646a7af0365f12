/* The sweep: linear probes of every layer with their controls, side by side, one thread each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/keeping.h"
#include "probe/linear.h"
#include "probe/online.h"
#include "probe/stage.h"
#include "salient/random.h"
#include "stats/resampling.h"

typedef enum task_kind { TASK_LAYER, TASK_RANDOM, TASK_SURFACE } task_kind;

/* What one worker does. */
typedef struct task {
    task_kind kind;
    size_t layer;               /* number of the state */
    const probe_source *source; /* TASK_RANDOM */
    sal_probe_control control;  /* TASK_SURFACE */
} task;

typedef struct sweep {
    probe_stage *stage;
    task *tasks;
    size_t count;
} sweep;

static linear_job job_of(const probe_stage *stage, const probe_source *source, size_t slot) {
    return (linear_job){.data = &stage->data,
                        .features = {.source = source, .slot = slot},
                        .rounds = &stage->rounds,
                        .part = stage->part,
                        .targets = stage->data.y,
                        .R = 1};
}

/* ---- the protocol gap --------------------------------------------------------------------------------------- */

/* The other probe of a gap, by states of the paper's sequence where that is the choice. */
static int run_other(probe_stage *stage, probe_gap gap, size_t layer, size_t *part, double *base,
                     double *out, sal_error *err) {
    const size_t slot = probe_source_slot(&stage->trained, layer);
    split_rounds rounds;
    linear_job job = job_of(stage, &stage->trained, slot);
    job.rounds = &rounds;
    job.part = part;
    int status = probe_gap_part(stage, gap, &rounds, part, err);
    if (status == SAL_OK &&
        gap == PROBE_GAP_SPAN) { /* on those words the strict probe is another */
        status = linear_run(&job, base, NULL, NULL, err);
        job.features = (probe_features){.source = &stage->paper,
                                        .slot = probe_source_slot(&stage->paper, layer)};
    }
    return status == SAL_OK ? linear_run(&job, out, NULL, NULL, err) : status;
}

static int run_gaps(probe_stage *stage, size_t layer, const double *base, sal_error *err) {
    const size_t N = stage->data.rows;
    const bool span =
        stage->paper.files != NULL && probe_source_slot(&stage->paper, layer) != SIZE_MAX;
    size_t *part = sal_calloc(N, sizeof *part);
    double *other = sal_calloc(N, 2 * sizeof *other);
    int status = part == NULL || other == NULL ? sal_fail_memory(err, "predictions") : SAL_OK;
    for (int g = 0; status == SAL_OK && g < (span ? PROBE_GAPS : PROBE_GAP_SPAN); g++) {
        const probe_gap gap = (probe_gap)g;
        status = run_other(stage, gap, layer, part, other + N, other, err);
        if (status == SAL_OK)
            status = probe_stage_add_difference(stage, gap == PROBE_GAP_SPAN ? other + N : base,
                                                other, (int)layer, probe_gap_name(gap), err);
    }
    sal_free(part);
    sal_free(other);
    return status;
}

/* ---- online code -------------------------------------------------------------------------------------------- */

/* Documents are told in order of their content hashes. */
typedef struct told {
    const char *hash;
    size_t document;
} told;

static int by_hash(const void *a, const void *b) {
    const told *x = a, *y = b;
    const int order = strcmp(x->hash, y->hash);
    return order != 0 ? order : (x->document > y->document) - (x->document < y->document);
}

static int run_online(probe_stage *stage, size_t layer, sal_error *err) {
    const probe_data *data = &stage->data;
    const size_t D = data->documents, F = stage->trained.width;
    online_code code;
    told *order = sal_calloc(D, sizeof *order);
    size_t *start = sal_calloc(D + 1, sizeof *start);
    int *labels = sal_calloc(data->rows, sizeof *labels);
    float *x = sal_calloc(data->rows, F * sizeof *x);
    int status = order == NULL || start == NULL || labels == NULL || x == NULL
                     ? sal_fail_memory(err, "an online code")
                     : SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < D; d++)
        order[d] = (told){data->hashes[d], d};
    if (status == SAL_OK)
        qsort(order, D, sizeof *order, by_hash);
    for (size_t i = 0; status == SAL_OK && i < D; i++) {
        const size_t d = order[i].document, first = data->start[d];
        const size_t rows = data->start[d + 1] - first;
        for (size_t r = 0; r < rows; r++)
            labels[start[i] + r] = (int)lround(data->y[first + r] * (data->classes - 1));
        status =
            probe_source_read(&stage->trained, data, d, probe_source_slot(&stage->trained, layer),
                              x + start[i] * F, err);
        start[i + 1] = start[i] + rows;
    }
    if (status == SAL_OK)
        status =
            online_run(x, F, labels, data->classes, start, D, stage->options->seed, &code, err);
    const struct {
        const char *metric;
        double value;
    } numbers[] = {{"compression", code.compression},
                   {"bits", code.bits},
                   {"prior_bits", code.prior_bits},
                   {"blocks", (double)code.blocks}};
    for (size_t i = 0; status == SAL_OK && i < 4; i++)
        status = probe_stage_add_number(stage, numbers[i].value, (int)layer, "mdl",
                                        numbers[i].metric, err);
    sal_free(order);
    sal_free(start);
    sal_free(labels);
    sal_free(x);
    return status;
}

/* ---- tasks -------------------------------------------------------------------------------------------------- */

/* The probe of a layer and its control task share one pass: y, then the draws of the task, are targets of the same regression. */
static int run_layer(probe_stage *stage, size_t layer, sal_error *err) {
    const bool *controls = stage->options->controls;
    const size_t N = stage->data.rows;
    const size_t draws = controls[SAL_CONTROL_TASK] ? (size_t)stage->options->seeds : 0;
    const size_t R = 1 + draws;
    linear_job job = job_of(stage, &stage->trained, probe_source_slot(&stage->trained, layer));
    double *targets = sal_calloc(N, R * sizeof *targets);
    double *predictions = sal_calloc(N, R * sizeof *predictions);
    double *lambda = sal_calloc(stage->rounds.rounds, R * sizeof *lambda);
    double *weights =
        sal_calloc(stage->rounds.rounds, (stage->trained.width + 1) * sizeof *weights);
    int status = targets == NULL || predictions == NULL || lambda == NULL || weights == NULL
                     ? sal_fail_memory(err, "predictions")
                     : SAL_OK;
    for (size_t r = 0; status == SAL_OK && r < N; r++) {
        targets[r * R] = stage->data.y[r];
        for (size_t k = 0; k < draws; k++)
            targets[r * R + 1 + k] = stage->task[k * N + r];
    }
    job.targets = targets;
    job.R = R;
    if (status == SAL_OK)
        status = linear_run(&job, predictions, lambda, weights, err);
    if (status == SAL_OK)
        status = probe_stage_add_scores(stage, predictions, false, (int)layer, "none", -1, err);
    for (size_t k = 0; status == SAL_OK && k < draws; k++)
        status =
            probe_stage_add_task(stage, predictions, predictions + (1 + k) * N, k, (int)layer, err);
    const bool transfer = stage->options->transfer != SAL_TRANSFER_NONE;
    if (status == SAL_OK && controls[SAL_CONTROL_GAP] && !transfer &&
        stage->options->protocol == SAL_STRICT)
        status = run_gaps(stage, layer, predictions, err);
    if (status == SAL_OK && controls[SAL_CONTROL_MDL] && !transfer)
        status = run_online(stage, layer, err);
    for (size_t r = 0; status == SAL_OK && r < stage->rounds.rounds; r++)
        lambda[r] = lambda[r * R]; /* of y itself */
    if (status == SAL_OK && stage->options->export_folder != NULL)
        status = probe_write_predictions(stage, layer, predictions, lambda, err);
    if (status == SAL_OK && stage->options->save_folder != NULL)
        status = probe_keep_linear(stage, (int)layer, weights, lambda, err);
    sal_free(targets);
    sal_free(predictions);
    sal_free(lambda);
    sal_free(weights);
    return status;
}

static int run_simple(probe_stage *stage, const linear_job *job, int layer, const char *control,
                      int64_t seed, sal_error *err) {
    double *predictions = sal_calloc(stage->data.rows, sizeof *predictions);
    int status = predictions == NULL ? sal_fail_memory(err, "predictions")
                                     : linear_run(job, predictions, NULL, NULL, err);
    if (status == SAL_OK)
        status = probe_stage_add_scores(stage, predictions, false, layer, control, seed, err);
    sal_free(predictions);
    return status;
}

static int run_random(probe_stage *stage, const task *what, sal_error *err) {
    const linear_job job =
        job_of(stage, what->source, probe_source_slot(what->source, what->layer));
    const bool blocks = strcmp(what->source->set->weights, "random-blocks") == 0;
    return run_simple(stage, &job, (int)what->layer, blocks ? "random-blocks" : "random",
                      what->source->set->seed, err);
}

static int run_surface(probe_stage *stage, sal_probe_control control, sal_error *err) {
    linear_job job = job_of(stage, NULL, 0);
    const bool surface = control == SAL_CONTROL_SURFACE;
    job.features.surface_from = control == SAL_CONTROL_FREQUENCY ? PROBE_POSITION : 0;
    job.features.surface_to = control == SAL_CONTROL_POSITION ? PROBE_POSITION : PROBE_SURFACE;
    if (surface)
        job.features.source = &stage->trained;
    job.features.slot = surface ? probe_source_slot(&stage->trained, 0) : 0;
    return run_simple(stage, &job, -1, sal_probe_control_name(control), -1, err);
}

static void run_task(void *context, size_t i) {
    const sweep *all = context;
    const task *what = &all->tasks[i];
    sal_error error = {0};
    int status = SAL_OK;
    if (probe_stage_stopped(all->stage))
        return;
    switch (what->kind) {
    case TASK_LAYER:
        status = run_layer(all->stage, what->layer, &error);
        break;
    case TASK_RANDOM:
        status = run_random(all->stage, what, &error);
        break;
    case TASK_SURFACE:
        status = run_surface(all->stage, what->control, &error);
        break;
    }
    if (status != SAL_OK)
        probe_stage_fail(all->stage, status, &error);
    else
        probe_stage_advance(all->stage);
}

static void add_surface(const probe_stage *stage, sweep *all) {
    static const sal_probe_control three[] = {SAL_CONTROL_SURFACE, SAL_CONTROL_POSITION,
                                              SAL_CONTROL_FREQUENCY};
    for (size_t c = 0; c < 3; c++) {
        const bool possible =
            three[c] != SAL_CONTROL_SURFACE || probe_source_slot(&stage->trained, 0) != SIZE_MAX;
        if (stage->options->controls[three[c]] && possible)
            all->tasks[all->count++] = (task){.kind = TASK_SURFACE, .control = three[c]};
    }
}

static void add_layers(const probe_stage *stage, sweep *all) {
    for (size_t l = 0; l < stage->layer_count; l++)
        all->tasks[all->count++] = (task){.kind = TASK_LAYER, .layer = stage->layers[l]};
    for (size_t r = 0; r < stage->random_count; r++)
        for (size_t l = 0; l < stage->layer_count; l++)
            if (probe_source_slot(&stage->random[r], stage->layers[l]) != SIZE_MAX)
                all->tasks[all->count++] = (task){
                    .kind = TASK_RANDOM, .layer = stage->layers[l], .source = &stage->random[r]};
}

static int run_all(probe_stage *stage, bool layers, sal_error *err) {
    sweep all = {.stage = stage};
    all.tasks = sal_calloc(3 + stage->layer_count * (1 + stage->random_count), sizeof *all.tasks);
    if (all.tasks == NULL)
        return sal_fail_memory(err, "probes");
    add_surface(stage, &all);
    if (layers)
        add_layers(stage, &all);
    stage->total += (int64_t)all.count;
    sal_stats_parallel(stage->threads, all.count, run_task, &all);
    sal_free(all.tasks);
    if (stage->status != SAL_OK && err != NULL)
        *err = stage->error;
    return stage->status;
}

int probe_sweep(probe_stage *stage, sal_error *err) {
    return run_all(stage, true, err);
}

int probe_sweep_surface(probe_stage *stage, sal_error *err) {
    return run_all(stage, false, err);
}
