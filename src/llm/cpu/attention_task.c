/* One task of an attention: blocks of rows against chunks of keys. See attention_plan.h for the cutting. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_task.h"

enum { SAL_AHEAD = 24 }; /* keys: what a processor can have under way */

/* ---- scratch ------------------------------------------------------------------------------------------------------------- */

/* Arrays of a block, in the order of sal_block. */
static void lay_out_block(const sal_plan *plan, sal_block *block, sal_carver *memory) {
    const int64_t rows = plan->rows;
    const int64_t chunks = plan->measure != NULL ? plan->chunks : 0;
    block->queries = sal_carve(memory, plan->a->width * rows, sizeof(float));
    block->out = sal_carve(memory, rows * plan->value_width, sizeof(float));
    block->max = sal_carve(memory, rows, sizeof(float));
    block->sum = sal_carve(memory, rows, sizeof(float));
    block->factor = sal_carve(memory, rows, sizeof(float));
    block->weights = sal_carve(memory, (chunks > 0 ? chunks : 1) * SAL_CHUNK * rows, sizeof(float));
    block->history = sal_carve(memory, chunks * rows, sizeof(float));
    block->visited = sal_carve(memory, chunks, 1);
}

static size_t lay_out(const sal_plan *plan, sal_task *t, char *scratch) {
    sal_carver memory = {scratch, 0};
    const int64_t spans = plan->measure != NULL ? (int64_t)plan->measure->span_count : 0;
    t->bias = sal_carve(&memory, SAL_CHUNK * plan->rows, sizeof(float));
    t->decayed = sal_carve(&memory, plan->rows, sizeof(float));
    t->base = sal_carve(&memory, spans * plan->rows, sizeof(float));
    if (plan->gathers)
        t->queries =
            sal_carve(&memory, plan->a->queries * plan->group * plan->a->width, sizeof(float));
    if (!plan->few) {
        lay_out_block(plan, &t->block, &memory);
        return memory.used;
    }
    t->keys = sal_carve(&memory, SAL_CHUNK * plan->a->width, sizeof(float));
    t->values = sal_carve(&memory, SAL_CHUNK * plan->value_width, sizeof(float));
    t->each = sal_carve(&memory, plan->blocks, sizeof(sal_block));
    for (int64_t b = 0; b < plan->blocks; b++)
        lay_out_block(plan, scratch == NULL ? &t->block : &t->each[b], &memory);
    return memory.used;
}

size_t sal_task_scratch_bytes(const sal_plan *plan) {
    sal_task t = {.plan = plan};
    return lay_out(plan, &t, NULL);
}

/* ---- keys and values ----------------------------------------------------------------------------------------------------------- */

/* Rows of halves as floats, [SAL_CHUNK, stride], what is past them 0.
 * return all are finite, where finite is asked for */
static bool widen_rows(const sal_plan *plan, const char *in, size_t in_stride, int64_t rows,
                       int64_t width, bool ahead, float *out, int64_t stride) {
    bool finite = true;
    if (plan->kernel->widen_rows != NULL && width % plan->lanes == 0) {
        finite = plan->kernel->widen_rows(in, in_stride, rows, width, ahead ? SAL_AHEAD : 0, out,
                                          stride);
    } else {
        for (int64_t k = 0; k < rows; k++) {
            const char *row = in + (size_t)k * in_stride;
            finite =
                plan->kernel->widen((const uint16_t *)(const void *)row, width, out + k * stride) &&
                finite;
        }
    }
    for (int64_t k = 0; k < rows && width < stride; k++)
        memset(out + k * stride + width, 0, (size_t)(stride - width) * sizeof *out);
    memset(out + rows * stride, 0, (size_t)((SAL_CHUNK - rows) * stride) * sizeof *out);
    return finite;
}

static bool is_finite(const float *row, int64_t count) {
    float sum = 0.0f;
    for (int64_t i = 0; i < count; i++)
        sum += row[i] * 0.0f;
    return sum == 0.0f;
}

uint64_t sal_task_widen(const sal_plan *plan, int64_t slab, int64_t chunk, bool ahead, float *keys,
                        float *values) {
    const sal_attention *a = plan->a;
    const int64_t first = chunk * SAL_CHUNK, stride = plan->value_width;
    const int64_t rows = a->keys - first < SAL_CHUNK ? a->keys - first : SAL_CHUNK;
    const bool fetches = ahead && first + SAL_CHUNK + SAL_AHEAD <= a->keys;
    uint64_t poisoned = 0;
    (void)widen_rows(plan, sal_task_key(plan, slab, first), a->k_key, rows, a->width, fetches, keys,
                     a->width);
    if (stride == 0 || widen_rows(plan, sal_task_value(plan, slab, first), a->v_key, rows,
                                  a->value_width, fetches, values, stride))
        return 0;
    for (int64_t k = 0; k < rows; k++) {
        if (is_finite(values + k * stride, a->value_width))
            continue;
        memset(values + k * stride, 0, (size_t)stride * sizeof *values);
        poisoned |= UINT64_C(1) << k;
    }
    return poisoned;
}

