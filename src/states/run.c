/* The stage: for the model, or each random copy of it, the documents whose states are missing or out of date.
 *
 * A unit is one document: its file appears whole, then its row. A run that is killed between the two makes the same file again. The model
 * is opened for the first document that needs it; a random copy is written then, and removed when its documents are done. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "salient/file.h"
#include "salient/tap.h"
#include "stage/model.h"
#include "stage/walk.h"
#include "states/states_internal.h"

#define INPUTS_VERSION "states 1" /* goes up when the same inputs would give other states */

typedef struct states_stage {
    sal_study *study;
    const sal_states_options *options;
    const sal_progress *progress;
    sal_tally *tally;
    sal_text *text;
    char model_name[256];
    char model_digest[65];
    char system[200]; /* version of libllama, and who computes */
    sal_summarizer_list *summarizers;
    const sal_summarizer_info *by; /* paper */
    size_t *layers;
    size_t layer_count;
    size_t width;
    /* of the copy at work */
    const char *weights;
    uint64_t seed;
    int64_t set;
    char *folder;
    char copy[600]; /* file of the random copy; "": none */
    sal_model *model;
    sal_tap *tap;
    int64_t without_words, without_summary, too_long, unaligned;
    stage_walk walk;
} states_stage;

const char *sal_pooling_name(sal_pooling pooling) {
    static const char *const names[SAL_POOLINGS] = {"mean", "first", "last", "max"};
    return names[pooling];
}

sal_states_options sal_states_defaults(void) {
    return (sal_states_options){.limit = -1, .layers = "all", .dtype = SAL_F16};
}

/* ---- what is asked ------------------------------------------------------------------------------------------ */

/* Layers and width are needed before any weights are. */
static int look_at_model(states_stage *stage, sal_error *err) {
    const sal_model_options vocabulary = {.vocabulary_only = true};
    sal_model *model = NULL;
    int status = sal_model_open(stage->options->model, &vocabulary, &model, err);
    if (status != SAL_OK)
        return status;
    const sal_model_info *info = sal_model_describe(model);
    stage->width = (size_t)(info->width > 0 ? info->width : 0);
    if (info->layers < 1 || info->width < 1)
        status = sal_fail(err, SAL_EMODEL, "%s: has %d layers of width %d", stage->options->model,
                          info->layers, info->width);
    else
        status = stage_parse_layers(stage->options->layers, (size_t)info->layers + 1, "states",
                                    &stage->layers, &stage->layer_count, err);
    sal_model_close(model);
    return status;
}

static int describe_layers(const states_stage *stage, sal_buffer *out, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (size_t l = 0; status == SAL_OK && l < stage->layer_count; l++)
        status = sal_buffer_add_format(out, err, "%s%zu", l == 0 ? "" : ",", stage->layers[l]);
    return status == SAL_OK ? sal_buffer_add_string(out, "]", err) : status;
}

static int make_folder(const char *path, sal_error *err) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return SAL_OK;
    return sal_fail(err, SAL_EIO, "%s: the folder cannot be made: %s", path, strerror(errno));
}

static int make_folders(const states_stage *stage, sal_error *err) {
    char path[900];
    (void)snprintf(path, sizeof path, "%.500s/states", sal_study_path(stage->study));
    int status = make_folder(path, err);
    if (status != SAL_OK)
        return status;
    (void)snprintf(path, sizeof path, "%.500s/states/%.300s", sal_study_path(stage->study),
                   stage->folder);
    return make_folder(path, err);
}

