/* The stage: which states and whose importance, the split, the trainings, and the results of each corpus. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <unistd.h>

#include "probe/evaluate.h"
#include "probe/keeping.h"
#include "probe/stage.h"
#include "stage/walk.h"

enum { THREADS_AT_MOST = 64 };

const char *sal_probe_control_name(sal_probe_control control) {
    static const char *const names[SAL_CONTROLS] = {"position", "frequency", "surface", "task",
                                                    "random",   "mdl",       "gap"};
    return names[control];
}

sal_probe_options sal_probe_defaults(void) {
    sal_probe_options options = {
        .limit = -1, .layers = "all", .seeds = 5, .seed = 1, .checkpoint_seconds = 10};
    for (int c = 0; c < SAL_CONTROLS; c++)
        options.controls[c] = true;
    return options;
}

/* ---- results ----------------------------------------------------------------------------------------------- */

/* Gain of every layer over the surface, document by document. */
static int add_gains(probe_stage *stage, sal_error *err) {
    static const char *const sets[] = {"all", "content"};
    const size_t D = stage->data.documents, before = stage->series.count;
    double *values = sal_calloc(D, sizeof *values);
    int status = values == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
    for (size_t w = 0; status == SAL_OK && w < 2; w++) {
        const probe_series *base =
            probe_series_find(&stage->series, sets[w], -1, "surface", "spearman");
        for (size_t i = 0; status == SAL_OK && base != NULL && i < before; i++) {
            const probe_series *s = &stage->series.items[i];
            if (strcmp(s->words, sets[w]) != 0 || strcmp(s->control, "none") != 0 ||
                strcmp(s->metric, "spearman") != 0)
                continue;
            for (size_t d = 0; d < D; d++)
                values[d] = s->values[d] - base->values[d];
            const probe_series gain = {.words = sets[w],
                                       .control = "surface",
                                       .metric = "gain",
                                       .layer = s->layer,
                                       .seed = s->seed,
                                       .values = values};
            status = probe_series_add(&stage->series, &gain, err);
            base = probe_series_find(&stage->series, sets[w], -1, "surface", "spearman");
        }
    }
    sal_free(values);
    return status;
}

/* The ceiling of the importance, NaN where the study has none. */
static double find_ceiling(const probe_stage *stage, const sal_score_list *scores,
                           const char *words, const char *measure) {
    const probe_place *tested = probe_tested_place(stage);
    for (size_t i = 0; i < scores->count; i++) {
        const sal_score *s = &scores->items[i];
        if (s->summarizer == tested->by->key && s->protocol == stage->options->protocol &&
            strcmp(s->corpus, tested->corpus) == 0 && strcmp(s->words, words) == 0 &&
            strcmp(s->measure, measure) == 0)
            return s->value;
    }
    return (double)NAN;
}

/* Shares of the ceiling beside Spearman and Pearson. out *results grown */
static int add_shares(probe_stage *stage, sal_probe_result **results, size_t *count,
                      sal_error *err) {
    sal_score_list *scores = NULL;
    const size_t before = *count;
    int status = sal_study_get_scores(probe_tested_place(stage)->study, &scores, err);
    sal_probe_result *all = sal_calloc(2 * before, sizeof *all);
    if (status == SAL_OK && all == NULL)
        status = sal_fail_memory(err, "results");
    for (size_t i = 0; status == SAL_OK && i < before; i++) {
        sal_probe_result share = (*results)[i];
        const bool spearman = strcmp(share.metric, "spearman") == 0;
        all[i] = share;
        if ((!spearman && strcmp(share.metric, "pearson") != 0) ||
            strncmp(share.control, "gap", 3) == 0 || strcmp(share.control, "control-task") == 0)
            continue;
        const double ceiling = find_ceiling(stage, scores, share.words,
                                            spearman ? "ceiling_spearman" : "ceiling_pearson");
        share.metric = spearman ? "share_spearman" : "share_pearson";
        share.value /= ceiling;
        share.low /= ceiling;
        share.high /= ceiling;
        all[(*count)++] = share;
    }
    sal_score_list_free(scores);
    if (status != SAL_OK) {
        sal_free(all);
        return status;
    }
    sal_free(*results);
    *results = all;
    return SAL_OK;
}

