/* An OpenAI-compatible chat endpoint (api:MODEL@BASE_URL): many requests in flight, each summary stored as it comes.
 *
 *  A request depends on its text alone, so rows do not depend on the order in which replies come: where the server computes each
 *  request by itself. One that batches them rounds otherwise in company, and a sampled text may part; jobs 1 asks it for one at a
 *  time. What goes wrong with one text is a
 *  failed row, which the next run takes up again; a refusal is final. A key that is not accepted, an address where nothing is, and a
 *  server that fails all the time end the run: what is stored is kept. */

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http.h"
#include "salient/random.h"
#include "summarize/configuration.h"
#include "summarize/endpoint.h"

enum {
    MAXIMUM_REPLY = 4 << 20, /* bytes; a summary has a few thousand */
    FAILURES_IN_A_ROW = 20   /* then the run ends */
};

static const double default_temperature = 0.7; /* METHODS 1 */

typedef struct endpoint {
    sal_summarizer base;
    const sal_text *text;
    sal_study *study;
    const sal_progress *progress;
    const sal_unit_desk *desk; /* of the run in progress */
    endpoint_address address;
    char *url;
    char *key; /* NULL: none; never leaves this struct but to the host */
    char variable[ENDPOINT_VARIABLE_ROOM];
    bool one_host;
    sal_template *prompt_template;
    sal_http_options http;
    double timeout_seconds;
    double temperature;
    double top_p, top_k, repeat_penalty; /* NaN: the server's */
    bool trim;
    int retries;
    uint64_t seed;
    int max_tokens;
    char *config;
    char *policy;
    char *template_name;
    /* What the run came to. */
    bool answered; /* a text or refusal came: address and key are right */
    int failures;  /* units in a row */
    endpoint_usage usage;
} endpoint;

/** One text that is being made. */
typedef struct unit {
    size_t number;
    sal_summary_job job;
    uint64_t seed;
    sal_buffer system;
    sal_buffer user;
    char *body; /* jansson's */
    int round;  /* of retry:R, from 0 */
    bool has_best;
    int64_t distance; /* of the best draft's words to the length asked */
    sal_summary_draft best;
} unit;

static void free_unit(void *context, void *item) {
    unit *u = item;
    (void)context;
    sal_buffer_free(&u->system);
    sal_buffer_free(&u->user);
    free(u->body);
    sal_summary_draft_free(&u->best);
    sal_free(u);
}

/* ---- requests -------------------------------------------------------------------------------------- */

static bool put_real(json_t *object, const char *name, double value) {
    return isnan(value) || json_object_set_new(object, name, json_real(value)) == 0;
}

static bool put_message(json_t *messages, const char *role, const sal_buffer *text) {
    if (text->length == 0)
        return true;
    json_t *message = json_object();
    const bool complete =
        message != NULL && json_object_set_new(message, "role", json_string(role)) == 0 &&
        json_object_set_new(message, "content", json_stringn(text->bytes, text->length)) == 0;
    if (complete)
        return json_array_append_new(messages, message) == 0;
    json_decref(message);
    return false;
}

/* The newer models of OpenAI know the limit by another name only. */
static const char *limit_name(const endpoint *self) {
    const size_t length = strlen(self->address.host);
    const char *own = "openai.com";
    return length >= strlen(own) && strcmp(self->address.host + length - strlen(own), own) == 0
               ? "max_completion_tokens"
               : "max_tokens";
}

static int build_body(const endpoint *self, unit *u, sal_error *err) {
    const uint64_t seed =
        u->round == 0 ? u->seed : sal_seed_derive(u->seed, "", "retry", 0, u->round);
    json_t *root = json_object();
    json_t *messages = json_array();
    /* 31 bits: servers differ in what they take. */
    bool complete =
        root != NULL && messages != NULL && put_message(messages, "system", &u->system) &&
        put_message(messages, "user", &u->user) &&
        json_object_set(root, "messages", messages) == 0 &&
        json_object_set_new(root, "model", json_string(self->address.model)) == 0 &&
        json_object_set_new(root, limit_name(self), json_integer(self->max_tokens)) == 0 &&
        json_object_set_new(root, "seed", json_integer((json_int_t)(seed & 0x7fffffffU))) == 0 &&
        json_object_set_new(root, "stream", json_false()) == 0 &&
        put_real(root, "temperature", self->temperature) && put_real(root, "top_p", self->top_p) &&
        (isnan(self->top_k) ||
         json_object_set_new(root, "top_k", json_integer((json_int_t)self->top_k)) == 0) &&
        /* llama-server and vLLM each have their own name; the other one is passed over. */
        put_real(root, "repeat_penalty", self->repeat_penalty) &&
        put_real(root, "repetition_penalty", self->repeat_penalty);
    free(u->body);
    u->body =
        complete ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(messages);
    json_decref(root);
    return u->body == NULL ? sal_fail_memory(err, "a request") : SAL_OK;
}

