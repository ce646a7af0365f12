#include "salient/random.h"

#include <stdio.h>
#include <string.h>

#include "salient/file.h"

/* SplitMix64 (Steele, Lea and Flood 2014) spreads the seed; xoshiro256** (Blackman and Vigna 2018) draws. */

void sal_random_seed(sal_random *random, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15U;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        random->state[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate_left(uint64_t value, unsigned bits) {
    return (value << bits) | (value >> (64U - bits));
}

uint64_t sal_random_next(sal_random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t sal_random_below(sal_random *random, uint64_t bound) {
    if (bound == 0)
        return 0;
    /* Draws below 2^64 mod bound are thrown away, so that every remainder is equally likely. */
    uint64_t threshold = (0 - bound) % bound;
    uint64_t draw;
    do
        draw = sal_random_next(random);
    while (draw < threshold);
    return draw % bound;
}

double sal_random_uniform(sal_random *random) {
    return (double)(sal_random_next(random) >> 11) * 0x1.0p-53;
}

void sal_random_shuffle(sal_random *random, size_t *order, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)sal_random_below(random, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

uint64_t sal_seed_derive(uint64_t seed, const char *corpus, const char *document, int length,
                         int replica) {
    char numbers[96];
    char digest[65];
    sal_sha256 hash;
    int written =
        snprintf(numbers, sizeof numbers, "%llu/%d/%d", (unsigned long long)seed, length, replica);
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, numbers, (size_t)written + 1);
    sal_sha256_add(&hash, corpus, strlen(corpus) + 1);
    sal_sha256_add(&hash, document, strlen(document) + 1);
    sal_sha256_finish(&hash, digest);
    uint64_t derived = 0;
    for (size_t i = 0; i < 16; i++)
        derived =
            derived << 4 | (uint64_t)(digest[i] <= '9' ? digest[i] - '0' : digest[i] - 'a' + 10);
    return derived;
}
