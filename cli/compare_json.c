/* Agreement and trees for programs. */
#include <math.h>

#include "compare_view.h"
#include "json.h"

static int add_agreement(sal_buffer *out, const void *item, sal_error *err) {
    const sal_agreement *one = item;
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

static int add_step(sal_buffer *out, const void *item, sal_error *err) {
    const sal_cluster_step *one = item;
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
static int add_protocol(sal_buffer *out, const void *item, sal_error *err) {
    const sal_protocol_row *one = item;
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

/* before: what stands before the first row, up to the array's bracket */
static int add_rows(sal_buffer *out, const char *before, const void *items, size_t count,
                    size_t size, int (*add)(sal_buffer *out, const void *item, sal_error *err),
                    sal_error *err) {
    int status = sal_buffer_add_string(out, before, err);
    for (size_t i = 0; status == 0 && i < count; i++) {
        status = sal_buffer_add_string(out, i == 0 ? "\n" : ",\n", err);
        if (status == 0) {
            status = add(out, (const char *)items + i * size, err);
        }
    }
    return status;
}

int compare_print_json(const struct compare_view *view) {
    const sal_agreement_list *list = view->list;
    const sal_protocol_list *protocols = view->protocol_rows;
    sal_error *err = &view->session->error;
    sal_buffer out = {0};
    int status = add_rows(&out, "{\"agreement\":[", list->items, list->count, sizeof *list->items,
                          add_agreement, err);
    if (status == 0) {
        status = add_rows(&out, "\n],\"clusters\":[", list->steps, list->step_count,
                          sizeof *list->steps, add_step, err);
    }
    if (status == 0 && protocols != NULL) {
        status = add_rows(&out, "\n],\"protocols\":[", protocols->items, protocols->count,
                          sizeof *protocols->items, add_protocol, err);
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
