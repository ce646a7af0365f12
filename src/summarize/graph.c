/* PageRank over the sentences of a document (Brin & Page 1998), for TextRank and LexRank.
 *
 * r = (1-d)/n + d P^T r with d = .85, P being the weights with rows normalised; a row of zeros counts as 1/n everywhere. That is a linear
 * system, (I - d P^T) r = (1-d)/n, whose columns are dominated by their diagonals: up to SOLVED_SENTENCES it is solved by elimination
 * without exchanges, which is exact and cheaper than iterating. Longer documents: power iteration from 1/n until no score moves by more
 * than 1e-13 (the error shrinks by at least .85 a step); weights come row by row and are kept for up to KEPT_SENTENCES, beyond that they
 * are computed again in each step, so that memory stays linear in the words. */
#include "summarize/graph.h"

#include <math.h>
#include <string.h>

enum { SOLVED_SENTENCES = 256, KEPT_SENTENCES = 1024, STEPS_AT_MOST = 1000 };
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

static void iterate(const walk *w, double *scores, double *next) {
    double change = 1;
    for (size_t i = 0; i < w->n; i++)
        scores[i] = 1 / (double)w->n;
    for (int i = 0; i < STEPS_AT_MOST && change > precision; i++) {
        change = step(w, scores, next);
        memcpy(scores, next, w->n * sizeof *scores);
    }
}

/* Solve for the scores; the rows are overwritten. Row i of P becomes column i of the system, so steps of the elimination run over
 * columns: column i takes its multiple of column k, k < i. */
static void solve(const walk *w, double *scores) {
    size_t n = w->n;
    double sum = 0;
    double *a = w->rows; /* a[i * n + j] = coefficient of r_i in equation j */
    for (size_t i = 0; i < n * n; i++)
        a[i] *= -damping;
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] += 1;
        scores[i] = (1 - damping) / (double)n;
    }
    for (size_t k = 0; k < n; k++) { /* equations j > k lose the unknown k */
        double *restrict pivot = a + k * n;
        for (size_t j = k + 1; j < n; j++) {
            pivot[j] /= pivot[k];
            scores[j] -= pivot[j] * scores[k];
        }
        for (size_t i = k + 1; i < n; i++) {
            double *restrict column = a + i * n;
            double factor = column[k];
            for (size_t j = k + 1; j < n; j++)
                column[j] -= factor * pivot[j];
        }
    }
    for (size_t k = n; k-- > 0;) {
        scores[k] /= a[k * n + k];
        for (size_t j = 0; j < k; j++)
            scores[j] -= a[k * n + j] * scores[k];
        sum += scores[k];
    }
    for (size_t i = 0; i < n; i++)
        scores[i] /= sum;
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
    for (size_t i = 0; w.kept && i < n; i++)
        fill_row(&w, i, w.rows + i * n);
    if (n <= SOLVED_SENTENCES)
        solve(&w, scores);
    else
        iterate(&w, scores, next);
    sal_free(next);
    sal_free(w.rows);
    return SAL_OK;
}
