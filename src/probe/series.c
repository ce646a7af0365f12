/* Scores of documents, and the results made of them. The order in which workers finish leaves no trace: series are sorted first. */
#include "probe/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/evaluate.h"
#include "salient/file.h"

int probe_series_open(probe_series_list *list, size_t documents, double spread, sal_error *err) {
    *list = (probe_series_list){.documents = documents, .spread = spread};
    return pthread_mutex_init(&list->mutex, NULL) == 0
               ? SAL_OK
               : sal_fail(err, SAL_ENOMEM, "out of memory: a lock");
}

void probe_series_close(probe_series_list *list) {
    for (size_t i = 0; i < list->count; i++)
        sal_free(list->items[i].values);
    sal_free(list->items);
    pthread_mutex_destroy(&list->mutex);
    *list = (probe_series_list){.count = 0};
}

int probe_series_add(probe_series_list *list, const probe_series *series, sal_error *err) {
    double *values = sal_calloc(list->documents, sizeof *values);
    if (values == NULL)
        return sal_fail_memory(err, "scores");
    memcpy(values, series->values, list->documents * sizeof *values);
    pthread_mutex_lock(&list->mutex);
    const int status =
        sal_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items, err);
    if (status == SAL_OK) {
        list->items[list->count] = *series;
        list->items[list->count++].values = values;
    } else {
        sal_free(values);
    }
    pthread_mutex_unlock(&list->mutex);
    return status;
}

const probe_series *probe_series_find(const probe_series_list *list, const char *words, int layer,
                                      const char *control, const char *metric) {
    for (size_t i = 0; i < list->count; i++) {
        const probe_series *s = &list->items[i];
        if (s->layer == layer && strcmp(s->words, words) == 0 && strcmp(s->control, control) == 0 &&
            strcmp(s->metric, metric) == 0)
            return s;
    }
    return NULL;
}

static int same(const probe_series *x, const probe_series *y) {
    int order = strcmp(x->words, y->words);
    if (order == 0)
        order = strcmp(x->control, y->control);
    if (order == 0)
        order = (x->layer > y->layer) - (x->layer < y->layer);
    return order != 0 ? order : strcmp(x->metric, y->metric);
}

static int by_key(const void *a, const void *b) {
    const probe_series *x = a, *y = b;
    const int order = same(x, y);
    return order != 0 ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

/* The interval of a result has a seed of its own, from what the result is about. */
static uint64_t seed_of(const probe_series *s, uint64_t seed) {
    char text[65];
    sal_sha256 hash;
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, &seed, sizeof seed);
    sal_sha256_add(&hash, s->metric, strlen(s->metric));
    sal_sha256_finish(&hash, text);
    return strtoull(text + 48, NULL, 16);
}

static int add_result(const probe_series_list *list, const probe_series *s, const double *values,
                      size_t seeds, int64_t which, uint64_t seed, sal_probe_result *result,
                      sal_error *err) {
    probe_mean mean;
    const int status =
        probe_mean_of(values, seeds, list->documents, list->spread, seed_of(s, seed), &mean, err);
    *result = (sal_probe_result){.words = s->words,
                                 .layer = s->layer,
                                 .control = s->control,
                                 .seed = which,
                                 .metric = s->metric,
                                 .value = mean.value,
                                 .low = mean.low,
                                 .high = mean.high,
                                 .documents = (int64_t)mean.defined,
                                 .undefined = (int64_t)mean.undefined};
    return status;
}

int probe_series_summarise(probe_series_list *list, uint64_t seed, sal_probe_result **results,
                           size_t *count, sal_error *err) {
    const size_t documents = list->documents;
    double *values = NULL;
    int status = SAL_OK;
    *count = 0;
    *results = sal_calloc(2 * list->count, sizeof **results);
    if (*results == NULL)
        return sal_fail_memory(err, "results");
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_key);
    for (size_t i = 0, end = 0; status == SAL_OK && i < list->count; i = end) {
        for (end = i + 1; end < list->count && same(&list->items[i], &list->items[end]) == 0;)
            end++;
        values = sal_calloc(end - i, documents * sizeof *values);
        if (values == NULL)
            status = sal_fail_memory(err, "results");
        for (size_t s = i; status == SAL_OK && s < end; s++)
            memcpy(values + (s - i) * documents, list->items[s].values, documents * sizeof *values);
        if (status == SAL_OK)
            status = add_result(list, &list->items[i], values, end - i, -1, seed,
                                &(*results)[(*count)++], err);
        for (size_t s = i; status == SAL_OK && s < end && list->items[s].seed >= 0; s++)
            status = add_result(list, &list->items[s], list->items[s].values, 1,
                                list->items[s].seed, seed, &(*results)[(*count)++], err);
        sal_free(values);
    }
    if (status != SAL_OK) {
        sal_free(*results);
        *results = NULL;
    }
    return status;
}
