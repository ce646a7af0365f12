/** Graphs of sentences: who shares words with whom, and PageRank over it. Inside of the extractive kinds. */
#ifndef SALIENT_SUMMARIZE_GRAPH_H
#define SALIENT_SUMMARIZE_GRAPH_H

#include "summarize/sentences.h"

/** A number at a word (in a row) or at a sentence (in a column). */
typedef struct sal_word_cell {
    size_t index;
    double value;
} sal_word_cell;

/** Counts of words in sentences, sparse, by rows (sentences) and by columns (words). Zero-initialise; free. */
typedef struct sal_word_matrix {
    size_t sentence_count;
    size_t type_count;
    size_t *rows;            /* [S+1] places in cells */
    sal_word_cell *cells;    /* index = word */
    size_t *columns;         /* [V+1] places in postings */
    sal_word_cell *postings; /* index = sentence, ascending */
} sal_word_matrix;

int sal_word_matrix_make(const sal_sentence_words *words, sal_word_matrix *matrix,
                         sal_error *err) SAL_MUST_CHECK;
void sal_word_matrix_free(sal_word_matrix *matrix);

/** weights fills row [n] (zeros on entry) with the weights from sentence i, >= 0. */
typedef struct sal_sentence_graph {
    void (*weights)(const void *context, size_t i, double *row);
    const void *context;
} sal_sentence_graph;

/** PageRank, damping .85. out scores [n], sum 1. errs SAL_ENOMEM */
int sal_pagerank(const sal_sentence_graph *graph, size_t n, double *scores,
                 sal_error *err) SAL_MUST_CHECK;

#endif
