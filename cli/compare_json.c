/* Agreement and trees for programs. */
#include <math.h>

#include "compare_view.h"
#include "json.h"

static int add_agreement(sal_buffer *out, const sal_agreement *one, sal_error *err) {
    struct object_writer row;
    object_begin(&row, out, err);
    object_text(&row, "corpus", one->corpus);
    object_text(&row, "a", one->a);
    object_text(&row, "b", one->b);
    object_text(&row, "words", one->words);
    object_text(&row, "measure", one->measure);
    object_number(&row, "value", one->value);
    object_number(&row, "low", one->low);
    object_number(&row, "high", one->high);
    object_integer(&row, "documents", one->documents);
    object_integer(&row, "undefined", one->undefined);
    return object_end(&row);
}

static int add_step(sal_buffer *out, const sal_cluster_step *one, sal_error *err) {
    struct object_writer row;
    object_begin(&row, out, err);
    object_text(&row, "corpus", one->corpus);
    object_text(&row, "words", one->words);
    object_text(&row, "distance", one->distance);
    object_text(&row, "linkage", one->linkage);
    object_integer(&row, "step", one->step);
    object_integer(&row, "left", one->left);
    object_integer(&row, "right", one->right);
    object_number(&row, "height", one->height);
    object_integer(&row, "size", one->size);
    object_number(&row, "support", one->support);
    int status = object_end(&row);
    if (status == 0) { /* members are JSON already: they go in before the closing brace */
        out->length--;
        status = sal_buffer_add_format(out, err, ",\"members\":%s}", one->members);
    }
    return status;
}

/* "" and -1 are null, as in the export. */
static int add_protocol(sal_buffer *out, const sal_protocol_row *one, sal_error *err) {
    struct object_writer row;
    object_begin(&row, out, err);
    object_text(&row, "corpus", one->corpus);
    object_text(&row, "stage", one->stage);
    object_text(&row, "summarizer", one->summarizer);
    object_text(&row, "model", one->model[0] == '\0' ? NULL : one->model);
    object_text(&row, "variant", one->variant[0] == '\0' ? NULL : one->variant);
    object_text(&row, "words", one->words[0] == '\0' ? NULL : one->words);
    object_number(&row, "layer", one->layer < 0 ? (double)NAN : (double)one->layer);
    object_number(&row, "head", one->head < 0 ? (double)NAN : (double)one->head);
    object_text(&row, "factor", one->factor);
    object_text(&row, "measure", one->measure);
    object_number(&row, "value", one->value);
    object_number(&row, "low", one->low);
    object_number(&row, "high", one->high);
    object_integer(&row, "documents", one->documents);
    object_integer(&row, "undefined", one->undefined);
    return object_end(&row);
}

static int add_protocols(sal_buffer *out, const sal_protocol_list *list, sal_error *err) {
    int status = sal_buffer_add_string(out, "\n],\"protocols\":[", err);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        status = sal_buffer_add_string(out, i == 0 ? "\n" : ",\n", err);
        if (status == 0) {
            status = add_protocol(out, &list->items[i], err);
        }
    }
    return status;
}

int compare_print_json(const struct compare_view *view) {
    sal_error *err = &view->session->error;
    sal_buffer out = {0};
    int status = sal_buffer_add_string(&out, "{\"agreement\":[", err);
    for (size_t i = 0; status == 0 && i < view->list->count; i++) {
        status = sal_buffer_add_string(&out, i == 0 ? "\n" : ",\n", err);
        if (status == 0) {
            status = add_agreement(&out, &view->list->items[i], err);
        }
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n],\"clusters\":[", err);
    }
    for (size_t i = 0; status == 0 && i < view->list->step_count; i++) {
        status = sal_buffer_add_string(&out, i == 0 ? "\n" : ",\n", err);
        if (status == 0) {
            status = add_step(&out, &view->list->steps[i], err);
        }
    }
    if (status == 0 && view->protocol_rows != NULL) {
        status = add_protocols(&out, view->protocol_rows, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n]}\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}
