/* The stage for kinds whose unit is the summary (endpoints): hands out what is missing or failed, stores each text as it comes. */

#include <stdio.h>

#include "summarize/summarizer.h"

enum { FAILURES_TOLD = 5 };

typedef struct desk {
    sal_study *study;
    const sal_text *text;
    int64_t key;
    const char *name;
    sal_summary_unit *units;
    size_t count;
    size_t taken;
    size_t stored;
    sal_document *document; /* of the last unit taken */
    const sal_progress *progress;
    sal_tally *tally;
} desk;

static int take(void *context, const sal_document **document, sal_summary_job *job, size_t *unit,
                sal_error *err) {
    desk *self = context;
    *document = NULL;
    if (self->taken == self->count)
        return SAL_OK;
    const sal_summary_unit *next = &self->units[self->taken];
    if (self->document == NULL || self->document->key != next->document) {
        sal_document_free(self->document);
        self->document = NULL;
        int status = sal_study_get_document(self->study, next->document, &self->document, err);
        if (status != SAL_OK)
            return status;
    }
    *document = self->document;
    *job = (sal_summary_job){next->length, next->replica};
    *unit = self->taken++;
    return SAL_OK;
}

/* The first failures are told; all are in the study. */
static int tell_failure(const desk *self, const sal_summary_unit *unit,
                        const sal_summary_draft *draft, sal_error *err) {
    sal_document *document = NULL;
    char line[700];
    if (self->tally->failed > FAILURES_TOLD)
        return SAL_OK;
    int status = sal_study_get_document(self->study, unit->document, &document, err);
    if (status != SAL_OK)
        return status;
    snprintf(line, sizeof line, "document %.100s of %.100s, length %d: failed: %.400s%s",
             document->id, document->corpus, unit->length,
             draft->error != NULL ? draft->error : "no reason is known",
             self->tally->failed == FAILURES_TOLD ? " (further failures are only counted)" : "");
    sal_progress_note(self->progress, line);
    sal_document_free(document);
    return SAL_OK;
}

static int put(void *context, size_t unit, const sal_summary_draft *draft, sal_error *err) {
    desk *self = context;
    const sal_summary_unit *where = &self->units[unit];
    sal_summary row = {
        .document = where->document,
        .summarizer = self->key,
        .length = where->length,
        .replica = where->replica,
        .status = draft->status,
        .text = draft->text,
        .text_length = draft->text_length,
        .tokens = draft->tokens,
        .prompt_tokens = draft->prompt_tokens,
        .error = draft->error,
    };
    int status = sal_summary_draft_words(self->text, draft, &row.words, err);
    if (status == SAL_OK)
        status = sal_study_put_summaries(self->study, &row, 1, NULL, err);
    if (status != SAL_OK)
        return status;
    self->stored++;
    self->tally->done += draft->status != SAL_STATUS_FAILED;
    self->tally->failed += draft->status == SAL_STATUS_FAILED;
    self->tally->refused += draft->status == SAL_STATUS_REFUSED;
    self->tally->truncated += draft->status == SAL_STATUS_TRUNCATED;
    sal_progress_update(self->progress, self->name, (int64_t)self->stored, (int64_t)self->count,
                        "summaries");
    return draft->status == SAL_STATUS_FAILED ? tell_failure(self, where, draft, err) : SAL_OK;
}

/* What is missing, prompt by prompt. */
static int count_units(desk *self, sal_summarizer *summarizer, sal_work *work, sal_error *err) {
    int status = SAL_OK;
    work->kept += self->tally->kept;
    for (;;) {
        const sal_document *document = NULL;
        sal_summary_job job;
        size_t unit = 0;
        status = take(self, &document, &job, &unit, err);
        if (status != SAL_OK || document == NULL)
            return status;
        if (summarizer->count != NULL)
            status = summarizer->count(summarizer, document, &job, 1, work, err);
        if (status != SAL_OK)
            return status;
        work->units++;
        work->texts++;
    }
}

int sal_summarize_units(sal_study *study, const sal_text *text, sal_summarizer *summarizer,
                        int64_t key, const sal_summarize_options *options,
                        const sal_progress *progress, sal_tally *tally, sal_error *err) {
    desk self = {.study = study, .text = text, .key = key, .progress = progress, .tally = tally};
    const sal_unit_desk hooks = {take, put, &self};
    sal_buffer stage = {0};
    size_t total = 0;
    int status = sal_study_missing_units(study, key, options->corpus, options->limit,
                                         options->lengths, options->length_count, options->replicas,
                                         &self.units, &self.count, &total, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&stage, err, "summarize %s", summarizer->info.name);
    if (status == SAL_OK) {
        self.name = stage.bytes;
        tally->kept += (int64_t)(total - self.count);
        if (options->work != NULL)
            status = count_units(&self, summarizer, options->work, err);
        else if (self.count > 0)
            status = summarizer->summarize_units(summarizer, &hooks, progress, err);
    }
    if (status == SAL_ECANCELLED)
        sal_fail(err, status, "interrupted after %zu of %zu summaries", self.stored, self.count);
    sal_document_free(self.document);
    sal_free(self.units);
    sal_buffer_free(&stage);
    return status;
}
