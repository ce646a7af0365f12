/* What a block gives once every chunk was seen: its weights, each row brought to sum 1, into the columns of the task. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_task.h"

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
static void sum_behind(const sal_task *t, const sal_block *block, int64_t skip, float *rest) {
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

static void note_top(const sal_task *t, const sal_block *block, int64_t row, int64_t query,
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
static void fill_base(sal_task *t, sal_block *block) {
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
static void add_vector(const sal_task *t, const sal_block *block, int v, const float *weights,
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

void sal_block_add_columns(sal_task *t, sal_block *block) {
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
