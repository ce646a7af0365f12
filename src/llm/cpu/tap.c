/* From ggml's nodes to attentions, and from a tap to what one attention is asked to add up. */
#include <stdlib.h>
#include <string.h>

#include "backend_internal.h"

static float parameter(const struct ggml_tensor *node, int index) {
    float value;
    memcpy(&value, &node->op_params[index], sizeof value);
    return value;
}

/* Every operand is checked as far as its shape alone goes: ggml asks before there is data. */
bool sal_cpu_takes_attention(const struct ggml_tensor *node) {
    const struct ggml_tensor *q = node->src[0], *k = node->src[1], *v = node->src[2],
                             *mask = node->src[3];
    if (node->op != GGML_OP_FLASH_ATTN_EXT || q == NULL || k == NULL || v == NULL || mask == NULL ||
        node->src[4] != NULL) /* no mask; sinks */
        return false;
    if (parameter(node, 1) != 0.0f || parameter(node, 2) != 0.0f || node->op_params[4] > 0)
        return false; /* ALiBi, soft cap, a bound on the keys */
    if (q->type != GGML_TYPE_F32 || k->type != GGML_TYPE_F16 || v->type != GGML_TYPE_F16 ||
        mask->type != GGML_TYPE_F16 || node->type != GGML_TYPE_F32)
        return false;
    if (q->nb[0] != 4 || k->nb[0] != 2 || v->nb[0] != 2 || mask->nb[0] != 2 || node->nb[0] != 4)
        return false;
    return q->ne[0] == k->ne[0] && k->ne[1] == v->ne[1] && k->ne[2] == v->ne[2] && k->ne[2] > 0 &&
           q->ne[2] % k->ne[2] == 0 && q->ne[3] == k->ne[3] && q->ne[3] == v->ne[3] &&
           mask->ne[0] >= k->ne[1] && mask->ne[1] >= q->ne[1] && mask->ne[2] == 1 &&
           (mask->ne[3] == 1 || mask->ne[3] == q->ne[3]) && node->ne[0] == v->ne[0] &&
           node->ne[1] == q->ne[2] && node->ne[2] == q->ne[1] && node->ne[3] == q->ne[3];
}

void sal_node_attention(const struct ggml_tensor *node, sal_attention *out) {
    const struct ggml_tensor *q = node->src[0], *k = node->src[1], *v = node->src[2],
                             *mask = node->src[3];
    *out = (sal_attention){
        .width = q->ne[0],
        .value_width = v->ne[0],
        .queries = q->ne[1],
        .keys = k->ne[1],
        .heads = q->ne[2],
        .heads_kv = k->ne[2],
        .streams = q->ne[3],
        .scale = parameter(node, 0),
        .q = q->data,
        .q_query = q->nb[1],
        .q_head = q->nb[2],
        .q_stream = q->nb[3],
        .k = k->data,
        .k_key = k->nb[1],
        .k_head = k->nb[2],
        .k_stream = k->nb[3],
        .v = v->data,
        .v_key = v->nb[1],
        .v_head = v->nb[2],
        .v_stream = v->nb[3],
        .mask = mask->data,
        .mask_query = mask->nb[1],
        .mask_stream = mask->ne[3] == 1 ? 0 : mask->nb[3],
        .out = node->data,
        .out_head = node->nb[1],
        .out_query = node->nb[2],
        .out_stream = node->nb[3],
    };
}

static int number_at(const char *text) {
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    const long value = strtol(text, &end, 10);
    return value >= 0 && value < 100000 ? (int)value : -1;
}

int sal_layer_of_name(const char *name) {
    static const char *const fronts[] = {"blk.", "cache_k_l"};
    for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++) {
        if (strncmp(name, fronts[i], strlen(fronts[i])) == 0)
            return number_at(name + strlen(fronts[i]));
    }
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash[1] == '\0' || strspn(dash + 1, "0123456789") != strlen(dash + 1))
        return -1;
    return number_at(dash + 1);
}

static int check_layer(const sal_cpu_tap *tap, int layer, const sal_attention *attention,
                       sal_error *err) {
    if (layer < 0)
        return sal_fail(err, SAL_EMODEL, "an attention node that does not name its layer");
    if (attention->heads != tap->heads)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "layer %d has %lld attention heads, others %d; such models cannot be "
                        "measured",
                        layer, (long long)attention->heads, tap->heads);
    return SAL_OK;
}

/* The tap's spans and sums as this attention needs them: its first query is the layer's next. */
static void spans_for(const sal_cpu_tap *tap, int layer, sal_attention_span *spans) {
    const int64_t before = tap->queries[layer];
    const size_t size = (size_t)tap->heads * tap->keys;
    for (size_t s = 0; s < tap->span_count; s++)
        spans[s] = (sal_attention_span){.first = (int64_t)tap->spans[s].start - before,
                                        .end = (int64_t)tap->spans[s].end - before,
                                        .columns = tap->columns +
                                                   (s * (size_t)tap->layers + (size_t)layer) * size,
                                        .stride = tap->keys};
}

static sal_attention_top top_for(const sal_cpu_tap *tap, int layer) {
    const int64_t before = tap->queries[layer];
    const size_t stride = tap->top.end - tap->top.start;
    if (tap->tops == NULL)
        return (sal_attention_top){0};
    return (sal_attention_top){.first = (int64_t)tap->top.start - before,
                               .end = (int64_t)tap->top.end - before,
                               .keys = tap->tops + (size_t)layer * (size_t)tap->heads * stride,
                               .stride = stride};
}

static int measure(sal_cpu *cpu, const sal_attention *attention, int layer, sal_error *err) {
    sal_cpu_tap *tap = cpu->tap;
    int status = check_layer(tap, layer, attention, err);
    if (status != SAL_OK)
        return status;
    sal_attention_span *spans = sal_calloc(tap->span_count, sizeof *spans);
    if (spans == NULL)
        return sal_fail_memory(err, "attention sums");
    spans_for(tap, layer, spans);
    sal_attention_measure request = {.spans = spans,
                                     .span_count = tap->span_count,
                                     .skip = tap->skip,
                                     .top = top_for(tap, layer)};
    status =
        sal_attention_run(attention, &request, cpu->features, cpu->threads, &cpu->workspace, err);
    sal_free(spans);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "layer %d", layer);
    tap->queries[layer] += attention->queries;
    tap->nonfinite_rows += request.nonfinite_rows;
    return SAL_OK;
}

int sal_tap_attention(sal_cpu *cpu, const struct ggml_tensor *node, int layer, sal_error *err) {
    sal_attention attention;
    sal_node_attention(node, &attention);
    if (cpu->tap != NULL && layer < cpu->tap->layers)
        return measure(cpu, &attention, layer, err);
    return sal_attention_run(&attention, NULL, cpu->features, cpu->threads, &cpu->workspace, err);
}
