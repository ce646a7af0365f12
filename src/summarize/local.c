/* A local model: all lengths of a document decoded together, their common prompt prefix computed once (src/llm). */

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "salient/file.h"
#include "salient/model.h"
#include "salient/random.h"
#include "stage/model.h"
#include "summarize/configuration.h"
#include "summarize/summarizer.h"

enum { MAXIMUM_CHAT_TEMPLATE = 1 << 20 };

typedef struct local {
    sal_summarizer base;
    const sal_text *text;
    const sal_progress *progress;
    sal_template *prompt_template;
    sal_buffer chat_template; /* empty: the model's own */
    sal_sampling sampling;
    bool trim;
    int retries;
    uint64_t seed;
    int max_tokens;
    int sequences;
    sal_model_options model_options;
    char *path;
    sal_model *model;   /* vocabulary only until the first document needs the weights */
    bool borrowed;      /* the model is somebody else's, and its heads may be edited */
    sal_engine *engine; /* opened with the weights */
    int64_t control_documents;
    const sal_summary_job *jobs; /* of the call in progress: the stop hook looks lengths up */
    const size_t *pending;
    char *config;
    char *model_name;
    char *family;
    char *policy;
    char *template_name;
} local;

/* ---- length policy ---------------------------------------------------------------------------------- */

/* True while a text may still grow into one of the openings that cleaning removes ("Here is the 10-word summary: "): its words
 * must not be counted yet. */
static bool may_be_opening(const char *text, size_t length) {
    static const char *const openings[] = {"here is the ", "summary (", "("};
    enum { LONGEST_OPENING = 40 };
    if (length >= LONGEST_OPENING || memchr(text, ':', length) != NULL)
        return false;
    if (length > 0 && text[0] >= '0' && text[0] <= '9')
        return memchr(text, ' ', length) == NULL;
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        size_t common = strlen(openings[i]) < length ? strlen(openings[i]) : length;
        if (strncasecmp(text, openings[i], common) == 0)
            return true;
    }
    return false;
}

/* trim: a sequence ends once a token begins after the end of the n-th word. */
static bool stop_after_words(void *context, size_t request, const char *text, size_t length) {
    const local *self = context;
    sal_span kept = {0};
    bool complete = false;
    int n = self->jobs[self->pending[request]].length;
    if (may_be_opening(text, length))
        return false;
    return sal_length_cut(self->text, text, length, n, &kept, &complete, NULL) == SAL_OK &&
           complete;
}

/* ---- one document ----------------------------------------------------------------------------------- */

/* Requests of one decoding: which jobs are still wanted, and their prompts. */
typedef struct batch {
    size_t *pending; /* [count] indices of jobs */
    size_t count;
    sal_generate_request *requests;
    sal_generate_result *results;
    sal_prompt *prompts; /* [jobs] */
} batch;

static int open_weights(local *self, sal_error *err) {
    if (self->engine != NULL)
        return SAL_OK;
    if (!self->borrowed) {
        sal_model *model = NULL;
        int status = sal_model_open(self->path, &self->model_options, &model, err);
        if (status != SAL_OK)
            return status;
        sal_model_close(self->model);
        self->model = model;
    }
    const sal_engine_options options = {
        .sequences = self->sequences,
        .threads = self->model_options.threads,
        .sampling = self->sampling,
        .editable = self->borrowed,
        .stop = self->trim ? stop_after_words : NULL,
        .context = self,
    };
    return sal_engine_open(self->model, &options, &self->engine, err);
}

int sal_summarizer_local_edit(sal_summarizer *summarizer, const sal_head_place *heads, size_t count,
                              const float *outputs, size_t width, sal_error *err) {
    local *self = (local *)summarizer;
    int status = open_weights(self, err);
    return status == SAL_OK ? sal_engine_edit(self->engine, heads, count, outputs, width, err)
                            : status;
}

