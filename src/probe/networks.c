/* Trainings of networks: for each layer, seed and round of the split one, side by side, one thread each. A training that is finished is
 * kept in the study under the digest of everything it depends on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probe/keeping.h"
#include "salient/file.h"
#include "stats/resampling.h"

/* One set of predictions: a seed of the probe, a draw of the control task, or a random copy. */
typedef struct variant {
    const char *control;
    int64_t seed;
    const double *y;     /* [N] */
    double *predictions; /* [N] */
} variant;

typedef struct trainings {
    probe_stage *stage;
    const probe_source *source;
    int layer; /* -1: all */
    size_t F;
    float *x; /* [N,F] */
    variant *variants;
    size_t count;
    char digest[65]; /* of the data */
} trainings;

/* ---- what depends on what ----------------------------------------------------------------------------------- */

static void hash_data(trainings *all) {
    const probe_stage *stage = all->stage;
    const probe_data *data = &stage->data;
    sal_sha256 hash;
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, all->source->digest, 64);
    sal_sha256_add(&hash, data->start, (data->documents + 1) * sizeof *data->start);
    sal_sha256_add(&hash, all->source->place, data->rows * sizeof *all->source->place);
    sal_sha256_add(&hash, stage->part, data->rows * sizeof *stage->part);
    sal_sha256_add(&hash, &stage->rounds, sizeof stage->rounds);
    for (size_t l = 0; all->layer < 0 && l < stage->layer_count; l++)
        sal_sha256_add(&hash, &stage->layers[l], sizeof stage->layers[l]);
    sal_sha256_finish(&hash, all->digest);
}

static void hash_training(const trainings *all, const variant *v, size_t round,
                          const train_options *options, char digest[65]) {
    char text[300];
    sal_sha256 hash;
    (void)snprintf(
        text, sizeof text, "training 2 %d %d %d %zu %zu %zu %.17g %.17g %d %d %llu %d %zu",
        (int)options->kind, (int)options->loss, options->attention, options->epochs, options->batch,
        options->patience, options->rate, options->weight_decay, options->halve,
        options->standardise, (unsigned long long)options->seed, all->layer, round);
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, all->digest, 64);
    sal_sha256_add(&hash, text, strlen(text));
    sal_sha256_add(&hash, v->y, all->stage->data.rows * sizeof *v->y);
    sal_sha256_finish(&hash, digest);
}

static train_options options_of(const probe_stage *stage, const variant *v, size_t round) {
    const sal_probe_options *asked = stage->options;
    train_options options = train_paper(asked->kind, asked->loss);
    options.attention = asked->attention;
    options.standardise = asked->protocol == SAL_STRICT && asked->kind != SAL_PROBE_ALL_LAYERS;
    options.seed = asked->seed * 1000003 + (uint64_t)v->seed * 1009 + round;
    if (asked->preset == SAL_PRESET_SMALL) {
        options.epochs = 5;
        options.rate = 2e-4;
        options.patience = 2;
    }
    if (asked->preset == SAL_PRESET_FULL)
        options.epochs = 10;
    if (asked->preset == SAL_PRESET_COMPREHENSIVE && stage->french) {
        options.epochs = 30;
        options.patience = 5;
    }
    if (asked->epochs > 0)
        options.epochs = (size_t)asked->epochs;
    return options;
}

/* ---- one training ------------------------------------------------------------------------------------------- */

static int recall(trainings *all, const char digest[65], double *predictions, bool *found,
                  sal_error *err) {
    probe_stage *stage = all->stage;
    pthread_mutex_lock(&stage->mutex);
    const int status =
        sal_study_get_training(stage->study, digest, predictions, stage->data.rows, found, err);
    if (*found)
        stage->tally->kept++;
    pthread_mutex_unlock(&stage->mutex);
    return status;
}

