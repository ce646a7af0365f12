/* The probe networks as plain arithmetic over arrays: forward, backward, losses, Adam. Included once for float and once for double
 * (network_f32.c, network_f64.c), which define `real`, NAME and the CBLAS calls.
 *
 * Values of layer i are [rows, out_i], row-major. A gradient buffer is written by the layers that read the value: the first of them
 * stores, the others add (`has_gradient` tells), so nothing is zeroed. Sums of a column, a row or a loss are kept in double. A ReLU or a
 * dropout whose input nobody else reads works in place: its value and gradient are those of the layer before it. */

#include "probe/network_loops.h"

typedef struct network_layer {
    real *value;    /* [rows, out]; of the input: borrowed */
    real *gradient; /* [rows, out] */
    real *
        saved; /* dropout: factors [rows, out]; norms: normalised x [rows, out]; attention: see below */
    real keep;    /* dropout with its ReLU: factor of the last forward */
    real *spread; /* norms: 1/sqrt(var + eps), [rows] or [out] */
    bool has_gradient;
} network_layer;

struct NAME(network) {
    probe_plan plan;
    real *weights;   /* [parameters] */
    real *gradients; /* [parameters] */
    real *first;     /* [parameters] Adam's m */
    real *second;    /* [parameters] Adam's v */
    real *buffers;   /* [buffers] running means and variances */
    network_layer layers[PROBE_LAYERS_AT_MOST];
    real *scratch;           /* [rows, widest] */
    size_t row_capacity;     /* rows there is room for */
    size_t pair_capacity;    /* heads x sum of squares of the groups there is room for */
    real *attended, *answer; /* attention: its weights [pairs]; gradient of them */
    size_t rows;             /* of the last forward */
    const size_t *groups;    /* of the last forward */
    size_t group_count;
    bool trained; /* the last forward was one of training */
    int64_t steps;
};

static const double norm_epsilon = 1e-5;

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* Works in place. */
static bool in_place(const probe_plan *plan, size_t number) {
    const probe_kind kind = plan->layers[number].kind;
    if ((kind != PROBE_RELU && kind != PROBE_DROPOUT) || number < 2)
        return false;
    for (size_t i = number; i < plan->count; i++)
        if ((plan->layers[i].kind == PROBE_ADD || plan->layers[i].kind == PROBE_ADD_LINEAR) &&
            plan->layers[i].source == number - 1)
            return false;
    return true;
}

/* A dropout that does the work of the ReLU before it too: a number is positive in the end if it was and was kept. */
static bool with_relu(const probe_plan *plan, size_t number) {
    return plan->layers[number].kind == PROBE_DROPOUT && in_place(plan, number) &&
           plan->layers[number - 1].kind == PROBE_RELU && in_place(plan, number - 1);
}

static void free_values(struct NAME(network) * net) {
    for (size_t i = 0; i < net->plan.count; i++) {
        network_layer *layer = &net->layers[i];
        const bool own = !in_place(&net->plan, i);
        if (i > 0 && own)
            sal_free(layer->value);
        if (own)
            sal_free(layer->gradient);
        sal_free(layer->saved);
        sal_free(layer->spread);
        *layer = (network_layer){0};
    }
    sal_free(net->scratch);
    net->scratch = NULL;
    net->row_capacity = 0;
}

void NAME(close)(struct NAME(network) * net) {
    if (net == NULL)
        return;
    free_values(net);
    sal_free(net->attended);
    sal_free(net->answer);
    sal_free(net->weights);
    sal_free(net->gradients);
    sal_free(net->first);
    sal_free(net->second);
    sal_free(net->buffers);
    sal_free(net);
}

