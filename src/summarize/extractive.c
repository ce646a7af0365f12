/* Extractive baselines: what they share. A kind brings only its ranking of sentences. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uvernum.h>

#include "summarize/configuration.h"
#include "summarize/extractive.h"

typedef struct extractive {
    sal_summarizer base;
    const sal_text *text;
    sal_sentence_rank rank;
    void (*close)(void *context);
    void *context;
    char *config;
    char *language; /* of the cutter */
    sal_sentence_cutter *cutter;
} extractive;

/* Take sentences in rank order until n words are reached; the one that passes n is cut there.
 * out    ends [count]: where the printed part of each sentence ends; 0 for one that is not taken */
static int choose_ends(const sal_text *text, const char *document, const sal_span *sentences,
                       size_t count, const size_t *order, size_t n, size_t *ends, sal_error *err) {
    size_t taken = 0;
    for (size_t i = 0; i < count && taken < n; i++) {
        const sal_span *sentence = &sentences[order[i]];
        size_t end = 0;
        size_t words = 0;
        int status = sal_text_cut(text, document + sentence->start, sentence->end - sentence->start,
                                  n - taken, &end, &words, err);
        if (status != SAL_OK)
            return status;
        /* A sentence that just fits keeps its full stop. */
        bool whole = taken + words < n;
        if (!whole) {
            size_t all = 0;
            status = sal_text_count_words(text, document + sentence->start,
                                          sentence->end - sentence->start, &all, err);
            if (status != SAL_OK)
                return status;
            whole = all == words;
        }
        ends[order[i]] = whole ? sentence->end : sentence->start + end;
        taken += words;
    }
    return SAL_OK;
}

int sal_extract(const sal_text *text, const char *document, const sal_span *sentences, size_t count,
                const size_t *order, size_t n, sal_buffer *out, sal_error *err) {
    size_t *ends = sal_calloc(count, sizeof *ends);
    if (ends == NULL)
        return sal_fail_memory(err, "sentences");
    int status = choose_ends(text, document, sentences, count, order, n, ends, err);
    bool first = true;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        if (ends[i] == 0)
            continue;
        if (!first)
            status = sal_buffer_add(out, " ", 1, err);
        if (status == SAL_OK)
            status = sal_buffer_add(out, document + sentences[i].start,
                                    ends[i] - sentences[i].start, err);
        first = false;
    }
    if (status == SAL_OK)
        status = sal_buffer_add(out, "", 0, err);
    sal_free(ends);
    return status;
}

static int make_draft(extractive *self, const sal_document *document, const sal_span *sentences,
                      size_t count, const size_t *order, int length, sal_summary_draft *draft,
                      sal_error *err) {
    sal_buffer text = {0};
    int status = sal_extract(self->text, document->text, sentences, count, order, (size_t)length,
                             &text, err);
    if (status != SAL_OK) {
        sal_buffer_free(&text);
        return status;
    }
    draft->status = text.length > 0 ? SAL_STATUS_OK : SAL_STATUS_REFUSED;
    draft->text = text.bytes;
    draft->text_length = text.length;
    if (text.length == 0) {
        draft->error = sal_copy_string("the document has no sentence");
        if (draft->error == NULL)
            return sal_fail_memory(err, "a summary");
    }
    return SAL_OK;
}

/* Sentences of a document; documents of one language mostly follow each other. */
static int cut(extractive *self, const sal_document *document, sal_span **sentences, size_t *count,
               sal_error *err) {
    int status = SAL_OK;
    if (self->language == NULL || strcmp(self->language, document->language) != 0) {
        sal_sentence_cutter_close(self->cutter);
        sal_free(self->language);
        self->cutter = NULL;
        self->language = sal_copy_string(document->language);
        if (self->language == NULL)
            return sal_fail_memory(err, "a language");
        status = sal_sentence_cutter_open(document->language, &self->cutter, err);
    }
    if (status != SAL_OK) {
        sal_free(self->language);
        self->language = NULL;
        return status;
    }
    return sal_sentence_cutter_cut(self->cutter, document->text, document->text_length, sentences,
                                   count, err);
}

static int summarize(sal_summarizer *base, const sal_document *document,
                     const sal_summary_job *jobs, size_t count, sal_summary_draft *drafts,
                     sal_timing *timing, const sal_progress *progress, sal_error *err) {
    (void)timing;
    (void)progress;
    extractive *self = (extractive *)base;
    sal_span *sentences = NULL;
    size_t sentence_count = 0;
    size_t *order = NULL;
    int status = cut(self, document, &sentences, &sentence_count, err);
    if (status != SAL_OK)
        goto done;
    order = sal_calloc(sentence_count, sizeof *order);
    if (order == NULL) {
        status = sal_fail_memory(err, "sentences");
        goto done;
    }
    for (size_t i = 0; i < sentence_count; i++)
        order[i] = i;
    status =
        self->rank(self->context, document, jobs[0].replica, sentences, sentence_count, order, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        status = make_draft(self, document, sentences, sentence_count, order, jobs[i].length,
                            &drafts[i], err);
done:
    sal_free(sentences);
    sal_free(order);
    return status;
}

static void close_extractive(sal_summarizer *base) {
    extractive *self = (extractive *)base;
    if (self->close != NULL)
        self->close(self->context);
    sal_sentence_cutter_close(self->cutter);
    sal_free(self->language);
    free(self->config); /* jansson's */
    sal_free(self);
}

static bool set_string(json_t *config, const char *key, const char *value) {
    return value == NULL || json_object_set_new(config, key, json_string(value)) == 0;
}

static char *describe(const sal_summarizer_setting *setting, const sal_extractive_kind *kind) {
    json_t *config = sal_configuration_start(kind->name, setting->options, true);
    bool complete = config != NULL && set_string(config, "sentences", "ICU " U_ICU_VERSION) &&
                    set_string(config, "words", kind->words) &&
                    set_string(config, "corpus", kind->corpus_digest) &&
                    (kind->seed == NULL ||
                     json_object_set_new(config, "seed", sal_configuration_seed(*kind->seed)) == 0);
    char *text = complete ? sal_configuration_text(config) : NULL;
    json_decref(config);
    return text;
}

int sal_summarizer_open_kind(const sal_summarizer_setting *setting, const sal_extractive_kind *kind,
                             void *context, sal_summarizer **out, sal_error *err) {
    extractive *self = sal_calloc(1, sizeof *self);
    char *config = self == NULL ? NULL : describe(setting, kind);
    if (config == NULL) {
        if (kind->close != NULL)
            kind->close(context);
        sal_free(self);
        return sal_fail_memory(err, kind->name);
    }
    self->text = setting->text;
    self->rank = kind->rank;
    self->close = kind->close;
    self->context = context;
    self->config = config;
    self->base.has_lengths = true;
    self->base.summarize = summarize;
    self->base.close = close_extractive;
    self->base.info = sal_configuration_info(kind->name, config);
    self->base.info.nested = true;
    self->base.info.has_seed = kind->seed != NULL;
    self->base.info.seed = kind->seed != NULL ? *kind->seed : 0;
    *out = &self->base;
    return SAL_OK;
}

int sal_summarizer_open_extractive(const sal_summarizer_setting *setting, const char *kind,
                                   const uint64_t *seed, sal_sentence_rank rank, void *context,
                                   sal_summarizer **out, sal_error *err) {
    const sal_extractive_kind described = {
        .name = kind, .seed = seed, .rank = rank, .close = sal_free};
    return sal_summarizer_open_kind(setting, &described, context, out, err);
}
