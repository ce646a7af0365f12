/* Generation: up to K sequences decoded together, each sampled with its own seed.
 *
 * Every sequence has its own stream of random numbers, its own history and its own text, so what is drawn for one does not depend on
 * its place in the batch. libllama's numbers may: a product with ten rows is not bit for bit ten products with one. The unit that is
 * computed and repeated is therefore the whole call. */
#include "engine_internal.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cpu/parallel.h"

/* ---- open and close ---------------------------------------------------------------------------------- */

static int check_options(const sal_model *model, const sal_engine_options *options,
                         sal_error *err) {
    int most = (int)llama_max_parallel_sequences();
    if (model->vocabulary_only)
        return sal_fail(err, SAL_EINVAL, "%s was opened for its vocabulary only", model->path);
    if (!sal_llm_reads_forward(model))
        return sal_fail(err, SAL_EUNSUPPORTED, "%s: %s models do not generate from a prompt alone",
                        model->path, model->architecture);
    if (options->sequences < 1 || options->sequences > most)
        return sal_fail(err, SAL_EINVAL, "%d sequences at a time; allowed are 1 to %d",
                        options->sequences, most);
    if (options->context_tokens < 0 || options->context_tokens > model->info.context_trained)
        return sal_fail(err, SAL_EINVAL, "a context of %d tokens; the model was trained for %d",
                        options->context_tokens, model->info.context_trained);
    return SAL_OK;
}

int sal_engine_open(sal_model *model, const sal_engine_options *options, sal_engine **out,
                    sal_error *err) {
    int status = check_options(model, options, err);
    if (status != SAL_OK)
        return status;
    sal_engine *engine = sal_calloc(1, sizeof *engine);
    if (engine == NULL)
        return sal_fail_memory(err, "the generation engine");
    engine->model = model;
    engine->options = *options;
    engine->context_limit =
        options->context_tokens > 0 ? options->context_tokens : model->info.context_trained;
    engine->batch = llama_batch_init(SAL_ENGINE_BATCH, 0, 1);
    engine->owners = sal_calloc(SAL_ENGINE_BATCH, sizeof(sal_sequence *));
    engine->threads = options->threads > 0 ? options->threads : model->threads;
    engine->sampler_count =
        engine->threads < options->sequences ? engine->threads : options->sequences;
    engine->samplers = sal_calloc((size_t)engine->sampler_count, sizeof *engine->samplers);
    engine->draws = sal_calloc((size_t)options->sequences, sizeof *engine->draws);
    if (engine->batch.token == NULL || engine->owners == NULL || engine->samplers == NULL ||
        engine->draws == NULL)
        status = sal_fail_memory(err, "the generation engine");
    for (int i = 0; status == SAL_OK && i < engine->sampler_count; i++)
        status =
            sal_sampler_open(&engine->samplers[i], &options->sampling, model->info.vocabulary, err);
    if (status == SAL_OK) {
        *out = engine;
        engine = NULL;
    }
    sal_engine_close(engine);
    return status;
}

void sal_engine_close(sal_engine *engine) {
    if (engine == NULL)
        return;
    sal_engine_drop_context(engine);
    sal_engine_forget_edits(engine);
    llama_batch_free(engine->batch);
    sal_free(engine->owners);
    for (int i = 0; engine->samplers != NULL && i < engine->sampler_count; i++)
        sal_sampler_close(&engine->samplers[i]);
    sal_free(engine->samplers);
    sal_free(engine->draws);
    sal_buffer_free(&engine->piece);
    sal_free(engine);
}

int sal_engine_reserve(sal_engine *engine, int tokens, sal_error *err) {
    if (tokens < 1 || tokens > engine->context_limit)
        return sal_fail(err, SAL_ELIMIT, "%d tokens a sequence; allowed are 1 to %d", tokens,
                        engine->context_limit);
    return sal_engine_prepare(engine, (sal_engine_need){.tokens = tokens}, err);
}

/* ---- sequences ------------------------------------------------------------------------------------------ */