int NAME(open)(const probe_plan *plan, struct NAME(network) * *out, sal_error *err) {
    struct NAME(network) *net = sal_calloc(1, sizeof *net);
    if (net == NULL)
        return sal_fail_memory(err, "a probe");
    net->plan = *plan;
    net->weights = sal_calloc(plan->parameters, sizeof(real));
    net->gradients = sal_calloc(plan->parameters, sizeof(real));
    net->first = sal_calloc(plan->parameters, sizeof(real));
    net->second = sal_calloc(plan->parameters, sizeof(real));
    net->buffers = sal_calloc(plan->buffers, sizeof(real));
    if (net->weights == NULL || net->gradients == NULL || net->first == NULL ||
        net->second == NULL || net->buffers == NULL) {
        NAME(close)(net);
        return sal_fail_memory(err, "a probe");
    }
    *out = net;
    return SAL_OK;
}

/* Columns of what a layer keeps for the way back. */
static size_t saved_width(const probe_layer *layer) {
    switch (layer->kind) {
    case PROBE_DROPOUT:
    case PROBE_LAYER_NORM:
    case PROBE_BATCH_NORM:
        return layer->out;
    case PROBE_ATTENTION:
        return 7 * layer->out; /* q k v, heads side by side, and gradients of q k v */
    default:
        return 0;
    }
}

static size_t spread_length(const probe_layer *layer, size_t rows) {
    return layer->kind == PROBE_LAYER_NORM   ? rows
           : layer->kind == PROBE_BATCH_NORM ? layer->out
                                             : 0;
}

static int make_room(struct NAME(network) * net, size_t rows, sal_error *err) {
    size_t widest = 0;
    if (rows <= net->row_capacity)
        return SAL_OK;
    free_values(net);
    for (size_t i = 0; i < net->plan.count; i++) {
        const probe_layer *layer = &net->plan.layers[i];
        network_layer *room = &net->layers[i];
        widest = layer->out > widest ? layer->out : widest;
        if (in_place(&net->plan, i)) {
            room->value = net->layers[i - 1].value;
            room->gradient = net->layers[i - 1].gradient;
        } else {
            room->value = i > 0 ? sal_calloc(rows, layer->out * sizeof(real)) : NULL;
            room->gradient = sal_calloc(rows, layer->out * sizeof(real));
        }
        room->saved = sal_calloc(rows, saved_width(layer) * sizeof(real));
        room->spread = sal_calloc(spread_length(layer, rows), sizeof(real));
        if ((i > 0 && room->value == NULL) || room->gradient == NULL || room->saved == NULL ||
            room->spread == NULL)
            return sal_fail_memory(err, "the values of a probe");
    }
    net->scratch = sal_calloc(rows, widest * sizeof(real));
    if (net->scratch == NULL)
        return sal_fail_memory(err, "the values of a probe");
    net->row_capacity = rows;
    return SAL_OK;
}

static int make_room_for_pairs(struct NAME(network) * net, const size_t *groups, size_t count,
                               sal_error *err) {
    size_t pairs = 0, heads = 0;
    for (size_t i = 0; i < net->plan.count; i++)
        heads = net->plan.layers[i].heads > heads ? net->plan.layers[i].heads : heads;
    for (size_t g = 0; g < count; g++)
        pairs += heads * (groups[g + 1] - groups[g]) * (groups[g + 1] - groups[g]);
    if (pairs <= net->pair_capacity)
        return SAL_OK;
    sal_free(net->attended);
    sal_free(net->answer);
    net->pair_capacity = 0;
    net->attended = sal_calloc(pairs, 2 * sizeof(real)); /* weights, then dropout's factors */
    net->answer = sal_calloc(pairs, sizeof(real));
    if (net->attended == NULL || net->answer == NULL)
        return sal_fail_memory(err, "the attention of a probe");
    net->pair_capacity = pairs;
    return SAL_OK;
}

/* ---- where numbers lie -------------------------------------------------------------------------------------- */

real *NAME(weights)(struct NAME(network) * net) {
    return net->weights;
}

real *NAME(gradients)(struct NAME(network) * net) {
    return net->gradients;
}

real *NAME(buffers)(struct NAME(network) * net) {
    return net->buffers;
}

