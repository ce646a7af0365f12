/* What workers of the stage share: failure, progress, scores. */
#include "probe/stage.h"

#include <math.h>
#include <string.h>

#include "probe/evaluate.h"

void probe_stage_fail(probe_stage *stage, int status, const sal_error *error) {
    pthread_mutex_lock(&stage->mutex);
    if (stage->status == SAL_OK) {
        stage->status = status;
        stage->error = *error;
    }
    pthread_mutex_unlock(&stage->mutex);
}

bool probe_stage_stopped(probe_stage *stage) {
    if (sal_progress_cancelled(stage->progress)) {
        sal_error error = {0};
        probe_stage_fail(stage,
                         sal_fail(&error, SAL_ECANCELLED,
                                  "interrupted; the same command goes on or begins anew with the "
                                  "same numbers"),
                         &error);
    }
    pthread_mutex_lock(&stage->mutex);
    const bool stopped = stage->status != SAL_OK;
    pthread_mutex_unlock(&stage->mutex);
    return stopped;
}

void probe_stage_advance(probe_stage *stage) {
    pthread_mutex_lock(&stage->mutex);
    stage->done++;
    stage->tally->done++;
    sal_progress_update(stage->progress, "probe", stage->done, stage->total, "probes");
    pthread_mutex_unlock(&stage->mutex);
}

/* Scores of all documents by one set of words: [PROBE_METRICS,D]. */
static int score_documents(const probe_stage *stage, const double *predictions, bool normalised,
                           const unsigned char *use, double *scores, sal_error *err) {
    const probe_data *data = &stage->data;
    int status = SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        const size_t start = data->start[d], n = data->start[d + 1] - start;
        double values[PROBE_METRICS];
        status = probe_score(data->y + start, predictions + start, use == NULL ? NULL : use + start,
                             n, normalised, values, err);
        for (int m = 0; status == SAL_OK && m < PROBE_METRICS; m++)
            scores[(size_t)m * data->documents + d] = values[m];
    }
    return status;
}

int probe_stage_add_scores(probe_stage *stage, const double *predictions, bool normalised,
                           int layer, const char *control, int64_t seed, sal_error *err) {
    const size_t D = stage->data.documents;
    double *scores = sal_calloc(PROBE_METRICS, D * sizeof *scores);
    int status = scores == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
    for (int set = 0; status == SAL_OK && set < (stage->content == NULL ? 1 : 2); set++) {
        status = score_documents(stage, predictions, normalised, set == 0 ? NULL : stage->content,
                                 scores, err);
        if (status == SAL_OK && set == 0 && seed <= 1 && strcmp(control, "none") == 0)
            status = probe_best_offer(stage, predictions, scores + PROBE_SPEARMAN * D, layer, err);
        for (int m = 0; status == SAL_OK && m < PROBE_METRICS; m++) {
            const probe_series series = {.words = set == 0 ? "all" : "content",
                                         .control = control,
                                         .metric = probe_metric_name((probe_metric)m),
                                         .layer = layer,
                                         .seed = seed,
                                         .values = scores + (size_t)m * D};
            status = probe_series_add(&stage->series, &series, err);
        }
    }
    sal_free(scores);
    return status;
}

int probe_stage_add_task(probe_stage *stage, const double *predictions, const double *of_task,
                         size_t draw, int layer, sal_error *err) {
    const probe_data *data = &stage->data;
    const size_t D = data->documents;
    const double *y = stage->task + draw * data->rows;
    double *values = sal_calloc(2 * D, sizeof *values);
    int status = values == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < D; d++) {
        const size_t start = data->start[d], n = data->start[d + 1] - start;
        double probe = (double)NAN;
        status = probe_score_spearman(y + start, of_task + start, stage->seen + start, n,
                                      &values[d], err);
        if (status == SAL_OK)
            status = probe_score_spearman(data->y + start, predictions + start, stage->seen + start,
                                          n, &probe, err);
        values[D + d] = probe - values[d];
    }
    for (int m = 0; status == SAL_OK && m < 2; m++) {
        const probe_series series = {.words = "all",
                                     .control = "control-task",
                                     .metric = m == 0 ? "spearman" : "selectivity",
                                     .layer = layer,
                                     .seed = (int64_t)draw + 1,
                                     .values = values + (size_t)m * D};
        status = probe_series_add(&stage->series, &series, err);
    }
    sal_free(values);
    return status;
}

int probe_stage_add_difference(probe_stage *stage, const double *base, const double *other,
                               int layer, const char *control, sal_error *err) {
    const probe_data *data = &stage->data;
    double *values = sal_calloc(data->documents, sizeof *values);
    unsigned char *both = sal_calloc(data->rows, 1);
    int status = values == NULL || both == NULL ? sal_fail_memory(err, "scores") : SAL_OK;
    for (size_t r = 0; both != NULL && r < data->rows; r++)
        both[r] = !isnan(base[r]) && !isnan(other[r]);
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++) {
        const size_t start = data->start[d], n = data->start[d + 1] - start;
        double rho[2] = {(double)NAN, (double)NAN};
        for (int k = 0; status == SAL_OK && k < 2; k++)
            status = probe_score_spearman(data->y + start, (k == 0 ? base : other) + start,
                                          both + start, n, &rho[k], err);
        values[d] = rho[1] - rho[0];
    }
    const probe_series series = {.words = "all",
                                 .control = control,
                                 .metric = "spearman",
                                 .layer = layer,
                                 .seed = -1,
                                 .values = values};
    if (status == SAL_OK)
        status = probe_series_add(&stage->series, &series, err);
    sal_free(values);
    sal_free(both);
    return status;
}

int probe_stage_add_number(probe_stage *stage, double value, int layer, const char *control,
                           const char *metric, sal_error *err) {
    double *values = sal_calloc(stage->data.documents, sizeof *values);
    if (values == NULL)
        return sal_fail_memory(err, "scores");
    for (size_t d = 0; d < stage->data.documents; d++)
        values[d] = value;
    const probe_series series = {.words = "all",
                                 .control = control,
                                 .metric = metric,
                                 .layer = layer,
                                 .seed = -1,
                                 .values = values};
    const int status = probe_series_add(&stage->series, &series, err);
    sal_free(values);
    return status;
}
