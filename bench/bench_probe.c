/* Times the training of probes. bench/probe drives it:
 *
 *     bench_probe data FILE ROWS WIDTH                       rows of states with a signal, for both sides: see write_data
 *     bench_probe train FILE ROWS WIDTH BATCH THREADS        the layer-wise MLP of METHODS 4
 *
 * train reads lines "NETWORKS EPOCHS SEED" from standard input: so many networks with seeds from SEED on, so many epochs each, side by
 * side on at most THREADS threads, one each. It answers each with a line of JSON: seconds of them all, processor time, and for each network
 * the Pearson correlation on the test rows. Parts of the rows: ten of thirteen train, one stops, two test. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cblas.h>

#include "probe/train.h"
#include "salient/file.h"

enum { WORDS = 100, PARTS = 13, TEST = 11, DEVELOPMENT = 10, NETWORKS_MOST = 256, LINE = 100 };

typedef struct bench {
    float *x;
    double *y;
    size_t *start, *part;
    size_t rows, width, batch, threads;
} bench;

static double clock_of(clockid_t id) {
    struct timespec time = {0};
    (void)clock_gettime(id, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- data ------------------------------------------------------------------------------------------------------------------- */

static double normal(sal_random *random) {
    const double u = 1 - sal_random_uniform(random), v = sal_random_uniform(random);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* y [rows], then x [rows, width], floats: x normal, y the sigmoid of a plane, a fold of another one and noise. */
static int write_data(const char *path, size_t rows, size_t width, sal_error *err) {
    sal_output *output = NULL;
    sal_random random;
    float *y = sal_calloc(rows, sizeof *y), *x = sal_calloc(rows * width, sizeof *x);
    int status = y == NULL || x == NULL ? sal_fail_memory(err, path) : SAL_OK;
    sal_random_seed(&random, 1);
    for (size_t i = 0; status == SAL_OK && i < rows; i++) {
        double plane = 0, fold = 0;
        for (size_t f = 0; f < width; f++) {
            const double value = normal(&random);
            x[i * width + f] = (float)value;
            plane += f % 2 == 0 ? value : 0;
            fold += f % 3 == 0 ? value : 0;
        }
        plane /= sqrt((double)width / 2);
        fold = fabs(fold) / sqrt((double)width / 3);
        y[i] = (float)(1 / (1 + exp(1 - plane - fold - .5 * normal(&random))));
    }
    if (status == SAL_OK)
        status = sal_output_open(path, &output, err);
    if (status == SAL_OK) {
        const sal_sink sink = sal_output_sink(output);
        status = sal_sink_write(&sink, (const char *)y, rows * sizeof *y, err);
        if (status == SAL_OK)
            status = sal_sink_write(&sink, (const char *)x, rows * width * sizeof *x, err);
    }
    if (status == SAL_OK)
        status = sal_output_commit(output, err);
    else
        sal_output_discard(output);
    sal_free(x);
    sal_free(y);
    return status;
}

static int read_data(bench *self, const char *path, sal_error *err) {
    const size_t rows = self->rows, values = rows * (1 + self->width);
    sal_buffer bytes = {0};
    int status = sal_file_read_all(path, values * sizeof(float), &bytes, err);
    if (status == SAL_OK && bytes.length != values * sizeof(float))
        status = sal_fail(err, SAL_EFORMAT, "%s: not of this size", path);
    self->x = sal_calloc(rows, self->width * sizeof(float));
    self->y = sal_calloc(rows, sizeof *self->y);
    self->part = sal_calloc(rows, sizeof *self->part);
    self->start = sal_calloc(rows / WORDS + 2, sizeof *self->start);
    if (status == SAL_OK &&
        (self->x == NULL || self->y == NULL || self->part == NULL || self->start == NULL))
        status = sal_fail_memory(err, path);
    for (size_t i = 0; status == SAL_OK && i < rows; i++) {
        float y = 0;
        memcpy(&y, bytes.bytes + i * sizeof y, sizeof y);
        self->y[i] = (double)y;
        self->part[i] = i / WORDS % PARTS >= TEST ? TEST : i / WORDS % PARTS;
    }
    for (size_t d = 0; status == SAL_OK && d <= rows / WORDS; d++)
        self->start[d] = d * WORDS;
    if (status == SAL_OK)
        memcpy(self->x, bytes.bytes + rows * sizeof(float), rows * self->width * sizeof(float));
    sal_buffer_free(&bytes);
    return status;
}

/* ---- training --------------------------------------------------------------------------------------------------------------- */

typedef struct share {
    const bench *self;
    size_t first, step, networks, epochs;
    uint64_t seed;
    double *scores; /* [networks] */
    sal_error err;
    int status;
} share;

static double pearson(const bench *self, const double *predictions) {
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < self->rows; i++) {
        const double a = predictions[i], b = self->y[i];
        if (self->part[i] != TEST)
            continue;
        n++;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return (xy - x * y / n) / sqrt((xx - x * x / n) * (yy - y * y / n));
}

static void *work(void *argument) {
    share *own = argument;
    const bench *self = own->self;
    const split_rounds rounds = {
        .parts = PARTS, .learnt = PARTS, .rounds = 1, .test = {TEST}, .development = {DEVELOPMENT}};
    const train_data data = {.x = self->x,
                             .F = self->width,
                             .y = self->y,
                             .start = self->start,
                             .documents = self->rows / WORDS,
                             .part = self->part,
                             .rounds = &rounds};
    double *predictions = sal_calloc(self->rows, sizeof *predictions);
    own->status = predictions == NULL ? SAL_ENOMEM : SAL_OK;
    for (size_t n = own->first; own->status == SAL_OK && n < own->networks; n += own->step) {
        train_options options = train_paper(SAL_PROBE_MLP, SAL_PROBE_MSE);
        options.batch = self->batch;
        options.epochs = options.patience = own->epochs;
        options.seed = own->seed + n;
        own->status = train_run(&options, &data, NULL, NULL, predictions, NULL, &own->err);
        own->scores[n] = pearson(self, predictions);
    }
    sal_free(predictions);
    return NULL;
}

static int train(const bench *self, size_t networks, size_t epochs, uint64_t seed, sal_error *err) {
    pthread_t others[NETWORKS_MOST];
    share shares[NETWORKS_MOST];
    double scores[NETWORKS_MOST] = {0};
    const size_t threads = self->threads < networks ? self->threads : networks;
    int status = SAL_OK;
    const double start = clock_of(CLOCK_MONOTONIC), processor = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t t = 0; t < threads; t++) {
        shares[t] = (share){.self = self,
                            .first = t,
                            .step = threads,
                            .networks = networks,
                            .epochs = epochs,
                            .seed = seed,
                            .scores = scores};
        if (pthread_create(&others[t], NULL, work, &shares[t]) != 0)
            return sal_fail(err, SAL_EIO, "no thread can be made");
    }
    for (size_t t = 0; t < threads; t++) {
        (void)pthread_join(others[t], NULL);
        if (shares[t].status != SAL_OK)
            status = sal_fail(err, shares[t].status, "%s", shares[t].err.text);
    }
    printf("{\"seconds\": %.6f, \"processor\": %.6f, \"pearson\": [",
           clock_of(CLOCK_MONOTONIC) - start, clock_of(CLOCK_PROCESS_CPUTIME_ID) - processor);
    for (size_t n = 0; n < networks; n++)
        printf("%s%.6f", n > 0 ? ", " : "", scores[n]);
    printf("]}\n");
    fflush(stdout);
    return status;
}