static int keep(trainings *all, const char digest[65], const double *predictions, sal_error *err) {
    probe_stage *stage = all->stage;
    pthread_mutex_lock(&stage->mutex);
    const int status =
        sal_study_put_training(stage->study, digest, predictions, stage->data.rows, err);
    pthread_mutex_unlock(&stage->mutex);
    return status;
}

static int train_one(trainings *all, variant *v, size_t round, sal_error *err) {
    probe_stage *stage = all->stage;
    const probe_data *data = &stage->data;
    const train_options options = options_of(stage, v, round);
    const train_data what = {.x = all->x,
                             .F = all->F,
                             .y = v->y,
                             .start = data->start,
                             .documents = data->documents,
                             .part = stage->part,
                             .rounds = &stage->rounds,
                             .round = round};
    char digest[65];
    bool found = false;
    probe_keeping keeping;
    double *own = sal_calloc(data->rows, sizeof *own);
    if (own == NULL)
        return sal_fail_memory(err, "predictions");
    for (size_t r = 0; r < data->rows; r++)
        own[r] = (double)NAN;
    hash_training(all, v, round, &options, digest);
    int status = recall(all, digest, own, &found, err);
    probe_keeping_open(stage, digest, all->layer, v->seed, round, strcmp(v->control, "none") == 0,
                       &keeping);
    if (status == SAL_OK && (!found || probe_keeping_lacks_weights(&keeping))) {
        const train_hooks hooks = probe_keeping_hooks(&keeping);
        status = train_run(&options, &what, &hooks, stage->progress, own, NULL, err);
        if (status == SAL_OK)
            status = keep(all, digest, own, err);
    }
    if (status == SAL_OK)
        probe_keeping_finish(&keeping);
    for (size_t r = 0; status == SAL_OK && r < data->rows; r++)
        if (!isnan(own[r])) /* rounds test different rows */
            v->predictions[r] = own[r];
    sal_free(own);
    return status;
}

static void run_training(void *context, size_t i) {
    trainings *all = context;
    sal_error error = {0};
    if (probe_stage_stopped(all->stage))
        return;
    const size_t rounds = all->stage->rounds.rounds;
    const int status = train_one(all, &all->variants[i / rounds], i % rounds, &error);
    if (status != SAL_OK)
        probe_stage_fail(all->stage, status, &error);
    else
        probe_stage_advance(all->stage);
}

/* ---- the trainings of one layer ------------------------------------------------------------------------------ */

static int load_states(trainings *all, sal_error *err) {
    const probe_stage *stage = all->stage;
    const probe_data *data = &stage->data;
    const size_t D = all->source->width, slots = all->layer < 0 ? stage->layer_count : 1;
    float *one = NULL;
    size_t longest = 0;
    int status = SAL_OK;
    all->F = slots * D;
    for (size_t d = 0; d < data->documents; d++)
        if (data->start[d + 1] - data->start[d] > longest)
            longest = data->start[d + 1] - data->start[d];
    all->x = sal_calloc(data->rows, all->F * sizeof *all->x);
    one = sal_calloc(longest, D * sizeof *one);
    if (all->x == NULL || one == NULL)
        status = sal_fail_memory(err, "states of all documents");
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++)
        for (size_t s = 0; status == SAL_OK && s < slots; s++) {
            const size_t layer = all->layer < 0 ? stage->layers[s] : (size_t)all->layer;
            const size_t start = data->start[d], rows = data->start[d + 1] - start;
            status = probe_source_read(all->source, data, d, probe_source_slot(all->source, layer),
                                       one, err);
            for (size_t r = 0; status == SAL_OK && r < rows; r++)
                memcpy(all->x + (start + r) * all->F + s * D, one + r * D, D * sizeof *one);
        }
    sal_free(one);
    return status;
}

