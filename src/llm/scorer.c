/* Scoring a continuation while heads are edited.
 *
 * The node kqv_out-<layer> is the attention's result, [d H] numbers a token, just before the output projection reads it: writing into
 * a head's d numbers there edits that head for the rest of the computation. All tokens go through in one micro-batch, so that a mean is
 * one over the whole text. */
#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>
#include <math.h>
#include <string.h>

#include "llm_internal.h"
#include "salient/ablate.h"

enum { STEP = 256 };

struct sal_scorer {
    sal_model *model;
    struct llama_context *llama;
    sal_cpu *cpu;
    int context_tokens, context_outputs;
    uint64_t steered; /* version of the model's steering that the context has */
    const sal_progress *progress;
    /* The run in progress. */
    const sal_head_place *heads;
    size_t head_count;
    sal_head_edit how;
    size_t tokens;
    size_t edited; /* heads */
    float
        *means; /* [head_count, width] what the run put in place of the heads, when it put means */
    size_t width; /* of a head; 0: no means */
    float *room;  /* [tokens, width of all heads] a copy of what lies on an accelerator */
    size_t room_size;
    int status;
    sal_error *err;
};

int sal_scorer_open(sal_model *model, sal_scorer **out, sal_error *err) {
    sal_scorer *scorer = sal_calloc(1, sizeof *scorer);
    if (scorer == NULL)
        return sal_fail_memory(err, "a scorer");
    scorer->model = model;
    *out = scorer;
    return SAL_OK;
}

void sal_scorer_close(sal_scorer *scorer) {
    if (scorer == NULL)
        return;
    sal_context_close(scorer->llama, scorer->cpu);
    sal_free(scorer->means);
    sal_free(scorer->room);
    sal_free(scorer);
}

/* ---- editing -------------------------------------------------------------------------------------- */

static bool wants(const sal_scorer *scorer, int layer) {
    for (size_t i = 0; i < scorer->head_count; i++)
        if (scorer->heads[i].layer == layer)
            return true;
    return false;
}

/* means [d] of the head, or NULL: not kept */
static void edit_head(const sal_scorer *scorer, float *data, size_t row, size_t d, size_t head,
                      float *means) {
    for (size_t i = 0; i < d; i++) {
        float *column = data + head * d + i;
        double sum = 0;
        for (size_t t = 0; scorer->how == SAL_EDIT_MEAN && t < scorer->tokens; t++)
            sum += (double)column[t * row];
        const float value = (float)(sum / (double)scorer->tokens);
        if (means != NULL)
            means[i] = value;
        for (size_t t = 0; t < scorer->tokens; t++)
            column[t * row] = value;
    }
}

static int edit_layer(sal_scorer *scorer, struct ggml_tensor *node, int layer) {
    const size_t H = (size_t)scorer->model->info.heads;
    const size_t row = (size_t)node->ne[0];
    const size_t bytes = ggml_nbytes(node);
    if (node->type != GGML_TYPE_F32 || row % H != 0 || (size_t)node->ne[1] != scorer->tokens ||
        !ggml_is_contiguous(node))
        return sal_fail(scorer->err, SAL_EUNSUPPORTED,
                        "%s: layer %d: the heads of %s models cannot be edited",
                        scorer->model->path, layer, scorer->model->architecture);
    if (bytes > scorer->room_size) {
        float *larger = sal_realloc(scorer->room, bytes, 1);
        if (larger == NULL)
            return sal_fail_memory(scorer->err, "the heads of a layer");
        scorer->room = larger;
        scorer->room_size = bytes;
    }
    if (scorer->how == SAL_EDIT_MEAN && scorer->means == NULL) {
        scorer->means = sal_calloc(scorer->head_count * (row / H), sizeof *scorer->means);
        if (scorer->means == NULL)
            return sal_fail_memory(scorer->err, "means of heads");
        scorer->width = row / H;
    }
    ggml_backend_tensor_get(node, scorer->room, 0, bytes);
    for (size_t i = 0; i < scorer->head_count; i++)
        if (scorer->heads[i].layer == layer) {
            edit_head(scorer, scorer->room, row, row / H, (size_t)scorer->heads[i].head,
                      row / H == scorer->width ? scorer->means + i * scorer->width : NULL);
            scorer->edited++;
        }
    ggml_backend_tensor_set(node, scorer->room, 0, bytes);
    return SAL_OK;
}

static bool on_node(struct ggml_tensor *node, bool ask, void *context) {
    sal_scorer *scorer = context;
    const int layer = scorer->head_count == 0 ? -1 : sal_llm_layer_of(node->name, "kqv_out");
    if (layer < 0 || !wants(scorer, layer))
        return !ask;
    if (ask)
        return true;
    if (scorer->status == SAL_OK)
        scorer->status = edit_layer(scorer, node, layer);
    return scorer->status == SAL_OK;
}

/* ---- the pass ------------------------------------------------------------------------------------- */

static bool cancelled(void *context) {
    const sal_scorer *scorer = context;
    return sal_progress_cancelled(scorer->progress);
}

