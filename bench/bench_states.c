/* Times the extraction of hidden states. bench/states drives it:
 *
 *     bench_states MODEL.gguf TEXT TOKENS THREADS COMPUTE extract|both
 *
 * TEXT is repeated to so many tokens. Lines of JSON on standard output: one with the token ids when all is open, then one for each line
 * "go" on standard input: seconds by the clock and of processor time of one extraction (every state of every token, written to a spool as
 * `salient states` does) and, with both, of the engine's bare prefill of the same tokens before it, and the peak memory so far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "salient/file.h"
#include "salient/spool.h"
#include "salient/tap.h"

enum { TEXT_MOST = 64 << 20, LINE = 16 };

typedef struct bench {
    sal_model *model;
    sal_engine *engine; /* NULL: extraction alone */
    sal_tap *tap;
    sal_tokens tokens;
    sal_spool *spool;
} bench;

typedef struct spent {
    double seconds, processor;
} spent;

static double clock_of(clockid_t id) {
    struct timespec time = {0};
    (void)clock_gettime(id, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static spent now(void) {
    return (spent){clock_of(CLOCK_MONOTONIC), clock_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void since(spent start, spent *out) {
    const spent end = now();
    *out = (spent){end.seconds - start.seconds, end.processor - start.processor};
}

/* ---- set-up ----------------------------------------------------------------------------------------------------------------- */

static int read_tokens(bench *self, const char *path, size_t count, sal_error *err) {
    sal_buffer text = {0};
    sal_tokens some = {0};
    int status = sal_file_read_all(path, TEXT_MOST, &text, err);
    if (status == SAL_OK)
        status = sal_model_tokenize(self->model, text.bytes, text.length, false, false, &some, err);
    if (status == SAL_OK && (some.count == 0 || count == 0))
        status = sal_fail(err, SAL_EINVAL, "%s: no tokens", path);
    self->tokens.ids = sal_calloc(count, sizeof *self->tokens.ids);
    self->tokens.spans = sal_calloc(count, sizeof *self->tokens.spans);
    if (status == SAL_OK && (self->tokens.ids == NULL || self->tokens.spans == NULL))
        status = sal_fail_memory(err, "tokens");
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        self->tokens.ids[i] = some.ids[i % some.count];
    self->tokens.count = count;
    sal_tokens_free(&some);
    sal_buffer_free(&text);
    return status;
}

static int choose_compute(const char *word, sal_compute *out, sal_error *err) {
    static const char *const words[] = {"auto", "bf16", "f32", "stock"};
    for (int i = 0; i < 4; i++)
        if (strcmp(words[i], word) == 0) {
            *out = (sal_compute)i;
            return SAL_OK;
        }
    return sal_fail(err, SAL_EINVAL, "%s is not auto, bf16, f32 or stock", word);
}

static int open_all(bench *self, char **words, sal_error *err) {
    const size_t count = strtoul(words[3], NULL, 10);
    sal_model_options options = {.threads = (int)strtol(words[4], NULL, 10)};
    const sal_engine_options engine = {
        .sequences = 1, .context_tokens = (int)count + 1, .sampling = {0, 1, 0, 1}};
    int status = choose_compute(words[5], &options.compute, err);
    if (status == SAL_OK)
        status = sal_model_open(words[1], &options, &self->model, err);
    if (status == SAL_OK)
        status = read_tokens(self, words[2], count, err);
    if (status == SAL_OK && strcmp(words[6], "both") == 0)
        status = sal_engine_open(self->model, &engine, &self->engine, err);
    if (status == SAL_OK)
        status = sal_tap_open(self->model, NULL, &self->tap, err);
    if (status == SAL_OK)
        status = sal_spool_open("bench", &self->spool, err);
    return status;
}

static void close_all(bench *self) {
    sal_spool_close(self->spool);
    sal_tap_close(self->tap);
    sal_engine_close(self->engine);
    sal_tokens_free(&self->tokens);
    sal_model_close(self->model);
}

static void tell_ready(const bench *self) {
    const sal_model_info *info = sal_model_describe(self->model);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("{\"model\": \"%s\", \"backend\": \"%s\", \"model_bytes\": %llu, \"open_bytes\": %lld, "
           "\"ids\": [",
           info->type, info->backend, (unsigned long long)info->bytes,
           (long long)usage.ru_maxrss * 1024);
    for (size_t i = 0; i < self->tokens.count; i++)
        printf("%s%d", i > 0 ? "," : "", self->tokens.ids[i]);
    printf("]}\n");
    fflush(stdout);
}

/* ---- what is timed ------------------------------------------------------------------------------------------------------------ */

static int prefill(bench *self, spent *out, sal_error *err) {
    sal_prompt prompt = {.tokens = self->tokens};
    const sal_generate_request request = {.prompt = &prompt, .max_tokens = 1, .expected_tokens = 1};
    sal_generate_result result = {0};
    const spent start = now();
    int status = sal_engine_generate(self->engine, &request, 1, &result, NULL, NULL, err);
    since(start, out);
    sal_generate_result_free(&result);
    return status;
}

static int keep_rows(void *context, size_t state, size_t first, size_t count, size_t D,
                     const float *rows, sal_error *err) {
    const bench *self = context;
    return sal_spool_write(self->spool, (state * self->tokens.count + first) * D * sizeof *rows,
                           rows, count * D * sizeof *rows, err);
}

static int extract(bench *self, spent *out, sal_error *err) {
    const sal_tap_request request = {.tokens = self->tokens.ids,
                                     .token_count = self->tokens.count,
                                     .hidden = true,
                                     .take = keep_rows,
                                     .take_context = self,
                                     .last_layer = -1};
    sal_tap_result result = {0};
    const spent start = now();
    int status = sal_tap_run(self->tap, &request, &result, NULL, err);
    since(start, out);
    sal_tap_result_free(&result);
    return status;
}

static int go(bench *self, sal_error *err) {
    spent bare = {0, 0}, all = {0, 0};
    struct rusage usage;
    int status = self->engine != NULL ? prefill(self, &bare, err) : SAL_OK;
    if (status == SAL_OK)
        status = extract(self, &all, err);
    if (status != SAL_OK)
        return status;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("{\"prefill\": {\"seconds\": %.6f, \"processor\": %.6f}, \"extract\": {\"seconds\": "
           "%.6f, \"processor\": %.6f}, \"peak_bytes\": %lld}\n",
           bare.seconds, bare.processor, all.seconds, all.processor,
           (long long)usage.ru_maxrss * 1024);
    fflush(stdout);
    return SAL_OK;
}

int main(int count, char **words) {
    sal_error err = {0};
    bench self = {0};
    char line[LINE];
    int status = count == 7 ? open_all(&self, words, &err)
                            : sal_fail(&err, SAL_EINVAL, "wrong number of arguments");
    if (status == SAL_OK)
        tell_ready(&self);
    while (status == SAL_OK && fgets(line, sizeof line, stdin) != NULL)
        status = go(&self, &err);
    close_all(&self);
    if (status != SAL_OK)
        fprintf(stderr, "bench_states: %s\n", err.text);
    return status == SAL_OK ? 0 : 1;
}
