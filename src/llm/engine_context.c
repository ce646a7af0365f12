/* The engine's libllama context: its layout and its size.
 *
 * Layout. With libllama alone, a cache of one stream per sequence (kv_unified = false): measured, streams were faster than one cache shared
 * by all, with and without a long common prefix. Our own backend reads cells that sequences share once for all of them, so with it
 * sequences that have most of their tokens in common share one cache; those that have not keep their streams, where nobody has to visit
 * the others' cells. The choice follows from the prompts alone and is made here and nowhere else.
 *
 * Size. A context is made for what a document needs and kept as long as it is enough. That does not change results: attention runs over
 * the cells in use, rounded up to 256 by libllama, however many there are; sizes here are multiples of 256, and the cells are emptied
 * for each document. */
#include "engine_internal.h"

#include <limits.h>

enum { STEP = 512, COARSE_STEP = 1024, COARSE_FROM = 4096 };

static bool unified_cache(const sal_engine *engine, sal_engine_need need) {
    if (engine->options.cache != SAL_CACHE_AUTO)
        return engine->options.cache == SAL_CACHE_SHARED;
    return engine->model->own_backend && !engine->options.exact && engine->options.sequences > 1 &&
           need.shared >= need.tokens / 2;
}

/* Room for one sequence: rounded up so that documents a little longer than those before need no new context. */
static int round_up(int tokens) {
    int step = tokens <= COARSE_FROM ? STEP : COARSE_STEP;
    return (tokens + step - 1) / step * step;
}

static bool cancelled(void *context) {
    const sal_engine *engine = context;
    return sal_progress_cancelled(engine->progress);
}

static struct llama_context_params params_for(sal_engine *engine, int tokens, bool unified) {
    const sal_engine_options *options = &engine->options;
    struct llama_context_params params = llama_context_default_params();
    params.n_seq_max = (uint32_t)options->sequences;
    params.n_ctx = (uint32_t)tokens * (unified ? 1 : (uint32_t)options->sequences);
    params.n_batch = SAL_ENGINE_BATCH;
    params.n_ubatch = SAL_ENGINE_MICRO_BATCH;
    params.n_outputs_max =
        (uint32_t)options->sequences; /* one row of the vocabulary for each sequence, no more */
    params.n_threads = params.n_threads_batch = engine->threads;
    params.kv_unified = unified;
    params.flash_attn_type =
        options->exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.type_k = params.type_v = options->exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.abort_callback = cancelled;
    params.abort_callback_data = engine;
    params.no_perf = true;
    if (options->editable) {
        params.cb_eval = sal_engine_on_node;
        params.cb_eval_user_data = engine;
    }
    if (engine->model->on_processor) {
        params.offload_kqv = false;
        params.op_offload = false;
    }
    return params;
}

void sal_engine_drop_context(sal_engine *engine) {
    sal_context_close(engine->llama, engine->cpu);
    engine->llama = NULL;
    engine->cpu = NULL;
    engine->context_tokens = 0;
    engine->context_bytes = 0;
    engine->steered = 0;
}

int sal_engine_prepare(sal_engine *engine, sal_engine_need need, sal_error *err) {
    const bool unified = unified_cache(engine, need);
    const int tokens = unified ? need.cells : need.tokens;
    if (engine->llama != NULL && unified == engine->unified && tokens <= engine->context_tokens) {
        llama_memory_clear(llama_get_memory(engine->llama), true);
        return sal_context_steer(engine->model, engine->llama, &engine->steered, err);
    }
    sal_engine_drop_context(engine);
    int rounded = round_up(tokens);
    if ((int64_t)rounded * (unified ? 1 : engine->options.sequences) > INT32_MAX)
        return sal_fail(err, SAL_ELIMIT, "%d sequences of %d tokens do not fit one cache",
                        engine->options.sequences, rounded);
    int status = sal_context_open(engine->model, params_for(engine, rounded, unified),
                                  engine->options.exact, &engine->llama, &engine->cpu, err);
    if (status != SAL_OK)
        return sal_fail_in(err, status,
                           "%d sequences of %d tokens (fewer sequences or shorter documents need "
                           "less memory)",
                           engine->options.sequences, need.tokens);
    engine->unified = unified;
    engine->context_tokens = rounded;
    engine->context_bytes = sal_llm_log_buffer_bytes();
    return sal_context_steer(engine->model, engine->llama, &engine->steered, err);
}

uint64_t sal_engine_bytes(const sal_engine *engine) {
    if (engine->llama == NULL)
        return 0;
    return engine->context_bytes + sal_cpu_weights_bytes(engine->model->weights);
}
