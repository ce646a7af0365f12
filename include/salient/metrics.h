/** All metrics of METHODS 3 between a reference and a prediction over the same words. */
#ifndef SALIENT_METRICS_H
#define SALIENT_METRICS_H

#include "salient/text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sal_metric {
    SAL_METRIC_N,
    SAL_METRIC_SPEARMAN,
    SAL_METRIC_SPEARMAN_P,
    SAL_METRIC_KENDALL,
    SAL_METRIC_PEARSON,
    SAL_METRIC_MAE,
    SAL_METRIC_KL,
    SAL_METRIC_KL_UNIFORM,
    SAL_METRIC_KL_NORMALIZED,
    SAL_METRIC_NDCG_5,
    SAL_METRIC_NDCG_10,
    SAL_METRIC_PRECISION_1,
    SAL_METRIC_PRECISION_3,
    SAL_METRIC_PRECISION_5,
    SAL_METRIC_PRECISION_10,
    SAL_METRIC_RECALL_1,
    SAL_METRIC_RECALL_3,
    SAL_METRIC_RECALL_5,
    SAL_METRIC_RECALL_10,
    SAL_METRIC_KL_POWER2,
    SAL_METRIC_RENYI_1_5,
    SAL_METRIC_RENYI_2,
    SAL_METRIC_RENYI_3,
    SAL_METRIC_JS,
    SAL_METRIC_PARTIAL_SPEARMAN,
    SAL_METRICS
} sal_metric;

/** Name as in tables and JSON: "spearman", "ndcg@10", ... */
const char *sal_metric_name(sal_metric metric);

/** Compute all metrics.
 *  in     reference, prediction [n], finite and >= 0, on any scale; given [n] or NULL: the variable held constant in
 *         partial_spearman
 *  in     protocol: paper normalises both to sum 1 for every metric; strict only where a distribution is needed, takes Renyi on the
 *         clipped vectors and the reference itself as NDCG's relevance (METHODS 3)
 *  out    values [SAL_METRICS]; NaN = undefined
 *  errs   SAL_EINVAL (a value that is negative or not finite), SAL_ENOMEM
 *  cost   O(n log n) */
int sal_metrics_compute(sal_protocol protocol, const double *reference, const double *prediction,
                        const double *given, size_t n, double values[SAL_METRICS],
                        sal_error *err) SAL_MUST_CHECK;

/** A reference prepared for many predictions over the same words: the same numbers as sal_metrics_compute, at a fraction of its cost.
 *  Immutable once open: one object may be used by several threads. */
typedef struct sal_metrics_reference sal_metrics_reference;

/** in     reference [n], finite and >= 0
 *  errs   SAL_EINVAL, SAL_ENOMEM */
int sal_metrics_reference_open(sal_protocol protocol, const double *reference, size_t n,
                               sal_metrics_reference **out, sal_error *err) SAL_MUST_CHECK;
void sal_metrics_reference_close(sal_metrics_reference *reference);

/** Bytes that sal_metrics_against needs to work in, one room per thread. */
size_t sal_metrics_workspace(const sal_metrics_reference *reference);

/** All metrics of one prediction but partial_spearman, which stays NaN.
 *  in     prediction [n], finite and >= 0; workspace from sal_calloc
 *  out    values [SAL_METRICS]; ranks [n] of the prediction, doubled and centred: 2 r - (n + 1), whole numbers
 *  errs   SAL_EINVAL
 *  cost   O(n log n); allocates nothing */
int sal_metrics_against(const sal_metrics_reference *reference, const double *prediction,
                        void *workspace, double values[SAL_METRICS], double *ranks,
                        sal_error *err) SAL_MUST_CHECK;

/** The same for files that hold a JSON object {word: number} each. Words of reference must be in prediction (and given); others are
 *  left out.
 *  in     given_path: NULL when nothing is held constant
 *  errs   SAL_ENOTFOUND, SAL_EIO, SAL_EFORMAT (not such an object; names file and word), SAL_EINVAL (a word is missing) */
int sal_metrics_of_files(sal_protocol protocol, const char *reference_path,
                         const char *prediction_path, const char *given_path,
                         double values[SAL_METRICS], sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
