/** Models: everything that libllama does, behind a door. No other room knows libllama or ggml. */
#ifndef SALIENT_MODEL_H
#define SALIENT_MODEL_H

#include "salient/memory.h"
#include "salient/progress.h"
#include "salient/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_model sal_model;

/** Who computes on the processor: our own backend, with products of bf16 or float numbers, or libllama alone. */
typedef enum sal_compute {
    SAL_COMPUTE_AUTO, /* bf16 for bf16 and quantised weights where that is faster (AMX; AMD's AVX512_BF16); else f32 */
    SAL_COMPUTE_BF16,
    SAL_COMPUTE_F32,
    SAL_COMPUTE_STOCK
} sal_compute;

/** What a choice comes to on this machine, for records: "stock", "f32", "bf16", "auto bf16" (for bf16 and quantised weights) or "attention
 *  only" (without oneDNN). Static storage. Results within one are equal, between two they differ by rounding. */
const char *sal_model_arithmetic(sal_compute compute);

typedef struct sal_model_options {
    int threads;          /* 0: the number of processors */
    int gpu_layers;       /* 0: none; -1: all */
    bool vocabulary_only; /* tokenise and describe; no weights */
    bool without_weights; /* as a rehearsal: no weight is read, nothing can be computed */
    sal_compute compute;
    int64_t pack_memory; /* bytes of packed weights; 0: what is free, less a reserve; -1: none */
} sal_model_options;

/** Open a GGUF file (the first of a split finds the others).
 *  in     options: NULL for none on an accelerator and all processors
 *  errs   SAL_ENOTFOUND, SAL_EFORMAT (not GGUF, cut off, or metadata that do not fit together: names the file), SAL_EMODEL, SAL_ENOMEM,
 *         SAL_EUNSUPPORTED (gpu_layers in a build without an accelerator) */
int sal_model_open(const char *path, const sal_model_options *options, sal_model **out,
                   sal_error *err) SAL_MUST_CHECK;
void sal_model_close(sal_model *model);

typedef struct sal_model_info {
    const char *path;
    const char *name;         /* general.name of the file, or its base name */
    const char *architecture; /* "llama", "qwen2", ... */
    const char *type;         /* libllama's description of the weights, "llama 135M Q4_1" */
    const char *
        backend; /* which path computes, and why: "AVX-512 attention, oneDNN 2.6.3 products in f32" */
    const char *size_label;    /* "1B", or "" */
    const char *chat_template; /* as stored in the file; "" when there is none */
    bool chat_template_known;  /* libllama can apply it */
    int layers, heads, heads_kv, width, vocabulary, context_trained;
    uint64_t parameters;
    uint64_t bytes;
} sal_model_info;

/** Owned by the model. */
const sal_model_info *sal_model_describe(const sal_model *model);

/** Paths of all files of a model: itself, or all parts of a split; free with sal_strings_free. */
int sal_model_files(const char *path, char ***paths, size_t *count, sal_error *err) SAL_MUST_CHECK;

