/* Online code of classes by a linear softmax head. */
#include "probe/online.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <cblas.h>

#include "salient/memory.h"
#include "salient/random.h"

enum { BATCH = 128, STEPS = 16, PATIENCE = 6, ROUNDS_AT_MOST = 100 };

typedef struct head {
    const float *x;
    const int *labels;
    size_t F, C;
    float *mean, *scale;  /* [F] */
    float *w, *g, *m, *v; /* [C,F], then bias [C] */
    float *batch;         /* [BATCH,F] */
    float *p;             /* [BATCH,C] */
    float *best;          /* [C,F+1] */
    double *counts;       /* [C] */
    size_t *order;        /* [N] */
    int64_t steps;
} head;

static void head_free(head *h) {
    sal_free(h->mean);
    sal_free(h->w);
    sal_free(h->batch);
    sal_free(h->p);
    sal_free(h->order);
    sal_free(h->counts);
    sal_free(h->best);
}

static int head_open(head *h, size_t rows, sal_error *err) {
    const size_t parameters = h->C * (h->F + 1);
    h->mean = sal_calloc(h->F, 2 * sizeof(float));
    h->w = sal_calloc(parameters, 4 * sizeof(float));
    h->batch = sal_calloc(BATCH, h->F * sizeof(float));
    h->p = sal_calloc(BATCH, h->C * sizeof(float));
    h->order = sal_calloc(rows, sizeof *h->order);
    h->counts = sal_calloc(h->C, sizeof *h->counts);
    h->best = sal_calloc(parameters, sizeof *h->best);
    if (h->mean == NULL || h->w == NULL || h->batch == NULL || h->p == NULL || h->order == NULL ||
        h->counts == NULL || h->best == NULL)
        return sal_fail_memory(err, "an online code");
    h->scale = h->mean + h->F;
    h->g = h->w + parameters;
    h->m = h->g + parameters;
    h->v = h->m + parameters;
    return SAL_OK;
}

static void standardise(head *h, size_t rows) {
    for (size_t f = 0; f < h->F; f++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < rows; r++) {
            sum += (double)h->x[r * h->F + f];
            squares += (double)h->x[r * h->F + f] * (double)h->x[r * h->F + f];
        }
        const double n = (double)rows, variance = squares / n - (sum / n) * (sum / n);
        h->mean[f] = (float)(sum / n);
        h->scale[f] = variance > 1e-12 * squares / n ? (float)(1 / sqrt(variance)) : 0;
    }
}

/* Probabilities of rows: p [count,C]. */
static void forward(head *h, const size_t *rows, size_t count) {
    const float *bias = h->w + h->C * h->F;
    for (size_t i = 0; i < count; i++) {
        const float *x = h->x + rows[i] * h->F;
        for (size_t f = 0; f < h->F; f++)
            h->batch[i * h->F + f] = (x[f] - h->mean[f]) * h->scale[f];
        memcpy(h->p + i * h->C, bias, h->C * sizeof *bias);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)count, (blasint)h->C,
                (blasint)h->F, 1, h->batch, (blasint)h->F, h->w, (blasint)h->F, 1, h->p,
                (blasint)h->C);
    for (size_t i = 0; i < count; i++) {
        float *p = h->p + i * h->C, most = p[0];
        double sum = 0;
        for (size_t c = 1; c < h->C; c++)
            most = p[c] > most ? p[c] : most;
        for (size_t c = 0; c < h->C; c++) {
            p[c] = expf(p[c] - most);
            sum += (double)p[c];
        }
        for (size_t c = 0; c < h->C; c++)
            p[c] = (float)((double)p[c] / sum);
    }
}

static void step(head *h, const size_t *rows, size_t count) {
    const size_t weights = h->C * h->F, parameters = weights + h->C;
    forward(h, rows, count);
    for (size_t i = 0; i < count; i++)
        h->p[i * h->C + (size_t)h->labels[rows[i]]] -= 1;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)h->C, (blasint)h->F,
                (blasint)count, 1 / (float)count, h->p, (blasint)h->C, h->batch, (blasint)h->F, 0,
                h->g, (blasint)h->F);
    for (size_t c = 0; c < h->C; c++) {
        h->g[weights + c] = 0;
        for (size_t i = 0; i < count; i++)
            h->g[weights + c] += h->p[i * h->C + c] / (float)count;
    }
    h->steps++;
    const float rate = (float)(3e-3 / (1 - pow(.9, (double)h->steps)));
    const float root = (float)(1 / sqrt(1 - pow(.999, (double)h->steps)));
    for (size_t i = 0; i < parameters; i++) {
        h->m[i] = .9F * h->m[i] + .1F * h->g[i];
        h->v[i] = .999F * h->v[i] + .001F * h->g[i] * h->g[i];
        if (i < weights)
            h->w[i] *= 1 - 3e-5F;
        h->w[i] -= rate * h->m[i] / (sqrtf(h->v[i]) * root + 1e-8F);
    }
}

