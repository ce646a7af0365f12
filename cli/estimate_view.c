/* What estimates come to: a table with notes below, or JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate.h"
#include "json.h"
#include "table.h"

#define MEBI 1048576.0

static const char *count_text(double value, char room[32]) {
    if (isnan(value) || value < 0) {
        return "-";
    }
    if (value >= 1e9) {
        (void)snprintf(room, 32, "%.2fG", value / 1e9);
    } else if (value >= 1e6) {
        (void)snprintf(room, 32, "%.2fM", value / 1e6);
    } else {
        (void)snprintf(room, 32, "%.0f", value);
    }
    return room;
}

static const char *bytes_text(int64_t bytes, char room[32]) {
    if (bytes < 0) {
        return "-";
    }
    const double mebi = (double)bytes / MEBI;
    (void)snprintf(room, 32, mebi >= 1024 ? "%.1f GiB" : "%.0f MiB",
                   mebi >= 1024 ? mebi / 1024 : mebi);
    return room;
}

static const char *time_text(double seconds, char room[32]) {
    return isnan(seconds) ? "-" : duration_text(seconds, room);
}

static double prompt_tokens(const struct estimate *item) {
    const double unknown = (double)NAN;
    return !isnan(item->prompt_tokens) ? item->prompt_tokens
           : item->work.computed > 0   ? (double)item->work.computed
                                       : unknown;
}

static double units(const struct estimate *item) {
    return (double)(item->counts ? item->work.units : item->documents);
}

/* ---- for people ------------------------------------------------------------------------------------------------------------- */

static int add_row(struct table *table, const struct estimate *item, sal_error *err) {
    char room[7][32];
    const char *cells[] = {item->name,
                           count_text(units(item), room[0]),
                           count_text(prompt_tokens(item), room[1]),
                           count_text(item->generated, room[2]),
                           time_text(item->seconds, room[3]),
                           time_text(item->processor, room[4]),
                           bytes_text(item->memory, room[5]),
                           bytes_text(item->disk, room[6])};
    int status = 0;
    for (size_t c = 0; status == 0 && c < sizeof cells / sizeof cells[0]; c++) {
        status = table_add(table, err, "%s", cells[c]);
    }
    return status;
}

/* All steps together; a time that is not known makes the sum a lower bound. */
static struct estimate sum_of(const struct estimates *estimates) {
    struct estimate sum = {
        .name = "together", .counts = true, .memory = 0, .disk = 0, .fits = true};
    sum.generated = sum.prompt_tokens = sum.cost = sum.requests = (double)NAN;
    bool open = false;
    for (size_t i = 0; i < estimates->count; i++) {
        const struct estimate *item = &estimates->items[i];
        open = open || isnan(item->seconds);
        sum.seconds += isnan(item->seconds) ? 0 : item->seconds;
        sum.processor += isnan(item->processor) ? 0 : item->processor;
        sum.memory = item->memory > sum.memory ? item->memory : sum.memory;
        sum.disk += item->disk > 0 ? item->disk : 0;
        sum.rehearsed += item->rehearsed;
        sum.fits = sum.fits && item->fits;
        sum.cost = isnan(item->cost) ? sum.cost
                   : isnan(sum.cost) ? item->cost
                                     : sum.cost + item->cost;
    }
    sum.work.units = -1;
    if (open) {
        (void)snprintf(sum.name, sizeof sum.name, "together, at least");
    }
    return sum;
}

static int print_notes(const struct estimates *estimates, const sal_sink *sink, sal_error *err) {
    int status = 0;
    for (size_t i = 0; status == 0 && i < estimates->count; i++) {
        const struct estimate *item = &estimates->items[i];
        sal_buffer line = {0};
        if (!isnan(item->requests)) {
            status = sal_sink_format(sink, err, "  %s: %.0f requests", item->name, item->requests);
            if (status == 0 && !isnan(item->cost)) {
                status = sal_sink_format(sink, err, ", cost %.2f", item->cost);
            }
            status = status == 0 ? sal_sink_string(sink, "\n", err) : status;
        }
        if (status == 0 && item->counts && item->work.left_out > 0) {
            status = sal_sink_format(sink, err,
                                     "  %s: %" PRId64 " documents cannot be computed "
                                     "(longer than the model's context)\n",
                                     item->name, item->work.left_out);
        }
        if (status == 0 && item->note[0] != '\0') {
            status = text_add_harmless(&line, item->note, strlen(item->note), false, err);
            status = status == 0 ? sal_sink_format(sink, err, "  %s: %s\n", item->name, line.bytes)
                                 : status;
        }
        sal_buffer_free(&line);
    }
    return status;
}

