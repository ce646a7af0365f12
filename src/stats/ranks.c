/* Average ranks, and the order by falling value. Ties are values that compare equal; a tied group at ranks a..b gets (a+b)/2 for each. */
#include <stdlib.h>

#include "salient/memory.h"
#include "stats/stats.h"

typedef struct place {
    double value;
    size_t index;
} place;

static int compare(const void *a, const void *b) {
    double left = ((const place *)a)->value;
    double right = ((const place *)b)->value;
    return (left > right) - (left < right);
}

int sal_stats_ranks(const double *values, size_t n, double *ranks, sal_error *err) {
    if (n == 0)
        return SAL_OK;
    place *places = sal_calloc(n, sizeof *places);
    if (places == NULL)
        return sal_fail_memory(err, "ranks");
    for (size_t i = 0; i < n; i++)
        places[i] = (place){values[i], i};
    qsort(places, n, sizeof *places, compare);
    for (size_t first = 0, last; first < n; first = last + 1) {
        for (last = first; last + 1 < n && places[last + 1].value == places[first].value;)
            last++;
        for (size_t i = first; i <= last; i++)
            ranks[places[i].index] = 1.0 + 0.5 * ((double)first + (double)last);
    }
    sal_free(places);
    return SAL_OK;
}

static int compare_falling(const void *a, const void *b) {
    const place *left = a;
    const place *right = b;
    const int order = compare(right, left);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

int sal_stats_order_falling(const double *values, size_t n, size_t *order, sal_error *err) {
    if (n == 0)
        return SAL_OK;
    place *places = sal_calloc(n, sizeof *places);
    if (places == NULL)
        return sal_fail_memory(err, "an order");
    for (size_t i = 0; i < n; i++)
        places[i] = (place){values[i], i};
    qsort(places, n, sizeof *places, compare_falling);
    for (size_t i = 0; i < n; i++)
        order[i] = places[i].index;
    sal_free(places);
    return SAL_OK;
}
