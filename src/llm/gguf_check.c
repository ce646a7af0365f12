/* The header of a GGUF file, read before libllama sees it.
 *
 * libllama answers most broken files with an error, but some metadata makes it stop the whole process (GGML_ASSERT), and a file that is
 * cut off fails late. ggml's own reader checks lengths, types and shapes; what is looked at here is the rest: that the file reaches to
 * the end of its last tensor, and the values that libllama asserts on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <gguf.h>

#include "llm_internal.h"
#include "salient/file.h"

enum { LAYERS_MAX = 512, EXPERTS_MAX = 1024, WIDTH_MAX = 1 << 20, CONTEXT_MAX = 1 << 30 };

typedef struct header {
    const char *path;
    struct gguf_context *gguf;
    char architecture[64];
} header;

/* ---- single values --------------------------------------------------------------------------- */

static bool integer_at(const struct gguf_context *gguf, int64_t key, int64_t *value) {
    switch (gguf_get_kv_type(gguf, key)) {
    case GGUF_TYPE_UINT8:
        *value = gguf_get_val_u8(gguf, key);
        return true;
    case GGUF_TYPE_UINT16:
        *value = gguf_get_val_u16(gguf, key);
        return true;
    case GGUF_TYPE_UINT32:
        *value = gguf_get_val_u32(gguf, key);
        return true;
    case GGUF_TYPE_INT32:
        *value = gguf_get_val_i32(gguf, key);
        return true;
    case GGUF_TYPE_UINT64:
        *value = gguf_get_val_u64(gguf, key) > INT64_MAX ? INT64_MAX
                                                         : (int64_t)gguf_get_val_u64(gguf, key);
        return true;
    case GGUF_TYPE_INT64:
        *value = gguf_get_val_i64(gguf, key);
        return true;
    default:
        return false;
    }
}

/* Largest element where a value is given for each layer. */
static bool integers_at(const struct gguf_context *gguf, int64_t key, int64_t *value) {
    if (gguf_get_kv_type(gguf, key) != GGUF_TYPE_ARRAY)
        return integer_at(gguf, key, value);
    enum gguf_type type = gguf_get_arr_type(gguf, key);
    size_t count = gguf_get_arr_n(gguf, key);
    if ((type != GGUF_TYPE_UINT32 && type != GGUF_TYPE_INT32) || count == 0)
        return false;
    const int32_t *data = gguf_get_arr_data(gguf, key);
    *value = 0;
    for (size_t i = 0; i < count; i++)
        if (data[i] > *value)
            *value = data[i];
    return true;
}

static int64_t find(const header *head, const char *suffix) {
    char key[128];
    (void)snprintf(key, sizeof key, "%s.%s", head->architecture, suffix);
    return gguf_find_key(head->gguf, key);
}

/* A whole number in [low, high] under "<architecture>.<suffix>"; fallback where it may be absent (needed: -1). */
static int number(const header *head, const char *suffix, int64_t low, int64_t high,
                  int64_t fallback, int *out, sal_error *err) {
    int64_t key = find(head, suffix), value = fallback;
    if (key < 0 && fallback < 0)
        return sal_fail(err, SAL_EFORMAT, "%s: the model's metadata lack %s.%s", head->path,
                        head->architecture, suffix);
    if (key >= 0 && !integers_at(head->gguf, key, &value))
        return sal_fail(err, SAL_EFORMAT, "%s: %s.%s is no whole number", head->path,
                        head->architecture, suffix);
    if (key >= 0 && (value < low || value > high))
        return sal_fail(err, SAL_EFORMAT,
                        "%s: %s.%s is %" PRId64 "; allowed are %" PRId64 " to %" PRId64, head->path,
                        head->architecture, suffix, value, low, high);
    *out = (int)value;
    return SAL_OK;
}

static const char *string_or_null(const struct gguf_context *gguf, const char *name) {
    int64_t key = gguf_find_key(gguf, name);
    return key >= 0 && gguf_get_kv_type(gguf, key) == GGUF_TYPE_STRING ? gguf_get_val_str(gguf, key)
                                                                       : NULL;
}

