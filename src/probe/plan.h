/** Shapes of the probe networks (METHODS 4): what layers there are, how wide, where their parameters lie. No numbers are computed here.
 *
 *  A plan is a list of layers; each reads the output of the one before it, and some add the output of an earlier one. Layer 0 is the
 *  input. Names are those of the published PyTorch classes, so that a checkpoint loads there. */
#ifndef SALIENT_PROBE_PLAN_H
#define SALIENT_PROBE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "salient/probe.h"

typedef enum probe_kind {
    PROBE_INPUT,
    PROBE_LINEAR,     /* y = x W^T + b; W [out,in], then b [out] */
    PROBE_RELU,       /* max(x, 0) */
    PROBE_DROPOUT,    /* while training: 0 with probability rate, else x / (1 - rate) */
    PROBE_LAYER_NORM, /* over the columns of a row; weight [n], then bias [n] */
    PROBE_BATCH_NORM, /* over the rows of a batch; weight [n], bias [n]; buffers: running mean [n], running variance [n] */
    PROBE_ADD,        /* y = x + output of layer source */
    PROBE_ADD_LINEAR, /* y = x + linear(output of layer source); parameters as PROBE_LINEAR */
    PROBE_ATTENTION /* y = x + attention(x) over the rows of a group; in_proj W [3n,n], b [3n], out_proj W [n,n], b [n] */
} probe_kind;

typedef struct probe_layer {
    probe_kind kind;
    size_t in;         /* width of what it reads (PROBE_ADD_LINEAR: of the source) */
    size_t out;        /* width of what it gives */
    size_t source;     /* earlier layer that is added */
    size_t heads;      /* of attention */
    double rate;       /* of dropout; of attention: on its weights */
    size_t parameters; /* offset of its first parameter */
    size_t buffers;    /* offset of its first running value */
    char name[32];     /* as PyTorch's module is called: "network.0"; "" without parameters */
} probe_layer;

enum { PROBE_LAYERS_AT_MOST = 32 };

typedef struct probe_plan {
    probe_layer layers[PROBE_LAYERS_AT_MOST];
    size_t count;
    size_t input;      /* width */
    size_t parameters; /* numbers that are learnt */
    size_t buffers;    /* running values of the batch norms */
    bool grouped;      /* rows of one document are seen together */
} probe_plan;

/** in -> first -> second -> 1 with ReLU and dropout (.3, .2 in the paper) after the first two. */
probe_plan probe_plan_mlp(size_t in, size_t first, size_t second, const double dropout[2]);
/** LayerNorm, linear, BatchNorm, ReLU, dropout; two residual blocks; linear. widths [3]; dropout (.3, .2, .1). */
probe_plan probe_plan_all_layers(size_t in, const size_t widths[3], const double dropout[3]);
/** As the MLP, for the words of a document together; heads > 0: self-attention over them before the last layer, with dropout[2] on
 *  its weights. */
probe_plan probe_plan_article(size_t in, size_t first, size_t second, size_t heads,
                              const double dropout[3]);

/** The paper's widths and rates for this kind of probe (not SAL_PROBE_LINEAR) and this input. */
probe_plan probe_plan_paper(sal_probe_kind kind, size_t in, bool attention);

/** One array of parameters of a layer. */
typedef struct probe_array {
    char name[64]; /* "network.0.weight" */
    size_t axes;
    size_t shape[2];
    size_t offset; /* in the parameters, or in the buffers */
    bool buffer;
} probe_array;

enum { PROBE_ARRAYS_AT_MOST = 4 };

/** Arrays of a layer. out arrays [PROBE_ARRAYS_AT_MOST]. return how many */
size_t probe_layer_arrays(const probe_layer *layer, probe_array *arrays);

#endif
