/** The ways `salient importance` shows what the library computed. */
#ifndef CLI_IMPORTANCE_VIEW_H
#define CLI_IMPORTANCE_VIEW_H

#include "output.h"
#include "salient/importance.h"
#include "session.h"

/** What was asked for. */
struct importance_view {
    struct session *session;
    sal_study *study;
    const char *corpus; /* NULL: all */
    sal_protocol protocol;
    sal_summarizer_info *summarizers; /* selected ones, borrowed */
    size_t summarizer_count;
    sal_sink sink;
};

/** Tables for people: each corpus with its summarizers, their reliability, lengths and top words. */
int importance_print_tables(const struct importance_view *view) SAL_MUST_CHECK;

/** Part of the above: the words kept most in one corpus. */
int importance_print_top_words(const struct importance_view *view,
                               const char *corpus) SAL_MUST_CHECK;

/** The scores as a JSON array. */
int importance_print_scores(const struct importance_view *view) SAL_MUST_CHECK;

/** Importance rows, a JSON object a line, of some documents. */
int importance_print_rows(const struct importance_view *view, const int64_t *documents,
                          size_t count) SAL_MUST_CHECK;

/** The published layout: a JSON array of {id, text, word_importance}; one summarizer. */
int importance_print_paper(const struct importance_view *view, const int64_t *documents,
                           size_t count) SAL_MUST_CHECK;

/** A document with its words shaded by importance, for each summarizer.
 *  in     key of the document */
int importance_print_document(const struct importance_view *view, int64_t key) SAL_MUST_CHECK;

/** Add one {id, text, word_importance} object to out. */
int importance_add_paper(sal_buffer *out, const char *id, const char *text, size_t length,
                         const sal_importance_list *list, sal_error *err) SAL_MUST_CHECK;

#endif