/* ---- what libllama asserts on ------------------------------------------------------------------- */

static int check_experts(const header *head, sal_error *err) {
    int experts = 0, used = 0, groups = 0, groups_used = 0;
    int status = number(head, "expert_count", 0, EXPERTS_MAX, 0, &experts, err);
    if (status == SAL_OK)
        status = number(head, "expert_used_count", 0, experts, 0, &used, err);
    if (status == SAL_OK)
        status = number(head, "expert_group_count", 0, experts, 0, &groups, err);
    if (status == SAL_OK)
        status = number(head, "expert_group_used_count", 0, EXPERTS_MAX, 0, &groups_used, err);
    if (status != SAL_OK)
        return status;
    bool fits = experts == 0 ? used == 0 && groups == 0 : used > 0 && groups < experts;
    if (fits && groups > 1)
        fits = experts % groups == 0 && groups_used > 0 && groups_used < groups;
    if (fits)
        return SAL_OK;
    return sal_fail(err, SAL_EFORMAT,
                    "%s: %d experts, %d used, %d groups, %d of them used do not fit together",
                    head->path, experts, used, groups, groups_used);
}

static int check_rope(const header *head, sal_error *err) {
    int64_t key = find(head, "rope.scaling.type");
    if (key < 0)
        return SAL_OK;
    static const char *const known[] = {"none", "linear", "yarn", "longrope"};
    if (gguf_get_kv_type(head->gguf, key) == GGUF_TYPE_STRING)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(gguf_get_val_str(head->gguf, key), known[i]) == 0)
                return SAL_OK;
    return sal_fail(err, SAL_EFORMAT,
                    "%s: %s.rope.scaling.type is not one of none, linear, yarn, longrope",
                    head->path, head->architecture);
}

/* Architectures in whose graphs libllama asserts that keys and values have one width and that all of it is rotated. */
static bool rotates_all(const char *architecture) {
    static const char *const names[] = {
        "llama",    "llama4",     "qwen2",    "qwen2moe", "qwen3",     "qwen3moe", "mistral3",
        "granite",  "granitemoe", "olmo",     "olmo2",    "olmoe",     "smollm3",  "starcoder2",
        "exaone",   "exaone4",    "falcon",   "baichuan", "internlm2", "xverse",   "orion",
        "nemotron", "deepseek",   "ernie4_5", "arcee",    "apertus",   "seed_oss"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], architecture) == 0)
            return true;
    return false;
}

/* Widths of heads fit each other; facts holds width and numbers of heads. */
static int check_heads(const header *head, const sal_gguf_facts *facts, sal_error *err) {
    int key = 0, value = 0, rotated = 0;
    if (facts->heads == 0)
        return SAL_OK; /* no attention */
    int natural = facts->width / facts->heads;
    int status = number(head, "attention.key_length", 1, WIDTH_MAX, natural, &key, err);
    if (status == SAL_OK)
        status = number(head, "attention.value_length", 1, WIDTH_MAX, natural, &value, err);
    if (status == SAL_OK)
        status = number(head, "rope.dimension_count", 0, WIDTH_MAX, key, &rotated, err);
    if (status != SAL_OK)
        return status;
    bool fits = key > 0 && value > 0 && rotated <= key && rotated % 2 == 0;
    if (rotates_all(head->architecture))
        fits = fits && key == value && rotated == key;
    if (fits && (facts->heads_kv == 0 || facts->heads % facts->heads_kv == 0))
        return SAL_OK;
    return sal_fail(err, SAL_EFORMAT,
                    "%s: width %d, %d heads (%d for keys), keys of %d, values of %d and %d rotated "
                    "dimensions do not fit together",
                    head->path, facts->width, facts->heads, facts->heads_kv, key, value, rotated);
}

static int check_epsilon(const header *head, const char *suffix, sal_error *err) {
    int64_t key = find(head, suffix);
    if (key < 0)
        return SAL_OK;
    if (gguf_get_kv_type(head->gguf, key) == GGUF_TYPE_FLOAT32) {
        float value = gguf_get_val_f32(head->gguf, key);
        if (value >= 0 && value < 1)
            return SAL_OK;
    }
    return sal_fail(err, SAL_EFORMAT, "%s: %s.%s must be a number from 0 to below 1", head->path,
                    head->architecture, suffix);
}

