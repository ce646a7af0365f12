/* lead: the document's first words. The baseline that position alone gives. */

#include "summarize/summarizer.h"

static int rank_in_order(void *context, const sal_document *document, int replica,
                         const sal_span *sentences, size_t count, size_t *order, sal_error *err) {
    (void)context;
    (void)document;
    (void)replica;
    (void)sentences;
    (void)count;
    (void)order; /* comes in document order */
    (void)err;
    return SAL_OK;
}

int sal_summarizer_open_lead(const sal_summarizer_setting *setting, sal_summarizer **out,
                             sal_error *err) {
    return sal_summarizer_open_extractive(setting, "lead", NULL, rank_in_order, NULL, out, err);
}
