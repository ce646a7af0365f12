/* tail: the document's last sentences. What is left of lead when news are read from the wrong end. */

#include "summarize/summarizer.h"

static int rank_backwards(void *context, const sal_document *document, int replica,
                          const sal_span *sentences, size_t count, size_t *order, sal_error *err) {
    (void)context;
    (void)document;
    (void)replica;
    (void)sentences;
    (void)err;
    for (size_t i = 0; i < count; i++)
        order[i] = count - 1 - i;
    return SAL_OK;
}

int sal_summarizer_open_tail(const sal_summarizer_setting *setting, sal_summarizer **out,
                             sal_error *err) {
    return sal_summarizer_open_extractive(setting, "tail", NULL, rank_backwards, NULL, out, err);
}
