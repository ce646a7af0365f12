/* The tap's libllama context, and reading tensors wherever they lie.
 *
 * One sequence, emptied before each text: key j is then cell j. swa_full keeps that true for sliding windows. Sizes are multiples of
 * 512; they change no result, as attention runs over the cells in use, rounded up to 256 by libllama. */
#include "tap_internal.h"

#include <ggml-backend.h>

#include "cpu/pages.h"

enum { STEP = 512 };

static bool cancelled(void *context) {
    const sal_tap *tap = context;
    return sal_progress_cancelled(tap->progress);
}

static struct llama_context_params params_for(sal_tap *tap, int tokens, int outputs) {
    struct llama_context_params params = llama_context_default_params();
    params.n_seq_max = 1;
    params.n_ctx = (uint32_t)tokens;
    params.n_batch = params.n_ubatch = (uint32_t)tap->micro_batch;
    params.n_outputs_max = (uint32_t)outputs;
    params.n_threads = params.n_threads_batch = tap->threads;
    /* Under AUTO libllama turns flash attention off when another backend takes the attention node. */
    params.flash_attn_type =
        tap->exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.type_k = params.type_v = tap->exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.swa_full = true;
    params.cb_eval = sal_tap_on_node;
    params.cb_eval_user_data = tap;
    params.abort_callback = cancelled;
    params.abort_callback_data = tap;
    params.no_perf = true;
    if (tap->model->on_processor) {
        params.offload_kqv = false;
        params.op_offload = false;
    }
    return params;
}

void sal_tap_drop_context(sal_tap *tap) {
    sal_context_close(tap->llama, tap->cpu);
    tap->llama = NULL;
    tap->cpu = NULL;
    tap->context_tokens = 0;
    tap->context_outputs = 0;
    tap->steered = 0;
}

/* A decode that computes nothing, of so many tokens that all ask for an output row. */
static bool decode_idly(sal_tap *tap, int outputs, sal_zeros *cache) {
    struct llama_batch *batch = &tap->batch;
    sal_collector idle = {.tap = tap, .stopped = true, .cache = cache};
    for (int i = 0; i < outputs; i++) {
        batch->token[i] = 0;
        batch->pos[i] = i;
        batch->n_seq_id[i] = 1;
        batch->seq_id[i][0] = 0;
        batch->logits[i] = true;
    }
    batch->n_tokens = outputs;
    tap->collector = &idle;
    const int32_t result = llama_decode(tap->llama, *batch);
    sal_collector_restore(&idle);
    tap->collector = NULL;
    llama_memory_clear(llama_get_memory(tap->llama), false);
    return result == 0;
}

/* Libllama fills the rows of the vocabulary that it reserves with zeros, in the first decode that asks for them; nobody writes there
 * again. Have it done by a decode that computes nothing, and give the memory back. Beforehand that of the cache, zeros too, so that the two
 * are never there together: the cache comes back as it is written. When any of this fails, only memory is lost. */
static void reserve_outputs(sal_tap *tap, int outputs) {
    const size_t row = (size_t)tap->model->info.vocabulary * sizeof(float);
    sal_zeros cache = {0};
    if (decode_idly(tap, 1, &cache) && cache.start != NULL)
        sal_pages_zero(cache.start, cache.bytes);
    if (decode_idly(tap, outputs, NULL))
        sal_pages_zero(llama_get_logits(tap->llama), (size_t)outputs * row);
}

int sal_tap_prepare(sal_tap *tap, int tokens, int outputs, sal_error *err) {
    if (tap->llama != NULL && tokens <= tap->context_tokens && outputs <= tap->context_outputs) {
        llama_memory_clear(llama_get_memory(tap->llama), true);
        return sal_context_steer(tap->model, tap->llama, &tap->steered, err);
    }
    tokens = (tokens + STEP - 1) / STEP * STEP;
    tokens = tokens > tap->context_tokens ? tokens : tap->context_tokens;
    outputs = outputs > tap->context_outputs ? outputs : tap->context_outputs;
    sal_tap_drop_context(tap);
    int status = sal_context_open(tap->model, params_for(tap, tokens, outputs), tap->exact,
                                  &tap->llama, &tap->cpu, err);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "a text of %d tokens (a shorter one needs less memory)",
                           tokens);
    tap->context_tokens = tokens;
    tap->context_outputs = outputs;
    if (tap->cpu != NULL) {
        sal_cpu_leave_results(tap->cpu); /* the collector takes what is wanted */
        if (outputs > 1)
            reserve_outputs(tap, outputs);
    }
    return sal_context_steer(tap->model, tap->llama, &tap->steered, err);
}

/* ---- tensors ---------------------------------------------------------------------------------- */

static ggml_backend_buffer_t buffer_of(const struct ggml_tensor *tensor) {
    return tensor->view_src != NULL ? tensor->view_src->buffer : tensor->buffer;
}

bool sal_tap_in_place(const struct ggml_tensor *tensor) {
    ggml_backend_buffer_t buffer = buffer_of(tensor);
    return tensor->data != NULL && (buffer == NULL || ggml_backend_buffer_is_host(buffer));
}

int sal_tap_fetch(sal_tap *tap, int stage, const struct ggml_tensor *tensor, size_t offset,
                  size_t bytes, const void **out, sal_error *err) {
    sal_staging *staging = &tap->staging[stage];
    if (tensor->data == NULL || bytes > ggml_nbytes(tensor) || offset > ggml_nbytes(tensor) - bytes)
        return sal_fail(err, SAL_EMODEL, "%s: the tensor %s cannot be read", tap->model->path,
                        tensor->name);
    if (sal_tap_in_place(tensor)) {
        *out = (const char *)tensor->data + offset;
        return SAL_OK;
    }
    if (bytes > staging->capacity) {
        void *larger = sal_realloc(staging->bytes, bytes, 1);
        if (larger == NULL)
            return sal_fail_memory(err, "a copy of what lies on the accelerator");
        *staging = (sal_staging){larger, bytes};
    }
    ggml_backend_tensor_get(tensor, staging->bytes, offset, bytes);
    *out = staging->bytes;
    return SAL_OK;
}