real *NAME(first_moments)(struct NAME(network) * net) {
    return net->first;
}

real *NAME(second_moments)(struct NAME(network) * net) {
    return net->second;
}

int64_t *NAME(steps)(struct NAME(network) * net) {
    return &net->steps;
}

/* ---- initial weights ---------------------------------------------------------------------------------------- */

static void fill_uniform(real *values, size_t count, double bound, sal_random *random) {
    for (size_t i = 0; i < count; i++)
        values[i] = (real)((2 * sal_random_uniform(random) - 1) * bound);
}

static void fill(real *values, size_t count, real value) {
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

void NAME(initialise)(struct NAME(network) * net, uint64_t seed) {
    sal_random random;
    sal_random_seed(&random, seed);
    fill(net->first, net->plan.parameters, 0);
    fill(net->second, net->plan.parameters, 0);
    net->steps = 0;
    for (size_t i = 0; i < net->plan.count; i++) {
        const probe_layer *layer = &net->plan.layers[i];
        real *w = net->weights + layer->parameters;
        const size_t n = layer->out;
        switch (layer->kind) {
        case PROBE_LINEAR:
        case PROBE_ADD_LINEAR: /* PyTorch: both from U(-1/sqrt(in), 1/sqrt(in)) */
            fill_uniform(w, n * layer->in + n, 1 / sqrt((double)layer->in), &random);
            break;
        case PROBE_LAYER_NORM:
        case PROBE_BATCH_NORM:
            fill(w, n, 1);
            fill(w + n, n, 0);
            break;
        case PROBE_ATTENTION: /* in_proj: Xavier over [3n, n]; its bias and that of out_proj 0 */
            fill_uniform(w, 3 * n * n, sqrt(6.0 / (4.0 * (double)n)), &random);
            fill(w + 3 * n * n, 3 * n, 0);
            fill_uniform(w + 3 * n * n + 3 * n, n * n, 1 / sqrt((double)n), &random);
            fill(w + 4 * n * n + 3 * n, n, 0);
            break;
        default:
            break;
        }
        if (layer->kind == PROBE_BATCH_NORM) {
            fill(net->buffers + layer->buffers, n, 0);
            fill(net->buffers + layer->buffers + n, n, 1);
        }
    }
}

/* ---- linear ------------------------------------------------------------------------------------------------- */

static void multiply(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
                     real scale, const real *a, size_t a_row, const real *b, size_t b_row, real add,
                     real *c, size_t c_row) {
    if (rows > 0 && columns > 0)
        GEMM(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
             transpose_b ? CblasTrans : CblasNoTrans, (blasint)rows, (blasint)columns,
             (blasint)inner, scale, a, (blasint)a_row, b, (blasint)b_row, add, c, (blasint)c_row);
}

/* y = x W^T + b (+ y when added) */
static void linear_forward(const real *x, size_t rows, size_t in, size_t out, const real *weights,
                           const real *bias, real *y, bool added) {
    add_bias(bias, rows, out, added, y);
    multiply(false, true, rows, out, in, 1, x, in, weights, in, 1, y, out);
}

/* dW = dy^T x, db = column sums of dy; dx (+)= dy W when dx is not NULL */
static void linear_backward(const real *x, const real *dy, size_t rows, size_t in, size_t out,
                            const real *weights, real *d_weights, real *d_bias, real *dx,
                            bool add) {
    multiply(true, false, out, in, rows, 1, dy, out, x, in, 0, d_weights, in);
    for (size_t c = 0; c < out; c++)
        d_bias[c] = 0;
    add_rows(dy, rows, out, d_bias);
    if (dx != NULL)
        multiply(false, false, rows, in, out, 1, dy, out, weights, in, add ? 1 : 0, dx, in);
}

/* ---- norms -------------------------------------------------------------------------------------------------- */

static void layer_norm_forward(const real *x, size_t rows, size_t n, const real *w, real *saved,
                               real *spread, real *y) {
    for (size_t r = 0; r < rows; r++) {
        const real *row = x + r * n;
        double mean = 0, variance = 0;
        for (size_t c = 0; c < n; c++)
            mean += (double)row[c];
        mean /= (double)n;
        for (size_t c = 0; c < n; c++)
            variance += ((double)row[c] - mean) * ((double)row[c] - mean);
        spread[r] = (real)(1 / sqrt(variance / (double)n + norm_epsilon));
        for (size_t c = 0; c < n; c++) {
            saved[r * n + c] = (real)((double)row[c] - mean) * spread[r];
            y[r * n + c] = saved[r * n + c] * w[c] + w[n + c];
        }
    }
}

/* With h the normalised x and g = dy w: dx = spread (g - mean(g) - h mean(g h)), means over the row. */
static void layer_norm_backward(const real *dy, size_t rows, size_t n, const real *w,
                                const real *saved, const real *spread, real *dw, real *dx,
                                bool add) {
    for (size_t c = 0; c < 2 * n; c++)
        dw[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const real *g = dy + r * n, *h = saved + r * n;
        double mean = 0, along = 0;
        for (size_t c = 0; c < n; c++) {
            dw[c] += g[c] * h[c];
            dw[n + c] += g[c];
            mean += (double)(g[c] * w[c]);
            along += (double)(g[c] * w[c] * h[c]);
        }
        mean /= (double)n;
        along /= (double)n;
        for (size_t c = 0; dx != NULL && c < n; c++) {
            const real step = (real)((double)(g[c] * w[c]) - mean - (double)h[c] * along);
            dx[r * n + c] = spread[r] * step + (add ? dx[r * n + c] : 0);
        }
    }
}

/* Statistics of the batch while training (and the running ones moved), the running ones otherwise. */
static void batch_norm_forward(const real *x, size_t rows, size_t n, const real *w, real *running,
                               bool train, real *saved, real *spread, real *y) {
    for (size_t c = 0; c < n; c++) {
        double mean = (double)running[c], variance = (double)running[n + c];
        if (train) {
            mean = variance = 0;
            for (size_t r = 0; r < rows; r++)
                mean += (double)x[r * n + c];
            mean /= (double)rows;
            for (size_t r = 0; r < rows; r++)
                variance += ((double)x[r * n + c] - mean) * ((double)x[r * n + c] - mean);
            running[c] = (real)(.9 * (double)running[c] + .1 * mean);
            if (rows > 1)
                running[n + c] =
                    (real)(.9 * (double)running[n + c] + .1 * variance / (double)(rows - 1));
            variance /= (double)rows;
        }
        spread[c] = (real)(1 / sqrt(variance + norm_epsilon));
        for (size_t r = 0; r < rows; r++) {
            saved[r * n + c] = (real)((double)x[r * n + c] - mean) * spread[c];
            y[r * n + c] = saved[r * n + c] * w[c] + w[n + c];
        }
    }
}

/* As the layer norm, but means go down a column of the batch. */
static void batch_norm_backward(const real *dy, size_t rows, size_t n, const real *w,
                                const real *saved, const real *spread, real *dw, real *dx,
                                bool add) {
    for (size_t c = 0; c < n; c++) {
        double sum = 0, along = 0;
        for (size_t r = 0; r < rows; r++) {
            sum += (double)dy[r * n + c];
            along += (double)dy[r * n + c] * (double)saved[r * n + c];
        }
        dw[c] = (real)along;
        dw[n + c] = (real)sum;
        sum /= (double)rows;
        along /= (double)rows;
        for (size_t r = 0; dx != NULL && r < rows; r++) {
            const double step = (double)dy[r * n + c] - sum - (double)saved[r * n + c] * along;
            dx[r * n + c] = (real)(step * (double)w[c]) * spread[c] + (add ? dx[r * n + c] : 0);
        }
    }
}

/* ---- attention ---------------------------------------------------------------------------------------------- */

static void softmax_row(real *row, size_t n) {
    double sum = 0;
    real most = row[0];
    for (size_t i = 1; i < n; i++)
        most = row[i] > most ? row[i] : most;
    for (size_t i = 0; i < n; i++) {
        row[i] = EXP(row[i] - most);
        sum += (double)row[i];
    }
    for (size_t i = 0; i < n; i++)
        row[i] = (real)((double)row[i] / sum);
}

/* One head of one group: weights [n,n] = softmax(q k^T / sqrt(d)), times dropout's factors, times v. */
static void attend(const probe_layer *layer, const real *qkv, size_t n, size_t head, real *weights,
                   real *factors, bool drop, sal_random *random, real *y) {
    const size_t width = layer->out, d = width / layer->heads, row = 3 * width;
    const real *q = qkv + head * d, *k = q + width, *v = k + width;
    multiply(false, true, n, n, d, (real)(1 / sqrt((double)d)), q, row, k, row, 0, weights, n);
    for (size_t i = 0; i < n; i++)
        softmax_row(weights + i * n, n);
    if (drop) {
        mask_factors(factors, n * n, draw_mask(layer->rate, random));
        for (size_t i = 0; i < n * n; i++) /* the factors keep what was multiplied with v */
            factors[i] *= weights[i];
    }
    multiply(false, false, n, d, n, 1, drop ? factors : weights, n, v, row, 0, y + head * d, width);
}

static void attention_forward(struct NAME(network) * net, size_t number, bool train,
                              sal_random *random) {
    const probe_layer *layer = &net->plan.layers[number];
    const real *x = net->layers[number - 1].value, *w = net->weights + layer->parameters;
    const size_t n = layer->out, rows = net->rows;
    real *qkv = net->layers[number].saved, *joined = qkv + 3 * n * net->row_capacity;
    real *y = net->layers[number].value, *weights = net->attended;
    const bool drop = train && layer->rate > 0;
    linear_forward(x, rows, n, 3 * n, w, w + 3 * n * n, qkv, false);
    for (size_t g = 0; g < net->group_count; g++) {
        const size_t start = net->groups[g], size = net->groups[g + 1] - start;
        for (size_t h = 0; size > 0 && h < layer->heads; h++, weights += size * size)
            attend(layer, qkv + start * 3 * n, size, h, weights, weights + net->pair_capacity, drop,
                   random, joined + start * n);
    }
    memcpy(y, x, rows * n * sizeof *y);
    linear_forward(joined, rows, n, n, w + 3 * n * n + 3 * n, w + 4 * n * n + 3 * n, y, true);
}

/* One head back: from the gradient of its output to those of q, k, v. */
static void attend_back(const probe_layer *layer, const real *qkv, size_t n, size_t head,
                        const real *weights, const real *dropped, bool drop, const real *dy,
                        real *d_weights, real *d_qkv) {
    const size_t width = layer->out, d = width / layer->heads, row = 3 * width;
    const real *q = qkv + head * d, *k = q + width, *v = k + width;
    real *dq = d_qkv + head * d, *dk = dq + width, *dv = dk + width;
    const real scale = (real)(1 / sqrt((double)d));
    const real *used = drop ? dropped : weights;
    multiply(true, false, n, d, n, 1, used, n, dy + head * d, width, 0, dv, row);
    multiply(false, true, n, n, d, 1, dy + head * d, width, v, row, 0, d_weights, n);
    for (size_t i = 0; i < n; i++) {
        real *g = d_weights + i * n;
        const real *a = weights + i * n, *b = used + i * n;
        double along = 0;
        /* b = a x factor, so a x dL/da = b x dL/db also where a factor is 0 */
        for (size_t j = 0; j < n; j++)
            along += (double)(b[j] * g[j]);
        for (size_t j = 0; j < n; j++)
            g[j] = b[j] * g[j] - (real)((double)a[j] * along);
    }
    multiply(false, false, n, d, n, scale, d_weights, n, k, row, 0, dq, row);
    multiply(true, false, n, d, n, scale, d_weights, n, q, row, 0, dk, row);
}

static void attention_backward(struct NAME(network) * net, size_t number) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *below = &net->layers[number - 1];
    const real *w = net->weights + layer->parameters, *dy = net->layers[number].gradient;
    real *dw = net->gradients + layer->parameters;
    const size_t n = layer->out, rows = net->rows;
    real *qkv = net->layers[number].saved, *joined = qkv + 3 * n * net->row_capacity;
    real *d_qkv = joined + n * net->row_capacity, *d_joined = net->scratch;
    const real *weights = net->attended;
    const size_t out_weights = 3 * n * n + 3 * n, out_bias = 4 * n * n + 3 * n;
    const bool drop = net->trained && layer->rate > 0;
    linear_backward(joined, dy, rows, n, n, w + out_weights, dw + out_weights, dw + out_bias,
                    d_joined, false);
    for (size_t g = 0; g < net->group_count; g++) {
        const size_t start = net->groups[g], size = net->groups[g + 1] - start;
        for (size_t h = 0; size > 0 && h < layer->heads; h++, weights += size * size)
            attend_back(layer, qkv + start * 3 * n, size, h, weights, weights + net->pair_capacity,
                        drop, d_joined + start * n, net->answer, d_qkv + start * 3 * n);
    }
    for (size_t i = 0; i < rows * n; i++) /* y = x + ... */
        below->gradient[i] = dy[i] + (below->has_gradient ? below->gradient[i] : 0);
    below->has_gradient = true;
    linear_backward(below->value, d_qkv, rows, n, 3 * n, w, dw, dw + 3 * n * n, below->gradient,
                    true);
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

static void forward_dropout(struct NAME(network) * net, size_t number, sal_random *random) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *here = &net->layers[number];
    const real *x = net->layers[number - 1].value;
    const size_t count = net->rows * layer->out;
    const bool drop = random != NULL && layer->rate > 0;
    if (with_relu(&net->plan, number)) {
        if (drop) {
            const drop_mask mask = draw_mask(layer->rate, random);
            here->keep = mask.keep;
            relu_and_drop(here->value, count, mask);
        } else
            relu(x, count, here->value);
    } else if (drop) {
        mask_factors(here->saved, count, draw_mask(layer->rate, random));
        multiply_each(x, here->saved, count, here->value);
    } else if (x != here->value) {
        memcpy(here->value, x, count * sizeof *x);
    }
}

