/* Which states and whose importance a run works on: of its study, and of a transfer's other side. */
#include <stdio.h>
#include <string.h>

#include "probe/stage.h"
#include "stage/model.h"

static int fail_sets(const probe_stage *stage, const probe_place *place, sal_error *err) {
    char names[600] = "";
    size_t used = 0;
    for (size_t i = 0; i < place->sets->count && used < sizeof names - 1; i++) {
        const sal_state_set *set = &place->sets->items[i];
        const bool again =
            i > 0 && strcmp(set->model, set[-1].model) == 0 && set->protocol == set[-1].protocol;
        const int length =
            again ? 0
                  : snprintf(names + used, sizeof names - used, "%s%s (%s)", used > 0 ? ", " : "",
                             set->model, sal_protocol_name(set->protocol));
        used += length < 0 ? 0 : (size_t)length;
    }
    return sal_fail(err, SAL_ENOTFOUND,
                    "no %s states of %.200s in the study; salient states --protocol %s takes them "
                    "(there are: %s)",
                    sal_protocol_name(stage->options->protocol),
                    stage->options->model == NULL ? "one model" : stage->model_name,
                    sal_protocol_name(stage->options->protocol), names[0] == '\0' ? "none" : names);
}

/* The one model with states, where none is named. */
static bool only_model(probe_stage *stage) {
    const char *found = NULL;
    for (size_t i = 0; i < stage->here.sets->count; i++) {
        const sal_state_set *set = &stage->here.sets->items[i];
        if (set->protocol != stage->options->protocol)
            continue;
        if (found != NULL && strcmp(found, set->model) != 0)
            return false;
        found = set->model;
    }
    if (found != NULL)
        (void)snprintf(stage->model_name, sizeof stage->model_name, "%.250s", found);
    return found != NULL;
}

const sal_state_set *probe_newest_set(const probe_stage *stage, sal_protocol protocol) {
    const probe_place *here = &stage->here;
    const sal_state_set *found = NULL;
    for (size_t i = 0; i < here->sets->count; i++) {
        const sal_state_set *set = &here->sets->items[i];
        if (strcmp(set->model, stage->model_name) != 0 || set->protocol != protocol ||
            strcmp(set->weights, "trained") != 0 ||
            (protocol == SAL_PAPER && here->by != NULL && set->summarizer != here->by->key))
            continue;
        if (found == NULL || set->key > found->key)
            found = set;
    }
    return found;
}

static int choose_here(probe_stage *stage, sal_error *err) {
    const sal_probe_options *options = stage->options;
    probe_place *here = &stage->here;
    here->study = stage->study;
    int status = sal_study_list_state_sets(stage->study, &here->sets, err);
    if (status != SAL_OK)
        return status;
    if (options->model != NULL)
        stage_model_name(options->model, stage->model_name);
    else if (!only_model(stage))
        return fail_sets(stage, here, err);
    const sal_state_set *any = probe_newest_set(stage, options->protocol);
    if (any == NULL)
        return fail_sets(stage, here, err);
    status = stage_choose_summarizer(stage->study, options->by, stage->model_name, any->digest,
                                     &here->summarizers, &here->by, err);
    if (status == SAL_OK) {
        here->set = probe_newest_set(stage, options->protocol);
        status = here->set == NULL ? fail_sets(stage, here, err) : SAL_OK;
    }
    return status;
}

/* ---- the other side of a transfer --------------------------------------------------------------------------- */

/* Whose importance: named, the same as here, or the only one made with the model. */
static int choose_other_summarizer(probe_stage *stage, sal_error *err) {
    probe_place *there = &stage->there;
    const char *by = stage->options->other_by;
    int status = sal_study_list_summarizers(there->study, &there->summarizers, err);
    for (size_t i = 0; status == SAL_OK && by == NULL && i < there->summarizers->count; i++)
        if (strcmp(there->summarizers->items[i].name, stage->here.by->name) == 0)
            by = stage->here.by->name;
    if (status != SAL_OK)
        return status;
    sal_summarizer_list_free(there->summarizers);
    there->summarizers = NULL;
    status = stage_choose_summarizer(there->study, by, stage->model_name, stage->here.set->digest,
                                     &there->summarizers, &there->by, err);
    return status == SAL_OK
               ? SAL_OK
               : sal_fail_in(err, status, "%.200s (--other-by)", stage->options->other_name);
}

/* What of a set differs from ours, "" when a probe can read both. */
static const char *difference(const sal_state_set *ours, const sal_state_set *set) {
    return strcmp(set->digest, ours->digest) != 0     ? "model"
           : set->width != ours->width                ? "width"
           : strcmp(set->layers, ours->layers) != 0   ? "layers"
           : strcmp(set->pooling, ours->pooling) != 0 ? "pooling"
                                                      : "";
}