/* A context of exactly one micro-batch for so many tokens and output rows, its memory empty. */
static int prepare(sal_scorer *scorer, size_t tokens, size_t outputs, sal_error *err) {
    const int wanted = (int)((tokens + STEP - 1) / STEP * STEP);
    if (scorer->llama != NULL && wanted <= scorer->context_tokens &&
        (int)outputs <= scorer->context_outputs) {
        llama_memory_clear(llama_get_memory(scorer->llama), true);
        return sal_context_steer(scorer->model, scorer->llama, &scorer->steered, err);
    }
    sal_context_close(scorer->llama, scorer->cpu);
    scorer->llama = NULL;
    scorer->cpu = NULL;
    scorer->context_tokens = wanted > scorer->context_tokens ? wanted : scorer->context_tokens;
    scorer->context_outputs =
        (int)outputs > scorer->context_outputs ? (int)outputs : scorer->context_outputs;
    struct llama_context_params params = llama_context_default_params();
    params.n_seq_max = 1;
    params.n_ctx = params.n_batch = params.n_ubatch = (uint32_t)scorer->context_tokens;
    params.n_outputs_max = (uint32_t)scorer->context_outputs;
    params.n_threads = params.n_threads_batch = scorer->model->threads;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.swa_full = true;
    params.cb_eval = on_node;
    params.cb_eval_user_data = scorer;
    params.abort_callback = cancelled;
    params.abort_callback_data = scorer;
    params.no_perf = true;
    if (scorer->model->on_processor) {
        params.offload_kqv = false;
        params.op_offload = false;
    }
    int status = sal_context_open(scorer->model, params, false, &scorer->llama, &scorer->cpu, err);
    scorer->steered = 0;
    if (status == SAL_OK)
        return sal_context_steer(scorer->model, scorer->llama, &scorer->steered, err);
    scorer->context_tokens = scorer->context_outputs = 0;
    return status;
}

static int decode(sal_scorer *scorer, const int32_t *tokens, size_t T, size_t from,
                  sal_error *err) {
    struct llama_batch batch = llama_batch_init((int32_t)T, 0, 1);
    if (batch.token == NULL)
        return sal_fail_memory(err, "a batch");
    for (size_t i = 0; i < T; i++) {
        batch.token[i] = tokens[i];
        batch.pos[i] = (llama_pos)i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = i + 1 >= from && i + 1 < T;
    }
    batch.n_tokens = (int32_t)T;
    sal_llm_log_clear();
    const int32_t result = llama_decode(scorer->llama, batch);
    llama_batch_free(batch);
    if (scorer->status != SAL_OK)
        return scorer->status;
    if (result == 2)
        return sal_fail(err, SAL_ECANCELLED, "cancelled");
    if (result != 0)
        return sal_fail(err, SAL_EMODEL, "%s: libllama failed on %zu tokens (code %d): %s",
                        scorer->model->path, T, result, sal_llm_log_error());
    if (scorer->edited != scorer->head_count)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: %zu of %zu heads were found; %s models do not show all of them",
                        scorer->model->path, scorer->edited, scorer->head_count,
                        scorer->model->architecture);
    return SAL_OK;
}

/* ln of the softmax's share of a token. */
static double log_share(const float *logits, size_t count, int32_t token) {
    double largest = (double)logits[0];
    double sum = 0; /* 1 and more: the largest is among them */
    for (size_t i = 1; i < count; i++)
        largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < count; i++)
        sum += exp((double)logits[i] - largest);
    return (double)logits[token] - largest - (sum > 0 ? log(sum) : 0);
}

static int check(const sal_scorer *scorer, const int32_t *tokens, size_t T, size_t from,
                 const sal_head_place *heads, size_t count, sal_error *err) {
    const sal_model_info *info = &scorer->model->info;
    if (scorer->model->vocabulary_only)
        return sal_fail(err, SAL_EINVAL, "%s was opened for its vocabulary only",
                        scorer->model->path);
    if (from < 1 || from >= T)
        return sal_fail(err, SAL_EINVAL, "a continuation from token %zu of %zu", from, T);
    if (T > (size_t)info->context_trained)
        return sal_fail(err, SAL_ELIMIT,
                        "too long for the model: the text has %zu tokens; the context holds %d", T,
                        info->context_trained);
    for (size_t i = 0; i < T; i++)
        if (tokens[i] < 0 || tokens[i] >= info->vocabulary)
            return sal_fail(err, SAL_EINVAL, "token %zu is %d; the vocabulary has %d", i, tokens[i],
                            info->vocabulary);
    for (size_t i = 0; i < count; i++)
        if (heads[i].layer < 0 || heads[i].layer >= info->layers || heads[i].head < 0 ||
            heads[i].head >= info->heads)
            return sal_fail(err, SAL_EINVAL,
                            "head %d of layer %d; the model has %d layers of %d heads",
                            heads[i].head, heads[i].layer, info->layers, info->heads);
    return SAL_OK;
}

int sal_scorer_run(sal_scorer *scorer, const int32_t *tokens, size_t T, size_t from,
                   const sal_head_place *heads, size_t count, sal_head_edit how,
                   double *log_likelihood, const sal_progress *progress, sal_error *err) {
    int status = check(scorer, tokens, T, from, heads, count, err);
    scorer->progress = progress;
    if (status == SAL_OK)
        status = prepare(scorer, T, T - from, err);
    if (status != SAL_OK)
        return status;
    sal_free(scorer->means);
    scorer->means = NULL;
    scorer->width = 0;
    scorer->heads = heads;
    scorer->head_count = count;
    scorer->how = how;
    scorer->tokens = T;
    scorer->edited = 0;
    scorer->status = SAL_OK;
    scorer->err = err;
    status = decode(scorer, tokens, T, from, err);
    double sum = 0;
    for (size_t i = from; status == SAL_OK && i < T; i++) {
        const float *logits = llama_get_logits_ith(scorer->llama, (int32_t)(i - 1));
        if (logits == NULL)
            status = sal_fail(err, SAL_EMODEL, "%s: no logits for token %zu", scorer->model->path,
                              i - 1);
        else
            sum += log_share(logits, (size_t)scorer->model->info.vocabulary, tokens[i]);
    }
    if (status == SAL_OK)
        *log_likelihood = sum;
    return status;
}

const float *sal_scorer_means(const sal_scorer *scorer, size_t *width) {
    *width = scorer->width;
    return scorer->means;
}