static void forward_layer(struct NAME(network) * net, size_t number, bool train,
                          sal_random *random) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *here = &net->layers[number];
    const real *x = net->layers[number - 1].value, *w = net->weights + layer->parameters;
    const size_t rows = net->rows, count = rows * layer->out;
    switch (layer->kind) {
    case PROBE_LINEAR:
        linear_forward(x, rows, layer->in, layer->out, w, w + layer->out * layer->in, here->value,
                       false);
        break;
    case PROBE_RELU:
        if (number + 1 == net->plan.count || !with_relu(&net->plan, number + 1))
            relu(x, count, here->value);
        break;
    case PROBE_DROPOUT:
        forward_dropout(net, number, random);
        break;
    case PROBE_LAYER_NORM:
        layer_norm_forward(x, rows, layer->out, w, here->saved, here->spread, here->value);
        break;
    case PROBE_BATCH_NORM:
        batch_norm_forward(x, rows, layer->out, w, net->buffers + layer->buffers, train,
                           here->saved, here->spread, here->value);
        break;
    case PROBE_ADD:
        for (size_t i = 0; i < count; i++)
            here->value[i] = x[i] + net->layers[layer->source].value[i];
        break;
    case PROBE_ADD_LINEAR:
        memcpy(here->value, x, count * sizeof *x);
        linear_forward(net->layers[layer->source].value, rows, layer->in, layer->out, w,
                       w + layer->out * layer->in, here->value, true);
        break;
    case PROBE_ATTENTION:
        attention_forward(net, number, train, random);
        break;
    case PROBE_INPUT:
        break;
    }
}