/* " train-on=other other-corpus=dialogues": the other side, its corpus and summarizer where they are not called as those here. */
static int describe_transfer(const probe_stage *stage, sal_buffer *out, sal_error *err) {
    const probe_place *here = &stage->here, *there = &stage->there;
    const bool learns_there = stage->options->transfer == SAL_TRANSFER_TRAIN_ON;
    const char *path = stage->options->other_name;
    if (stage->options->transfer == SAL_TRANSFER_NONE)
        return SAL_OK;
    size_t length = strlen(path), start = 0;
    while (length > 1 && path[length - 1] == '/')
        length--;
    for (size_t i = 0; i + 1 < length; i++)
        start = path[i] == '/' ? i + 1 : start;
    int status = sal_buffer_add_format(out, err, " %s=%.*s", learns_there ? "train-on" : "test-on",
                                       (int)(length - start), path + start);
    if (status == SAL_OK && strcmp(there->corpus, here->corpus) != 0)
        status = sal_buffer_add_format(out, err, " other-corpus=%.300s", there->corpus);
    if (status == SAL_OK && strcmp(there->by->name, here->by->name) != 0)
        status = sal_buffer_add_format(out, err, " other-by=%.300s", there->by->name);
    return status;
}

static int describe_options(const probe_stage *stage, sal_buffer *out, sal_error *err) {
    static const char *const presets[] = {"", " small", " full", " comprehensive"};
    const sal_probe_options *options = stage->options;
    int status = sal_buffer_add_string(out, "", err);
    if (options->attention)
        status = sal_buffer_add_string(out, " attention", err);
    if (status == SAL_OK && strcmp(options->layers, "all") != 0)
        status = sal_buffer_add_format(out, err, " layers=%.200s", options->layers);
    if (status == SAL_OK && strcmp(stage->here.set->pooling, "mean") != 0)
        status = sal_buffer_add_format(out, err, " %s", stage->here.set->pooling);
    if (status == SAL_OK && options->epochs > 0)
        status = sal_buffer_add_format(out, err, " epochs=%d", options->epochs);
    if (status == SAL_OK)
        status = sal_buffer_add_string(out, presets[options->preset], err);
    return status == SAL_OK ? describe_transfer(stage, out, err) : status;
}

static int put_words(probe_stage *stage, const sal_probe_analysis *analysis, sal_error *err) {
    sal_probe_word *words = NULL;
    size_t count = 0;
    int status = probe_best_words(stage, &words, &count, err);
    if (status == SAL_OK)
        status = sal_study_put_probe_words(stage->study, analysis, words, count, err);
    sal_free(words);
    return status;
}

