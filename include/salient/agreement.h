/** What a study keeps about how its summarizers agree (METHODS 5), and how compare reads importance of many summarizers at once. */
#ifndef SALIENT_AGREEMENT_H
#define SALIENT_AGREEMENT_H

#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One number: between two summarizers, of one, or of a group. docs/schema.md lists the measures. */
typedef struct sal_agreement {
    const char *corpus;
    const char *a;
    const char *b;       /* NULL: none */
    const char *words;   /* "all", "content", or "" where it does not apply */
    const char *measure; /* "spearman", ... */
    double value;        /* NaN = undefined: null */
    double low;          /* 95 % interval; NaN = none */
    double high;
    int64_t documents; /* documents that entered */
    int64_t undefined; /* documents left out because the measure is undefined there */
} sal_agreement;

/** One step of a tree of summarizers. */
typedef struct sal_cluster_step {
    const char *corpus;
    const char *words;    /* "all" or "content" */
    const char *distance; /* "spearman" or "js" */
    const char *linkage;  /* "average" or "complete" */
    int64_t step;
    int64_t left; /* 0..n-1: summarizers in order of name; n + t: what step t made */
    int64_t right;
    double height;
    int64_t size;
    double support;      /* NaN = none */
    const char *members; /* JSON array of names */
} sal_cluster_step;

/** Replace all agreement and all trees of a corpus in one transaction. */
int sal_study_put_agreement(sal_study *study, const char *corpus, const sal_agreement *rows,
                            size_t count, const sal_cluster_step *steps, size_t step_count,
                            sal_error *err) SAL_MUST_CHECK;

typedef struct sal_agreement_list {
    sal_agreement *items; /* sorted by corpus, a, b, words, measure */
    size_t count;
    sal_cluster_step *steps; /* sorted by corpus, words, distance, linkage, step */
    size_t step_count;
} sal_agreement_list;

/** All of it, of one corpus (NULL: of all). */
int sal_study_get_agreement(sal_study *study, const char *corpus, sal_agreement_list **out,
                            sal_error *err) SAL_MUST_CHECK;
void sal_agreement_list_free(sal_agreement_list *list);

/** One word of one summarizer, as a scan meets it. */
typedef struct sal_scanned_word {
    int64_t summarizer;
    int64_t count; /* summaries that keep it */
    int64_t of;    /* summaries that count, > 0 */
    int content;   /* 1, 0, or -1: no stop list */
    bool in_document;
    bool stale; /* summaries have changed since it was computed */
    const char *word;
    size_t length;
} sal_scanned_word;

/** Visit the stored importance of a document, summarizer by summarizer (by key), words by their bytes. Strings live during the visit.
 *  errs   what visit returns, SAL_EIO */
int sal_study_scan_importance(sal_study *study, int64_t document, sal_protocol protocol,
                              int (*visit)(void *context, const sal_scanned_word *word,
                                           sal_error *err),
                              void *context, sal_error *err) SAL_MUST_CHECK;

/** What was asked of a summarizer on a corpus: one length of one replica. */
typedef struct sal_asked {
    int64_t summarizer;
    int length;
    int replica;
} sal_asked;

/** All combinations stored for a corpus, sorted. out *asked [*count], freed with sal_free */
int sal_study_list_asked(sal_study *study, const char *corpus, sal_asked **asked, size_t *count,
                         sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