int NAME(forward)(struct NAME(network) * net, const real *x, size_t rows, const size_t *groups,
                  size_t group_count, sal_random *random, const real **logits, sal_error *err) {
    int status = make_room(net, rows, err);
    if (status == SAL_OK && net->plan.grouped)
        status = make_room_for_pairs(net, groups, group_count, err);
    if (status != SAL_OK)
        return status;
    net->layers[0].value = (real *)x; /* read only */
    net->rows = rows;
    net->groups = groups;
    net->group_count = group_count;
    net->trained = random != NULL;
    for (size_t i = 1; i < net->plan.count; i++)
        forward_layer(net, i, random != NULL, random);
    *logits = net->layers[net->plan.count - 1].value;
    return SAL_OK;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

/* dx of a layer that hands its gradient on. */
static void pass_down(network_layer *below, size_t count, const real *dy) {
    if (dy != below->gradient)
        for (size_t i = 0; i < count; i++)
            below->gradient[i] = dy[i] + (below->has_gradient ? below->gradient[i] : 0);
    below->has_gradient = true;
}

/* The gradient changes where it lies, then goes down. */
static void backward_relu(struct NAME(network) * net, size_t number) {
    network_layer *here = &net->layers[number];
    const size_t count = net->rows * net->plan.layers[number].out;
    if (number + 1 == net->plan.count || !with_relu(&net->plan, number + 1))
        relu_back(here->gradient, here->value, count, 1);
    pass_down(&net->layers[number - 1], count, here->gradient);
}

static void backward_dropout(struct NAME(network) * net, size_t number) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *here = &net->layers[number];
    const size_t count = net->rows * layer->out;
    const bool drop = net->trained && layer->rate > 0;
    if (with_relu(&net->plan, number))
        relu_back(here->gradient, here->value, count, drop ? here->keep : 1);
    else if (drop)
        multiply_each(here->gradient, here->saved, count, here->gradient);
    pass_down(&net->layers[number - 1], count, here->gradient);
}

