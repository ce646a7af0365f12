/* Agglomerative clustering by Lance and Williams' updates (1967).
 *
 * The two nearest clusters join until one is left. Distance of the joined to another cluster k: average, the mean weighted by sizes;
 * complete, the larger one; Ward, d² = ((na+nk) d_ak² + (nb+nk) d_bk² - nk d_ab²) / (na+nb+nk), which has its meaning on
 * Euclidean distances only and is refused elsewhere. Equal distances: the pair with the smallest numbers, points before clusters,
 * so that the result does not depend on rounding of the search. With these three linkages heights never fall. */
#include "stats/cluster.h"

#include <math.h>
#include <string.h>

#include "salient/memory.h"

const char *sal_linkage_name(sal_linkage linkage) {
    static const char *const names[] = {"average", "complete", "ward"};
    return names[linkage];
}

/* Clusters not yet joined. */
typedef struct forest {
    double *distance; /* [n,n] between slots */
    size_t *number;   /* [n] cluster in each slot */
    size_t *size;     /* [n]; 0 = the slot is empty */
    size_t n;
} forest;

static double between(const forest *f, size_t i, size_t j) {
    return f->distance[i * f->n + j];
}

/* The nearest pair of slots; of equals the one with the smallest cluster numbers. */
static void nearest_pair(const forest *f, size_t *a, size_t *b) {
    double best = INFINITY;
    size_t best_left = SIZE_MAX;
    size_t best_right = SIZE_MAX;
    for (size_t i = 0; i < f->n; i++) {
        for (size_t j = i + 1; f->size[i] > 0 && j < f->n; j++) {
            if (f->size[j] == 0 || between(f, i, j) > best)
                continue;
            bool in_order = f->number[i] < f->number[j];
            size_t left = f->number[in_order ? i : j];
            size_t right = f->number[in_order ? j : i];
            if (between(f, i, j) < best || left < best_left ||
                (left == best_left && right < best_right)) {
                best = between(f, i, j);
                best_left = left;
                best_right = right;
                *a = in_order ? i : j;
                *b = in_order ? j : i;
            }
        }
    }
}

static double joined_distance(const forest *f, sal_linkage linkage, size_t a, size_t b, size_t k) {
    double na = (double)f->size[a];
    double nb = (double)f->size[b];
    double nk = (double)f->size[k];
    double da = between(f, a, k);
    double db = between(f, b, k);
    double ab = between(f, a, b);
    switch (linkage) {
    case SAL_LINKAGE_COMPLETE:
        return da > db ? da : db;
    case SAL_LINKAGE_WARD:
        return sqrt(((na + nk) * da * da + (nb + nk) * db * db - nk * ab * ab) / (na + nb + nk));
    case SAL_LINKAGE_AVERAGE:
        break;
    }
    return (na * da + nb * db) / (na + nb);
}

static void join(forest *f, sal_linkage linkage, size_t step, sal_merge *merge) {
    size_t a = 0;
    size_t b = 0;
    nearest_pair(f, &a, &b);
    *merge = (sal_merge){f->number[a], f->number[b], between(f, a, b), f->size[a] + f->size[b]};
    for (size_t k = 0; k < f->n; k++) {
        if (k == a || k == b || f->size[k] == 0)
            continue;
        double d = joined_distance(f, linkage, a, b, k);
        f->distance[a * f->n + k] = f->distance[k * f->n + a] = d;
    }
    f->number[a] = f->n + step;
    f->size[a] += f->size[b];
    f->size[b] = 0;
}

static int check(const double *distance, size_t n, sal_linkage linkage, bool euclidean,
                 sal_error *err) {
    if (linkage == SAL_LINKAGE_WARD && !euclidean)
        return sal_fail(err, SAL_EINVAL,
                        "Ward's linkage needs Euclidean distances; take average or complete");
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (i != j && (!(distance[i * n + j] >= 0) || isinf(distance[i * n + j])))
                return sal_fail(err, SAL_EINVAL,
                                "the distance between %zu and %zu is %g: finite numbers of 0 or "
                                "more are needed",
                                i, j, distance[i * n + j]);
    return SAL_OK;
}

