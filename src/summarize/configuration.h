/** The configuration of a summarizer: everything that can change its texts, as canonical JSON (sorted keys, no spaces). */
#ifndef SALIENT_SUMMARIZE_CONFIGURATION_H
#define SALIENT_SUMMARIZE_CONFIGURATION_H

#include <jansson.h>

#include "salient/summarize.h"

/** A new object with "kind" and, when the summarizer has lengths, "lengths" and "replicas". NULL when out of memory. */
json_t *sal_configuration_start(const char *kind, const sal_summarize_options *options,
                                bool has_lengths);
/** A seed as a decimal string: JSON readers keep 53 bits of a number. */
json_t *sal_configuration_seed(uint64_t seed);
/** Canonical text, freed with free(); NULL when out of memory. */
char *sal_configuration_text(const json_t *config);
/** Info with kind and config set and everything else undefined. */
sal_summarizer_info sal_configuration_info(const char *kind, const char *config);

#endif
