/* reference: the human summary that came with the document. One text, so importance is binary and has no reliability. */

#include <jansson.h>
#include <stdlib.h>

#include "summarize/configuration.h"
#include "summarize/summarizer.h"

typedef struct reference {
    sal_summarizer base;
    char *config;
} reference;

static int summarize(sal_summarizer *base, const sal_document *document,
                     const sal_summary_job *jobs, size_t count, sal_summary_draft *drafts,
                     sal_timing *timing, const sal_progress *progress, sal_error *err) {
    (void)base;
    (void)jobs;
    (void)timing;
    (void)progress;
    for (size_t i = 0; i < count; i++) {
        bool there = document->reference != NULL && document->reference_length > 0;
        drafts[i].status = there ? SAL_STATUS_OK : SAL_STATUS_FAILED;
        drafts[i].text_length = there ? document->reference_length : 0;
        drafts[i].text = sal_copy_bytes(there ? document->reference : "", drafts[i].text_length);
        drafts[i].error = there ? NULL : sal_copy_string("the document has no reference");
        if (drafts[i].text == NULL || (!there && drafts[i].error == NULL))
            return sal_fail_memory(err, "a reference");
    }
    return SAL_OK;
}

static void close_reference(sal_summarizer *base) {
    reference *self = (reference *)base;
    free(self->config); /* jansson's */
    sal_free(self);
}

int sal_summarizer_open_reference(const sal_summarizer_setting *setting, sal_summarizer **out,
                                  sal_error *err) {
    reference *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, "reference");
    self->base.summarize = summarize;
    self->base.close = close_reference;
    json_t *config = sal_configuration_start("reference", setting->options, false);
    self->config = config == NULL ? NULL : sal_configuration_text(config);
    json_decref(config);
    if (self->config == NULL) {
        close_reference(&self->base);
        return sal_fail_memory(err, "reference");
    }
    self->base.info = sal_configuration_info("reference", self->config);
    *out = &self->base;
    return SAL_OK;
}
