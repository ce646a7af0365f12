/** Inside of compare: one document with the importance of all summarizers, what is measured on it, and the rows over documents. */
#ifndef SALIENT_COMPARE_INTERNAL_H
#define SALIENT_COMPARE_INTERNAL_H

#include "salient/compare.h"
#include "stats/stats.h"

/** Which words a measure is taken over. */
typedef enum compare_set { COMPARE_ALL, COMPARE_CONTENT, COMPARE_SETS } compare_set;
/** "all", "content". */
const char *compare_set_name(compare_set set);

/* ---- one document (document.c) ------------------------------------------------------------------ */

/** A word type of the document. */
typedef struct compare_type {
    const char *bytes; /* inside the list of words */
    size_t length;
    size_t first; /* place of its first occurrence among the words, from 0 */
    size_t count; /* occurrences */
    int content;  /* 1, 0, or -1: no stop list */
    bool number;  /* begins with a number */
    bool capital; /* written with a capital wherever no sentence begins with it */
} compare_type;

/** Words of a document, and how often each summarizer keeps them. Words 0..type_count-1 are those of the document, sorted by bytes; the
 *  rest, up to word_count, are those that summaries have and the document has not. Zero-initialise; free; may be filled again. */
typedef struct compare_document {
    sal_word_list list;
    sal_span *sentences;
    size_t sentence_count;
    compare_type *types; /* [type_count] */
    size_t type_count;
    size_t word_count;
    size_t *type_of;        /* [list.count] type of each word */
    unsigned char *content; /* [word_count] */
    bool has_content;       /* the language has a stop list */
    size_t summarizers;     /* S */
    int64_t *of;            /* [S] summaries that count; 0 = no importance */
    uint32_t *counts;       /* [S,word_count] summaries that keep the word */
    size_t stale;           /* summarizers whose importance is out of date */
} compare_document;

void compare_document_free(compare_document *document);

/** Fill the words of a document: types, sentences, no counts yet.
 *  in     stopwords NULL: none for the language */
int compare_document_words(const sal_text *text, const sal_document *source,
                           const sal_stopwords *stopwords, compare_document *document,
                           sal_error *err) SAL_MUST_CHECK;

/** Fill the counts from the study.
 *  in     keys [S] ascending keys of the summarizers, places [S] where each of them goes */
int compare_document_counts(sal_study *study, int64_t key, const int64_t *keys,
                            const size_t *places, size_t summarizers, compare_document *document,
                            sal_error *err) SAL_MUST_CHECK;

/** Type of a word, or SIZE_MAX. */
size_t compare_document_find(const compare_document *document, const char *bytes, size_t length);

/* ---- measures of two (pair.c) ------------------------------------------------------------------- */

enum { COMPARE_TOP = 10 }; /* words of Jaccard's two sets */

/** How often each of n words is kept, at most `of` times: levels, so that ranks need no sorting. */
typedef struct compare_levels {
    const uint32_t *counts; /* by word */
    int64_t of;
} compare_levels;

/** Room for the ranks of two sets of levels; zero-initialise, free with compare_room_free. */
typedef struct compare_room {
    double *ranks[2];
    size_t capacity[2];
    size_t *words;
    size_t word_capacity;
} compare_room;

void compare_room_free(compare_room *room);

/** Spearman over the words [n]; NaN when undefined. errs SAL_ENOMEM */
int compare_spearman(const compare_levels *a, const compare_levels *b, const size_t *words,
                     size_t n, compare_room *room, double *rho, sal_error *err) SAL_MUST_CHECK;
/** Jensen-Shannon divergence in nats of the counts as distributions; NaN when a side has no mass. */
double compare_js(const compare_levels *a, const compare_levels *b, const size_t *words, size_t n);
/** Jaccard of the words kept most: those at or above the count of the tenth, never 0; NaN when neither keeps any. */
int compare_jaccard(const compare_levels *a, const compare_levels *b, const size_t *words, size_t n,
                    compare_room *room, double *jaccard, sal_error *err) SAL_MUST_CHECK;

typedef enum compare_pair_measure {
    COMPARE_SPEARMAN,
    COMPARE_JS,
    COMPARE_SPEARMAN_UNION,
    COMPARE_JS_UNION,
    COMPARE_JACCARD,
    COMPARE_PAIR_MEASURES
} compare_pair_measure;
/** "spearman", "js", "spearman_union", "js_union", "jaccard_10". */
const char *compare_pair_measure_name(compare_pair_measure measure);

/** All measures of two summarizers on a document.
 *  in     words [n] of the set that the document has
 *  out    values; NaN = undefined, also when one of them has no importance here */
int compare_pair(const compare_document *document, size_t a, size_t b, compare_set set,
                 const size_t *words, size_t n, compare_room *room,
                 double values[COMPARE_PAIR_MEASURES], sal_error *err) SAL_MUST_CHECK;

/* ---- what one keeps (shares.c) ------------------------------------------------------------------ */

enum { COMPARE_SHARES = 16 };
/** "share_position_1", ..., "share_capitalised". */
const char *compare_share_name(size_t share);
/** Shares of a summarizer's importance over the document's words. in counts NULL: all word types alike. out NaN without mass */
void compare_shares(const compare_document *document, const uint32_t *counts,
                    double shares[COMPARE_SHARES]);
/** Share of its importance on words that the document does not have. */
double compare_outside(const compare_document *document, size_t summarizer);

/* ---- agreement with oneself (self.c) ------------------------------------------------------------ */

enum { COMPARE_SELF_MEASURES = 2, COMPARE_RANDOM_DRAWS = 4 }; /* Spearman and JS */

/** Mean over pairs of replicas, each replica's importance being that of its own summaries.
 *  out    values [set][measure] */