static int fail_difference(const probe_stage *stage, const sal_state_set *set, const char *what,
                           sal_error *err) {
    const sal_state_set *ours = stage->here.set;
    const char *other = stage->options->other_name;
    if (strcmp(what, "model") == 0)
        return sal_fail(err, SAL_EINVAL,
                        "a probe reads the states of one model: here they are %.100s's (%.12s...), "
                        "those of %.200s are %.100s's (%.12s...)",
                        ours->model, ours->digest, other, set->model, set->digest);
    return sal_fail(err, SAL_EINVAL,
                    "states differ in %s: here %.100s, %s, %lld wide, in %.200s %.100s, %s, %lld "
                    "wide; salient states takes the same there",
                    what, ours->layers, ours->pooling, (long long)ours->width, other, set->layers,
                    set->pooling, (long long)set->width);
}

/* The newest trained states that fit; else the newest tell what does not. */
static int choose_other_set(probe_stage *stage, sal_error *err) {
    probe_place *there = &stage->there;
    const sal_state_set *newest = NULL, *of_model = NULL;
    there->set = NULL;
    for (size_t i = 0; i < there->sets->count; i++) {
        const sal_state_set *set = &there->sets->items[i];
        const bool paper = set->protocol == SAL_PAPER;
        if (set->protocol != stage->options->protocol || strcmp(set->weights, "trained") != 0 ||
            (paper && there->by != NULL && set->summarizer != there->by->key))
            continue;
        const char *what = difference(stage->here.set, set);
        newest = newest == NULL || set->key > newest->key ? set : newest;
        if (strcmp(what, "model") != 0)
            of_model = of_model == NULL || set->key > of_model->key ? set : of_model;
        if (what[0] == '\0' && (there->set == NULL || set->key > there->set->key))
            there->set = set;
    }
    if (there->set != NULL)
        return SAL_OK;
    newest = of_model != NULL ? of_model : newest;
    if (newest != NULL)
        return fail_difference(stage, newest, difference(stage->here.set, newest), err);
    const int status = fail_sets(stage, there, err);
    return sal_fail_in(err, status, "%.200s", stage->options->other_name);
}

int probe_choose(probe_stage *stage, sal_error *err) {
    int status = choose_here(stage, err);
    if (status != SAL_OK || stage->options->transfer == SAL_TRANSFER_NONE)
        return status;
    stage->there.study = stage->options->other;
    status = sal_study_list_state_sets(stage->there.study, &stage->there.sets, err);
    if (status == SAL_OK)
        status = choose_other_set(stage, err);
    if (status == SAL_OK)
        status = choose_other_summarizer(stage, err);
    return status == SAL_OK ? choose_other_set(stage, err) : status; /* paper: with its record */
}

int probe_choose_other_corpus(probe_stage *stage, char ***corpora, size_t *count, sal_error *err) {
    const char *wanted = stage->options->other_corpus;
    const char *name = wanted != NULL ? wanted : stage->corpus;
    int status = sal_study_corpora(stage->there.study, corpora, count, err);
    stage->there.corpus = NULL;
    for (size_t c = 0; status == SAL_OK && c < *count; c++)
        if (strcmp((*corpora)[c], name) == 0)
            stage->there.corpus = (*corpora)[c];
    if (status != SAL_OK || stage->there.corpus != NULL)
        return status;
    if (wanted == NULL && *count == 1) {
        stage->there.corpus = (*corpora)[0];
        return SAL_OK;
    }
    return sal_fail(err, wanted == NULL ? SAL_EINVAL : SAL_ENOTFOUND,
                    "%.200s has %zu corpora and none called '%.200s'; choose one with "
                    "--other-corpus",
                    stage->options->other_name, *count, name);
}

bool probe_is_onto_itself(const probe_stage *stage) {
    const probe_place *here = &stage->here, *there = &stage->there;
    return here->study == there->study && here->by->key == there->by->key &&
           strcmp(here->corpus, there->corpus) == 0;
}

size_t probe_places(const probe_stage *stage, const probe_place *places[PROBE_SIDES]) {
    const bool learns_there = stage->options->transfer == SAL_TRANSFER_TRAIN_ON;
    places[0] = learns_there ? &stage->there : &stage->here;
    places[1] = learns_there ? &stage->here : &stage->there;
    return stage->options->transfer == SAL_TRANSFER_NONE ? 1 : 2;
}

const probe_place *probe_tested_place(const probe_stage *stage) {
    const probe_place *places[PROBE_SIDES] = {NULL};
    return places[probe_places(stage, places) - 1];
}

void probe_forget(probe_stage *stage) {
    sal_state_set_list_free(stage->here.sets);
    sal_state_set_list_free(stage->there.sets);
    sal_summarizer_list_free(stage->here.summarizers);
    sal_summarizer_list_free(stage->there.summarizers);
    sal_text_close(stage->text);
}
