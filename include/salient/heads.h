/** Attention heads (METHODS 3): which of them follow importance, beyond chance and position.
 *
 *  A run has two parts. For every document a forward pass gives each head's evidence per token; it is laid on words and compared with
 *  importance by every metric; four null heads that know nothing of attention stand in the same table. Then, from what is stored alone,
 *  the table over documents: means with intervals, family-wise p, q-values.
 */
#ifndef SALIENT_HEADS_H
#define SALIENT_HEADS_H

#include "salient/metrics.h"
#include "salient/model.h"
#include "salient/study.h"
#include "salient/work.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sal_evidence {
    SAL_EVIDENCE_RECEIVED, /* attention received from all queries of the raw document */
    SAL_EVIDENCE_EXPOSURE, /* the same over what uniform causal attention would give */
    SAL_EVIDENCE_NORM, /* received, each a_ij weighted by the norm of value j through the output projection */
    SAL_EVIDENCE_INSTRUCTION, /* from the queries of the instruction after the text, in the chat prompt */
    SAL_EVIDENCE_SUMMARY, /* from the queries of the summarizer's own summary after that */
    SAL_EVIDENCES
} sal_evidence;

/** "received", "exposure", "norm", "instruction", "summary". */
const char *sal_evidence_name(sal_evidence evidence);

/** Word value from the values of its tokens. */
typedef enum sal_head_value { SAL_HEAD_MEAN, SAL_HEAD_MAX, SAL_HEAD_MIN } sal_head_value;

/** The null heads, after the model's heads in every table: uniform causal attention, position (occurrences from the first to the end
 *  of the document), ln of the term frequency, term frequency times smooth idf over the corpus. */
typedef enum sal_null_head {
    SAL_NULL_EMPTY,
    SAL_NULL_POSITION,
    SAL_NULL_FREQUENCY,
    SAL_NULL_TFIDF,
    SAL_NULL_HEADS
} sal_null_head;

/** "empty", "position", "log_frequency", "tfidf". */
const char *sal_null_head_name(sal_null_head head);

typedef struct sal_heads_options {
    const char *model;  /* GGUF file */
    const char *by;     /* summarizer; NULL: the only one made with the model */
    const char *corpus; /* NULL: all */
    int64_t limit;      /* documents of each corpus; < 0: all */
    sal_protocol protocol;
    bool evidence[SAL_EVIDENCES];
    const char *layers; /* "all", "representative" (first, middle, last) or a list "0,5,7" */
    sal_head_value value;
    bool drop_zero; /* words of importance 0 are left out */
    int skip_first; /* the first tokens of the text are left out of word values */
    bool
        renormalise; /* with skip_first: the attention of each query is brought to sum 1 without the first skip_first tokens of what
                         the pass reads (the chat prompt begins with the template's); uniform attention, too, is then one over the others */
    bool retrieval;  /* also find retrieval heads (salient/retrieval.h) */
    int min_queries; /* tokens that fewer queries follow are left out of word values */
    int permutations; /* draws of the tests; 0: no tests */
    uint64_t seed;
    sal_model_options model_options;
    sal_work *work; /* not NULL: count what is missing, compute nothing (salient/work.h) */
} sal_heads_options;

/** received and exposure, all layers, strict, mean, 1000 permutations, seed 1. */
sal_heads_options sal_heads_defaults(void);

/** Compute what is missing or out of date, one transaction per document, then the table of each corpus and evidence over the documents
 *  asked for.
 *  out    analyses [SAL_EVIDENCES]: key of each evidence's analysis, 0 where it was not asked for; NULL allowed
 *  out    *tally added to: done, kept = documents; failed = documents without importance, empty, or longer than the model's context
 *  errs   SAL_ENOTFOUND, SAL_EINVAL (--by is needed: lists the summarizers; a layer that is not there; renormalise without
 *         skip_first), SAL_EEXISTS (another model
 *         under this name), SAL_EMODEL, SAL_ECANCELLED, ... */
