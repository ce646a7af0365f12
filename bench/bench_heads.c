/* Times the head analysis. bench/heads drives it:
 *
 *     bench_heads metrics DOCUMENTS HEADS WORDS THREADS     all metrics of so many heads, from word values in memory
 *     bench_heads stage MODEL.gguf STUDY THREADS WHAT PERMUTATIONS
 *                                                           sal_heads_run; bare prefills of the same texts. WHAT: evidence with
 *                                                           commas; retrieval: retrieval heads; renormalise: without the first 4 tokens
 *
 * One line of JSON on standard output. The stage's clock runs from the second document to the last, so that loading the model stays
 * outside, and stops before the table over documents, whose bootstrap and permutations have a clock of their own; the prefills are of
 * the same documents, each after the stage, by an engine that is warm. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "salient/heads.h"
#include "salient/random.h"

static double now(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- metrics ------------------------------------------------------------------------------------ */

enum { VECTORS = 16, THREADS_AT_MOST = 64 };

typedef struct share {
    size_t documents, heads, words;
    size_t first, step;
    double sum; /* so that nothing is left out */
    int status;
} share;

/* Importance of few distinct values, attention of many. */
static void draw(sal_random *random, double *y, double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = sal_random_uniform(random) < .4 ? (double)sal_random_below(random, 11) / 10 : 0;
        for (size_t v = 0; v < VECTORS; v++)
            x[v * n + i] = exp(3 * sal_random_uniform(random));
    }
}

static int score_document(share *own, const double *y, const double *x, double *ranks) {
    sal_metrics_reference *reference = NULL;
    double values[SAL_METRICS];
    int status = sal_metrics_reference_open(SAL_STRICT, y, own->words, &reference, NULL);
    if (status != SAL_OK)
        return status;
    void *room = sal_calloc(1, sal_metrics_workspace(reference));
    status = room == NULL ? SAL_ENOMEM : SAL_OK;
    for (size_t h = 0; status == SAL_OK && h < own->heads; h++) {
        status = sal_metrics_against(reference, x + (h % VECTORS) * own->words, room, values, ranks,
                                     NULL);
        own->sum += values[SAL_METRIC_SPEARMAN] + values[SAL_METRIC_KL];
    }
    sal_free(room);
    sal_metrics_reference_close(reference);
    return status;
}

static void *work(void *argument) {
    share *own = argument;
    sal_random random;
    double *x = sal_calloc((VECTORS + 2) * own->words, sizeof *x);
    double *y = x + VECTORS * own->words;
    own->status = x == NULL ? SAL_ENOMEM : SAL_OK;
    for (size_t d = own->first; own->status == SAL_OK && d < own->documents; d += own->step) {
        sal_random_seed(&random, d);
        draw(&random, y, x, own->words);
        own->status = score_document(own, y, x, y + own->words);
    }
    sal_free(x);
    return NULL;
}

static int metrics(size_t documents, size_t heads, size_t words, size_t threads) {
    pthread_t others[THREADS_AT_MOST];
    share shares[THREADS_AT_MOST];
    int status = SAL_OK;
    if (threads < 1 || threads > THREADS_AT_MOST || words < 1)
        return SAL_EINVAL;
    const double start = now();
    for (size_t t = 0; t < threads; t++) {
        shares[t] = (share){documents, heads, words, t, threads, 0, SAL_OK};
        if (pthread_create(&others[t], NULL, work, &shares[t]) != 0)
            return SAL_EIO;
    }
    double sum = 0;
    for (size_t t = 0; t < threads; t++) {
        pthread_join(others[t], NULL);
        sum += shares[t].sum;
        status = shares[t].status != SAL_OK ? shares[t].status : status;
    }
    printf("{\"seconds\": %.6f, \"sum\": %.6f}\n", now() - start, sum);
    return status;
}

/* ---- the stage ---------------------------------------------------------------------------------- */

typedef struct watch {
    double second, tests; /* when the second document began, and resampling; 0: not yet */
} watch;

static void on_update(void *context, const char *stage, int64_t done, int64_t total,
                      const char *unit) {
    watch *clock = context;
    (void)total;
    (void)unit;
    if (strncmp(stage, "heads ", 6) == 0 && done == 1 && clock->second <= 0)
        clock->second = now();
    if (strcmp(stage, "tests of heads") == 0 && clock->tests <= 0)
        clock->tests = now();
}

