/* A document with its words shaded by importance: backgrounds from pale yellow to orange under dark letters, readable on light and
 * dark terminals; without colours a raised digit, the importance in tenths. */
#include <inttypes.h>
#include <string.h>

#include "importance_view.h"

#define SHADES 5
static const int shades[SHADES] = {230, 228, 221, 214, 208}; /* of the 256-colour palette */
static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹", "¹⁰"};

/* Row of a word, or NULL; rows are sorted by bytes. */
static const sal_importance_row *find_row(const sal_importance_list *list, const char *word) {
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(list->rows[middle].word, word);
        if (order == 0) {
            return &list->rows[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static int add_word(sal_buffer *out, const char *bytes, size_t length, double importance,
                    bool color, sal_error *err) {
    int status = 0;
    if (!(importance > 0)) {
        return text_add_harmless(out, bytes, length, true, err);
    }
    if (color) {
        const int shade = importance >= 1 ? SHADES - 1 : (int)(importance * SHADES);
        status = sal_buffer_add_format(out, err, "\033[38;5;16;48;5;%dm", shades[shade]);
    }
    if (status == 0) {
        status = text_add_harmless(out, bytes, length, true, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(
            out, color ? "\033[0m" : digits[(int)(importance * 10 + 0.5)], err);
    }
    return status;
}

static int add_legend(sal_buffer *out, const struct importance_view *view,
                      const sal_summarizer_info *summarizer, const sal_importance_list *list,
                      sal_error *err) {
    sal_buffer name = {0};
    const bool color = view->session->terminal.color_output;
    int status = text_add_harmless(&name, summarizer->name, strlen(summarizer->name), false, err);
    if (status == 0) {
        status = sal_buffer_add_format(out, err, "%s, ", name.bytes == NULL ? "" : name.bytes);
    }
    if (status == 0) {
        status = list->counted
                     ? sal_buffer_add_format(
                           out, err,
                           "%" PRId64 " summaries, %s; share of them that keep a word: ", list->of,
                           sal_protocol_name(view->protocol))
                     : sal_buffer_add_format(out, err, "importance as imported, %s: ",
                                             sal_protocol_name(view->protocol));
    }
    if (status == 0 && !color) {
        status = sal_buffer_add_string(out, "word¹ .1 … word¹⁰ all", err);
    }
    for (int i = 0; status == 0 && color && i < SHADES; i++) {
        status = sal_buffer_add_format(out, err, "\033[38;5;16;48;5;%dm %.1f-%.1f \033[0m",
                                       shades[i], (double)i / SHADES, (double)(i + 1) / SHADES);
    }
    sal_buffer_free(&name);
    return status != 0 ? status : sal_buffer_add_string(out, "\n\n", err);
}

static int add_document(sal_buffer *out, const struct importance_view *view,
                        const sal_document *document, const sal_word_list *words,
                        const sal_importance_list *list, sal_error *err) {
    const bool color = view->session->terminal.color_output;
    size_t at = 0;
    int status = 0;
    for (size_t i = 0; status == 0 && i < words->count; i++) {
        const sal_word *word = &words->words[i];
        const sal_importance_row *row = find_row(list, word->bytes);
        const double importance =
            row == NULL || list->of == 0 ? 0 : (double)row->count / (double)list->of;
        status = text_add_harmless(out, document->text + at, word->span.start - at, true, err);
        if (status == 0) {
            status = add_word(out, document->text + word->span.start,
                              word->span.end - word->span.start, importance, color, err);
        }
        at = word->span.end;
    }
    if (status == 0) {
        status = text_add_harmless(out, document->text + at, document->text_length - at, true, err);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "\n", err);
}

static int print_one(const struct importance_view *view, const sal_document *document,
                     const sal_word_list *words, const sal_summarizer_info *summarizer,
                     bool *printed) {
    sal_error *err = &view->session->error;
    sal_importance_list *list = NULL;
    sal_buffer out = {0};
    int status = sal_study_get_importance(view->study, document->key, summarizer->key,
                                          view->protocol, &list, err);
    if (status == 0 && list != NULL) {
        status = sal_buffer_add_string(&out, *printed ? "\n" : "", err);
        if (status == 0) {
            status = add_legend(&out, view, summarizer, list, err);
        }
        if (status == 0) {
            status = add_document(&out, view, document, words, list, err);
        }
        if (status == 0) {
            status = sal_sink_write(&view->sink, out.bytes, out.length, err);
        }
        *printed = true;
    }
    sal_buffer_free(&out);
    sal_importance_list_free(list);
    return status;
}

int importance_print_document(const struct importance_view *view, int64_t key) {
    sal_error *err = &view->session->error;
    sal_document *document = NULL;
    sal_text *text = NULL;
    sal_word_list words = {0};
    bool printed = false;
    int status = sal_study_get_document(view->study, key, &document, err);
    if (status == 0) {
        status = sal_text_open(&text, err);
    }
    if (status == 0) {
        status = sal_text_words(text, view->protocol, document->text, document->text_length, &words,
                                err);
    }
    for (size_t i = 0; status == 0 && i < view->summarizer_count; i++) {
        status = print_one(view, document, &words, &view->summarizers[i], &printed);
    }
    if (status == 0 && !printed) {
        status = sal_fail(err, SAL_ENOTFOUND,
                          "document '%s' has no summaries; `salient summarize` makes them",
                          document->id);
    }
    sal_word_list_free(&words);
    sal_text_close(text);
    sal_document_free(document);
    return status;
}
