/* Taps: one text through the model, attention and hidden states reduced while it runs. */
#include "tap_internal.h"

#include <string.h>

enum { KEY_STEP = 256 };

/* ---- open and close ------------------------------------------------------------------------------- */

static int check_model(const sal_model *model, const sal_tap_options *options, sal_error *err) {
    if (model->vocabulary_only)
        return sal_fail(err, SAL_EINVAL, "%s was opened for its vocabulary only", model->path);
    if (!sal_llm_reads_forward(model))
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: %s models do not read a text from left to right", model->path,
                        model->architecture);
    if (options->micro_batch < 0 || options->micro_batch > SAL_TAP_MICRO_BATCH_MOST)
        return sal_fail(err, SAL_EINVAL, "a micro-batch of %d tokens; allowed are 0 to %d",
                        options->micro_batch, SAL_TAP_MICRO_BATCH_MOST);
    return SAL_OK;
}

int sal_tap_open(sal_model *model, const sal_tap_options *options, sal_tap **out, sal_error *err) {
    static const sal_tap_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    int status = check_model(model, options, err);
    if (status != SAL_OK)
        return status;
    sal_tap *tap = sal_calloc(1, sizeof *tap);
    if (tap == NULL)
        return sal_fail_memory(err, "the tap");
    tap->model = model;
    tap->exact = options->exact;
    tap->threads = options->threads > 0 ? options->threads : model->threads;
    tap->micro_batch = options->micro_batch > 0 ? options->micro_batch : SAL_TAP_MICRO_BATCH;
    tap->features = sal_cpu_features_here(sal_cpu_cap());
    tap->grams = sal_calloc((size_t)model->info.layers, sizeof *tap->grams);
    tap->batch = llama_batch_init(tap->micro_batch, 0, 1);
    if (tap->grams == NULL || tap->batch.token == NULL)
        status = sal_fail_memory(err, "the tap");
    if (status == SAL_OK) {
        *out = tap;
        tap = NULL;
    }
    sal_tap_close(tap);
    return status;
}

void sal_tap_close(sal_tap *tap) {
    if (tap == NULL)
        return;
    sal_tap_drop_context(tap);
    llama_batch_free(tap->batch);
    sal_attention_workspace_free(&tap->workspace);
    for (int i = 0; i < SAL_STAGES; i++)
        sal_free(tap->staging[i].bytes);
    for (int i = 0; tap->grams != NULL && i < tap->model->info.layers; i++)
        sal_free(tap->grams[i]);
    sal_free(tap->grams);
    sal_free(tap);
}

const char *sal_tap_path(const sal_tap *tap) {
    return tap->exact ? "exact" : tap->model->own_backend ? "own" : "stock";
}

/* ---- what is asked -------------------------------------------------------------------------------- */

static int check_tokens(const sal_tap *tap, const sal_tap_request *request, sal_error *err) {
    const sal_model_info *info = &tap->model->info;
    if (request->token_count == 0)
        return sal_fail(err, SAL_EINVAL, "the text has no tokens");
    if (request->token_count > (size_t)info->context_trained)
        return sal_fail(err, SAL_ELIMIT,
                        "too long for the model: the text has %zu tokens; the context holds %d",
                        request->token_count, info->context_trained);
    for (size_t i = 0; i < request->token_count; i++)
        if (request->tokens[i] < 0 || request->tokens[i] >= info->vocabulary)
            return sal_fail(err, SAL_EINVAL, "token %zu is %d; the vocabulary has %d", i,
                            request->tokens[i], info->vocabulary);
    if (request->last_layer >= info->layers)
        return sal_fail(err, SAL_EINVAL, "layer %d; the model has layers 0 to %d",
                        request->last_layer, info->layers - 1);
    return SAL_OK;
}

static int check_request(const sal_tap *tap, const sal_tap_request *request, sal_error *err) {
    int status = check_tokens(tap, request, err);
    if (status != SAL_OK)
        return status;
    for (size_t i = 0; i < request->span_count; i++) {
        const sal_span *span = &request->query_spans[i];
        if (span->start >= span->end || span->end > request->token_count)
            return sal_fail(err, SAL_EINVAL, "queries %zu to %zu; the text has %zu tokens",
                            span->start, span->end, request->token_count);
    }
    if (request->top_queries.start > request->top_queries.end ||
        request->top_queries.end > request->token_count)
        return sal_fail(err, SAL_EINVAL, "largest weights of queries %zu to %zu; the text has %zu",
                        request->top_queries.start, request->top_queries.end, request->token_count);
    for (size_t i = 0; request->hidden && i < request->position_count; i++) {
        int32_t position = request->positions[i];
        if (position < 0 || (size_t)position >= request->token_count ||
            (i > 0 && position <= request->positions[i - 1]))
            return sal_fail(err, SAL_EINVAL,
                            "position %d: positions ascend from 0 to %zu, the last token", position,
                            request->token_count - 1);
    }
    if (!request->received && !request->norm && request->span_count == 0 &&
        request->top_queries.start == request->top_queries.end &&
        (!request->hidden || request->position_count == 0))
        return sal_fail(err, SAL_EINVAL, "neither attention nor hidden states are asked for");
    return SAL_OK;
}

