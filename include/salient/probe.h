/** Probes (METHODS 4): where importance can be read in hidden states, without leaks and beside controls.
 *
 *  A run takes the states that `salient states` stored, splits documents (strict) or pairs of document and word (paper), trains one probe
 *  for each layer and its controls, and puts means over documents with intervals into the study.
 */
#ifndef SALIENT_PROBE_H
#define SALIENT_PROBE_H

#include "salient/model.h"
#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sal_probe_kind {
    SAL_PROBE_LINEAR, /* ridge regression in closed form, lambda by the development part */
    SAL_PROBE_MLP,
    SAL_PROBE_ALL_LAYERS, /* on the concatenated states of all layers */
    SAL_PROBE_ARTICLE,    /* loss over the words of a document together */
    SAL_PROBES
} sal_probe_kind;
/** "linear", "mlp", "all-layers", "article". */
const char *sal_probe_name(sal_probe_kind kind);

typedef enum sal_probe_loss {
    SAL_PROBE_KL, /* against y normalised within the document: BCE with logits; article: cross-entropy of the softmax */
    SAL_PROBE_MSE, /* sigmoid against y */
    SAL_PROBE_LOSSES
} sal_probe_loss;
/** "kl", "mse". */
const char *sal_probe_loss_name(sal_probe_loss loss);

#ifdef __cplusplus
}
#endif
#endif
