/** Online code (Voita & Titov 2020): how many bits it takes to tell the classes of all words, when what was told so far is learnt from.
 *  Pure. */
#ifndef SALIENT_PROBE_ONLINE_H
#define SALIENT_PROBE_ONLINE_H

#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

enum { ONLINE_BLOCKS_AT_LEAST = 5 };

typedef struct online_code {
    size_t blocks; /* of documents: 0.1, 0.2, 0.4, ... 100 %, each rounded up, repeats dropped */
    double bits;   /* code of a softmax head; NaN below five blocks, as the next two */
    double prior_bits;  /* code that knows only how often each class came so far */
    double compression; /* prior_bits / bits */
} online_code;

/** in     x [N,F]; class [N] in 0..classes-1; start [D+1] documents, in the order in which they are told
 *  math   the first block costs log2(classes) a word in both codes; then a softmax head learns from all blocks before (columns
 *         standardised by them; AdamW 3e-3, weight decay 1e-2, batches of 128; it begins as the class frequencies and stops by the last fifth of what was
 *         told); the prior is (count + 1)/(n + classes)
 *  errs   SAL_ENOMEM
 *  cost   a few hundred products of 128 rows for each block */
int online_run(const float *x, size_t F, const int *labels, int classes, const size_t *start,
               size_t documents, uint64_t seed, online_code *code, sal_error *err) SAL_MUST_CHECK;

#endif