/* ---- the pass ------------------------------------------------------------------------------------- */

/* Tokens of the next decode: a micro-batch, less when it would ask for too many output rows. */
static size_t next_count(const sal_tap *tap, const sal_collector *c, size_t first, size_t end) {
    size_t count = end - first, most = (size_t)tap->micro_batch;
    count = count < most ? count : most;
    size_t after = c->position_end + (size_t)tap->context_outputs;
    if (c->request->hidden && after < c->request->position_count) {
        size_t fit = (size_t)c->request->positions[after] - first;
        count = count < fit ? count : fit;
    }
    return count;
}

static int decode(sal_tap *tap, sal_collector *c) {
    struct llama_batch *batch = &tap->batch;
    size_t position = c->position_first;
    for (size_t i = 0; i < c->count; i++) {
        size_t token = c->first + i;
        bool flagged =
            position < c->position_end && (size_t)c->request->positions[position] == token;
        batch->token[i] = c->request->tokens[token];
        batch->pos[i] = (llama_pos)token;
        batch->n_seq_id[i] = 1;
        batch->seq_id[i][0] = 0;
        batch->logits[i] = flagged;
        position += flagged;
    }
    batch->n_tokens = (int32_t)c->count;
    sal_llm_log_clear();
    int32_t result = llama_decode(tap->llama, *batch);
    if (result == 0)
        llama_synchronize(tap->llama);
    sal_collector_restore(c);
    if (c->status != SAL_OK)
        return c->status;
    if (result == 2)
        return sal_fail(c->err, SAL_ECANCELLED, "cancelled");
    if (result != 0 && tap->cpu != NULL) {
        int status = sal_cpu_failure(tap->cpu, c->err);
        if (status != SAL_OK)
            return sal_fail_in(c->err, status, "%s", tap->model->path);
    }
    if (result != 0) {
        const char *cause = sal_llm_log_error();
        return sal_fail(c->err, SAL_EMODEL, "%s: libllama failed on %zu tokens (code %d)%s%s",
                        tap->model->path, c->count, result, cause[0] != '\0' ? ": " : "", cause);
    }
    return SAL_OK;
}

/* Tokens to compute: with hidden states alone, none after the last position. */
static size_t tokens_needed(const sal_collector *c) {
    const sal_tap_request *request = c->request;
    return c->attention ? c->tokens : (size_t)request->positions[request->position_count - 1] + 1;
}

/* Rows of the last state that a decode may ask for: libllama reserves a row of the vocabulary for each. */
static size_t most_outputs(const sal_tap *tap, const sal_tap_request *request) {
    const size_t row = (size_t)tap->model->info.vocabulary * sizeof(float);
    size_t most = SAL_TAP_OUTPUT_BYTES / row;
    most = most > SAL_TAP_OUTPUTS_LEAST ? most : SAL_TAP_OUTPUTS_LEAST;
    most = most < (size_t)tap->micro_batch ? most : (size_t)tap->micro_batch;
    if (!request->hidden || request->position_count == 0)
        return 1;
    return request->position_count < most ? request->position_count : most;
}

static int pass(sal_tap *tap, sal_collector *c, sal_error *err) {
    const size_t end = tokens_needed(c);
    int status = sal_tap_prepare(tap, (int)c->tokens, (int)most_outputs(tap, c->request), err);
    if (status != SAL_OK)
        return status;
    status = sal_collector_open(c, err);
    tap->collector = c;
    for (size_t first = 0; status == SAL_OK && first < end; first += c->count) {
        if (sal_progress_cancelled(tap->progress)) {
            status = sal_fail(err, SAL_ECANCELLED, "cancelled");
            break;
        }
        sal_collector_start(c, first, next_count(tap, c, first, end));
        status = decode(tap, c);
    }
    tap->collector = NULL;
    return status == SAL_OK ? sal_collector_check(c, err) : status;
}

/* ---- results -------------------------------------------------------------------------------------- */