static void close_sequences(sal_sequence *sequences, size_t count) {
    for (size_t k = 0; k < count; k++) {
        sal_history_close(&sequences[k].history);
        sal_buffer_free(&sequences[k].text.text);
        sal_free(sequences[k].tokens);
    }
    sal_free(sequences);
}

/* The longest expected text first, requests that expect the same in their order: sequences then finish from the highest id
 * downwards, and those left have consecutive ids, which libllama needs to compute them in one piece. */
static void order_by_expected(sal_sequence *sequences, size_t count) {
    for (size_t i = 1; i < count; i++) {
        sal_sequence moved = sequences[i];
        size_t k = i;
        for (; k > 0 && sequences[k - 1].asked->expected_tokens < moved.asked->expected_tokens; k--)
            sequences[k] = sequences[k - 1];
        sequences[k] = moved;
    }
    for (size_t i = 0; i < count; i++)
        sequences[i].id = (llama_seq_id)i;
}

static int open_sequences(const sal_engine *engine, const sal_generate_request *requests,
                          size_t count, sal_sequence **out, sal_error *err) {
    sal_sequence *sequences = sal_calloc(count, sizeof *sequences);
    int status = sequences != NULL ? SAL_OK : sal_fail_memory(err, "sequences");
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        sal_sequence *sequence = &sequences[i];
        const sal_tokens *tokens = &requests[i].prompt->tokens;
        sequence->request = i;
        sequence->asked = &requests[i];
        sequence->active = true;
        sal_random_seed(&sequence->random, requests[i].seed);
        status = sal_history_open(&sequence->history, engine->model->info.vocabulary, err);
        for (size_t t = 0; status == SAL_OK && t < tokens->count; t++)
            status = sal_history_add(&sequence->history, tokens->ids[t], err);
    }
    if (status != SAL_OK) {
        if (sequences != NULL)
            close_sequences(sequences, count);
        return status;
    }
    order_by_expected(sequences, count);
    *out = sequences;
    return SAL_OK;
}

/* Take the token that was drawn for a sequence: end it, or make its text longer. */
static int take_token(sal_engine *engine, sal_sequence *sequence, int32_t token, sal_error *err) {
    const sal_engine_options *options = &engine->options;
    if (llama_vocab_is_eog(engine->model->vocab, token) && !options->ignore_end) {
        sequence->ended = true;
        sequence->active = false;
        return SAL_OK;
    }
    int status = sal_grow((void **)&sequence->tokens, &sequence->capacity, sequence->count,
                          sizeof *sequence->tokens, err);
    if (status == SAL_OK)
        status = sal_history_add(&sequence->history, token, err);
    if (status == SAL_OK)
        status = sal_token_piece(engine->model, token, false, &engine->piece, err);
    if (status == SAL_OK && engine->piece.length > 0)
        status =
            sal_utf8_stream_add(&sequence->text, engine->piece.bytes, engine->piece.length, err);
    if (status != SAL_OK)
        return status;
    sequence->tokens[sequence->count++] = token;
    sequence->next = token;
    sequence->active = sequence->count < (size_t)sequence->asked->max_tokens;
    const char *text = sequence->text.text.bytes != NULL ? sequence->text.text.bytes : "";
    if (options->stop != NULL &&
        options->stop(options->context, sequence->request, text, sequence->text.text.length)) {
        sequence->stopped = true;
        sequence->active = false;
    }
    return SAL_OK;
}

/* ---- decoding ----------------------------------------------------------------------------------------------- */

