/* Agreement and trees for programs. */
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
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n]}\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}
