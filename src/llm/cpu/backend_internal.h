/** One context's backend, and how ggml's nodes become our problems. */
#ifndef SALIENT_CPU_BACKEND_INTERNAL_H
#define SALIENT_CPU_BACKEND_INTERNAL_H

#include <ggml.h>

#include "cpu.h"

struct sal_cpu {
    sal_cpu_weights *weights;
    sal_cpu_features features;
    int threads;
    int64_t least_rows;
    sal_attention_workspace workspace;
    sal_cpu_tap *tap;
    bool results_unread;
    sal_error failure; /* of the last graph */
    sal_cpu_counts counts;
    void *device; /* the ggml device of this context alone: what supports_op is asked of */
    void *
        backend; /* the ggml backend, made beforehand, where a lack of memory is still an ordinary error */
};

/** A MUL_MAT node of a weight with least_rows or more rows that products can do exactly. */
bool sal_node_is_product(const sal_cpu_weights *weights, int64_t least_rows,
                         const struct ggml_tensor *node);

/** The node as an attention; its sources must have data. */
void sal_node_attention(const struct ggml_tensor *node, sal_attention *out);

/** Layer from a name that ends in "-<number>" or begins with "blk.<number>." or "cache_k_l<number>"; -1 when it has none. */
int sal_layer_of_name(const char *name);

/** Compute an attention node, its output and, when cpu->tap is set, its columns.
 *  in     layer: -1 when unknown, an error only when measuring */
int sal_tap_attention(sal_cpu *cpu, const struct ggml_tensor *node, int layer,
                      sal_error *err) SAL_MUST_CHECK;

#endif
