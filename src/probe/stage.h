/** Inside of the stage: one corpus at work, what its workers share. */
#ifndef SALIENT_PROBE_STAGE_H
#define SALIENT_PROBE_STAGE_H

#include "probe/data.h"
#include "probe/series.h"
#include "probe/train.h"

/** The probe itself (control none, first seed) of the layer that orders words best. */
typedef struct probe_best {
    double *predictions; /* [N]; NULL: none yet */
    double score;        /* mean Spearman over documents, all words */
    int layer;
} probe_best;

/** One side: a study, and what of it enters. */
typedef struct probe_place {
    sal_study *study;
    sal_summarizer_list *summarizers;
    const sal_summarizer_info *by;
    sal_state_set_list *sets;
    const sal_state_set *set;
    const char *corpus; /* at work */
} probe_place;

typedef struct probe_stage {
    sal_study *study;
    const sal_probe_options *options;
    const sal_progress *progress;
    sal_tally *tally;
    sal_text *text;
    char model_name[256];
    probe_place here;  /* of the study */
    probe_place there; /* a transfer's other side; study NULL: this is none */
    int threads;
    bool one_split; /* 60/20/20 by documents, however few or whatever the protocol */
    bool worked;    /* a transfer: some corpus had another one on the other side */
    /* of the corpus at work */
    const char *corpus;
    probe_data data;
    probe_source trained;
    probe_source *random; /* [random_count] */
    size_t random_count;
    probe_source
        paper; /* states of the paper's sequence, for the gap; files NULL: the study has none */
    size_t *layers; /* [layer_count] states looked at */
    size_t layer_count;
    bool french;
    split_rounds rounds;
    size_t *part;           /* [N] */
    unsigned char *content; /* [N] 1: content word; NULL: no stop list */
    unsigned char *seen;    /* [N] the word's type is in the training part of its round */
    double *task;           /* [seeds,N] targets of the control task */
    probe_series_list series;
    probe_best best;
    pthread_mutex_t mutex; /* of best, of the three below, and of the study while workers run */
    int status;            /* of the first worker that failed */
    sal_error error;
    int64_t done, total;
} probe_stage;

/** Choose states and summarizers of all sides (choose.c). */
int probe_choose(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** Free what was chosen, and the stage's text. */
void probe_forget(probe_stage *stage);
/** The newest set of trained states of a protocol in this study (paper: with the summarizer's record behind), or NULL. */
const sal_state_set *probe_newest_set(const probe_stage *stage, sal_protocol protocol);
/** Where the rows come from: of a transfer the side that is learnt from, then the tested one. out places. return how many */
size_t probe_places(const probe_stage *stage, const probe_place *places[PROBE_SIDES]);
/** The place whose documents are tested. */
const probe_place *probe_tested_place(const probe_stage *stage);
/** The other side's corpus for the one at work here (stage->there.corpus): named, of the same name, or the only one.
 *  out    *corpora owns the text, [*count]
 *  errs   SAL_ENOTFOUND, SAL_EINVAL (several) */
int probe_choose_other_corpus(probe_stage *stage, char ***corpora, size_t *count,
                              sal_error *err) SAL_MUST_CHECK;
/** Whether both sides are the same documents and importance. */
bool probe_is_onto_itself(const probe_stage *stage);

/** Rows of the corpus at work, their states, the split and targets (prepare.c). No documents: nothing else is there. */
int probe_prepare(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** Free all that. */
void probe_clear(probe_stage *stage);

/** Keep the first failure of a worker; the others then stop early. */
void probe_stage_fail(probe_stage *stage, int status, const sal_error *error);
/** True when a worker failed or the user asked to stop (which is made a failure). */
bool probe_stage_stopped(probe_stage *stage);
/** A unit of progress. */
void probe_stage_advance(probe_stage *stage);

/** Keep predictions [N] if no layer was better; rho [D] is its Spearman on each document (errors.c). */
int probe_best_offer(probe_stage *stage, const double *predictions, const double *rho, int layer,
                     sal_error *err) SAL_MUST_CHECK;
/** Words at which the best probe errs most. out *words [*count] freed with sal_free; texts borrowed from the data */
int probe_best_words(const probe_stage *stage, sal_probe_word **words, size_t *count,
                     sal_error *err) SAL_MUST_CHECK;

/** Score predictions [N] of y on every document and add the series of all metrics, for all words and content words. */
int probe_stage_add_scores(probe_stage *stage, const double *predictions, bool normalised,
                           int layer, const char *control, int64_t seed,
                           sal_error *err) SAL_MUST_CHECK;
/** Spearman of predictions of the control task's y on words seen in training, and selectivity: the probe's on the same words, less it. */
int probe_stage_add_task(probe_stage *stage, const double *predictions, const double *of_task,
                         size_t draw, int layer, sal_error *err) SAL_MUST_CHECK;
/** Paired difference of Spearman, other - base, on the words that both predict. */
int probe_stage_add_difference(probe_stage *stage, const double *base, const double *other,
                               int layer, const char *control, sal_error *err) SAL_MUST_CHECK;
/** One choice of the paper's protocol (gaps.c). */
typedef enum probe_gap { PROBE_GAP_SPLIT, PROBE_GAP_ZERO, PROBE_GAP_SPAN, PROBE_GAPS } probe_gap;
/** "gap-split", "gap-zero", "gap-span". */
const char *probe_gap_name(probe_gap gap);
/** Rounds and parts of rows with that choice; of the span, those rows that both sequences have (the stage's paper states are there).
 *  out    part [N]
 *  errs   SAL_ENOMEM */
int probe_gap_part(const probe_stage *stage, probe_gap gap, split_rounds *rounds, size_t *part,
                   sal_error *err) SAL_MUST_CHECK;

/** Values of one number for the whole corpus: as if every document had it. */
int probe_stage_add_number(probe_stage *stage, double value, int layer, const char *control,
                           const char *metric, sal_error *err) SAL_MUST_CHECK;

/** The sweep of linear probes and all their controls (sweep.c). */
int probe_sweep(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** Position, frequency and surface alone (sweep.c), beside networks. */
int probe_sweep_surface(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** Trainings of networks (networks.c). */
int probe_networks(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;

/** Make a folder, if it is not there; and a corpus's in it. errs SAL_EIO, SAL_EINVAL (a corpus that cannot be a folder's name) */
int probe_make_folder(const char *path, sal_error *err) SAL_MUST_CHECK;
int probe_make_corpus_folder(const char *folder, const char *corpus, sal_error *err) SAL_MUST_CHECK;

/** Arrays for other programs (arrays.c): X_<layer>.npy [N,D] f32, y.npy [N] f64, groups.npy [N] i64, split.npy [N] i64, words.txt. */
int probe_write_arrays(probe_stage *stage, sal_error *err) SAL_MUST_CHECK;
/** prediction_<layer>.npy [N] f64 and lambda_<layer>.npy [rounds] f64. */
int probe_write_predictions(probe_stage *stage, size_t layer, const double *predictions,
                            const double *lambda, sal_error *err) SAL_MUST_CHECK;

#endif
