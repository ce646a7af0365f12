/* The words at which the best probe errs: over the documents that have a word, how far the rank of its prediction among the words of the
 * document lies from the rank of its importance. Ranks, as predictions of some losses are on no scale of importance; from 0, the least
 * of the document, to 1; ties share their mean. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probe/stage.h"
#include "stats/stats.h"

/* Which of several equal probes is the best must not depend on who came first. */
static bool is_better(const probe_best *best, double score, int layer) {
    return best->predictions == NULL || score > best->score ||
           (!(score < best->score) && layer < best->layer);
}

int probe_best_offer(probe_stage *stage, const double *predictions, const double *rho, int layer,
                     sal_error *err) {
    probe_best *best = &stage->best;
    const size_t N = stage->data.rows;
    double sum = 0;
    size_t defined = 0;
    int status = SAL_OK;
    for (size_t d = 0; d < stage->data.documents; d++)
        if (!isnan(rho[d])) {
            sum += rho[d];
            defined++;
        }
    if (defined == 0)
        return SAL_OK;
    const double score = sum / (double)defined;
    pthread_mutex_lock(&stage->mutex);
    if (is_better(best, score, layer)) {
        if (best->predictions == NULL)
            best->predictions = sal_calloc(N, sizeof *best->predictions);
        if (best->predictions == NULL) {
            status = sal_fail_memory(err, "predictions");
        } else {
            memcpy(best->predictions, predictions, N * sizeof *predictions);
            best->score = score;
            best->layer = layer;
        }
    }
    pthread_mutex_unlock(&stage->mutex);
    return status;
}

/* ---- sums of a word type ------------------------------------------------------------------------------------ */

typedef struct type_sums {
    const char *word;
    size_t documents;
    double importance, importance_rank, predicted_rank, squares;
} type_sums;

static double share_of(double rank, size_t n) {
    return n > 1 ? (rank - 1) / (double)(n - 1) : (double)NAN;
}

/* Words of a document that were predicted, ranked both ways. room [4,n] */
static int add_document(const probe_stage *stage, size_t d, double *room, type_sums *sums,
                        sal_error *err) {
    const probe_data *data = &stage->data;
    const size_t start = data->start[d], rows = data->start[d + 1] - start;
    double *y = room, *x = room + rows, *y_ranks = room + 2 * rows, *x_ranks = room + 3 * rows;
    size_t n = 0;
    for (size_t r = 0; r < rows; r++)
        if (!isnan(stage->best.predictions[start + r])) {
            y[n] = data->y[start + r];
            x[n++] = stage->best.predictions[start + r];
        }
    int status = sal_stats_ranks(y, n, y_ranks, err);
    if (status == SAL_OK)
        status = sal_stats_ranks(x, n, x_ranks, err);
    for (size_t r = 0, i = 0; status == SAL_OK && n > 1 && r < rows; r++) {
        if (isnan(stage->best.predictions[start + r]))
            continue;
        type_sums *type = &sums[data->type[start + r]];
        const double kept = share_of(y_ranks[i], n), predicted = share_of(x_ranks[i], n);
        type->word = data->words[start + r];
        type->documents++;
        type->importance += y[i++];
        type->importance_rank += kept;
        type->predicted_rank += predicted;
        type->squares += (predicted - kept) * (predicted - kept);
    }
    return status;
}

static int by_error(const void *a, const void *b) {
    const sal_probe_word *x = a, *y = b;
    if (x->error < y->error || x->error > y->error)
        return x->error < y->error ? 1 : -1;
    return strcmp(x->word, y->word);
}

/* A word of one document can err by chance: words of several come alone, where there are enough of them. */
static size_t take_words(const type_sums *sums, size_t types, sal_probe_word *words) {
    enum { SEVERAL = 3, ENOUGH = 10 };
    size_t several = 0, count = 0;
    for (size_t t = 0; t < types; t++)
        several += sums[t].documents >= SEVERAL;
    for (size_t t = 0; t < types; t++) {
        const type_sums *type = &sums[t];
        const double n = (double)type->documents;
        if (type->documents < (several >= ENOUGH ? SEVERAL : 1))
            continue;
        words[count++] = (sal_probe_word){.word = type->word,
                                          .documents = (int64_t)type->documents,
                                          .importance = type->importance / n,
                                          .importance_rank = type->importance_rank / n,
                                          .predicted_rank = type->predicted_rank / n,
                                          .error = sqrt(type->squares / n)};
    }
    if (count > 0)
        qsort(words, count, sizeof *words, by_error);
    return count < SAL_PROBE_WORDS_AT_MOST ? count : SAL_PROBE_WORDS_AT_MOST;
}

int probe_best_words(const probe_stage *stage, sal_probe_word **words, size_t *count,
                     sal_error *err) {
    const probe_data *data = &stage->data;
    size_t longest = 0;
    *words = NULL;
    *count = 0;
    if (stage->best.predictions == NULL)
        return SAL_OK;
    for (size_t d = 0; d < data->documents; d++)
        if (data->start[d + 1] - data->start[d] > longest)
            longest = data->start[d + 1] - data->start[d];
    type_sums *sums = sal_calloc(data->types, sizeof *sums);
    double *room = sal_calloc(longest, 4 * sizeof *room);
    *words = sal_calloc(data->types, sizeof **words);
    int status = sums == NULL || room == NULL || *words == NULL
                     ? sal_fail_memory(err, "words at which a probe errs")
                     : SAL_OK;
    for (size_t d = 0; status == SAL_OK && d < data->documents; d++)
        status = add_document(stage, d, room, sums, err);
    if (status == SAL_OK)
        *count = take_words(sums, data->types, *words);
    for (size_t w = 0; w < *count; w++)
        (*words)[w].layer = stage->best.layer;
    sal_free(sums);
    sal_free(room);
    return status;
}
