/* Contexts: which backend computes one. */
#include <string.h>

#include "llm_internal.h"

/* Float weights for exact contexts: the model's own when those are float already. */
static int exact_weights(sal_model *model, sal_cpu_weights **out, sal_error *err) {
    sal_error reason = {0};
    *out = NULL;
    if (!model->on_processor || sal_cpu_register(&reason) != SAL_OK)
        return SAL_OK;
    if (model->exact_weights == NULL) {
        int status = sal_cpu_weights_open(SAL_COMPUTE_F32, model->pack_memory, model->threads,
                                          &model->exact_weights, err);
        if (status != SAL_OK)
            return status;
    }
    *out = model->exact_weights;
    return SAL_OK;
}

int sal_context_open(sal_model *model, struct llama_context_params params, bool exact,
                     struct llama_context **out, sal_cpu **cpu, sal_error *err) {
    sal_cpu_options options = {.weights = model->weights,
                               .cap = sal_cpu_cap(),
                               .threads = params.n_threads,
                               .least_rows = exact ? 1 : 2};
    bool own = model->own_backend;
    sal_cpu *made = NULL;
    *out = NULL;
    *cpu = NULL;
    if (exact) {
        int status = exact_weights(model, &options.weights, err);
        if (status != SAL_OK)
            return status;
        own = options.weights != NULL;
    }
    if (own) {
        int status = sal_cpu_open(&options, &made, err);
        if (status != SAL_OK)
            return status;
    }
    sal_llm_log_clear();
    sal_cpu_enter(made);
    struct llama_context *context = llama_init_from_model(model->llama, params);
    sal_cpu_leave();
    if (context == NULL) {
        const char *cause = sal_llm_log_error();
        sal_cpu_close(made);
        return sal_fail(err, SAL_EMODEL, "%s: libllama cannot make a context: %s", model->path,
                        cause[0] != '\0' ? cause : "no reason given");
    }
    *out = context;
    *cpu = made;
    return SAL_OK;
}

void sal_context_close(struct llama_context *context, sal_cpu *cpu) {
    if (context != NULL)
        llama_free(context);
    sal_cpu_close(cpu);
}

int sal_llm_layer_of(const char *text, const char *name) {
    size_t length = strlen(name);
    int layer = 0;
    if (strncmp(text, name, length) != 0 || text[length] != '-' || text[length + 1] == '\0')
        return -1;
    for (const char *digit = text + length + 1; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || layer > 100000)
            return -1;
        layer = layer * 10 + (*digit - '0');
    }
    return layer;
}