static void fill_request(const endpoint *self, const unit *u, sal_http_request *request) {
    *request = (sal_http_request){
        .url = self->url,
        .body = u->body,
        .body_length = strlen(u->body),
        .key = self->key,
        .reply_limit = MAXIMUM_REPLY,
        .timeout_seconds = self->timeout_seconds,
    };
}

static int take_unit(void *context, void **item, sal_http_request *request, sal_error *err) {
    endpoint *self = context;
    const sal_document *document = NULL;
    unit *u = sal_calloc(1, sizeof *u);
    *item = NULL;
    if (u == NULL)
        return sal_fail_memory(err, "a summary");
    u->best.tokens = u->best.prompt_tokens = -1;
    int status = self->desk->take(self->desk->context, &document, &u->job, &u->number, err);
    if (status == SAL_OK && document != NULL) {
        u->seed = sal_seed_derive(self->seed, document->corpus, document->id, u->job.length,
                                  u->job.replica);
        status = sal_template_render(self->prompt_template, document, u->job.length, &u->system,
                                     &u->user, err);
        if (status == SAL_OK)
            status = build_body(self, u, err);
    }
    if (status != SAL_OK || document == NULL) {
        free_unit(NULL, u);
        return status;
    }
    fill_request(self, u, request);
    *item = u;
    return SAL_OK;
}

/* ---- drafts ---------------------------------------------------------------------------------------- */

static int put_unit(endpoint *self, const unit *u, sal_error *err) {
    return self->desk->put(self->desk->context, u->number, &u->best, err);
}

static int make_draft(sal_summary_draft *draft, sal_status how, const char *text, size_t length,
                      const char *error, sal_error *err) {
    *draft = (sal_summary_draft){.status = how, .tokens = -1, .prompt_tokens = -1};
    draft->text = sal_copy_bytes(text, length);
    draft->text_length = length;
    draft->error = error == NULL ? NULL : sal_copy_string(error);
    if (draft->text != NULL && (error == NULL || draft->error != NULL))
        return SAL_OK;
    sal_summary_draft_free(draft);
    return sal_fail_memory(err, "a summary");
}

/* Text, status and counts of a draft from a text that came. */
static int draft_text(const endpoint *self, const unit *u, const endpoint_answer *answer,
                      sal_summary_draft *draft, sal_error *err) {
    sal_span kept = {0, answer->length};
    bool complete = false;
    int64_t words = 0;
    int status = SAL_OK;
    if (self->trim)
        status = sal_length_cut(self->text, answer->text, answer->length, u->job.length, &kept,
                                &complete, err);
    if (status == SAL_OK)
        status = make_draft(draft, SAL_STATUS_OK, answer->text + kept.start, kept.end - kept.start,
                            NULL, err);
    if (status == SAL_OK)
        status = sal_summary_draft_words(self->text, draft, &words, err);
    if (status != SAL_OK)
        return status;
    draft->tokens = answer->tokens;
    draft->prompt_tokens = answer->prompt_tokens;
    if (answer->truncated && !complete)
        draft->status = SAL_STATUS_TRUNCATED;
    if (words > 0)
        return SAL_OK;
    draft->status = SAL_STATUS_REFUSED;
    draft->error = sal_copy_string("the model gave no word");
    return draft->error == NULL ? sal_fail_memory(err, "a summary") : SAL_OK;
}

/* Keep the draft that is nearer to the length asked for. */
static int keep_better(const endpoint *self, unit *u, sal_summary_draft *draft, sal_error *err) {
    int64_t words = 0;
    int status = sal_summary_draft_words(self->text, draft, &words, err);
    const int64_t distance = llabs((long long)(words - u->job.length));
    if (status == SAL_OK && (!u->has_best || distance < u->distance)) {
        sal_summary_draft_free(&u->best);
        u->best = *draft;
        u->distance = distance;
        u->has_best = true;
    } else {
        sal_summary_draft_free(draft);
    }
    return status;
}

/* ---- judging replies ------------------------------------------------------------------------------- */

/* Errors that every other request would meet too. */
static int stop_run(const endpoint *self, const sal_http_reply *reply, const char *why,
                    sal_error *err) {
    const char *host = self->address.host;
    if (reply->permanent)
        return sal_fail(err, SAL_EIO, "%s: %s", host, why);
    if (reply->status == 401)
        return sal_fail(err, SAL_EIO, "%s: %s; the key %s %s%s", host, why,
                        self->key != NULL ? "is that of" : "is missing: put it into",
                        self->variable, self->one_host ? " or SALIENT_API_KEY" : "");
    if (reply->status == 402)
        return sal_fail(err, SAL_EIO, "%s: %s", host, why);
    if (self->answered)
        return SAL_OK;
    if (reply->status == 404)
        return sal_fail(err, SAL_EIO,
                        "%s: %s; check the model's name and the address (it often ends in /v1)",
                        host, why);
    return reply->status == 403 ? sal_fail(err, SAL_EIO, "%s: %s", host, why) : SAL_OK;
}

