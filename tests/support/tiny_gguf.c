#include "tiny_gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>
#include <gguf.h>

#include "salient/random.h"

enum {
    TOKENS_MAX = 1 << 18,
    TENSORS_MAX = 256,
    TOKEN_CONTROL = 3,
    TOKEN_BYTE = 6,
    TOKEN_UNKNOWN = 2,
    TOKEN_NORMAL = 1
};

static const char chatml[] =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}{# system user assistant #}";

tiny_gguf tiny_gguf_default(const char *architecture) {
    return (tiny_gguf){
        .architecture = architecture,
        .chat_template = chatml,
        .seed = 1,
        .layers = 2,
        .width = 64,
        .heads = 4,
        .heads_kv = 2,
        .feed_forward = 96,
        .context = 1024,
        .parts = 1,
    };
}

static void must(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "tiny_gguf: %s\n", what);
        abort();
    }
}

/* ---- vocabulary -------------------------------------------------------------------------------- */

typedef struct vocabulary {
    char text[TOKENS_MAX][32];
    int32_t type[TOKENS_MAX];
    float score[TOKENS_MAX];
    const char *list[TOKENS_MAX];
    int count;
    char merge[64][16];
    const char *merges[64];
    int merge_count;
    int32_t bos, eos;
} vocabulary;

static int32_t add_token(vocabulary *v, const char *text, int32_t type, float score) {
    must(v->count < TOKENS_MAX, "too many tokens");
    snprintf(v->text[v->count], sizeof v->text[0], "%s", text);
    v->type[v->count] = type;
    v->score[v->count] = score;
    v->list[v->count] = v->text[v->count];
    return v->count++;
}

/* GPT-2's printable stand-in for a byte. */
static void byte_symbol(int byte, char out[4]) {
    int code = byte, moved = 0;
    for (int b = 0; b <= byte; b++) {
        bool kept = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
        if (b == byte && kept)
            code = b;
        else if (b == byte)
            code = 256 + moved;
        moved += kept ? 0 : 1;
    }
    if (code < 0x80)
        snprintf(out, 4, "%c", code);
    else
        snprintf(out, 4, "%c%c", 0xC0 | code >> 6, 0x80 | (code & 0x3F));
}

static const char *const pairs[] = {"t h", "e r", "i n", "o n",  "a n",  "e n", "o u",
                                    "r e", "s t", "l e", "th e", "in g", "o r", "a t"};

static void byte_level(vocabulary *v) {
    char symbol[4], joined[16];
    v->bos = add_token(v, "<|endoftext|>", TOKEN_CONTROL, 0);
    add_token(v, "<|im_start|>", TOKEN_CONTROL, 0);
    v->eos = add_token(v, "<|im_end|>", TOKEN_CONTROL, 0);
    for (int byte = 0; byte < 256; byte++) {
        byte_symbol(byte, symbol);
        add_token(v, symbol, TOKEN_NORMAL, 0);
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *space = strchr(pairs[i], ' ');
        snprintf(joined, sizeof joined, "%.*s%s", (int)(space - pairs[i]), pairs[i], space + 1);
        if (strcmp(pairs[i], "in g") == 0 || strcmp(pairs[i], "th e") == 0 || strlen(joined) == 2)
            add_token(v, joined, TOKEN_NORMAL, 0);
        snprintf(v->merge[v->merge_count], sizeof v->merge[0], "%s", pairs[i]);
        v->merges[v->merge_count] = v->merge[v->merge_count];
        v->merge_count++;
    }
}

static void sentencepiece(vocabulary *v) {
    char text[32];
    add_token(v, "<unk>", TOKEN_UNKNOWN, 0);
    v->bos = add_token(v, "<s>", TOKEN_CONTROL, 0);
    v->eos = add_token(v, "</s>", TOKEN_CONTROL, 0);
    for (int byte = 0; byte < 256; byte++) {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        add_token(v, text, TOKEN_BYTE, 0);
    }
    add_token(v, "<|im_start|>", TOKEN_CONTROL, 0);
    add_token(v, "<|im_end|>", TOKEN_CONTROL, 0);
    add_token(v, "\xE2\x96\x81", TOKEN_NORMAL, -1);
    for (char c = 'a'; c <= 'z'; c++) {
        snprintf(text, sizeof text, "%c", c);
        add_token(v, text, TOKEN_NORMAL, -2);
    }
    add_token(v, "th", TOKEN_NORMAL, -0.5F);
    add_token(v, "the", TOKEN_NORMAL, -0.4F);
    add_token(v, "\xE2\x96\x81the", TOKEN_NORMAL, -0.3F);
}

