/* Checkpoints and weights are safetensors files. A checkpoint holds all that a training is between two epochs, so going on gives the same
 * numbers as never having stopped; it is written now and then, and when is of no consequence. */
#include "probe/keeping.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "salient/safetensors.h"

enum { NUMBERS = 4, RATES = 3, ARRAYS = 10 };

/* Integers of a state, and its rates. */
typedef struct packed {
    int64_t numbers[NUMBERS], random[4];
    double rates[RATES];
} packed;

static packed pack(const train_state *state) {
    packed p = {.numbers = {state->epoch, state->steps, state->stale, state->flat},
                .rates = {state->rate, state->best, state->least}};
    memcpy(p.random, state->random, sizeof p.random);
    return p;
}

static void unpack(const packed *p, train_state *state) {
    state->epoch = p->numbers[0];
    state->steps = p->numbers[1];
    state->stale = p->numbers[2];
    state->flat = p->numbers[3];
    state->rate = p->rates[0];
    state->best = p->rates[1];
    state->least = p->rates[2];
    memcpy(state->random, p->random, sizeof p->random);
}

/* Arrays of a checkpoint; those without numbers are left out. return how many */
static size_t arrays_of(const train_state *state, const packed *p, sal_tensor tensors[ARRAYS]) {
    const size_t P = state->parameters, B = state->buffers;
    const sal_tensor all[ARRAYS] = {
        {"weights", SAL_F32, 1, {P}, state->weights},
        {"first_moments", SAL_F32, 1, {P}, state->first},
        {"second_moments", SAL_F32, 1, {P}, state->second},
        {"best_weights", SAL_F32, 1, {P}, state->best_weights},
        {"running", SAL_F32, 1, {B}, state->running},
        {"best_running", SAL_F32, 1, {B}, state->best_running},
        {"order", SAL_I64, 1, {state->units}, state->order},
        {"numbers", SAL_I64, 1, {NUMBERS}, p->numbers},
        {"random", SAL_I64, 1, {4}, p->random},
        {"rates", SAL_F64, 1, {RATES}, p->rates},
    };
    size_t count = 0;
    for (size_t i = 0; i < ARRAYS; i++)
        if (all[i].shape[0] > 0)
            tensors[count++] = all[i];
    return count;
}

static int save(void *context, const train_state *state, sal_error *err) {
    probe_keeping *keeping = context;
    const double now = sal_clock_seconds(), often = keeping->stage->options->checkpoint_seconds;
    const packed p = pack(state);
    const sal_metadata metadata = {"training", keeping->digest};
    sal_tensor tensors[ARRAYS];
    if (often < 0 || now - keeping->last < often)
        return SAL_OK;
    const size_t count = arrays_of(state, &p, tensors);
    const int status =
        sal_safetensors_write(keeping->checkpoint, tensors, count, &metadata, 1, err);
    keeping->last = sal_clock_seconds();
    return status;
}

/* The file is a checkpoint of this training: every array is there, as long as it must be. */
static bool fits(const sal_safetensors *file, const char *digest, const sal_tensor *wanted,
                 size_t count) {
    const char *of = sal_safetensors_metadata(file, "training");
    bool all = of != NULL && strcmp(of, digest) == 0;
    for (size_t i = 0; all && i < count; i++) {
        const sal_tensor *found = NULL;
        all = sal_safetensors_find(file, wanted[i].name, &found, NULL) == SAL_OK &&
              found->dtype == wanted[i].dtype && found->axes == 1 &&
              found->shape[0] == wanted[i].shape[0];
    }
    return all;
}

static int read_arrays(const sal_safetensors *file, const sal_tensor *wanted, size_t count,
                       sal_error *err) {
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const sal_tensor *found = NULL;
        status = sal_safetensors_find(file, wanted[i].name, &found, err);
        if (status == SAL_OK) /* the state's own arrays, which are the training's to write to */
            status = sal_safetensors_read(file, found, 0, found->shape[0],
                                          (void *)(uintptr_t)wanted[i].data, err);
    }
    return status;
}

/* Whether the order is one of the units there are: nothing from a file is believed. */
static bool is_order(const train_state *state, const size_t *before) {
    bool good = state->epoch >= 0 && state->steps >= 0 && state->stale >= 0 && state->flat >= 0;
    size_t most = 0;
    for (size_t i = 0; i < state->units; i++)
        most = before[i] > most ? before[i] : most;
    unsigned char *seen = sal_calloc(most + 1, 1);
    good = good && seen != NULL;
    for (size_t i = 0; good && i < state->units; i++)
        seen[before[i]] = 1;
    for (size_t i = 0; good && i < state->units; i++) {
        good = state->order[i] <= most && seen[state->order[i]] == 1;
        if (good)
            seen[state->order[i]] = 2;
    }
    sal_free(seen);
    return good;
}

