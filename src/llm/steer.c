/* Control vectors: libllama adds a direction to the output of a block, in every context that was told so. A model keeps the direction and
 * counts its changes; its contexts look before they compute whether theirs is still the one. */
#include <string.h>

#include <ggml.h>
#include <gguf.h>

#include "llm_internal.h"
#include "salient/file.h"
#include "salient/steer.h"

enum { FIRST_STATE = 2 };

static int check_state(int state, sal_error *err) {
    return state >= FIRST_STATE
               ? SAL_OK
               : sal_fail(err, SAL_EINVAL,
                          "state %d cannot be steered: a control vector's direction.%d would be "
                          "added to it, and llama.cpp knows them from direction.1 on; states from "
                          "%d on can",
                          state, state - 1, FIRST_STATE);
}

int sal_model_steer(sal_model *model, int state, const float *direction, size_t width,
                    sal_error *err) {
    const size_t D = (size_t)model->info.width;
    float *data = NULL;
    if (direction != NULL) {
        int status = check_state(state, err);
        if (status != SAL_OK)
            return status;
        if (state > model->info.layers || width != D)
            return sal_fail(err, SAL_EINVAL,
                            "a direction of %zu numbers for state %d; %s has states of %zu up to "
                            "%d",
                            width, state, model->path, D, model->info.layers);
        /* libllama reads rows from direction.1 on, of all layers up to the last. */
        data = sal_calloc((size_t)model->info.layers - 1, D * sizeof *data);
        if (data == NULL)
            return sal_fail_memory(err, "a direction");
        memcpy(data + (size_t)(state - FIRST_STATE) * D, direction, D * sizeof *data);
    }
    sal_free(model->steering.data);
    model->steering.data = data;
    model->steering.block = direction == NULL ? -1 : state - 1;
    model->steering.version++;
    return SAL_OK;
}

int sal_context_steer(const sal_model *model, struct llama_context *context, uint64_t *seen,
                      sal_error *err) {
    const sal_steering *steering = &model->steering;
    const size_t numbers = (size_t)(model->info.layers - 1) * (size_t)model->info.width;
    if (*seen == steering->version)
        return SAL_OK;
    sal_llm_log_clear();
    const int32_t result =
        steering->data == NULL
            ? llama_set_adapter_cvec(context, NULL, 0, 0, -1, -1)
            : llama_set_adapter_cvec(context, steering->data, numbers, model->info.width,
                                     steering->block, steering->block);
    if (result != 0)
        return sal_fail(err, SAL_EMODEL, "%s: libllama takes no control vector: %s", model->path,
                        sal_llm_log_error());
    *seen = steering->version;
    return SAL_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static int write_gguf(const struct gguf_context *gguf, const struct ggml_tensor *tensor,
                      const sal_sink *sink, sal_error *err) {
    static const char zeros[256] = {0};
    const size_t length = gguf_get_meta_size(gguf), bytes = ggml_nbytes(tensor);
    const size_t alignment = gguf_get_alignment(gguf);
    char *meta = sal_calloc(length, 1);
    if (meta == NULL)
        return sal_fail_memory(err, "a control vector");
    gguf_get_meta_data(gguf, meta);
    int status = sal_sink_write(sink, meta, length, err);
    if (status == SAL_OK)
        status = sal_sink_write(sink, tensor->data, bytes, err);
    if (status == SAL_OK && bytes % alignment != 0)
        status = sal_sink_write(sink, zeros, alignment - bytes % alignment, err);
    sal_free(meta);
    return status;
}

static int write_file(const char *path, const struct gguf_context *gguf,
                      const struct ggml_tensor *tensor, sal_error *err) {
    sal_output *output = NULL;
    int status = sal_output_open(path, &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    status = write_gguf(gguf, tensor, &sink, err);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

int sal_control_vector_write(const char *path, const char *model_hint, int state,
                             const float *direction, size_t width, sal_error *err) {
    int status = check_state(state, err);
    if (status != SAL_OK)
        return status;
    sal_llm_start();
    struct ggml_context *room = ggml_init((struct ggml_init_params){
        .mem_size = ggml_tensor_overhead() + width * sizeof(float) + 256});
    struct gguf_context *gguf = gguf_init_empty();
    if (room == NULL || gguf == NULL)
        status = sal_fail_memory(err, "a control vector");
    if (status == SAL_OK) {
        struct ggml_tensor *tensor = ggml_new_tensor_1d(room, GGML_TYPE_F32, (int64_t)width);
        ggml_format_name(tensor, "direction.%d", state - 1);
        memcpy(tensor->data, direction, width * sizeof(float));
        gguf_set_val_str(gguf, "general.architecture", "controlvector");
        gguf_set_val_str(gguf, "controlvector.model_hint", model_hint);
        gguf_set_val_i32(gguf, "controlvector.layer_count", 1);
        gguf_add_tensor(gguf, tensor);
        status = write_file(path, gguf, tensor, err);
    }
    if (gguf != NULL)
        gguf_free(gguf);
    if (room != NULL)
        ggml_free(room);
    return status;
}
