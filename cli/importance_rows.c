/* Importance for programs: rows, the published layout, scores. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "importance_view.h"
#include "json.h"

static double importance_of(const sal_importance_list *list, size_t i) {
    return list->of > 0 ? (double)list->rows[i].count / (double)list->of : (double)NAN;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

/* Columns as `export --table importance` has them. */
static int add_row(sal_buffer *out, const struct importance_view *view,
                   const sal_document *document, const char *summarizer,
                   const sal_importance_list *list, size_t i, sal_error *err) {
    struct object_writer row;
    object_begin(&row, out, err);
    object_text(&row, "corpus", document->corpus);
    object_text(&row, "document", document->id);
    object_text(&row, "summarizer", summarizer);
    object_text(&row, "protocol", sal_protocol_name(view->protocol));
    object_text(&row, "word", list->rows[i].word);
    if (list->counted) {
        object_integer(&row, "count", list->rows[i].count);
        object_integer(&row, "of", list->of);
    } else {
        object_number(&row, "count", (double)NAN);
        object_number(&row, "of", (double)NAN);
    }
    object_number(&row, "importance", importance_of(list, i));
    object_truth(&row, "content_word", list->rows[i].content);
    object_truth(&row, "in_document", list->rows[i].in_document);
    const int status = object_end(&row);
    return status != 0 ? status : sal_buffer_add_string(out, "\n", err);
}

static int print_document_rows(const struct importance_view *view, const sal_document *document,
                               const char *summarizer, const sal_importance_list *list,
                               sal_buffer *room) {
    sal_error *err = &view->session->error;
    int status = 0;
    sal_buffer_clear(room);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        status = add_row(room, view, document, summarizer, list, i, err);
    }
    return status != 0 || room->length == 0
               ? status
               : sal_sink_write(&view->sink, room->bytes, room->length, err);
}

int importance_print_rows(const struct importance_view *view, const int64_t *documents,
                          size_t count) {
    sal_error *err = &view->session->error;
    sal_buffer room = {0};
    int status = 0;
    for (size_t d = 0; status == 0 && d < count; d++) {
        sal_document *document = NULL;
        status = sal_study_get_document(view->study, documents[d], &document, err);
        for (size_t s = 0; status == 0 && s < view->summarizer_count; s++) {
            sal_importance_list *list = NULL;
            status = sal_study_get_importance(view->study, documents[d], view->summarizers[s].key,
                                              view->protocol, &list, err);
            if (status == 0 && list != NULL) {
                status =
                    print_document_rows(view, document, view->summarizers[s].name, list, &room);
            }
            sal_importance_list_free(list);
        }
        sal_document_free(document);
    }
    sal_buffer_free(&room);
    return status;
}

/* ---- the published layout -------------------------------------------------------------------------------------------------- */

int importance_add_paper(sal_buffer *out, const char *id, const char *text, size_t length,
                         const sal_importance_list *list, sal_error *err) {
    struct object_writer record, words;
    object_begin(&record, out, err);
    object_text(&record, "id", id);
    object_bytes(&record, "text", text, length);
    int status = record.status != 0 ? record.status
                                    : sal_buffer_add_string(out, ",\"word_importance\":", err);
    if (status != 0) {
        return status;
    }
    object_begin(&words, out, err);
    for (size_t i = 0; words.status == 0 && i < list->count; i++) {
        status = sal_buffer_add_string(out, i == 0 ? "" : ",", err);
        if (status == 0) {
            status = json_add_string(out, list->rows[i].word, err);
        }
        if (status == 0) {
            status = sal_buffer_add_string(out, ":", err);
        }
        words.status = status != 0 ? status : json_add_number(out, importance_of(list, i), err);
    }
    record.status = object_end(&words);
    return object_end(&record);
}

static int print_paper_document(const struct importance_view *view, int64_t key, bool first,
                                sal_buffer *room, bool *printed) {
    sal_error *err = &view->session->error;
    sal_document *document = NULL;
    sal_importance_list *list = NULL;
    int status = sal_study_get_importance(view->study, key, view->summarizers[0].key,
                                          view->protocol, &list, err);
    *printed = status == 0 && list != NULL;
    if (*printed) {
        sal_buffer_clear(room);
        status = sal_study_get_document(view->study, key, &document, err);
        if (status == 0) {
            status = sal_buffer_add_string(room, first ? "\n" : ",\n", err);
        }
        if (status == 0) {
            status = importance_add_paper(room, document->id, document->text, document->text_length,
                                          list, err);
        }
        if (status == 0) {
            status = sal_sink_write(&view->sink, room->bytes, room->length, err);
        }
    }
    sal_document_free(document);
    sal_importance_list_free(list);
    return status;
}

int importance_print_paper(const struct importance_view *view, const int64_t *documents,
                           size_t count) {
    sal_error *err = &view->session->error;
    sal_buffer room = {0};
    bool first = true;
    int status = sal_sink_string(&view->sink, "[", err);
    for (size_t d = 0; status == 0 && d < count; d++) {
        bool printed = false;
        status = print_paper_document(view, documents[d], first, &room, &printed);
        first = first && !printed;
    }
    sal_buffer_free(&room);
    return status != 0 ? status : sal_sink_string(&view->sink, "\n]\n", err);
}

/* ---- scores ---------------------------------------------------------------------------------------------------------------- */

static const char *summarizer_name(const struct importance_view *view, int64_t key) {
    for (size_t i = 0; i < view->summarizer_count; i++) {
        if (view->summarizers[i].key == key) {
            return view->summarizers[i].name;
        }
    }
    return NULL;
}

static int add_score(sal_buffer *out, const sal_score *score, const char *summarizer,
                     sal_error *err) {
    struct object_writer row;
    object_begin(&row, out, err);
    object_text(&row, "corpus", score->corpus);
    object_text(&row, "summarizer", summarizer);
    object_text(&row, "protocol", sal_protocol_name(score->protocol));
    object_text(&row, "words", score->words[0] == '\0' ? NULL : score->words);
    object_text(&row, "measure", score->measure);
    object_number(&row, "length", score->length > 0 ? score->length : (double)NAN);
    object_number(&row, "value", score->value);
    object_number(&row, "low", score->low);
    object_number(&row, "high", score->high);
    object_integer(&row, "documents", score->documents);
    object_integer(&row, "undefined", score->undefined);
    return object_end(&row);
}

int importance_print_scores(const struct importance_view *view) {
    sal_error *err = &view->session->error;
    sal_score_list *scores = NULL;
    sal_buffer out = {0};
    int status = sal_study_get_scores(view->study, &scores, err);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "[", err);
    }
    for (size_t i = 0; status == 0 && i < scores->count; i++) {
        const sal_score *score = &scores->items[i];
        const char *summarizer = summarizer_name(view, score->summarizer);
        const bool wanted = summarizer != NULL && score->protocol == view->protocol &&
                            (view->corpus == NULL || strcmp(view->corpus, score->corpus) == 0);
        if (wanted) {
            status = sal_buffer_add_string(&out, out.length > 1 ? ",\n" : "\n", err);
        }
        if (wanted && status == 0) {
            status = add_score(&out, score, summarizer, err);
        }
    }
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n]\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    sal_score_list_free(scores);
    return status;
}