/* ---- a block --------------------------------------------------------------------------------------------------------------------- */

void sal_block_fill_queries(const sal_task *t, const sal_block *block) {
    const sal_plan *plan = t->plan;
    const float scale = plan->a->scale * SAL_LOG2_E;
    const int64_t width = plan->a->width;
    for (int64_t row = 0; row < block->vectors * plan->lanes; row++) {
        int64_t query, head;
        float *lane = block->queries + row;
        if (!sal_plan_row(plan, block->unit + row / plan->lanes, row % plan->lanes, &query,
                          &head)) {
            for (int64_t i = 0; i < width; i++)
                lane[i * plan->rows] = 0.0f;
            continue;
        }
        const float *q = (const float *)(const void *)sal_task_query(t, query, head);
        for (int64_t i = 0; i < width; i++)
            lane[i * plan->rows] = q[i] * scale;
    }
}

/* A block that has seen nothing yet. */
void sal_block_start(const sal_task *t, sal_block *block, int64_t unit, int64_t end) {
    const sal_plan *plan = t->plan;
    block->unit = unit;
    block->vectors = (int)(end - unit < SAL_VECTORS ? end - unit : SAL_VECTORS);
    block->rows = 0;
    for (int64_t row = 0; row < block->vectors * plan->lanes; row++) {
        int64_t query, head;
        if (sal_plan_row(plan, unit + row / plan->lanes, row % plan->lanes, &query, &head))
            block->rows = row + 1;
    }
    for (int64_t row = 0; row < plan->rows; row++) {
        block->max[row] =
            -1e30f; /* finite, so that a row which sees nothing yet has weights 0, not NaN */
        block->sum[row] = 0.0f;
        block->factor[row] = 0.0f;
    }
    memset(block->out, 0, (size_t)(plan->rows * plan->value_width) * sizeof(float));
    if (plan->measure != NULL)
        memset(block->visited, 0, (size_t)plan->chunks);
}

/* Masks that are more than 0 and -inf: their numbers, row by row. */
static void fill_bias(const sal_task *t, const sal_block *block, int64_t chunk) {
    const sal_plan *plan = t->plan;
    const sal_attention *a = plan->a;
    const int64_t first = chunk * SAL_CHUNK;
    const int64_t count = a->keys - first < SAL_CHUNK ? a->keys - first : SAL_CHUNK;
    memset(t->bias, 0, (size_t)(SAL_CHUNK * plan->rows) * sizeof(float));
    for (int64_t row = 0; row < block->vectors * plan->lanes; row++) {
        int64_t query, head;
        float bias[SAL_CHUNK];
        if (!sal_plan_row(plan, block->unit + row / plan->lanes, row % plan->lanes, &query, &head))
            continue;
        const char *mask = (const char *)a->mask + (size_t)t->stream * a->mask_stream +
                           (size_t)query * a->mask_query + (size_t)first * sizeof(uint16_t);
        (void)plan->kernel->widen((const uint16_t *)(const void *)mask, count, bias);
        for (int64_t k = 0; k < count; k++)
            t->bias[k * plan->rows + row] = bias[k] == -INFINITY ? 0.0f : bias[k] * SAL_LOG2_E;
    }
}

/* Values that are not finite, for the rows that do see them; everyone else multiplied their zeros. */
static void add_poisoned(const sal_task *t, const sal_block *block, const sal_chunk *c,
                         int64_t chunk, uint64_t poisoned) {
    const sal_plan *plan = t->plan;
    const int64_t count = plan->a->value_width;
    for (int64_t k = 0; k < SAL_CHUNK; k++) {
        if ((poisoned >> k & 1) == 0)
            continue;
        const char *half = sal_task_value(plan, plan->first_slab + t->slab, chunk * SAL_CHUNK + k);
        for (int64_t row = 0; row < block->rows; row++) {
            const uint32_t *seen = c->seen[row / plan->lanes];
            if (seen != NULL && (seen[k / 32 * plan->lanes + row % plan->lanes] >> k % 32 & 1) == 0)
                continue;
            float *out = c->out + row * plan->value_width;
            for (int64_t i = 0; i < count; i++) {
                float value;
                (void)plan->kernel->widen((const uint16_t *)(const void *)half + i, 1, &value);
                out[i] += value * c->weights[k * plan->rows + row];
            }
        }
    }
}

