/** The nearest name to a mistyped one. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/** Damerau-Levenshtein distance (optimal string alignment) over bytes; lengths beyond 63 count as far away. */
size_t suggest_distance(const char *a, const char *b);

/** Collects the nearest of the candidates offered; zero-initialise with suggest_start. */
struct suggestion {
    const char *typed;
    const char *nearest; /* NULL: none is near enough to be meant */
    size_t distance;
};

void suggest_start(struct suggestion *suggestion, const char *typed);
void suggest_offer(struct suggestion *suggestion, const char *candidate);

#endif