static double bits_of(head *h, size_t from, size_t to) {
    double bits = 0;
    for (size_t at = from; at < to; at += BATCH) {
        size_t rows[BATCH];
        const size_t count = to - at < BATCH ? to - at : BATCH;
        for (size_t i = 0; i < count; i++)
            rows[i] = at + i;
        forward(h, rows, count);
        for (size_t i = 0; i < count; i++) {
            const double p = (double)h->p[i * h->C + (size_t)h->labels[at + i]];
            bits -= log2(p > 1e-12 ? p : 1e-12);
        }
    }
    return bits;
}

/* Begin with the class frequencies of rows and no weights. */
static void begin(head *h, size_t rows) {
    memset(h->w, 0, 4 * h->C * (h->F + 1) * sizeof *h->w);
    memset(h->counts, 0, h->C * sizeof *h->counts);
    for (size_t r = 0; r < rows; r++)
        h->counts[h->labels[r]]++;
    for (size_t c = 0; c < h->C; c++)
        h->w[h->C * h->F + c] = (float)log((h->counts[c] + 1) / ((double)rows + (double)h->C));
    h->steps = 0;
    standardise(h, rows);
}

/* Learn from the first four fifths of the rows that were told and stop by the last fifth, which a head of class frequencies alone begins. */
static void learn(head *h, size_t rows, sal_random *random) {
    const size_t parameters = h->C * (h->F + 1);
    const size_t training = rows - rows / 5 > 0 ? rows - rows / 5 : rows;
    size_t at = training, stale = 0;
    begin(h, rows);
    for (size_t r = 0; r < training; r++)
        h->order[r] = r;
    double best = bits_of(h, training, rows);
    memcpy(h->best, h->w, parameters * sizeof *h->w);
    for (size_t k = 0; k < ROUNDS_AT_MOST && stale < PATIENCE; k++) {
        for (size_t s = 0; s < STEPS; s++) {
            if (at >= training) {
                sal_random_shuffle(random, h->order, training);
                at = 0;
            }
            const size_t count = training - at < BATCH ? training - at : BATCH;
            step(h, h->order + at, count);
            at += count;
        }
        const double bits = bits_of(h, training, rows);
        stale = bits < best ? 0 : stale + 1;
        if (bits < best) {
            best = bits;
            memcpy(h->best, h->w, parameters * sizeof *h->w);
        }
    }
    memcpy(h->w, h->best, parameters * sizeof *h->w);
}

/* Bits of rows by how often each class came before them. */
static double prior_bits_of(const head *h, size_t from, size_t to, double *counts) {
    double bits = 0;
    memset(counts, 0, h->C * sizeof *counts);
    for (size_t r = 0; r < from; r++)
        counts[h->labels[r]]++;
    for (size_t r = from; r < to; r++)
        bits -= log2((counts[h->labels[r]] + 1) / ((double)from + (double)h->C));
    return bits;
}

/* Documents told after each block: 0.1, 0.2, ... % rounded up; repeats dropped. return blocks */
static size_t cut_blocks(size_t documents, size_t ends[16]) {
    size_t count = 0;
    double share = .001;
    for (bool more = true; more; share *= 2) {
        const double wanted = ceil((share < 1 ? share : 1) * (double)documents - 1e-9);
        more = share < 1;
        if (count == 0 || (size_t)wanted > ends[count - 1])
            ends[count++] = (size_t)wanted;
    }
    return count;
}

int online_run(const float *x, size_t F, const int *labels, int classes, const size_t *start,
               size_t documents, uint64_t seed, online_code *code, sal_error *err) {
    head h = {.x = x, .labels = labels, .F = F, .C = (size_t)classes};
    size_t ends[16] = {0};
    sal_random random;
    *code = (online_code){cut_blocks(documents, ends), (double)NAN, (double)NAN, (double)NAN};
    if (code->blocks < ONLINE_BLOCKS_AT_LEAST)
        return SAL_OK;
    const int status = head_open(&h, start[documents], err);
    if (status == SAL_OK) {
        sal_random_seed(&random, seed);
        code->bits = code->prior_bits = (double)start[ends[0]] * log2((double)classes);
        for (size_t b = 1; b < code->blocks; b++) {
            const size_t from = start[ends[b - 1]], to = start[ends[b]];
            learn(&h, from, &random);
            code->bits += bits_of(&h, from, to);
            code->prior_bits += prior_bits_of(&h, from, to, h.counts);
        }
        code->compression = code->prior_bits / code->bits;
    }
    head_free(&h);
    return status;
}
