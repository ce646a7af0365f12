/* The random-weights control: a model's shape and tokenizer with weights drawn as transformers draws them for a fresh configuration
 * (METHODS 4): matrices and embeddings N(0, 0.02), biases 0, norms 1, rotary factors kept.
 *
 * Tensors are written one after the other, a block at a time, so memory does not grow with the model. Each tensor has a seed of its own,
 * from the seed asked for and its name: values do not depend on the order of tensors. Matrices are stored as f16. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <ggml.h>
#include <gguf.h>

#include "llm_internal.h"
#include "salient/file.h"
#include "salient/random.h"

enum { BLOCK = 1 << 16, LLAMA_3_VOCABULARY = 128256 };

static const double spread = 0.02; /* initializer_range of the published configurations */

typedef enum fate { DRAWN, ZERO, ONE, KEPT } fate;

typedef struct plan {
    const char *path;
    struct gguf_context *source;
    struct ggml_context *shapes;
    struct gguf_context *target;
    uint64_t seed;
    bool keep_embeddings;
    int64_t zero_row; /* of the embeddings; -1: none */
    FILE *file;       /* the source, for tensors that are kept */
    float *values;    /* [BLOCK] */
    ggml_fp16_t *halves;
} plan;

static bool ends_with(const char *text, const char *end) {
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* What becomes of a tensor. */
static int decide(const plan *work, const struct ggml_tensor *tensor, fate *out, sal_error *err) {
    const char *name = tensor->name;
    const bool matrix = ggml_n_dims(tensor) > 1;
    if (strncmp(name, "rope_", 5) == 0 || strstr(name, ".rope_") != NULL ||
        (work->keep_embeddings && strcmp(name, "token_embd.weight") == 0))
        *out = KEPT;
    else if (ends_with(name, ".bias"))
        *out = ZERO;
    else if (strstr(name, "norm") != NULL && ends_with(name, ".weight"))
        *out = ONE;
    else if (matrix && ends_with(name, ".weight"))
        *out = DRAWN;
    else
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: it is not known how a fresh model sets the tensor %s", work->path,
                        name);
    return SAL_OK;
}

/* transformers zeroes the row of pad_token_id where the configuration sets one. A GGUF file names the tokenizer's padding token, which
 * Qwen2 and Llama 3 have without the configuration setting it. */
static int64_t find_zero_row(const struct gguf_context *gguf,
                             const struct ggml_tensor *embeddings) {
    const int64_t key = gguf_find_key(gguf, "tokenizer.ggml.padding_token_id");
    const int64_t name = gguf_find_key(gguf, "general.architecture");
    if (key < 0 || gguf_get_kv_type(gguf, key) != GGUF_TYPE_UINT32 || embeddings == NULL ||
        name < 0 || gguf_get_kv_type(gguf, name) != GGUF_TYPE_STRING ||
        strncmp(gguf_get_val_str(gguf, name), "qwen", 4) == 0 ||
        embeddings->ne[1] == LLAMA_3_VOCABULARY)
        return -1;
    const int64_t row = gguf_get_val_u32(gguf, key);
    return row < embeddings->ne[1] ? row : -1;
}

static int plan_tensors(plan *work, sal_error *err) {
    int status = SAL_OK;
    gguf_set_kv(work->target, work->source);
    gguf_set_val_u32(work->target, "general.file_type", LLAMA_FTYPE_MOSTLY_F16);
    gguf_set_val_u64(work->target, "salient.random.seed", work->seed);
    gguf_set_val_bool(work->target, "salient.random.keep_embeddings", work->keep_embeddings);
    for (int64_t i = 0; status == SAL_OK && i < gguf_get_n_tensors(work->source); i++) {
        const char *name = gguf_get_tensor_name(work->source, i);
        const struct ggml_tensor *tensor = ggml_get_tensor(work->shapes, name);
        fate what = KEPT;
        status = decide(work, tensor, &what, err);
        if (status != SAL_OK)
            break;
        gguf_add_tensor(work->target, tensor);
        if (what != KEPT)
            gguf_set_tensor_type(work->target, name, what == DRAWN ? GGML_TYPE_F16 : GGML_TYPE_F32);
    }
    work->zero_row =
        find_zero_row(work->source, ggml_get_tensor(work->shapes, "token_embd.weight"));
    return status;
}

