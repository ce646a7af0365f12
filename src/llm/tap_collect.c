/* The collector: which nodes of libllama's graph matter, and when nothing more needs to be computed.
 *
 * The scheduler asks about every node in order; from the last node that was wanted up to the next wanted one it computes all at once,
 * then hands that one over. So when it asks about a node, all up to the last wanted one are computed. The nodes:
 *
 *   FLASH_ATTN_EXT  unnamed: its sums are kept until the next kqv_out-<layer> names the layer
 *   kq_soft_max-N   (exact) the same, from the weights it holds
 *   kqv_out-N       the layer is known: its sums are added to those of earlier micro-batches
 *   MUL_MAT         that reads the heads' outputs: its weight is the output projection
 *   embd, l_out-N, result_norm   hidden states; l_out of the last layer and result_norm have only the rows flagged as output
 *
 * The end. Returning false ends only one part ("split") of the graph; an abort would lose the micro-batch and those after it. So once all
 * is there, the first node of every further split is made to compute nothing, and then ends its split. */
#include "tap_internal.h"

#include <string.h>

#include <ggml-backend.h>

/* ---- names ---------------------------------------------------------------------------------------- */

/* The hidden state that a node holds, or -1. */
static int state_of(const sal_collector *c, const char *name) {
    size_t last = (size_t)c->tap->model->info.layers;
    if (strcmp(name, "embd") == 0 || strcmp(name, "inp_scaled") == 0)
        return 0; /* the second one, where there is one, is what the first block reads */
    if (strcmp(name, "result_norm") == 0)
        return c->layers == last ? (int)last : -1;
    int layer = sal_llm_layer_of(name, "l_out");
    return layer >= 0 && (size_t)layer < c->layers && (size_t)layer + 1 < last ? layer + 1 : -1;
}

/* Whether a node's numbers are those of base, only arranged otherwise. */
static bool rearranges(const struct ggml_tensor *node, const struct ggml_tensor *base) {
    for (int i = 0; node != NULL && i < 8; i++) {
        if (node == base)
            return true;
        if (node->op != GGML_OP_RESHAPE && node->op != GGML_OP_VIEW &&
            node->op != GGML_OP_PERMUTE && node->op != GGML_OP_TRANSPOSE &&
            node->op != GGML_OP_CONT)
            return false;
        node = node->src[0];
    }
    return false;
}

/* ---- open and close ------------------------------------------------------------------------------- */

static int allocate_rows(sal_collector *c, size_t states) {
    const size_t positions = c->request->position_count, batch = (size_t)c->tap->micro_batch;
    c->embeddings =
        sal_calloc((positions < batch ? positions : batch) * c->width, sizeof *c->embeddings);
    if (c->embeddings == NULL)
        return SAL_ENOMEM;
    if (c->request->take != NULL)
        return SAL_OK;
    c->hidden = sal_calloc(states * positions * c->width, sizeof *c->hidden);
    return c->hidden == NULL ? SAL_ENOMEM : SAL_OK;
}

static int allocate(sal_collector *c) {
    size_t layer = c->heads * c->keys, states = c->layers + 1;
    c->queries = sal_calloc(c->layers, sizeof *c->queries);
    c->normed = sal_calloc(c->layers, sizeof *c->normed);
    c->rows = sal_calloc(states, sizeof *c->rows);
    c->spans = sal_calloc(c->sets, sizeof *c->spans);
    if (c->queries == NULL || c->normed == NULL || c->rows == NULL || c->spans == NULL)
        return SAL_ENOMEM;
    if (c->sets > 0) {
        if (c->sets > SIZE_MAX / sizeof(double) / c->layers / layer)
            return SAL_ENOMEM;
        c->sums = sal_calloc(c->sets * c->layers * layer, sizeof *c->sums);
        c->pending = sal_calloc(c->sets * c->heads * c->keys, sizeof *c->pending);
        if (c->sums == NULL || c->pending == NULL)
            return SAL_ENOMEM;
    }
    if (c->top_count > 0) {
        c->top = sal_calloc(c->layers * c->heads * c->top_count, sizeof *c->top);
        c->top_pending = sal_calloc(c->heads * c->top_count, sizeof *c->top_pending);
        if (c->top == NULL || c->top_pending == NULL)
            return SAL_ENOMEM;
    }
    if (c->request->norm) {
        c->value_norms = sal_calloc(c->layers * c->heads * c->tokens, sizeof *c->value_norms);
        if (c->value_norms == NULL)
            return SAL_ENOMEM;
    }
    return c->request->hidden ? allocate_rows(c, states) : SAL_OK;
}

