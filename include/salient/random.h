/** Random numbers: small, seedable, equal on every machine (SplitMix64 to seed, xoshiro256** to draw). */
#ifndef SALIENT_RANDOM_H
#define SALIENT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_random {
    uint64_t state[4];
} sal_random;

void sal_random_seed(sal_random *random, uint64_t seed);
uint64_t sal_random_next(sal_random *random);
/** Uniform in [0, bound), without modulo bias; bound 0 gives 0. */
uint64_t sal_random_below(sal_random *random, uint64_t bound);
/** Uniform in [0, 1), 53 bits. */
double sal_random_uniform(sal_random *random);
/** Fisher-Yates over the numbers in order [n]. */
void sal_random_shuffle(sal_random *random, size_t *order, size_t n);

/** Seed of one item, derived from the study's seed and the item's identity, so that order, batching and resuming do not change
 *  what is drawn (DESIGN, The study): SHA-256 over seed, corpus, document id, length and replica. */
uint64_t sal_seed_derive(uint64_t seed, const char *corpus, const char *document, int length,
                         int replica);

#ifdef __cplusplus
}
#endif
#endif
