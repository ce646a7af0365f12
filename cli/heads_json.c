/* The results of `salient heads` for programs: an array of tables. */
#include <inttypes.h>
#include <string.h>

#include "heads_view.h"
#include "json.h"

static int add_result(sal_buffer *out, const sal_head_result *result, bool first, sal_error *err) {
    struct object_writer object;
    int status = sal_buffer_add_string(out, first ? "\n  " : ",\n  ", err);
    if (status != 0) {
        return status;
    }
    object_begin(&object, out, err);
    object_text(&object, "words", sal_head_words_name(result->words));
    if (result->null_head[0] == '\0') {
        object_integer(&object, "layer", result->layer);
        object_integer(&object, "head", result->head);
        object_text(&object, "null", NULL);
    } else {
        object_text(&object, "layer", NULL);
        object_text(&object, "head", NULL);
        object_text(&object, "null", result->null_head);
    }
    object_text(&object, "metric", result->metric);
    object_number(&object, "value", result->value);
    object_number(&object, "low", result->low);
    object_number(&object, "high", result->high);
    object_integer(&object, "documents", result->documents);
    object_integer(&object, "undefined", result->undefined);
    object_number(&object, "p_family", result->p_family);
    object_number(&object, "p", result->p);
    object_number(&object, "q", result->q);
    object_number(&object, "q_by", result->q_by);
    object_number(&object, "p_naive", result->p_naive);
    return object_end(&object);
}

static int add_overlaps(const struct heads_view *view, const sal_head_table *table,
                        sal_buffer *out) {
    sal_error *err = &view->session->error;
    sal_retrieval_overlap overlaps[SAL_RETRIEVAL_OVERLAPS];
    size_t count = 0;
    int status = sal_study_get_retrieval_overlaps(view->study, table->analysis.key, table->corpus,
                                                  overlaps, &count, err);
    if (status == 0) {
        status = sal_buffer_add_string(out, ",\"retrieval\":[", err);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        struct object_writer object;
        status = sal_buffer_add_string(out, i == 0 ? "\n  " : ",\n  ", err);
        object_begin(&object, out, err);
        object_text(&object, "words", sal_head_words_name(overlaps[i].words));
        object_text(&object, "chosen", sal_retrieval_chosen_name(overlaps[i].chosen));
        object_integer(&object, "heads", overlaps[i].heads);
        object_integer(&object, "retrieval_heads", overlaps[i].retrieval_heads);
        object_integer(&object, "chosen_heads", overlaps[i].chosen_heads);
        object_integer(&object, "shared", overlaps[i].shared);
        object_number(&object, "p", overlaps[i].p);
        status = status != 0 ? status : object_end(&object);
    }
    return status == 0 ? sal_buffer_add_string(out, "]", err) : status;
}

static int print_json_table(const struct heads_view *view, const sal_head_table *table,
                            bool first) {
    sal_error *err = &view->session->error;
    sal_buffer out = {0};
    struct object_writer object;
    int status = sal_buffer_add_string(&out, first ? "\n" : ",\n", err);
    object_begin(&object, &out, err);
    object_text(&object, "corpus", table->corpus);
    object_text(&object, "model", table->analysis.model);
    object_text(&object, "summarizer", table->summarizer);
    object_text(&object, "protocol", sal_protocol_name(table->analysis.protocol));
    object_text(&object, "evidence", table->analysis.evidence);
    object_text(&object, "options", table->analysis.options);
    object_integer(&object, "documents", table->documents);
    object_integer(&object, "unaligned_words", table->unaligned);
    object_integer(&object, "flagged_words", table->flagged);
    object_integer(&object, "non_finite", table->non_finite);
    object_number(&object, "tied_all", table->ties[SAL_HEAD_ALL]);
    object_number(&object, "tied_content", table->ties[SAL_HEAD_CONTENT]);
    status = status != 0 ? status : object.status;
    if (status == 0) {
        status = sal_buffer_add_string(&out, ",\"results\":[", err);
    }
    for (size_t i = 0; status == 0 && i < table->count; i++) {
        status = add_result(&out, &table->results[i], i == 0, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "]", err);
    }
    if (status == 0) {
        status = add_overlaps(view, table, &out);
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "}", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

int heads_print_json(const struct heads_view *view) {
    sal_error *err = &view->session->error;
    bool first = true;
    int status = sal_sink_string(&view->sink, "[", err);
    for (size_t i = 0; status == 0 && i < view->tables->count; i++) {
        if (heads_is_shown(view, &view->tables->items[i])) {
            status = print_json_table(view, &view->tables->items[i], first);
            first = false;
        }
    }
    return status == 0 ? sal_sink_string(&view->sink, first ? "]\n" : "\n]\n", err) : status;
}
