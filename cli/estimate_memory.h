/** Memory that a model takes, before it is loaded. */
#ifndef CLI_ESTIMATE_MEMORY_H
#define CLI_ESTIMATE_MEMORY_H

#include "salient/model.h"

struct model_memory {
    int64_t weights; /* the file */
    int64_t cell;    /* one token in the cache: keys and values of all layers, f16 */
    int64_t buffers; /* of a forward pass, about */
    double parameters;
    int context; /* trained */
    char type[100];
};

/** Look at a model's header. errs those of sal_model_open */
int model_memory_read(const char *path, struct model_memory *out, sal_error *err) SAL_MUST_CHECK;

/** Bytes that a run needs at least: packed copies of weights take what is left and are not in it. */
int64_t model_memory_least(const struct model_memory *model, int64_t cells);

/** The largest quantisation that leaves a tenth of the memory free. out *bytes it needs. return its name, NULL: none fits */
const char *model_memory_fitting(const struct model_memory *model, int64_t cells, int64_t memory,
                                 int64_t *bytes);

/** Memory that is available now; 0: not known. */
int64_t memory_available(void);

#endif
