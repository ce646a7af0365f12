/** How well predictions order the words of a document, and means over documents and seeds. Pure. */
#ifndef SALIENT_PROBE_EVALUATE_H
#define SALIENT_PROBE_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

typedef enum probe_metric {
    PROBE_SPEARMAN,
    PROBE_PEARSON,
    PROBE_MAE,
    PROBE_NDCG_10,
    PROBE_KL,
    PROBE_RENYI_2,
    PROBE_METRICS
} probe_metric;
/** "spearman", "pearson", "mae", "ndcg@10", "kl", "renyi@2". */
const char *probe_metric_name(probe_metric metric);

/** Scores of one document.
 *  in     y, prediction [n]; a prediction of NaN leaves its word out, as does use[i] = 0 (use NULL: all)
 *  in     normalised: predictions are shares of the document's importance, so MAE compares with y over its sum
 *  math   as METHODS 3, strict; for KL and Renyi negative predictions count as 0
 *  out    scores [PROBE_METRICS]; NaN: undefined
 *  errs   SAL_ENOMEM */
int probe_score(const double *y, const double *prediction, const unsigned char *use, size_t n,
                bool normalised, double scores[PROBE_METRICS], sal_error *err) SAL_MUST_CHECK;

/** Spearman of one document, with words left out as above. */
int probe_score_spearman(const double *y, const double *prediction, const unsigned char *use,
                         size_t n, double *rho, sal_error *err) SAL_MUST_CHECK;

/** Mean over documents and seeds with a 95 % percentile interval. */
typedef struct probe_mean {
    double value;              /* NaN: no document is defined */
    double low, high;          /* NaN below 20 documents */
    size_t defined, undefined; /* documents */
} probe_mean;

/** in     values [seeds,documents]; NaN left out; a document's value is its mean over seeds
 *  in     spread: how many times the variance of independent documents the mean has, >= 1: predictions share probes, and with folds each
 *         probe has learnt from documents that others are tested on. Nadeau & Bengio (2003): 1 + J n_test/n_train for J rounds
 *  math   bootstrap over documents, and over seeds where there are several: each draw takes both anew, n/spread documents of the n that are
 *         defined, 2000 draws
 *  errs   SAL_ENOMEM */
int probe_mean_of(const double *values, size_t seeds, size_t documents, double spread,
                  uint64_t seed, probe_mean *mean, sal_error *err) SAL_MUST_CHECK;

#endif
