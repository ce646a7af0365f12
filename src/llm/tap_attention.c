/* Column sums of one attention node, from Q, K and the mask (flash attention) or from the weights themselves (soft max). */
#include "tap_internal.h"

#include <math.h>
#include <string.h>

#include "cpu/parallel.h"

/* ---- flash attention ---------------------------------------------------------------------------- */

/* What the node computes beyond softmax(scale q k + mask) is not repeated here; the exact path has the weights themselves. */
static int check_flash(const sal_tap *tap, const struct ggml_tensor *node, sal_error *err) {
    float parameters[3]; /* scale, largest ALiBi bias, soft cap of the scores */
    memcpy(parameters, node->op_params, sizeof parameters);
    const struct ggml_tensor *q = node->src[0], *k = node->src[1], *mask = node->src[3];
    const char *more = parameters[1] != 0.0f   ? "ALiBi biases"
                       : parameters[2] != 0.0f ? "a soft cap on scores"
                       : node->src[4] != NULL  ? "attention sinks"
                                               : NULL;
    if (more != NULL)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: the attention of %s models has %s; give --exact, which reads the "
                        "weights themselves",
                        tap->model->path, tap->model->architecture, more);
    if (q->type != GGML_TYPE_F32 || k->type != GGML_TYPE_F16 || mask == NULL ||
        mask->type != GGML_TYPE_F16 || q->ne[3] != 1 || k->ne[3] != 1 || mask->ne[2] != 1 ||
        q->ne[0] != k->ne[0] || q->nb[0] != sizeof(float) || k->nb[0] != sizeof(uint16_t) ||
        mask->ne[0] < k->ne[1] || mask->ne[1] < q->ne[1])
        return sal_fail(err, SAL_EMODEL,
                        "%s: libllama lays out attention in a way this version does not know (%s, "
                        "queries %s, keys %s)",
                        tap->model->path, node->name, ggml_type_name(q->type),
                        ggml_type_name(k->type));
    return SAL_OK;
}

int sal_tap_flash_columns(sal_collector *c, const struct ggml_tensor *node, sal_error *err) {
    sal_tap *tap = c->tap;
    const struct ggml_tensor *q = node->src[0], *k = node->src[1], *mask = node->src[3];
    int status = check_flash(tap, node, err);
    if (status != SAL_OK)
        return status;
    sal_attention attention = {
        .width = q->ne[0],
        .queries = q->ne[1],
        .keys = k->ne[1],
        .heads = q->ne[2],
        .heads_kv = k->ne[2],
        .streams = 1,
        .q_query = q->nb[1],
        .q_head = q->nb[2],
        .k_key = k->nb[1],
        .k_head = k->nb[2],
        .mask_query = mask->nb[1],
    };
    memcpy(&attention.scale, node->op_params, sizeof attention.scale);
    status = sal_tap_fetch(tap, SAL_STAGE_QUERIES, q, 0, ggml_nbytes(q), &attention.q, err);
    if (status == SAL_OK)
        status = sal_tap_fetch(tap, SAL_STAGE_KEYS, k, 0, ggml_nbytes(k), &attention.k, err);
    if (status == SAL_OK)
        status =
            sal_tap_fetch(tap, SAL_STAGE_MASK, mask, 0, ggml_nbytes(mask), &attention.mask, err);
    if (status == SAL_OK)
        status = sal_attention_run(&attention, &c->measure, tap->features, tap->threads,
                                   &tap->workspace, err);
    return status;
}

/* ---- soft max ------------------------------------------------------------------------------------- */

typedef struct soft_max {
    sal_collector *collector;
    const struct ggml_tensor *node; /* [n_kv, n_q, H] */
    const char *weights;
    int64_t *non_finite; /* [H] */
} soft_max;

static bool finite_row(const float *row, int64_t keys) {
    float sum = 0.0f;
    for (int64_t k = 0; k < keys; k++)
        sum += row[k];
    return isfinite(sum);
}

static double sum_behind(const float *row, int64_t skip, int64_t keys) {
    double sum = 0;
    for (int64_t k = skip; k < keys; k++)
        sum += (double)row[k];
    return sum;
}

static void note_top(const sal_attention_top *top, int64_t head, int64_t query, const float *row,
                     int64_t keys) {
    int64_t best = 0;
    if (top->keys == NULL || query < top->first || query >= top->end)
        return;
    for (int64_t k = 1; row != NULL && k < keys; k++)
        best = row[k] > row[best] ? k : best;
    top->keys[(size_t)head * top->stride + (size_t)(query - top->first)] =
        row != NULL ? (int32_t)best : -1;
}

/* One row into the columns of a span. */
static void add_row(const sal_attention_span *span, int64_t head, const float *row, int64_t skip,
                    int64_t keys, double sum) {
    double *columns = span->columns + (size_t)head * span->stride;
    for (int64_t k = skip; k < keys; k++)
        columns[k] += skip > 0 ? (double)row[k] / sum : (double)row[k];
}

/* Row after row: each column is a sum in the order of queries, whatever the threads. */
static void add_head(const soft_max *s, int64_t head, const char *weights) {
    const sal_attention_measure *measure = &s->collector->measure;
    int64_t keys = s->node->ne[0];
    for (int64_t i = 0; i < s->node->ne[1]; i++) {
        const float *row = (const float *)(const void *)(weights + (size_t)i * s->node->nb[1]);
        if (!finite_row(row, keys)) {
            s->non_finite[head]++;
            note_top(&measure->top, head, i, NULL, keys);
            continue;
        }
        note_top(&measure->top, head, i, row, keys);
        const double sum = measure->skip > 0 ? sum_behind(row, measure->skip, keys) : 1;
        for (size_t set = 0; set < measure->span_count && sum > 0; set++) {
            const sal_attention_span *span = &measure->spans[set];
            if (i >= span->first && i < span->end)
                add_row(span, head, row, measure->skip, keys, sum);
        }
    }
}

static void add_head_in_place(void *context, int64_t head, int thread) {
    const soft_max *s = context;
    (void)thread;
    add_head(s, head, s->weights + (size_t)head * s->node->nb[2]);
}

int sal_tap_soft_max_columns(sal_collector *c, const struct ggml_tensor *node, sal_error *err) {
    sal_tap *tap = c->tap;
    soft_max s = {.collector = c, .node = node};
    int status = SAL_OK;
    if (node->type != GGML_TYPE_F32 || node->nb[0] != sizeof(float) || node->ne[3] != 1 ||
        (size_t)node->ne[0] > c->keys)
        return sal_fail(err, SAL_EMODEL,
                        "%s: libllama lays out attention weights in a way this version does not "
                        "know (%s)",
                        tap->model->path, node->name);
    s.non_finite = sal_calloc((size_t)node->ne[2], sizeof *s.non_finite);
    if (s.non_finite == NULL)
        return sal_fail_memory(err, "attention sums");
    if (sal_tap_in_place(node)) {
        s.weights = node->data;
        sal_parallel_for(tap->threads, node->ne[2], add_head_in_place, &s);
    } else {
        size_t bytes = node->nb[1] * (size_t)node->ne[1];
        for (int64_t head = 0; status == SAL_OK && head < node->ne[2]; head++) {
            const void *weights = NULL;
            status = sal_tap_fetch(tap, SAL_STAGE_OTHER, node, (size_t)head * node->nb[2], bytes,
                                   &weights, err);
            if (status == SAL_OK)
                add_head(&s, head, weights);
        }
    }
    for (int64_t head = 0; head < node->ne[2]; head++)
        c->measure.nonfinite_rows += s.non_finite[head];
    sal_free(s.non_finite);
    return status;
}