/* Two normal numbers from two uniform ones (Box and Muller 1958). */
static void draw_normal(float *values, size_t count, sal_random *random) {
    for (size_t i = 0; i < count; i += 2) {
        const double radius = spread * sqrt(-2 * log(1 - sal_random_uniform(random)));
        const double angle = 2 * 3.14159265358979323846 * sal_random_uniform(random);
        values[i] = (float)(radius * cos(angle));
        if (i + 1 < count)
            values[i + 1] = (float)(radius * sin(angle));
    }
}

static int write_drawn(const plan *work, const struct ggml_tensor *tensor, const sal_sink *sink,
                       sal_error *err) {
    sal_random random;
    const int64_t count = ggml_nelements(tensor), width = tensor->ne[0];
    const bool embeddings = strcmp(tensor->name, "token_embd.weight") == 0;
    const int64_t zero = embeddings && work->zero_row >= 0 ? work->zero_row * width : count;
    int status = SAL_OK;
    sal_random_seed(&random, sal_seed_derive(work->seed, "tensor", tensor->name, 0, 0));
    for (int64_t start = 0; status == SAL_OK && start < count; start += BLOCK) {
        const size_t block = (size_t)(count - start < BLOCK ? count - start : BLOCK);
        draw_normal(work->values, block, &random);
        for (size_t i = 0; i < block; i++)
            if (start + (int64_t)i >= zero && start + (int64_t)i < zero + width)
                work->values[i] = 0;
        ggml_fp32_to_fp16_row(work->values, work->halves, (int64_t)block);
        status =
            sal_sink_write(sink, (const char *)work->halves, block * sizeof *work->halves, err);
    }
    return status;
}

static int write_constant(const plan *work, const struct ggml_tensor *tensor, float value,
                          const sal_sink *sink, sal_error *err) {
    const int64_t count = ggml_nelements(tensor);
    int status = SAL_OK;
    for (size_t i = 0; i < BLOCK; i++)
        work->values[i] = value;
    for (int64_t start = 0; status == SAL_OK && start < count; start += BLOCK) {
        const size_t block = (size_t)(count - start < BLOCK ? count - start : BLOCK);
        status = sal_sink_write(sink, (const char *)work->values, block * sizeof(float), err);
    }
    return status;
}

static int write_kept(const plan *work, int64_t number, const sal_sink *sink, sal_error *err) {
    size_t left = gguf_get_tensor_size(work->source, number);
    const size_t offset =
        gguf_get_data_offset(work->source) + gguf_get_tensor_offset(work->source, number);
    const size_t room = BLOCK * sizeof *work->values;
    int status = SAL_OK;
    if (fseeko(work->file, (off_t)offset, SEEK_SET) != 0)
        return sal_fail(err, SAL_EIO, "%s: cannot be read at byte %zu", work->path, offset);
    while (status == SAL_OK && left > 0) {
        const size_t part = left < room ? left : room;
        if (fread(work->values, 1, part, work->file) != part)
            return sal_fail(err, SAL_EIO, "%s: ends inside a tensor", work->path);
        status = sal_sink_write(sink, (const char *)work->values, part, err);
        left -= part;
    }
    return status;
}

static int write_padding(const plan *work, size_t size, const sal_sink *sink, sal_error *err) {
    static const char zeros[256] = {0};
    const size_t alignment = gguf_get_alignment(work->target);
    size_t left = (alignment - size % alignment) % alignment;
    int status = SAL_OK;
    for (; status == SAL_OK && left > 0; left -= left < sizeof zeros ? left : sizeof zeros)
        status = sal_sink_write(sink, zeros, left < sizeof zeros ? left : sizeof zeros, err);
    return status;
}

