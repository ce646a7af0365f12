/* Trainings of networks: for each layer, seed and round of the split one, side by side, one thread each. A training that is finished is
 * kept in the study under the digest of everything it depends on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probe/keeping.h"
#include "salient/file.h"
#include "stats/resampling.h"

/* One set of predictions: a seed of the probe, a draw of the control task, a random copy, or a choice of the paper's protocol. */
typedef struct variant {
    const char *control;
    int64_t seed;
    const double *y;     /* [N] */
    double *predictions; /* [N] */
    size_t *part;        /* [N] owned: other rows than the stage's; NULL: the stage's */
    split_rounds rounds;
} variant;

/* One training. */
typedef struct unit {
    variant *of;
    size_t round;
} unit;

typedef struct trainings {
    probe_stage *stage;
    const probe_source *source;
    int layer; /* -1: all */
    size_t F;
    float *x;          /* [N,F] */
    variant *variants; /* [count] */
    size_t count;
    unit *units; /* [unit_count] */
    size_t unit_count;
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
    if (v->part != NULL) {
        sal_sha256_add(&hash, v->part, all->stage->data.rows * sizeof *v->part);
        sal_sha256_add(&hash, &v->rounds, sizeof v->rounds);
    }
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
                             .part = v->part != NULL ? v->part : stage->part,
                             .rounds = &v->rounds,
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
    const int status = train_one(all, all->units[i].of, all->units[i].round, &error);
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

/* One more set of predictions. gap PROBE_GAPS: rows of the stage */
static int add_variant(trainings *all, const variant *what, probe_gap gap, sal_error *err) {
    const probe_stage *stage = all->stage;
    const size_t N = stage->data.rows;
    variant *v = &all->variants[all->count++];
    int status = SAL_OK;
    *v = *what;
    v->rounds = stage->rounds;
    v->predictions = sal_calloc(N, sizeof *v->predictions);
    if (gap < PROBE_GAPS)
        v->part = sal_calloc(N, sizeof *v->part);
    if (v->predictions == NULL || (gap < PROBE_GAPS && v->part == NULL))
        return sal_fail_memory(err, "predictions");
    for (size_t r = 0; r < N; r++)
        v->predictions[r] = (double)NAN;
    if (gap < PROBE_GAPS)
        status = probe_gap_part(stage, gap, &v->rounds, v->part, err);
    for (size_t r = 0; status == SAL_OK && r < v->rounds.rounds; r++)
        all->units[all->unit_count++] = (unit){v, r};
    return status;
}

static int open_variants(trainings *all, size_t most, sal_error *err) {
    all->variants = sal_calloc(most, sizeof *all->variants);
    all->units = sal_calloc(most, SPLIT_ROUNDS_AT_MOST * sizeof *all->units);
    return all->variants == NULL || all->units == NULL ? sal_fail_memory(err, "probes") : SAL_OK;
}

static void close_variants(trainings *all) {
    for (size_t v = 0; v < all->count; v++) {
        sal_free(all->variants[v].predictions);
        sal_free(all->variants[v].part);
    }
    sal_free(all->variants);
    sal_free(all->units);
}

/* Gaps are there for networks whose loss is over words: one over the words of a document cannot be split by pairs of document and word, and
 * with other words it is another loss. */
static bool has_gaps(const probe_stage *stage) {
    return stage->options->controls[SAL_CONTROL_GAP] && stage->options->protocol == SAL_STRICT &&
           stage->options->transfer == SAL_TRANSFER_NONE &&
           stage->options->kind != SAL_PROBE_ARTICLE;
}

static bool has_layers(const probe_stage *stage, const probe_source *source) {
    for (size_t l = 0; l < stage->layer_count; l++)
        if (probe_source_slot(source, stage->layers[l]) == SIZE_MAX)
            return false;
    return true;
}

static bool has_span(const probe_stage *stage) {
    return has_gaps(stage) && stage->paper.files != NULL && has_layers(stage, &stage->paper);
}

/* The probe's seeds first, then the control task's, then the gaps. */
static int add_variants(trainings *all, sal_error *err) {
    probe_stage *stage = all->stage;
    const size_t N = stage->data.rows, seeds = (size_t)stage->options->seeds;
    const size_t tasks = stage->options->controls[SAL_CONTROL_TASK] ? seeds : 0;
    const int gaps = has_span(stage) ? PROBE_GAPS : has_gaps(stage) ? PROBE_GAP_SPAN : 0;
    int status = open_variants(all, 2 * seeds + PROBE_GAPS, err);
    for (size_t s = 0; status == SAL_OK && s < seeds; s++) {
        const variant probe = {.control = "none", .seed = (int64_t)s + 1, .y = stage->data.y};
        status = add_variant(all, &probe, PROBE_GAPS, err);
    }
    for (size_t s = 0; status == SAL_OK && s < tasks; s++) {
        const variant task = {
            .control = "control-task", .seed = (int64_t)s + 1, .y = stage->task + s * N};
        status = add_variant(all, &task, PROBE_GAPS, err);
    }
    for (int g = 0; status == SAL_OK && g < gaps; g++) {
        const variant gap = {
            .control = probe_gap_name((probe_gap)g), .seed = 1, .y = stage->data.y};
        status = add_variant(all, &gap, (probe_gap)g, err);
    }
    return status;
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
        else if (one->part == NULL)
            status = probe_stage_add_scores(stage, one->predictions, normalised, all->layer,
                                            control_name(one->control), one->seed, err);
        else if (strcmp(one->control, probe_gap_name(PROBE_GAP_SPAN)) != 0)
            status = probe_stage_add_difference(stage, all->variants[0].predictions,
                                                one->predictions, all->layer, one->control, err);
    }
    return status;
}

