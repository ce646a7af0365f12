/* What `salient ablate` shows. */
#include "ablate_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "json.h"
#include "output.h"
#include "table.h"

/* ---- for people ------------------------------------------------------------------------------------------------------------ */

static int add_effect(struct table *table, const sal_ablate_effect *effect, int decimals,
                      sal_error *err) {
    if (isnan(effect->value)) {
        return table_add(table, err, "-");
    }
    return isnan(effect->low) ? table_add(table, err, "%.*f (n too small)", decimals, effect->value)
                              : table_add(table, err, "%.*f [%.*f, %.*f]", decimals, effect->value,
                                          decimals, effect->low, decimals, effect->high);
}

static int print_heads(const sal_ablate_result *result, const sal_sink *sink, sal_error *err) {
    int status = sal_sink_string(sink, "heads taken out:", err);
    for (size_t i = 0; status == 0 && i < result->top_count; i++) {
        status =
            sal_sink_format(sink, err, " L%d.H%d", result->heads[i].layer, result->heads[i].head);
    }
    return status == 0 ? sal_sink_string(sink, "\n", err) : status;
}

/* What the rows of a measure are about. */
static const struct {
    const char *title;
    int decimals;
} measures[SAL_ABLATE_MEASURES] = {
    {"change of the summary's log-likelihood per token", 4},
    {"change of importance, 1 - Spearman over all words", 2},
    {"change of importance, 1 - Spearman over content words", 2},
    {"change of the words of a summary", 1},
};

static int print_whole(const sal_ablate_result *result, int measure, const sal_sink *sink,
                       sal_error *err) {
    const double whole = result->whole[measure].value;
    if (isnan(whole)) {
        return sal_sink_format(sink, err, "%s\n", measures[measure].title);
    }
    const bool again =
        measure == SAL_ABLATE_IMPORTANCE_ALL || measure == SAL_ABLATE_IMPORTANCE_CONTENT;
    return again ? sal_sink_format(sink, err, "%s (made again as the model is: %.*f)\n",
                                   measures[measure].title, measures[measure].decimals, whole)
                 : sal_sink_format(sink, err, "%s (%.*f as the model is)\n",
                                   measures[measure].title, measures[measure].decimals, whole);
}

static int print_measure(struct session *session, const sal_ablate_result *result, int measure) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    struct table table = {.alignment = "lrrr"};
    int status = print_whole(result, measure, &sink, err);
    if (status == 0) {
        status = table_head(&table,
                            "outputs|these heads|random heads of the same layers|difference", err);
    }
    for (int e = 0; status == 0 && e < SAL_EDITS; e++) {
        status = table_add(&table, err, "%s", e == 0 ? "set to zero" : "set to their mean");
        for (int h = 0; status == 0 && h < SAL_ABLATE_HEADS; h++) {
            status = add_effect(&table, &result->effects[e][h][measure], measures[measure].decimals,
                                err);
        }
    }
    if (status == 0) {
        status = table_print(&table, session->terminal.color_output, &sink, err);
    }
    table_free(&table);
    return status;
}

int ablate_print_table(struct session *session, const sal_ablate_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    const int count = result->regenerated ? SAL_ABLATE_MEASURES : 1;
    int status = sal_sink_format(
        &sink, err, "%" PRId64 " documents that did not choose the heads\n", result->documents);
    if (status == 0) {
        status = print_heads(result, &sink, err);
    }
    for (int measure = 0; status == 0 && measure < count; measure++) {
        status = print_measure(session, result, measure);
    }
    return status;
}

/* ---- for programs ---------------------------------------------------------------------------------------------------------- */

static void add_effect_fields(struct object_writer *object, const char *name,
                              const sal_ablate_effect *effect) {
    const struct {
        const char *suffix;
        double value;
    } fields[] = {{"", effect->value}, {"_low", effect->low}, {"_high", effect->high}};
    for (size_t i = 0; i < 3; i++) {
        char key[80];
        (void)snprintf(key, sizeof key, "%s%s", name, fields[i].suffix);
        object_number(object, key, fields[i].value);
    }
}

/* "zero_top", "zero_random", "zero_difference" and the same of other measures with the measure's name behind. */
static void add_measure(struct object_writer *object, const sal_ablate_result *result,
                        int measure) {
    static const char *const heads[SAL_ABLATE_HEADS] = {"top", "random", "difference"};
    const char *name = sal_ablate_measure_name((sal_ablate_measure)measure);
    add_effect_fields(object, name, &result->whole[measure]);
    for (int e = 0; e < SAL_EDITS; e++) {
        for (int h = 0; h < SAL_ABLATE_HEADS; h++) {
            char key[60];
            const bool first = measure == SAL_ABLATE_LOG_LIKELIHOOD;
            (void)snprintf(key, sizeof key, "%s_%s%s%s", sal_head_edit_name((sal_head_edit)e),
                           heads[h], first ? "" : "_", first ? "" : name);
            add_effect_fields(object, key, &result->effects[e][h][measure]);
        }
    }
}

int ablate_print_json(struct session *session, const sal_ablate_result *result) {
    sal_error *err = &session->error;
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0}, heads = {0};
    struct object_writer object;
    int status = sal_buffer_add_string(&heads, "", err);
    for (size_t i = 0; status == 0 && i < result->top_count; i++) {
        status = sal_buffer_add_format(&heads, err, "%sL%d.H%d", i == 0 ? "" : " ",
                                       result->heads[i].layer, result->heads[i].head);
    }
    object_begin(&object, &out, err);
    object_text(&object, "corpus", result->corpus);
    object_text(&object, "summarizer", result->summarizer);
    object_text(&object, "heads", heads.bytes);
    object_integer(&object, "documents", result->documents);
    object_integer(&object, "without_summary", result->without_summary);
    object_integer(&object, "too_long", result->too_long);
    for (int measure = 0; measure < (result->regenerated ? SAL_ABLATE_MEASURES : 1); measure++) {
        add_measure(&object, result, measure);
    }
    status = status != 0 ? status : object_end(&object);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    sal_buffer_free(&heads);
    return status;
}