/* The queries of a set. */
static sal_span span_of(const sal_collector *c, size_t set) {
    if (c->whole && set == 0)
        return (sal_span){0, c->tokens};
    return c->request->query_spans[set - (c->whole ? 1 : 0)];
}

/* Our own backend adds up columns while it computes attention: tell it where. */
static int measure_there(sal_collector *c) {
    sal_tap *tap = c->tap;
    if (tap->cpu == NULL || tap->exact || !c->attention)
        return SAL_OK;
    c->own_spans = sal_calloc(c->sets, sizeof *c->own_spans);
    if (c->own_spans == NULL)
        return SAL_ENOMEM;
    for (size_t set = 0; set < c->sets; set++)
        c->own_spans[set] = span_of(c, set);
    c->own = (sal_cpu_tap){.layers = (int)c->layers,
                           .heads = (int)c->heads,
                           .keys = c->keys,
                           .span_count = c->sets,
                           .spans = c->own_spans,
                           .columns = c->sums,
                           .queries = c->queries,
                           .skip = (int64_t)c->request->skip_keys,
                           .top = c->request->top_queries,
                           .tops = c->top};
    c->measured = true;
    sal_cpu_measure(tap->cpu, &c->own);
    return SAL_OK;
}

int sal_collector_open(sal_collector *c, sal_error *err) {
    c->open_layer = -1;
    if (allocate(c) == SAL_OK && measure_there(c) == SAL_OK)
        return SAL_OK;
    return sal_fail(err, SAL_ENOMEM,
                    "out of memory: %zu tokens, %zu layers, %zu heads need about %zu MiB",
                    c->tokens, c->layers, c->heads,
                    (c->sets + 1) * c->layers * c->heads * c->keys * sizeof(double) >> 20);
}

void sal_collector_close(sal_collector *c) {
    if (c->measured && c->tap->cpu != NULL)
        sal_cpu_measure(c->tap->cpu, NULL);
    sal_free(c->own_spans);
    sal_free(c->queries);
    sal_free(c->normed);
    sal_free(c->rows);
    sal_free(c->spans);
    sal_free(c->sums);
    sal_free(c->pending);
    sal_free(c->top);
    sal_free(c->top_pending);
    sal_free(c->value_norms);
    sal_free(c->hidden);
    sal_free(c->embeddings);
}

void sal_collector_start(sal_collector *c, size_t first, size_t count) {
    const sal_tap_request *request = c->request;
    c->first = first;
    c->count = count;
    c->position_first = c->position_end;
    while (request->hidden && c->position_end < request->position_count &&
           (size_t)request->positions[c->position_end] < first + count)
        c->position_end++;
    c->attention_over = c->stopped = c->embeddings_held = false;
    c->node = NULL;
    c->open_layer = -1;
}

void sal_collector_restore(sal_collector *c) {
    if (c->silent != NULL)
        c->silent->op = c->silent_op;
    c->silent = NULL;
}

/* ---- attention ------------------------------------------------------------------------------------ */

/* Where the sums of the coming node go: the sets' queries counted from the micro-batch's first. */
static void expect_node(sal_collector *c) {
    const sal_span top = c->request->top_queries;
    if (c->sets > 0)
        memset(c->pending, 0, c->sets * c->heads * c->keys * sizeof *c->pending);
    for (size_t set = 0; set < c->sets; set++) {
        sal_span span = span_of(c, set);
        c->spans[set] = (sal_attention_span){
            .first = (int64_t)span.start - (int64_t)c->first,
            .end = (int64_t)span.end - (int64_t)c->first,
            .columns = c->pending + set * c->heads * c->keys,
            .stride = c->keys,
        };
    }
    c->measure = (sal_attention_measure){
        .spans = c->spans, .span_count = c->sets, .skip = (int64_t)c->request->skip_keys};
    if (c->top_count > 0)
        c->measure.top = (sal_attention_top){.first = (int64_t)top.start - (int64_t)c->first,
                                             .end = (int64_t)top.end - (int64_t)c->first,
                                             .keys = c->top_pending,
                                             .stride = c->top_count};
}

