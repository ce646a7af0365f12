/* The plan of an attention and its loops over all threads. */
#include "attention.h"

#include <math.h>
#include <string.h>

#include "attention_plan.h"
#include "parallel.h"

enum { PACK_BYTES = 64 << 20 }; /* float copies of keys and values at a time */

/* ---- the processor ----------------------------------------------------------------------------------------------------------- */

sal_cpu_features sal_cpu_features_here(sal_cpu_features cap) {
    sal_cpu_features here = SAL_CPU_PORTABLE;
#if defined(__x86_64__)
    /* Every processor with AVX2 has F16C, which clang cannot ask for. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        here = SAL_CPU_AVX2;
    if (here == SAL_CPU_AVX2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        here = SAL_CPU_AVX512;
#endif
    return cap < here ? cap : here;
}

const char *sal_cpu_features_name(sal_cpu_features features) {
    return features == SAL_CPU_AVX512 ? "AVX-512" : features == SAL_CPU_AVX2 ? "AVX2" : "portable";
}

static const sal_attention_kernel *kernel_for(sal_cpu_features features) {
#if defined(__x86_64__)
    if (features == SAL_CPU_AVX512)
        return &sal_attention_avx512;
    if (features == SAL_CPU_AVX2)
        return &sal_attention_avx2;
#endif
    (void)features;
    return &sal_attention_portable;
}

/* ---- the plan ------------------------------------------------------------------------------------------------------------------ */

static int check(const sal_attention *a, const sal_attention_measure *measure, sal_error *err) {
    if (a->width < 1 || a->queries < 1 || a->keys < 1 || a->heads_kv < 1 || a->streams < 1 ||
        a->heads < a->heads_kv || a->heads % a->heads_kv != 0 ||
        (a->v != NULL && a->value_width < 1))
        return sal_fail(err, SAL_ESHAPE,
                        "attention of %lld queries, %lld keys, %lld heads, %lld key heads, width "
                        "%lld is not possible",
                        (long long)a->queries, (long long)a->keys, (long long)a->heads,
                        (long long)a->heads_kv, (long long)a->width);
    if (measure != NULL && a->streams != 1)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "attention is added up for one stream only, not for %lld",
                        (long long)a->streams);
    for (size_t s = 0; measure != NULL && s < measure->span_count; s++) {
        if (measure->spans[s].stride < (size_t)a->keys)
            return sal_fail(err, SAL_ESHAPE, "attention over %lld keys, room for %zu",
                            (long long)a->keys, measure->spans[s].stride);
    }
    return SAL_OK;
}

