/* Times sal_engine_generate on the prompts of one document. bench/generate and bench/memory drive it:
 *
 *     bench_generate MODEL.gguf SETTING.json
 *
 * SETTING.json: {"prompts": [{"system": "...", "user": "..."}, ...], "new_tokens": N, "context": N, "threads": N,
 *                "ignore_end": true|false, "compute": "auto|bf16|f32|stock", "cache": "auto|shared|streams", "unpacked": true|false}
 *
 * context 0 = the model's own, threads 0 = all processors; compute, cache and unpacked may be left out.
 *
 * Lines of JSON on standard output: one when model and engine are open (with every prompt's token ids), then one for each line
 * "go" on standard input. The clock runs around sal_engine_generate alone; the prompts are built before it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "salient/file.h"
#include "salient/memory.h"
#include "salient/model.h"

enum { MAXIMUM_SETTING = 64 << 20, MAXIMUM_PROMPTS = 1000 };

typedef struct bench {
    json_t *setting;
    sal_model *model;
    sal_engine *engine;
    sal_prompt *prompts;            /* [count] */
    sal_generate_request *requests; /* [count] */
    sal_generate_result *results;   /* [count] */
    size_t count;
    bool ignore_end;
    int new_tokens;
    double load_seconds;
    double engine_seconds;
} bench;

static double now(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int print_object(json_t *object, sal_error *err) {
    char *line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL)
        return sal_fail_memory(err, "a line of JSON");
    int written = printf("%s\n", line);
    int flushed = fflush(stdout);
    free(line);
    return written < 0 || flushed != 0 ? sal_fail(err, SAL_EIO, "standard output is closed")
                                       : SAL_OK;
}

static int read_number(const bench *self, const char *key, int low, int high, int *out,
                       sal_error *err) {
    const json_t *value = json_object_get(self->setting, key);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < low || number > high)
        return sal_fail(err, SAL_EINVAL, "the setting's '%s' must be a whole number from %d to %d",
                        key, low, high);
    *out = (int)number;
    return SAL_OK;
}

/* Which of the words a setting is; the first when it is left out. */
static int read_choice(const bench *self, const char *key, const char *const *words, int *out,
                       sal_error *err) {
    const json_t *value = json_object_get(self->setting, key);
    *out = 0;
    if (value == NULL)
        return SAL_OK;
    for (int i = 0; words[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), words[i]) == 0) {
            *out = i;
            return SAL_OK;
        }
    }
    return sal_fail(err, SAL_EINVAL, "the setting's '%s' is none of the words known", key);
}

static int read_setting(bench *self, const char *path, sal_error *err) {
    sal_buffer content = {0};
    json_error_t where;
    int status = sal_file_read_all(path, MAXIMUM_SETTING, &content, err);
    if (status != SAL_OK)
        return status;
    self->setting = json_loadb(content.bytes, content.length, 0, &where);
    sal_buffer_free(&content);
    if (self->setting == NULL)
        return sal_fail(err, SAL_EFORMAT, "%s:%d: %s", path, where.line, where.text);
    self->count = json_array_size(json_object_get(self->setting, "prompts"));
    if (self->count == 0 || self->count > MAXIMUM_PROMPTS)
        return sal_fail(err, SAL_EINVAL, "%s: %zu prompts; 1 to %d are allowed", path, self->count,
                        MAXIMUM_PROMPTS);
    self->ignore_end = json_is_true(json_object_get(self->setting, "ignore_end"));
    return read_number(self, "new_tokens", 1, 1 << 20, &self->new_tokens, err);
}

static int build_prompts(bench *self, sal_error *err) {
    self->prompts = sal_calloc(self->count, sizeof *self->prompts);
    self->requests = sal_calloc(self->count, sizeof *self->requests);
    self->results = sal_calloc(self->count, sizeof *self->results);
    if (self->prompts == NULL || self->requests == NULL || self->results == NULL)
        return sal_fail_memory(err, "prompts");
    const json_t *list = json_object_get(self->setting, "prompts");
    for (size_t i = 0; i < self->count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *system = json_string_value(json_object_get(item, "system"));
        const char *user = json_string_value(json_object_get(item, "user"));
        if (system == NULL || user == NULL)
            return sal_fail(err, SAL_EFORMAT, "prompt %zu has no 'system' or no 'user'", i);
        int status = sal_model_chat_prompt(self->model, NULL, system, user, &self->prompts[i], err);
        if (status != SAL_OK)
            return sal_fail_in(err, status, "prompt %zu", i);
        self->requests[i] = (sal_generate_request){.prompt = &self->prompts[i],
                                                   .seed = i + 1,
                                                   .max_tokens = self->new_tokens,
                                                   .expected_tokens = self->new_tokens};
    }
    return SAL_OK;
}

