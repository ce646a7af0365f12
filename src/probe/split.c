/* Which documents are near-duplicates, and which part of the data each belongs to. */
#include "probe/split.h"

#include <stdlib.h>
#include <string.h>

#include "salient/memory.h"
#include "salient/random.h"

enum { GRAM = 5, BANDS = 32, BAND = SPLIT_HASHES / BANDS, SIMILAR = SPLIT_HASHES / 2 };

/* ---- signatures --------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t hash_word(const sal_word *word) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < word->length; i++)
        hash = (hash ^ (unsigned char)word->bytes[i]) * UINT64_C(0x100000001b3);
    return mix(hash);
}

static void add_gram(uint64_t gram, uint32_t *signature) {
    for (uint32_t h = 0; h < SPLIT_HASHES; h++) {
        const uint32_t value = (uint32_t)(mix(gram + h * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
        signature[h] = value < signature[h] ? value : signature[h];
    }
}

int split_signature(const sal_text *text, const char *bytes, size_t length,
                    uint32_t signature[SPLIT_HASHES], sal_error *err) {
    sal_word_list list = {0};
    const int status = sal_text_words(text, SAL_STRICT, bytes, length, &list, err);
    memset(signature, 0xff, SPLIT_HASHES * sizeof *signature);
    const size_t gram = list.count < GRAM ? list.count : GRAM;
    for (size_t i = 0; status == SAL_OK && gram > 0 && i + gram <= list.count; i++) {
        uint64_t hash = 0;
        for (size_t k = 0; k < gram; k++)
            hash = mix(hash * 3 + hash_word(&list.words[i + k]));
        add_gram(hash, signature);
    }
    sal_word_list_free(&list);
    return status;
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

typedef struct banded {
    const uint32_t *key; /* [BAND] */
    size_t document;
} banded;

static int by_key(const void *a, const void *b) {
    const banded *x = a, *y = b;
    const int order = memcmp(x->key, y->key, BAND * sizeof *x->key);
    return order != 0 ? order : (x->document > y->document) - (x->document < y->document);
}

/* The group's smallest member, with the way there shortened. */
static size_t find(size_t *group, size_t document) {
    while (group[document] != document) {
        group[document] = group[group[document]];
        document = group[document];
    }
    return document;
}

static void join_if_similar(const uint32_t *signatures, size_t a, size_t b, size_t *group) {
    size_t equal = 0, x = find(group, a), y = find(group, b);
    if (x == y)
        return;
    for (size_t h = 0; h < SPLIT_HASHES; h++)
        equal += signatures[a * SPLIT_HASHES + h] == signatures[b * SPLIT_HASHES + h];
    if (equal >= SIMILAR)
        group[x > y ? x : y] = x > y ? y : x;
}

int split_groups(const uint32_t *signatures, size_t n, size_t *group, sal_error *err) {
    banded *order = sal_calloc(n, sizeof *order);
    if (order == NULL)
        return sal_fail_memory(err, "groups of documents");
    for (size_t i = 0; i < n; i++)
        group[i] = i;
    for (size_t b = 0; b < BANDS && n > 0; b++) {
        for (size_t i = 0; i < n; i++)
            order[i] = (banded){signatures + i * SPLIT_HASHES + b * BAND, i};
        qsort(order, n, sizeof *order, by_key);
        for (size_t i = 0, first = 0; i < n; i++) {
            if (memcmp(order[i].key, order[first].key, BAND * sizeof *order[i].key) != 0)
                first = i;
            for (size_t k = first; k < i; k++)
                join_if_similar(signatures, order[k].document, order[i].document, group);
        }
    }
    for (size_t i = 0; i < n; i++)
        group[i] = find(group, i);
    sal_free(order);
    return SAL_OK;
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

split_rounds split_rounds_of(size_t documents) {
    split_rounds rounds = {.parts = 3, .rounds = 1, .test = {2}, .development = {1}};
    if (documents >= SPLIT_DOCUMENTS_FOR_ONE)
        return rounds;
    rounds.parts = rounds.rounds = 5;
    for (size_t r = 0; r < 5; r++) {
        rounds.test[r] = r;
        rounds.development[r] = (r + 1) % 5;
    }
    return rounds;
}

/* Part of place i of n: fifths; of three parts the first three fifths are training. */
static size_t part_of(size_t i, size_t n, const split_rounds *rounds) {
    const size_t fifth = i * 5 / n;
    if (rounds->parts == 5)
        return fifth;
    return fifth < 3 ? 0 : fifth - 2;
}

typedef struct keyed {
    const char *hash;
    size_t group;
} keyed;

static int by_hash(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    const int order = strcmp(x->hash, y->hash);
    return order != 0 ? order : (x->group > y->group) - (x->group < y->group);
}

int split_documents(const char *const *hashes, const size_t *group, size_t n,
                    const split_rounds *rounds, size_t *part, sal_error *err) {
    size_t count = 0;
    keyed *groups = sal_calloc(n, sizeof *groups);
    size_t *place = sal_calloc(n, sizeof *place);
    if (groups == NULL || place == NULL) {
        sal_free(groups);
        sal_free(place);
        return sal_fail_memory(err, "a split");
    }
    for (size_t i = 0; i < n; i++) { /* a group goes by the smallest hash of its documents */
        if (group[i] == i) {
            place[i] = count;
            groups[count++] = (keyed){hashes[i], i};
        } else if (strcmp(hashes[i], groups[place[group[i]]].hash) < 0) {
            groups[place[group[i]]].hash = hashes[i];
        }
    }
    int status = SAL_OK;
    if (count < 5)
        status = sal_fail(err, SAL_EINVAL,
                          "%zu documents in %zu groups (near-duplicates stay together): a split "
                          "needs five groups at least",
                          n, count);
    else
        qsort(groups, count, sizeof *groups, by_hash);
    for (size_t g = 0; status == SAL_OK && g < count; g++)
        place[groups[g].group] = part_of(g, count, rounds);
    for (size_t i = 0; status == SAL_OK && i < n; i++)
        part[i] = place[group[i]];
    sal_free(groups);
    sal_free(place);
    return status;
}

int split_pairs(size_t n, uint64_t seed, const split_rounds *rounds, size_t *part, sal_error *err) {
    sal_random random;
    size_t *order = sal_calloc(n, sizeof *order);
    if (order == NULL)
        return sal_fail_memory(err, "a split");
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    sal_random_seed(&random, seed);
    sal_random_shuffle(&random, order, n);
    for (size_t i = 0; i < n; i++)
        part[order[i]] = part_of(i, n, rounds);
    sal_free(order);
    return SAL_OK;
}