int compare_self(const sal_text *text, const sal_summary_list *summaries,
                 const compare_document *document,
                 double values[COMPARE_SETS][COMPARE_SELF_MEASURES], sal_error *err) SAL_MUST_CHECK;
/** The same for COMPARE_RANDOM_DRAWS random selections of sentences, drawn as the summarizer `random` draws them.
 *  in     lengths [count] ascending, > 0 */
int compare_random(const sal_document *source, const compare_document *document, const int *lengths,
                   size_t count, uint64_t seed, double values[COMPARE_SETS][COMPARE_SELF_MEASURES],
                   sal_error *err) SAL_MUST_CHECK;
/** Indices of the document's words that belong to a set. out words [type_count]. return how many; 0 where the set is undefined */
size_t compare_set_words(const compare_document *document, compare_set set, size_t *words);

/* ---- a corpus (corpus.c) ------------------------------------------------------------------------ */

/** Groups whose members agree with each other. */
typedef enum compare_group {
    COMPARE_LLMS,
    COMPARE_BASELINES,
    COMPARE_EVERYONE,
    COMPARE_GROUPS
} compare_group;

/** A row over documents: what it is, before it is averaged. Strings borrowed. */
typedef struct compare_row {
    const char *a;
    const char *b;
    const char *words;
    const char *measure;
} compare_row;

/** A corpus being compared. */
typedef struct compare_corpus {
    sal_study *study;
    const char *name;
    const sal_compare_options *options;
    const sal_progress *progress;
    const sal_text *text;
    int threads;

    const sal_summarizer_info **summarizers; /* [S] those with importance here, by name */
    size_t count;                            /* S */
    int64_t *keys;                           /* [S] ascending */
    size_t *places;                          /* [S] place of keys[i] among the summarizers */
    bool *replicated;                        /* [S] more than one replica */
    int *lengths;                            /* asked of anyone here, ascending */
    size_t length_count;

    int64_t *documents; /* [D] */
    size_t document_count;

    compare_row *rows; /* [R] */
    size_t row_count;
    size_t row_capacity;
    double *values;                                                 /* [R,D] */
    size_t alpha_row, self_row, random_row, share_row, outside_row; /* where these rows begin */
    size_t *self_place; /* [S] number of the summarizer among the replicated ones */
    int64_t stale;      /* importance out of date: (document, summarizer) units */
    int64_t unmatched;  /* documents with fewer than two summarizers */
} compare_corpus;

/** Row of a pair a < b. */
size_t compare_pair_row(const compare_corpus *corpus, compare_set set, compare_pair_measure measure,
                        size_t a, size_t b);
/** True when the summarizer belongs to the group. */
bool compare_in_group(const sal_summarizer_info *info, compare_group group);

/** Lay out the rows and allocate their values, NaN everywhere. */
int compare_corpus_rows(compare_corpus *corpus, sal_error *err) SAL_MUST_CHECK;
/** Measure all documents, on all threads. */
int compare_corpus_measure(compare_corpus *corpus, sal_error *err) SAL_MUST_CHECK;

/* ---- results (result.c, tree.c, family.c) ------------------------------------------------------- */

/** What goes into the study. Texts made here are owned by it. */
typedef struct compare_result {
    sal_agreement *rows;
    size_t row_count;
    size_t row_capacity;
    sal_cluster_step *steps;
    size_t step_count;
    size_t step_capacity;
    char **texts;
    size_t text_count;
    size_t text_capacity;
} compare_result;

void compare_result_free(compare_result *result);
int compare_result_add(compare_result *result, const sal_agreement *row,
                       sal_error *err) SAL_MUST_CHECK;
/** Keep a text that rows point to. */
int compare_result_keep(compare_result *result, char *text, sal_error *err) SAL_MUST_CHECK;

/** Means, trees and regressions of a corpus that was measured. */
int compare_finish(compare_corpus *corpus, const sal_score_list *scores, compare_result *result,
                   sal_error *err) SAL_MUST_CHECK;

/** Distances that trees and regressions are made from. */
typedef enum compare_distance {
    COMPARE_BY_SPEARMAN,
    COMPARE_BY_JS,
    COMPARE_DISTANCES
} compare_distance;
/** "spearman", "js". */
const char *compare_distance_name(compare_distance distance);
/** 1 - rho, or sqrt(js / ln 2). */
double compare_distance_of(compare_distance distance, double mean);

/** Trees, their cophenetic correlations, support, and the sample-size curve.
 *  in     draws [pairs,draw_count] resampled means of the pairs' rows for this set and distance */
int compare_trees(compare_corpus *corpus, compare_set set, compare_distance distance,
                  const double *draws, size_t draw_count, compare_result *result,
                  sal_error *err) SAL_MUST_CHECK;

/** Regression of the distances on family and size, with labels permuted. in distance [S,S], NaN where undefined */
int compare_families(compare_corpus *corpus, compare_set set, compare_distance distance,
                     const double *matrix, compare_result *result, sal_error *err) SAL_MUST_CHECK;

/** The regression by itself.
 *  math   d_ij = c + family [different family] + size |ln size_i - ln size_j| over pairs i < j, by least squares; p: share of
 *         relabellings whose coefficient is at least the one seen (all when n! <= 10,000, else 10,000 drawn, the one seen included)
 *  in     distance [n,n], families [n] as numbers, sizes [n] > 0
 *  out    coefficients and p; NaN for what cannot be told apart (all families equal or all different, ...)
 *  errs   SAL_ENOMEM */
typedef struct compare_regression {
    double family;
    double family_p;
    double size;
    double size_p;
    size_t relabellings;
} compare_regression;
int compare_regress(const double *distance, const size_t *families, const double *sizes, size_t n,
                    uint64_t seed, compare_regression *out, sal_error *err) SAL_MUST_CHECK;

#endif