/* A text that could not be made: a failed row, and the end of the run when there is nothing but failures. */
static int fail_unit(endpoint *self, unit *u, const char *why, sal_error *err) {
    sal_summary_draft_free(&u->best);
    u->has_best = false;
    int status = make_draft(&u->best, SAL_STATUS_FAILED, "", 0, why, err);
    if (status == SAL_OK)
        status = put_unit(self, u, err);
    if (status == SAL_OK && ++self->failures >= FAILURES_IN_A_ROW)
        status =
            sal_fail(err, SAL_EIO,
                     "%s: %d summaries in a row failed, the last one: %.300s; the same command "
                     "goes on from there",
                     self->address.host, self->failures, why);
    return status;
}

/* A text or a refusal came: store it, or draw again where the length policy says so. */
static int settle_unit(endpoint *self, unit *u, const endpoint_answer *answer,
                       sal_http_request *request, sal_http_verdict *verdict, sal_error *err) {
    sal_summary_draft draft = {0};
    const bool refused = answer->outcome == ENDPOINT_REFUSED;
    int status = refused ? make_draft(&draft, SAL_STATUS_REFUSED, "", 0, answer->why, err)
                         : draft_text(self, u, answer, &draft, err);
    self->answered = true;
    self->failures = 0;
    if (status == SAL_OK)
        status = keep_better(self, u, &draft, err);
    else
        sal_summary_draft_free(&draft);
    if (status != SAL_OK)
        return status;
    if (refused || u->round == self->retries ||
        sal_length_within(u->job.length + u->distance, u->job.length))
        return put_unit(self, u, err);
    u->round++;
    status = build_body(self, u, err);
    fill_request(self, u, request);
    *verdict = SAL_HTTP_NEXT;
    return status;
}

static int judge(void *context, void *item, sal_http_request *request, const sal_http_reply *reply,
                 bool last, sal_http_verdict *verdict, sal_error *err) {
    endpoint *self = context;
    unit *u = item;
    endpoint_answer answer = {0};
    int status = SAL_OK;
    self->usage.requests++;
    if (reply->status == 0) {
        answer.outcome = reply->permanent ? ENDPOINT_FAILED : ENDPOINT_BROKEN;
        snprintf(answer.why, sizeof answer.why, "%s", reply->problem);
    } else {
        status = endpoint_answer_read(reply->status, reply->body, reply->length, self->key, &answer,
                                      err);
    }
    if (status != SAL_OK)
        return status;
    endpoint_usage_add(&self->usage, &answer);
    if (answer.outcome == ENDPOINT_TEXT || answer.outcome == ENDPOINT_REFUSED) {
        status = settle_unit(self, u, &answer, request, verdict, err);
    } else if (answer.outcome == ENDPOINT_BROKEN && !last) {
        self->usage.again++;
        *verdict = SAL_HTTP_AGAIN;
    } else {
        status = stop_run(self, reply, answer.why, err);
        if (status == SAL_OK)
            status = fail_unit(self, u, answer.why, err);
    }
    endpoint_answer_free(&answer);
    return status;
}

/* ---- the run --------------------------------------------------------------------------------------- */

static int summarize_units(sal_summarizer *base, const sal_unit_desk *desk,
                           const sal_progress *progress, sal_error *err) {
    endpoint *self = (endpoint *)base;
    const sal_http_work work = {take_unit, judge, free_unit, self};
    self->desk = desk;
    int status = sal_http_run(&self->http, &work, progress, err);
    int logged = endpoint_usage_log(&self->usage, &self->address, self->study,
                                    status == SAL_OK ? err : NULL);
    endpoint_usage_tell(&self->usage, self->address.model, self->progress);
    return status != SAL_OK ? status : logged;
}

static int count_bytes(sal_summarizer *base, const sal_document *document,
                       const sal_summary_job *jobs, size_t count, sal_work *work, sal_error *err) {
    const endpoint *self = (const endpoint *)base;
    sal_buffer system = {0}, user = {0};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = sal_template_render(self->prompt_template, document, jobs[i].length, &system,
                                     &user, err);
        work->prompt_bytes += (int64_t)(system.length + user.length);
    }
    sal_buffer_free(&system);
    sal_buffer_free(&user);
    return status;
}

