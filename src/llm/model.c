#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "llm_internal.h"

/* ---- files of a split: name-00001-of-00003.gguf ------------------------------------------------- */

enum { SPLIT_SUFFIX = 20 }; /* "-00001-of-00003.gguf" */

static bool five_digits(const char *text, int *value) {
    *value = 0;
    for (int i = 0; i < 5; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

/* Whether a path is named as a part of a split, and of how many. */
static bool split_name(const char *path, int *parts) {
    size_t length = strlen(path);
    int part = 0;
    if (length < SPLIT_SUFFIX)
        return false;
    const char *suffix = path + length - SPLIT_SUFFIX;
    return suffix[0] == '-' && five_digits(suffix + 1, &part) &&
           memcmp(suffix + 6, "-of-", 4) == 0 && five_digits(suffix + 10, parts) &&
           strcmp(suffix + 15, ".gguf") == 0 && part >= 1 && part <= *parts;
}

int sal_model_files(const char *path, char ***paths, size_t *count, sal_error *err) {
    int parts = 1;
    bool split = split_name(path, &parts);
    size_t total = split ? (size_t)parts : 1;
    int status = SAL_OK;
    char **list = sal_calloc(total, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "the names of a model's files");
    for (size_t i = 0; status == SAL_OK && i < total; i++) {
        sal_buffer name = {0};
        if (split)
            status = sal_buffer_add_format(&name, err, "%.*s-%05zu-of-%05d.gguf",
                                           (int)(strlen(path) - SPLIT_SUFFIX), path, i + 1, parts);
        else
            status = sal_buffer_add_string(&name, path, err);
        list[i] = name.bytes;
        if (status == SAL_OK && access(list[i], F_OK) != 0)
            status =
                split ? sal_fail(err, SAL_ENOTFOUND, "%s: part %zu of %d of the model is not there",
                                 list[i], i + 1, parts)
                      : sal_fail(err, SAL_ENOTFOUND, "%s: no such file", path);
    }
    if (status != SAL_OK) {
        sal_strings_free(list, total);
        return status;
    }
    *paths = list;
    *count = total;
    return SAL_OK;
}

/* ---- description ---------------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* "llama 135M Q4_1". libllama guesses the size from the number of layers and gets small models wrong. */
static int describe_type(sal_model *model, const sal_gguf_facts *facts, sal_error *err) {
    char size[64], text[256];
    double millions = (double)facts->parameters / 1e6;
    if (facts->size_label[0] != '\0')
        (void)snprintf(size, sizeof size, "%s", facts->size_label);
    else if (millions < 1000)
        (void)snprintf(size, sizeof size, "%.3gM", millions);
    else
        (void)snprintf(size, sizeof size, "%.3gB", millions / 1000);
    (void)snprintf(text, sizeof text, "%s %s %s", facts->architecture, size,
                   facts->file_type >= 0 ? llama_ftype_name((enum llama_ftype)facts->file_type)
                                         : "unknown type");
    model->type = sal_copy_string(text);
    return model->type != NULL ? SAL_OK : sal_fail_memory(err, "a model's description");
}

static int describe(sal_model *model, const sal_gguf_facts *facts, sal_error *err) {
    const char *chat_template = llama_model_chat_template(model->llama, NULL);
    model->name = sal_copy_string(facts->name[0] != '\0' ? facts->name : base_name(model->path));
    model->architecture = sal_copy_string(facts->architecture);
    model->size_label = sal_copy_string(facts->size_label);
    model->chat_template = sal_copy_string(chat_template != NULL ? chat_template : "");
    if (model->name == NULL || model->architecture == NULL || model->size_label == NULL ||
        model->chat_template == NULL)
        return sal_fail_memory(err, "a model's description");
    int status = describe_type(model, facts, err);
    if (status != SAL_OK)
        return status;
    const struct llama_chat_message probe[] = {{"system", "s"}, {"user", "u"}};
    model->info = (sal_model_info){
        .path = model->path,
        .name = model->name,
        .architecture = model->architecture,
        .type = model->type,
        .backend = model->backend,
        .size_label = model->size_label,
        .chat_template = model->chat_template,
        .chat_template_known =
            model->chat_template[0] != '\0' &&
            llama_chat_apply_template(model->chat_template, probe, 2, true, NULL, 0) >= 0,
        .layers = facts->layers,
        .heads = facts->heads,
        .heads_kv = facts->heads_kv,
        .width = facts->width,
        .vocabulary = llama_vocab_n_tokens(model->vocab),
        .context_trained = facts->context_trained,
        .parameters = facts->parameters,
        .bytes = facts->bytes,
    };
    return SAL_OK;
}

static int list_controls(sal_model *model, sal_error *err) {
    int32_t count = llama_vocab_n_tokens(model->vocab);
    size_t capacity = 0;
    if (llama_vocab_type(model->vocab) == LLAMA_VOCAB_TYPE_NONE)
        return SAL_OK;
    for (int32_t id = 0; id < count; id++) {
        /* what the tokenizer ignores in documents and parses in prompts */
        if ((llama_vocab_get_attr(model->vocab, id) &
             (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) == 0)
            continue;
        const char *text = llama_vocab_get_text(model->vocab, id);
        size_t length = text != NULL ? strlen(text) : 0;
        if (length == 0)
            continue;
        int status = sal_grow((void **)&model->controls, &capacity, model->control_count,
                              sizeof *model->controls, err);
        if (status != SAL_OK)
            return status;
        model->controls[model->control_count++] = (sal_control){text, length};
        model->control_first[(unsigned char)text[0]] = true;
    }
    return SAL_OK;
}

/* The token of one byte in a SentencePiece vocabulary: "<0x0A>" or the byte itself. */
static int byte_of(const char *text) {
    static const char digits[] = "0123456789ABCDEF";
    size_t length = strlen(text);
    if (length == 1)
        return (unsigned char)text[0];
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    const char *high = memchr(digits, text[3], 16), *low = memchr(digits, text[4], 16);
    return high != NULL && low != NULL ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

/* libllama ends the process when a SentencePiece tokenizer meets a byte that has no token. */
static int check_bytes(const sal_model *model, sal_error *err) {
    bool have[256] = {false};
    if (llama_vocab_type(model->vocab) != LLAMA_VOCAB_TYPE_SPM)
        return SAL_OK;
    int32_t count = llama_vocab_n_tokens(model->vocab);
    for (int32_t id = 0; id < count; id++) {
        int byte = byte_of(llama_vocab_get_text(model->vocab, id));
        if (byte >= 0)
            have[byte] = true;
    }
    for (int byte = 0; byte < 256; byte++)
        if (!have[byte])
            return sal_fail(err, SAL_EFORMAT, "%s: the vocabulary has no token for byte 0x%02X",
                            model->path, (unsigned)byte);
    return SAL_OK;
}

const sal_model_info *sal_model_describe(const sal_model *model) {
    return &model->info;
}

bool sal_llm_reads_forward(const sal_model *model) {
    char key[100], causal[8] = "";
    (void)snprintf(key, sizeof key, "%.63s.attention.causal", model->architecture);
    (void)llama_model_meta_val_str(model->llama, key, causal, sizeof causal);
    return llama_model_has_decoder(model->llama) && !llama_model_has_encoder(model->llama) &&
           !llama_model_is_diffusion(model->llama) && strcmp(causal, "false") != 0 &&
           strcmp(model->architecture, "gemma-embedding") != 0;
}

/* ---- open and close --------------------------------------------------------------------------------- */

static int processors(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 512 ? 512 : (int)count;
}

static int load(sal_model *model, const sal_model_options *options, char **files, size_t count,
                sal_error *err) {
    ggml_backend_dev_t no_device[] = {NULL};
    struct llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = options->gpu_layers;
    if (options->gpu_layers == 0)
        params.devices = no_device;
    params.vocab_only = options->vocabulary_only;
    if (options->without_weights) {
        params.no_alloc = true;
        params.load_mode = LLAMA_LOAD_MODE_NONE; /* mapping a file reads it */
    }
    /* On processors with AMX libllama crashes on quantised weights that were repacked (a known defect of this version). */
    params.use_extra_bufts = false;
    sal_llm_log_clear();
    model->llama = count > 1 ? llama_model_load_from_splits((const char **)files, count, params)
                             : llama_model_load_from_file(files[0], params);
    if (model->llama == NULL) {
        const char *cause = sal_llm_log_error();
        return sal_fail(err, SAL_EMODEL, "%s: libllama cannot load the model: %s", files[0],
                        cause[0] != '\0' ? cause : "no reason given");
    }
    model->vocab = llama_model_get_vocab(model->llama);
    return SAL_OK;
}

const char *sal_model_arithmetic(sal_compute compute) {
    if (compute == SAL_COMPUTE_STOCK || sal_cpu_register(NULL) != SAL_OK)
        return "stock";
    return sal_cpu_arithmetic(compute);
}

/* Our own backend for the contexts of this model, or the reason why not. */
static int open_backend(sal_model *model, const sal_model_options *options, sal_error *err) {
    sal_buffer text = {0};
    sal_error reason = {0};
    int status = SAL_OK;
    model->pack_memory = options->pack_memory;
    if (model->vocabulary_only)
        status = sal_buffer_add_string(&text, "none: opened for its vocabulary", err);
    else if (!model->on_processor)
        status = sal_buffer_add_string(&text, "libllama alone: layers are on an accelerator", err);
    else
        status = sal_cpu_describe(options->compute, &text, err);
    if (status != SAL_OK)
        return status;
    model->backend = text.bytes;
    if (model->vocabulary_only || !model->on_processor || options->compute == SAL_COMPUTE_STOCK ||
        sal_cpu_register(&reason) != SAL_OK)
        return SAL_OK;
    model->own_backend = true;
    return sal_cpu_weights_open(options->compute, options->pack_memory, model->threads,
                                &model->weights, err);
}

int sal_model_open(const char *path, const sal_model_options *options, sal_model **out,
                   sal_error *err) {
    static const sal_model_options defaults = {0};
    char **files = NULL;
    size_t count = 0;
    sal_gguf_facts facts = {.file_type = -1};
    sal_model *model = NULL;
    if (options == NULL)
        options = &defaults;
    sal_llm_start();
    if (options->gpu_layers != 0 && !llama_supports_gpu_offload())
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "layers on an accelerator are asked for, and libllama was built without "
                        "one; use --gpu-layers 0");
    int status = sal_model_files(path, &files, &count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        status = sal_gguf_check(files[i], i == 0, &facts, err);
    if (status != SAL_OK)
        goto done;
    model = sal_calloc(1, sizeof *model);
    if (model == NULL || (model->path = sal_copy_string(path)) == NULL) {
        status = sal_fail_memory(err, "a model");
        goto done;
    }
    model->threads = options->threads > 0 ? options->threads : processors();
    model->vocabulary_only = options->vocabulary_only;
    model->on_processor = options->gpu_layers == 0;
    status = open_backend(model, options, err); /* registered before the model is loaded */
    if (status == SAL_OK)
        status = load(model, options, files, count, err);
    if (status == SAL_OK)
        status = describe(model, &facts, err);
    if (status == SAL_OK)
        status = list_controls(model, err);
    if (status == SAL_OK)
        status = check_bytes(model, err);
    if (status == SAL_OK) {
        *out = model;
        model = NULL;
    }
done:
    sal_model_close(model);
    sal_strings_free(files, count);
    return status;
}

void sal_model_close(sal_model *model) {
    if (model == NULL)
        return;
    if (model->llama != NULL)
        llama_model_free(model->llama);
    sal_cpu_weights_close(model->weights);
    sal_cpu_weights_close(model->exact_weights);
    sal_free(model->backend);
    sal_free(model->controls);
    sal_free(model->steering.data);
    sal_free(model->chat_template);
    sal_free(model->size_label);
    sal_free(model->type);
    sal_free(model->architecture);
    sal_free(model->name);
    sal_free(model->path);
    sal_free(model);
}
