/* The linear probe. First pass: sums of each part of the split. Then every round's training set is all parts but its test and development
 * ones. Second pass: predictions of the rows that are tested. */
#include "probe/linear.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "probe/ridge.h"

enum { CHUNK = 256 }; /* rows of one product */

typedef struct work {
    const linear_job *job;
    size_t F;
    ridge_moments *parts; /* [parts] */
    ridge_fit *fits;      /* [rounds] */
    double *shift;        /* [F] */
    float *states;        /* [rows of the longest document, width] */
    double *x;            /* [rows of the longest document, F] */
    double *chunk_x;      /* [parts,CHUNK,F] */
    double *chunk_y;      /* [parts,CHUNK,R] */
    size_t *filled;       /* [parts] */
} work;

static void work_free(work *w) {
    for (size_t p = 0; w->parts != NULL && p < w->job->rounds->parts; p++)
        ridge_moments_free(&w->parts[p]);
    for (size_t r = 0; w->fits != NULL && r < w->job->rounds->rounds; r++)
        ridge_fit_free(&w->fits[r]);
    sal_free(w->parts);
    sal_free(w->fits);
    sal_free(w->shift);
    sal_free(w->states);
    sal_free(w->x);
    sal_free(w->chunk_x);
    sal_free(w->chunk_y);
    sal_free(w->filled);
}

static int work_open(work *w, sal_error *err) {
    const probe_data *data = w->job->data;
    const size_t parts = w->job->rounds->parts, rounds = w->job->rounds->rounds, R = w->job->R;
    const size_t width = w->job->features.source == NULL ? 0 : w->job->features.source->width;
    size_t longest = 0;
    int status = SAL_OK;
    for (size_t d = 0; d < data->documents; d++)
        if (data->start[d + 1] - data->start[d] > longest)
            longest = data->start[d + 1] - data->start[d];
    w->parts = sal_calloc(parts, sizeof *w->parts);
    w->fits = sal_calloc(rounds, sizeof *w->fits);
    w->shift = sal_calloc(w->F, sizeof *w->shift);
    w->states = sal_calloc(longest, width * sizeof *w->states);
    w->x = sal_calloc(longest, w->F * sizeof *w->x);
    w->chunk_x = sal_calloc(parts * CHUNK, w->F * sizeof *w->chunk_x);
    w->chunk_y = sal_calloc(parts * CHUNK, R * sizeof *w->chunk_y);
    w->filled = sal_calloc(parts, sizeof *w->filled);
    if (w->parts == NULL || w->fits == NULL || w->shift == NULL || w->states == NULL ||
        w->x == NULL || w->chunk_x == NULL || w->chunk_y == NULL || w->filled == NULL)
        return sal_fail_memory(err, "a probe");
    for (size_t p = 0; status == SAL_OK && p < parts; p++)
        status = ridge_moments_open(w->F, R, &w->parts[p], err);
    for (size_t r = 0; status == SAL_OK && r < rounds; r++)
        status = ridge_fit_open(w->F, R, &w->fits[r], err);
    return status;
}

/* Features of a document's rows into w->x, less the shift. */
static int fill(work *w, size_t document, sal_error *err) {
    const probe_features *features = &w->job->features;
    const probe_data *data = w->job->data;
    const size_t start = data->start[document], rows = data->start[document + 1] - start;
    const size_t surface = features->surface_to - features->surface_from;
    const size_t width = w->F - surface;
    int status = SAL_OK;
    if (width > 0)
        status =
            probe_source_read(features->source, data, document, features->slot, w->states, err);
    for (size_t r = 0; status == SAL_OK && r < rows; r++) {
        double *x = w->x + r * w->F;
        for (size_t f = 0; f < surface; f++)
            x[f] = data->surface[(start + r) * PROBE_SURFACE + features->surface_from + f] -
                   w->shift[f];
        for (size_t f = 0; f < width; f++)
            x[surface + f] = (double)w->states[r * width + f] - w->shift[surface + f];
    }
    return status;
}

/* A column's mean over the first document keeps sums of squares well away from cancellation. */
static int choose_shift(work *w, sal_error *err) {
    const size_t rows = w->job->data->start[1];
    const int status = fill(w, 0, err);
    for (size_t f = 0; status == SAL_OK && f < w->F; f++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += w->x[r * w->F + f];
        w->shift[f] = sum / (double)rows;
    }
    return status;
}