/** Version of libllama and the backends and processor features in use, one line; static storage of the library or *buffer. */
int sal_model_system(sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

/* ---- tokens ---------------------------------------------------------------------------------------------------------------- */

typedef struct sal_tokens {
    int32_t *ids; /* [count] */
    sal_span *
        spans; /* [count], bytes of the text; contiguous and covering it (special tokens added in front are empty spans) */
    size_t count;
} sal_tokens;

void sal_tokens_free(sal_tokens *tokens);

/** Tokenise with exact byte offsets.
 *  in     parse_special: control-token strings become control tokens (chat prompts); false: they are text (documents)
 *  in     add_special: the model's BOS is put in front unless the text already begins with it
 *  errs   SAL_EFORMAT (not UTF-8), SAL_EMODEL, SAL_ENOMEM */
int sal_model_tokenize(const sal_model *model, const char *bytes, size_t length, bool parse_special,
                       bool add_special, sal_tokens *out, sal_error *err) SAL_MUST_CHECK;

/** Number of control-token strings ("<|im_end|>") inside a text. */
int sal_model_count_control(const sal_model *model, const char *bytes, size_t length, size_t *count,
                            sal_error *err) SAL_MUST_CHECK;

/* ---- chat prompts ---------------------------------------------------------------------------------------------------------- */

/** A prompt: the templated text ready for generation (assistant header included), tokenised so that the document's bytes are
 *  text, never control tokens. */
typedef struct sal_prompt {
    char *text;
    size_t length;
    sal_span user;     /* the user message inside text */
    sal_tokens tokens; /* of the whole */
} sal_prompt;

void sal_prompt_free(sal_prompt *prompt);

/** Build a chat prompt.
 *  in     chat_template: text of a template file with {system} {user} {assistant} (what follows {assistant} is not used here), or
 *         NULL: the model's own through libllama; shipped: the Llama 3 template with fixed dates for Llama-3.1/3.2
 *  errs   SAL_EUNSUPPORTED when libllama does not know the model's template or it has no system role: names --chat-template */
int sal_model_chat_prompt(const sal_model *model, const char *chat_template, const char *system,
                          const char *user, sal_prompt *out, sal_error *err) SAL_MUST_CHECK;

/* ---- generation ------------------------------------------------------------------------------------------------------------ */

typedef struct sal_sampling {
    float temperature;    /* 0: greedy */
    float top_p;          /* 1: off */
    int top_k;            /* 0: off */
    float repeat_penalty; /* 1: off; over the whole sequence, prompt included */
} sal_sampling;

/** The sampling that the model's publisher sets (METHODS 1), by architecture and size: temperature 0.7 and, for Llama 3.x, top-p .9,
 *  top-k 50; for Qwen2.5, top-p .8, top-k 20, penalty 1.1 or 1.05; else top-p 1, top-k 50 (transformers' default). */
sal_sampling sal_sampling_preset(const sal_model_info *info);

typedef struct sal_generate_request {
    const sal_prompt *prompt; /* borrowed */
    uint64_t seed;
    int max_tokens;
    int expected_tokens; /* hint for the order of sequences: the longest first */
} sal_generate_request;

/** Tokens that all prompts begin with and that are therefore computed once, the last token of each excluded; 0 for a single one. */
size_t sal_generate_shared(const sal_generate_request *requests, size_t count);

typedef struct sal_generate_result {
    char *text; /* owned by the caller: sal_free */
    size_t length;
    int32_t *tokens; /* generated ids without the end-of-text token; owned: sal_free */
    size_t token_count;
    bool ended;   /* the model ended it */
    bool stopped; /* the stop hook ended it */
} sal_generate_result;

void sal_generate_result_free(sal_generate_result *result);

/** Where the keys and values of sequences lie. The choice does not change what is generated beyond rounding. */
typedef enum sal_cache {
    SAL_CACHE_AUTO,   /* by the prompts and who computes: what was measured to be faster */
    SAL_CACHE_SHARED, /* one for all sequences */
    SAL_CACHE_STREAMS /* one for each */
} sal_cache;

typedef struct sal_engine_options {
    int sequences;      /* K: decoded together at most */
    int context_tokens; /* per sequence, prompt and output; 0: the model's trained context */
    int threads;        /* 0: the model's */
    bool exact;         /* no flash attention, f32 K and V caches */
    bool editable;      /* heads may be edited (sal_engine_edit) */
    bool ignore_end;    /* decode to max_tokens whatever the model says (bench) */
    sal_cache cache;    /* other than auto: to measure (bench) */
    sal_sampling sampling;
    /** Called after each token with the text so far (whole UTF-8 characters only); true ends that sequence. May be NULL. */
    bool (*stop)(void *context, size_t request, const char *text, size_t length);
    void *context;
} sal_engine_options;

typedef struct sal_engine sal_engine;

int sal_engine_open(sal_model *model, const sal_engine_options *options, sal_engine **out,
                    sal_error *err) SAL_MUST_CHECK;
void sal_engine_close(sal_engine *engine);

typedef struct sal_engine_timing {
    double prefill_seconds;
    double decode_seconds;
    double sample_seconds;
    int64_t prefill_tokens; /* computed: a common prefix counts once */
    int64_t decode_tokens;
} sal_engine_timing;

/** Generate for count requests together (at most options.sequences). The tokens before the first difference between the prompts
 *  are computed once. Results do not depend on earlier calls.
 *  out    results [count], filled in the order of requests; timing may be NULL
 *  errs   SAL_ELIMIT when a prompt plus its max_tokens does not fit the context, SAL_ECANCELLED, SAL_EMODEL, SAL_ENOMEM */
int sal_engine_generate(sal_engine *engine, const sal_generate_request *requests, size_t count,
                        sal_generate_result *results, sal_engine_timing *timing,
                        const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;

/** An attention head: layer and head, from 0. */
typedef struct sal_head_place {
    int layer;
    int head;
} sal_head_place;

/** From now on, replace the outputs of heads in all that an editable engine computes, prompts and new tokens.
 *  in     heads [count]; 0: none any more; outputs [count, width] as sal_scorer_means (salient/ablate.h) gives them, or NULL: zeros
 *  errs   SAL_EINVAL (not opened as editable, a head that is not there), SAL_ENOMEM. A model whose heads do not show is known by the
 *         next sal_engine_generate: SAL_EUNSUPPORTED */
int sal_engine_edit(sal_engine *engine, const sal_head_place *heads, size_t count,
                    const float *outputs, size_t width, sal_error *err) SAL_MUST_CHECK;

/** Make room for sequences of so many tokens (prompt and output) now, to know what they need before the first document.
 *  errs   SAL_ELIMIT past the context, SAL_EMODEL */
int sal_engine_reserve(sal_engine *engine, int tokens, sal_error *err) SAL_MUST_CHECK;

/** Bytes of the engine: KV cache, outputs and compute buffers as libllama reports them, and packed copies of weights, which the first
 *  products make; 0 before the first generate or reserve. */
uint64_t sal_engine_bytes(const sal_engine *engine);

/* ---- conversion ------------------------------------------------------------------------------------------------------------ */

/** Rewrite a GGUF with another type of weights: "f32", "f16", "bf16", "q8_0", "q4_1", ... Written beside and renamed.
 *  errs   SAL_EINVAL (unknown type, lists those known; or out is in), SAL_ENOTFOUND, SAL_EFORMAT, SAL_EMODEL, SAL_EIO */
int sal_model_convert(const char *in, const char *out, const char *type, int threads,
                      sal_error *err) SAL_MUST_CHECK;

/** Write the random-weights control of a model: its shape, tokenizer and metadata, weights drawn as transformers draws those of a fresh
 *  configuration (METHODS 4): matrices and embeddings N(0, 0.02), stored as f16, the padding row zero where the configuration has one;
 *  biases 0, norms 1, rotary factors kept.
 *  in     keep_embeddings: token_embd as it is (random blocks over real embeddings)
 *  errs   SAL_EINVAL (out is in), SAL_EUNSUPPORTED (a tensor whose fresh value is not known, a split model), SAL_ENOTFOUND, SAL_EFORMAT,
 *         SAL_EIO
 *  cost   one pass over the tensors, a block at a time; the same seed gives the same bytes */
int sal_model_randomize(const char *in, const char *out, uint64_t seed, bool keep_embeddings,
                        sal_error *err) SAL_MUST_CHECK;

/** Names of the types sal_model_convert knows, NULL-terminated. */
const char *const *sal_model_types(void);

#ifdef __cplusplus
}
#endif
#endif
