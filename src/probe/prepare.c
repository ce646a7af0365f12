/* What a run has before the first training: layers, rows, their states in every set of files, the split, targets of the control task. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/stage.h"
#include "salient/random.h"

enum { PRESET_LAYERS = 9 };

/* ---- layers ------------------------------------------------------------------------------------------------- */

static int add_layer(probe_stage *stage, size_t layer, const char *text, sal_error *err) {
    if (probe_source_slot(&stage->trained, layer) == SIZE_MAX)
        return sal_fail(err, SAL_EINVAL, "--layers %s: there are no states %zu of %.200s", text,
                        layer, stage->model_name);
    if (stage->layer_count > 0 && stage->layers[stage->layer_count - 1] >= layer)
        return sal_fail(err, SAL_EINVAL, "--layers %s: states must ascend", text);
    stage->layers[stage->layer_count++] = layer;
    return SAL_OK;
}

/* So many of the states there are, evenly from the first to the last. */
static int add_even(probe_stage *stage, size_t count, sal_error *err) {
    const size_t all = stage->trained.layer_count;
    int status = SAL_OK;
    count = count > all ? all : count;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const size_t slot = count == 1 ? 0 : i * (all - 1) / (count - 1);
        status = add_layer(stage, stage->trained.layers[slot], "preset", err);
    }
    return status;
}

static int parse_layers(probe_stage *stage, sal_error *err) {
    const char *text = stage->options->layers;
    const sal_probe_preset preset = stage->options->preset;
    int status = SAL_OK;
    stage->layer_count = 0;
    stage->layers = sal_calloc(stage->trained.layer_count, sizeof *stage->layers);
    if (stage->layers == NULL)
        return sal_fail_memory(err, "layers");
    if (strcmp(text, "representative") == 0 ||
        (preset == SAL_PRESET_SMALL && strcmp(text, "all") == 0))
        return add_even(stage, 3, err);
    if (strcmp(text, "all") == 0)
        return add_even(stage, preset == SAL_PRESET_FULL ? PRESET_LAYERS : SIZE_MAX, err);
    for (const char *at = text; status == SAL_OK;) {
        char *end = NULL;
        const unsigned long layer = strtoul(at, &end, 10);
        if (end == at || *at < '0' || *at > '9' || (*end != ',' && *end != '\0') ||
            stage->layer_count == stage->trained.layer_count)
            return sal_fail(err, SAL_EINVAL,
                            "--layers %s: all, representative or a list of states like 0,5,7",
                            text);
        status = add_layer(stage, layer, text, err);
        if (*end == '\0')
            break;
        at = end + 1;
    }
    return status;
}

/* ---- rows, states, split --------------------------------------------------------------------------------------------- */

/* The states of one set here, and of the set there that is like it. */
static int open_source(const probe_stage *stage, const sal_state_set *here,
                       const sal_state_set *there, probe_source *source, sal_error *err) {
    const probe_place *places[PROBE_SIDES];
    probe_side sides[PROBE_SIDES];
    const size_t count = probe_places(stage, places);
    for (size_t s = 0; s < count; s++)
        sides[s] = (probe_side){places[s]->study, places[s] == &stage->here ? here : there};
    return probe_source_open(sides, &stage->data, source, err);
}

/* Random copy of the model of a place, with states like its own. */
static bool is_copy(const probe_place *place, const sal_state_set *set) {
    return strcmp(set->model, place->set->model) == 0 && set->protocol == place->set->protocol &&
           strcmp(set->weights, "trained") != 0 && set->summarizer == place->set->summarizer &&
           strcmp(set->pooling, place->set->pooling) == 0;
}

/* The copy of the other side with the same weights and layers, NULL: it has none. */
static const sal_state_set *find_partner(const probe_stage *stage, const sal_state_set *set) {
    const probe_place *there = &stage->there;
    const sal_state_set *found = NULL;
    for (size_t i = 0; i < there->sets->count; i++) {
        const sal_state_set *one = &there->sets->items[i];
        if (is_copy(there, one) && one->seed == set->seed &&
            strcmp(one->weights, set->weights) == 0 && strcmp(one->layers, set->layers) == 0 &&
            (found == NULL || one->key > found->key))
            found = one;
    }
    return found;
}