static void flush(work *w, size_t part) {
    ridge_moments_add(&w->parts[part], w->chunk_x + part * CHUNK * w->F,
                      w->chunk_y + part * CHUNK * w->job->R, w->filled[part]);
    w->filled[part] = 0;
}

static int sum_parts(work *w, sal_error *err) {
    const probe_data *data = w->job->data;
    const size_t R = w->job->R;
    int status = SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        status = fill(w, d, err);
        for (size_t row = data->start[d]; status == SAL_OK && row < data->start[d + 1]; row++) {
            const size_t part = w->job->part[row];
            if (part == SIZE_MAX)
                continue;
            const size_t place = part * CHUNK + w->filled[part]++;
            memcpy(w->chunk_x + place * w->F, w->x + (row - data->start[d]) * w->F,
                   w->F * sizeof *w->x);
            memcpy(w->chunk_y + place * R, w->job->targets + row * R, R * sizeof *w->chunk_y);
            if (w->filled[part] == CHUNK)
                flush(w, part);
        }
    }
    for (size_t p = 0; p < w->job->rounds->parts; p++)
        flush(w, p);
    return status;
}

static int fit_round(work *w, size_t round, sal_error *err) {
    const split_rounds *rounds = w->job->rounds;
    ridge_moments training = {0};
    int status = ridge_moments_open(w->F, w->job->R, &training, err);
    for (size_t p = 0; status == SAL_OK && p < rounds->parts; p++)
        if (split_trains(rounds, round, p))
            ridge_moments_merge(&training, &w->parts[p], 1);
    if (status == SAL_OK)
        status =
            ridge_solve(&training, &w->parts[rounds->development[round]], &w->fits[round], err);
    ridge_moments_free(&training);
    return status;
}

static void predict_row(const ridge_fit *fit, const double *x, size_t row, size_t N,
                        double *predictions) {
    for (size_t r = 0; r < fit->R; r++)
        predictions[r * N + row] =
            fit->bias[r] + cblas_ddot((blasint)fit->F, x, 1, fit->weights + r * fit->F, 1);
}

static int predict(work *w, double *predictions, sal_error *err) {
    const probe_data *data = w->job->data;
    const split_rounds *rounds = w->job->rounds;
    int status = SAL_OK;
    for (size_t i = 0; i < w->job->R * data->rows; i++)
        predictions[i] = (double)NAN;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        bool tested = false;
        for (size_t row = data->start[d]; row < data->start[d + 1]; row++)
            for (size_t r = 0; r < rounds->rounds; r++)
                tested = tested || w->job->part[row] == rounds->test[r];
        if (!tested)
            continue;
        status = fill(w, d, err);
        for (size_t row = data->start[d]; status == SAL_OK && row < data->start[d + 1]; row++)
            for (size_t r = 0; r < rounds->rounds; r++)
                if (w->job->part[row] == rounds->test[r])
                    predict_row(&w->fits[r], w->x + (row - data->start[d]) * w->F, row, data->rows,
                                predictions);
    }
    return status;
}

/* Weights of target 0 and the constant, which had the shift taken. */
static void give_weights(const work *w, size_t round, double *weights) {
    const ridge_fit *fit = &w->fits[round];
    double *own = weights + round * (w->F + 1);
    memcpy(own, fit->weights, w->F * sizeof *own);
    own[w->F] = fit->bias[0];
    for (size_t f = 0; f < w->F; f++)
        own[w->F] -= own[f] * w->shift[f];
}

int linear_run(const linear_job *job, double *predictions, double *lambda, double *weights,
               sal_error *err) {
    const probe_features *features = &job->features;
    work w = {.job = job,
              .F = features->surface_to - features->surface_from +
                   (features->source == NULL ? 0 : features->source->width)};
    int status = work_open(&w, err);
    if (status == SAL_OK)
        status = choose_shift(&w, err);
    if (status == SAL_OK)
        status = sum_parts(&w, err);
    for (size_t r = 0; status == SAL_OK && r < job->rounds->rounds; r++) {
        status = fit_round(&w, r, err);
        if (status == SAL_OK && lambda != NULL)
            memcpy(lambda + r * job->R, w.fits[r].lambda, job->R * sizeof *lambda);
        if (status == SAL_OK && weights != NULL)
            give_weights(&w, r, weights);
    }
    if (status == SAL_OK)
        status = predict(&w, predictions, err);
    work_free(&w);
    return status;
}