static int read_state(const probe_keeping *keeping, const sal_safetensors *file, train_state *state,
                      sal_error *err) {
    packed p = pack(state);
    sal_tensor tensors[ARRAYS];
    const size_t count = arrays_of(state, &p, tensors);
    size_t *before = sal_calloc(state->units, sizeof *before);
    if (before == NULL)
        return sal_fail_memory(err, "a checkpoint");
    memcpy(before, state->order, state->units * sizeof *before);
    int status = read_arrays(file, tensors, count, err);
    if (status == SAL_OK)
        unpack(&p, state);
    if (status == SAL_OK && !is_order(state, before))
        status = sal_fail(err, SAL_EFORMAT, "%s: is no checkpoint of this training; remove it",
                          keeping->checkpoint);
    sal_free(before);
    return status;
}

/* A checkpoint of something else, or a damaged one, is no checkpoint. */
static int load(void *context, train_state *state, bool *found, sal_error *err) {
    probe_keeping *keeping = context;
    sal_safetensors *file = NULL;
    const packed p = pack(state);
    sal_tensor tensors[ARRAYS];
    const size_t count = arrays_of(state, &p, tensors);
    *found = false;
    keeping->last = sal_clock_seconds();
    if (keeping->stage->options->checkpoint_seconds < 0 || access(keeping->checkpoint, R_OK) != 0 ||
        sal_safetensors_open(keeping->checkpoint, &file, NULL) != SAL_OK)
        return SAL_OK;
    int status = SAL_OK;
    if (fits(file, keeping->digest, tensors, count)) {
        status = read_state(keeping, file, state, err);
        *found = status == SAL_OK;
    }
    sal_safetensors_close(file);
    return status;
}

/* ---- weights ------------------------------------------------------------------------------------------------ */

/* Names as PyTorch has them, so that a state_dict of the original's classes loads; input.mean and input.scale stand before the network. */
static size_t weights_of(const train_result *result, size_t most, probe_array *arrays,
                         sal_tensor *tensors) {
    size_t count = 0;
    for (size_t i = 0; i < result->plan->count; i++) {
        const probe_layer *layer = &result->plan->layers[i];
        if (layer->name[0] == '\0' || count + PROBE_ARRAYS_AT_MOST > most)
            continue;
        const size_t own = probe_layer_arrays(layer, arrays + count);
        for (size_t a = count; a < count + own; a++)
            tensors[a] = (sal_tensor){
                .name = arrays[a].name,
                .dtype = SAL_F32,
                .axes = arrays[a].axes,
                .shape = {arrays[a].shape[0], arrays[a].shape[1]},
                .data = (arrays[a].buffer ? result->buffers : result->weights) + arrays[a].offset};
        count += own;
    }
    return count;
}

static int give(void *context, const train_result *result, sal_error *err) {
    enum { MOST = PROBE_LAYERS_AT_MOST * PROBE_ARRAYS_AT_MOST };
    const probe_keeping *keeping = context;
    const sal_probe_options *options = keeping->stage->options;
    const size_t F = result->plan->input;
    if (keeping->weights[0] == '\0')
        return SAL_OK;
    probe_array *arrays = sal_calloc(MOST, sizeof *arrays);
    sal_tensor *tensors = sal_calloc(MOST + 2, sizeof *tensors);
    int status = arrays == NULL || tensors == NULL ? sal_fail_memory(err, "weights") : SAL_OK;
    if (status == SAL_OK) {
        char epochs[24];
        (void)snprintf(epochs, sizeof epochs, "%zu", result->epochs);
        const sal_metadata metadata[] = {{"training", keeping->digest},
                                         {"probe", sal_probe_name(options->kind)},
                                         {"loss", sal_probe_loss_name(options->loss)},
                                         {"epochs", epochs}};
        size_t count = weights_of(result, MOST, arrays, tensors);
        if (result->mean != NULL) {
            tensors[count++] = (sal_tensor){"input.mean", SAL_F32, 1, {F}, result->mean};
            tensors[count++] = (sal_tensor){"input.scale", SAL_F32, 1, {F}, result->scale};
        }
        status = sal_safetensors_write(keeping->weights, tensors, count, metadata, 4, err);
    }
    sal_free(arrays);
    sal_free(tensors);
    return status;
}

