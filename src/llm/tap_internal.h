/** The tap: what its files share.
 *
 *  libllama computes a graph, and calls back before and after each node. The collector (tap_collect.c) knows the few nodes that matter,
 *  has their columns added up (tap_attention.c), their value norms (tap_norm.c) and their hidden rows taken, and ends the computation
 *  after the last one wanted. tap.c feeds the tokens, tap_context.c owns the context.
 */
#ifndef SALIENT_LLM_TAP_INTERNAL_H
#define SALIENT_LLM_TAP_INTERNAL_H

#include "cpu/attention.h"
#include "llm_internal.h"
#include "salient/tap.h"

enum {
    SAL_TAP_MICRO_BATCH = 512, /* tokens computed at once, unless told otherwise */
    SAL_TAP_MICRO_BATCH_MOST = 8192,
    SAL_TAP_OUTPUT_BYTES =
        128 << 20, /* of the vocabulary's rows that libllama reserves for rows of the last state */
    SAL_TAP_OUTPUTS_LEAST = 32 /* but never fewer of these than this */
};

/** Room for a copy of what lies on an accelerator. */
typedef struct sal_staging {
    void *bytes;
    size_t capacity;
} sal_staging;

enum { SAL_STAGE_QUERIES, SAL_STAGE_KEYS, SAL_STAGE_MASK, SAL_STAGE_OTHER, SAL_STAGES };

/** Memory that libllama filled with zeros. */
typedef struct sal_zeros {
    void *start;
    size_t bytes;
} sal_zeros;

/** One run. */
typedef struct sal_collector {
    sal_tap *tap;
    const sal_tap_request *request;
    size_t layers; /* wanted: 0 .. layers-1 */
    size_t tokens; /* T */
    size_t heads;
    size_t width;

    /* The micro-batch in progress: its tokens, and which of the request's positions lie in it. */
    size_t first, count;
    size_t position_first, position_end;

    /* Attention. A set is all queries (set 0, when whole) or one query span. sums and queries are laid out as sal_cpu_tap (cpu/cpu.h) has
     * them: a backend that adds up columns while it computes attention writes to them itself. */
    bool attention, whole;
    bool
        measured; /* our own backend does so with the nodes it takes; the others are the collector's */
    sal_cpu_tap own;
    sal_span *own_spans; /* [sets] */
    size_t sets;
    size_t keys;     /* T rounded up to 256, as libllama rounds the cells in use */
    double *sums;    /* [sets, layers, heads, keys] */
    double *pending; /* [sets, heads, keys] of the node just computed, until its layer is known */
    sal_attention_span *spans; /* [sets] */
    sal_attention_measure measure;
    const struct ggml_tensor *node; /* whose sums are pending */
    int64_t *queries;               /* [layers] that were counted */
    size_t top_count;               /* queries whose largest weight is asked for; 0: none */
    int32_t *top;                   /* [layers, heads, top_count] */
    int32_t *top_pending;           /* [heads, top_count] of the node just computed, as pending */
    int64_t non_finite;

    /* Norms of values. */
    const struct ggml_tensor *values; /* of the node: [d, n_kv, H_kv] or, exact, [n_kv, d, H_kv] */
    const struct ggml_tensor *heads_out; /* what the layer's output projection reads */
    int open_layer;                      /* waits for its projection; -1: none */
    bool *normed;                        /* [layers] */
    float *value_norms;                  /* [layers, heads, tokens] */

    /* Hidden states. */
    float *hidden; /* [layers + 1, P, width]; NULL when the request takes rows */
    size_t *rows;  /* [layers + 1] that were taken */
    float *
        embeddings; /* [P or a micro-batch, width]: state 0 of this micro-batch until the next state shows that it is the last of its kind */
    bool embeddings_held;

    /* The end of a micro-batch. */
    bool attention_over; /* the last layer's attention is done with */
    bool stopped;        /* nothing more is to be computed */
    sal_zeros *cache; /* filled with where keys and values lie, when stopped; NULL: nobody asks */
    struct ggml_tensor *silent; /* node that was made to compute nothing, and what it is in truth */
    enum ggml_op silent_op;

    int status;
    sal_error *err;
} sal_collector;

struct sal_tap {
    sal_model *model;
    bool exact;
    int threads;
    int micro_batch;
    sal_cpu_features features;
    struct llama_context *llama;
    sal_cpu *cpu; /* its backend; NULL: libllama alone */
    int context_tokens;
    int context_outputs;
    uint64_t steered; /* version of the model's steering that the context has */
    struct llama_batch batch;
    const sal_progress *progress; /* of the call in progress */
    sal_collector *collector;     /* NULL between runs */
    sal_attention_workspace workspace;
    sal_staging staging[SAL_STAGES];
    float **grams; /* [layers] of [heads, d, d], NULL until needed: see tap_norm.c */
};

/* ---- tap_context.c -------------------------------------------------------------------------------- */

/** A context for so many tokens and output rows, its memory empty. errs SAL_EMODEL */
int sal_tap_prepare(sal_tap *tap, int tokens, int outputs, sal_error *err) SAL_MUST_CHECK;
void sal_tap_drop_context(sal_tap *tap);

/** Bytes of a tensor (a view counts from its own start), wherever it lies.
 *  out    *out: in place, or copied into that staging room
 *  errs   SAL_ENOMEM, SAL_EMODEL (the tensor has no memory) */
int sal_tap_fetch(sal_tap *tap, int stage, const struct ggml_tensor *tensor, size_t offset,
                  size_t bytes, const void **out, sal_error *err) SAL_MUST_CHECK;
/** True when the tensor's bytes can be read in place. */
bool sal_tap_in_place(const struct ggml_tensor *tensor);

/* ---- tap_collect.c -------------------------------------------------------------------------------- */

/** The callback of libllama's scheduler; context is the tap. */
bool sal_tap_on_node(struct ggml_tensor *node, bool ask, void *context);

int sal_collector_open(sal_collector *collector, sal_error *err) SAL_MUST_CHECK;
void sal_collector_close(sal_collector *collector);
/** The next micro-batch: tokens first .. first+count-1. */
void sal_collector_start(sal_collector *collector, size_t first, size_t count);
/** A node that the run left silenced gets its operation back. */
void sal_collector_restore(sal_collector *collector);
/** Every layer saw all it should. errs SAL_EMODEL, SAL_EUNSUPPORTED: name the layer */
int sal_collector_check(const sal_collector *collector, sal_error *err) SAL_MUST_CHECK;

/* ---- tap_attention.c ------------------------------------------------------------------------------ */

/** Column sums and largest weights of a computed FLASH_ATTN_EXT node, from its sources, into collector->measure. */
int sal_tap_flash_columns(sal_collector *collector, const struct ggml_tensor *node,
                          sal_error *err) SAL_MUST_CHECK;
/** The same of a SOFT_MAX node, from what it holds. */
int sal_tap_soft_max_columns(sal_collector *collector, const struct ggml_tensor *node,
                             sal_error *err) SAL_MUST_CHECK;

/* ---- tap_norm.c ----------------------------------------------------------------------------------- */

/** Norms of all values of a layer through each head's part of the output projection, into collector->value_norms.
 *  in     projection: the weight [heads * d, D] */
int sal_tap_value_norms(sal_collector *collector, size_t layer,
                        const struct ggml_tensor *projection, sal_error *err) SAL_MUST_CHECK;

#endif