/* Tokens that no text has. */
static void pad(vocabulary *v, int count) {
    char text[32];
    while (v->count < count) {
        snprintf(text, sizeof text, "<never %d>", v->count);
        add_token(v, text, TOKEN_NORMAL, -1e6F);
    }
}

static void write_vocabulary(struct gguf_context *gguf, const tiny_gguf *model,
                             const vocabulary *v) {
    gguf_set_val_str(gguf, "tokenizer.ggml.model", model->sentencepiece ? "llama" : "gpt2");
    gguf_set_val_str(gguf, "tokenizer.ggml.pre",
                     model->sentencepiece                        ? "default"
                     : strcmp(model->architecture, "qwen2") == 0 ? "qwen2"
                                                                 : "smollm");
    gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", (const char **)v->list, (size_t)v->count);
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, v->type,
                      (size_t)v->count);
    if (model->sentencepiece)
        gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, v->score,
                          (size_t)v->count);
    else
        gguf_set_arr_str(gguf, "tokenizer.ggml.merges", (const char **)v->merges,
                         (size_t)v->merge_count);
    gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", (uint32_t)v->bos);
    gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", (uint32_t)v->eos);
    gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", model->add_bos);
    if (model->chat_template != NULL)
        gguf_set_val_str(gguf, "tokenizer.chat_template", model->chat_template);
}

/* ---- hyper-parameters and weights ------------------------------------------------------------------- */

static void set_number(struct gguf_context *gguf, const tiny_gguf *model, const char *name,
                       int value) {
    char key[64];
    snprintf(key, sizeof key, "%s.%s", model->architecture, name);
    gguf_set_val_u32(gguf, key, (uint32_t)value);
}

static void write_shape(struct gguf_context *gguf, const tiny_gguf *model) {
    char key[64];
    gguf_set_val_str(gguf, "general.architecture", model->architecture);
    gguf_set_val_str(gguf, "general.name", "tiny");
    gguf_set_val_u32(gguf, "general.file_type", 0);
    set_number(gguf, model, "block_count", model->layers);
    set_number(gguf, model, "context_length", model->context);
    set_number(gguf, model, "embedding_length", model->width);
    set_number(gguf, model, "feed_forward_length", model->feed_forward);
    set_number(gguf, model, "attention.head_count", model->heads);
    set_number(gguf, model, "attention.head_count_kv", model->heads_kv);
    set_number(gguf, model, "rope.dimension_count", model->width / model->heads);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", model->architecture);
    gguf_set_val_f32(gguf, key, 1e-5F);
    snprintf(key, sizeof key, "%s.rope.freq_base", model->architecture);
    gguf_set_val_f32(gguf, key, 10000.0F);
}

typedef struct weights {
    struct ggml_context *memory;
    struct ggml_tensor *tensors[TENSORS_MAX];
    int count;
    sal_random random;
} weights;