static int build_prompts(local *self, const sal_document *document, const sal_summary_job *jobs,
                         size_t count, sal_prompt *prompts, sal_error *err) {
    sal_buffer system = {0};
    sal_buffer user = {0};
    const char *chat = self->chat_template.length > 0 ? self->chat_template.bytes : NULL;
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = sal_template_render(self->prompt_template, document, jobs[i].length, &system,
                                     &user, err);
        if (status == SAL_OK)
            status = sal_model_chat_prompt(self->model, chat, system.bytes, user.bytes, &prompts[i],
                                           err);
    }
    sal_buffer_free(&system);
    sal_buffer_free(&user);
    return status;
}

/* A prompt that does not fit the model's context is a failed summary, never one of a shortened text. */
static int refuse_too_long(const local *self, const sal_prompt *prompts, size_t count,
                           sal_summary_draft *drafts, bool *fits, sal_error *err) {
    const sal_model_info *info = sal_model_describe(self->model);
    int64_t longest = 0;
    for (size_t i = 0; i < count; i++)
        if ((int64_t)prompts[i].tokens.count > longest)
            longest = (int64_t)prompts[i].tokens.count;
    *fits = longest + self->max_tokens <= info->context_trained;
    for (size_t i = 0; !*fits && i < count; i++) {
        sal_buffer why = {0};
        int status = sal_buffer_add_format(
            &why, err,
            "too long: a prompt of %lld tokens and %d new ones exceed the model's "
            "context of %d",
            (long long)longest, self->max_tokens, info->context_trained);
        drafts[i].status = SAL_STATUS_FAILED;
        drafts[i].text = sal_copy_string("");
        drafts[i].error = why.bytes;
        drafts[i].prompt_tokens = (int64_t)prompts[i].tokens.count;
        if (status != SAL_OK || drafts[i].text == NULL)
            return sal_fail_memory(err, "summaries");
    }
    return SAL_OK;
}

/* Text, status and counts of a draft from what was generated.
 * out    *words of it, cleaned: an opening such as "Here is the 10-word summary:" is no part of the length */
static int take_result(const local *self, const sal_generate_result *result,
                       const sal_prompt *prompt, int n, sal_summary_draft *draft, int64_t *words,
                       sal_error *err) {
    sal_span kept = {0, result->length};
    bool complete = false;
    int status = SAL_OK;
    if (self->trim)
        status = sal_length_cut(self->text, result->text, result->length, n, &kept, &complete, err);
    if (status != SAL_OK)
        return status;
    draft->text_length = kept.end - kept.start;
    draft->text = sal_copy_bytes(result->text + kept.start, draft->text_length);
    draft->tokens = (int64_t)result->token_count;
    draft->prompt_tokens = (int64_t)prompt->tokens.count;
    if (draft->text == NULL)
        return sal_fail_memory(err, "a summary");
    status = sal_summary_draft_words(self->text, draft, words, err);
    if (status != SAL_OK)
        return status;
    draft->status = *words == 0                                    ? SAL_STATUS_REFUSED
                    : result->ended || result->stopped || complete ? SAL_STATUS_OK
                                                                   : SAL_STATUS_TRUNCATED;
    if (*words > 0)
        return SAL_OK;
    draft->error = sal_copy_string("the model gave no word");
    return draft->error == NULL ? sal_fail_memory(err, "a summary") : SAL_OK;
}

/* Decode the pending jobs together and keep each result that is nearer to its length than the one before. */
static int decode_pending(local *self, const sal_document *document, const sal_summary_job *jobs,
                          batch *b, int attempt, int64_t *distances, sal_summary_draft *drafts,
                          sal_timing *timing, const sal_progress *progress, sal_error *err) {
    sal_engine_timing engine = {0};
    for (size_t i = 0; i < b->count; i++) {
        const sal_summary_job *job = &jobs[b->pending[i]];
        uint64_t seed =
            sal_seed_derive(self->seed, document->corpus, document->id, job->length, job->replica);
        b->requests[i] = (sal_generate_request){
            .prompt = &b->prompts[b->pending[i]],
            .seed = attempt == 0 ? seed : sal_seed_derive(seed, "", "retry", 0, attempt),
            .max_tokens = self->max_tokens,
            .expected_tokens = 2 * job->length,
        };
    }
    self->jobs = jobs;
    self->pending = b->pending;
    int status = sal_engine_generate(self->engine, b->requests, b->count, b->results, &engine,
                                     progress, err);
    timing->prefill_seconds += engine.prefill_seconds;
    timing->decode_seconds += engine.decode_seconds;
    timing->other_seconds += engine.sample_seconds;
    timing->tokens += engine.decode_tokens;
    for (size_t i = 0; status == SAL_OK && i < b->count; i++) {
        size_t at = b->pending[i];
        sal_summary_draft draft = {.tokens = -1, .prompt_tokens = -1};
        int64_t words = 0;
        status = take_result(self, &b->results[i], &b->prompts[at], jobs[at].length, &draft, &words,
                             err);
        int64_t distance = llabs(words - jobs[at].length);
        if (status == SAL_OK && (attempt == 0 || distance < distances[at])) {
            sal_summary_draft_free(&drafts[at]);
            drafts[at] = draft;
            distances[at] = distance;
        } else {
            sal_summary_draft_free(&draft);
        }
    }
    for (size_t i = 0; i < b->count; i++)
        sal_generate_result_free(&b->results[i]);
    return status;
}

