/** How one attention is cut up: shared by attention.c (the plan, the loops over all threads) and attention_task.c (one task).
 *
 *  Rows are pairs (query, head of one key head's group), for they share keys. A unit is one vector of rows.
 *  Many queries: a unit is `lanes` neighbouring queries of one head; a task is a few groups of such queries with all heads of a group,
 *  over all keys; K and V are widened to float once for all tasks of a key head.
 *  Few queries (decoding): all rows of a key head fill the units one after another; a task is all of them against 512 keys, which are read
 *  once; what the tasks of a key head found is then put together in the order of keys.
 *  Few queries that see few keys of a chunk (one query; keys that one sequence of several wrote): each query by itself (sal_thin).
 *  All partitions follow from the sizes alone, never from the number of threads.
 */
#ifndef SALIENT_CPU_ATTENTION_PLAN_H
#define SALIENT_CPU_ATTENTION_PLAN_H

#include <stdatomic.h>

#include "attention_kernel.h"

enum {
    SAL_SEGMENT = 8,       /* chunks of a task when queries are few */
    SAL_TASK_QUERIES = 64, /* queries of a task when they are many */
    SAL_GATHER_COST = 2    /* a score of gathered keys, in scores of a whole chunk */
};

/** What a row of the mask says about a chunk. */
enum { SAL_SEES_NONE, SAL_SEES_ALL, SAL_SEES_SOME, SAL_SEES_BIASED };

typedef struct sal_plan {
    const sal_attention *a;
    const sal_attention_kernel *kernel;
    sal_attention_measure *measure; /* or NULL */
    int lanes;
    int64_t rows;        /* SAL_VECTORS * lanes */
    int64_t group;       /* heads of a key head */
    int64_t chunks;      /* of keys */
    int64_t value_width; /* in whole vectors; 0: no output */
    bool few;
    bool gathers;        /* few, and chunks of which little is seen are sal_thin's */
    int64_t units;       /* of one key head */
    int64_t mask_units;  /* different rows of masks: units when few, else groups of queries */
    int64_t tasks;       /* of one key head */
    int64_t task_units;  /* units of a task */
    int64_t blocks;      /* of a task */
    int64_t slabs;       /* streams * heads_kv */
    int64_t round;       /* slabs at a time */
    int64_t first_slab;  /* of this round */
    int64_t round_slabs; /* in this round */
    uint32_t *seen;      /* [mask streams, mask_units, chunks, 2, lanes] */
    uint8_t *states;     /* [mask streams, mask_units, chunks] */
    float *keys;         /* [round, chunks * SAL_CHUNK, width]; many queries */
    float *values;       /* [round, chunks * SAL_CHUNK, value_width] */
    uint64_t *poisoned;  /* [round, chunks]: values that are not finite */
    float *columns; /* [round, tasks, spans, group, chunks * SAL_CHUNK]: float sums of each task */
    float
        *found; /* [round, tasks, units * lanes, 2 + value_width]: max, sum, output; few queries */
    atomic_int *left;   /* [round]: tasks of a slab that are not done; few queries */
    int64_t *nonfinite; /* [round, tasks] */
    char *scratch;      /* [threads, scratch_bytes] */
    size_t scratch_bytes;
} sal_plan;

/** Memory handed out piece by piece; from a base of NULL on, only its size is learnt. */
typedef struct sal_carver {
    char *base;
    size_t used;
} sal_carver;

static inline void *sal_carve(sal_carver *carver, int64_t count, size_t size) {
    void *piece = carver->base == NULL ? NULL : carver->base + carver->used;
    carver->used += ((size_t)count * size + SAL_LINE - 1) / SAL_LINE * SAL_LINE;
    return piece;
}

/** One block of rows while it is computed: arrays inside a thread's scratch. */
typedef struct sal_block {
    int64_t unit; /* its first */
    int vectors;
    int64_t rows;     /* that are wanted */
    float *queries;   /* [width, W] */
    float *out;       /* [W, value_width] */
    float *max, *sum; /* [W] */
    float *factor;    /* [W] */
    float *weights;   /* [chunks or 1, SAL_CHUNK, W] */
    float *history;   /* [chunks, W]: max after each chunk; only when measuring */
    uint8_t *visited; /* [chunks]; only when measuring */
} sal_block;

/** The row in a lane: *query and *head (inside the group). False when the lane is empty. */
static inline bool sal_plan_row(const sal_plan *plan, int64_t unit, int64_t lane, int64_t *query,
                                int64_t *head) {
    if (plan->few) {
        int64_t row = unit * plan->lanes + lane;
        *head = row / plan->a->queries;
        *query = row % plan->a->queries;
        return *head < plan->group;
    }
    *head = unit % plan->group;
    *query = unit / plan->group * plan->lanes + lane;
    return *query < plan->a->queries;
}

static inline int64_t sal_plan_mask_unit(const sal_plan *plan, int64_t unit) {
    return plan->few ? unit : unit / plan->group;
}

/** Bytes of one thread's scratch. */
size_t sal_task_scratch_bytes(const sal_plan *plan);

/** Widen one chunk of keys and values of a slab, ahead: later rows fetched meanwhile; cells past the last key become 0, values that are not finite become 0 and are
 *  reported as bits. */
uint64_t sal_task_widen(const sal_plan *plan, int64_t slab, int64_t chunk, bool ahead, float *keys,
                        float *values);

/** Compute task `index` of slab `slab` (counted within the round) in scratch. */
void sal_task_run(const sal_plan *plan, int64_t slab, int64_t index, char *scratch);

#endif