static double normal(sal_random *random) {
    double u = 1.0 - sal_random_uniform(random), v = sal_random_uniform(random);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* rows 0: a vector. Entries are N(mean, deviation). */
static void add_tensor(weights *w, const char *name, int columns, int rows, double mean,
                       double deviation) {
    struct ggml_tensor *tensor = rows > 0
                                     ? ggml_new_tensor_2d(w->memory, GGML_TYPE_F32, columns, rows)
                                     : ggml_new_tensor_1d(w->memory, GGML_TYPE_F32, columns);
    must(tensor != NULL && w->count < TENSORS_MAX, "no room for a tensor");
    ggml_set_name(tensor, name);
    float *data = ggml_get_data_f32(tensor);
    for (int64_t i = 0; i < ggml_nelements(tensor); i++)
        data[i] = (float)(mean + deviation * normal(&w->random));
    w->tensors[w->count++] = tensor;
}

static void add_layer(weights *w, const tiny_gguf *model, int layer) {
    char name[64];
    int head = model->width / model->heads, keys = head * model->heads_kv;
    double wide = 1.5 / sqrt(model->width), deep = 1.5 / sqrt(model->feed_forward);
    const struct {
        const char *name;
        int columns, rows;
        double mean, deviation;
        bool qwen2_only;
    } parts[] = {
        {"attn_norm.weight", model->width, 0, 1, 0.1, false},
        {"attn_q.weight", model->width, model->width, 0, wide, false},
        {"attn_k.weight", model->width, keys, 0, wide, false},
        {"attn_v.weight", model->width, keys, 0, wide, false},
        {"attn_q.bias", model->width, 0, 0, 0.3, true},
        {"attn_k.bias", keys, 0, 0, 0.3, true},
        {"attn_v.bias", keys, 0, 0, 0.3, true},
        {"attn_output.weight", model->width, model->width, 0, wide, false},
        {"ffn_norm.weight", model->width, 0, 1, 0.1, false},
        {"ffn_gate.weight", model->width, model->feed_forward, 0, wide, false},
        {"ffn_up.weight", model->width, model->feed_forward, 0, wide, false},
        {"ffn_down.weight", model->feed_forward, model->width, 0, deep, false},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].qwen2_only && strcmp(model->architecture, "qwen2") != 0)
            continue;
        snprintf(name, sizeof name, "blk.%d.%s", layer, parts[i].name);
        add_tensor(w, name, parts[i].columns, parts[i].rows, parts[i].mean, parts[i].deviation);
    }
}

static void make_weights(weights *w, const tiny_gguf *model, int tokens) {
    *w =
        (weights){.memory = ggml_init((struct ggml_init_params){
                      .mem_size = ((size_t)64 << 20) + (size_t)tokens * (size_t)model->width * 4})};
    must(w->memory != NULL, "out of memory");
    sal_random_seed(&w->random, model->seed);
    add_tensor(w, "token_embd.weight", model->width, tokens, 0, 0.3);
    for (int layer = 0; layer < model->layers; layer++)
        add_layer(w, model, layer);
    add_tensor(w, "output_norm.weight", model->width, 0, 1, 0.1);
}

/* ---- files ------------------------------------------------------------------------------------------- */

static void write_part(const tiny_gguf *model, const vocabulary *v, const weights *w, int part,
                       const char *path) {
    struct gguf_context *gguf = gguf_init_empty();
    must(gguf != NULL, "out of memory");
    if (part == 0) {
        write_shape(gguf, model);
        write_vocabulary(gguf, model, v);
    }
    if (model->parts > 1) {
        gguf_set_val_u16(gguf, "split.no", (uint16_t)part);
        gguf_set_val_u16(gguf, "split.count", (uint16_t)model->parts);
        gguf_set_val_i32(gguf, "split.tensors.count", w->count);
    }
    for (int i = w->count * part / model->parts; i < w->count * (part + 1) / model->parts; i++)
        gguf_add_tensor(gguf, w->tensors[i]);
    must(gguf_write_to_file(gguf, path, false), "the file cannot be written");
    gguf_free(gguf);
}

void tiny_gguf_write(const tiny_gguf *model, const char *path) {
    vocabulary *v = calloc(1, sizeof *v);
    weights w;
    char name[512];
    must(v != NULL, "out of memory");
    if (model->sentencepiece)
        sentencepiece(v);
    else
        byte_level(v);
    pad(v, model->vocabulary);
    make_weights(&w, model, v->count);
    for (int part = 0; part < model->parts; part++) {
        snprintf(name, sizeof name, "%s", path);
        if (model->parts > 1)
            snprintf(name, sizeof name, "%s-%05d-of-%05d.gguf", path, part + 1, model->parts);
        write_part(model, v, &w, part, name);
    }
    ggml_free(w.memory);
    free(v);
}
