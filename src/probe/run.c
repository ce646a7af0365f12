/* The stage: which states and whose importance, the split, the trainings, and the results of each corpus. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <unistd.h>

#include "probe/evaluate.h"
#include "probe/stage.h"
#include "salient/random.h"
#include "study/model_choice.h"

enum { PRESET_LAYERS = 9, THREADS_AT_MOST = 64 };

const char *sal_probe_control_name(sal_probe_control control) {
    static const char *const names[SAL_CONTROLS] = {"position", "frequency", "surface", "task",
                                                    "random",   "mdl",       "gap"};
    return names[control];
}

sal_probe_options sal_probe_defaults(void) {
    sal_probe_options options = {.limit = -1, .layers = "all", .seeds = 5, .seed = 1};
    for (int c = 0; c < SAL_CONTROLS; c++)
        options.controls[c] = true;
    return options;
}

/* ---- which states ------------------------------------------------------------------------------------------- */

static int fail_sets(const probe_stage *stage, sal_error *err) {
    char names[600] = "";
    size_t used = 0;
    for (size_t i = 0; i < stage->sets->count && used < sizeof names - 1; i++) {
        const sal_state_set *set = &stage->sets->items[i];
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
    for (size_t i = 0; i < stage->sets->count; i++) {
        const sal_state_set *set = &stage->sets->items[i];
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

/* The newest set of trained states of this protocol (in the paper's, with the summarizer's record behind). */
static const sal_state_set *newest_set(const probe_stage *stage, sal_protocol protocol) {
    const sal_state_set *found = NULL;
    for (size_t i = 0; i < stage->sets->count; i++) {
        const sal_state_set *set = &stage->sets->items[i];
        if (strcmp(set->model, stage->model_name) != 0 || set->protocol != protocol ||
            strcmp(set->weights, "trained") != 0 ||
            (protocol == SAL_PAPER && stage->by != NULL && set->summarizer != stage->by->key))
            continue;
        if (found == NULL || set->key > found->key)
            found = set;
    }
    return found;
}

static int choose(probe_stage *stage, sal_error *err) {
    const sal_probe_options *options = stage->options;
    int status = sal_study_list_state_sets(stage->study, &stage->sets, err);
    if (status != SAL_OK)
        return status;
    if (options->model != NULL)
        study_model_name(options->model, stage->model_name);
    else if (!only_model(stage))
        return fail_sets(stage, err);
    const sal_state_set *any = newest_set(stage, options->protocol);
    if (any == NULL)
        return fail_sets(stage, err);
    status = study_choose_summarizer(stage->study, options->by, stage->model_name, any->digest,
                                     &stage->summarizers, &stage->by, err);
    if (status == SAL_OK) {
        stage->set = newest_set(stage, options->protocol);
        status = stage->set == NULL ? fail_sets(stage, err) : SAL_OK;
    }
    return status;
}

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

/* ---- one corpus --------------------------------------------------------------------------------------------- */

/* Random copies of the same model, pooled alike; of one seed the newest. */
static int open_random(probe_stage *stage, sal_error *err) {
    int status = SAL_OK;
    if (!stage->options->controls[SAL_CONTROL_RANDOM])
        return SAL_OK;
    stage->random = sal_calloc(stage->sets->count, sizeof *stage->random);
    if (stage->random == NULL)
        return sal_fail_memory(err, "states");
    for (size_t i = 0; status == SAL_OK && i < stage->sets->count; i++) {
        const sal_state_set *set = &stage->sets->items[i];
        const sal_state_set *next = i + 1 < stage->sets->count ? set + 1 : NULL;
        if (strcmp(set->model, stage->set->model) != 0 || set->protocol != stage->set->protocol ||
            strcmp(set->weights, "trained") == 0 || set->summarizer != stage->set->summarizer ||
            strcmp(set->pooling, stage->set->pooling) != 0)
            continue;
        if (next != NULL && strcmp(next->weights, set->weights) == 0 && next->seed == set->seed &&
            next->summarizer == set->summarizer && strcmp(next->pooling, set->pooling) == 0)
            continue;
        status = probe_source_open(stage->study, set, &stage->data,
                                   &stage->random[stage->random_count], err);
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
    const sal_state_set *set = newest_set(stage, SAL_PAPER);
    if (!stage->options->controls[SAL_CONTROL_GAP] || stage->options->protocol == SAL_PAPER ||
        set == NULL)
        return SAL_OK;
    const int status = probe_source_open(stage->study, set, &stage->data, &stage->paper, err);
    if (status == SAL_OK && 2 * stage->paper.missing > stage->data.rows)
        probe_source_free(&stage->paper); /* the paper's states cover too little of this corpus */
    return status;
}

static int split_rows(probe_stage *stage, sal_error *err) {
    const probe_data *data = &stage->data;
    const bool pairs = stage->options->protocol == SAL_PAPER;
    const char **hashes = sal_calloc(data->documents, sizeof *hashes);
    size_t *parts = sal_calloc(data->documents, sizeof *parts);
    int status = SAL_OK;
    stage->part = sal_calloc(data->rows, sizeof *stage->part);
    if (hashes == NULL || parts == NULL || stage->part == NULL)
        status = sal_fail_memory(err, "a split");
    stage->rounds = split_rounds_of(pairs ? SPLIT_DOCUMENTS_FOR_ONE : data->documents);
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++)
        hashes[d] = data->hashes[d];
    if (status == SAL_OK && pairs)
        status = split_pairs(data->rows, stage->options->seed, &stage->rounds, stage->part, err);
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
        const size_t test = stage->rounds.test[k], development = stage->rounds.development[k];
        memset(known, 0, data->types);
        for (size_t r = 0; r < data->rows; r++)
            if (stage->part[r] != test && stage->part[r] != development)
                known[data->type[r]] = 1;
        for (size_t r = 0; r < data->rows; r++)
            if (stage->part[r] == test)
                stage->seen[r] = known[data->type[r]];
    }
    sal_free(known);
    return SAL_OK;
}

/* One y for each type, drawn from those of training rows (of five folds, every row is one). */
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
        if (stage->rounds.rounds > 1 || stage->part[r] == 0)
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
    for (size_t i = 0; i < scores->count; i++) {
        const sal_score *s = &scores->items[i];
        if (s->summarizer == stage->by->key && s->protocol == stage->options->protocol &&
            strcmp(s->corpus, stage->corpus) == 0 && strcmp(s->words, words) == 0 &&
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
    int status = sal_study_get_scores(stage->study, &scores, err);
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

static int describe_options(const probe_stage *stage, sal_buffer *out, sal_error *err) {
    static const char *const presets[] = {"", " small", " full", " comprehensive"};
    const sal_probe_options *options = stage->options;
    int status = sal_buffer_add_string(out, "", err);
    if (options->attention)
        status = sal_buffer_add_string(out, " attention", err);
    if (status == SAL_OK && strcmp(options->layers, "all") != 0)
        status = sal_buffer_add_format(out, err, " layers=%.200s", options->layers);
    if (status == SAL_OK && strcmp(stage->set->pooling, "mean") != 0)
        status = sal_buffer_add_format(out, err, " %s", stage->set->pooling);
    if (status == SAL_OK && options->epochs > 0)
        status = sal_buffer_add_format(out, err, " epochs=%d", options->epochs);
    return status == SAL_OK ? sal_buffer_add_string(out, presets[options->preset], err) : status;
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
        .summarizer = stage->by->key,
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
    const struct {
        int64_t count;
        const char *what;
    } notes[] = {
        {stage->data.without_states, "have no states (salient states takes them)"},
        {stage->data.without_importance,
         "have no up-to-date importance by this summarizer and protocol (salient importance "
         "computes it)"},
        {stage->data.few_words, "have fewer than two words that enter"},
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        char note[400];
        if (notes[i].count == 0)
            continue;
        (void)snprintf(note, sizeof note, "corpus %.200s: %lld documents %s", stage->corpus,
                       (long long)notes[i].count, notes[i].what);
        sal_progress_note(stage->progress, note);
    }
    stage->tally->failed +=
        stage->data.without_states + stage->data.without_importance + stage->data.few_words;
}

static void clear_corpus(probe_stage *stage) {
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

int64_t sal_probe_limit(const sal_probe_options *options) {
    if (options->limit >= 0)
        return options->limit;
    return options->preset == SAL_PRESET_SMALL ? 10 : options->preset == SAL_PRESET_FULL ? 25 : -1;
}

static int prepare_corpus(probe_stage *stage, sal_error *err) {
    const probe_selection selection = {.summarizer = stage->by->key,
                                       .protocol = stage->options->protocol,
                                       .corpus = stage->corpus,
                                       .limit = sal_probe_limit(stage->options),
                                       .seed = stage->options->seed};
    int status =
        probe_data_load(stage->study, stage->text, stage->set, &selection, &stage->data, err);
    if (status != SAL_OK || stage->data.documents == 0)
        return status;
    status = probe_source_open(stage->study, stage->set, &stage->data, &stage->trained, err);
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

static int find_language(probe_stage *stage, sal_error *err) {
    sal_document *document = NULL;
    const int status = sal_study_get_document(stage->study, stage->data.keys[0], &document, err);
    stage->french = status == SAL_OK && strncmp(document->language, "fr", 2) == 0;
    sal_document_free(document);
    return status;
}

static int run_corpus(probe_stage *stage, sal_error *err) {
    int status = prepare_corpus(stage, err);
    tell(stage);
    if (status != SAL_OK || stage->data.documents == 0) {
        clear_corpus(stage);
        return status;
    }
    status = probe_series_open(&stage->series, stage->data.documents, err);
    if (status != SAL_OK) {
        clear_corpus(stage);
        return status;
    }
    status = find_language(stage, err);
    if (status == SAL_OK && stage->options->export_folder != NULL)
        status = probe_write_arrays(stage, err);
    if (status == SAL_OK)
        status = stage->options->kind == SAL_PROBE_LINEAR ? probe_sweep(stage, err)
                                                          : probe_networks(stage, err);
    if (status == SAL_OK)
        status = put_results(stage, err);
    probe_series_close(&stage->series);
    clear_corpus(stage);
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
        status = choose(&stage, err);
    if (status == SAL_OK)
        status = run_corpora(&stage, err);
    openblas_set_num_threads(blas_threads);
    sal_state_set_list_free(stage.sets);
    sal_summarizer_list_free(stage.summarizers);
    sal_text_close(stage.text);
    pthread_mutex_destroy(&stage.mutex);
    return status;
}
