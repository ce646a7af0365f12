/* Krippendorff's alpha ("Computing Krippendorff's Alpha-Reliability", 2011) and mean pairwise Spearman.
 *
 * Coincidence matrix: a unit with m >= 2 values adds 1/(m-1) for each ordered pair of them; units with fewer add nothing.
 * alpha = 1 - (n-1) sum_vw o_vw d²(v,w) / sum_vw n_v n_w d²(v,w), with n_v the row sums and n their total. d²: interval (v-w)²;
 * ordinal (sum of n from v to w, both ends counted half)²; nominal 0 or 1. No expected disagreement (one value alone): undefined. */
#include <math.h>
#include <string.h>

#include "salient/memory.h"
#include "stats/cluster.h"

typedef struct coincidences {
    double *values;   /* [V] distinct, ascending */
    double *matrix;   /* [V,V] */
    double *marginal; /* [V] row sums of the matrix */
    size_t count;     /* V */
    size_t capacity;
} coincidences;

/* First place whose value is not below the one sought. */
static size_t place_of(const coincidences *c, double value) {
    size_t low = 0;
    size_t high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->values[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int collect_values(coincidences *c, const double *ratings, size_t count, sal_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (isnan(ratings[i]))
            continue;
        size_t at = place_of(c, ratings[i]);
        if (at < c->count && !(c->values[at] > ratings[i]))
            continue;
        int status = sal_grow((void **)&c->values, &c->capacity, c->count, sizeof *c->values, err);
        if (status != SAL_OK)
            return status;
        memmove(c->values + at + 1, c->values + at, (c->count - at) * sizeof *c->values);
        c->values[at] = ratings[i];
        c->count++;
    }
    return SAL_OK;
}

/* Add one unit: its ordered pairs of values. places [raters] is the caller's room. */
static void add_unit(coincidences *c, const double *ratings, size_t raters, size_t units,
                     size_t unit, size_t *places) {
    size_t m = 0;
    for (size_t r = 0; r < raters; r++) {
        double value = ratings[r * units + unit];
        if (!isnan(value))
            places[m++] = place_of(c, value);
    }
    if (m < 2)
        return;
    double weight = 1 / (double)(m - 1);
    for (size_t a = 0; a < m; a++) {
        c->marginal[places[a]] += 1;
        for (size_t b = 0; b < m; b++)
            if (a != b)
                c->matrix[places[a] * c->count + places[b]] += weight;
    }
}

/* sum_vw of the matrix, and of the products of marginals, each times the squared difference. */
static void add_disagreement(const coincidences *c, size_t v, size_t w, double square,
                             double *observed, double *expected) {
    *observed += (c->matrix[v * c->count + w] + c->matrix[w * c->count + v]) * square;
    *expected += 2 * c->marginal[v] * c->marginal[w] * square;
}

static void reckon(const coincidences *c, double alpha[SAL_ALPHAS]) {
    double observed[SAL_ALPHAS] = {0};
    double expected[SAL_ALPHAS] = {0};
    double n = 0;
    for (size_t v = 0; v < c->count; v++)
        n += c->marginal[v];
    for (size_t v = 0; v < c->count; v++) {
        double between = 0; /* marginals strictly between v and w */
        for (size_t w = v + 1; w < c->count; w++) {
            double interval = c->values[w] - c->values[v];
            double ordinal = between + (c->marginal[v] + c->marginal[w]) / 2;
            const double squares[SAL_ALPHAS] = {[SAL_ALPHA_INTERVAL] = interval * interval,
                                                [SAL_ALPHA_ORDINAL] = ordinal * ordinal,
                                                [SAL_ALPHA_NOMINAL] = 1};
            for (int k = 0; k < SAL_ALPHAS; k++)
                add_disagreement(c, v, w, squares[k], &observed[k], &expected[k]);
            between += c->marginal[w];
        }
    }
    for (int k = 0; k < SAL_ALPHAS; k++)
        alpha[k] = expected[k] > 0 ? 1 - (n - 1) * observed[k] / expected[k] : NAN;
}

int sal_stats_alpha(const double *ratings, size_t raters, size_t units, double alpha[SAL_ALPHAS],
                    sal_error *err) {
    coincidences c = {0};
    size_t *places = sal_calloc(raters, sizeof *places);
    int status = places == NULL ? sal_fail_memory(err, "agreement") : SAL_OK;
    if (status == SAL_OK)
        status = collect_values(&c, ratings, raters * units, err);
    if (status != SAL_OK)
        goto done;
    c.matrix = sal_calloc(c.count, (c.count + 1) * sizeof *c.matrix);
    c.marginal = sal_calloc(c.count, sizeof *c.marginal);
    if (c.matrix == NULL || c.marginal == NULL) {
        status = sal_fail_memory(err, "agreement");
        goto done;
    }
    for (size_t unit = 0; unit < units; unit++)
        add_unit(&c, ratings, raters, units, unit, places);
    reckon(&c, alpha);
done:
    sal_free(places);
    sal_free(c.values);
    sal_free(c.matrix);
    sal_free(c.marginal);
    return status;
}

int sal_stats_mean_pairwise_spearman(const double *ratings, size_t raters, size_t units,
                                     double *rho, size_t *pairs, sal_error *err) {
    double sum = 0;
    int status = SAL_OK;
    double *x = sal_calloc(units, 2 * sizeof *x);
    if (x == NULL)
        return sal_fail_memory(err, "agreement");
    *pairs = 0;
    for (size_t a = 0; a < raters; a++)
        for (size_t b = a + 1; status == SAL_OK && b < raters; b++) {
            double r = NAN;
            size_t n = 0;
            for (size_t u = 0; u < units; u++) {
                double left = ratings[a * units + u];
                double right = ratings[b * units + u];
                if (isnan(left) || isnan(right))
                    continue;
                x[n] = left;
                x[units + n++] = right;
            }
            if (n >= 3)
                status = sal_stats_spearman(x, x + units, n, &r, err);
            if (status != SAL_OK || isnan(r))
                continue;
            sum += r;
            (*pairs)++;
        }
    *rho = *pairs > 0 ? sum / (double)*pairs : NAN;
    sal_free(x);
    return status;
}
