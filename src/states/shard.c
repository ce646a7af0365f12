/* The file of one document: rows come layer by layer, some at a time, so that the states of one layer are all that is in memory. */
#include <string.h>

#include "io/half.h"
#include "states/states_internal.h"

enum { TENSORS = 5, TEXTS = 6, BLOCK_BYTES = 1 << 20 };

/* Words, each followed by a newline. */
static int join_words(const state_words *words, sal_buffer *out, sal_error *err) {
    int status = SAL_OK;
    for (size_t w = 0; status == SAL_OK && w < words->count; w++) {
        status = sal_buffer_add_string(out, words->words[w], err);
        if (status == SAL_OK)
            status = sal_buffer_add(out, "\n", 1, err);
    }
    return status;
}

/* pooled [W,D] of the s-th layer. block: room for block_rows rows */
static int pool_layer(const state_rows *rows, size_t s, const state_words *words,
                      sal_pooling pooling, float *block, size_t block_rows, float *pooled,
                      sal_error *err) {
    int status = SAL_OK;
    memset(pooled, 0, words->count * rows->D * sizeof *pooled);
    for (size_t first = 0; status == SAL_OK && first < rows->P; first += block_rows) {
        const size_t count = rows->P - first < block_rows ? rows->P - first : block_rows;
        status = sal_spool_read(rows->spool, (s * rows->P + first) * rows->D * sizeof *block, block,
                                count * rows->D * sizeof *block, err);
        if (status == SAL_OK)
            state_words_pool(words, pooling, first, count, block, rows->D, pooled);
    }
    return status;
}

static int add_states(sal_safetensors_writer *writer, const sal_states_options *options,
                      const state_words *words, const state_rows *rows, size_t layer_count,
                      sal_error *err) {
    const size_t count = words->count * rows->D;
    const size_t block_rows = 1 + BLOCK_BYTES / (rows->D * sizeof(float));
    float *pooled = sal_calloc(count, sizeof *pooled);
    float *block = sal_calloc(block_rows, rows->D * sizeof *block);
    uint16_t *halves = options->dtype == SAL_F16 ? sal_calloc(count, sizeof *halves) : NULL;
    int status = SAL_OK;
    if (pooled == NULL || block == NULL || (options->dtype == SAL_F16 && halves == NULL))
        status = sal_fail_memory(err, "the states of a document");
    for (size_t s = 0; status == SAL_OK && s < layer_count; s++) {
        status = pool_layer(rows, s, words, options->pooling, block, block_rows, pooled, err);
        if (status != SAL_OK)
            break;
        if (halves != NULL)
            sal_half_from_floats(pooled, count, halves);
        status = sal_safetensors_add(
            writer, halves != NULL ? (const void *)halves : (const void *)pooled,
            count * (halves != NULL ? sizeof *halves : sizeof *pooled), err);
    }
    sal_free(pooled);
    sal_free(block);
    sal_free(halves);
    return status;
}

int state_shard_write(const char *path, const sal_states_options *options,
                      const sal_document *document, const state_words *words,
                      const state_rows *rows, const size_t *layers, size_t layer_count,
                      const char *const metadata[4], sal_error *err) {
    const size_t W = words->count;
    sal_safetensors_writer *writer = NULL;
    sal_buffer list = {0};
    int32_t *numbers = sal_calloc(layer_count, sizeof *numbers);
    int status = numbers == NULL ? sal_fail_memory(err, "layers") : join_words(words, &list, err);
    for (size_t s = 0; numbers != NULL && s < layer_count; s++)
        numbers[s] = (int32_t)layers[s];
    const sal_tensor tensors[TENSORS] = {
        {.name = "states", .dtype = options->dtype, .axes = 3, .shape = {layer_count, W, rows->D}},
        {.name = "layers", .dtype = SAL_I32, .axes = 1, .shape = {layer_count}, .data = numbers},
        {.name = "first", .dtype = SAL_I32, .axes = 1, .shape = {W}, .data = words->first},
        {.name = "frequency", .dtype = SAL_I32, .axes = 1, .shape = {W}, .data = words->frequency},
        {.name = "words", .dtype = SAL_U8, .axes = 1, .shape = {list.length}, .data = list.bytes},
    };
    const sal_metadata texts[TEXTS] = {{"corpus", document->corpus}, {"document", document->id},
                                       {"model", metadata[0]},       {"protocol", metadata[1]},
                                       {"weights", metadata[2]},     {"pooling", metadata[3]}};
    if (status == SAL_OK)
        status = sal_safetensors_begin(path, tensors, TENSORS, texts, TEXTS, &writer, err);
    while (status == SAL_OK && sal_safetensors_next(writer) < TENSORS) {
        const size_t next = sal_safetensors_next(writer);
        const sal_tensor *tensor = &tensors[next];
        status = next == 0
                     ? add_states(writer, options, words, rows, layer_count, err)
                     : sal_safetensors_add(writer, tensor->data,
                                           tensor->shape[0] * sal_dtype_bytes(tensor->dtype), err);
    }
    if (status == SAL_OK)
        status = sal_safetensors_commit(writer, err);
    else
        sal_safetensors_discard(writer);
    sal_buffer_free(&list);
    sal_free(numbers);
    return status;
}
