/* lexrank: PageRank over the cosines of sentences' tf-idf vectors (Erkan & Radev 2004), without a threshold. */
#include <math.h>

#include "summarize/extractive.h"
#include "summarize/graph.h"

static void weights(const void *context, size_t i, double *row) {
    const sal_word_matrix *m = context;
    for (size_t at = m->rows[i]; at < m->rows[i + 1]; at++) {
        size_t type = m->cells[at].index;
        for (size_t p = m->columns[type]; p < m->columns[type + 1]; p++)
            row[m->postings[p].index] += m->cells[at].value * m->postings[p].value;
    }
    row[i] = 1; /* also for a sentence without words */
}

/* Counts become tf ln(S/df), then unit vectors. norms [S] zeros */
static void weigh(sal_word_matrix *m, double *norms) {
    for (size_t type = 0; type < m->type_count; type++) {
        size_t df = m->columns[type + 1] - m->columns[type];
        double idf = log((double)m->sentence_count / (double)df);
        for (size_t p = m->columns[type]; p < m->columns[type + 1]; p++) {
            m->postings[p].value *= idf;
            norms[m->postings[p].index] += m->postings[p].value * m->postings[p].value;
        }
    }
    for (size_t p = 0; p < m->columns[m->type_count]; p++) {
        double norm = sqrt(norms[m->postings[p].index]);
        m->postings[p].value = norm > 0 ? m->postings[p].value / norm : 0;
    }
    for (size_t i = 0; i < m->sentence_count; i++)
        for (size_t at = m->rows[i]; at < m->rows[i + 1]; at++) {
            size_t type = m->cells[at].index;
            size_t df = m->columns[type + 1] - m->columns[type];
            double norm = sqrt(norms[i]);
            double value = m->cells[at].value * log((double)m->sentence_count / (double)df);
            m->cells[at].value = norm > 0 ? value / norm : 0;
        }
}

int sal_score_lexrank(const sal_sentence_words *words, double *scores, sal_error *err) {
    sal_word_matrix matrix = {0};
    double *norms = sal_calloc(words->sentence_count, sizeof *norms);
    if (norms == NULL)
        return sal_fail_memory(err, "sentences");
    int status = sal_word_matrix_make(words, &matrix, err);
    if (status == SAL_OK) {
        const sal_sentence_graph graph = {weights, &matrix};
        weigh(&matrix, norms);
        status = sal_pagerank(&graph, words->sentence_count, scores, err);
    }
    sal_word_matrix_free(&matrix);
    sal_free(norms);
    return status;
}

int sal_summarizer_open_lexrank(const sal_summarizer_setting *setting, sal_summarizer **out,
                                sal_error *err) {
    return sal_summarizer_open_scored(setting, "lexrank", SAL_WORDS_ALL, sal_score_lexrank, out,
                                      err);
}
