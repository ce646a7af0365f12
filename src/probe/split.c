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
    split_rounds rounds = {.parts = 3, .learnt = 3, .rounds = 1, .test = {2}, .development = {1}};
    if (documents >= SPLIT_DOCUMENTS_FOR_ONE)
        return rounds;
    rounds.parts = rounds.learnt = rounds.rounds = 5;
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

/* In a transfer's folds, the tested fold of one side has its near-duplicates in the same fold of the other. */
bool split_trains(const split_rounds *rounds, size_t round, size_t part) {
    return part < rounds->learnt && part != rounds->test[round] % rounds->learnt &&
           part != rounds->development[round];
}

double split_spread(const split_rounds *rounds, const size_t *part, size_t n) {
    double tested = 0, trained = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < rounds->rounds; r++) {
            tested += part[i] == rounds->test[r];
            trained += split_trains(rounds, r, part[i]);
        }
    return trained > 0 ? 1 + tested * (double)rounds->rounds / trained : 1;
}

typedef struct keyed {
    const char *hash;
    size_t group; /* its smallest document */
    bool learnt;  /* of a transfer: it has documents of side 0 */
    bool tested;
} keyed;

static int by_hash(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    const int order = strcmp(x->hash, y->hash);
    return order != 0 ? order : (x->group > y->group) - (x->group < y->group);
}

/* Groups in the order of the smallest hash of their documents. side NULL: all are learnt from. out place [n]: room; *groups freed by the
 * caller */
static int sort_groups(const char *const *hashes, const size_t *group, const unsigned char *side,
                       size_t n, size_t *place, keyed **groups, size_t *count, sal_error *err) {
    keyed *all = sal_calloc(n, sizeof *all);
    *count = 0;
    *groups = all;
    if (all == NULL)
        return sal_fail_memory(err, "a split");
    for (size_t i = 0; i < n; i++) {
        if (group[i] == i) {
            place[i] = *count;
            all[(*count)++] = (keyed){.hash = hashes[i], .group = i};
        }
        keyed *own = &all[place[group[i]]];
        if (strcmp(hashes[i], own->hash) < 0)
            own->hash = hashes[i];
        own->learnt = own->learnt || side == NULL || side[i] == 0;
        own->tested = own->tested || (side != NULL && side[i] != 0);
    }
    if (*count > 0)
        qsort(all, *count, sizeof *all, by_hash);
    return SAL_OK;
}

static int fail_groups(size_t documents, size_t groups, sal_error *err) {
    return sal_fail(err, SAL_EINVAL,
                    "%zu documents in %zu groups (near-duplicates stay together): a split needs "
                    "five groups at least",
                    documents, groups);
}

int split_documents(const char *const *hashes, const size_t *group, size_t n,
                    const split_rounds *rounds, size_t *part, sal_error *err) {
    size_t count = 0;
    keyed *groups = NULL;
    size_t *place = sal_calloc(n, sizeof *place);
    int status = place == NULL ? sal_fail_memory(err, "a split")
                               : sort_groups(hashes, group, NULL, n, place, &groups, &count, err);
    if (status == SAL_OK && count < 5)
        status = fail_groups(n, count, err);
    for (size_t g = 0; status == SAL_OK && g < count; g++)
        place[groups[g].group] = part_of(g, count, rounds);
    for (size_t i = 0; status == SAL_OK && i < n; i++)
        part[i] = place[group[i]];
    sal_free(groups);
    sal_free(place);
    return status;
}

/* Groups with documents to learn from are cut into fifths, and those without by themselves, so that each fold has some. */
static void cut_transfer(const keyed *groups, size_t count, size_t learnt, bool folds,
                         size_t *place) {
    size_t seen[2] = {0, 0};
    for (size_t g = 0; g < count; g++) {
        const size_t kind = groups[g].learnt ? 0 : 1;
        const size_t all = kind == 0 ? learnt : count - learnt;
        const size_t fifth = seen[kind]++ * 5 / all;
        place[groups[g].group] = folds ? fifth : fifth < 4 ? 0 : 1;
    }
}

int split_transfer(const char *const *hashes, const size_t *group, const unsigned char *side,
                   size_t n, split_rounds *rounds, size_t *part, sal_error *err) {
    size_t count = 0, learnt = 0, documents = 0;
    bool shared = false;
    keyed *groups = NULL;
    size_t *place = sal_calloc(n, sizeof *place);
    int status = place == NULL ? sal_fail_memory(err, "a split")
                               : sort_groups(hashes, group, side, n, place, &groups, &count, err);
    for (size_t i = 0; i < n; i++)
        documents += side[i] == 0;
    for (size_t g = 0; status == SAL_OK && g < count; g++) {
        learnt += groups[g].learnt;
        shared = shared || (groups[g].learnt && groups[g].tested);
    }
    if (status == SAL_OK && learnt < 5)
        status = fail_groups(documents, learnt, err);
    *rounds = split_rounds_of(shared ? 0 : SPLIT_DOCUMENTS_FOR_ONE);
    for (size_t r = 0; shared && r < rounds->rounds; r++)
        rounds->test[r] += rounds->learnt;
    rounds->parts = shared ? 2 * rounds->learnt : rounds->parts;
    if (status == SAL_OK)
        cut_transfer(groups, count, learnt, shared, place);
    for (size_t i = 0; status == SAL_OK && i < n; i++) {
        const size_t own = place[group[i]];
        part[i] = side[i] == 0 ? own : shared ? own + rounds->learnt : rounds->test[0];
    }
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
