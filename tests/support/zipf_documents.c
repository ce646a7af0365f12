#include "zipf_documents.h"

#include <math.h>
#include <string.h>

/* Types by Zipf's law with exponent 1, by inversion of the cumulative weights. */
static int draw_type(sal_random *random, const double *cumulative) {
    double u = sal_random_uniform(random) * cumulative[ZIPF_TYPES - 1];
    int low = 0, high = ZIPF_TYPES - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (cumulative[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void draw_tokens(sal_random *random, zipf_document *d) {
    double cumulative[ZIPF_TYPES];
    int index[ZIPF_TYPES];
    double sum = 0;
    for (int k = 0; k < ZIPF_TYPES; k++) {
        cumulative[k] = sum += 1.0 / (k + 1);
        index[k] = -1;
    }
    for (int i = 0; i < ZIPF_TOKENS; i++) {
        int type = draw_type(random, cumulative);
        if (index[type] < 0) {
            index[type] = (int)d->n;
            d->first[d->n++] = i;
        }
        d->tokens[i] = index[type];
        d->frequency[index[type]] += 1;
    }
}

/* Column sums of the three attention matrices, written down from their definitions, row by row. */
static void fill_received(double received[ZIPF_HEADS][ZIPF_TOKENS]) {
    for (int i = 0; i < ZIPF_TOKENS; i++) {
        int start = i < 32 ? 0 : i - 31;
        for (int j = 0; j <= i; j++)
            received[0][j] += 1.0 / (i + 1);
        for (int j = start; j <= i; j++)
            received[1][j] += 1.0 / (i - start + 1);
        received[2][0] += i == 0 ? 1 : .9;
        for (int j = 1; j <= i; j++)
            received[2][j] += .1 / i;
    }
}

void zipf_document_draw(sal_random *random, bool by_position, zipf_document *d) {
    double received[ZIPF_HEADS][ZIPF_TOKENS] = {{0}};
    memset(d, 0, sizeof *d);
    draw_tokens(random, d);
    for (size_t w = 0; w < d->n; w++) {
        double keep = by_position ? fmin(1, exp(-d->first[w] / 150)) : .4;
        for (int s = 0; s < 10; s++)
            d->y[w] += sal_random_uniform(random) < keep ? .1 : 0;
        d->y[w] = round(10 * d->y[w]) / 10;
    }
    fill_received(received);
    for (size_t h = 0; h < ZIPF_HEADS; h++)
        for (int i = 0; i < ZIPF_TOKENS; i++) {
            size_t w = (size_t)d->tokens[i];
            d->heads[h * d->n + w] += received[h][i] / d->frequency[w];
        }
}
