/* textrank: PageRank over sentences joined by the words they share (Mihalcea & Tarau 2004), words being stems of content words
 * as in the field's implementations. */
#include <math.h>

#include "summarize/extractive.h"
#include "summarize/graph.h"

typedef struct overlap {
    sal_word_matrix matrix;
    const sal_sentence_words *words;
} overlap;

static double log_length(const overlap *o, size_t i) {
    return log((double)(o->words->starts[i + 1] - o->words->starts[i]));
}

static void weights(const void *context, size_t i, double *row) {
    const overlap *o = context;
    const sal_word_matrix *m = &o->matrix;
    for (size_t at = m->rows[i]; at < m->rows[i + 1]; at++) {
        size_t type = m->cells[at].index;
        for (size_t p = m->columns[type]; p < m->columns[type + 1]; p++)
            row[m->postings[p].index] += 1;
    }
    for (size_t j = 0; j < m->sentence_count; j++) {
        if (!(row[j] > 0))
            continue; /* also sentences without words, whose logarithm is infinite */
        double divisor = log_length(o, i) + log_length(o, j);
        row[j] = j == i || !(divisor > 0) ? 0 : row[j] / divisor;
    }
}

int sal_score_textrank(const sal_sentence_words *words, double *scores, sal_error *err) {
    overlap o = {.words = words};
    int status = sal_word_matrix_make(words, &o.matrix, err);
    if (status != SAL_OK)
        return status;
    const sal_sentence_graph graph = {weights, &o};
    status = sal_pagerank(&graph, words->sentence_count, scores, err);
    sal_word_matrix_free(&o.matrix);
    return status;
}

int sal_summarizer_open_textrank(const sal_summarizer_setting *setting, sal_summarizer **out,
                                 sal_error *err) {
    return sal_summarizer_open_scored(setting, "textrank", SAL_WORDS_STEMS, sal_score_textrank, out,
                                      err);
}
