/* Summaries made again with heads taken out, and what they come to. */
#include "regeneration.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "salient/importance.h"
#include "salient/summarize.h"

static int open_all(struct regeneration *self, sal_model *model, const char *summarizer,
                    const char *language, sal_error *err) {
    int status = 0;
    if (self->text == NULL) {
        status = sal_text_open(&self->text, err);
    }
    if (status == 0 && self->regenerator == NULL) {
        status =
            sal_regenerator_open(self->study, summarizer, model, self->path, self->chat_template,
                                 self->model_options, self->progress, &self->regenerator, err);
    }
    if (status == 0 && strcmp(self->language, language) != 0) {
        sal_stopwords_close(self->stopwords);
        self->stopwords = NULL;
        (void)snprintf(self->language, sizeof self->language, "%.63s", language);
        status = sal_stopwords_open(language, &self->stopwords, err);
    }
    return status;
}

/* Mean words of the summaries that count. */
static double mean_words(const sal_summary_list *list) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sal_status status = list->items[i].status;
        if (status == SAL_STATUS_OK || status == SAL_STATUS_TRUNCATED) {
            sum += (double)list->items[i].words;
            count++;
        }
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static int compute_importance(const struct regeneration *self, const sal_document *document,
                              const sal_summary_list *list, sal_importance_list **out,
                              sal_error *err) {
    sal_importance_input *inputs = sal_calloc(list->count, sizeof *inputs);
    if (inputs == NULL) {
        return sal_fail_memory(err, "importance");
    }
    for (size_t i = 0; i < list->count; i++) {
        inputs[i] = (sal_importance_input){list->items[i].text, list->items[i].text_length,
                                           list->items[i].status};
    }
    const int status =
        sal_importance_compute(self->text, SAL_STRICT, self->stopwords, document->text,
                               document->text_length, inputs, list->count, out, err);
    sal_free(inputs);
    return status;
}

static int make(void *context, sal_model *model, const char *summarizer,
                const sal_document *document, const sal_head_place *heads, size_t count,
                const float *outputs, size_t width, sal_ablate_texts *texts, sal_error *err) {
    struct regeneration *self = context;
    sal_summary_list *list = NULL;
    int status = open_all(self, model, summarizer, document->language, err);
    if (status == 0) {
        status = sal_regenerator_make(self->regenerator, document, heads, count, outputs, width,
                                      self->progress, &list, err);
    }
    if (status == 0) {
        status = compute_importance(self, document, list, &texts->importance, err);
    }
    if (status == 0) {
        texts->words = mean_words(list);
    }
    sal_summary_list_free(list);
    return status;
}

static void let_go(void *context) {
    struct regeneration *self = context;
    sal_regenerator_close(self->regenerator);
    self->regenerator = NULL;
}

sal_ablate_regeneration regeneration_calls(struct regeneration *regeneration) {
    return (sal_ablate_regeneration){make, let_go, regeneration};
}

void regeneration_free(struct regeneration *regeneration) {
    let_go(regeneration);
    sal_stopwords_close(regeneration->stopwords);
    sal_text_close(regeneration->text);
    *regeneration = (struct regeneration){0};
}
