/* A task of few queries: all its rows at once against the keys of a segment; keys of which little is seen are gathered. */
#include <string.h>

#include "attention_task.h"

/* Maximum, sum and output of every row go to where all tasks' are put together (attention.c: join). */
static void write_found(const sal_task *t, const sal_block *block) {
    const sal_plan *plan = t->plan;
    const int64_t stride = 2 + plan->value_width;
    float *found = plan->found + ((t->slab * plan->tasks + t->index) * plan->units + block->unit) *
                                     plan->lanes * stride;
    for (int64_t row = 0; row < block->rows; row++) {
        float *to = found + row * stride;
        to[0] = block->max[row];
        to[1] = block->sum[row];
        memcpy(to + 2, block->out + row * plan->value_width,
               (size_t)plan->value_width * sizeof *to);
    }
}

/* ---- gathered keys -------------------------------------------------------------------------------------------------------------- */

static void scale_queries(const sal_task *t) {
    const sal_plan *plan = t->plan;
    const int64_t width = plan->a->width;
    const float scale = plan->a->scale * SAL_LOG2_E;
    for (int64_t query = 0; query < plan->a->queries; query++) {
        for (int64_t head = 0; head < plan->group; head++) {
            const float *from = (const float *)(const void *)sal_task_query(t, query, head);
            float *to = t->queries + (query * plan->group + head) * width;
            for (int64_t i = 0; i < width; i++)
                to[i] = from[i] * scale;
        }
    }
}

/* Bit k: the query sees key k of the chunk. */
static uint64_t seen_by(const sal_task *t, int64_t query, int64_t chunk) {
    const int lanes = t->plan->lanes; /* row `query` is that of head 0 */
    const int64_t at = sal_task_mask(t, query / lanes, chunk);
    const uint32_t *seen = t->plan->seen + at * 2 * lanes + query % lanes;
    return (uint64_t)seen[lanes] << 32 | seen[0];
}

/* Whether each query's keys are better gathered than all keys multiplied with all rows. */
static bool is_sparse(const sal_task *t, int64_t chunk) {
    const sal_plan *plan = t->plan;
    int64_t pairs = 0;
    if (!plan->gathers)
        return false;
    for (int64_t query = 0; query < plan->a->queries; query++)
        pairs += __builtin_popcountll(seen_by(t, query, chunk));
    return SAL_GATHER_COST * pairs * plan->group <= SAL_CHUNK * plan->units * plan->lanes;
}

/* A query's biases of a chunk; what it does not see is not looked at. */
static const float *bias_of(const sal_task *t, int64_t query, int64_t chunk) {
    const sal_plan *plan = t->plan;
    const sal_attention *a = plan->a;
    const int64_t first = chunk * SAL_CHUNK;
    const int64_t count = a->keys - first < SAL_CHUNK ? a->keys - first : SAL_CHUNK;
    if (plan->states[sal_task_mask(t, query / plan->lanes, chunk)] != SAL_SEES_BIASED)
        return NULL;
    const char *mask = (const char *)a->mask + (size_t)t->stream * a->mask_stream +
                       (size_t)query * a->mask_query + (size_t)first * sizeof(uint16_t);
    (void)plan->kernel->widen((const uint16_t *)(const void *)mask, count, t->bias);
    for (int64_t k = 0; k < count; k++)
        t->bias[k] *= SAL_LOG2_E;
    return t->bias;
}

/* A query's share of the keys after the chunk: all at once would be more than a processor has under way. */
SAL_FETCH fetch_share(const sal_thin *thin, int64_t query, int64_t queries) {
    const int64_t end = SAL_CHUNK + SAL_CHUNK * (query + 1) / queries;
    for (int64_t k = SAL_CHUNK + SAL_CHUNK * query / queries; k < end; k++) {
        sal_fetch(thin->key + (size_t)k * thin->key_stride, thin->width);
        sal_fetch(thin->value + (size_t)k * thin->value_stride, thin->value_width);
    }
}

/* Each query with its heads, SAL_THIN_ROWS at a time, against the keys that it sees. next: whether a whole chunk follows */
static void gather(sal_task *t, int64_t chunk, bool next) {
    const sal_plan *plan = t->plan;
    const int64_t width = plan->a->width, slab = plan->first_slab + t->slab;
    if (!t->scaled)
        scale_queries(t);
    t->scaled = true;
    sal_thin thin = {.width = width,
                     .value_width = plan->value_width,
                     .key = sal_task_key(plan, slab, chunk * SAL_CHUNK),
                     .value = sal_task_value(plan, slab, chunk * SAL_CHUNK),
                     .key_stride = plan->a->k_key,
                     .value_stride = plan->a->v_key,
                     .next = next && plan->a->queries == 1};
    for (int64_t query = 0; query < plan->a->queries; query++) {
        if (next && plan->a->queries > 1)
            fetch_share(&thin, query, plan->a->queries);
        thin.seen = seen_by(t, query, chunk);
        if (thin.seen == 0)
            continue;
        thin.bias = bias_of(t, query, chunk);
        for (int64_t head = 0; head < plan->group; head += thin.rows, thin.next = false) {
            const int64_t left = plan->group - head;
            thin.rows = (int)(left < SAL_THIN_ROWS ? left : SAL_THIN_ROWS);
            for (int r = 0; r < thin.rows; r++) {
                const int64_t row = (head + r) * plan->a->queries + query, at = row % plan->rows;
                const sal_block *block = &t->each[row / plan->rows];
                thin.row[r] = (sal_thin_row){t->queries + (query * plan->group + head + r) * width,
                                             block->max + at, block->sum + at,
                                             block->out + at * plan->value_width};
            }
            plan->kernel->thin(&thin);
        }
    }
}

/* All rows against all keys of a chunk. first: nobody has fetched it while the chunk before was computed */
static void step_all(sal_task *t, int64_t chunk, bool first, bool next) {
    const sal_plan *plan = t->plan;
    const uint64_t poisoned =
        sal_task_widen(plan, plan->first_slab + t->slab, chunk, first, t->keys, t->values);
    for (int64_t b = 0; !t->filled && b < plan->blocks; b++)
        sal_block_fill_queries(t, &t->each[b]);
    t->filled = true;
    for (int64_t b = 0; b < plan->blocks; b++)
        sal_block_step(t, &t->each[b], chunk, b == 0 && next, t->keys, t->values, poisoned);
}

static bool any_sees(const sal_task *t, int64_t chunk) {
    for (int64_t unit = 0; unit < t->plan->units; unit++) {
        if (t->plan->states[sal_task_mask(t, unit, chunk)] != SAL_SEES_NONE)
            return true;
    }
    return false;
}

void sal_task_run_few(sal_task *t) {
    const sal_plan *plan = t->plan;
    const int64_t length = plan->tasks == 1 ? plan->chunks : SAL_SEGMENT;
    const int64_t first = t->index * length;
    const int64_t end = first + length < plan->chunks ? first + length : plan->chunks;
    for (int64_t b = 0; b < plan->blocks; b++)
        sal_block_start(t, &t->each[b], b * SAL_VECTORS, plan->units);
    for (int64_t chunk = first; chunk < end; chunk++) {
        const bool next = (chunk + 2) * SAL_CHUNK <= plan->a->keys;
        if (!any_sees(t, chunk))
            continue;
        if (is_sparse(t, chunk))
            gather(t, chunk, next);
        else
            step_all(t, chunk, chunk == first, next);
    }
    for (int64_t b = 0; b < plan->blocks; b++) {
        write_found(t, &t->each[b]);
        if (plan->measure != NULL)
            sal_block_add_columns(t, &t->each[b]);
    }
}
