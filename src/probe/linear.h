/** The linear probe over rows of data: two passes over the files of one layer, memory of one document and of the sums. */
#ifndef SALIENT_PROBE_LINEAR_H
#define SALIENT_PROBE_LINEAR_H

#include "probe/data.h"

/** Columns a probe reads: some of the surface, then states. */
typedef struct probe_features {
    const probe_source *source; /* NULL: no states */
    size_t slot;
    size_t surface_from, surface_to;
} probe_features;

/** What to fit and to predict. */
typedef struct linear_job {
    const probe_data *data;
    probe_features features;
    const split_rounds *rounds;
    const size_t *part;    /* [N]; SIZE_MAX: the row is left out */
    const double *targets; /* [N,R] */
    size_t R;
} linear_job;

/** out    predictions [R,N]: each row by the round in whose test part it is; NaN elsewhere
 *  out    lambda [rounds,R] or NULL; weights [rounds,F+1] or NULL: of target 0, for columns as they are, the constant last
 *  errs   SAL_EINVAL (a part without rows), SAL_EFORMAT, SAL_EIO, SAL_ENOMEM
 *  cost   N F² multiplications once for all rounds and targets */
int linear_run(const linear_job *job, double *predictions, double *lambda, double *weights,
               sal_error *err) SAL_MUST_CHECK;

#endif