static uint64_t hash_string(const char *text) {
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* Two tokens with one text: libllama asserts that there are none. Open addressing, ids stored plus one. */
static int check_tokens_differ(const header *head, int64_t key, size_t count, sal_error *err) {
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    uint32_t *slots = sal_calloc(size, sizeof *slots);
    if (slots == NULL)
        return sal_fail_memory(err, "the check of a vocabulary");
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const char *text = gguf_get_arr_str(head->gguf, key, i);
        size_t at = (size_t)hash_string(text) & (size - 1);
        while (slots[at] != 0 &&
               strcmp(gguf_get_arr_str(head->gguf, key, slots[at] - 1), text) != 0)
            at = (at + 1) & (size - 1);
        if (slots[at] != 0 && text[0] != '\0') /* libllama renames empty ones */
            status = sal_fail(err, SAL_EFORMAT,
                              "%s: tokens %zu and %zu of the vocabulary have the same text",
                              head->path, (size_t)slots[at] - 1, i);
        slots[at] = (uint32_t)i + 1;
    }
    sal_free(slots);
    return status;
}

static int check_vocabulary(const header *head, sal_error *err) {
    int64_t key = gguf_find_key(head->gguf, "tokenizer.ggml.tokens");
    if (key < 0 || gguf_get_kv_type(head->gguf, key) != GGUF_TYPE_ARRAY ||
        gguf_get_arr_type(head->gguf, key) != GGUF_TYPE_STRING)
        return sal_fail(err, SAL_EFORMAT, "%s: no vocabulary (tokenizer.ggml.tokens) in the file",
                        head->path);
    size_t count = gguf_get_arr_n(head->gguf, key);
    if (count == 0 || count > INT32_MAX / 2)
        return sal_fail(err, SAL_EFORMAT, "%s: a vocabulary of %zu tokens; allowed are 1 to %d",
                        head->path, count, INT32_MAX / 2);
    return check_tokens_differ(head, key, count, err);
}

/* ---- sizes --------------------------------------------------------------------------------------- */

static int add_tensors(const header *head, uint64_t file_bytes, sal_gguf_facts *facts,
                       sal_error *err) {
    uint64_t data = gguf_get_data_offset(head->gguf), end = data;
    int64_t count = gguf_get_n_tensors(head->gguf);
    for (int64_t i = 0; i < count; i++) {
        uint64_t size = gguf_get_tensor_size(head->gguf, i),
                 offset = gguf_get_tensor_offset(head->gguf, i);
        if (size > file_bytes || offset > file_bytes || data > file_bytes ||
            data + offset + size > file_bytes)
            return sal_fail(err, SAL_EFORMAT,
                            "%s: cut off or damaged: tensor %s needs %" PRIu64 " bytes at %" PRIu64
                            " and the file has %" PRIu64 "; fetch it again",
                            head->path, gguf_get_tensor_name(head->gguf, i), size, data + offset,
                            file_bytes);
        const int64_t *shape = gguf_get_tensor_ne(head->gguf, i);
        facts->parameters += (uint64_t)(shape[0] * shape[1] * shape[2] * shape[3]);
        facts->bytes += size;
        end = data + offset + size > end ? data + offset + size : end;
    }
    return SAL_OK;
}

/* Text for people and JSON: ends before what is no UTF-8, or does not fit. */
static void copy_text(char *room, size_t size, const char *text) {
    size_t bad = 0;
    (void)snprintf(room, size, "%s", text != NULL ? text : "");
    if (!sal_utf8_valid(room, strlen(room), &bad))
        room[bad] = '\0';
}

static int check_chat_template(const header *head, sal_error *err) {
    const char *text = string_or_null(head->gguf, "tokenizer.chat_template");
    if (text == NULL || sal_utf8_valid(text, strlen(text), NULL))
        return SAL_OK;
    return sal_fail(err, SAL_EFORMAT, "%s: the model's chat template is not UTF-8", head->path);
}

