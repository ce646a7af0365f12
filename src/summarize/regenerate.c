/* Summaries made again from what the study knows of a local summarizer. That it is the same configuration is checked by its digest, so what
 * differs from the study's texts is what was done to the model's heads. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "summarize/summarizer.h"

struct sal_regenerator {
    sal_text *text;
    json_t *config; /* as the study has it; strings of options are its */
    sal_summarize_options options;
    int *lengths;
    sal_summarizer *summarizer;
};

void sal_regenerator_close(sal_regenerator *regenerator) {
    if (regenerator == NULL)
        return;
    sal_summarizer_close(regenerator->summarizer);
    sal_free(regenerator->lengths);
    json_decref(regenerator->config);
    sal_text_close(regenerator->text);
    sal_free(regenerator);
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static int find_config(sal_study *study, const char *name, json_t **config, sal_error *err) {
    sal_summarizer_list *list = NULL;
    int status = sal_study_list_summarizers(study, &list, err);
    if (status != SAL_OK)
        return status;
    const sal_summarizer_info *found = NULL;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            found = &list->items[i];
    if (found == NULL)
        status = sal_fail(err, SAL_ENOTFOUND, "there is no summarizer '%.200s'", name);
    else if (strcmp(found->kind, "model") != 0)
        status = sal_fail(err, SAL_EUNSUPPORTED,
                          "the summaries of %.200s were made by no local model (%s): they cannot "
                          "be made again with its heads taken out",
                          name, found->kind);
    else if ((*config = json_loads(found->config, 0, NULL)) == NULL)
        status = sal_fail(err, SAL_EFORMAT,
                          "the configuration of %.200s cannot be read; salient verify "
                          "says more",
                          name);
    sal_summarizer_list_free(list);
    return status;
}

static const char *text_of(const json_t *config, const char *key) {
    const char *text = json_string_value(json_object_get(config, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *config, const char *key) {
    return json_number_value(json_object_get(config, key));
}

/* The options that give this configuration; what is not in it, or wrong, shows when the digests are compared. */
static int read_options(sal_regenerator *self, sal_error *err) {
    const json_t *config = self->config;
    const json_t *lengths = json_object_get(config, "lengths");
    sal_summarize_options *options = &self->options;
    options->length_count = json_array_size(lengths);
    self->lengths = sal_calloc(options->length_count, sizeof *self->lengths);
    if (self->lengths == NULL)
        return sal_fail_memory(err, "lengths");
    for (size_t i = 0; i < options->length_count; i++)
        self->lengths[i] = (int)json_integer_value(json_array_get(lengths, i));
    options->lengths = self->lengths;
    options->replicas = (int)json_integer_value(json_object_get(config, "replicas"));
    options->max_tokens = (int)json_integer_value(json_object_get(config, "max_tokens"));
    options->seed = strtoull(text_of(config, "seed"), NULL, 10);
    options->template_name = text_of(config, "template");
    options->length_policy = text_of(config, "length_policy");
    options->temperature = number_of(config, "temperature");
    options->top_p = number_of(config, "top_p");
    options->top_k = number_of(config, "top_k");
    options->repeat_penalty = number_of(config, "repeat_penalty");
    if (options->length_count == 0 || options->replicas < 1 || options->max_tokens < 1)
        return sal_fail(err, SAL_EFORMAT,
                        "a configuration of %zu lengths, %d replicas, %d tokens at most",
                        options->length_count, options->replicas, options->max_tokens);
    return SAL_OK;
}

/* A summarizer of this name and configuration is there, or what differs is told. */
static int check_configuration(sal_study *study, const sal_summarizer *summarizer, const char *name,
                               sal_error *err) {
    sal_summarizer_info info = summarizer->info;
    int64_t key = 0;
    info.name = name;
    int status = sal_study_put_summarizer(study, &info, &key, err);
    return status == SAL_OK
               ? status
               : sal_fail_in(err, status, "the summaries cannot be made again as they were");
}

int sal_regenerator_open(sal_study *study, const char *summarizer, sal_model *model,
                         const char *path, const char *chat_template,
                         const sal_model_options *model_options, const sal_progress *progress,
                         sal_regenerator **out, sal_error *err) {
    sal_regenerator *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, "summaries");
    self->options = sal_summarize_defaults();
    self->options.with = path;
    self->options.chat_template = chat_template;
    self->options.model_options = *model_options;
    int status = sal_text_open(&self->text, err);
    if (status == SAL_OK)
        status = find_config(study, summarizer, &self->config, err);
    if (status == SAL_OK)
        status = read_options(self, err);
    if (status == SAL_OK) {
        const sal_summarizer_setting setting = {.options = &self->options,
                                                .text = self->text,
                                                .study = study,
                                                .progress = progress,
                                                .model = model};
        status = sal_summarizer_open_local(&setting, &self->summarizer, err);
    }
    if (status == SAL_OK)
        status = check_configuration(study, self->summarizer, summarizer, err);
    if (status == SAL_OK)
        *out = self;
    else
        sal_regenerator_close(self);
    return status;
}

/* ---- one document ------------------------------------------------------------------------------------- */

/* One replica's texts into the places of the list, which goes by length, then replica. */
static int make_replica(sal_regenerator *self, const sal_document *document, int replica,
                        const sal_progress *progress, sal_summary *items, sal_error *err) {
    const size_t count = self->options.length_count;
    sal_timing timing = {0};
    sal_summary_job *jobs = sal_calloc(count, sizeof *jobs);
    sal_summary_draft *drafts = sal_calloc(count, sizeof *drafts);
    int status = jobs == NULL || drafts == NULL ? sal_fail_memory(err, "summaries") : SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        jobs[i] = (sal_summary_job){self->lengths[i], replica};
    if (status == SAL_OK)
        status = self->summarizer->summarize(self->summarizer, document, jobs, count, drafts,
                                             &timing, progress, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        int64_t words = 0;
        status = sal_summary_draft_words(self->text, &drafts[i], &words, err);
        if (status != SAL_OK)
            break;
        sal_summary *item = &items[i * (size_t)self->options.replicas + (size_t)replica];
        *item = (sal_summary){.document = document->key,
                              .length = jobs[i].length,
                              .replica = replica,
                              .status = drafts[i].status,
                              .text = drafts[i].text,
                              .text_length = drafts[i].text_length,
                              .tokens = drafts[i].tokens,
                              .prompt_tokens = drafts[i].prompt_tokens,
                              .words = words,
                              .error = drafts[i].error};
        drafts[i] = (sal_summary_draft){0}; /* the list owns its strings */
    }
    for (size_t i = 0; drafts != NULL && i < count; i++)
        sal_summary_draft_free(&drafts[i]);
    sal_free(drafts);
    sal_free(jobs);
    return status;
}

int sal_regenerator_make(sal_regenerator *regenerator, const sal_document *document,
                         const sal_head_place *heads, size_t count, const float *outputs,
                         size_t width, const sal_progress *progress, sal_summary_list **summaries,
                         sal_error *err) {
    const size_t texts = regenerator->options.length_count * (size_t)regenerator->options.replicas;
    sal_summary_list *list = sal_calloc(1, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "summaries");
    list->items = sal_calloc(texts, sizeof *list->items);
    int status = list->items == NULL ? sal_fail_memory(err, "summaries") : SAL_OK;
    list->count = status == SAL_OK ? texts : 0;
    if (status == SAL_OK)
        status =
            sal_summarizer_local_edit(regenerator->summarizer, heads, count, outputs, width, err);
    for (int replica = 0; status == SAL_OK && replica < regenerator->options.replicas; replica++)
        status = make_replica(regenerator, document, replica, progress, list->items, err);
    if (status == SAL_OK)
        *summaries = list;
    else
        sal_summary_list_free(list);
    return status;
}
