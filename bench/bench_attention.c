/* The forward pass with and without attention's sums, by our own backend and by libllama alone: one run, alternated, medians.
 *
 *      bench_attention MODEL.gguf TEXT TOKENS [ROUNDS]
 *
 *  A bare pass is one that takes the last position's hidden state: nothing is added up. The text is repeated to the tokens wanted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "salient/file.h"
#include "salient/tap.h"

enum { WAYS = 3, ROUNDS_MOST = 99, TEXT_MOST = 64 << 20 };

static const sal_compute computes[WAYS] = {SAL_COMPUTE_STOCK, SAL_COMPUTE_F32, SAL_COMPUTE_BF16};
static const char *const names[WAYS] = {"libllama alone", "own, f32", "own, bf16"};

typedef struct way {
    sal_model *model;
    sal_tap *tap;
    double seconds[2][ROUNDS_MOST]; /* bare, with sums */
    double processor[2][ROUNDS_MOST];
} way;

static double processor_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

static int run_once(way *self, int32_t *tokens, size_t count, int sums, int round, sal_error *err) {
    const int32_t last = (int32_t)count - 1;
    sal_tap_request request = {.tokens = tokens, .token_count = count, .last_layer = -1};
    sal_tap_result result = {0};
    if (sums) {
        request.received = true;
    } else {
        request.hidden = true;
        request.positions = &last;
        request.position_count = 1;
    }
    const double before = processor_seconds();
    int status = sal_tap_run(self->tap, &request, &result, NULL, err);
    if (status == SAL_OK && round >= 0) {
        self->seconds[sums][round] = result.seconds;
        self->processor[sums][round] = processor_seconds() - before;
    }
    sal_tap_result_free(&result);
    return status;
}

static int open_way(way *self, int which, const char *path, sal_error *err) {
    const sal_model_options options = {.compute = computes[which]};
    int status = sal_model_open(path, &options, &self->model, err);
    return status != SAL_OK ? status : sal_tap_open(self->model, NULL, &self->tap, err);
}

static int read_tokens(const sal_model *model, const char *path, size_t count, int32_t *tokens,
                       sal_error *err) {
    sal_buffer text = {0};
    sal_tokens some = {0};
    int status = sal_file_read_all(path, TEXT_MOST, &text, err);
    if (status == SAL_OK)
        status = sal_model_tokenize(model, text.bytes, text.length, false, false, &some, err);
    if (status == SAL_OK && some.count == 0)
        status = sal_fail(err, SAL_EINVAL, "%s: no tokens", path);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        tokens[i] = some.ids[i % some.count];
    sal_tokens_free(&some);
    sal_buffer_free(&text);
    return status;
}

static void print(way *ways, size_t count, int rounds) {
    double stock = 0;
    printf("%zu tokens, medians of %d; seconds by the clock (of processor time)\n", count, rounds);
    for (int w = 0; w < WAYS; w++) {
        if (ways[w].tap == NULL)
            continue;
        double bare = median(ways[w].seconds[0], rounds), sums = median(ways[w].seconds[1], rounds);
        double bare_processor = median(ways[w].processor[0], rounds);
        double sums_processor = median(ways[w].processor[1], rounds);
        stock = w == 0 ? bare : stock;
        printf("%-16s bare %.3f (%.3f)  with sums %.3f (%.3f), %.2f of bare; of libllama's bare "
               "pass: %.2f bare, %.2f with sums\n",
               names[w], bare, bare_processor, sums, sums_processor, sums / bare, bare / stock,
               sums / stock);
    }
}

static int measure(way *ways, int32_t *tokens, size_t count, int rounds, sal_error *err) {
    int status = SAL_OK;
    for (int round = -1; status == SAL_OK && round < rounds; round++) /* the first warms up */
        for (int w = 0; status == SAL_OK && w < WAYS; w++)
            for (int sums = 0; status == SAL_OK && ways[w].tap != NULL && sums < 2; sums++)
                status = run_once(&ways[w], tokens, count, sums, round, err);
    return status;
}

int main(int argc, char **argv) {
    static way ways[WAYS];
    sal_error err = {0};
    sal_buffer system = {0};
    const long count = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    const long rounds = argc > 4 ? strtol(argv[4], NULL, 10) : 5;
    if (count < 2 || count > 1 << 20 || rounds < 1 || rounds > ROUNDS_MOST) {
        fprintf(stderr, "usage: bench_attention MODEL.gguf TEXT TOKENS [ROUNDS]\n");
        return 2;
    }
    int32_t *tokens = sal_calloc((size_t)count, sizeof *tokens);
    int status = tokens != NULL ? SAL_OK : sal_fail_memory(&err, "tokens");
    for (int w = 0; status == SAL_OK && w < WAYS; w++) {
        status = open_way(&ways[w], w, argv[1], &err);
        if (w > 0 && status == SAL_EUNSUPPORTED) /* bf16 where it cannot run */
            status = SAL_OK;
    }
    if (status == SAL_OK)
        status = sal_model_system(&system, &err);
    if (status == SAL_OK)
        status = read_tokens(ways[0].model, argv[2], (size_t)count, tokens, &err);
    if (status == SAL_OK)
        status = measure(ways, tokens, (size_t)count, (int)rounds, &err);
    if (status == SAL_OK) {
        printf("%s\n", system.bytes);
        print(ways, (size_t)count, (int)rounds);
    } else {
        fprintf(stderr, "bench_attention: %s\n", err.text);
    }
    for (int w = 0; w < WAYS; w++) {
        sal_tap_close(ways[w].tap);
        sal_model_close(ways[w].model);
    }
    sal_buffer_free(&system);
    sal_free(tokens);
    return status == SAL_OK ? 0 : 1;
}