static void close_endpoint(sal_summarizer *base) {
    endpoint *self = (endpoint *)base;
    endpoint_address_free(&self->address);
    endpoint_key_free(self->key);
    sal_template_close(self->prompt_template);
    free(self->config); /* jansson's */
    sal_free(self->url);
    sal_free(self->policy);
    sal_free(self->template_name);
    sal_free(self);
}

/* ---- opening --------------------------------------------------------------------------------------- */

static bool set_string(json_t *object, const char *name, const char *value) {
    return json_object_set_new(object, name, json_string(value)) == 0;
}

/* null: left to the server */
static bool set_real(json_t *object, const char *name, double value) {
    return json_object_set_new(object, name, isnan(value) ? json_null() : json_real(value)) == 0;
}

static int configure(endpoint *self, const sal_summarize_options *options, sal_error *err) {
    json_t *config = sal_configuration_start("endpoint", options, true);
    const bool complete =
        config != NULL && set_string(config, "model", self->address.model) &&
        set_string(config, "base_url", self->address.base) &&
        set_string(config, "template", options->template_name) &&
        set_string(config, "template_sha256", sal_template_digest(self->prompt_template)) &&
        set_string(config, "length_policy", options->length_policy) &&
        set_real(config, "temperature", self->temperature) &&
        set_real(config, "top_p", self->top_p) && set_real(config, "top_k", self->top_k) &&
        set_real(config, "repeat_penalty", self->repeat_penalty) &&
        json_object_set_new(config, "max_tokens", json_integer(self->max_tokens)) == 0 &&
        json_object_set_new(config, "seed", sal_configuration_seed(self->seed)) == 0;
    self->config = complete ? sal_configuration_text(config) : NULL;
    json_decref(config);
    return self->config == NULL ? sal_fail_memory(err, "a configuration") : SAL_OK;
}

static int fill_info(endpoint *self, const sal_summarize_options *options, sal_error *err) {
    sal_summarizer_info *info = &self->base.info;
    self->policy = sal_copy_string(options->length_policy);
    self->template_name = sal_copy_string(options->template_name);
    if (self->policy == NULL || self->template_name == NULL)
        return sal_fail_memory(err, "an endpoint's description");
    *info = sal_configuration_info("endpoint", self->config);
    info->model = self->address.model;
    info->length_policy = self->policy;
    info->template_name = self->template_name;
    info->temperature = self->temperature;
    info->top_p = self->top_p;
    info->top_k = self->top_k;
    info->repeat_penalty = self->repeat_penalty;
    info->has_seed = true;
    info->seed = self->seed;
    info->nested = self->trim;
    return SAL_OK;
}

static int open_address(endpoint *self, const sal_summarize_options *options, sal_error *err) {
    sal_buffer url = {0};
    int status = endpoint_address_parse(options->with, &self->address, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&url, err, "%s/chat/completions", self->address.base);
    if (status != SAL_OK)
        return status;
    self->url = url.bytes;
    self->one_host = options->one_host;
    endpoint_key_variable(self->address.host, self->variable);
    return endpoint_key_find(self->address.host, options->one_host, &self->key, err);
}

int sal_summarizer_open_endpoint(const sal_summarizer_setting *setting, sal_summarizer **out,
                                 sal_error *err) {
    const sal_summarize_options *options = setting->options;
    endpoint *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, "an endpoint");
    self->base.has_lengths = true;
    self->base.summarize_units = summarize_units;
    self->base.count = count_bytes;
    self->base.close = close_endpoint;
    self->text = setting->text;
    self->study = setting->study;
    self->progress = setting->progress;
    self->http = (sal_http_options){options->jobs, options->attempts, options->backoff_seconds};
    self->timeout_seconds = options->timeout_seconds;
    self->usage.price_in = options->price_in;
    self->usage.price_out = options->price_out;
    self->temperature = isnan(options->temperature) ? default_temperature : options->temperature;
    self->top_p = options->top_p;
    self->top_k = options->top_k;
    self->repeat_penalty = options->repeat_penalty;
    self->seed = options->seed;
    self->max_tokens = options->max_tokens;
    int status = SAL_OK;
    if (options->chat_template != NULL)
        status = sal_fail(err, SAL_EINVAL,
                          "--chat-template is for local models: an endpoint has its own");
    if (status == SAL_OK)
        status = open_address(self, options, err);
    if (status == SAL_OK)
        status = sal_length_policy_parse(options->length_policy, &self->trim, &self->retries, err);
    if (status == SAL_OK)
        status = sal_template_open(options->template_name, &self->prompt_template, err);
    if (status == SAL_OK)
        status = configure(self, options, err);
    if (status == SAL_OK)
        status = fill_info(self, options, err);
    if (status == SAL_OK)
        *out = &self->base;
    else
        close_endpoint(&self->base);
    return status;
}