/* Keep only the jobs whose length missed by more than 10 %. */
static void keep_misses(batch *b, const sal_summary_job *jobs, const int64_t *distances) {
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        size_t at = b->pending[i];
        if (!sal_length_within(jobs[at].length + distances[at], jobs[at].length))
            b->pending[kept++] = at;
    }
    b->count = kept;
}

static int summarize(sal_summarizer *base, const sal_document *document,
                     const sal_summary_job *jobs, size_t count, sal_summary_draft *drafts,
                     sal_timing *timing, const sal_progress *progress, sal_error *err) {
    local *self = (local *)base;
    bool fits = false;
    size_t control = 0;
    batch b = {.count = count};
    int64_t *distances = sal_calloc(count, sizeof *distances);
    b.pending = sal_calloc(count, sizeof *b.pending);
    b.requests = sal_calloc(count, sizeof *b.requests);
    b.results = sal_calloc(count, sizeof *b.results);
    b.prompts = sal_calloc(count, sizeof *b.prompts);
    int status = SAL_OK;
    if (distances == NULL || b.pending == NULL || b.requests == NULL || b.results == NULL ||
        b.prompts == NULL) {
        status = sal_fail_memory(err, "a document's prompts");
        goto done;
    }
    for (size_t i = 0; i < count; i++)
        b.pending[i] = i;
    status = open_weights(self, err);
    if (status == SAL_OK)
        status = sal_model_count_control(self->model, document->text, document->text_length,
                                         &control, err);
    if (status == SAL_OK)
        status = build_prompts(self, document, jobs, count, b.prompts, err);
    if (status == SAL_OK)
        status = refuse_too_long(self, b.prompts, count, drafts, &fits, err);
    if (status != SAL_OK || !fits)
        goto done;
    self->control_documents += control > 0;
    for (int attempt = 0; status == SAL_OK && b.count > 0 && attempt <= self->retries; attempt++) {
        status = decode_pending(self, document, jobs, &b, attempt, distances, drafts, timing,
                                progress, err);
        keep_misses(&b, jobs, distances);
    }
done:
    for (size_t i = 0; b.prompts != NULL && i < count; i++)
        sal_prompt_free(&b.prompts[i]);
    sal_free(b.prompts);
    sal_free(b.results);
    sal_free(b.requests);
    sal_free(b.pending);
    sal_free(distances);
    return status;
}

/* ---- counting --------------------------------------------------------------------------------------- */

/* Cells of the cache, as the engine lays it out (src/llm/engine_context.c): one for all where our own backend finds most tokens in common, else
 * one for each sequence, of the longest one's size. */
static int64_t cells_of(const local *self, int64_t longest, int64_t shared, int64_t all,
                        size_t count) {
    const bool own = strcmp(sal_model_arithmetic(self->model_options.compute), "stock") != 0 &&
                     self->model_options.gpu_layers == 0;
    return own && count > 1 && 2 * shared >= longest ? all : longest * (int64_t)count;
}