bool probe_keeping_lacks_weights(const probe_keeping *keeping) {
    sal_safetensors *file = NULL;
    if (keeping->weights[0] == '\0')
        return false;
    if (access(keeping->weights, R_OK) != 0 ||
        sal_safetensors_open(keeping->weights, &file, NULL) != SAL_OK)
        return true;
    const char *of = sal_safetensors_metadata(file, "training");
    const bool lacks = of == NULL || strcmp(of, keeping->digest) != 0;
    sal_safetensors_close(file);
    return lacks;
}

int probe_keep_linear(const probe_stage *stage, int layer, const double *weights,
                      const double *lambda, sal_error *err) {
    const size_t rounds = stage->rounds.rounds, F = stage->trained.width;
    char path[1400];
    double *constants = sal_calloc(rounds, sizeof *constants);
    double *slopes = sal_calloc(rounds, F * sizeof *slopes);
    int status = constants == NULL || slopes == NULL ? sal_fail_memory(err, "weights") : SAL_OK;
    for (size_t r = 0; status == SAL_OK && r < rounds; r++) {
        memcpy(slopes + r * F, weights + r * (F + 1), F * sizeof *slopes);
        constants[r] = weights[r * (F + 1) + F];
    }
    const sal_tensor tensors[] = {{"weight", SAL_F64, 2, {rounds, F}, slopes},
                                  {"bias", SAL_F64, 1, {rounds}, constants},
                                  {"lambda", SAL_F64, 1, {rounds}, lambda}};
    const sal_metadata metadata = {"probe", "linear"};
    (void)snprintf(path, sizeof path, "%.600s/%.300s/linear_%02d.safetensors",
                   stage->options->save_folder, stage->corpus, layer);
    if (status == SAL_OK)
        status = sal_safetensors_write(path, tensors, 3, &metadata, 1, err);
    sal_free(constants);
    sal_free(slopes);
    return status;
}

/* ---- where they lie ----------------------------------------------------------------------------------------- */

void probe_keeping_open(const probe_stage *stage, const char digest[65], int layer, int64_t seed,
                        size_t round, bool wanted, probe_keeping *keeping) {
    const sal_probe_options *options = stage->options;
    char number[16] = "all";
    *keeping = (probe_keeping){.stage = stage, .layer = layer, .seed = seed, .round = round};
    (void)snprintf(keeping->digest, sizeof keeping->digest, "%s", digest);
    (void)snprintf(keeping->checkpoint, sizeof keeping->checkpoint,
                   "%.900s/checkpoints/%.64s.safetensors", sal_study_path(stage->study), digest);
    if (layer >= 0)
        (void)snprintf(number, sizeof number, "%02d", layer);
    if (wanted && options->save_folder != NULL)
        (void)snprintf(keeping->weights, sizeof keeping->weights,
                       "%.600s/%.300s/%s_%s_%s_seed%lld_round%zu.safetensors", options->save_folder,
                       stage->corpus, sal_probe_name(options->kind),
                       sal_probe_loss_name(options->loss), number, (long long)seed, round);
}

train_hooks probe_keeping_hooks(probe_keeping *keeping) {
    return (train_hooks){load, save, give, keeping};
}

void probe_keeping_finish(const probe_keeping *keeping) {
    char partial[1200];
    (void)snprintf(partial, sizeof partial, "%s.partial", keeping->checkpoint);
    (void)unlink(keeping->checkpoint); /* it may never have been written */
    (void)unlink(partial);             /* what a killed writer left */
}

static void checkpoint_folder(const probe_stage *stage, char path[1000]) {
    (void)snprintf(path, 1000, "%.900s/checkpoints", sal_study_path(stage->study));
}

int probe_keeping_prepare(const probe_stage *stage, sal_error *err) {
    const sal_probe_options *options = stage->options;
    char path[1000];
    int status = SAL_OK;
    if (options->kind != SAL_PROBE_LINEAR && options->checkpoint_seconds >= 0) {
        checkpoint_folder(stage, path);
        status = probe_make_folder(path, err);
    }
    return status == SAL_OK && options->save_folder != NULL
               ? probe_make_corpus_folder(options->save_folder, stage->corpus, err)
               : status;
}

void probe_keeping_end(const probe_stage *stage) {
    char path[1000];
    checkpoint_folder(stage, path);
    (void)rmdir(path); /* interrupted trainings of other runs may still be there */
}