int sal_heads_run(sal_study *study, const sal_heads_options *options, const sal_progress *progress,
                  int64_t analyses[SAL_EVIDENCES], sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

/** Lay both protocols beside each other where the study has heads by both (same model, summarizer, evidence and options): what each
 *  choice of the paper's changes, one factor at a time (docs/schema.md, protocols). Replaces the rows of each corpus; those of a
 *  corpus without such a pair become none.
 *  in     corpus NULL: all; threads 0: one per processor
 *  errs   SAL_ECANCELLED, SAL_ENOMEM, ...
 *  cost   eight times the metrics of METHODS 3 for each head and document; memory of one document */
int sal_heads_protocols(sal_study *study, const char *corpus, int threads,
                        const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;

/* ---- what is stored --------------------------------------------------------------------------------------------------------- */

/** Measures of a head on a document: those of sal_metric (but partial_spearman), then two partial Spearman correlations. */
enum {
    SAL_HEAD_PARTIAL_POSITION = SAL_METRIC_PARTIAL_SPEARMAN, /* given first position */
    SAL_HEAD_PARTIAL_BOTH, /* given first position and ln term frequency */
    SAL_HEAD_MEASURES
};
/** Name of a measure: sal_metric_name, "partial_position", "partial_position_frequency". */
const char *sal_head_measure_name(int measure);

/** A head survives with a family-wise p of at most this. */
#define SAL_HEADS_SIGNIFICANT .05

typedef enum sal_head_words { SAL_HEAD_ALL, SAL_HEAD_CONTENT, SAL_HEAD_WORDS } sal_head_words;
/** "all", "content". */
const char *sal_head_words_name(sal_head_words words);

/** One configuration that heads were measured in. */
typedef struct sal_head_analysis {
    int64_t key;
    const char *model; /* the file's name without .gguf */
    const char *model_digest;
    int64_t summarizer;
    sal_protocol protocol;
    const char *evidence;
    const char *
        options; /* "" for the defaults, else "layers=0,15 drop-zero skip-first=4 renormalise min-queries=16 max" */
    const char *rows;    /* JSON: [layer,head] or [null,null,name] of each of the R rows */
    const char *metrics; /* JSON: names of the M measures */
} sal_head_analysis;

/** Find or store an analysis. errs SAL_EEXISTS when the model's name is there with another digest */
int sal_study_put_head_analysis(sal_study *study, const sal_head_analysis *analysis, int64_t *key,
                                sal_error *err) SAL_MUST_CHECK;

/** What is known of each of the W words of a unit beside the heads' values. */
typedef enum sal_head_fact {
    SAL_FACT_IMPORTANCE,
    SAL_FACT_FIRST_POSITION, /* index of its first occurrence among the document's words */
    SAL_FACT_FREQUENCY,      /* occurrences */
    SAL_FACT_CONTENT,        /* 1, 0, or -1: no stop list */
    SAL_FACTS
} sal_head_fact;

/** Scores over one set of words. */
typedef struct sal_head_scores {
    int64_t words;  /* that entered; 0: undefined */
    double tied;    /* share of them whose importance another one has too; NaN: no words */
    double *scores; /* [R,M]; NaN: undefined. NULL: no stop list */
} sal_head_scores;

/** One document of an analysis. */
typedef struct sal_head_unit {
    int64_t analysis;
    int64_t document;
    char inputs[65];    /* hash of everything it depends on */
    int64_t tokens;     /* T of the document */
    int64_t unaligned;  /* words without a token: left out */
    int64_t flagged;    /* words with a token that fewer than 16 queries follow */
    int64_t non_finite; /* query rows or heads left out */
    size_t words;       /* W */
    size_t rows;        /* R */
    char *word_list;    /* W words, each followed by a newline */
    size_t word_list_length;
    double *facts;  /* [SAL_FACTS,W] */
    float *vectors; /* [R,W] word values, each row of sum 1; a row of NaN is undefined */
    sal_head_scores sets[SAL_HEAD_WORDS];
} sal_head_unit;

/** Store a unit, replacing what was there, in one transaction. */
int sal_study_put_head_unit(sal_study *study, const sal_head_unit *unit,
                            sal_error *err) SAL_MUST_CHECK;
/** out *out = NULL (and success) when there is none; free with sal_head_unit_free */
int sal_study_get_head_unit(sal_study *study, int64_t analysis, int64_t document,
                            sal_head_unit **out, sal_error *err) SAL_MUST_CHECK;
/** out inputs: "" when there is no unit */
int sal_study_get_head_inputs(sal_study *study, int64_t analysis, int64_t document, char inputs[65],
                              sal_error *err) SAL_MUST_CHECK;
void sal_head_unit_free(sal_head_unit *unit);

/** One number of the table over documents. */
typedef struct sal_head_result {
    int64_t row;        /* of the analysis: heads, then nulls */
    int layer, head;    /* filled by the study; -1 of a null head */
    char null_head[16]; /* filled by the study; "" of a model's head */
    sal_head_words words;
    const char *
        metric; /* a measure; fisher_z: the test statistic, mean Fisher z of partial_position_frequency; spearman_selected,
                           spearman_reported, fisher_z_selected, fisher_z_reported: the same means over either half of the documents */
    double value;     /* mean over documents */
    double low, high; /* 95 % interval; NaN below 20 documents */
    int64_t documents;
    int64_t undefined;
    double
        p_family; /* fisher_z: neighbour swaps, maximum over heads; NaN elsewhere, as the next three */
    double p;     /* fisher_z: one-sided t-test over documents */
    double q;     /* fisher_z: Benjamini-Hochberg over the heads */
    double q_by;    /* fisher_z: Benjamini-Yekutieli */
    double p_naive; /* spearman: unrestricted shuffle, maximum over heads */
} sal_head_result;

/** Replace the table of (analysis, corpus) in one transaction. */
int sal_study_put_head_results(sal_study *study, int64_t analysis, const char *corpus,
                               const sal_head_result *results, size_t count,
                               sal_error *err) SAL_MUST_CHECK;

/** One table as stored. */
typedef struct sal_head_table {
    sal_head_analysis analysis;
    const char *summarizer;
    const char *corpus;
    sal_head_result *results; /* by words, row, metric */
    size_t count;
    double ties[SAL_HEAD_WORDS]; /* mean share of tied importance */
    int64_t documents;           /* units */
    int64_t unaligned, flagged, non_finite;
} sal_head_table;

typedef struct sal_head_tables {
    sal_head_table *items; /* by corpus, model, summarizer, protocol, evidence, options */
    size_t count;
} sal_head_tables;

int sal_study_get_head_tables(sal_study *study, sal_head_tables **out,
                              sal_error *err) SAL_MUST_CHECK;
void sal_head_tables_free(sal_head_tables *tables);

#ifdef __cplusplus
}
#endif
#endif