static int put_results(probe_stage *stage, sal_error *err) {
    sal_buffer options = {0};
    sal_probe_result *results = NULL;
    size_t count = 0;
    const bool linear = stage->options->kind == SAL_PROBE_LINEAR;
    int status = add_gains(stage, err);
    if (status == SAL_OK)
        status =
            probe_series_summarise(&stage->series, stage->options->seed, &results, &count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        if (strcmp(results[i].control, "mdl") == 0) { /* one number of the whole corpus */
            results[i].low = results[i].high = (double)NAN;
        }
    if (status == SAL_OK)
        status = add_shares(stage, &results, &count, err);
    if (status == SAL_OK)
        status = describe_options(stage, &options, err);
    const sal_probe_analysis analysis = {
        .corpus = stage->corpus,
        .model = stage->model_name,
        .summarizer = stage->here.by->key,
        .protocol = stage->options->protocol,
        .probe = sal_probe_name(stage->options->kind),
        .loss = linear ? "squares" : sal_probe_loss_name(stage->options->loss),
        .options = options.bytes == NULL ? "" : options.bytes + (options.length > 0)};
    if (status == SAL_OK)
        status = sal_study_put_probe_results(stage->study, &analysis, results, count, err);
    if (status == SAL_OK)
        status = put_words(stage, &analysis, err);
    sal_free(results);
    sal_buffer_free(&options);
    return status;
}

static void tell(const probe_stage *stage) {
    const stage_note notes[] = {
        {stage->data.without_states, "documents have no states (salient states takes them)"},
        {stage->data.without_importance,
         "documents have no up-to-date importance by this summarizer and protocol (salient "
         "importance computes it)"},
        {stage->data.few_words, "documents have fewer than two words that enter"},
    };
    stage_tell(stage->progress, stage->corpus, notes, sizeof notes / sizeof notes[0]);
    stage->tally->failed +=
        stage->data.without_states + stage->data.without_importance + stage->data.few_words;
}

int64_t sal_probe_limit(const sal_probe_options *options) {
    if (options->limit >= 0)
        return options->limit;
    return options->preset == SAL_PRESET_SMALL ? 10 : options->preset == SAL_PRESET_FULL ? 25 : -1;
}

static int find_language(probe_stage *stage, sal_error *err) {
    sal_document *document = NULL;
    const probe_place *places[PROBE_SIDES];
    (void)probe_places(stage, places);
    const int status = sal_study_get_document(places[stage->data.side[0]]->study,
                                              stage->data.keys[0], &document, err);
    stage->french = status == SAL_OK && strncmp(document->language, "fr", 2) == 0;
    sal_document_free(document);
    return status;
}

static int work_on_corpus(probe_stage *stage, sal_error *err) {
    int status = probe_prepare(stage, err);
    tell(stage);
    if (status != SAL_OK || stage->data.documents == 0) {
        probe_clear(stage);
        return status;
    }
    status = probe_series_open(&stage->series, stage->data.documents,
                               split_spread(&stage->rounds, stage->part, stage->data.rows), err);
    if (status != SAL_OK) {
        probe_clear(stage);
        return status;
    }
    status = find_language(stage, err);
    if (status == SAL_OK && stage->options->export_folder != NULL)
        status = probe_write_arrays(stage, err);
    if (status == SAL_OK)
        status = probe_keeping_prepare(stage, err);
    if (status == SAL_OK)
        status = stage->options->kind == SAL_PROBE_LINEAR ? probe_sweep(stage, err)
                                                          : probe_networks(stage, err);
    if (status == SAL_OK)
        status = put_results(stage, err);
    probe_series_close(&stage->series);
    probe_clear(stage);
    return status;
}

/* One corpus of this study, and of a transfer the one on its other side. */
static int run_corpus(probe_stage *stage, sal_error *err) {
    char **corpora = NULL;
    size_t count = 0;
    int status = SAL_OK;
    stage->here.corpus = stage->corpus;
    if (stage->options->transfer == SAL_TRANSFER_NONE)
        return work_on_corpus(stage, err);
    status = probe_choose_other_corpus(stage, &corpora, &count, err);
    if (status == SAL_OK && !probe_is_onto_itself(stage)) {
        stage->worked = true;
        status = work_on_corpus(stage, err);
    }
    sal_strings_free(corpora, count);
    return status;
}

/* A corpus with too few documents for a split is told and left out where several were asked for. */
static int run_corpora(probe_stage *stage, sal_error *err) {
    char **corpora = NULL;
    size_t count = 0, done = 0;
    const char *only = stage->options->corpus;
    int status = sal_study_corpora(stage->study, &corpora, &count, err);
    for (size_t c = 0; status == SAL_OK && c < count; c++) {
        if (only != NULL && strcmp(only, corpora[c]) != 0)
            continue;
        stage->corpus = corpora[c];
        status = run_corpus(stage, err);
        if (status != SAL_OK && status != SAL_ECANCELLED)
            status = sal_fail_in(err, status, "corpus %.200s", corpora[c]);
        done++;
    }
    if (status == SAL_OK && done == 0 && only != NULL) {
        int64_t *keys = NULL;
        status = sal_study_document_keys(stage->study, only, 1, &keys, &count, err);
        sal_free(keys);
    }
    if (status == SAL_OK && done > 0 && stage->options->transfer != SAL_TRANSFER_NONE &&
        !stage->worked)
        status = sal_fail(err, SAL_EINVAL,
                          "both sides are the same documents and importance by %.200s: "
                          "--other-corpus or --other-by names another",
                          stage->here.by->name);
    sal_strings_free(corpora, count);
    return status;
}

static int threads_of(const sal_probe_options *options) {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const int threads = options->threads > 0 ? options->threads : online > 0 ? (int)online : 1;
    return threads < THREADS_AT_MOST ? threads : THREADS_AT_MOST;
}

int sal_probe_run(sal_study *study, const sal_probe_options *options, const sal_progress *progress,
                  sal_tally *tally, sal_error *err) {
    probe_stage stage = {.study = study,
                         .options = options,
                         .progress = progress,
                         .tally = tally,
                         .threads = threads_of(options)};
    if (options->seeds < 1)
        return sal_fail(err, SAL_EINVAL, "%d seeds: one at least", options->seeds);
    if (pthread_mutex_init(&stage.mutex, NULL) != 0)
        return sal_fail(err, SAL_ENOMEM, "out of memory: a lock");
    const int blas_threads = openblas_get_num_threads();
    openblas_set_num_threads(1); /* products run inside our own threads */
    int status = sal_text_open(&stage.text, err);
    if (status == SAL_OK)
        status = probe_choose(&stage, err);
    if (status == SAL_OK)
        status = run_corpora(&stage, err);
    openblas_set_num_threads(blas_threads);
    probe_forget(&stage);
    pthread_mutex_destroy(&stage.mutex);
    return status;
}