static int decode(sal_engine *engine, sal_error *err) {
    if (sal_progress_cancelled(engine->progress))
        return sal_fail(err, SAL_ECANCELLED, "cancelled");
    sal_llm_log_clear();
    int32_t result = llama_decode(engine->llama, engine->batch);
    if (result == 2)
        return sal_fail(err, SAL_ECANCELLED, "cancelled");
    if (result != 0 && engine->cpu != NULL) {
        int status = sal_cpu_failure(engine->cpu, err);
        if (status != SAL_OK)
            return sal_fail_in(err, status, "%s", engine->model->path);
    }
    if (result != 0) {
        const char *cause = sal_llm_log_error();
        return sal_fail(err, SAL_EMODEL,
                        "%s: libllama failed on a batch of %d tokens (code %d)%s%s",
                        engine->model->path, engine->batch.n_tokens, result,
                        cause[0] != '\0' ? ": " : "", cause);
    }
    llama_synchronize(engine->llama);
    return sal_engine_check_edits(engine, err);
}

static void draw(void *context, int64_t index, int thread) {
    sal_engine *engine = context;
    sal_draw *own = &engine->draws[index];
    own->status = sal_sampler_draw(&engine->samplers[thread], own->logits, &own->sequence->history,
                                   &own->sequence->random, &own->token, &own->error);
}

/* Draw the next token of every sequence whose logits the batch holds. */
static int sample(sal_engine *engine, sal_error *err) {
    int64_t count = 0;
    for (int i = 0; i < engine->batch.n_tokens; i++) {
        if (engine->owners[i] == NULL)
            continue;
        sal_draw *own = &engine->draws[count++];
        *own = (sal_draw){.sequence = engine->owners[i],
                          .logits = llama_get_logits_ith(engine->llama, i)};
        if (own->logits == NULL)
            return sal_fail(err, SAL_EMODEL, "%s: libllama gave no scores for token %d of a batch",
                            engine->model->path, i);
    }
    sal_parallel_for(engine->sampler_count, count, draw, engine);
    for (int64_t i = 0; i < count; i++) {
        const sal_draw *own = &engine->draws[i];
        int status = own->status == SAL_OK ? take_token(engine, own->sequence, own->token, err)
                                           : sal_fail(err, own->status, "%s", own->error.text);
        if (status != SAL_OK)
            return status;
    }
    return SAL_OK;
}

int sal_engine_run(sal_engine *engine, double *seconds, sal_error *err) {
    double start = sal_clock_seconds();
    int status = decode(engine, err);
    double computed = sal_clock_seconds();
    *seconds += computed - start;
    if (status == SAL_OK)
        status = sample(engine, err);
    engine->timing.sample_seconds += sal_clock_seconds() - computed;
    engine->batch.n_tokens = 0;
    return status;
}

static int decode_all(sal_engine *engine, sal_sequence *sequences, size_t count, sal_error *err) {
    for (;;) {
        for (size_t k = 0; k < count; k++)
            if (sequences[k].active)
                sal_engine_add(engine, sequences[k].next, sequences[k].position++, sequences[k].id,
                               &sequences[k]);
        if (engine->batch.n_tokens == 0)
            return SAL_OK;
        engine->timing.decode_tokens += engine->batch.n_tokens;
        int status = sal_engine_run(engine, &engine->timing.decode_seconds, err);
        if (status != SAL_OK)
            return status;
    }
}

/* ---- one call --------------------------------------------------------------------------------------------------- */

/* Prompts made for another model would reach past this one's vocabulary. */
static int check_ids(const sal_engine *engine, const sal_tokens *tokens, size_t request,
                     sal_error *err) {
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->ids[i] < 0 || tokens->ids[i] >= engine->model->info.vocabulary)
            return sal_fail(
                err, SAL_EINVAL,
                "request %zu: token %zu of the prompt is %d; the model's vocabulary has %d",
                request, i, tokens->ids[i], engine->model->info.vocabulary);
    return SAL_OK;
}

