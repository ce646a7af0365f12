/** Probes (METHODS 4): where importance can be read in hidden states, without leaks and beside controls.
 *
 *  A run takes the states that `salient states` stored, splits documents (strict) or pairs of document and word (paper), trains one probe
 *  for each layer and its controls, and puts means over documents with intervals into the study.
 */
#ifndef SALIENT_PROBE_H
#define SALIENT_PROBE_H

#include "salient/model.h"
#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sal_probe_kind {
    SAL_PROBE_LINEAR, /* ridge regression in closed form, lambda by the development part */
    SAL_PROBE_MLP,
    SAL_PROBE_ALL_LAYERS, /* on the concatenated states of all layers */
    SAL_PROBE_ARTICLE,    /* loss over the words of a document together */
    SAL_PROBES
} sal_probe_kind;
/** "linear", "mlp", "all-layers", "article". */
const char *sal_probe_name(sal_probe_kind kind);

typedef enum sal_probe_loss {
    SAL_PROBE_KL, /* against y normalised within the document: BCE with logits; article: cross-entropy of the softmax */
    SAL_PROBE_MSE, /* sigmoid against y */
    SAL_PROBE_LOSSES
} sal_probe_loss;
/** "kl", "mse". */
const char *sal_probe_loss_name(sal_probe_loss loss);

/** What stands beside a probe on its curve. */
typedef enum sal_probe_control {
    SAL_CONTROL_POSITION,  /* place of the first occurrence alone */
    SAL_CONTROL_FREQUENCY, /* occurrences in the document alone */
    SAL_CONTROL_SURFACE,   /* both and state 0; gain of each layer over it */
    SAL_CONTROL_TASK,      /* one y for each word type; selectivity (Hewitt & Liang 2019) */
    SAL_CONTROL_RANDOM, /* states of models with random weights, and of random blocks, where the study has them */
    SAL_CONTROL_MDL, /* online code (Voita & Titov 2020) */
    SAL_CONTROL_GAP, /* what each choice of the paper's protocol adds: split, span (where the study has paper states), zero-score words */
    SAL_CONTROLS
} sal_probe_control;
/** "position", "frequency", "surface", "task", "random", "mdl", "gap": as --controls has them. */
const char *sal_probe_control_name(sal_probe_control control);

/** Which layers and how long, as the original's presets. */
typedef enum sal_probe_preset {
    SAL_PRESET_NONE,
    SAL_PRESET_SMALL,        /* 10 documents, 3 layers, 5 epochs, rate 2e-4, patience 2 */
    SAL_PRESET_FULL,         /* 25 documents, about 9 layers, 10 epochs */
    SAL_PRESET_COMPREHENSIVE /* all documents and layers, 20 epochs; French: 30, patience 5 */
} sal_probe_preset;

/** Transfer: the probe learns from documents on one side and is tested on those of the other. */
typedef enum sal_probe_transfer {
    SAL_TRANSFER_NONE,
    SAL_TRANSFER_TRAIN_ON, /* the other side is learnt from */
    SAL_TRANSFER_TEST_ON   /* the other side is tested */
} sal_probe_transfer;

typedef struct sal_probe_options {
    const char
        *model;     /* GGUF file or the model's name in the study; NULL: the only one with states */
    const char *by; /* summarizer; NULL: the only one made with the model */
    const char *corpus; /* NULL: each corpus for itself */
    int64_t limit;      /* documents of each corpus; < 0: all */
    sal_protocol protocol;
    const char *layers; /* states: "all", "representative" or a list "0,5,7" */
    sal_probe_kind kind;
    sal_probe_loss loss; /* not of linear */
    bool attention;      /* article: self-attention over words */
    sal_probe_preset preset;
    bool controls[SAL_CONTROLS];
    int seeds; /* draws of the control task; trainings of a network */
    uint64_t seed;
    int epochs;  /* of a network; 0: the preset's, else METHODS 4's */
    int threads; /* 0: one per processor */
    /* A transfer's other side: a study (which may be this one), one of its corpora and whose importance. Results belong to this study's
     * corpus and summarizer, with the other side in their options. */
    sal_probe_transfer transfer;
    sal_study *other;         /* borrowed; reading is enough */
    const char *other_name;   /* its path; results have the last part of it */
    const char *other_corpus; /* NULL: of the same name, else the only one */
    const char *other_by;     /* NULL: of the same name, else the only one made with the model */
    double
        checkpoint_seconds; /* between checkpoints of a network in training; 0: after each epoch; < 0: none */
    const char *save_folder; /* weights of the probes, a folder for each corpus; NULL: none */
    const char *
        export_folder; /* X_<layer>.npy, y.npy, groups.npy, split.npy, predictions of each corpus; NULL: none */
} sal_probe_options;

/** linear, strict, all layers, all controls, 5 seeds, seed 1, checkpoints every 10 seconds. */
sal_probe_options sal_probe_defaults(void);

/** Documents of each corpus that are looked at: limit, else the preset's; < 0: all. */
int64_t sal_probe_limit(const sal_probe_options *options);

