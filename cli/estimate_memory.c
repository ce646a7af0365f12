#include "estimate_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "salient/file.h"

enum {
    MICRO_BATCH = 512, /* tokens computed at once */
    ROW_FLOATS =
        16, /* floats a token and number of its width, in all buffers of a layer: measured 12 to 15 */
    SEQUENCES = 16,
    MEMINFO_LIMIT = 1 << 20
};

/* Bits of a weight, as the files of an 8-billion model have them; the embeddings keep more than the rest. */
static const struct {
    const char *name;
    double bits;
} quantisations[] = {{"Q8_0", 8.5},    {"Q6_K", 6.56},   {"Q5_K_M", 5.7},
                     {"Q4_K_M", 4.89}, {"Q3_K_M", 4.02}, {"Q2_K", 3.16}};

int model_memory_read(const char *path, struct model_memory *out, sal_error *err) {
    const sal_model_options vocabulary = {.vocabulary_only = true};
    sal_model *model = NULL;
    int status = guard_model(path, err);
    if (status == 0) {
        status = sal_model_open(path, &vocabulary, &model, err);
    }
    if (status != 0) {
        return status;
    }
    const sal_model_info *info = sal_model_describe(model);
    const int64_t width = info->width, heads = info->heads > 0 ? info->heads : 1;
    *out = (struct model_memory){
        .weights = (int64_t)info->bytes,
        .cell = (int64_t)info->layers * info->heads_kv * (width / heads) * 2 * 2,
        .buffers = (int64_t)MICRO_BATCH * ROW_FLOATS * width * 4 +
                   (int64_t)SEQUENCES * info->vocabulary * 4,
        .parameters = (double)info->parameters,
        .context = info->context_trained,
    };
    (void)snprintf(out->type, sizeof out->type, "%.99s", info->type);
    sal_model_close(model);
    return 0;
}

int64_t model_memory_least(const struct model_memory *model, int64_t cells) {
    return model->weights + model->cell * cells + model->buffers;
}

const char *model_memory_fitting(const struct model_memory *model, int64_t cells, int64_t memory,
                                 int64_t *bytes) {
    for (size_t q = 0; q < sizeof quantisations / sizeof quantisations[0]; q++) {
        struct model_memory smaller = *model;
        smaller.weights = (int64_t)(model->parameters * quantisations[q].bits / 8);
        *bytes = model_memory_least(&smaller, cells);
        if (smaller.weights < model->weights && *bytes <= memory - memory / 10) {
            return quantisations[q].name;
        }
    }
    return NULL;
}

int64_t memory_available(void) {
    sal_buffer text = {0};
    int64_t bytes = 0;
    if (sal_file_read_all("/proc/meminfo", MEMINFO_LIMIT, &text, NULL) == 0) {
        const char *line = text.bytes == NULL ? NULL : strstr(text.bytes, "MemAvailable:");
        bytes = line == NULL ? 0 : strtoll(line + strlen("MemAvailable:"), NULL, 10) * 1024;
    }
    sal_buffer_free(&text);
    return bytes;
}
