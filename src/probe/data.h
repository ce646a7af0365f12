/** What probes learn from: one row for each word of each document that has states and importance, and the states of those words. */
#ifndef SALIENT_PROBE_DATA_H
#define SALIENT_PROBE_DATA_H

#include "probe/split.h"
#include "salient/states.h"

enum { PROBE_SURFACE = 5, PROBE_POSITION = 3 }; /* columns: three of position, two of frequency */

enum { PROBE_SIDES = 2 }; /* of a transfer; else there is one */

/** Where documents and states come from. */
typedef struct probe_side {
    sal_study *study;
    const sal_state_set *set;
} probe_side;

/** Documents of one corpus, or of both sides of a transfer, and the words that enter. Zero-initialise; free with probe_data_free. */
typedef struct probe_data {
    size_t documents;    /* D, side after side */
    int64_t *keys;       /* [D] in the study of its side */
    unsigned char *side; /* [D] */
    char (*hashes)[65];  /* [D] content */
    size_t *group;       /* [D] near-duplicates */
    size_t *start;       /* [D+1] where a document's rows begin */
    size_t rows;         /* N */
    double *y;           /* [N] importance */
    double *
        surface; /* [N,PROBE_SURFACE]: place p of the first occurrence (0..1), p², ln(1 + words before); ln occurrences, their share */
    size_t *type; /* [N] number of the word's type over all documents */
    size_t types;
    signed char *content; /* [N] 1, 0, -1: no stop list */
    char **words;         /* [N] owned */
    int classes;          /* K + 1: summaries of a document at most, and none */
    int64_t without_states, without_importance, few_words;
} probe_data;

typedef struct probe_selection {
    int64_t summarizer;
    sal_protocol protocol;
    const char *corpus;
    int64_t limit;
    uint64_t seed; /* of the paper's 50 zero-score words */
} probe_selection;

/** Rows: the words of the sets' files that have importance; strict: all words of the document; paper: words that a summary keeps, and 50
 *  random ones of the document that none does. Groups of near-duplicates and word types go over all sides.
 *  in     sides, selections [count]
 *  errs   SAL_ENOTFOUND, SAL_EFORMAT (a damaged file), SAL_ENOMEM */
int probe_data_load(const probe_side *sides, const probe_selection *selections, size_t count,
                    const sal_text *text, probe_data *data, sal_error *err) SAL_MUST_CHECK;
void probe_data_free(probe_data *data);

/** States of the rows in one set of files, which need not be the one the rows came from. */
typedef struct probe_source {
    const sal_state_set *set; /* of side 0 */
    size_t documents;         /* D */
    char **files;             /* [D] NULL: no states of that document */
    size_t *place;            /* [N] word of the file; SIZE_MAX: not there */
    size_t *layers;           /* [S] */
    size_t layer_count;
    size_t width;
    size_t missing;  /* rows without states */
    char digest[65]; /* of everything the states depend on */
} probe_source;

/** in     sides: as many as the data has; their sets have the same layers and width */
int probe_source_open(const probe_side *sides, const probe_data *data, probe_source *source,
                      sal_error *err) SAL_MUST_CHECK;
void probe_source_free(probe_source *source);
/** States of one layer (by its index in layers) of a document's rows; zeros where they are missing.
 *  out    states [rows of the document, width] */
int probe_source_read(const probe_source *source, const probe_data *data, size_t document,
                      size_t slot, float *states, sal_error *err) SAL_MUST_CHECK;
/** Index of a layer, or SIZE_MAX. */
size_t probe_source_slot(const probe_source *source, size_t layer);

#endif
