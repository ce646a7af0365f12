/** Scores of documents as they come from workers, and the results made of them. */
#ifndef SALIENT_PROBE_SERIES_H
#define SALIENT_PROBE_SERIES_H

#include <pthread.h>

#include "salient/probe.h"

/** One value for each document. Texts are literals. */
typedef struct probe_series {
    const char *words; /* "all", "content" */
    const char *control;
    const char *metric;
    int layer;      /* -1: none */
    int64_t seed;   /* -1: there is but one */
    double *values; /* [D], owned; NaN: undefined */
} probe_series;

/** Zero-initialise, then probe_series_open. Adding is safe from several threads. */
typedef struct probe_series_list {
    probe_series *items;
    size_t count, capacity;
    size_t documents;
    double spread; /* of every mean, as probe_mean_of takes it */
    pthread_mutex_t mutex;
} probe_series_list;

int probe_series_open(probe_series_list *list, size_t documents, double spread,
                      sal_error *err) SAL_MUST_CHECK;
void probe_series_close(probe_series_list *list);
/** in     values [D], copied */
int probe_series_add(probe_series_list *list, const probe_series *series,
                     sal_error *err) SAL_MUST_CHECK;

/** Series of the same words, layer, control and metric become one result over their seeds, and where there are several, one each.
 *  out    *results [*count], freed with sal_free */
int probe_series_summarise(probe_series_list *list, uint64_t seed, sal_probe_result **results,
                           size_t *count, sal_error *err) SAL_MUST_CHECK;

/** The series, or NULL. */
const probe_series *probe_series_find(const probe_series_list *list, const char *words, int layer,
                                      const char *control, const char *metric);

#endif