/* [rows, T] of sums [rows, keys]. */
static float *to_floats(const sal_collector *c, const double *sums, size_t rows) {
    float *out = sal_calloc(rows * c->tokens, sizeof *out);
    for (size_t row = 0; out != NULL && row < rows; row++)
        for (size_t j = 0; j < c->tokens; j++)
            out[row * c->tokens + j] = (float)sums[row * c->keys + j];
    return out;
}

static int give(sal_collector *c, sal_tap_result *result, sal_error *err) {
    const sal_tap_request *request = c->request;
    size_t rows = c->layers * c->heads;
    sal_tap_result given = {.L = c->layers,
                            .H = c->heads,
                            .T = c->tokens,
                            .D = c->width,
                            .P = request->hidden ? request->position_count : 0,
                            .non_finite = c->non_finite + c->own.nonfinite_rows};
    bool full = true;
    if (request->received)
        full = (given.received = to_floats(c, c->sums, rows)) != NULL;
    if (full && request->span_count > 0)
        full = (given.spans = to_floats(c, c->sums + (c->whole ? rows * c->keys : 0),
                                        rows * request->span_count)) != NULL;
    if (!full) {
        sal_tap_result_free(&given);
        return sal_fail_memory(err, "attention sums");
    }
    for (size_t i = 0; request->norm && i < rows * c->tokens; i++)
        c->value_norms[i] =
            (float)((double)c->value_norms[i] * c->sums[i / c->tokens * c->keys + i % c->tokens]);
    given.norm = c->value_norms;
    given.hidden = c->hidden;
    given.top = c->top;
    c->value_norms = c->hidden = NULL;
    c->top = NULL;
    *result = given;
    return SAL_OK;
}

/* "All positions" spelt out. */
static int spell_positions(sal_tap_request *request, int32_t **own, sal_error *err) {
    if (!request->hidden || request->positions != NULL)
        return SAL_OK;
    *own = sal_calloc(request->token_count, sizeof **own);
    if (*own == NULL)
        return sal_fail_memory(err, "positions");
    for (size_t i = 0; i < request->token_count; i++)
        (*own)[i] = (int32_t)i;
    request->positions = *own;
    request->position_count = request->token_count;
    return SAL_OK;
}

int sal_tap_run(sal_tap *tap, const sal_tap_request *request, sal_tap_result *result,
                const sal_progress *progress, sal_error *err) {
    sal_tap_request wanted = *request;
    const sal_model_info *info = &tap->model->info;
    int32_t *own = NULL;
    double start = sal_clock_seconds();
    int status = spell_positions(&wanted, &own, err);
    if (status == SAL_OK)
        status = check_request(tap, &wanted, err);
    if (status != SAL_OK) {
        sal_free(own);
        return status;
    }
    sal_collector collector = {
        .tap = tap,
        .request = &wanted,
        .layers = (size_t)(wanted.last_layer < 0 ? info->layers : wanted.last_layer + 1),
        .tokens = wanted.token_count,
        .keys = (wanted.token_count + KEY_STEP - 1) / KEY_STEP * KEY_STEP,
        .heads = (size_t)info->heads,
        .width = (size_t)info->width,
        .whole = wanted.received || wanted.norm,
        .err = err,
    };
    collector.sets = (collector.whole ? 1 : 0) + wanted.span_count;
    collector.top_count = wanted.top_queries.end - wanted.top_queries.start;
    collector.attention = collector.sets > 0 || collector.top_count > 0;
    tap->progress = progress;
    status = pass(tap, &collector, err);
    tap->progress = NULL;
    if (status == SAL_OK)
        status = give(&collector, result, err);
    else
        sal_tap_drop_context(tap); /* a pass that broke off leaves nothing behind */
    if (status == SAL_OK)
        result->seconds = sal_clock_seconds() - start;
    sal_collector_close(&collector);
    sal_free(own);
    return status;
}

void sal_tap_result_free(sal_tap_result *result) {
    if (result == NULL)
        return;
    sal_free(result->received);
    sal_free(result->norm);
    sal_free(result->spans);
    sal_free(result->top);
    sal_free(result->hidden);
    *result = (sal_tap_result){0};
}

void sal_tap_exposure(const float *received, size_t rows, size_t T, size_t skip_keys,
                      float *exposure) {
    double uniform = 0; /* sum_{i >= j} 1 / (i + 1 - K) */
    for (size_t j = T; j-- > 0;) {
        uniform += j >= skip_keys ? 1.0 / (double)(j + 1 - skip_keys) : 0;
        for (size_t row = 0; row < rows; row++)
            exposure[row * T + j] =
                j >= skip_keys ? (float)((double)received[row * T + j] / uniform) : 0.0f;
    }
}
