#include "summarize/configuration.h"

#include <math.h>
#include <stdio.h>

json_t *sal_configuration_start(const char *kind, const sal_summarize_options *options,
                                bool has_lengths) {
    json_t *config = json_object();
    json_t *lengths = json_array();
    bool complete = config != NULL && lengths != NULL &&
                    json_object_set_new(config, "kind", json_string(kind)) == 0;
    if (complete && has_lengths) {
        for (size_t i = 0; complete && i < options->length_count; i++)
            complete = json_array_append_new(lengths, json_integer(options->lengths[i])) == 0;
        complete = complete && json_object_set(config, "lengths", lengths) == 0 &&
                   json_object_set_new(config, "replicas", json_integer(options->replicas)) == 0;
    }
    json_decref(lengths);
    if (!complete) {
        json_decref(config);
        return NULL;
    }
    return config;
}

json_t *sal_configuration_seed(uint64_t seed) {
    char decimal[24];
    snprintf(decimal, sizeof decimal, "%llu", (unsigned long long)seed);
    return json_string(decimal);
}

char *sal_configuration_text(const json_t *config) {
    return json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(9));
}

sal_summarizer_info sal_configuration_info(const char *kind, const char *config) {
    const double undefined = (double)NAN;
    return (sal_summarizer_info){
        .kind = kind,
        .config = config,
        .temperature = undefined,
        .top_p = undefined,
        .top_k = undefined,
        .repeat_penalty = undefined,
        .parameters = undefined,
    };
}