/* Queries and heads of an attention node are those of the micro-batch and the model. */
static int check_node(const sal_collector *c, int64_t queries, int64_t keys, int64_t heads) {
    if ((size_t)queries == c->count && (size_t)heads == c->heads && (size_t)keys <= c->keys &&
        (size_t)keys >= c->first + c->count)
        return SAL_OK;
    return sal_fail(c->err, SAL_EUNSUPPORTED,
                    "%s: an attention node of %lld queries, %lld keys, %lld heads; expected are "
                    "%zu queries, %zu heads",
                    c->tap->model->path, (long long)queries, (long long)keys, (long long)heads,
                    c->count, c->heads);
}

/* The largest weights of the micro-batch's queries. */
static void bind_top(sal_collector *c, size_t layer) {
    const sal_span top = c->request->top_queries;
    for (size_t head = 0; head < c->heads; head++)
        for (size_t i = 0; i < c->top_count; i++)
            if (top.start + i >= c->first && top.start + i < c->first + c->count)
                c->top[(layer * c->heads + head) * c->top_count + i] =
                    c->top_pending[head * c->top_count + i];
}

/* Its layer is known: add what the node gave. */
static int bind_layer(sal_collector *c, size_t layer) {
    size_t keys = c->first + c->count;
    for (size_t set = 0; set < c->sets; set++) {
        for (size_t head = 0; head < c->heads; head++) {
            const double *from = c->pending + (set * c->heads + head) * c->keys;
            double *to = c->sums + ((set * c->layers + layer) * c->heads + head) * c->keys;
            for (size_t key = 0; key < keys; key++)
                to[key] += from[key];
        }
    }
    bind_top(c, layer);
    c->queries[layer] += (int64_t)c->count;
    c->non_finite += c->measure.nonfinite_rows;
    c->node = NULL;
    return SAL_OK;
}

static bool is_soft_max(const sal_collector *c, const struct ggml_tensor *node) {
    return c->tap->exact && node->op == GGML_OP_SOFT_MAX &&
           sal_llm_layer_of(node->name, "kq_soft_max") >= 0;
}

static bool is_flash(const sal_collector *c, const struct ggml_tensor *node) {
    return !c->tap->exact && node->op == GGML_OP_FLASH_ATTN_EXT;
}

static bool is_attention(const sal_collector *c, const struct ggml_tensor *node) {
    if (c->measured && is_flash(c, node) && sal_cpu_takes_attention(node))
        return false;
    return c->attention && !c->attention_over && (is_flash(c, node) || is_soft_max(c, node));
}

/* An attention node was computed. */
static int take_attention(sal_collector *c, const struct ggml_tensor *node) {
    bool flash = node->op == GGML_OP_FLASH_ATTN_EXT;
    int status = flash
                     ? check_node(c, node->src[0]->ne[1], node->src[1]->ne[1], node->src[0]->ne[2])
                     : check_node(c, node->ne[1], node->ne[0], node->ne[2]);
    if (status == SAL_OK)
        status = flash ? sal_tap_flash_columns(c, node, c->err)
                       : sal_tap_soft_max_columns(c, node, c->err);
    c->node = node;
    return status;
}

/* ---- norms ---------------------------------------------------------------------------------------- */

/* Norms need every value, so they are computed in the last micro-batch. */
static bool norms_now(const sal_collector *c) {
    return c->request->norm && c->first + c->count == c->tokens;
}

/* Remember what the heads gave and from which values; true: this node must be computed first. */
static bool note_values(sal_collector *c, const struct ggml_tensor *node) {
    if (is_flash(c, node)) {
        c->values = node->src[2];
        c->heads_out = node;
    } else if (c->tap->exact && node->op == GGML_OP_MUL_MAT && c->node != NULL &&
               node->src[1] == c->node) {
        c->values = node->src[0];
        c->heads_out = node;
        return true;
    }
    return false;
}

