/* PageRank over the sentences of a document (Brin & Page 1998), for TextRank and LexRank.
 *
 * r = (1-d)/n + d P^T r with d = .85, P being the weights with rows normalised; a row of zeros counts as 1/n everywhere. Power
 * iteration from 1/n until no score moves by more than 1e-13: the error shrinks by at least .85 a step, at most some 200 steps. Weights come row by
 * row from the kind and are kept for up to KEPT_SENTENCES; a longer document has them computed again in each step, so that memory
 * stays linear in its words. */
#include "summarize/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_SENTENCES = 1024, STEPS_AT_MOST = 1000 };
static const double damping = 0.85;
static const double precision = 1e-13;

/* ---- words by sentence, sentences by word ------------------------------------------------------------------ */

void sal_word_matrix_free(sal_word_matrix *matrix) {
    sal_free(matrix->rows);
    sal_free(matrix->cells);
    sal_free(matrix->columns);
    sal_free(matrix->postings);
    *matrix = (sal_word_matrix){0};
}

static int allocate(const sal_sentence_words *words, sal_word_matrix *matrix, sal_error *err) {
    size_t tokens = words->starts[words->sentence_count];
    *matrix = (sal_word_matrix){.sentence_count = words->sentence_count,
                                .type_count = words->index.count};
    matrix->rows = sal_calloc(matrix->sentence_count + 1, sizeof *matrix->rows);
    matrix->cells = sal_calloc(tokens, sizeof *matrix->cells);
    matrix->columns = sal_calloc(matrix->type_count + 1, sizeof *matrix->columns);
    matrix->postings = sal_calloc(tokens, sizeof *matrix->postings);
    if (matrix->rows != NULL && matrix->cells != NULL && matrix->columns != NULL &&
        matrix->postings != NULL)
        return SAL_OK;
    sal_word_matrix_free(matrix);
    return sal_fail_memory(err, "the words of sentences");
}

/* Distinct words of each sentence with their counts, in order of first appearance. where [types] = cell of the type + 1 */
static size_t fill_cells(const sal_sentence_words *words, sal_word_matrix *matrix, size_t *where) {
    size_t used = 0;
    for (size_t i = 0; i < matrix->sentence_count; i++) {
        for (size_t at = words->starts[i]; at < words->starts[i + 1]; at++) {
            size_t type = words->types[at];
            if (where[type] <= matrix->rows[i]) { /* not yet in this sentence */
                matrix->cells[used++] = (sal_word_cell){type, 0};
                where[type] = used;
                matrix->columns[type + 1]++;
            }
            matrix->cells[where[type] - 1].value += 1;
        }
        matrix->rows[i + 1] = used;
    }
    return used;
}

static void fill_postings(sal_word_matrix *matrix, size_t *next) {
    for (size_t type = 0; type < matrix->type_count; type++)
        matrix->columns[type + 1] += matrix->columns[type];
    memcpy(next, matrix->columns, matrix->type_count * sizeof *next);
    for (size_t i = 0; i < matrix->sentence_count; i++)
        for (size_t at = matrix->rows[i]; at < matrix->rows[i + 1]; at++)
            matrix->postings[next[matrix->cells[at].index]++] =
                (sal_word_cell){i, matrix->cells[at].value};
}

int sal_word_matrix_make(const sal_sentence_words *words, sal_word_matrix *matrix, sal_error *err) {
    int status = allocate(words, matrix, err);
    if (status != SAL_OK)
        return status;
    size_t *room = sal_calloc(matrix->type_count, sizeof *room);
    if (room == NULL) {
        sal_word_matrix_free(matrix);
        return sal_fail_memory(err, "the words of sentences");
    }
    (void)fill_cells(words, matrix, room);
    fill_postings(matrix, room);
    sal_free(room);
    return SAL_OK;
}

/* ---- PageRank ---------------------------------------------------------------------------------------------- */

typedef struct walk {
    const sal_sentence_graph *graph;
    size_t n;
    bool kept;
    double *rows; /* [n,n] row-normalised when kept, else [n] of the row at hand */
} walk;

static void fill_row(const walk *w, size_t i, double *row) {
    double sum = 0;
    memset(row, 0, w->n * sizeof *row);
    w->graph->weights(w->graph->context, i, row);
    for (size_t j = 0; j < w->n; j++)
        sum += row[j];
    for (size_t j = 0; j < w->n; j++)
        row[j] = sum > 0 ? row[j] / sum : 1 / (double)w->n;
}

/* next = (1-d)/n + d P^T scores, made to sum to 1. return the largest change */
static double step(const walk *w, const double *scores, double *next) {
    double sum = 0;
    double change = 0;
    for (size_t j = 0; j < w->n; j++)
        next[j] = (1 - damping) / (double)w->n;
    for (size_t i = 0; i < w->n; i++) {
        const double *row = w->kept ? w->rows + i * w->n : w->rows;
        const double share = damping * scores[i];
        if (!w->kept)
            fill_row(w, i, w->rows);
        for (size_t j = 0; j < w->n; j++)
            next[j] += share * row[j];
    }
    for (size_t j = 0; j < w->n; j++)
        sum += next[j];
    for (size_t j = 0; j < w->n; j++) {
        next[j] /= sum;
        change = fmax(change, fabs(next[j] - scores[j]));
    }
    return change;
}

int sal_pagerank(const sal_sentence_graph *graph, size_t n, double *scores, sal_error *err) {
    walk w = {.graph = graph, .n = n, .kept = n <= KEPT_SENTENCES};
    if (n == 0)
        return SAL_OK;
    double *next = sal_calloc(n, sizeof *next);
    w.rows = sal_calloc(w.kept ? n * n : n, sizeof *w.rows);
    if (next == NULL || w.rows == NULL) {
        sal_free(next);
        sal_free(w.rows);
        return sal_fail_memory(err, "a graph of sentences");
    }
    for (size_t i = 0; i < n; i++) {
        scores[i] = 1 / (double)n;
        if (w.kept)
            fill_row(&w, i, w.rows + i * n);
    }
    double change = 1;
    for (int i = 0; i < STEPS_AT_MOST && change > precision; i++) {
        change = step(&w, scores, next);
        memcpy(scores, next, n * sizeof *scores);
    }
    sal_free(next);
    sal_free(w.rows);
    return SAL_OK;
}

/* ---- order ------------------------------------------------------------------------------------------------- */

typedef struct scored {
    double score;
    size_t index;
} scored;

static int compare(const void *a, const void *b) {
    const scored *left = a;
    const scored *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

int sal_order_by_score(const double *scores, size_t count, size_t *order, sal_error *err) {
    scored *list = sal_calloc(count, sizeof *list);
    if (list == NULL)
        return sal_fail_memory(err, "sentences");
    for (size_t i = 0; i < count; i++)
        list[i] = (scored){scores[i], i};
    if (count > 0)
        qsort(list, count, sizeof *list, compare);
    for (size_t i = 0; i < count; i++)
        order[i] = list[i].index;
    sal_free(list);
    return SAL_OK;
}