static int64_t ceiling(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static void cut(sal_plan *plan) {
    const sal_attention *a = plan->a;
    plan->lanes = plan->kernel->lanes;
    plan->rows = SAL_VECTORS * plan->lanes;
    plan->group = a->heads / a->heads_kv;
    plan->chunks = ceiling(a->keys, SAL_CHUNK);
    plan->value_width = a->v == NULL ? 0 : ceiling(a->value_width, plan->lanes) * plan->lanes;
    plan->few = a->queries < plan->rows;
    plan->gathers = plan->few && plan->kernel->thin != NULL && plan->measure == NULL &&
                    a->v != NULL && a->width % plan->lanes == 0 &&
                    a->value_width % plan->lanes == 0;
    plan->slabs = a->streams * a->heads_kv;
    if (plan->few) {
        plan->units = ceiling(a->queries * plan->group, plan->lanes);
        plan->mask_units = plan->units;
        plan->task_units = plan->units;
        plan->blocks = ceiling(plan->units, SAL_VECTORS);
        plan->tasks = plan->measure != NULL ? 1 : ceiling(plan->chunks, SAL_SEGMENT);
        plan->round = plan->slabs;
        return;
    }
    plan->mask_units = ceiling(a->queries, plan->lanes);
    plan->units = plan->mask_units * plan->group;
    plan->task_units = SAL_TASK_QUERIES / plan->lanes * plan->group;
    plan->blocks = 1;
    plan->tasks = ceiling(plan->units, plan->task_units);
    const int64_t slab_bytes =
        plan->chunks * SAL_CHUNK * (a->width + plan->value_width) * (int64_t)sizeof(float);
    const int64_t fit = PACK_BYTES / slab_bytes;
    plan->round = fit < 1 ? 1 : fit < plan->slabs ? fit : plan->slabs;
}

static size_t lay_out(sal_plan *plan, int threads, char *block) {
    sal_carver memory = {block, 0};
    const sal_attention *a = plan->a;
    const int64_t masks = (a->mask_stream == 0 ? 1 : a->streams) * plan->mask_units * plan->chunks;
    const int64_t tasks = plan->round * plan->tasks;
    const int64_t keys = plan->chunks * SAL_CHUNK;
    const int64_t spans = plan->measure != NULL ? (int64_t)plan->measure->span_count : 0;
    const int64_t packed = plan->few ? 0 : plan->round * keys;
    const int64_t found = plan->few ? tasks * plan->units * plan->lanes : 0;
    plan->seen = sal_carve(&memory, masks * 2 * plan->lanes, sizeof *plan->seen);
    plan->states = sal_carve(&memory, masks, sizeof *plan->states);
    plan->keys = sal_carve(&memory, packed * a->width, sizeof(float));
    plan->values = sal_carve(&memory, packed * plan->value_width, sizeof(float));
    plan->poisoned = sal_carve(&memory, packed / SAL_CHUNK, sizeof(uint64_t));
    plan->columns = sal_carve(&memory, tasks * spans * plan->group * keys, sizeof(float));
    plan->found = sal_carve(&memory, found * (2 + plan->value_width), sizeof(float));
    plan->left = sal_carve(&memory, plan->few ? plan->round : 0, sizeof *plan->left);
    plan->nonfinite = sal_carve(&memory, tasks, sizeof(int64_t));
    plan->scratch = sal_carve(&memory, threads, plan->scratch_bytes);
    return memory.used;
}

void sal_attention_workspace_free(sal_attention_workspace *workspace) {
    sal_free(workspace->block);
    *workspace = (sal_attention_workspace){0};
}

static int reserve(sal_plan *plan, int threads, sal_attention_workspace *workspace,
                   sal_error *err) {
    plan->scratch_bytes = sal_task_scratch_bytes(plan);
    const size_t bytes = lay_out(plan, threads, NULL) + SAL_LINE;
    if (bytes > workspace->bytes) {
        sal_attention_workspace_free(workspace);
        workspace->block = sal_realloc(NULL, bytes, 1);
        if (workspace->block == NULL)
            return sal_fail_memory(err, "the attention's workspace");
        workspace->bytes = bytes;
    }
    const uintptr_t start = ((uintptr_t)workspace->block + SAL_LINE - 1) / SAL_LINE * SAL_LINE;
    char *aligned = (char *)workspace->block + (start - (uintptr_t)workspace->block);
    lay_out(plan, threads, aligned);
    return SAL_OK;
}

/* ---- loops -------------------------------------------------------------------------------------------------------------------------- */

/* What every lane of a mask unit sees of each chunk. */
static void look(void *context, int64_t index, int thread) {
    const sal_plan *plan = context;
    const sal_attention *a = plan->a;
    const int64_t stream = index / plan->mask_units, mask_unit = index % plan->mask_units;
    const int64_t unit = plan->few ? mask_unit : mask_unit * plan->group;
    (void)thread;
    for (int64_t chunk = 0; chunk < plan->chunks; chunk++) {
        uint32_t *seen = plan->seen + (index * plan->chunks + chunk) * 2 * plan->lanes;
        const int64_t first = chunk * SAL_CHUNK;
        const int64_t count = a->keys - first < SAL_CHUNK ? a->keys - first : SAL_CHUNK;
        uint64_t every = UINT64_MAX, some = 0;
        bool biased = false;
        for (int64_t lane = 0; lane < plan->lanes; lane++) {
            int64_t query, head;
            uint64_t bits = 0;
            if (sal_plan_row(plan, unit, lane, &query, &head)) {
                const char *mask = (const char *)a->mask + (size_t)stream * a->mask_stream +
                                   (size_t)query * a->mask_query + (size_t)first * sizeof(uint16_t);
                bits = plan->kernel->see((const uint16_t *)(const void *)mask, count, &biased);
                every &= bits;
                some |= bits;
            }
            seen[lane] = (uint32_t)bits;
            seen[plan->lanes + lane] = (uint32_t)(bits >> 32);
        }
        plan->states[index * plan->chunks + chunk] = some == 0             ? SAL_SEES_NONE
                                                     : biased              ? SAL_SEES_BIASED
                                                     : every == UINT64_MAX ? SAL_SEES_ALL
                                                                           : SAL_SEES_SOME;
    }
}

static void widen(void *context, int64_t index, int thread) {
    const sal_plan *plan = context;
    (void)thread;
    plan->poisoned[index] =
        sal_task_widen(plan, plan->first_slab + index / plan->chunks, index % plan->chunks, true,
                       plan->keys + index * SAL_CHUNK * plan->a->width,
                       plan->values + index * SAL_CHUNK * plan->value_width);
}

/* One row from what each task found, in the order of keys. */
static void join_row(const sal_plan *plan, const float *restrict found, int64_t step,
                     float *restrict out) {
    const int64_t width = plan->a->value_width;
    float max = found[0], sum = 0.0f;
    for (int64_t task = 1; task < plan->tasks; task++)
        max = found[task * step] > max ? found[task * step] : max;
    for (int64_t i = 0; i < width; i++)
        out[i] = 0.0f;
    for (int64_t task = 0; task < plan->tasks; task++) {
        const float *one = found + task * step;
        const float factor = exp2f(one[0] - max);
        sum += one[1] * factor;
        for (int64_t i = 0; i < width; i++)
            out[i] += one[2 + i] * factor;
    }
    const float share = sum == 0.0f ? 0.0f : 1.0f / sum;
    for (int64_t i = 0; i < width; i++)
        out[i] *= share;
}

/* Few queries: all rows of one key head. */
static void join(const sal_plan *plan, int64_t slab) {
    const sal_attention *a = plan->a;
    const int64_t stride = 2 + plan->value_width, step = plan->units * plan->lanes * stride;
    const int64_t absolute = plan->first_slab + slab;
    const float *found = plan->found + slab * plan->tasks * step;
    char *out = (char *)a->out + (size_t)(absolute / a->heads_kv) * a->out_stream +
                (size_t)(absolute % a->heads_kv * plan->group) * a->out_head;
    for (int64_t row = 0; row < plan->group * a->queries; row++)
        join_row(plan, found + row * stride, step,
                 (float *)(void *)(out + (size_t)(row / a->queries) * a->out_head +
                                   (size_t)(row % a->queries) * a->out_query));
}

/* The longest tasks first, so that all threads end together: many queries, the later ones, who see more keys; few queries, the first keys,
 * which all of them see. */
static void run(void *context, int64_t index, int thread) {
    const sal_plan *plan = context;
    const int64_t place = index / plan->round_slabs;
    const int64_t task = plan->few ? place : plan->tasks - 1 - place;
    const int64_t slab = index % plan->round_slabs;
    sal_task_run(plan, slab, task, plan->scratch + (size_t)thread * plan->scratch_bytes);
    /* whoever ends a slab's last task puts together what all have found: no wait for the other slabs */
    if (plan->few && plan->value_width > 0 && atomic_fetch_sub(&plan->left[slab], 1) == 1)
        join(plan, slab);
}

/* Add the tasks' float sums of one head to the caller's doubles, task after task. */
static void reduce(void *context, int64_t index, int thread) {
    const sal_plan *plan = context;
    const int64_t keys = plan->chunks * SAL_CHUNK;
    const size_t spans = plan->measure->span_count;
    const int64_t slab = index / plan->group, head = index % plan->group;
    (void)thread;
    for (size_t s = 0; s < spans; s++) {
        const sal_attention_span *span = &plan->measure->spans[s];
        double *columns =
            span->columns + (size_t)((plan->first_slab + slab) * plan->group + head) * span->stride;
        for (int64_t task = 0; task < plan->tasks; task++) {
            const float *sums =
                plan->columns +
                (((slab * plan->tasks + task) * (int64_t)spans + (int64_t)s) * plan->group + head) *
                    keys;
            for (int64_t k = plan->measure->skip; k < plan->a->keys; k++)
                columns[k] += (double)sums[k];
        }
    }
}

static bool is_asked(const sal_attention_measure *measure) {
    return measure != NULL && (measure->span_count > 0 || measure->top.keys != NULL);
}

int sal_attention_run(const sal_attention *attention, sal_attention_measure *measure,
                      sal_cpu_features features, int threads, sal_attention_workspace *workspace,
                      sal_error *err) {
    sal_plan plan = {.a = attention,
                     .measure = is_asked(measure) ? measure : NULL,
                     .kernel = kernel_for(features)};
    int status = check(attention, measure, err);
    if (status != SAL_OK)
        return status;
    cut(&plan);
    status = reserve(&plan, threads, workspace, err);
    if (status != SAL_OK)
        return status;
    const int64_t mask_streams = attention->mask_stream == 0 ? 1 : attention->streams;
    sal_parallel_for(threads, mask_streams * plan.mask_units, look, &plan);
    for (; plan.first_slab < plan.slabs; plan.first_slab += plan.round) {
        const int64_t left = plan.slabs - plan.first_slab;
        plan.round_slabs = left < plan.round ? left : plan.round;
        for (int64_t slab = 0; plan.few && slab < plan.round_slabs; slab++)
            atomic_init(&plan.left[slab], (int)plan.tasks);
        if (!plan.few)
            sal_parallel_for(threads, plan.round_slabs * plan.chunks, widen, &plan);
        sal_parallel_for(threads, plan.round_slabs * plan.tasks, run, &plan);
        if (plan.measure != NULL) {
            sal_parallel_for(threads, plan.round_slabs * plan.group, reduce, &plan);
            for (int64_t i = 0; i < plan.round_slabs * plan.tasks; i++)
                plan.measure->nonfinite_rows += plan.nonfinite[i];
        }
    }
    return SAL_OK;
}
