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
bool sal_node_is_attention(const struct ggml_tensor *node) {
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

/* The part of the tap's spans that falls into this attention, whose first query is the layer's next. */
static int spans_for(sal_cpu_tap *tap, int layer, const sal_attention *attention,
                     sal_attention_span *spans, sal_error *err) {
    if (layer < 0 || layer >= tap->layers)
        return sal_fail(err, SAL_EMODEL, "an attention of layer %d in a model of %d layers", layer,
                        tap->layers);
    if (attention->heads != tap->heads)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "layer %d has %lld attention heads, others %d; such models cannot be "
                        "measured",
                        layer, (long long)attention->heads, tap->heads);
    const int64_t before = tap->queries[layer];
    const size_t offset = (size_t)layer * (size_t)tap->heads * tap->keys;
    for (size_t s = 0; s < tap->span_count; s++)
        spans[s] = (sal_attention_span){tap->spans[s].first - before, tap->spans[s].end - before,
                                        tap->spans[s].columns + offset, tap->keys};
    return SAL_OK;
}

static int measure(sal_cpu_tap *tap, const sal_attention *attention, int layer,
                   sal_cpu_features features, int threads, sal_attention_workspace *workspace,
                   sal_error *err) {
    sal_attention_span spans[SAL_TAP_SPANS];
    int status = spans_for(tap, layer, attention, spans, err);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "measuring attention");
    sal_attention_measure request = {.spans = spans, .span_count = tap->span_count};
    status = sal_attention_run(attention, &request, features, threads, workspace, err);
    if (status != SAL_OK)
        return sal_fail_in(err, status, "layer %d", layer);
    tap->queries[layer] += attention->queries;
    tap->nonfinite_rows += request.nonfinite_rows;
    return SAL_OK;
}

int sal_tap_attention(sal_cpu *cpu, const struct ggml_tensor *node, int layer, sal_error *err) {
    sal_attention attention;
    sal_node_attention(node, &attention);
    if (cpu->tap != NULL)
        return measure(cpu->tap, &attention, layer, cpu->features, cpu->threads, &cpu->workspace,
                       err);
    return sal_attention_run(&attention, NULL, cpu->features, cpu->threads, &cpu->workspace, err);
}

int sal_cpu_tap_node(sal_cpu_tap *tap, const struct ggml_tensor *node, int layer,
                     sal_cpu_features features, int threads, sal_attention_workspace *workspace,
                     sal_error *err) {
    sal_attention attention;
    if (!sal_node_is_attention(node))
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "layer %d's attention has a soft cap, sinks, ALiBi or an unusual cache; "
                        "only --exact can measure it",
                        layer);
    sal_node_attention(node, &attention);
    attention.v = NULL;
    attention.out = NULL;
    return measure(tap, &attention, layer, features, threads, workspace, err);
}
