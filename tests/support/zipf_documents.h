/** Documents in which nothing but position matters: the generator of METHODS 6, for tests of what a head analysis may claim. */
#ifndef SALIENT_ZIPF_DOCUMENTS_H
#define SALIENT_ZIPF_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "salient/random.h"

enum { ZIPF_TOKENS = 600, ZIPF_TYPES = 2000, ZIPF_HEADS = 3 };

/** One document's word types, in order of first position. */
typedef struct zipf_document {
    size_t n;
    int tokens[ZIPF_TOKENS];       /* index of the type at each position */
    double first[ZIPF_TOKENS];     /* [n] first position */
    double frequency[ZIPF_TOKENS]; /* [n] occurrences */
    double y[ZIPF_TOKENS];         /* [n] share of 10 simulated summaries that keep it */
    double heads[ZIPF_HEADS *
                 ZIPF_TOKENS]; /* [3,n] attention received, mean over all occurrences: uniform
                                               causal; the last 32 tokens; .9 on token 0, the rest uniform */
} zipf_document;

/** Draw a document. in by_position: keep-probability min(1, exp(-first / 150)); else the same for all words, .4 */
void zipf_document_draw(sal_random *random, bool by_position, zipf_document *document);

#endif
