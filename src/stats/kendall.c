/* Kendall's tau-b in O(n log n).
 *
 * Sort by x, then y. Pairs tied in x, in y and in both are counted from runs; discordant pairs are the exchanges a merge sort by y needs.
 * Edge cases: n < 2 or a constant side has no tau. Counts are kept in 64 bits: n up to 4e9. */

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "salient/memory.h"
#include "stats/metrics.h"

typedef struct pair {
    double x, y;
} pair;

static int compare(double a, double b) {
    return (a > b) - (a < b);
}

static bool before(const pair *a, const pair *b, bool by_y) {
    int order = by_y ? 0 : compare(a->x, b->x);
    return (order != 0 ? order : compare(a->y, b->y)) <= 0;
}

/* Stable merge sort by y, or by x then y; returns the exchanges. */
static uint64_t sort(pair *pairs, pair *scratch, size_t n, bool by_y) {
    uint64_t exchanges = 0;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t middle = start + width < n ? start + width : n;
            size_t end = middle + width < n ? middle + width : n;
            size_t i = start, j = middle, k = start;
            while (i < middle && j < end) {
                if (before(&pairs[i], &pairs[j], by_y)) {
                    scratch[k++] = pairs[i++];
                } else {
                    exchanges += middle - i;
                    scratch[k++] = pairs[j++];
                }
            }
            memcpy(scratch + k, pairs + i, (middle - i) * sizeof *pairs);
            memcpy(scratch + k + (middle - i), pairs + j, (end - j) * sizeof *pairs);
        }
        memcpy(pairs, scratch, n * sizeof *pairs);
    }
    return exchanges;
}

/* Pairs within runs of equal values: x, y or both. */
static uint64_t tied(const pair *pairs, size_t n, bool in_x, bool in_y) {
    uint64_t ties = 0;
    uint64_t run = 1;
    for (size_t i = 1; i <= n; i++) {
        bool same = i < n && (!in_x || compare(pairs[i].x, pairs[i - 1].x) == 0) &&
                    (!in_y || compare(pairs[i].y, pairs[i - 1].y) == 0);
        if (same) {
            run++;
        } else {
            ties += run * (run - 1) / 2;
            run = 1;
        }
    }
    return ties;
}

int sal_stats_kendall(const double *x, const double *y, size_t n, double *tau, sal_error *err) {
    *tau = NAN;
    if (n < 2)
        return SAL_OK;
    pair *pairs = sal_calloc(2 * n, sizeof *pairs);
    if (pairs == NULL)
        return sal_fail_memory(err, "pairs");
    for (size_t i = 0; i < n; i++)
        pairs[i] = (pair){x[i], y[i]};
    (void)sort(pairs, pairs + n, n, false);
    uint64_t ties_x = tied(pairs, n, true, false);
    uint64_t ties_both = tied(pairs, n, true, true);
    uint64_t discordant = sort(pairs, pairs + n, n, true);
    uint64_t ties_y = tied(pairs, n, false, true);
    uint64_t all = (uint64_t)n * (n - 1) / 2;
    if (all > ties_x && all > ties_y) {
        double balance = (double)all - (double)ties_x - (double)ties_y + (double)ties_both -
                         2 * (double)discordant;
        double value = balance / sqrt((double)(all - ties_x)) / sqrt((double)(all - ties_y));
        *tau = fmax(-1, fmin(1, value));
    }
    sal_free(pairs);
    return SAL_OK;
}
