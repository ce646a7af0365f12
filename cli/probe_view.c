/* The tables of `salient probe`, for people and for programs. */
#include "probe_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "table.h"

#define ENOUGH_DOCUMENTS 20    /* below that an interval says nothing */
#define ONE_SPLIT_DOCUMENTS 50 /* below that five folds are used */

static bool is_shown(const struct probe_view *view, const sal_probe_analysis *a) {
    const sal_probe_options *request = view->request;
    const char *loss =
        request->kind == SAL_PROBE_LINEAR ? "squares" : sal_probe_loss_name(request->loss);
    return a->protocol == request->protocol && strcmp(a->loss, loss) == 0 &&
           strcmp(a->probe, sal_probe_name(request->kind)) == 0 &&
           (request->corpus == NULL || strcmp(a->corpus, request->corpus) == 0) &&
           (request->by == NULL || strcmp(a->summarizer_name, request->by) == 0);
}

static const sal_probe_result *find(const sal_probe_table *table, int layer, const char *control,
                                    const char *metric) {
    for (size_t i = 0; i < table->count; i++) {
        const sal_probe_result *r = &table->results[i];
        if (r->layer == layer && r->seed < 0 && strcmp(r->words, "all") == 0 &&
            strcmp(r->control, control) == 0 && strcmp(r->metric, metric) == 0) {
            return r;
        }
    }
    return NULL;
}

static int add_result(struct table *out, const sal_probe_result *result, sal_error *err) {
    if (result == NULL || isnan(result->value)) {
        return table_add(out, err, "-");
    }
    if (isnan(result->low)) {
        return table_add(out, err, "%.2f", result->value);
    }
    return table_add(out, err, "%.2f [%.2f, %.2f]", result->value, result->low, result->high);
}

struct column {
    const char *control;
    const char *metric;
};

static const struct column columns[] = {{"none", "spearman"},     {"none", "ndcg@10"},
                                        {"surface", "gain"},      {"control-task", "selectivity"},
                                        {"random", "spearman"},   {"random-blocks", "spearman"},
                                        {"mdl", "compression"},   {"gap-split", "spearman"},
                                        {"gap-span", "spearman"}, {"gap-zero", "spearman"}};
enum { COLUMNS = sizeof columns / sizeof columns[0] };
static const char *const titles[COLUMNS] = {
    "Spearman",      "NDCG@10",         "over surface", "selectivity", "random",
    "random blocks", "MDL compression", "gap: split",   "gap: span",   "gap: zero words"};

static bool has_column(const sal_probe_table *table, const struct column *column) {
    for (size_t i = 0; i < table->count; i++) {
        const sal_probe_result *r = &table->results[i];
        if (strcmp(r->control, column->control) == 0 && strcmp(r->metric, column->metric) == 0) {
            return true;
        }
    }
    return false;
}

static int add_line(struct table *out, const sal_probe_table *table, int layer, const char *name,
                    const char *control, sal_error *err) {
    int status = table_add(out, err, "%s", name);
    for (size_t c = 0; status == 0 && c < COLUMNS; c++) {
        if (!has_column(table, &columns[c])) {
            continue;
        }
        const bool own = strcmp(columns[c].control, "none") == 0;
        status =
            add_result(out,
                       control == NULL ? find(table, layer, columns[c].control, columns[c].metric)
                       : own           ? find(table, layer, control, columns[c].metric)
                                       : NULL,
                       err);
    }
    return status;
}

static int fill(struct table *out, const sal_probe_table *table, sal_error *err) {
    static const char *const controls[] = {"surface", "position", "frequency"};
    static const char *const names[] = {"position + frequency + state 0", "position", "frequency"};
    int status = table_add(out, err, "state");
    for (size_t c = 0; status == 0 && c < COLUMNS; c++) {
        if (has_column(table, &columns[c])) {
            status = table_add(out, err, "%s", titles[c]);
        }
    }
    int last = -2;
    for (size_t i = 0; status == 0 && i < table->count; i++) {
        const sal_probe_result *r = &table->results[i];
        char name[16];
        if (strcmp(r->control, "none") != 0 || strcmp(r->words, "all") != 0 || r->layer == last) {
            continue;
        }
        last = r->layer;
        if (last < 0) {
            (void)snprintf(name, sizeof name, "all");
        } else {
            (void)snprintf(name, sizeof name, "%d", last);
        }
        status = add_line(out, table, last, name, NULL, err);
    }
    for (size_t c = 0; status == 0 && c < 3; c++) {
        if (find(table, -1, controls[c], "spearman") != NULL) {
            status = add_line(out, table, -1, names[c], controls[c], err);
        }
    }
    return status;
}