static int write_tensor(const plan *work, int64_t number, const sal_sink *sink, sal_error *err) {
    const struct ggml_tensor *tensor =
        ggml_get_tensor(work->shapes, gguf_get_tensor_name(work->source, number));
    fate what = KEPT;
    int status = decide(work, tensor, &what, err);
    if (status != SAL_OK)
        return status;
    if (what == DRAWN)
        status = write_drawn(work, tensor, sink, err);
    else if (what == KEPT)
        status = write_kept(work, number, sink, err);
    else
        status = write_constant(work, tensor, what == ONE ? 1 : 0, sink, err);
    return status == SAL_OK
               ? write_padding(work, gguf_get_tensor_size(work->target, number), sink, err)
               : status;
}

static int write_header(const plan *work, const sal_sink *sink, sal_error *err) {
    const size_t length = gguf_get_meta_size(work->target);
    char *bytes = sal_calloc(length, 1);
    if (bytes == NULL)
        return sal_fail_memory(err, "the header of a model");
    gguf_get_meta_data(work->target, bytes);
    const int status = sal_sink_write(sink, bytes, length, err);
    sal_free(bytes);
    return status;
}

static int write_file(const plan *work, const char *out, sal_error *err) {
    sal_output *output = NULL;
    int status = sal_output_open(out, &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    status = write_header(work, &sink, err);
    for (int64_t i = 0; status == SAL_OK && i < gguf_get_n_tensors(work->source); i++)
        status = write_tensor(work, i, &sink, err);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

static int open_source(plan *work, sal_error *err) {
    sal_gguf_facts facts = {0};
    char **files = NULL;
    size_t count = 0;
    int status = sal_model_files(work->path, &files, &count, err);
    sal_strings_free(files, count);
    if (status == SAL_OK && count != 1)
        status = sal_fail(err, SAL_EUNSUPPORTED,
                          "%s: is one of %zu parts of a model; merge them into one file first",
                          work->path, count);
    if (status == SAL_OK)
        status = sal_gguf_check(work->path, true, &facts, err);
    if (status != SAL_OK)
        return status;
    work->source = gguf_init_from_file(
        work->path, (struct gguf_init_params){.no_alloc = true, .ctx = &work->shapes});
    work->target = gguf_init_empty();
    work->values = sal_calloc(BLOCK, sizeof *work->values);
    work->halves = sal_calloc(BLOCK, sizeof *work->halves);
    work->file = fopen(work->path, "rb");
    if (work->file == NULL)
        return sal_fail(err, SAL_EIO, "%s: %s", work->path, strerror(errno));
    if (work->source == NULL || work->target == NULL || work->values == NULL ||
        work->halves == NULL)
        return sal_fail_memory(err, "a model's header");
    return SAL_OK;
}

static bool is_same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int sal_model_randomize(const char *in, const char *out, uint64_t seed, bool keep_embeddings,
                        sal_error *err) {
    plan work = {.path = in, .seed = seed, .keep_embeddings = keep_embeddings};
    sal_llm_start();
    if (is_same_file(in, out))
        return sal_fail(err, SAL_EINVAL,
                        "%s: the random model cannot replace the one it is made from; give another "
                        "name",
                        out);
    int status = open_source(&work, err);
    if (status == SAL_OK)
        status = plan_tensors(&work, err);
    if (status == SAL_OK)
        status = write_file(&work, out, err);
    if (work.file != NULL)
        (void)fclose(work.file);
    sal_free(work.values);
    sal_free(work.halves);
    if (work.target != NULL)
        gguf_free(work.target);
    if (work.source != NULL)
        gguf_free(work.source);
    if (work.shapes != NULL)
        ggml_free(work.shapes);
    return status;
}