static int prefill(sal_model *model, sal_engine *engine, const sal_document *document,
                   double *seconds, sal_error *err) {
    sal_prompt prompt = {0};
    sal_generate_result result = {0};
    sal_engine_timing timing = {0};
    int status = sal_model_tokenize(model, document->text, document->text_length, false, false,
                                    &prompt.tokens, err);
    const sal_generate_request request = {.prompt = &prompt, .max_tokens = 1, .expected_tokens = 1};
    if (status == SAL_OK)
        status = sal_engine_generate(engine, &request, 1, &result, &timing, NULL, err);
    *seconds = timing.prefill_seconds;
    sal_generate_result_free(&result);
    sal_tokens_free(&prompt.tokens);
    return status;
}

static int prefill_all(sal_study *study, const char *path, int threads, double *seconds,
                       sal_error *err) {
    const sal_model_options options = {.threads = threads};
    const sal_engine_options engine_options = {
        .sequences = 1, .context_tokens = 4096, .threads = threads, .sampling = {0, 1, 0, 1}};
    sal_model *model = NULL;
    sal_engine *engine = NULL;
    int64_t *keys = NULL;
    size_t count = 0;
    int status = sal_model_open(path, &options, &model, err);
    if (status == SAL_OK)
        status = sal_engine_open(model, &engine_options, &engine, err);
    if (status == SAL_OK)
        status = sal_study_document_keys(study, NULL, -1, &keys, &count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        sal_document *document = NULL;
        double one = 0;
        status = sal_study_get_document(study, keys[i], &document, err);
        if (status == SAL_OK)
            status = prefill(model, engine, document, &one, err);
        *seconds += i == 0 ? 0 : one; /* as the stage's clock */
        sal_document_free(document);
    }
    sal_free(keys);
    sal_engine_close(engine);
    sal_model_close(model);
    return status;
}

static bool names(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word))
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static int stage(const char *model, const char *folder, int threads, const char *what,
                 int permutations, sal_error *err) {
    watch clock = {0, 0};
    const sal_progress progress = {.update = on_update, .context = &clock};
    sal_heads_options options = sal_heads_defaults();
    sal_study *study = NULL;
    sal_tally tally = {0};
    double seconds = 0;
    options.model = model;
    options.by = "lead";
    for (int e = 0; e < SAL_EVIDENCES; e++)
        options.evidence[e] = names(what, sal_evidence_name((sal_evidence)e));
    options.retrieval = names(what, "retrieval");
    options.renormalise = names(what, "renormalise");
    options.skip_first = options.renormalise ? 4 : 0;
    options.permutations = permutations;
    options.model_options.threads = threads;
    int status = sal_study_open(folder, SAL_STUDY_WRITE, &study, err);
    if (status == SAL_OK)
        status = sal_heads_run(study, &options, &progress, NULL, &tally, err);
    const double end = now();
    if (status == SAL_OK)
        status = prefill_all(study, model, threads, &seconds, err);
    if (status == SAL_OK)
        printf("{\"documents\": %lld, \"heads_seconds\": %.6f, \"prefill_seconds\": %.6f, "
               "\"table_seconds\": %.6f}\n",
               (long long)tally.done, clock.tests - clock.second, seconds, end - clock.tests);
    const int closed = sal_study_close(study, status == SAL_OK ? err : NULL);
    return status == SAL_OK ? closed : status;
}

int main(int count, char **words) {
    sal_error err = {0};
    int status = SAL_EINVAL;
    if (count == 6 && strcmp(words[1], "metrics") == 0)
        status = metrics(strtoul(words[2], NULL, 10), strtoul(words[3], NULL, 10),
                         strtoul(words[4], NULL, 10), strtoul(words[5], NULL, 10));
    else if (count == 7 && strcmp(words[1], "stage") == 0)
        status = stage(words[2], words[3], (int)strtol(words[4], NULL, 10), words[5],
                       (int)strtol(words[6], NULL, 10), &err);
    if (status != SAL_OK)
        fprintf(stderr, "bench_heads: %s\n", err.text[0] != '\0' ? err.text : "wrong arguments");
    return status == SAL_OK ? 0 : 1;
}
