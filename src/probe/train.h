/** Training of one network: batches, early stopping, learning rate, predictions. Pure: arrays in, arrays out, one thread, a seed. */
#ifndef SALIENT_PROBE_TRAIN_H
#define SALIENT_PROBE_TRAIN_H

#include "probe/network.h"
#include "probe/split.h"
#include "salient/progress.h"

typedef struct train_options {
    sal_probe_kind kind;
    sal_probe_loss loss;
    bool attention;
    size_t epochs;
    size_t batch;    /* rows; article: documents */
    size_t patience; /* epochs without gain on dev before it stops */
    double rate;
    double weight_decay;
    bool halve;       /* learning rate halved after 2 epochs without gain on dev */
    bool standardise; /* columns by the training rows */
    uint64_t seed;
} train_options;

/** The paper's settings of a kind (METHODS 4). kind is not linear. */
train_options train_paper(sal_probe_kind kind, sal_probe_loss loss);

/** Rows and what they are for. */
typedef struct train_data {
    const float *x; /* [N,F] */
    size_t F;
    const double *y;     /* [N] */
    const size_t *start; /* [D+1] where documents begin */
    size_t documents;
    const size_t *
        part; /* [N]; SIZE_MAX: left out; article: the part of a document is that of its first row */
    const split_rounds *rounds;
    size_t round; /* which of them */
} train_data;

/** All that a training in progress is, between two epochs. Arrays belong to the training. */
typedef struct train_state {
    size_t parameters, buffers, units;
    float *weights, *first, *second,
        *best_weights;             /* [parameters]; first, second: Adam's moments */
    float *running, *best_running; /* [buffers] of the batch norms */
    size_t *order;                 /* [units] that are trained on */
    int64_t epoch;                 /* that are over */
    int64_t steps, stale, flat;
    double rate, best, least; /* best and least: losses on dev */
    uint64_t random[4];
} train_state;

/** What a finished training has learnt. Arrays are borrowed for the call. */
typedef struct train_result {
    const probe_plan *plan;
    const float *weights, *buffers;
    const float *mean,
        *scale; /* [F] taken off and multiplied in first; NULL: columns are as they are */
    size_t epochs;
} train_result;

/** Files of a training are the caller's business; each of these may be NULL. */
typedef struct train_hooks {
    /** Fill the arrays and numbers of a training that was interrupted; sizes are set. *found false: there is none that fits. */
    int (*load)(void *context, train_state *state, bool *found, sal_error *err);
    /** After an epoch that is not the last. */
    int (*save)(void *context, const train_state *state, sal_error *err);
    int (*give)(void *context, const train_result *result, sal_error *err);
    void *context;
} train_hooks;

/** Train, keep the weights that are best on dev, predict the test rows. A training that goes on from a loaded state ends with the same
 *  numbers as one that was never interrupted.
 *  in     hooks: NULL: none
 *  out    predictions [N]: of test rows: sigmoid of the logit, or (article, kl) softmax over the document; others untouched
 *  out    *epochs that ran (NULL allowed)
 *  errs   SAL_EINVAL (nothing to train on or to stop by), SAL_ECANCELLED, SAL_ENOMEM */
int train_run(const train_options *options, const train_data *data, const train_hooks *hooks,
              const sal_progress *progress, double *predictions, size_t *epochs,
              sal_error *err) SAL_MUST_CHECK;

#endif
