/** The generation engine: what its files share. engine_context.c owns the libllama context and its layout, engine_prefill.c computes the
 *  prompts, engine.c decodes and samples. */
#ifndef SALIENT_LLM_ENGINE_INTERNAL_H
#define SALIENT_LLM_ENGINE_INTERNAL_H

#include "llm_internal.h"
#include "sampling.h"

enum {
    SAL_ENGINE_BATCH = 2048,     /* tokens handed to libllama at once */
    SAL_ENGINE_MICRO_BATCH = 512 /* tokens computed at once */
};

/** One request while it is being generated. */
typedef struct sal_sequence {
    size_t request; /* index of its request and result */
    const sal_generate_request *asked;
    llama_seq_id id;
    int position; /* tokens of it that are in the cache */
    int32_t next; /* sampled, not yet decoded */
    bool active;  /* more tokens are wanted */
    bool ended;
    bool stopped;
    sal_random random;
    sal_history history;
    sal_utf8_stream text;
    int32_t *tokens; /* generated, without the end token */
    size_t count;
    size_t capacity;
} sal_sequence;

/** Heads whose outputs are replaced (engine_edit.c). */
typedef struct sal_engine_edits {
    sal_head_place *heads; /* [count] */
    float *outputs;        /* [count, width] */
    size_t count, width;
    size_t done; /* heads edited in the decode in progress, once for each micro-batch */
    int status;  /* of the first edit that failed, with its text */
    sal_error error;
} sal_engine_edits;

/** The next token of one sequence. */
typedef struct sal_draw {
    sal_sequence *sequence;
    float *logits;
    int32_t token;
    int status;
    sal_error error;
} sal_draw;

struct sal_engine {
    sal_model *model;
    sal_engine_options options;
    int context_limit; /* tokens of one sequence at most */
    struct llama_context *llama;
    sal_cpu *cpu;       /* its backend; NULL: libllama alone */
    bool unified;       /* all sequences in one cache, for they share most of their cells */
    int context_tokens; /* cells of a stream in the present context; 0: there is none yet */
    uint64_t context_bytes;
    uint64_t steered; /* version of the model's steering that the context has */
    struct llama_batch batch;
    sal_sequence *
        *owners; /* [SAL_ENGINE_BATCH] whose logits an entry of the batch asks for, or NULL */
    int threads;
    sal_sampler *samplers; /* [sampler_count], one a thread */
    int sampler_count;
    sal_draw *draws; /* [options.sequences] */
    sal_buffer piece;
    sal_engine_edits edit;
    const sal_progress *progress; /* of the call in progress */
    sal_engine_timing timing;
};

/* ---- engine_context.c ------------------------------------------------------------------------------ */

/** What a call needs of the cache. */
typedef struct sal_engine_need {
    int tokens; /* of the longest sequence, prompt and output */
    int shared; /* that all prompts begin with */
    int cells;  /* of all sequences together, what they share counted once */
} sal_engine_need;

/** Make sure that the context holds such sequences in the layout that suits them, and that its memory is empty. It grows, and is made again when
 *  the layout changes.
 *  errs   SAL_ELIMIT, SAL_EMODEL, SAL_ENOMEM */
int sal_engine_prepare(sal_engine *engine, sal_engine_need need, sal_error *err) SAL_MUST_CHECK;
void sal_engine_drop_context(sal_engine *engine);

/* ---- engine_prefill.c ------------------------------------------------------------------------------- */

/** Put one token of a sequence into the batch. owner: the sequence to sample for once the batch is computed, or NULL. */
void sal_engine_add(sal_engine *engine, int32_t token, int position, llama_seq_id id,
                    sal_sequence *owner);

/** Compute the prompts of all sequences: what they share once, the rest each; the first token of each is sampled.
 *  in     sequences [count], ids 0 .. count-1 in this order; shared: what sal_generate_shared said */
int sal_engine_prefill(sal_engine *engine, sal_sequence *sequences, size_t count, size_t shared,
                       sal_error *err) SAL_MUST_CHECK;

/* ---- engine_edit.c ---------------------------------------------------------------------------------- */

/** The callback of an editable engine's context. */
bool sal_engine_on_node(struct ggml_tensor *node, bool ask, void *context);
/** After a decode: every head was edited in every micro-batch. errs SAL_EUNSUPPORTED */
int sal_engine_check_edits(sal_engine *engine, sal_error *err) SAL_MUST_CHECK;
void sal_engine_forget_edits(sal_engine *engine);

/* ---- engine.c ------------------------------------------------------------------------------------------ */

/** Run the batch, sample for its owners, and empty it. seconds: where the time of the computation is added. */
int sal_engine_run(sal_engine *engine, double *seconds, sal_error *err) SAL_MUST_CHECK;

#endif