static int print_table(const struct probe_view *view, const sal_probe_table *table) {
    struct session *session = view->session;
    sal_error *err = &session->error;
    const sal_probe_analysis *a = &table->analysis;
    const sal_probe_result *any = table->count > 0 ? &table->results[0] : NULL;
    char alignment[COLUMNS + 2] = "l";
    size_t used = 1;
    for (size_t c = 0; c < COLUMNS; c++) {
        if (has_column(table, &columns[c])) {
            alignment[used++] = 'r';
        }
    }
    struct table out = {.alignment = alignment};
    int status = sal_sink_format(
        &view->sink, err, "%s: %s probe on %s, importance by %s, %s%s%s, %" PRId64 " documents\n",
        a->corpus, a->probe, a->model, a->summarizer_name, sal_protocol_name(a->protocol),
        a->options[0] != '\0' ? ", " : "", a->options,
        any == NULL ? 0 : any->documents + any->undefined);
    if (status == 0) {
        status = fill(&out, table, err);
    }
    if (status == 0) {
        status = table_print(&out, session->terminal.color_output, &view->sink, err);
    }
    if (status == 0 && any != NULL && any->documents + any->undefined < ENOUGH_DOCUMENTS) {
        status = sal_sink_format(&view->sink, err,
                                 "  no intervals: fewer than %d documents are too few\n",
                                 ENOUGH_DOCUMENTS);
    }
    if (status == 0 && any != NULL && any->documents + any->undefined >= ENOUGH_DOCUMENTS &&
        any->documents + any->undefined < ONE_SPLIT_DOCUMENTS && a->protocol == SAL_STRICT) {
        status = sal_sink_string(
            &view->sink,
            "  five folds: probes share training documents, and intervals are wider for it\n", err);
    }
    table_free(&out);
    return status;
}

int probe_print_tables(const struct probe_view *view) {
    sal_error *err = &view->session->error;
    int status = 0;
    for (size_t t = 0; status == 0 && t < view->tables->count; t++) {
        if (is_shown(view, &view->tables->items[t].analysis)) {
            status = print_table(view, &view->tables->items[t]);
        }
    }
    if (status == 0) {
        status = sal_sink_string(
            &view->sink,
            "  Spearman: between prediction and importance over the words of a document, mean over "
            "documents [95 % interval].\n"
            "  over surface: less that of a probe on position, frequency and state 0. selectivity: "
            "less that on one random y for each word type.\n"
            "  random: the same probe on models that learnt nothing. gap: what one choice of the "
            "paper's protocol adds.\n",
            err);
    }
    return status;
}

static int add_json(const sal_probe_analysis *a, const sal_probe_result *r, sal_buffer *out,
                    sal_error *err) {
    struct object_writer object;
    object_begin(&object, out, err);
    object_text(&object, "corpus", a->corpus);
    object_text(&object, "model", a->model);
    object_text(&object, "summarizer", a->summarizer_name);
    object_text(&object, "protocol", sal_protocol_name(a->protocol));
    object_text(&object, "probe", a->probe);
    object_text(&object, "loss", a->loss);
    object_text(&object, "options", a->options);
    object_text(&object, "words", r->words);
    object_number(&object, "layer", r->layer < 0 ? (double)NAN : (double)r->layer);
    object_text(&object, "control", r->control);
    object_number(&object, "seed", r->seed < 0 ? (double)NAN : (double)r->seed);
    object_text(&object, "metric", r->metric);
    object_number(&object, "value", r->value);
    object_number(&object, "low", r->low);
    object_number(&object, "high", r->high);
    object_integer(&object, "documents", r->documents);
    object_integer(&object, "undefined", r->undefined);
    return object_end(&object);
}

int probe_print_json(const struct probe_view *view) {
    sal_error *err = &view->session->error;
    sal_buffer out = {0};
    bool first = true;
    int status = sal_buffer_add_string(&out, "[", err);
    for (size_t t = 0; status == 0 && t < view->tables->count; t++) {
        const sal_probe_table *table = &view->tables->items[t];
        for (size_t i = 0; status == 0 && is_shown(view, &table->analysis) && i < table->count;
             i++) {
            status = sal_buffer_add_string(&out, first ? "\n" : ",\n", err);
            first = false;
            if (status == 0) {
                status = add_json(&table->analysis, &table->results[i], &out, err);
            }
        }
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n]\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}