/** Train and score, and replace the results of each corpus (one transaction each). A transfer needs states of one model (by its hash), one
 *  protocol, pooling and layers on both sides; its documents are split so that no near-duplicate of a tested one is learnt from, and it has
 *  neither gaps nor an online code. Probes of strict predict standardised states by
 *  documents that are not near-duplicates of any they learnt from; those of paper raw states by random pairs. Trainings of networks that
 *  are finished are kept, and checkpoints of those that are not: an interrupted run goes on with the same numbers.
 *  out    *tally added to: done = probes trained, kept = those taken from an interrupted run; failed = documents without states or importance
 *  errs   SAL_ENOTFOUND (no states: names salient states), SAL_EINVAL (too few documents, a layer that is not there; a transfer between
 *         two models or kinds of states, or onto itself), SAL_ECANCELLED, ...
 *  cost   linear: N D² multiplications a layer, memory of one document and 8 D² bytes a part of the split; networks: the states of one
 *         layer (all-layers: of all) of all documents */
int sal_probe_run(sal_study *study, const sal_probe_options *options, const sal_progress *progress,
                  sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

/** What a file of states of one document knows that the document does not tell. */
typedef struct sal_probe_audit {
    char corpus[256], document[256]; /* as the file's metadata name it */
    size_t words;
    size_t
        outside; /* words that the document does not have: states of the template or of the summary */
    size_t
        repeated; /* words with more occurrences than the document has: some states come from elsewhere */
    size_t
        outside_kept; /* of the former two together: words that a summary of any summarizer keeps (the label is in the sequence) */
    sal_buffer examples; /* up to ten of them, separated by spaces; freed by the caller */
} sal_probe_audit;

/** Look for leaks in a file of states in the layout of salient/states.h (metadata corpus and document; words, frequency), whoever made it.
 *  in     corpus: NULL: the file's
 *  errs   SAL_ENOTFOUND (no such file or document), SAL_EFORMAT (not that layout), SAL_ENOMEM */
int sal_probe_audit_file(sal_study *study, const char *path, const char *corpus,
                         sal_probe_audit *audit, sal_error *err) SAL_MUST_CHECK;

/** Lay both protocols beside each other from the results of the study: per layer both Spearmans, and the gap of each of the paper's
 *  choices where a strict run took it (docs/schema.md, protocols). Replaces the rows of each corpus. in corpus NULL: all */
int sal_probe_protocols(sal_study *study, const char *corpus, sal_error *err) SAL_MUST_CHECK;

/* ---- what is stored --------------------------------------------------------------------------------------------------------- */

/** What results belong to. */
typedef struct sal_probe_analysis {
    const char *corpus;
    const char *model;
    int64_t summarizer;
    const char *summarizer_name; /* filled by the study */
    sal_protocol protocol;
    const char *probe;   /* sal_probe_name */
    const char *loss;    /* "squares" (linear), "kl", "mse" */
    const char *options; /* what differs from the defaults; "" */
} sal_probe_analysis;

typedef struct sal_probe_result {
    const char *words;   /* "all", "content" */
    int layer;           /* -1: none */
    const char *control; /* "none": the probe; "position", ...: docs/schema.md */
    int64_t seed;        /* -1: over all */
    const char *metric;
    double value, low, high; /* NaN: undefined, no interval */
    int64_t documents, undefined;
} sal_probe_result;

/** Replace the results of an analysis in one transaction. */
int sal_study_put_probe_results(sal_study *study, const sal_probe_analysis *analysis,
                                const sal_probe_result *results, size_t count,
                                sal_error *err) SAL_MUST_CHECK;

/** A word type at which the best probe of an analysis errs (docs/schema.md, probe_words). */
typedef struct sal_probe_word {
    const char *word;
    int layer; /* that was read; -1: all layers */
    int64_t documents;
    double importance;      /* mean over the documents that have the word, as the next two */
    double importance_rank; /* among the document's words, 0 (least) to 1 */
    double predicted_rank;
    double error; /* root mean square of predicted less importance rank */
} sal_probe_word;
enum { SAL_PROBE_WORDS_AT_MOST = 100 };

/** Replace the words of an analysis in one transaction. */
int sal_study_put_probe_words(sal_study *study, const sal_probe_analysis *analysis,
                              const sal_probe_word *words, size_t count,
                              sal_error *err) SAL_MUST_CHECK;

typedef struct sal_probe_table {
    sal_probe_analysis analysis;
    sal_probe_result *results; /* by words, control, layer, seed, metric */
    size_t count;
    sal_probe_word *words; /* at which it errs most, worst first */
    size_t word_count;
} sal_probe_table;

typedef struct sal_probe_tables {
    sal_probe_table *items; /* by corpus, model, summarizer, protocol, probe, loss, options */
    size_t count;
} sal_probe_tables;

int sal_study_get_probe_tables(sal_study *study, sal_probe_tables **out,
                               sal_error *err) SAL_MUST_CHECK;
void sal_probe_tables_free(sal_probe_tables *tables);

/** Predictions [count] of a training that was finished before.
 *  out    *found false: there are none of this digest, or they have another length */
int sal_study_get_training(sal_study *study, const char digest[65], double *predictions,
                           size_t count, bool *found, sal_error *err) SAL_MUST_CHECK;
int sal_study_put_training(sal_study *study, const char digest[65], const double *predictions,
                           size_t count, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