static void backward_linear(struct NAME(network) * net, size_t number, size_t source) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *below = &net->layers[source];
    const size_t weights = layer->parameters, bias = weights + layer->out * layer->in;
    linear_backward(below->value, net->layers[number].gradient, net->rows, layer->in, layer->out,
                    net->weights + weights, net->gradients + weights, net->gradients + bias,
                    source == 0 ? NULL : below->gradient, below->has_gradient);
    below->has_gradient = true;
}

static void backward_norm(struct NAME(network) * net, size_t number) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *here = &net->layers[number], *below = &net->layers[number - 1];
    const real *w = net->weights + layer->parameters;
    real *dw = net->gradients + layer->parameters, *dx = number == 1 ? NULL : below->gradient;
    if (layer->kind == PROBE_LAYER_NORM)
        layer_norm_backward(here->gradient, net->rows, layer->out, w, here->saved, here->spread, dw,
                            dx, below->has_gradient);
    else
        batch_norm_backward(here->gradient, net->rows, layer->out, w, here->saved, here->spread, dw,
                            dx, below->has_gradient);
    below->has_gradient = true;
}

static void backward_layer(struct NAME(network) * net, size_t number) {
    const probe_layer *layer = &net->plan.layers[number];
    network_layer *here = &net->layers[number], *below = &net->layers[number - 1];
    const size_t count = net->rows * layer->out;
    switch (layer->kind) {
    case PROBE_LINEAR:
        backward_linear(net, number, number - 1);
        break;
    case PROBE_RELU:
        backward_relu(net, number);
        break;
    case PROBE_DROPOUT:
        backward_dropout(net, number);
        break;
    case PROBE_LAYER_NORM:
    case PROBE_BATCH_NORM:
        backward_norm(net, number);
        break;
    case PROBE_ADD:
        pass_down(&net->layers[layer->source], count, here->gradient);
        pass_down(below, count, here->gradient);
        break;
    case PROBE_ADD_LINEAR:
        backward_linear(net, number, layer->source);
        pass_down(below, count, here->gradient);
        break;
    case PROBE_ATTENTION:
        attention_backward(net, number);
        break;
    case PROBE_INPUT:
        break;
    }
}