static bool is_projection(const sal_collector *c, const struct ggml_tensor *node) {
    return c->open_layer >= 0 && node->op == GGML_OP_MUL_MAT && node->src[0]->op == GGML_OP_NONE &&
           node->src[0]->ne[2] == 1 && rearranges(node->src[1], c->heads_out);
}

static int take_projection(sal_collector *c, const struct ggml_tensor *node) {
    size_t layer = (size_t)c->open_layer;
    c->open_layer = -1;
    c->normed[layer] = true;
    c->attention_over = layer + 1 == c->layers;
    return sal_tap_value_norms(c, layer, node->src[0], c->err);
}

/* ---- hidden states -------------------------------------------------------------------------------- */

static bool rows_here(const sal_collector *c) {
    return c->position_end > c->position_first;
}

/* Rows [count, width] of a state go where they are wanted. first: among the request's positions */
static int deliver(sal_collector *c, size_t state, size_t first, size_t count, const float *rows) {
    const sal_tap_request *request = c->request;
    if (request->take != NULL)
        return request->take(request->take_context, state, first, count, c->width, rows, c->err);
    memcpy(c->hidden + (state * request->position_count + first) * c->width, rows,
           count * c->width * sizeof *rows);
    return SAL_OK;
}

/* State 0 is held back until another one comes: a later node may be what the first block reads (state_of). */
static int release_embeddings(sal_collector *c) {
    if (!c->embeddings_held)
        return SAL_OK;
    c->embeddings_held = false;
    return deliver(c, 0, c->position_first, c->position_end - c->position_first, c->embeddings);
}

/* The row of a node that holds the i-th position of the micro-batch. */
static size_t row_of(const sal_collector *c, size_t rows, size_t i) {
    return rows == c->count ? (size_t)c->request->positions[c->position_first + i] - c->first : i;
}

static int take_rows(sal_collector *c, const struct ggml_tensor *node, size_t state) {
    sal_tap *tap = c->tap;
    size_t wanted = c->position_end - c->position_first, rows = (size_t)node->ne[1];
    if (node->type != GGML_TYPE_F32 || (size_t)node->ne[0] != c->width || node->ne[2] != 1 ||
        (rows != c->count && rows != wanted))
        return sal_fail(c->err, SAL_EMODEL,
                        "%s: node %s holds %zu rows of %lld numbers; expected are %zu of %zu",
                        tap->model->path, node->name, rows, (long long)node->ne[0], wanted,
                        c->width);
    const size_t bytes = c->width * sizeof(float);
    int status = state > 0 ? release_embeddings(c) : SAL_OK;
    for (size_t i = 0, end = 0; status == SAL_OK && i < wanted; i = end) {
        const size_t row = row_of(c, rows, i);
        const void *from = NULL;
        for (end = i + 1;
             end < wanted && node->nb[1] == bytes && row_of(c, rows, end) == row + end - i;)
            end++;
        status = sal_tap_fetch(tap, SAL_STAGE_OTHER, node, row * node->nb[1], (end - i) * bytes,
                               &from, c->err);
        if (status == SAL_OK && state == 0)
            memcpy(c->embeddings + i * c->width, from, (end - i) * bytes);
        else if (status == SAL_OK)
            status = deliver(c, state, c->position_first + i, end - i, from);
    }
    c->embeddings_held = c->embeddings_held || state == 0;
    c->rows[state] = c->position_end;
    return status;
}

/* ---- the callback --------------------------------------------------------------------------------- */

/* All that is wanted of this micro-batch is there. */
static bool complete(const sal_collector *c) {
    return rows_here(c) ? c->rows[c->layers] == c->position_end : c->attention_over;
}

/* Make a node compute nothing, and end its split after it. */
static bool silence(sal_collector *c, struct ggml_tensor *node) {
    c->stopped = true;
    c->silent = node;
    c->silent_op = node->op;
    node->op = GGML_OP_NONE;
    return true;
}