static int put_set(states_stage *stage, sal_error *err) {
    sal_buffer layers = {0};
    int status = describe_layers(stage, &layers, err);
    const sal_state_set set = {
        .model = stage->model_name,
        .digest = stage->model_digest,
        .protocol = stage->options->protocol,
        .summarizer = stage->by == NULL ? 0 : stage->by->key,
        .weights = stage->weights,
        .seed = (int64_t)stage->seed,
        .pooling = sal_pooling_name(stage->options->pooling),
        .dtype = sal_dtype_name(stage->options->dtype),
        .layers = layers.bytes,
        .width = (int64_t)stage->width,
    };
    if (status == SAL_OK)
        status = sal_study_put_state_set(stage->study, &set, &stage->set, &stage->folder, err);
    if (status == SAL_OK)
        status = make_folders(stage, err);
    sal_buffer_free(&layers);
    return status;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

typedef struct document_work {
    sal_document *document;
    sal_summary_list *summaries; /* paper */
    const sal_summary *summary;  /* the first record */
    sal_state_unit unit;
} document_work;

static void hash_inputs(const states_stage *stage, document_work *work) {
    sal_sha256 hash;
    const char *chat_template = stage->options->chat_template;
    const char *const parts[] = {INPUTS_VERSION, work->document->hash, stage->model_digest,
                                 stage->system, chat_template == NULL ? "" : chat_template};
    sal_sha256_start(&hash);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        sal_sha256_add(&hash, parts[i], strlen(parts[i]) + 1);
    if (work->summary != NULL)
        sal_sha256_add(&hash, work->summary->text, work->summary->text_length);
    sal_sha256_finish(&hash, work->unit.inputs);
}

static void path_of(const states_stage *stage, const sal_state_unit *unit, char path[1000]) {
    (void)snprintf(path, 1000, "%.600s/%.299s", sal_study_path(stage->study), unit->file);
}

/* What a document needs: *needed false when it is there, or cannot be done (counted). */
static int plan(states_stage *stage, int64_t key, document_work *work, bool *needed,
                sal_error *err) {
    char path[1000];
    sal_state_unit stored;
    int status = sal_study_get_document(stage->study, key, &work->document, err);
    if (status == SAL_OK && stage->by != NULL)
        status = sal_study_get_summaries(stage->study, key, stage->by->key, &work->summaries, err);
    if (status == SAL_OK)
        status = sal_study_get_state_unit(stage->study, stage->set, key, &stored, err);
    if (status != SAL_OK)
        return status;
    if (stage->by != NULL) {
        work->summary = work->summaries->count > 0 ? work->summaries->items : NULL;
        if (work->summary == NULL && stage->options->work != NULL) {
            stage->options->work->waiting++;
            *needed = true;
            return SAL_OK;
        }
        if (work->summary == NULL || work->summary->text_length == 0) {
            stage->without_summary++;
            stage->tally->failed++;
            return SAL_OK;
        }
    }
    work->unit = (sal_state_unit){.set = stage->set, .document = key};
    hash_inputs(stage, work);
    (void)snprintf(work->unit.file, sizeof work->unit.file, "states/%.250s/%lld.safetensors",
                   stage->folder, (long long)key);
    path_of(stage, &stored, path);
    *needed = strcmp(stored.inputs, work->unit.inputs) != 0 || access(path, R_OK) != 0;
    stage->tally->kept += !*needed;
    return SAL_OK;
}

static int open_model(states_stage *stage, sal_error *err) {
    const sal_states_options *options = stage->options;
    const sal_tap_options tap = {.threads = options->model_options.threads};
    const char *path = options->model;
    int status = SAL_OK;
    const sal_model_options vocabulary = {.vocabulary_only = true};
    if (options->work != NULL)
        return stage->model != NULL ? SAL_OK
                                    : sal_model_open(path, &vocabulary, &stage->model, err);
    if (stage->tap != NULL)
        return SAL_OK;
    if (strcmp(stage->weights, "trained") != 0) {
        (void)snprintf(stage->copy, sizeof stage->copy, "%.500s/states/copy-%llu.gguf",
                       sal_study_path(stage->study), (unsigned long long)stage->seed);
        path = stage->copy;
        status =
            sal_model_randomize(options->model, path, stage->seed, options->keep_embeddings, err);
    }
    if (status == SAL_OK)
        status = sal_model_open(path, &options->model_options, &stage->model, err);
    return status == SAL_OK ? sal_tap_open(stage->model, &tap, &stage->tap, err) : status;
}

static void close_model(states_stage *stage) {
    sal_tap_close(stage->tap);
    sal_model_close(stage->model);
    stage->tap = NULL;
    stage->model = NULL;
    if (stage->copy[0] != '\0')
        (void)unlink(stage->copy);
    stage->copy[0] = '\0';
}

/* Where the tap's rows go: those of the layers asked for, out of memory. */
typedef struct row_keeper {
    const states_stage *stage;
    state_rows rows;
} row_keeper;

static int keep_rows(void *context, size_t state, size_t first, size_t count, size_t D,
                     const float *rows, sal_error *err) {
    const row_keeper *keeper = context;
    const states_stage *stage = keeper->stage;
    size_t s = 0;
    if (D != stage->width)
        return sal_fail(err, SAL_EMODEL, "%s: states of width %zu, not %zu", stage->options->model,
                        D, stage->width);
    while (s < stage->layer_count && stage->layers[s] != state)
        s++;
    if (s == stage->layer_count)
        return SAL_OK;
    return sal_spool_write(keeper->rows.spool, (s * keeper->rows.P + first) * D * sizeof *rows,
                           rows, count * D * sizeof *rows, err);
}

static int take_states(states_stage *stage, document_work *work, const state_sequence *sequence,
                       const state_words *words, sal_error *err) {
    char path[1000];
    row_keeper keeper = {stage, {NULL, words->position_count, stage->width}};
    sal_tap_result result = {0};
    const char *const metadata[] = {stage->model_name, sal_protocol_name(stage->options->protocol),
                                    stage->weights, sal_pooling_name(stage->options->pooling)};
    const sal_tap_request request = {.tokens = sequence->tokens.ids,
                                     .token_count = sequence->tokens.count,
                                     .hidden = true,
                                     .positions = words->positions,
                                     .position_count = words->position_count,
                                     .take = keep_rows,
                                     .take_context = &keeper,
                                     .last_layer = -1};
    path_of(stage, &work->unit, path);
    int status = sal_spool_open(path, &keeper.rows.spool, err);
    if (status == SAL_OK)
        status = sal_tap_run(stage->tap, &request, &result, stage->progress, err);
    if (status == SAL_OK)
        status = state_shard_write(path, stage->options, work->document, words, &keeper.rows,
                                   stage->layers, stage->layer_count, metadata, err);
    work->unit.tokens = (int64_t)sequence->tokens.count;
    work->unit.words = (int64_t)words->count;
    work->unit.unaligned = (int64_t)words->unaligned;
    if (status == SAL_OK)
        status = sal_study_put_state_unit(stage->study, &work->unit, err);
    sal_spool_close(keeper.rows.spool);
    sal_tap_result_free(&result);
    return status;
}

static int measure_document(states_stage *stage, document_work *work, sal_error *err) {
    state_sequence sequence = {0};
    state_words words = {0};
    const sal_summary *summary = work->summary;
    int status = open_model(stage, err);
    if (status == SAL_OK)
        status = state_sequence_make(stage->model, stage->options->protocol,
                                     stage->options->chat_template, work->document,
                                     summary == NULL ? NULL : summary->text,
                                     summary == NULL ? 0 : summary->text_length, &sequence, err);
    if (status == SAL_OK && sequence.fits)
        status = state_words_make(stage->text, stage->options->protocol, &sequence, &words, err);
    if (status == SAL_OK && (!sequence.fits || words.count == 0)) {
        stage->too_long += !sequence.fits;
        stage->without_words += sequence.fits;
        stage->tally->failed++;
    } else if (status == SAL_OK) {
        stage->unaligned += (int64_t)words.unaligned;
        status = take_states(stage, work, &sequence, &words, err);
        stage->tally->done += status == SAL_OK;
    }
    state_words_free(&words);
    state_sequence_free(&sequence);
    return status;
}

static int count_document(states_stage *stage, const document_work *work, sal_error *err) {
    state_sequence sequence = {0};
    sal_work *count = stage->options->work;
    const sal_summary *summary = work->summary;
    int status = open_model(stage, err);
    if (status == SAL_OK)
        status = state_sequence_make(stage->model, stage->options->protocol,
                                     stage->options->chat_template, work->document,
                                     summary == NULL ? NULL : summary->text,
                                     summary == NULL ? 0 : summary->text_length, &sequence, err);
    if (status == SAL_OK && !sequence.fits) {
        count->left_out++;
    } else if (status == SAL_OK) {
        const int64_t tokens = (int64_t)sequence.tokens.count;
        count->units++;
        count->prompts += tokens;
        count->computed += tokens;
        count->longest = tokens > count->longest ? tokens : count->longest;
        count->cells = count->longest;
    }
    state_sequence_free(&sequence);
    return status;
}

static int run_document(void *context, int64_t key, sal_error *err) {
    states_stage *stage = context;
    document_work work = {0};
    bool needed = false;
    int status = plan(stage, key, &work, &needed, err);
    if (status == SAL_OK && stage->options->work != NULL && !needed)
        stage->options->work->kept++;
    else if (status == SAL_OK && needed)
        status = stage->options->work != NULL ? count_document(stage, &work, err)
                                              : measure_document(stage, &work, err);
    if (status != SAL_OK && status != SAL_ECANCELLED && work.document != NULL)
        status = sal_fail_in(err, status, "document %.200s of corpus %.200s", work.document->id,
                             work.document->corpus);
    sal_summary_list_free(work.summaries);
    sal_document_free(work.document);
    return status;
}

/* ---- all documents ------------------------------------------------------------------------------------------ */

static void tell(states_stage *stage) {
    const stage_note notes[] = {
        {stage->without_words, "documents have no words that the model sees"},
        {stage->without_summary, "documents have no first record by this summarizer: the paper's "
                                 "sequence cannot be made"},
        {stage->too_long, "documents are longer than the model's context"},
        {stage->unaligned, "words have no token of their own and are left out"},
    };
    stage_tell(stage->progress, NULL, notes, sizeof notes / sizeof notes[0]);
    stage->without_words = stage->without_summary = stage->too_long = stage->unaligned = 0;
}

static int run_copy(states_stage *stage, const int64_t *keys, size_t count, sal_error *err) {
    char name[400];
    int status = put_set(stage, err);
    if (strcmp(stage->weights, "trained") == 0)
        (void)snprintf(name, sizeof name, "states %.250s", stage->model_name);
    else
        (void)snprintf(name, sizeof name, "states %.250s, %s weights %llu", stage->model_name,
                       stage->weights, (unsigned long long)stage->seed);
    stage->walk.stage = name;
    if (status == SAL_OK)
        status = stage_walk_documents(&stage->walk, keys, count, run_document, stage, err);
    if (status == SAL_OK)
        tell(stage);
    close_model(stage);
    sal_free(stage->folder);
    stage->folder = NULL;
    return status;
}

static int run_copies(states_stage *stage, sal_error *err) {
    const sal_states_options *options = stage->options;
    int64_t *keys = NULL;
    size_t count = 0;
    int status =
        sal_study_document_keys(stage->study, options->corpus, options->limit, &keys, &count, err);
    stage->walk = (stage_walk){
        .progress = stage->progress,
        .total = (int64_t)(count * (options->random_count > 0 ? options->random_count : 1))};
    stage->weights = "trained";
    if (status == SAL_OK && options->random_count == 0)
        status = run_copy(stage, keys, count, err);
    for (size_t r = 0; status == SAL_OK && r < options->random_count; r++) {
        stage->weights = options->keep_embeddings ? "random-blocks" : "random";
        stage->seed = options->random_seeds[r];
        status = run_copy(stage, keys, count, err);
    }
    sal_free(keys);
    return status;
}

int sal_states_run(sal_study *study, const sal_states_options *options,
                   const sal_progress *progress, sal_tally *tally, sal_error *err) {
    states_stage stage = {.study = study, .options = options, .progress = progress, .tally = tally};
    stage_model_name(options->model, stage.model_name);
    int status = sal_text_open(&stage.text, err);
    if (status == SAL_OK)
        status = look_at_model(&stage, err);
    if (status == SAL_OK)
        status = stage_digest_model(study, options->model, stage.model_digest, err);
    if (status == SAL_OK)
        status = stage_describe_system(&options->model_options, stage.system, err);
    if (status == SAL_OK && options->protocol == SAL_PAPER)
        status = stage_choose_summarizer(study, options->by, stage.model_name, stage.model_digest,
                                         &stage.summarizers, &stage.by, err);
    if (status == SAL_OK)
        status = run_copies(&stage, err);
    sal_summarizer_list_free(stage.summarizers);
    sal_text_close(stage.text);
    sal_free(stage.layers);
    return status;
}