/* Random copies of the same model, pooled alike; of one seed the newest. */
static int open_random(probe_stage *stage, sal_error *err) {
    const probe_place *here = &stage->here;
    const bool transfer = stage->options->transfer != SAL_TRANSFER_NONE;
    int status = SAL_OK;
    if (!stage->options->controls[SAL_CONTROL_RANDOM])
        return SAL_OK;
    stage->random = sal_calloc(here->sets->count, sizeof *stage->random);
    if (stage->random == NULL)
        return sal_fail_memory(err, "states");
    for (size_t i = 0; status == SAL_OK && i < here->sets->count; i++) {
        const sal_state_set *set = &here->sets->items[i];
        const sal_state_set *next = i + 1 < here->sets->count ? set + 1 : NULL;
        const sal_state_set *partner = NULL;
        if (!is_copy(here, set))
            continue;
        if (next != NULL && strcmp(next->weights, set->weights) == 0 && next->seed == set->seed &&
            next->summarizer == set->summarizer && strcmp(next->pooling, set->pooling) == 0)
            continue;
        if (transfer && (partner = find_partner(stage, set)) == NULL)
            continue;
        status = open_source(stage, set, partner, &stage->random[stage->random_count], err);
        if (status == SAL_OK && stage->random[stage->random_count].missing == 0)
            stage->random_count++;
        else if (status == SAL_OK) {
            sal_progress_note(stage->progress,
                              "states of a random copy lack words of this corpus: left out");
            probe_source_free(&stage->random[stage->random_count]);
        }
    }
    return status;
}

static int open_paper(probe_stage *stage, sal_error *err) {
    const sal_state_set *set = probe_newest_set(stage, SAL_PAPER);
    if (!stage->options->controls[SAL_CONTROL_GAP] || stage->options->protocol == SAL_PAPER ||
        stage->options->transfer != SAL_TRANSFER_NONE || set == NULL)
        return SAL_OK;
    const int status = open_source(stage, set, NULL, &stage->paper, err);
    if (status == SAL_OK && 2 * stage->paper.missing > stage->data.rows)
        probe_source_free(&stage->paper); /* the paper's states cover too little of this corpus */
    return status;
}

static int split_rows(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    const bool transfer = stage->options->transfer != SAL_TRANSFER_NONE;
    const bool pairs = stage->options->protocol == SAL_PAPER && !transfer && !stage->one_split;
    const char **hashes = sal_calloc(data->documents, sizeof *hashes);
    size_t *parts = sal_calloc(data->documents, sizeof *parts);
    int status = SAL_OK;
    stage->part = sal_calloc(data->rows, sizeof *stage->part);
    if (hashes == NULL || parts == NULL || stage->part == NULL)
        status = sal_fail_memory(err, "a split");
    stage->rounds =
        split_rounds_of(pairs || stage->one_split ? SPLIT_DOCUMENTS_FOR_ONE : data->documents);
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++)
        hashes[d] = data->hashes[d];
    if (status == SAL_OK && pairs)
        status = split_pairs(data->rows, stage->options->seed, &stage->rounds, stage->part, err);
    else if (status == SAL_OK && transfer)
        status = split_transfer(hashes, data->group, data->side, data->documents, &stage->rounds,
                                parts, err);
    else if (status == SAL_OK)
        status = split_documents(hashes, data->group, data->documents, &stage->rounds, parts, err);
    for (size_t d = 0; status == SAL_OK && !pairs && d < data->documents; d++)
        for (size_t r = data->start[d]; r < data->start[d + 1]; r++)
            stage->part[r] = parts[d];
    sal_free(hashes);
    sal_free(parts);
    return status;
}

/* Which test words have a type that their round trains on. */
static int mark_seen(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    unsigned char *known = sal_calloc(data->types, 1);
    stage->seen = sal_calloc(data->rows, 1);
    if (known == NULL || stage->seen == NULL) {
        sal_free(known);
        return sal_fail_memory(err, "words");
    }
    for (size_t k = 0; k < stage->rounds.rounds; k++) {
        const size_t test = stage->rounds.test[k];
        memset(known, 0, data->types);
        for (size_t r = 0; r < data->rows; r++)
            if (split_trains(&stage->rounds, k, stage->part[r]))
                known[data->type[r]] = 1;
        for (size_t r = 0; r < data->rows; r++)
            if (stage->part[r] == test)
                stage->seen[r] = known[data->type[r]];
    }
    sal_free(known);
    return SAL_OK;
}

