/* Forward passes of one text, bare or with attention's sums; bench/forward drives it:
 *
 *      bench_forward MODEL.gguf TEXT COMPUTE       COMPUTE: auto, bf16, f32 or stock
 *
 *  The text is repeated to the tokens wanted. One line of JSON when the model is open, then one for each line "bare TOKENS" or
 *  "sums TOKENS" on standard input. A bare pass takes the last position's hidden state: nothing is added up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "salient/file.h"
#include "salient/tap.h"

enum { TEXT_MOST = 64 << 20, TOKENS_MOST = 1 << 20 };

typedef struct bench {
    sal_model *model;
    sal_tap *tap;
    sal_tokens text;
    int32_t *tokens; /* [TOKENS_MOST] */
} bench;

static double processor_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int find_compute(const char *word, sal_compute *out, sal_error *err) {
    static const char *const words[] = {"auto", "bf16", "f32", "stock"};
    for (int i = 0; i < 4; i++) {
        *out = (sal_compute)i;
        if (strcmp(words[i], word) == 0)
            return SAL_OK;
    }
    return sal_fail(err, SAL_EINVAL, "'%s' is none of auto, bf16, f32, stock", word);
}

static int open_all(bench *self, char **words, sal_error *err) {
    sal_model_options options = {0};
    sal_buffer text = {0};
    int status = find_compute(words[3], &options.compute, err);
    if (status == SAL_OK)
        status = sal_model_open(words[1], &options, &self->model, err);
    if (status == SAL_OK)
        status = sal_tap_open(self->model, NULL, &self->tap, err);
    if (status == SAL_OK)
        status = sal_file_read_all(words[2], TEXT_MOST, &text, err);
    if (status == SAL_OK)
        status = sal_model_tokenize(self->model, text.bytes, text.length, false, false, &self->text,
                                    err);
    if (status == SAL_OK && self->text.count == 0)
        status = sal_fail(err, SAL_EINVAL, "%s: no tokens", words[2]);
    if (status == SAL_OK && (self->tokens = sal_calloc(TOKENS_MOST, sizeof(int32_t))) == NULL)
        status = sal_fail_memory(err, "tokens");
    sal_buffer_free(&text);
    for (size_t i = 0; status == SAL_OK && i < TOKENS_MOST; i++)
        self->tokens[i] = self->text.ids[i % self->text.count];
    return status;
}

static int run_once(bench *self, bool sums, size_t count, sal_error *err) {
    const int32_t last = (int32_t)count - 1;
    sal_tap_request request = {.tokens = self->tokens,
                               .token_count = count,
                               .last_layer = -1,
                               .received = sums,
                               .hidden = !sums};
    sal_tap_result result = {0};
    if (!sums) {
        request.positions = &last;
        request.position_count = 1;
    }
    const double before = processor_seconds();
    int status = sal_tap_run(self->tap, &request, &result, NULL, err);
    if (status == SAL_OK)
        printf("{\"seconds\": %.6f, \"processor\": %.6f}\n", result.seconds,
               processor_seconds() - before);
    sal_tap_result_free(&result);
    return status;
}

static int serve(bench *self, sal_error *err) {
    char line[80];
    const sal_model_info *info = sal_model_describe(self->model);
    printf("{\"type\": \"%s\", \"backend\": \"%s\", \"bytes\": %llu, \"tokens\": [", info->type,
           info->backend, (unsigned long long)info->bytes);
    for (size_t i = 0; i < self->text.count; i++)
        printf("%s%d", i == 0 ? "" : ", ", (int)self->text.ids[i]);
    printf("]}\n");
    int status = SAL_OK;
    while (status == SAL_OK && fflush(stdout) == 0 && fgets(line, sizeof line, stdin) != NULL) {
        const unsigned long count = strtoul(line + 5, NULL, 10);
        const bool sums = strncmp(line, "sums ", 5) == 0;
        if ((!sums && strncmp(line, "bare ", 5) != 0) || count < 2 || count > TOKENS_MOST)
            return sal_fail(err, SAL_EINVAL, "expected 'bare TOKENS' or 'sums TOKENS'");
        status = run_once(self, sums, count, err);
    }
    return status;
}

int main(int argc, char **argv) {
    bench self = {0};
    sal_error err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: bench_forward MODEL.gguf TEXT auto|bf16|f32|stock\n");
        return 2;
    }
    int status = open_all(&self, argv, &err);
    if (status == SAL_OK)
        status = serve(&self, &err);
    if (status != SAL_OK)
        fprintf(stderr, "bench_forward: %s\n", err.text);
    sal_free(self.tokens);
    sal_tokens_free(&self.text);
    sal_tap_close(self.tap);
    sal_model_close(self.model);
    return status == SAL_OK ? 0 : 1;
}