static void note_tensor(sal_zeros *cache, const struct ggml_tensor *tensor) {
    while (tensor->view_src != NULL)
        tensor = tensor->view_src;
    if (tensor->buffer == NULL || !ggml_backend_buffer_is_host(tensor->buffer) ||
        strncmp(tensor->name, "cache_k", strlen("cache_k")) != 0)
        return;
    cache->start = ggml_backend_buffer_get_base(tensor->buffer);
    cache->bytes = ggml_backend_buffer_get_size(tensor->buffer);
}

/* The buffer of keys and values, from a node that reads or writes them. */
static void note_cache(sal_zeros *cache, const struct ggml_tensor *node) {
    note_tensor(cache, node);
    for (int i = 0; i < GGML_MAX_SRC; i++)
        if (node->src[i] != NULL)
            note_tensor(cache, node->src[i]);
}

/* A layer's attention is over. */
static int take_layer(sal_collector *c, int layer) {
    if (layer < 0 || (size_t)layer >= c->layers)
        return SAL_OK;
    int status = c->node != NULL ? bind_layer(c, (size_t)layer) : SAL_OK;
    if (norms_now(c) && c->attention)
        c->open_layer = layer;
    else
        c->attention_over = (size_t)layer + 1 == c->layers;
    return status;
}

/* Before a node is computed: whether it is wanted. */
static bool want(sal_collector *c, struct ggml_tensor *node) {
    bool values_first = norms_now(c) && note_values(c, node);
    if (is_attention(c, node)) {
        expect_node(c);
        return true;
    }
    if (is_projection(c, node))
        c->status = take_projection(c, node);
    else
        c->status = take_layer(c, sal_llm_layer_of(node->name, "kqv_out"));
    if (c->status != SAL_OK || complete(c))
        return silence(c, node);
    return values_first || (rows_here(c) && state_of(c, node->name) >= 0);
}

/* After a wanted node was computed: whether to go on. */
static bool take(sal_collector *c, struct ggml_tensor *node) {
    if (is_attention(c, node)) {
        c->status = take_attention(c, node);
    } else {
        int state = rows_here(c) ? state_of(c, node->name) : -1;
        if (state >= 0)
            c->status = take_rows(c, node, (size_t)state);
    }
    c->stopped = c->status != SAL_OK || complete(c);
    return !c->stopped;
}

bool sal_tap_on_node(struct ggml_tensor *node, bool ask, void *context) {
    sal_tap *tap = context;
    sal_collector *c = tap->collector;
    if (c == NULL)
        return !ask;
    if (c->stopped && ask) {
        if (c->cache != NULL)
            note_cache(c->cache, node);
        return silence(c, node);
    }
    if (c->stopped) {
        sal_collector_restore(c);
        return false;
    }
    return ask ? want(c, node) : take(c, node);
}

/* ---- afterwards ----------------------------------------------------------------------------------- */

int sal_collector_check(const sal_collector *c, sal_error *err) {
    const char *path = c->tap->model->path;
    for (size_t layer = 0; c->attention && layer < c->layers; layer++) {
        if (c->queries[layer] != (int64_t)c->tokens)
            return sal_fail(err, SAL_EMODEL,
                            "%s: layer %zu: attention of %lld of %zu queries was seen; %s models "
                            "do not show all of it",
                            path, layer, (long long)c->queries[layer], c->tokens,
                            c->tap->model->architecture);
        if (c->request->norm && !c->normed[layer])
            return sal_fail(err, SAL_EUNSUPPORTED,
                            "%s: layer %zu: the heads reach the output projection by another way "
                            "in %s models; norms of values are not known for them",
                            path, layer, c->tap->model->architecture);
    }
    for (size_t state = 0; c->request->hidden && state <= c->layers; state++) {
        if (c->rows[state] != c->request->position_count)
            return sal_fail(err, SAL_EMODEL,
                            "%s: hidden state %zu of %zu of %zu positions was seen; %s models do "
                            "not show all of it",
                            path, state, c->rows[state], c->request->position_count,
                            c->tap->model->architecture);
    }
    return SAL_OK;
}