static int fill_facts(header *head, sal_gguf_facts *facts, sal_error *err) {
    const char *text = string_or_null(head->gguf, "general.architecture");
    if (text == NULL || text[0] == '\0' || strlen(text) >= sizeof head->architecture)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: the file names no architecture (general.architecture)", head->path);
    (void)snprintf(head->architecture, sizeof head->architecture, "%s", text);
    copy_text(facts->architecture, sizeof facts->architecture, text);
    copy_text(facts->name, sizeof facts->name, string_or_null(head->gguf, "general.name"));
    copy_text(facts->size_label, sizeof facts->size_label,
              string_or_null(head->gguf, "general.size_label"));
    int64_t key = gguf_find_key(head->gguf, "general.file_type"), file_type = -1;
    facts->file_type =
        key >= 0 && integer_at(head->gguf, key, &file_type) && file_type >= 0 && file_type < 4096
            ? (int)file_type
            : -1;

    int status = number(head, "block_count", 1, LAYERS_MAX, -1, &facts->layers, err);
    if (status == SAL_OK)
        status = number(head, "embedding_length", 1, WIDTH_MAX, -1, &facts->width, err);
    if (status == SAL_OK)
        status = number(head, "context_length", 1, CONTEXT_MAX, -1, &facts->context_trained, err);
    if (status == SAL_OK)
        status = number(head, "attention.head_count", 0, WIDTH_MAX, 0, &facts->heads, err);
    if (status == SAL_OK)
        status = number(head, "attention.head_count_kv", 0, WIDTH_MAX, facts->heads,
                        &facts->heads_kv, err);
    if (status == SAL_OK)
        status = check_heads(head, facts, err);
    if (status == SAL_OK)
        status = check_experts(head, err);
    if (status == SAL_OK)
        status = check_epsilon(head, "attention.layer_norm_rms_epsilon", err);
    if (status == SAL_OK)
        status = check_epsilon(head, "attention.layer_norm_epsilon", err);
    if (status == SAL_OK)
        status = check_rope(head, err);
    if (status == SAL_OK)
        status = check_vocabulary(head, err);
    if (status == SAL_OK)
        status = check_chat_template(head, err);
    return status;
}

/* ---- the file ------------------------------------------------------------------------------------- */

/* errs also for folders and for what does not begin with "GGUF" */
static int check_magic(const char *path, sal_error *err) {
    sal_file *file = NULL;
    char magic[4] = {0};
    size_t have = 0, got = 1;
    int status = sal_file_open(path, &file, err);
    while (status == SAL_OK && have < sizeof magic && got > 0) {
        status = sal_file_read(file, magic + have, sizeof magic - have, &got, err);
        have += got;
    }
    sal_file_close(file);
    if (status == SAL_OK && (have < sizeof magic || memcmp(magic, "GGUF", 4) != 0))
        status = sal_fail(err, SAL_EFORMAT,
                          "%s: not a GGUF file (it does not begin with \"GGUF\"); a model in GGUF "
                          "format is needed",
                          path);
    return status;
}

int sal_gguf_check(const char *path, bool first, sal_gguf_facts *facts, sal_error *err) {
    header head = {.path = path};
    struct stat about;
    int status = check_magic(path, err);
    if (status != SAL_OK)
        return status;
    if (stat(path, &about) != 0)
        return sal_fail(err, SAL_EIO, "%s: the size of the file cannot be read", path);
    sal_llm_start();
    sal_llm_log_clear();
    head.gguf = gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true, .ctx = NULL});
    if (head.gguf == NULL) {
        const char *cause = sal_llm_log_error();
        return sal_fail(err, SAL_EFORMAT,
                        "%s: the GGUF header is damaged%s%s; fetch the file again", path,
                        cause[0] != '\0' ? ": " : "", cause);
    }
    if (first)
        status = fill_facts(&head, facts, err);
    if (status == SAL_OK)
        status = add_tensors(&head, (uint64_t)about.st_size, facts, err);
    gguf_free(head.gguf);
    return status;
}
