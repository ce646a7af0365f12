/** What the files of src/llm share. Nothing outside this room includes it: libllama and ggml stay behind salient/model.h. */
#ifndef SALIENT_LLM_INTERNAL_H
#define SALIENT_LLM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llama.h>

#include "cpu/cpu.h"
#include "salient/model.h"

/* ---- system.c: start-up and log ------------------------------------------------------------ */

/** Start libllama once per process and route its log to this room. Call before anything of libllama. */
void sal_llm_start(void);

/** Forget what this thread's log holds; call before an operation whose failure is to be explained. */
void sal_llm_log_clear(void);

/** First error line that libllama logged in this thread since the last clear; "" when there is none. Valid until the next clear. */
const char *sal_llm_log_error(void);

/** Bytes of the buffers (caches, outputs, compute) that libllama logged in this thread since the last clear. */
uint64_t sal_llm_log_buffer_bytes(void);

/* ---- gguf_check.c: what a file says about itself, before libllama sees it ----------------------- */

typedef struct sal_gguf_facts {
    int layers, heads, heads_kv, width, context_trained;
    int file_type; /* general.file_type, -1 when absent */
    uint64_t parameters;
    uint64_t bytes;
    char architecture[64];
    char size_label[64];
    char name[256]; /* "" when absent */
} sal_gguf_facts;

/** Read the header of one file and check everything that would make libllama stop the process instead of failing.
 *  in     first: the file holds the model's metadata (not a later part of a split)
 *  out    facts: filled when first; parameters and bytes are added to in either case
 *  errs   SAL_ENOTFOUND, SAL_EIO, SAL_EFORMAT (names the file) */
int sal_gguf_check(const char *path, bool first, sal_gguf_facts *facts,
                   sal_error *err) SAL_MUST_CHECK;

/* ---- model.c ------------------------------------------------------------------------------------- */

/** A string that becomes one control token when special tokens are parsed. Borrowed from libllama. */
typedef struct sal_control {
    const char *text;
    size_t length;
} sal_control;

/** What is added to the output of a block (steer.c). */
typedef struct sal_steering {
    float *data;      /* [layers-1, width] from block 1 on, as libllama wants it; NULL: nothing */
    int block;        /* -1: none */
    uint64_t version; /* of these three; 0: there never was any */
} sal_steering;

struct sal_model {
    struct llama_model *llama;
    const struct llama_vocab *vocab;
    sal_model_info info;
    char *path;
    char *name;
    char *architecture;
    char *type;
    char *size_label;
    char *chat_template;
    int threads;
    bool vocabulary_only;
    bool on_processor; /* no layer on an accelerator */
    bool own_backend;  /* contexts run on the backend of cpu/ */
    char *backend;     /* which path runs, and why */
    int64_t pack_memory;
    sal_cpu_weights *weights;       /* packed for --compute; NULL: libllama's */
    sal_cpu_weights *exact_weights; /* float, for exact contexts; made when first needed */
    sal_control *controls;
    size_t control_count;
    sal_steering steering;
    bool control_first[256]; /* bytes that a control token's text begins with */
};

/** Whether each token sees those before it and no others. What is not so (encoders, models of embeddings, diffusion) libllama computes with all
 *  tokens as outputs, and ends the process when there are fewer. */
bool sal_llm_reads_forward(const sal_model *model);

/* ---- context.c ----------------------------------------------------------------------------------- */

/** A libllama context on our own backend where the model has one, else on libllama alone.
 *  in     exact: all products in float, whatever --compute says, where oneDNN is
 *  out    *out; *cpu its backend, NULL when it is libllama's alone. Both are closed by sal_context_close.
 *  errs   SAL_ENOMEM, SAL_EMODEL (*out NULL; sal_llm_log_error has the cause) */
int sal_context_open(sal_model *model, struct llama_context_params params, bool exact,
                     struct llama_context **out, sal_cpu **cpu, sal_error *err) SAL_MUST_CHECK;
void sal_context_close(struct llama_context *context, sal_cpu *cpu);

/** Steer a context as its model is steered now (steer.c).
 *  in     seen: version the context has, 0 in a new one; updated
 *  errs   SAL_EMODEL */
int sal_context_steer(const sal_model *model, struct llama_context *context, uint64_t *seen,
                      sal_error *err) SAL_MUST_CHECK;

/** The layer of a graph's node called "<name>-<layer>", or -1. */
int sal_llm_layer_of(const char *text, const char *name);

/* ---- tokens.c ------------------------------------------------------------------------------------ */

/** Append the tokens of one piece of a text: spans are shifted by offset.
 *  Pieces that libllama normalised (a space put in front, white space eaten by a control token) are aligned again. */
int sal_tokens_append(const sal_model *model, const char *bytes, size_t length, bool parse_special,
                      size_t offset, sal_tokens *tokens, sal_error *err) SAL_MUST_CHECK;

/** Put the model's BOS in front unless the tokens already begin with it or the model wants none. */
int sal_tokens_add_bos(const sal_model *model, sal_tokens *tokens, sal_error *err) SAL_MUST_CHECK;

/** Piece of a token. out *bytes points into *space, which grows when needed.
 *  in     special: text of control tokens too, else they are empty */
int sal_token_piece(const sal_model *model, int32_t id, bool special, sal_buffer *space,
                    sal_error *err) SAL_MUST_CHECK;

/* ---- utf8.c -------------------------------------------------------------------------------------- */

/** Bytes that arrive token by token, turned into valid UTF-8: whole characters only; what is no UTF-8 (and NUL) becomes U+FFFD,
 *  one for each longest prefix of a character (as Python's errors="replace"). Zero-initialise; free text with sal_buffer_free. */
typedef struct sal_utf8_stream {
    sal_buffer text;
    char pending[4];
    int have;
    int need;
    unsigned char low, high; /* range of the next continuation byte */
} sal_utf8_stream;

int sal_utf8_stream_add(sal_utf8_stream *stream, const char *bytes, size_t length,
                        sal_error *err) SAL_MUST_CHECK;
/** A character that never became whole ends as U+FFFD. */
int sal_utf8_stream_end(sal_utf8_stream *stream, sal_error *err) SAL_MUST_CHECK;

#endif