static int add_variants(trainings *all, bool random, sal_error *err) {
    probe_stage *stage = all->stage;
    const size_t N = stage->data.rows, seeds = (size_t)stage->options->seeds;
    const bool task = stage->options->controls[SAL_CONTROL_TASK];
    all->variants = sal_calloc(2 * seeds, sizeof *all->variants);
    if (all->variants == NULL)
        return sal_fail_memory(err, "probes");
    for (size_t s = 0; s < (random ? 1 : seeds); s++)
        all->variants[all->count++] =
            (variant){.control = !random ? "none" : all->source->set->weights,
                      .seed = random ? all->source->set->seed : (int64_t)s + 1,
                      .y = stage->data.y};
    for (size_t s = 0; !random && task && s < seeds; s++)
        all->variants[all->count++] =
            (variant){.control = "control-task", .seed = (int64_t)s + 1, .y = stage->task + s * N};
    for (size_t v = 0; v < all->count; v++) {
        all->variants[v].predictions = sal_calloc(N, sizeof(double));
        if (all->variants[v].predictions == NULL)
            return sal_fail_memory(err, "predictions");
        for (size_t r = 0; r < N; r++)
            all->variants[v].predictions[r] = (double)NAN;
    }
    return SAL_OK;
}

/* The literal of a control's name: series keep the pointer. */
static const char *control_name(const char *weights) {
    return strcmp(weights, "random") == 0          ? "random"
           : strcmp(weights, "random-blocks") == 0 ? "random-blocks"
                                                   : "none";
}

static int score_variants(trainings *all, sal_error *err) {
    probe_stage *stage = all->stage;
    const bool normalised = stage->options->loss == SAL_PROBE_KL;
    int status = SAL_OK;
    for (size_t v = 0; status == SAL_OK && v < all->count; v++) {
        const variant *one = &all->variants[v];
        if (strcmp(one->control, "control-task") == 0)
            status = probe_stage_add_task(stage, all->variants[one->seed - 1].predictions,
                                          one->predictions, (size_t)one->seed - 1, all->layer, err);
        else
            status = probe_stage_add_scores(stage, one->predictions, normalised, all->layer,
                                            control_name(one->control), one->seed, err);
    }
    return status;
}

static int run_layer(probe_stage *stage, const probe_source *source, int layer, bool random,
                     sal_error *err) {
    trainings all = {.stage = stage, .source = source, .layer = layer};
    int status = load_states(&all, err);
    if (status == SAL_OK)
        status = add_variants(&all, random, err);
    if (status == SAL_OK) {
        hash_data(&all);
        sal_stats_parallel(stage->threads, all.count * stage->rounds.rounds, run_training, &all);
        status = stage->status;
        if (status != SAL_OK && err != NULL)
            *err = stage->error;
    }
    if (status == SAL_OK)
        status = score_variants(&all, err);
    for (size_t v = 0; v < all.count; v++)
        sal_free(all.variants[v].predictions);
    sal_free(all.variants);
    sal_free(all.x);
    return status;
}

static bool has_layers(const probe_stage *stage, const probe_source *source) {
    for (size_t l = 0; l < stage->layer_count; l++)
        if (probe_source_slot(source, stage->layers[l]) == SIZE_MAX)
            return false;
    return true;
}

int probe_networks(probe_stage *stage, sal_error *err) {
    const bool all = stage->options->kind == SAL_PROBE_ALL_LAYERS;
    const size_t layers = all ? 1 : stage->layer_count;
    const size_t seeds = (size_t)stage->options->seeds;
    const size_t variants = seeds * (stage->options->controls[SAL_CONTROL_TASK] ? 2 : 1);
    int status = probe_sweep_surface(stage, err);
    stage->total += (int64_t)(layers * stage->rounds.rounds * (variants + stage->random_count));
    for (size_t l = 0; status == SAL_OK && l < layers; l++) {
        const int layer = all ? -1 : (int)stage->layers[l];
        status = run_layer(stage, &stage->trained, layer, false, err);
        for (size_t r = 0; status == SAL_OK && r < stage->random_count; r++)
            if (has_layers(stage, &stage->random[r]))
                status = run_layer(stage, &stage->random[r], layer, true, err);
    }
    probe_keeping_end(stage);
    return status;
}