/* Train all variants of some states. */
static int train_all(trainings *all, sal_error *err) {
    probe_stage *stage = all->stage;
    int status = load_states(all, err);
    if (status == SAL_OK) {
        hash_data(all);
        sal_stats_parallel(stage->threads, all->unit_count, run_training, all);
        status = stage->status;
        if (status != SAL_OK && err != NULL)
            *err = stage->error;
    }
    sal_free(all->x);
    all->x = NULL;
    return status;
}

/* The other probe of the span: states of the paper's sequence. base: the same words, strict states */
static int run_span(probe_stage *stage, int layer, const double *base, sal_error *err) {
    trainings all = {.stage = stage, .source = &stage->paper, .layer = layer};
    const variant span = {.control = probe_gap_name(PROBE_GAP_SPAN), .seed = 1, .y = stage->data.y};
    int status = open_variants(&all, 1, err);
    if (status == SAL_OK)
        status = add_variant(&all, &span, PROBE_GAP_SPAN, err);
    if (status == SAL_OK)
        status = train_all(&all, err);
    if (status == SAL_OK)
        status = probe_stage_add_difference(stage, base, all.variants[0].predictions, layer,
                                            span.control, err);
    close_variants(&all);
    return status;
}

static int run_layer(probe_stage *stage, int layer, sal_error *err) {
    trainings all = {.stage = stage, .source = &stage->trained, .layer = layer};
    int status = add_variants(&all, err);
    if (status == SAL_OK)
        status = train_all(&all, err);
    if (status == SAL_OK)
        status = score_variants(&all, err);
    if (status == SAL_OK && has_span(stage))
        status = run_span(stage, layer, all.variants[all.count - 1].predictions, err);
    close_variants(&all);
    return status;
}

static int run_random(probe_stage *stage, const probe_source *source, int layer, sal_error *err) {
    trainings all = {.stage = stage, .source = source, .layer = layer};
    const variant copy = {
        .control = source->set->weights, .seed = source->set->seed, .y = stage->data.y};
    int status = open_variants(&all, 1, err);
    if (status == SAL_OK)
        status = add_variant(&all, &copy, PROBE_GAPS, err);
    if (status == SAL_OK)
        status = train_all(&all, err);
    if (status == SAL_OK)
        status = score_variants(&all, err);
    close_variants(&all);
    return status;
}

/* Trainings of one layer, random copies included. */
static size_t count_units(const probe_stage *stage) {
    const size_t seeds = (size_t)stage->options->seeds, rounds = stage->rounds.rounds;
    const size_t variants = seeds * (stage->options->controls[SAL_CONTROL_TASK] ? 2 : 1);
    size_t units = rounds * (variants + stage->random_count);
    if (has_gaps(stage))
        units += split_rounds_of(0).rounds + rounds * (has_span(stage) ? 3 : 1);
    return units;
}

int probe_networks(probe_stage *stage, sal_error *err) {
    const bool all = stage->options->kind == SAL_PROBE_ALL_LAYERS;
    const size_t layers = all ? 1 : stage->layer_count;
    int status = probe_sweep_surface(stage, err);
    stage->total += (int64_t)(layers * count_units(stage));
    for (size_t l = 0; status == SAL_OK && l < layers; l++) {
        const int layer = all ? -1 : (int)stage->layers[l];
        status = run_layer(stage, layer, err);
        for (size_t r = 0; status == SAL_OK && r < stage->random_count; r++)
            if (has_layers(stage, &stage->random[r]))
                status = run_random(stage, &stage->random[r], layer, err);
    }
    probe_keeping_end(stage);
    return status;
}
