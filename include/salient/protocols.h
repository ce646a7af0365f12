/** Paper and strict beside each other: what each choice of the paper's protocol changes. `salient compare --protocols` has the stages
 *  compute it from what the study holds (sal_importance_protocols, sal_heads_protocols, sal_probe_protocols); table `protocols`. */
#ifndef SALIENT_PROTOCOLS_H
#define SALIENT_PROTOCOLS_H

#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One number. docs/schema.md lists factors and measures. */
typedef struct sal_protocol_row {
    const char *corpus;
    const char *stage; /* "importance", "heads", "probes" */
    const char *summarizer;
    const char *model;   /* "" of importance */
    const char *variant; /* evidence and options; probe, loss and options; "" */
    const char *words;   /* "all", "content", "" */
    int layer, head;     /* -1: over all */
    const char *factor;  /* "strict", "paper", or the one choice that is the paper's */
    const char *measure;
    double value, low, high; /* NaN: undefined, no interval */
    int64_t documents, undefined;
} sal_protocol_row;

/** Replace the rows of a corpus and stage in one transaction. */
int sal_study_put_protocols(sal_study *study, const char *corpus, const char *stage,
                            const sal_protocol_row *rows, size_t count,
                            sal_error *err) SAL_MUST_CHECK;

typedef struct sal_protocol_list {
    sal_protocol_row *
        items; /* by corpus, stage, summarizer, model, variant, words, layer, head, factor, measure */
    size_t count;
} sal_protocol_list;

/** All of it, of one corpus (NULL: of all). */
int sal_study_get_protocols(sal_study *study, const char *corpus, sal_protocol_list **out,
                            sal_error *err) SAL_MUST_CHECK;
void sal_protocol_list_free(sal_protocol_list *list);

#ifdef __cplusplus
}
#endif
#endif