static int open_all(bench *self, const char *path, sal_error *err) {
    sal_model_options model_options = {0};
    sal_engine_options options = {.sequences = (int)self->count, .ignore_end = self->ignore_end};
    static const char *const computes[] = {"auto", "bf16", "f32", "stock", NULL};
    static const char *const caches[] = {"auto", "shared", "streams", NULL};
    int compute = 0, cache = 0;
    int status = read_number(self, "threads", 0, 1024, &model_options.threads, err);
    if (status == SAL_OK)
        status = read_choice(self, "compute", computes, &compute, err);
    if (status == SAL_OK)
        status = read_choice(self, "cache", caches, &cache, err);
    model_options.compute = (sal_compute)compute;
    model_options.pack_memory = json_is_true(json_object_get(self->setting, "unpacked")) ? -1 : 0;
    options.cache = (sal_cache)cache;
    if (status == SAL_OK)
        status = read_number(self, "context", 0, 1 << 24, &options.context_tokens, err);
    if (status != SAL_OK)
        return status;
    double started = now();
    status = sal_model_open(path, &model_options, &self->model, err);
    if (status != SAL_OK)
        return status;
    self->load_seconds = now() - started;
    options.sampling = sal_sampling_preset(sal_model_describe(self->model));
    return sal_engine_open(self->model, &options, &self->engine, err);
}

/* The context is made before the clock starts, as the model is loaded before it starts, on both sides. */
static int reserve(bench *self, sal_error *err) {
    size_t longest = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->prompts[i].tokens.count > longest)
            longest = self->prompts[i].tokens.count;
    double started = now();
    int status = sal_engine_reserve(self->engine, (int)longest + self->new_tokens, err);
    self->engine_seconds = now() - started;
    return status;
}

static json_t *prompt_ids(const bench *self) {
    json_t *list = json_array();
    for (size_t i = 0; i < self->count; i++) {
        json_t *ids = json_array();
        for (size_t t = 0; t < self->prompts[i].tokens.count; t++)
            json_array_append_new(ids, json_integer(self->prompts[i].tokens.ids[t]));
        json_array_append_new(list, ids);
    }
    return list;
}

static int print_ready(const bench *self, sal_error *err) {
    const sal_model_info *info = sal_model_describe(self->model);
    sal_buffer system = {0};
    sal_tokens document = {0};
    const char *text = json_string_value(json_object_get(self->setting, "document"));
    int status = sal_model_system(&system, err);
    if (status == SAL_OK && text != NULL)
        status = sal_model_tokenize(self->model, text, strlen(text), false, false, &document, err);
    if (status == SAL_OK)
        status = print_object(
            json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:o}", "ready", 1, "model",
                      info->type, "system", system.bytes, "model_bytes", (json_int_t)info->bytes,
                      "engine_bytes", (json_int_t)sal_engine_bytes(self->engine), "document_tokens",
                      (json_int_t)document.count, "load_seconds", self->load_seconds,
                      "engine_seconds", self->engine_seconds, "prompts", prompt_ids(self)),
            err);
    sal_tokens_free(&document);
    sal_buffer_free(&system);
    return status;
}

static int run_once(bench *self, sal_error *err) {
    sal_engine_timing timing = {0};
    double started = now();
    int status = sal_engine_generate(self->engine, self->requests, self->count, self->results,
                                     &timing, NULL, err);
    double seconds = now() - started;
    if (status != SAL_OK)
        return status;
    json_t *generated = json_array();
    for (size_t i = 0; i < self->count; i++) {
        json_array_append_new(generated, json_integer((json_int_t)self->results[i].token_count));
        sal_generate_result_free(&self->results[i]);
    }
    return print_object(
        json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "seconds", seconds, "prefill_seconds",
                  timing.prefill_seconds, "decode_seconds", timing.decode_seconds, "sample_seconds",
                  timing.sample_seconds, "prefill_tokens", (json_int_t)timing.prefill_tokens,
                  "decode_tokens", (json_int_t)timing.decode_tokens, "engine_bytes",
                  (json_int_t)sal_engine_bytes(self->engine), "generated", generated),
        err);
}

static int serve(bench *self, sal_error *err) {
    char line[80];
    int status = print_ready(self, err);
    while (status == SAL_OK && fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "go\n") != 0)
            return sal_fail(err, SAL_EINVAL, "expected a line 'go' on standard input");
        status = run_once(self, err);
    }
    return status;
}

int main(int argc, char **argv) {
    bench self = {0};
    sal_error err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: bench_generate MODEL.gguf SETTING.json\n");
        return 2;
    }
    int status = read_setting(&self, argv[2], &err);
    if (status == SAL_OK)
        status = open_all(&self, argv[1], &err);
    if (status == SAL_OK)
        status = build_prompts(&self, &err);
    if (status == SAL_OK)
        status = reserve(&self, &err);
    if (status == SAL_OK)
        status = serve(&self, &err);
    if (status != SAL_OK)
        fprintf(stderr, "bench_generate: %s\n", err.text);
    for (size_t i = 0; self.prompts != NULL && i < self.count; i++)
        sal_prompt_free(&self.prompts[i]);
    sal_free(self.results);
    sal_free(self.requests);
    sal_free(self.prompts);
    sal_engine_close(self.engine);
    sal_model_close(self.model);
    json_decref(self.setting);
    return status == SAL_OK ? 0 : 1;
}