static int print_table(const struct estimates *estimates, const sal_sink *sink) {
    sal_error *err = &estimates->session->error;
    struct table table = {.alignment = "lrrrrrrr"};
    const struct estimate sum = sum_of(estimates);
    int status =
        table_head(&table, "step|to do|prompt tokens|generated|time|processor|memory|disk", err);
    for (size_t i = 0; status == 0 && i < estimates->count; i++) {
        status = add_row(&table, &estimates->items[i], err);
    }
    if (status == 0 && estimates->count > 1) {
        status = add_row(&table, &sum, err);
    }
    if (status == 0) {
        status = table_print(&table, estimates->session->terminal.color_output, sink, err);
    }
    table_free(&table);
    return status == 0 ? print_notes(estimates, sink, err) : status;
}

/* ---- for programs ----------------------------------------------------------------------------------------------------------- */

static void add_bytes(struct object_writer *object, const char *name, int64_t bytes) {
    object_number(object, name, bytes < 0 ? (double)NAN : (double)bytes);
}

static int add_object(const struct estimate *item, sal_buffer *out, sal_error *err) {
    struct object_writer object;
    object_begin(&object, out, err);
    object_text(&object, "step", item->name);
    object_number(&object, "to_do", units(item) < 0 ? (double)NAN : units(item));
    object_integer(&object, "kept", item->work.kept);
    object_integer(&object, "left_out", item->work.left_out);
    object_number(&object, "prompt_tokens", prompt_tokens(item));
    object_number(&object, "generated_tokens", item->generated);
    object_number(&object, "seconds", item->seconds);
    object_number(&object, "processor_seconds", item->processor);
    object_number(&object, "rehearsal_seconds", item->rehearsed);
    add_bytes(&object, "memory_bytes", item->memory);
    add_bytes(&object, "weights_bytes", item->weights > 0 ? item->weights : -1);
    add_bytes(&object, "cache_bytes", item->weights > 0 ? item->cache : -1);
    add_bytes(&object, "disk_bytes", item->disk);
    object_number(&object, "requests", item->requests);
    object_number(&object, "cost", item->cost);
    object_truth(&object, "fits", item->fits);
    object_text(&object, "note", item->note[0] == '\0' ? NULL : item->note);
    return object_end(&object);
}

static int print_json(const struct estimates *estimates, const sal_sink *sink) {
    sal_error *err = &estimates->session->error;
    sal_buffer out = {0};
    const struct estimate sum = sum_of(estimates);
    int status = sal_buffer_add_string(&out, "{\"steps\":[", err);
    for (size_t i = 0; status == 0 && i < estimates->count; i++) {
        status = i == 0 ? 0 : sal_buffer_add_string(&out, ",", err);
        status = status == 0 ? add_object(&estimates->items[i], &out, err) : status;
    }
    status = status == 0 ? sal_buffer_add_string(&out, "],\"together\":", err) : status;
    status = status == 0 ? add_object(&sum, &out, err) : status;
    status = status == 0 ? sal_buffer_add_string(&out, "}\n", err) : status;
    status = status == 0 ? sal_sink_write(sink, out.bytes, out.length, err) : status;
    sal_buffer_free(&out);
    return status;
}

int estimates_print(const struct estimates *estimates) {
    const sal_sink sink = terminal_sink();
    display_clear(&estimates->session->display);
    return estimates->session->options->json ? print_json(estimates, &sink)
                                             : print_table(estimates, &sink);
}