int sal_stats_cluster(const double *distance, size_t n, sal_linkage linkage, bool euclidean,
                      sal_merge *merges, sal_error *err) {
    int status = check(distance, n, linkage, euclidean, err);
    if (status != SAL_OK || n == 0)
        return status;
    forest f = {.n = n};
    f.distance = sal_calloc(n, n * sizeof *f.distance);
    f.number = sal_calloc(n, sizeof *f.number);
    f.size = sal_calloc(n, sizeof *f.size);
    if (f.distance == NULL || f.number == NULL || f.size == NULL) {
        status = sal_fail_memory(err, "a clustering");
        goto done;
    }
    memcpy(f.distance, distance, n * n * sizeof *distance);
    for (size_t i = 0; i < n; i++) {
        f.number[i] = i;
        f.size[i] = 1;
    }
    for (size_t step = 0; step + 1 < n; step++)
        join(&f, linkage, step, &merges[step]);
done:
    sal_free(f.distance);
    sal_free(f.number);
    sal_free(f.size);
    return status;
}

/* ---- what a clustering says -------------------------------------------------------------------------------- */

void sal_stats_members(const sal_merge *merges, size_t n, unsigned char *members) {
    if (n > 0)
        memset(members, 0, (n - 1) * n);
    for (size_t step = 0; step + 1 < n; step++) {
        const size_t children[2] = {merges[step].left, merges[step].right};
        unsigned char *row = members + step * n;
        for (size_t c = 0; c < 2; c++) {
            if (children[c] < n) {
                row[children[c]] = 1;
                continue;
            }
            const unsigned char *child = members + (children[c] - n) * n;
            for (size_t i = 0; i < n; i++)
                row[i] |= child[i];
        }
    }
}

/* Members in memory of their own; NULL when there is none. */
static unsigned char *make_members(const sal_merge *merges, size_t n) {
    unsigned char *members = sal_calloc(n, n);
    if (members != NULL)
        sal_stats_members(merges, n, members);
    return members;
}

int sal_stats_cophenetic(const sal_merge *merges, size_t n, double *cophenetic, sal_error *err) {
    unsigned char *members = make_members(merges, n);
    if (members == NULL)
        return sal_fail_memory(err, "a clustering");
    for (size_t i = 0; i < n * n; i++)
        cophenetic[i] = 0;
    /* From the last merge down: an earlier one writes over it for the points that were together already. */
    for (size_t step = n > 0 ? n - 1 : 0; step-- > 0;) {
        const unsigned char *row = members + step * n;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; row[i] && j < n; j++)
                if (row[j] && i != j)
                    cophenetic[i * n + j] = merges[step].height;
    }
    sal_free(members);
    return SAL_OK;
}

int sal_stats_triangle_correlation(const double *a, const double *b, size_t n, double *r,
                                   sal_error *err) {
    size_t pairs = n < 2 ? 0 : n * (n - 1) / 2;
    double *x = sal_calloc(2 * pairs, sizeof *x);
    size_t used = 0;
    if (x == NULL)
        return sal_fail_memory(err, "distances");
    double *y = x + pairs;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++, used++) {
            x[used] = a[i * n + j];
            y[used] = b[i * n + j];
        }
    *r = sal_stats_pearson(x, y, pairs);
    sal_free(x);
    return SAL_OK;
}

int sal_stats_cut(const sal_merge *merges, size_t n, size_t clusters, size_t *labels,
                  sal_error *err) {
    unsigned char *members = make_members(merges, n);
    if (members == NULL)
        return sal_fail_memory(err, "a clustering");
    for (size_t i = 0; i < n; i++)
        labels[i] = i; /* of its cluster: the first point */
    for (size_t step = 0; step + clusters < n; step++) {
        size_t first = n;
        for (size_t i = 0; i < n; i++) {
            if (!members[step * n + i])
                continue;
            first = first == n ? i : first;
            labels[i] = first;
        }
    }
    size_t next = 0;
    for (size_t i = 0; i < n; i++) /* first points become 0, 1, 2, ... */
        labels[i] = labels[i] == i ? next++ : labels[labels[i]];
    sal_free(members);
    return SAL_OK;
}

int sal_stats_leaves(const sal_merge *merges, size_t n, size_t *leaves, sal_error *err) {
    size_t *stack = sal_calloc(n + 1, sizeof *stack);
    size_t depth = 0;
    size_t used = 0;
    if (stack == NULL)
        return sal_fail_memory(err, "a clustering");
    if (n > 0)
        stack[depth++] = 2 * n - 2; /* the last cluster; the point 0 when it is alone */
    while (depth > 0) {
        size_t node = stack[--depth];
        if (node < n) {
            leaves[used++] = node;
            continue;
        }
        stack[depth++] = merges[node - n].right;
        stack[depth++] = merges[node - n].left;
    }
    sal_free(stack);
    return SAL_OK;
}
