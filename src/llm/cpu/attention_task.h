/** One task of an attention while it is computed: shared by attention_task.c (blocks of rows against chunks of keys), attention_few.c (few
 *  queries) and attention_columns.c (what is measured). See attention_plan.h for the cutting. */
#ifndef SALIENT_CPU_ATTENTION_TASK_H
#define SALIENT_CPU_ATTENTION_TASK_H

#include "attention_plan.h"

#define SAL_LOG2_E 1.44269504088896340736f

/* What all blocks of a task share. */
typedef struct sal_task {
    const sal_plan *plan;
    int64_t slab;
    int64_t index;
    int64_t stream, head_kv;
    sal_block block;      /* many queries: one after the other */
    sal_block *each;      /* few queries: all at once */
    float *keys, *values; /* one chunk, when they are not widened beforehand */
    float *queries;       /* [queries, group, width] scaled; few queries for sal_thin */
    float *bias;          /* [SAL_CHUNK, W] */
    float *base;          /* [spans, W] */
    float *decayed;       /* [W] */
    float *sums;          /* [spans, group, chunks * SAL_CHUNK] of this task */
    bool filled, scaled;  /* few queries: each's queries, and queries */
    int64_t nonfinite;
} sal_task;

/* ---- places ------------------------------------------------------------------------------------------------------------------ */

static inline const char *sal_task_key(const sal_plan *plan, int64_t slab, int64_t key) {
    const sal_attention *a = plan->a;
    return (const char *)a->k + (size_t)(slab / a->heads_kv) * a->k_stream +
           (size_t)(slab % a->heads_kv) * a->k_head + (size_t)key * a->k_key;
}

static inline const char *sal_task_value(const sal_plan *plan, int64_t slab, int64_t key) {
    const sal_attention *a = plan->a;
    return (const char *)a->v + (size_t)(slab / a->heads_kv) * a->v_stream +
           (size_t)(slab % a->heads_kv) * a->v_head + (size_t)key * a->v_key;
}

static inline const char *sal_task_query(const sal_task *t, int64_t query, int64_t head) {
    const sal_attention *a = t->plan->a;
    return (const char *)a->q + (size_t)t->stream * a->q_stream +
           (size_t)(t->head_kv * t->plan->group + head) * a->q_head + (size_t)query * a->q_query;
}

/** Of a unit and a chunk in plan->states and, 2 lanes for each, plan->seen. */
static inline int64_t sal_task_mask(const sal_task *t, int64_t unit, int64_t chunk) {
    const sal_plan *plan = t->plan;
    const int64_t stream = plan->a->mask_stream == 0 ? 0 : t->stream;
    return (stream * plan->mask_units + sal_plan_mask_unit(plan, unit)) * plan->chunks + chunk;
}

/* ---- a block ----------------------------------------------------------------------------------------------------------------- */

/** A block that has seen nothing yet: units from `unit` on, before `end`. */
void sal_block_start(const sal_task *t, sal_block *block, int64_t unit, int64_t end);
/** Its queries, scaled, as a chunk's kernel wants them. */
void sal_block_fill_queries(const sal_task *t, const sal_block *block);
/** All its rows against all keys of a chunk, [SAL_CHUNK, width] and [SAL_CHUNK, value_width]. next: the chunk after it is to be fetched
 *  meanwhile; poisoned: bits of values that are not finite and stand there as 0 */
void sal_block_step(const sal_task *t, sal_block *block, int64_t chunk, bool next,
                    const float *keys, const float *values, uint64_t poisoned);
/** All chunks were seen: add its weights to the task's sums, and note what else is measured. */
void sal_block_add_columns(sal_task *t, sal_block *block);

/** A task of few queries. */
void sal_task_run_few(sal_task *t);

#endif
