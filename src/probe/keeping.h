/** Files of a training of a network: where it stands, so that a killed run goes on within it, and what it has learnt. */
#ifndef SALIENT_PROBE_KEEPING_H
#define SALIENT_PROBE_KEEPING_H

#include "probe/stage.h"

/** One training. */
typedef struct probe_keeping {
    const probe_stage *stage;
    char digest[65];       /* of everything it depends on */
    char checkpoint[1100]; /* STUDY/checkpoints/DIGEST.safetensors */
    char weights[1400];    /* file below --save; "": not wanted */
    double last;           /* when the checkpoint was written */
    int layer;
    int64_t seed;
    size_t round;
} probe_keeping;

/** in     wanted: its weights are to be saved where the run asks for weights */
void probe_keeping_open(const probe_stage *stage, const char digest[65], int layer, int64_t seed,
                        size_t round, bool wanted, probe_keeping *keeping);
/** What train_run calls; borrows *keeping. */
train_hooks probe_keeping_hooks(probe_keeping *keeping);
/** True when weights are wanted and not there yet as this very training gives them. */
bool probe_keeping_lacks_weights(const probe_keeping *keeping);
/** The training is finished and stored: its checkpoint goes. */
void probe_keeping_finish(const probe_keeping *keeping);

/** Folders for both. errs SAL_EIO, SAL_EINVAL (a corpus that cannot be a folder's name) */
int probe_keeping_prepare(const probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** The folder of checkpoints goes when it is empty. */
void probe_keeping_end(const probe_stage *stage);

/** Weights [rounds,F+1] and lambda [rounds] of the linear probe of a layer, where the run asks for weights. */
int probe_keep_linear(const probe_stage *stage, int layer, const double *weights,
                      const double *lambda, sal_error *err) SAL_MUST_CHECK;

#endif
