/* One task of an attention: blocks of rows against chunks of keys. See attention_plan.h for the cutting. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_plan.h"

enum { SAL_AHEAD = 24 }; /* keys: what a processor can have under way */

static const float LOG2_E = 1.44269504088896340736f;

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

/* What all blocks of a task share. */
typedef struct task {
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
} task;

static size_t lay_out(const sal_plan *plan, task *t, char *scratch) {
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
    task t = {.plan = plan};
    return lay_out(plan, &t, NULL);
}

/* ---- keys and values ----------------------------------------------------------------------------------------------------------- */

static const char *key_at(const sal_plan *plan, int64_t slab, int64_t key) {
    const sal_attention *a = plan->a;
    return (const char *)a->k + (size_t)(slab / a->heads_kv) * a->k_stream +
           (size_t)(slab % a->heads_kv) * a->k_head + (size_t)key * a->k_key;
}

static const char *value_at(const sal_plan *plan, int64_t slab, int64_t key) {
    const sal_attention *a = plan->a;
    return (const char *)a->v + (size_t)(slab / a->heads_kv) * a->v_stream +
           (size_t)(slab % a->heads_kv) * a->v_head + (size_t)key * a->v_key;
}

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
    (void)widen_rows(plan, key_at(plan, slab, first), a->k_key, rows, a->width, fetches, keys,
                     a->width);
    if (stride == 0 || widen_rows(plan, value_at(plan, slab, first), a->v_key, rows, a->value_width,
                                  fetches, values, stride))
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

static const char *query_at(const task *t, int64_t query, int64_t head) {
    const sal_attention *a = t->plan->a;
    return (const char *)a->q + (size_t)t->stream * a->q_stream +
           (size_t)(t->head_kv * t->plan->group + head) * a->q_head + (size_t)query * a->q_query;
}

static void fill_queries(const task *t, const sal_block *block) {
    const sal_plan *plan = t->plan;
    const float scale = plan->a->scale * LOG2_E;
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
        const float *q = (const float *)(const void *)query_at(t, query, head);
        for (int64_t i = 0; i < width; i++)
            lane[i * plan->rows] = q[i] * scale;
    }
}

/* A block that has seen nothing yet. */
static void start_block(const task *t, sal_block *block, int64_t unit, int64_t end) {
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

static int64_t mask_index(const task *t, int64_t unit, int64_t chunk) {
    const sal_plan *plan = t->plan;
    const int64_t stream = plan->a->mask_stream == 0 ? 0 : t->stream;
    return (stream * plan->mask_units + sal_plan_mask_unit(plan, unit)) * plan->chunks + chunk;
}

/* Masks that are more than 0 and -inf: their numbers, row by row. */
static void fill_bias(const task *t, const sal_block *block, int64_t chunk) {
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
            t->bias[k * plan->rows + row] = bias[k] == -INFINITY ? 0.0f : bias[k] * LOG2_E;
    }
}

