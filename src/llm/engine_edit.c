/* Generation while heads are edited: what scorer.c does for one text, for everything an engine computes, prompts and new tokens alike.
 * A head's numbers in kqv_out-<layer> are replaced by constants, so it does not matter how libllama cuts batches. */
#include <ggml-backend.h>
#include <string.h>

#include "engine_internal.h"

static int edit_node(const sal_engine *engine, struct ggml_tensor *node, const sal_head_place *head,
                     const float *outputs, sal_error *err) {
    const size_t H = (size_t)engine->model->info.heads;
    const size_t width = (size_t)node->ne[0] / H;
    if (node->type != GGML_TYPE_F32 || (size_t)node->ne[0] % H != 0 || node->ne[2] != 1 ||
        node->nb[0] != sizeof(float) || width != engine->edit.width)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: layer %d: the heads of %s models cannot be edited",
                        engine->model->path, head->layer, engine->model->architecture);
    for (int64_t token = 0; token < node->ne[1]; token++)
        ggml_backend_tensor_set(
            node, outputs, (size_t)token * node->nb[1] + (size_t)head->head * width * sizeof(float),
            width * sizeof(float));
    return SAL_OK;
}

/* Zeros whose number the caller need not know. */
static int make_zeros(sal_engine *engine, const struct ggml_tensor *node) {
    sal_engine_edits *edit = &engine->edit;
    if (edit->outputs != NULL)
        return SAL_OK;
    edit->width = (size_t)node->ne[0] / (size_t)engine->model->info.heads;
    edit->outputs = sal_calloc(edit->count * edit->width, sizeof *edit->outputs);
    return edit->outputs != NULL ? SAL_OK : sal_fail_memory(&edit->error, "edits of heads");
}

bool sal_engine_on_node(struct ggml_tensor *node, bool ask, void *context) {
    sal_engine *engine = context;
    sal_engine_edits *edit = &engine->edit;
    const int layer = edit->count == 0 ? -1 : sal_llm_layer_of(node->name, "kqv_out");
    bool wanted = false;
    for (size_t i = 0; layer >= 0 && i < edit->count; i++) {
        if (edit->heads[i].layer != layer)
            continue;
        wanted = true;
        if (!ask && edit->status == SAL_OK)
            edit->status = make_zeros(engine, node);
        if (!ask && edit->status == SAL_OK) {
            edit->status = edit_node(engine, node, &edit->heads[i], edit->outputs + i * edit->width,
                                     &edit->error);
            edit->done++;
        }
    }
    return ask ? wanted : edit->status == SAL_OK;
}

int sal_engine_check_edits(sal_engine *engine, sal_error *err) {
    sal_engine_edits *edit = &engine->edit;
    if (edit->count == 0)
        return SAL_OK;
    if (edit->status != SAL_OK)
        return sal_fail(err, edit->status, "%s", edit->error.text);
    if (edit->done == 0 || edit->done % edit->count != 0)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: %zu heads of %zu were found; %s models do not show all of them",
                        engine->model->path, edit->done % edit->count, edit->count,
                        engine->model->architecture);
    edit->done = 0;
    return SAL_OK;
}

void sal_engine_forget_edits(sal_engine *engine) {
    sal_free(engine->edit.heads);
    sal_free(engine->edit.outputs);
    engine->edit = (sal_engine_edits){0};
}

int sal_engine_edit(sal_engine *engine, const sal_head_place *heads, size_t count,
                    const float *outputs, size_t width, sal_error *err) {
    const sal_model_info *info = &engine->model->info;
    if (!engine->options.editable)
        return sal_fail(err, SAL_EINVAL, "the engine was not opened to have heads edited");
    for (size_t i = 0; i < count; i++)
        if (heads[i].layer < 0 || heads[i].layer >= info->layers || heads[i].head < 0 ||
            heads[i].head >= info->heads)
            return sal_fail(err, SAL_EINVAL,
                            "head %d of layer %d; the model has %d layers of %d heads",
                            heads[i].head, heads[i].layer, info->layers, info->heads);
    sal_engine_forget_edits(engine);
    if (count == 0)
        return SAL_OK;
    engine->edit.heads = sal_calloc(count, sizeof *heads);
    if (outputs != NULL)
        engine->edit.outputs = sal_calloc(count * width, sizeof *outputs);
    if (engine->edit.heads == NULL || (outputs != NULL && engine->edit.outputs == NULL)) {
        sal_engine_forget_edits(engine);
        return sal_fail_memory(err, "edits of heads");
    }
    memcpy(engine->edit.heads, heads, count * sizeof *heads);
    if (outputs != NULL)
        memcpy(engine->edit.outputs, outputs, count * width * sizeof *outputs);
    engine->edit.count = count;
    engine->edit.width = width;
    return SAL_OK;
}
