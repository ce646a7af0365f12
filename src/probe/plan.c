/* Shapes of the probe networks. */
#include "probe/plan.h"

#include <stdio.h>

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many parameters and running values a layer has. */
static void count_numbers(const probe_layer *layer, size_t *parameters, size_t *buffers) {
    *parameters = *buffers = 0;
    switch (layer->kind) {
    case PROBE_LINEAR:
    case PROBE_ADD_LINEAR:
        *parameters = layer->out * layer->in + layer->out;
        break;
    case PROBE_LAYER_NORM:
        *parameters = 2 * layer->out;
        break;
    case PROBE_BATCH_NORM:
        *parameters = *buffers = 2 * layer->out;
        break;
    case PROBE_ATTENTION:
        *parameters = 4 * layer->out * layer->out + 4 * layer->out;
        break;
    default:
        break;
    }
}

/* Append a layer. return its number */
static size_t add(probe_plan *plan, probe_layer layer, const char *name) {
    size_t parameters = 0, buffers = 0;
    const size_t number = plan->count++;
    if (layer.in == 0)
        layer.in = plan->layers[number - 1].out;
    if (layer.out == 0)
        layer.out = plan->layers[number - 1].out;
    layer.parameters = plan->parameters;
    layer.buffers = plan->buffers;
    (void)snprintf(layer.name, sizeof layer.name, "%s", name);
    count_numbers(&layer, &parameters, &buffers);
    plan->parameters += parameters;
    plan->buffers += buffers;
    plan->layers[number] = layer;
    return number;
}

static probe_plan begin(size_t in) {
    probe_plan plan = {.input = in};
    plan.layers[0] = (probe_layer){.kind = PROBE_INPUT, .in = in, .out = in};
    plan.count = 1;
    return plan;
}

/* linear, relu, dropout */
static void add_hidden(probe_plan *plan, size_t width, double dropout, const char *name) {
    (void)add(plan, (probe_layer){.kind = PROBE_LINEAR, .out = width}, name);
    (void)add(plan, (probe_layer){.kind = PROBE_RELU}, "");
    (void)add(plan, (probe_layer){.kind = PROBE_DROPOUT, .rate = dropout}, "");
}

probe_plan probe_plan_mlp(size_t in, size_t first, size_t second, const double dropout[2]) {
    probe_plan plan = begin(in);
    add_hidden(&plan, first, dropout[0], "network.0");
    add_hidden(&plan, second, dropout[1], "network.3");
    (void)add(&plan, (probe_layer){.kind = PROBE_LINEAR, .out = 1}, "network.6");
    return plan;
}

/* linear, batch norm, relu, dropout, plus what came in (through a linear layer where widths differ) */
static void add_residual(probe_plan *plan, size_t width, double dropout, int number) {
    char name[32];
    const size_t source = plan->count - 1;
    const size_t in = plan->layers[source].out;
    (void)snprintf(name, sizeof name, "hidden%d.0", number);
    (void)add(plan, (probe_layer){.kind = PROBE_LINEAR, .out = width}, name);
    (void)snprintf(name, sizeof name, "hidden%d.1", number);
    (void)add(plan, (probe_layer){.kind = PROBE_BATCH_NORM}, name);
    (void)add(plan, (probe_layer){.kind = PROBE_RELU}, "");
    (void)add(plan, (probe_layer){.kind = PROBE_DROPOUT, .rate = dropout}, "");
    (void)snprintf(name, sizeof name, "residual_proj%d", number);
    if (in == width)
        (void)add(plan, (probe_layer){.kind = PROBE_ADD, .source = source}, "");
    else
        (void)add(plan, (probe_layer){.kind = PROBE_ADD_LINEAR, .in = in, .source = source}, name);
}

