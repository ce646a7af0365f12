/* Names of what there is to choose. */
#include "probe/network.h"

const char *sal_probe_name(sal_probe_kind kind) {
    static const char *const names[SAL_PROBES] = {"linear", "mlp", "all-layers", "article"};
    return names[kind];
}

const char *sal_probe_loss_name(sal_probe_loss loss) {
    return loss == SAL_PROBE_KL ? "kl" : "mse";
}

probe_optimiser probe_adam(double rate, double weight_decay) {
    return (probe_optimiser){rate, .9, .999, 1e-8, weight_decay};
}