/* next: whether the chunk after this one is to be fetched meanwhile */
void sal_block_step(const sal_task *t, sal_block *block, int64_t chunk, bool next,
                    const float *keys, const float *values, uint64_t poisoned) {
    const sal_plan *plan = t->plan;
    int most = SAL_SEES_NONE;
    sal_chunk c = {.vectors = block->vectors,
                   .rows = block->rows,
                   .width = plan->a->width,
                   .value_width = plan->value_width,
                   .queries = block->queries,
                   .keys = keys,
                   .values = values,
                   .max = block->max,
                   .sum = block->sum,
                   .factor = block->factor,
                   .out = block->out};
    if (next) {
        const int64_t slab = plan->first_slab + t->slab, key = (chunk + 1) * SAL_CHUNK;
        c.next_key = sal_task_key(plan, slab, key);
        c.next_value = sal_task_value(plan, slab, key);
        c.next_key_stride = plan->a->k_key;
        c.next_value_stride = plan->a->v_key;
    }
    for (int v = 0; v < block->vectors; v++) {
        const int64_t at = sal_task_mask(t, block->unit + v, chunk);
        const int state = plan->states[at];
        c.seen[v] = state == SAL_SEES_ALL ? NULL : plan->seen + at * 2 * plan->lanes;
        most = state > most ? state : most;
    }
    if (most == SAL_SEES_NONE)
        return;
    if (most == SAL_SEES_BIASED) {
        fill_bias(t, block, chunk);
        c.bias = t->bias;
    }
    c.weights = block->weights;
    if (plan->measure != NULL) {
        c.weights += chunk * SAL_CHUNK * plan->rows;
        block->visited[chunk] = 1;
    }
    plan->kernel->chunk(&c);
    if (poisoned != 0 && plan->value_width > 0)
        add_poisoned(t, block, &c, chunk, poisoned);
    if (plan->measure != NULL)
        memcpy(block->history + chunk * plan->rows, block->max, (size_t)plan->rows * sizeof(float));
}

/* ---- results of a block ------------------------------------------------------------------------------------------------------------ */

static void write_out(const sal_task *t, const sal_block *block) {
    const sal_plan *plan = t->plan;
    const sal_attention *a = plan->a;
    for (int64_t row = 0; row < block->rows; row++) {
        int64_t query, head;
        if (!sal_plan_row(plan, block->unit + row / plan->lanes, row % plan->lanes, &query, &head))
            continue;
        const float sum = block->sum[row];
        const float share = sum == 0.0f ? 0.0f : 1.0f / sum;
        const float *from = block->out + row * plan->value_width;
        float *out = (float *)(void *)((char *)a->out + (size_t)t->stream * a->out_stream +
                                       (size_t)query * a->out_query +
                                       (size_t)(t->head_kv * plan->group + head) * a->out_head);
        for (int64_t i = 0; i < a->value_width; i++)
            out[i] = from[i] * share;
    }
}

/* ---- a task ------------------------------------------------------------------------------------------------------------ */

static void run_many(sal_task *t) {
    const sal_plan *plan = t->plan;
    const int64_t first = t->index * plan->task_units;
    const int64_t end =
        first + plan->task_units < plan->units ? first + plan->task_units : plan->units;
    const float *keys = plan->keys + t->slab * plan->chunks * SAL_CHUNK * plan->a->width;
    const float *values = plan->values + t->slab * plan->chunks * SAL_CHUNK * plan->value_width;
    const uint64_t *poisoned = plan->poisoned + t->slab * plan->chunks;
    for (int64_t unit = first; unit < end; unit += SAL_VECTORS) {
        sal_block_start(t, &t->block, unit, end);
        sal_block_fill_queries(t, &t->block);
        for (int64_t chunk = 0; chunk < plan->chunks; chunk++)
            sal_block_step(t, &t->block, chunk, false, keys + chunk * SAL_CHUNK * plan->a->width,
                           values + chunk * SAL_CHUNK * plan->value_width, poisoned[chunk]);
        if (plan->value_width > 0)
            write_out(t, &t->block);
        if (plan->measure != NULL)
            sal_block_add_columns(t, &t->block);
    }
}

void sal_task_run(const sal_plan *plan, int64_t slab, int64_t index, char *scratch) {
    const int64_t absolute = plan->first_slab + slab;
    sal_task t = {.plan = plan,
                  .slab = slab,
                  .index = index,
                  .stream = absolute / plan->a->heads_kv,
                  .head_kv = absolute % plan->a->heads_kv};
    lay_out(plan, &t, scratch);
    if (plan->measure != NULL) {
        const size_t count =
            plan->measure->span_count * (size_t)(plan->group * plan->chunks * SAL_CHUNK);
        t.sums = plan->columns + (size_t)(slab * plan->tasks + index) * count;
        memset(t.sums, 0, count * sizeof(float));
    }
    if (plan->few)
        sal_task_run_few(&t);
    else
        run_many(&t);
    plan->nonfinite[slab * plan->tasks + index] = t.nonfinite;
}