void NAME(backward)(struct NAME(network) * net, const real *d_logits) {
    const size_t last = net->plan.count - 1;
    for (size_t i = 0; i <= last; i++)
        net->layers[i].has_gradient = false;
    memcpy(net->layers[last].gradient, d_logits, net->rows * sizeof *d_logits);
    for (size_t i = last; i > 0; i--)
        backward_layer(net, i);
}

/* ---- losses ------------------------------------------------------------------------------------------------- */

static double sigmoid(double z) {
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

double NAME(loss_of_words)(sal_probe_loss loss, const real *logits, const real *target, size_t rows,
                           real *d_logits) {
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
        const double z = (double)logits[i], t = (double)target[i], s = sigmoid(z);
        double slope = 0;
        if (loss == SAL_PROBE_KL) { /* BCE with logits: max(z,0) - z t + ln(1 + e^-|z|) */
            sum += (z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z)));
            slope = s - t;
        } else {
            sum += (s - t) * (s - t);
            slope = 2 * (s - t) * s * (1 - s);
        }
        if (d_logits != NULL)
            d_logits[i] = (real)(slope / (double)rows);
    }
    return sum / (double)rows;
}

/* -sum over the words of t ln softmax(z) of one document; slope softmax x sum(t) - t. */
static double cross_entropy(const real *z, const real *t, size_t n, double share, real *d) {
    double most = (double)z[0], sum = 0, mass = 0, loss = 0;
    for (size_t i = 1; i < n; i++)
        most = (double)z[i] > most ? (double)z[i] : most;
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)z[i] - most);
        mass += (double)t[i];
    }
    for (size_t i = 0; i < n; i++) {
        const double logarithm = (double)z[i] - most - log(sum);
        loss -= (double)t[i] * logarithm;
        if (d != NULL)
            d[i] = (real)((exp(logarithm) * mass - (double)t[i]) * share);
    }
    return loss * share;
}