/* What the cache has to hold; a request that does not fit is an error that gives the counts. */
static int need_of(const sal_engine *engine, const sal_generate_request *requests, size_t count,
                   sal_engine_need *need, sal_error *err) {
    int64_t all = 0;
    if (count > (size_t)engine->options.sequences)
        return sal_fail(err, SAL_EINVAL, "%zu requests at once; the engine was opened for %d",
                        count, engine->options.sequences);
    *need = (sal_engine_need){.tokens = 1};
    for (size_t i = 0; i < count; i++) {
        const sal_generate_request *request = &requests[i];
        size_t prompt = request->prompt->tokens.count;
        if (prompt == 0)
            return sal_fail(err, SAL_EINVAL, "request %zu: the prompt is empty", i);
        if (request->max_tokens < 1)
            return sal_fail(err, SAL_EINVAL,
                            "request %zu: at most %d tokens are asked for; allowed are 1 and more",
                            i, request->max_tokens);
        if (prompt + (size_t)request->max_tokens > (size_t)engine->context_limit)
            return sal_fail(err, SAL_ELIMIT,
                            "too long for the model: the prompt has %zu tokens and up to %d are to "
                            "be generated, together %zu; the context "
                            "holds %d",
                            prompt, request->max_tokens, prompt + (size_t)request->max_tokens,
                            engine->context_limit);
        int status = check_ids(engine, &request->prompt->tokens, i, err);
        if (status != SAL_OK)
            return status;
        int tokens = (int)prompt + request->max_tokens;
        need->tokens = tokens > need->tokens ? tokens : need->tokens;
        all += tokens;
    }
    need->shared = (int)sal_generate_shared(requests, count);
    all -= (int64_t)(count - 1) * need->shared;
    need->cells = all > INT_MAX / 2 ? INT_MAX / 2 : (int)all;
    return SAL_OK;
}

void sal_generate_result_free(sal_generate_result *result) {
    if (result == NULL)
        return;
    sal_free(result->text);
    sal_free(result->tokens);
    *result = (sal_generate_result){0};
}

/* Move what the sequences hold into the results. */
static int give_results(sal_sequence *sequences, size_t count, sal_generate_result *results,
                        sal_error *err) {
    int status = SAL_OK;
    for (size_t k = 0; status == SAL_OK && k < count; k++) {
        if (!sequences[k].stopped) /* what the stop hook saw is the text */
            status = sal_utf8_stream_end(&sequences[k].text, err);
        if (status == SAL_OK && sequences[k].text.text.bytes == NULL) {
            sequences[k].text.text.bytes = sal_copy_bytes("", 0);
            if (sequences[k].text.text.bytes == NULL)
                status = sal_fail_memory(err, "a generated text");
        }
    }
    for (size_t k = 0; status == SAL_OK && k < count; k++) {
        sal_sequence *sequence = &sequences[k];
        results[sequence->request] = (sal_generate_result){
            .text = sequence->text.text.bytes,
            .length = sequence->text.text.length,
            .tokens = sequence->tokens,
            .token_count = sequence->count,
            .ended = sequence->ended,
            .stopped = sequence->stopped,
        };
        sequence->text.text = (sal_buffer){0};
        sequence->tokens = NULL;
    }
    return status;
}

int sal_engine_generate(sal_engine *engine, const sal_generate_request *requests, size_t count,
                        sal_generate_result *results, sal_engine_timing *timing,
                        const sal_progress *progress, sal_error *err) {
    sal_sequence *sequences = NULL;
    sal_engine_need need = {0};
    if (timing != NULL)
        *timing = (sal_engine_timing){0};
    if (count == 0)
        return SAL_OK;
    int status = need_of(engine, requests, count, &need, err);
    if (status != SAL_OK)
        return status;
    engine->progress = progress;
    engine->timing = (sal_engine_timing){0};
    engine->batch.n_tokens = 0;
    status = open_sequences(engine, requests, count, &sequences, err);
    if (status == SAL_OK)
        status = sal_engine_prepare(engine, need, err);
    if (status == SAL_OK)
        status = sal_engine_prefill(engine, sequences, count, (size_t)need.shared, err);
    if (status == SAL_OK)
        status = decode_all(engine, sequences, count, err);
    if (status == SAL_OK)
        status = give_results(sequences, count, results, err);
    if (status == SAL_OK && timing != NULL)
        *timing = engine->timing;
    engine->progress = NULL;
    if (sequences != NULL)
        close_sequences(sequences, count);
    return status;
}
