/** Inside of the states room: the sequence of a document, the words in it and which tokens make them, the file. */
#ifndef SALIENT_STATES_INTERNAL_H
#define SALIENT_STATES_INTERNAL_H

#include "salient/spool.h"
#include "salient/states.h"

/* ---- sequence.c --------------------------------------------------------------------------------------------- */

/** What a model reads of one document (METHODS 4). Zero-initialise; free with state_sequence_free. */
typedef struct state_sequence {
    sal_buffer text;   /* of the whole: prompt, and in the paper protocol the summary */
    sal_tokens tokens; /* paper: the first 4,096 */
    sal_span searched; /* bytes in which words are looked for: the document, or all */
    bool fits;         /* false: longer than the model's context */
} state_sequence;

/** in     summary: the assistant's turn (paper), else NULL
 *  errs   SAL_EUNSUPPORTED: the template changes the document; SAL_EMODEL, SAL_ENOMEM */
int state_sequence_make(const sal_model *model, sal_protocol protocol, const char *chat_template,
                        const sal_document *document, const char *summary, size_t summary_length,
                        state_sequence *sequence, sal_error *err) SAL_MUST_CHECK;
void state_sequence_free(state_sequence *sequence);

/* ---- words.c ------------------------------------------------------------------------------------------------ */

/** One occurrence of a word and the positions whose states make it. */
typedef struct state_occurrence {
    size_t word;
    size_t from, to;  /* positions, half open */
    bool first, last; /* of its word */
} state_occurrence;

/** Word types in order of first occurrence, and the positions that are wanted. Zero-initialise; free with state_words_free. */
typedef struct state_words {
    sal_word_list list;            /* owns the bytes */
    const char **words;            /* [count] */
    int32_t *first;                /* [count] place of the first occurrence among all */
    int32_t *frequency;            /* [count] occurrences */
    size_t count;                  /* types with at least one token */
    size_t unaligned;              /* types without one: left out */
    state_occurrence *occurrences; /* [occurrence_count] by place */
    size_t occurrence_count;
    int32_t *positions; /* [position_count] ascending tokens */
    size_t position_count;
} state_words;

int state_words_make(const sal_text *text, sal_protocol protocol, const state_sequence *sequence,
                     state_words *words, sal_error *err) SAL_MUST_CHECK;
void state_words_free(state_words *words);

/** States of words from those of positions, for one layer, some rows at a time.
 *  in     rows [count,D] of positions first .. first+count-1: all of them by ascending position, none twice
 *  out    pooled [W,D], 0 before the first rows, added to */
void state_words_pool(const state_words *words, sal_pooling pooling, size_t first, size_t count,
                      const float *rows, size_t D, float *pooled);

/* ---- shard.c ------------------------------------------------------------------------------------------------ */

/** Hidden rows of one document, out of memory: floats [S,P,D]. */
typedef struct state_rows {
    sal_spool *spool;
    size_t P, D;
} state_rows;

/** Write the file of one document. in layers [S] */
int state_shard_write(const char *path, const sal_states_options *options,
                      const sal_document *document, const state_words *words,
                      const state_rows *rows, const size_t *layers, size_t layer_count,
                      const char *const metadata[4], sal_error *err) SAL_MUST_CHECK;

#endif
