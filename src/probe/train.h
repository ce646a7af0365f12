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

/** Train, keep the weights that are best on dev, predict the test rows.
 *  out    predictions [N]: of test rows: sigmoid of the logit, or (article, kl) softmax over the document; others untouched
 *  out    *epochs that ran (NULL allowed)
 *  errs   SAL_EINVAL (nothing to train on or to stop by), SAL_ECANCELLED, SAL_ENOMEM */
int train_run(const train_options *options, const train_data *data, const sal_progress *progress,
              double *predictions, size_t *epochs, sal_error *err) SAL_MUST_CHECK;

#endif
