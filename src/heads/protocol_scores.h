/** Inside of the comparison of protocols: heads scored under both on one document after another (protocol_scores.c), rows made of it
 *  (protocols.c, which says what the factors are). */
#ifndef SALIENT_HEADS_PROTOCOL_SCORES_H
#define SALIENT_HEADS_PROTOCOL_SCORES_H

#include "heads/heads_internal.h"

enum {
    PROTOCOL_TOP = 10, /* heads of either protocol that stand alone */
    PROTOCOL_SLOTS_AT_MOST = 2 * PROTOCOL_TOP + 1,
    PROTOCOL_METRICS = 3, /* Spearman, normalised KL, NDCG@10 */
    PROTOCOL_FACTORS = 9,
    PROTOCOL_PARTIALS = PROTOCOL_FACTORS * PROTOCOL_METRICS, /* the column of "partials" */
    PROTOCOL_COLUMNS
};

/** What a column's factor is, and whether it is a change or, of "strict" and "paper", the value itself. */
const char *head_protocol_factor(size_t column, bool *change);

/** A pair of tables of one corpus. */
typedef struct head_protocol_pair {
    const sal_head_table *strict, *paper;
    sal_head_words set;
    size_t rows, heads; /* R, and how many are the model's */
    int64_t
        slots[PROTOCOL_SLOTS_AT_MOST]; /* rows that stand alone; slot 0 is the mean over heads */
    size_t slot_count;
    double *values; /* [slots,PROTOCOL_COLUMNS,capacity] */
    size_t documents, capacity;
    double *ranks[2]; /* [heads] of the mean Spearman, 1 = largest; strict, paper */
    double agreement; /* Spearman between the two */
    size_t shared;    /* heads among the first ten of both */
} head_protocol_pair;

/** Which words both protocols cut alike where they first stand: same bytes, same span.
 *  out    exact [W of the strict unit] 1 or 0
 *  errs   SAL_EFORMAT, SAL_ENOMEM */
int head_protocol_exact(const sal_text *text, const sal_document *document,
                        const sal_head_unit *strict, unsigned char *exact,
                        sal_error *err) SAL_MUST_CHECK;

/** Score all heads of a document that both tables have, and keep means over heads and the heads that stand alone.
 *  in     exact [W] as above
 *  errs   SAL_ENOMEM */
int head_protocol_add(head_protocol_pair *pair, const sal_head_unit *strict,
                      const sal_head_unit *paper, const unsigned char *exact, int threads,
                      sal_error *err) SAL_MUST_CHECK;

#endif