probe_plan probe_plan_all_layers(size_t in, const size_t widths[3], const double dropout[3]) {
    probe_plan plan = begin(in);
    (void)add(&plan, (probe_layer){.kind = PROBE_LAYER_NORM}, "input_projection.0");
    (void)add(&plan, (probe_layer){.kind = PROBE_LINEAR, .out = widths[0]}, "input_projection.1");
    (void)add(&plan, (probe_layer){.kind = PROBE_BATCH_NORM}, "input_projection.2");
    (void)add(&plan, (probe_layer){.kind = PROBE_RELU}, "");
    (void)add(&plan, (probe_layer){.kind = PROBE_DROPOUT, .rate = dropout[0]}, "");
    add_residual(&plan, widths[1], dropout[1], 1);
    add_residual(&plan, widths[2], dropout[2], 2);
    (void)add(&plan, (probe_layer){.kind = PROBE_LINEAR, .out = 1}, "output");
    return plan;
}

probe_plan probe_plan_article(size_t in, size_t first, size_t second, size_t heads,
                              const double dropout[3]) {
    probe_plan plan = begin(in);
    add_hidden(&plan, first, dropout[0], "word_processor.0");
    add_hidden(&plan, second, dropout[1], "word_processor.3");
    if (heads > 0)
        (void)add(&plan, (probe_layer){.kind = PROBE_ATTENTION, .heads = heads, .rate = dropout[2]},
                  "attention");
    (void)add(&plan, (probe_layer){.kind = PROBE_LINEAR, .out = 1}, "predictor.0");
    plan.grouped = true;
    return plan;
}

probe_plan probe_plan_paper(sal_probe_kind kind, size_t in, bool attention) {
    static const double mlp[] = {.3, .2}, all[] = {.3, .2, .1}, article[] = {.3, .2, .1};
    const size_t first = larger(512, in / 4);
    if (kind == SAL_PROBE_MLP)
        return probe_plan_mlp(in, first, first / 2, mlp);
    if (kind == SAL_PROBE_ARTICLE)
        return probe_plan_article(in, first, first / 2, attention ? 8 : 0, article);
    const size_t h1 = smaller(2048, first);
    const size_t h2 = smaller(1024, larger(256, h1 / 2));
    const size_t widths[] = {h1, h2, smaller(512, larger(128, h2 / 2))};
    return probe_plan_all_layers(in, widths, all);
}

static size_t describe(probe_array *array, const char *layer, const char *part, size_t rows,
                       size_t columns, size_t *offset, bool buffer) {
    *array = (probe_array){
        .axes = columns > 0 ? 2 : 1, .shape = {rows, columns}, .offset = *offset, .buffer = buffer};
    (void)snprintf(array->name, sizeof array->name, "%s%s", layer, part);
    *offset += rows * (columns > 0 ? columns : 1);
    return 1;
}

size_t probe_layer_arrays(const probe_layer *layer, probe_array *arrays) {
    size_t at = layer->parameters, buffers = layer->buffers, count = 0;
    const size_t n = layer->out;
    const char *name = layer->name;
    switch (layer->kind) {
    case PROBE_LINEAR:
    case PROBE_ADD_LINEAR:
        count += describe(&arrays[count], name, ".weight", n, layer->in, &at, false);
        count += describe(&arrays[count], name, ".bias", n, 0, &at, false);
        break;
    case PROBE_LAYER_NORM:
    case PROBE_BATCH_NORM:
        count += describe(&arrays[count], name, ".weight", n, 0, &at, false);
        count += describe(&arrays[count], name, ".bias", n, 0, &at, false);
        break;
    case PROBE_ATTENTION:
        count += describe(&arrays[count], name, ".in_proj_weight", 3 * n, n, &at, false);
        count += describe(&arrays[count], name, ".in_proj_bias", 3 * n, 0, &at, false);
        count += describe(&arrays[count], name, ".out_proj.weight", n, n, &at, false);
        count += describe(&arrays[count], name, ".out_proj.bias", n, 0, &at, false);
        break;
    default:
        break;
    }
    if (layer->kind == PROBE_BATCH_NORM) {
        count += describe(&arrays[count], name, ".running_mean", n, 0, &buffers, true);
        count += describe(&arrays[count], name, ".running_var", n, 0, &buffers, true);
    }
    return count;
}