static int count_tokens(sal_summarizer *base, const sal_document *document,
                        const sal_summary_job *jobs, size_t count, sal_work *work, sal_error *err) {
    local *self = (local *)base;
    sal_prompt *prompts = sal_calloc(count, sizeof *prompts);
    sal_generate_request *requests = sal_calloc(count, sizeof *requests);
    int64_t sum = 0, longest = 0;
    int status = prompts == NULL || requests == NULL
                     ? sal_fail_memory(err, "a document's prompts")
                     : build_prompts(self, document, jobs, count, prompts, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        const int64_t tokens = (int64_t)prompts[i].tokens.count;
        requests[i].prompt = &prompts[i];
        sum += tokens;
        longest = tokens > longest ? tokens : longest;
    }
    longest += self->max_tokens;
    if (status == SAL_OK && longest > sal_model_describe(self->model)->context_trained) {
        work->left_out++;
    } else if (status == SAL_OK) {
        const int64_t shared = (int64_t)sal_generate_shared(requests, count);
        const int64_t spared = (int64_t)(count - 1) * shared;
        const int64_t all = sum - spared + (int64_t)count * self->max_tokens;
        const int64_t cells = cells_of(self, longest, shared, all, count);
        work->prompts += sum;
        work->computed += sum - spared;
        work->cells = cells > work->cells ? cells : work->cells;
        work->longest = longest > work->longest ? longest : work->longest;
    }
    for (size_t i = 0; prompts != NULL && i < count; i++)
        sal_prompt_free(&prompts[i]);
    sal_free(requests);
    sal_free(prompts);
    return status;
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static void close_local(sal_summarizer *base) {
    local *self = (local *)base;
    if (self->control_documents > 0) {
        char line[200];
        snprintf(line, sizeof line,
                 "%lld documents contain strings that are control tokens of the model; they were "
                 "read as text",
                 (long long)self->control_documents);
        sal_progress_note(self->progress, line);
    }
    sal_engine_close(self->engine);
    if (!self->borrowed)
        sal_model_close(self->model);
    sal_template_close(self->prompt_template);
    sal_buffer_free(&self->chat_template);
    free(self->config); /* jansson's */
    sal_free(self->path);
    sal_free(self->model_name);
    sal_free(self->family);
    sal_free(self->policy);
    sal_free(self->template_name);
    sal_free(self);
}

static sal_sampling choose_sampling(const sal_model_info *info,
                                    const sal_summarize_options *options) {
    sal_sampling sampling = sal_sampling_preset(info);
    if (!isnan(options->temperature))
        sampling.temperature = (float)options->temperature;
    if (!isnan(options->top_p))
        sampling.top_p = (float)options->top_p;
    if (!isnan(options->top_k))
        sampling.top_k = (int)options->top_k;
    if (!isnan(options->repeat_penalty))
        sampling.repeat_penalty = (float)options->repeat_penalty;
    return sampling;
}

static bool set_string(json_t *object, const char *key, const char *value) {
    return json_object_set_new(object, key, json_string(value)) == 0;
}

static int configure(local *self, const sal_summarizer_setting *setting, sal_error *err) {
    const sal_summarize_options *options = setting->options;
    const sal_model_info *info = sal_model_describe(self->model);
    char digest[65] = "";
    char chat_digest[65] = "model";
    sal_buffer system = {0};
    json_t *config = NULL;
    int status = stage_digest_model(setting->study, self->path, digest, err);
    if (status == SAL_OK)
        status = sal_model_system(&system, err);
    if (status != SAL_OK)
        goto done;
    if (self->chat_template.length > 0)
        sal_sha256_of(self->chat_template.bytes, self->chat_template.length, chat_digest);
    /* The version only: processor features differ between the machines of a cluster and are in the run log. */
    const char *version_end = strchr(system.bytes, ';');
    if (version_end != NULL)
        system.bytes[version_end - system.bytes] = '\0';
    config = sal_configuration_start("model", options, true);
    bool complete =
        config != NULL && set_string(config, "model", info->name) &&
        set_string(config, "model_sha256", digest) && set_string(config, "backend", system.bytes) &&
        set_string(config, "template", options->template_name) &&
        set_string(config, "template_sha256", sal_template_digest(self->prompt_template)) &&
        set_string(config, "chat_template_sha256", chat_digest) &&
        set_string(config, "length_policy", options->length_policy) &&
        json_object_set_new(config, "temperature", json_real((double)self->sampling.temperature)) ==
            0 &&
        json_object_set_new(config, "top_p", json_real((double)self->sampling.top_p)) == 0 &&
        json_object_set_new(config, "top_k", json_integer(self->sampling.top_k)) == 0 &&
        json_object_set_new(config, "repeat_penalty",
                            json_real((double)self->sampling.repeat_penalty)) == 0 &&
        json_object_set_new(config, "max_tokens", json_integer(self->max_tokens)) == 0 &&
        set_string(config, "compute", sal_model_arithmetic(options->model_options.compute)) &&
        json_object_set_new(config, "gpu_layers",
                            json_integer(options->model_options.gpu_layers)) == 0 &&
        json_object_set_new(config, "seed", sal_configuration_seed(self->seed)) == 0;
    self->config = complete ? sal_configuration_text(config) : NULL;
    if (self->config == NULL)
        status = sal_fail_memory(err, "a configuration");
done:
    json_decref(config);
    sal_buffer_free(&system);
    return status;
}

static int fill_info(local *self, const sal_summarize_options *options, sal_error *err) {
    const sal_model_info *model = sal_model_describe(self->model);
    self->model_name = sal_copy_string(model->name);
    self->family = sal_copy_string(model->architecture);
    self->policy = sal_copy_string(options->length_policy);
    self->template_name = sal_copy_string(options->template_name);
    if (self->model_name == NULL || self->family == NULL || self->policy == NULL ||
        self->template_name == NULL)
        return sal_fail_memory(err, "a model's description");
    sal_summarizer_info *info = &self->base.info;
    *info = sal_configuration_info("model", self->config);
    info->model = self->model_name;
    info->family = self->family;
    info->length_policy = self->policy;
    info->template_name = self->template_name;
    info->temperature = (double)self->sampling.temperature;
    info->top_p = (double)self->sampling.top_p;
    info->top_k = self->sampling.top_k;
    info->repeat_penalty = (double)self->sampling.repeat_penalty;
    info->parameters = (double)model->parameters;
    info->has_seed = true;
    info->seed = self->seed;
    info->nested = self->trim;
    return SAL_OK;
}

int sal_summarizer_open_local(const sal_summarizer_setting *setting, sal_summarizer **out,
                              sal_error *err) {
    const sal_summarize_options *options = setting->options;
    const sal_model_options vocabulary = {.vocabulary_only = true};
    local *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, options->with);
    self->base.has_lengths = true;
    self->base.summarize = summarize;
    self->base.count = count_tokens;
    self->base.close = close_local;
    self->text = setting->text;
    self->progress = setting->progress;
    self->seed = options->seed;
    self->max_tokens = options->max_tokens;
    self->sequences = (int)options->length_count;
    self->model_options = options->model_options;
    self->model_options.vocabulary_only = false;
    self->path = sal_copy_string(options->with);
    int status = self->path == NULL ? sal_fail_memory(err, options->with) : SAL_OK;
    if (status == SAL_OK)
        status = sal_length_policy_parse(options->length_policy, &self->trim, &self->retries, err);
    if (status == SAL_OK)
        status = sal_template_open(options->template_name, &self->prompt_template, err);
    if (status == SAL_OK && options->chat_template != NULL)
        status = sal_file_read_all(options->chat_template, MAXIMUM_CHAT_TEMPLATE,
                                   &self->chat_template, err);
    self->borrowed = setting->model != NULL;
    self->model = setting->model;
    if (status == SAL_OK && !self->borrowed)
        status = sal_model_open(self->path, &vocabulary, &self->model, err);
    if (status != SAL_OK)
        goto done;
    self->sampling = choose_sampling(sal_model_describe(self->model), options);
    status = configure(self, setting, err);
    if (status == SAL_OK)
        status = fill_info(self, options, err);
    if (status != SAL_OK)
        goto done;
    *out = &self->base;
    self = NULL;
done:
    if (self != NULL)
        close_local(&self->base);
    return status;
}
