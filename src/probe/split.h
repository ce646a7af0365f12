/** Splits (METHODS 4): documents that are near-duplicates stay together; groups sorted by content hash are cut 60/20/20, or into five folds
 *  below 50 documents; the paper's split cuts pairs of document and word at random. Pure, but for the words of a text. */
#ifndef SALIENT_PROBE_SPLIT_H
#define SALIENT_PROBE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/text.h"

enum { SPLIT_HASHES = 128, SPLIT_ROUNDS_AT_MOST = 5, SPLIT_DOCUMENTS_FOR_ONE = 50 };

/** MinHash of a document's word 5-grams (Broder 1997). out signature [SPLIT_HASHES]. errs SAL_EFORMAT, SAL_ENOMEM */
int split_signature(const sal_text *text, const char *bytes, size_t length,
                    uint32_t signature[SPLIT_HASHES], sal_error *err) SAL_MUST_CHECK;

/** Groups of documents whose estimated Jaccard similarity is at least 0.5, and what hangs together through them.
 *  in     signatures [n,SPLIT_HASHES]
 *  out    group [n]: the smallest number of a document in its group
 *  errs   SAL_ENOMEM
 *  cost   O(n log n) for each of 32 bands, and the pairs that share one */
int split_groups(const uint32_t *signatures, size_t n, size_t *group,
                 sal_error *err) SAL_MUST_CHECK;

/** Parts of the data: the test part of a round, its development part, all others for training. */
typedef struct split_rounds {
    size_t parts;  /* 3, or 5 folds, or 5 folds of each side of a transfer */
    size_t learnt; /* parts from here on are tested, never trained on */
    size_t rounds; /* 1, or 5 */
    size_t test[SPLIT_ROUNDS_AT_MOST];
    size_t development[SPLIT_ROUNDS_AT_MOST];
} split_rounds;

/** Whether a round trains on a part. part may be SIZE_MAX: left out */
bool split_trains(const split_rounds *rounds, size_t round, size_t part);

/** How many times the variance of independent documents a mean over all test rows has (Nadeau & Bengio 2003): 1 + tested/trained, rows of
 *  all rounds together over those that one round trains on. part [n] */
double split_spread(const split_rounds *rounds, const size_t *part, size_t n);

/** One round over 60/20/20 (parts: 0 training, 1 development, 2 test), or five over folds. */
split_rounds split_rounds_of(size_t documents);

/** Part of each document.
 *  in     hashes [n]: content hashes; group [n]
 *  out    part [n]
 *  errs   SAL_EINVAL (fewer groups than parts), SAL_ENOMEM */
int split_documents(const char *const *hashes, const size_t *group, size_t n,
                    const split_rounds *rounds, size_t *part, sal_error *err) SAL_MUST_CHECK;

/** Parts of a transfer: documents of side 0 are learnt from, those of side 1 tested. Where no document of one is a near-duplicate of one of
 *  the other, four fifths of side 0 train, one is for development, and all of side 1 is tested, in one round; else five rounds over folds
 *  of groups, each training on three folds of side 0.
 *  in     side [n]
 *  out    *rounds, part [n]
 *  errs   SAL_EINVAL (fewer than five groups on side 0), SAL_ENOMEM */
int split_transfer(const char *const *hashes, const size_t *group, const unsigned char *side,
                   size_t n, split_rounds *rounds, size_t *part, sal_error *err) SAL_MUST_CHECK;

/** Part of each of n pairs, at random from a seed. errs SAL_ENOMEM */
int split_pairs(size_t n, uint64_t seed, const split_rounds *rounds, size_t *part,
                sal_error *err) SAL_MUST_CHECK;

#endif