/* Values that are not finite, for the rows that do see them; everyone else multiplied their zeros. */
static void add_poisoned(const task *t, const sal_block *block, const sal_chunk *c, int64_t chunk,
                         uint64_t poisoned) {
    const sal_plan *plan = t->plan;
    const int64_t count = plan->a->value_width;
    for (int64_t k = 0; k < SAL_CHUNK; k++) {
        if ((poisoned >> k & 1) == 0)
            continue;
        const char *half = value_at(plan, plan->first_slab + t->slab, chunk * SAL_CHUNK + k);
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
static void step(const task *t, sal_block *block, int64_t chunk, bool next, const float *keys,
                 const float *values, uint64_t poisoned) {
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
        c.next_key = key_at(plan, slab, key);
        c.next_value = value_at(plan, slab, key);
        c.next_key_stride = plan->a->k_key;
        c.next_value_stride = plan->a->v_key;
    }
    for (int v = 0; v < block->vectors; v++) {
        const int64_t at = mask_index(t, block->unit + v, chunk);
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

static void write_out(const task *t, const sal_block *block) {
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

/* Few queries: maximum, sum and output of every row go to where all tasks' are put together. */
static void write_found(const task *t, const sal_block *block) {
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

/* A row without a finite sum: out of the columns, whatever its weights are. */
static void silence(const sal_plan *plan, sal_block *block, int64_t row) {
    block->max[row] = 0.0f;
    for (int64_t chunk = 0; chunk < plan->chunks; chunk++) {
        if (!block->visited[chunk])
            continue;
        block->history[chunk * plan->rows + row] = 0.0f;
        for (int64_t k = 0; k < SAL_CHUNK; k++)
            block->weights[(chunk * SAL_CHUNK + k) * plan->rows + row] = 0.0f;
    }
}

/* Each row's sum over the keys from `skip` on. It is added up, not taken from the whole sum, of which the first keys may be nearly all. */
static void sum_behind(const task *t, const sal_block *block, int64_t skip, float *rest) {
    const sal_plan *plan = t->plan;
    const int64_t rows = block->vectors * plan->lanes;
    float ones[SAL_VECTORS * SAL_LANES_MAX];
    for (int64_t row = 0; row < rows; row++) {
        ones[row] = 1.0f;
        rest[row] = 0.0f;
    }
    for (int64_t chunk = skip / SAL_CHUNK; chunk < plan->chunks; chunk++) {
        float sums[SAL_VECTORS * SAL_LANES_MAX] = {0};
        const int64_t first = chunk * SAL_CHUNK;
        if (!block->visited[chunk])
            continue;
        for (int64_t k = skip > first ? skip - first : 0; k < SAL_CHUNK; k++) {
            const float *weights = block->weights + (first + k) * plan->rows;
            for (int64_t row = 0; row < rows; row++)
                sums[row] += weights[row];
        }
        plan->kernel->decay(block->history + chunk * plan->rows, block->max, ones, block->vectors,
                            t->decayed);
        for (int64_t row = 0; row < rows; row++)
            rest[row] += sums[row] * t->decayed[row];
    }
}

/* The key of a row's largest weight: the maximum was reached in the first chunk after which it stayed. */
static int32_t top_key(const sal_plan *plan, const sal_block *block, int64_t row) {
    for (int64_t chunk = 0; chunk < plan->chunks; chunk++) {
        if (!block->visited[chunk] || block->history[chunk * plan->rows + row] < block->max[row])
            continue;
        const float *weights = block->weights + chunk * SAL_CHUNK * plan->rows + row;
        int64_t best = 0;
        for (int64_t k = 1; k < SAL_CHUNK; k++)
            if (weights[k * plan->rows] > weights[best * plan->rows])
                best = k;
        return (int32_t)(chunk * SAL_CHUNK + best);
    }
    return -1;
}

static void note_top(const task *t, const sal_block *block, int64_t row, int64_t query,
                     int64_t head) {
    const sal_attention_top *top = &t->plan->measure->top;
    if (top->keys == NULL || query < top->first || query >= top->end)
        return;
    const float sum = block->sum[row];
    top->keys[(size_t)(t->head_kv * t->plan->group + head) * top->stride +
              (size_t)(query - top->first)] =
        isfinite(sum) && sum > 0.0f ? top_key(t->plan, block, row) : -1;
}

/* base[span][row]: 1 / sum for rows of the span, else 0. */
static void fill_base(task *t, sal_block *block) {
    const sal_plan *plan = t->plan;
    const sal_attention_measure *measure = plan->measure;
    float rest[SAL_VECTORS * SAL_LANES_MAX];
    memset(t->base, 0, measure->span_count * (size_t)plan->rows * sizeof(float));
    if (measure->skip > 0)
        sum_behind(t, block, measure->skip, rest);
    for (int64_t row = 0; row < block->vectors * plan->lanes; row++) {
        int64_t query, head;
        if (!sal_plan_row(plan, block->unit + row / plan->lanes, row % plan->lanes, &query, &head))
            continue;
        note_top(t, block, row, query, head);
        if (!isfinite(block->sum[row])) {
            t->nonfinite++;
            silence(plan, block, row);
            continue;
        }
        const float sum = measure->skip > 0 ? rest[row] : block->sum[row];
        for (size_t s = 0; s < measure->span_count; s++) {
            const sal_attention_span *span = &measure->spans[s];
            if (query >= span->first && query < span->end && sum >= FLT_MIN)
                t->base[(int64_t)s * plan->rows + row] = 1.0f / sum;
        }
    }
}

/* Add one vector's weights to the sums of its head; when few queries share a vector among heads, head after head. */
static void add_vector(const task *t, const sal_block *block, int v, const float *weights,
                       const float *decayed, float *sums) {
    const sal_plan *plan = t->plan;
    const int64_t keys = plan->chunks * SAL_CHUNK;
    const int64_t unit = block->unit + v;
    if (!plan->few) {
        plan->kernel->columns(weights + v * plan->lanes, decayed + v * plan->lanes,
                              sums + unit % plan->group * keys);
        return;
    }
    for (int64_t head = 0; head < plan->group; head++) {
        float own[SAL_LANES_MAX] = {0};
        bool any = false;
        for (int64_t lane = 0; lane < plan->lanes; lane++) {
            int64_t query, of;
            if (!sal_plan_row(plan, unit, lane, &query, &of) || of != head)
                continue;
            own[lane] = decayed[v * plan->lanes + lane];
            any = true;
        }
        if (any)
            plan->kernel->columns(weights + v * plan->lanes, own, sums + head * keys);
    }
}

static void add_columns(task *t, sal_block *block) {
    const sal_plan *plan = t->plan;
    fill_base(t, block);
    for (size_t s = 0; s < plan->measure->span_count; s++) {
        const float *base = t->base + (int64_t)s * plan->rows;
        float *sums = t->sums + (int64_t)s * plan->group * plan->chunks * SAL_CHUNK;
        bool any = false;
        for (int64_t row = 0; row < plan->rows; row++)
            any = any || base[row] != 0.0f;
        for (int64_t chunk = 0; any && chunk < plan->chunks; chunk++) {
            if (!block->visited[chunk])
                continue;
            plan->kernel->decay(block->history + chunk * plan->rows, block->max, base,
                                block->vectors, t->decayed);
            for (int v = 0; v < block->vectors; v++)
                add_vector(t, block, v, block->weights + chunk * SAL_CHUNK * plan->rows, t->decayed,
                           sums + chunk * SAL_CHUNK);
        }
    }
}

/* ---- the two kinds of task ------------------------------------------------------------------------------------------------------------ */

static void run_many(task *t) {
    const sal_plan *plan = t->plan;
    const int64_t first = t->index * plan->task_units;
    const int64_t end =
        first + plan->task_units < plan->units ? first + plan->task_units : plan->units;
    const float *keys = plan->keys + t->slab * plan->chunks * SAL_CHUNK * plan->a->width;
    const float *values = plan->values + t->slab * plan->chunks * SAL_CHUNK * plan->value_width;
    const uint64_t *poisoned = plan->poisoned + t->slab * plan->chunks;
    for (int64_t unit = first; unit < end; unit += SAL_VECTORS) {
        start_block(t, &t->block, unit, end);
        fill_queries(t, &t->block);
        for (int64_t chunk = 0; chunk < plan->chunks; chunk++)
            step(t, &t->block, chunk, false, keys + chunk * SAL_CHUNK * plan->a->width,
                 values + chunk * SAL_CHUNK * plan->value_width, poisoned[chunk]);
        if (plan->value_width > 0)
            write_out(t, &t->block);
        if (plan->measure != NULL)
            add_columns(t, &t->block);
    }
}

/* ---- few queries ------------------------------------------------------------------------------------------------------------------------ */

static void scale_queries(const task *t) {
    const sal_plan *plan = t->plan;
    const int64_t width = plan->a->width;
    const float scale = plan->a->scale * LOG2_E;
    for (int64_t query = 0; query < plan->a->queries; query++) {
        for (int64_t head = 0; head < plan->group; head++) {
            const float *from = (const float *)(const void *)query_at(t, query, head);
            float *to = t->queries + (query * plan->group + head) * width;
            for (int64_t i = 0; i < width; i++)
                to[i] = from[i] * scale;
        }
    }
}

/* Bit k: the query sees key k of the chunk. */
static uint64_t seen_by(const task *t, int64_t query, int64_t chunk) {
    const int lanes = t->plan->lanes; /* row `query` is that of head 0 */
    const int64_t at = mask_index(t, query / lanes, chunk);
    const uint32_t *seen = t->plan->seen + at * 2 * lanes + query % lanes;
    return (uint64_t)seen[lanes] << 32 | seen[0];
}

/* Whether each query's keys are better gathered than all keys multiplied with all rows. */
static bool is_sparse(const task *t, int64_t chunk) {
    const sal_plan *plan = t->plan;
    int64_t pairs = 0;
    if (!plan->gathers)
        return false;
    for (int64_t query = 0; query < plan->a->queries; query++)
        pairs += __builtin_popcountll(seen_by(t, query, chunk));
    return SAL_GATHER_COST * pairs * plan->group <= SAL_CHUNK * plan->units * plan->lanes;
}

/* A query's biases of a chunk; what it does not see is not looked at. */
static const float *bias_of(const task *t, int64_t query, int64_t chunk) {
    const sal_plan *plan = t->plan;
    const sal_attention *a = plan->a;
    const int64_t first = chunk * SAL_CHUNK;
    const int64_t count = a->keys - first < SAL_CHUNK ? a->keys - first : SAL_CHUNK;
    if (plan->states[mask_index(t, query / plan->lanes, chunk)] != SAL_SEES_BIASED)
        return NULL;
    const char *mask = (const char *)a->mask + (size_t)t->stream * a->mask_stream +
                       (size_t)query * a->mask_query + (size_t)first * sizeof(uint16_t);
    (void)plan->kernel->widen((const uint16_t *)(const void *)mask, count, t->bias);
    for (int64_t k = 0; k < count; k++)
        t->bias[k] *= LOG2_E;
    return t->bias;
}

/* These are inlined by order: GCC takes a function that only fetches for one without effect, and drops its calls. */
#define FETCH static inline __attribute__((always_inline)) void

FETCH fetch_lines(const char *row, int64_t halves) {
    for (int64_t byte = 0; byte < halves * (int64_t)sizeof(uint16_t); byte += SAL_LINE)
        __builtin_prefetch(row + byte);
}

/* A query's share of the keys after the chunk: all at once would be more than a processor has under way. */
FETCH fetch_share(const sal_thin *thin, int64_t query, int64_t queries) {
    const int64_t end = SAL_CHUNK + SAL_CHUNK * (query + 1) / queries;
    for (int64_t k = SAL_CHUNK + SAL_CHUNK * query / queries; k < end; k++) {
        fetch_lines(thin->key + (size_t)k * thin->key_stride, thin->width);
        fetch_lines(thin->value + (size_t)k * thin->value_stride, thin->value_width);
    }
}

/* Each query with its heads, SAL_THIN_ROWS at a time, against the keys that it sees. next: whether a whole chunk follows */
static void gather(task *t, int64_t chunk, bool next) {
    const sal_plan *plan = t->plan;
    const int64_t width = plan->a->width, slab = plan->first_slab + t->slab;
    if (!t->scaled)
        scale_queries(t);
    t->scaled = true;
    sal_thin thin = {.width = width,
                     .value_width = plan->value_width,
                     .key = key_at(plan, slab, chunk * SAL_CHUNK),
                     .value = value_at(plan, slab, chunk * SAL_CHUNK),
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
static void step_all(task *t, int64_t chunk, bool first, bool next) {
    const sal_plan *plan = t->plan;
    const uint64_t poisoned =
        sal_task_widen(plan, plan->first_slab + t->slab, chunk, first, t->keys, t->values);
    for (int64_t b = 0; !t->filled && b < plan->blocks; b++)
        fill_queries(t, &t->each[b]);
    t->filled = true;
    for (int64_t b = 0; b < plan->blocks; b++)
        step(t, &t->each[b], chunk, b == 0 && next, t->keys, t->values, poisoned);
}

static bool any_sees(const task *t, int64_t chunk) {
    for (int64_t unit = 0; unit < t->plan->units; unit++) {
        if (t->plan->states[mask_index(t, unit, chunk)] != SAL_SEES_NONE)
            return true;
    }
    return false;
}

static void run_few(task *t) {
    const sal_plan *plan = t->plan;
    const int64_t length = plan->tasks == 1 ? plan->chunks : SAL_SEGMENT;
    const int64_t first = t->index * length;
    const int64_t end = first + length < plan->chunks ? first + length : plan->chunks;
    for (int64_t b = 0; b < plan->blocks; b++)
        start_block(t, &t->each[b], b * SAL_VECTORS, plan->units);
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
            add_columns(t, &t->each[b]);
    }
}

void sal_task_run(const sal_plan *plan, int64_t slab, int64_t index, char *scratch) {
    const int64_t absolute = plan->first_slab + slab;
    task t = {.plan = plan,
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
        run_few(&t);
    else
        run_many(&t);
    plan->nonfinite[slab * plan->tasks + index] = t.nonfinite;
}
