/** Our own ggml backend on the processor: products of weights with two or more rows by oneDNN, and attention that measures itself.
 *  All the rest, models and formats included, stays libllama's. This header is what the room src/llm may use of it.
 *
 *  Use, all from one thread:
 *      sal_cpu_register            once, before a model is loaded; SAL_EUNSUPPORTED: say why, and go on without
 *      sal_cpu_weights_open        one for each model: its packed weights
 *      sal_cpu_open                one for each libllama context, before it is made
 *      sal_cpu_enter .. llama_init_from_model .. sal_cpu_leave        contexts made in between use it; all others never meet the backend
 *      llama_free, sal_cpu_close, llama_model_free, sal_cpu_weights_close
 *  Contexts must ask for LLAMA_FLASH_ATTN_TYPE_ENABLED (under AUTO libllama turns flash attention off when its node is not on the layer's
 *  device) and op_offload false.
 */
#ifndef SALIENT_CPU_H
#define SALIENT_CPU_H

#include <stdbool.h>

#include "attention.h"
#include "salient/model.h"

struct ggml_tensor;

/* ---- process ------------------------------------------------------------------------------------------------------------------- */

/** Make the backend known to ggml; more calls do nothing.
 *  errs   SAL_EUNSUPPORTED with the reason: ggml's interface has another version than this program was built for, or its internal
 *         header was not there */
int sal_cpu_register(sal_error *err) SAL_MUST_CHECK;

/** The cap on our kernels' instruction set that the environment asks for: SALIENT_MAX_CPU_ISA=portable, avx2 or avx512; for measurements
 *  (ONEDNN_MAX_CPU_ISA caps oneDNN). SAL_CPU_BEST without it. */
sal_cpu_features sal_cpu_cap(void);

/** One line on what would run here: "AVX-512 attention, oneDNN 2.6.3 f32 products". */
int sal_cpu_describe(sal_compute compute, sal_buffer *out, sal_error *err) SAL_MUST_CHECK;

/** "f32", "bf16", "auto bf16", "attention only": the numbers of products. Static storage. */
const char *sal_cpu_arithmetic(sal_compute compute);

/* ---- a model's packed weights ------------------------------------------------------------------------------------------------------ */

typedef struct sal_cpu_weights sal_cpu_weights;

/** An empty store; tensors are packed as products first need them.
 *  in     pack_memory: bytes of packed copies at most; 0: what is free, less a reserve; -1: none. It never changes a result.
 *  in     threads: of its model's contexts
 *  errs   SAL_EINVAL (bf16 asked for where it cannot run), SAL_ENOMEM, SAL_EMODEL. Without oneDNN the store is valid and stays empty. */
int sal_cpu_weights_open(sal_compute compute, int64_t pack_memory, int threads,
                         sal_cpu_weights **out, sal_error *err) SAL_MUST_CHECK;
void sal_cpu_weights_close(sal_cpu_weights *store);
/** Bytes of packed copies at present. */
uint64_t sal_cpu_weights_bytes(const sal_cpu_weights *store);

/* ---- measuring ------------------------------------------------------------------------------------------------------------------------ */

/** What attention adds up over the decodes of one text: one sequence from an empty cache, so that key j is cache cell j. */
typedef struct sal_cpu_tap {
    int layers, heads; /* nodes of layers past these are computed, not measured */
    size_t keys;       /* room for keys: the text's tokens rounded up to 256 */
    size_t span_count;
    const sal_span *spans;  /* [span_count] queries of the text */
    double *columns;        /* [span_count, layers, heads, keys], zeroed by the caller */
    int64_t *queries;       /* [layers], zeroed by the caller: queries that each layer has seen */
    int64_t skip;           /* as in sal_attention_measure */
    sal_span top;           /* queries of the text whose largest weight is asked for */
    int32_t *tops;          /* [layers, heads, top.end - top.start] their keys; NULL: not wanted */
    int64_t nonfinite_rows; /* out */
} sal_cpu_tap;

/** A FLASH_ATTN_EXT node that the backend takes, and then measures itself: exactly softmax(scale q k + mask) v on halves. All others are
 *  stock's, and for cb_eval to measure. Depends on the node's shape alone. */
bool sal_cpu_takes_attention(const struct ggml_tensor *node);

/* ---- a context's backend ------------------------------------------------------------------------------------------------------------- */

typedef struct sal_cpu sal_cpu;

typedef struct sal_cpu_options {
    sal_cpu_weights *weights; /* borrowed; NULL: no products */
    sal_cpu_features cap;     /* SAL_CPU_BEST unless measuring */
    int threads;
    int64_t
        least_rows; /* of a product; 0: 2, for one row is read once anyway. 1 where every product has to be float */
} sal_cpu_options;

int sal_cpu_open(const sal_cpu_options *options, sal_cpu **out, sal_error *err) SAL_MUST_CHECK;
void sal_cpu_close(sal_cpu *cpu); /* after its llama_context */

/** Contexts that this thread makes until sal_cpu_leave belong to cpu. */
void sal_cpu_enter(sal_cpu *cpu);
void sal_cpu_leave(void);

/** Measure the decodes from now on into tap; NULL stops. */
void sal_cpu_measure(sal_cpu *cpu, sal_cpu_tap *tap);

/** What the graph gives in the end (logits) is never read: libllama's copies of it, a row of the vocabulary for each output, are not
 *  made where the node was ours. For contexts whose cb_eval takes all that is wanted. */
void sal_cpu_leave_results(sal_cpu *cpu);

/** Why the last decode failed, when it failed here: its code, and its text in *err; SAL_OK otherwise. Forgets it. */
int sal_cpu_failure(sal_cpu *cpu, sal_error *err) SAL_MUST_CHECK;

/** Nodes taken since the context was made, for tests and for `salient doctor`. */
typedef struct sal_cpu_counts {
    int64_t attentions, products;
} sal_cpu_counts;
sal_cpu_counts sal_cpu_count(const sal_cpu *cpu);

#endif