/* One y for each type, drawn from those of training rows (of five folds, every row that may be learnt from is one). */
static int draw_task(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    const size_t seeds = (size_t)stage->options->seeds;
    sal_random random;
    size_t count = 0;
    double *y = sal_calloc(data->types, sizeof *y);
    size_t *training = sal_calloc(data->rows, sizeof *training);
    stage->task = sal_calloc(data->rows, seeds * sizeof *stage->task);
    int status = y == NULL || training == NULL || stage->task == NULL
                     ? sal_fail_memory(err, "the control task")
                     : SAL_OK;
    for (size_t r = 0; status == SAL_OK && r < data->rows; r++)
        if (stage->rounds.rounds > 1 ? stage->part[r] < stage->rounds.learnt : stage->part[r] == 0)
            training[count++] = r;
    for (size_t s = 0; status == SAL_OK && s < seeds; s++) {
        sal_random_seed(&random, stage->options->seed * 7919 + s + 1);
        for (size_t t = 0; t < data->types; t++)
            y[t] = data->y[training[sal_random_below(&random, count)]];
        for (size_t r = 0; r < data->rows; r++)
            stage->task[s * data->rows + r] = y[data->type[r]];
    }
    sal_free(y);
    sal_free(training);
    return status;
}

static int mark_content(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    bool any = false;
    stage->content = sal_calloc(data->rows, 1);
    if (stage->content == NULL)
        return sal_fail_memory(err, "words");
    for (size_t r = 0; r < data->rows; r++) {
        any = any || data->content[r] >= 0;
        stage->content[r] = data->content[r] == 1;
    }
    if (!any) {
        sal_free(stage->content);
        stage->content = NULL;
    }
    return SAL_OK;
}

int probe_prepare(probe_stage *stage, sal_error *err) {
    const probe_place *places[PROBE_SIDES];
    probe_side sides[PROBE_SIDES];
    probe_selection selections[PROBE_SIDES];
    const size_t count = probe_places(stage, places);
    for (size_t s = 0; s < count; s++) {
        sides[s] = (probe_side){places[s]->study, places[s]->set};
        selections[s] = (probe_selection){.summarizer = places[s]->by->key,
                                          .protocol = stage->options->protocol,
                                          .corpus = places[s]->corpus,
                                          .limit = sal_probe_limit(stage->options),
                                          .seed = stage->options->seed};
    }
    int status = probe_data_load(sides, selections, count, stage->text, &stage->data, err);
    if (status != SAL_OK || stage->data.documents == 0)
        return status;
    status = probe_source_open(sides, &stage->data, &stage->trained, err);
    if (status == SAL_OK)
        status = parse_layers(stage, err);
    if (status == SAL_OK)
        status = open_random(stage, err);
    if (status == SAL_OK)
        status = open_paper(stage, err);
    if (status == SAL_OK)
        status = split_rows(stage, err);
    if (status == SAL_OK)
        status = mark_seen(stage, err);
    if (status == SAL_OK)
        status = draw_task(stage, err);
    return status == SAL_OK ? mark_content(stage, err) : status;
}

void probe_clear(probe_stage *stage) {
    for (size_t r = 0; r < stage->random_count; r++)
        probe_source_free(&stage->random[r]);
    sal_free(stage->random);
    stage->random = NULL;
    stage->random_count = 0;
    if (stage->paper.files != NULL)
        probe_source_free(&stage->paper);
    if (stage->trained.files != NULL)
        probe_source_free(&stage->trained);
    sal_free(stage->layers);
    sal_free(stage->part);
    sal_free(stage->content);
    sal_free(stage->seen);
    sal_free(stage->task);
    stage->layers = stage->part = NULL;
    stage->content = stage->seen = NULL;
    stage->task = NULL;
    sal_free(stage->best.predictions);
    stage->best = (probe_best){.predictions = NULL};
    probe_data_free(&stage->data);
}