double NAME(loss_of_documents)(sal_probe_loss loss, const real *logits, const real *target,
                               const size_t *groups, size_t group_count, real *d_logits) {
    double sum = 0;
    if (loss == SAL_PROBE_MSE)
        return NAME(loss_of_words)(loss, logits, target, groups[group_count], d_logits);
    for (size_t g = 0; g < group_count; g++) {
        const size_t start = groups[g], n = groups[g + 1] - start;
        if (n > 0)
            sum += cross_entropy(logits + start, target + start, n, 1 / (double)group_count,
                                 d_logits == NULL ? NULL : d_logits + start);
    }
    return sum;
}

/* ---- optimiser ---------------------------------------------------------------------------------------------- */

void NAME(step)(struct NAME(network) * net, const probe_optimiser *optimiser) {
    net->steps++;
    const double first = 1 - pow(optimiser->beta1, (double)net->steps);
    const double second = 1 - pow(optimiser->beta2, (double)net->steps);
    step_adam(net->weights, net->first, net->second, net->gradients, net->plan.parameters,
              (adam_step){.b1 = (real)optimiser->beta1,
                          .c1 = (real)(1 - optimiser->beta1),
                          .b2 = (real)optimiser->beta2,
                          .c2 = (real)(1 - optimiser->beta2),
                          .decay = (real)(1 - optimiser->rate * optimiser->weight_decay),
                          .rate = (real)(optimiser->rate / first),
                          .root = (real)(1 / sqrt(second)),
                          .epsilon = (real)optimiser->epsilon});
}