static int answer(const bench *self, sal_error *err) {
    char line[LINE];
    int status = SAL_OK;
    while (status == SAL_OK && fgets(line, sizeof line, stdin) != NULL) {
        char *rest = NULL;
        const size_t networks = strtoul(line, &rest, 10), epochs = strtoul(rest, &rest, 10);
        const uint64_t seed = strtoul(rest, &rest, 10);
        if (networks < 1 || networks > NETWORKS_MOST || epochs < 1)
            return sal_fail(err, SAL_EINVAL, "NETWORKS EPOCHS SEED, not '%s'", line);
        status = train(self, networks, epochs, seed, err);
    }
    return status;
}

int main(int count, char **words) {
    sal_error err = {0};
    bench self = {0};
    int status = sal_fail(&err, SAL_EINVAL, "wrong arguments");
    if (count == 5 && strcmp(words[1], "data") == 0)
        status =
            write_data(words[2], strtoul(words[3], NULL, 10), strtoul(words[4], NULL, 10), &err);
    if (count == 7 && strcmp(words[1], "train") == 0) {
        self.rows = strtoul(words[3], NULL, 10);
        self.width = strtoul(words[4], NULL, 10);
        self.batch = strtoul(words[5], NULL, 10);
        self.threads = strtoul(words[6], NULL, 10);
        openblas_set_num_threads(1); /* as sal_probe_run has it */
        status = read_data(&self, words[2], &err);
        if (status == SAL_OK)
            status = answer(&self, &err);
    }
    sal_free(self.x);
    sal_free(self.y);
    sal_free(self.start);
    sal_free(self.part);
    if (status != SAL_OK)
        fprintf(stderr, "bench_probe: %s\n", err.text);
    return status == SAL_OK ? 0 : 1;
}
