/* All metrics of many predictions against one reference: the same numbers as metrics.c, which reads like the formulas, at a tenth of the
 * cost.
 *
 * What depends on the reference alone is made once: ranks, logarithms, powers, the ideal ranking. A prediction is sorted once (radix sort
 * of the bits of its numbers: order-preserving for numbers >= 0) and everything that needs an order is read off that. Its logarithms
 * serve all divergences. Kendall's pairs are counted with a Fenwick tree over the reference's distinct values, of which importance has
 * few. Sums and logarithms run in several lanes at once (SIMD).
 *
 * Ranks are kept doubled and centred, 2 r - (n + 1): whole numbers, so that their products add up exactly in any order (n < 2^17; above,
 * to rounding). */
#include "salient/metrics.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "salient/memory.h"
#include "stats/metrics.h"

enum { DEPTHS = 4, DEEPEST = 10, RADIX = 256, DIGITS = 4 };
static const size_t depths[DEPTHS] = {1, 3, 5, DEEPEST};
static const double floor_probability = 1e-10;
static const double guard = 1e-12;
#define LN_2 0.69314718055994530942

/* Sums may run in lanes; how many is fixed when the program is built. */
#define PRAGMA(text) _Pragma(#text)
#define SIMD_SUM(...) PRAGMA(omp simd reduction(__VA_ARGS__))

struct sal_metrics_reference {
    sal_protocol protocol;
    size_t n;
    double *arrays;    /* all of the following but levels and with_mass */
    double *x;         /* [n] as scored: the reference, in the paper protocol its distribution */
    double *deviation; /* [n] x less its mean */
    double *p;         /* [n] distribution */
    double *log_p;     /* [n] of p where p > 0 */
    double *a;         /* [n] p clipped, sum 1 */
    double *log_a;     /* [n] */
    double *b;         /* [n] p squared, clipped, sum 1 */
    double *log_b;     /* [n] */
    double *powers[3]; /* [n] of the Rényi distribution of p to 1.5, 2, 3 */
    double *ranks;     /* [n] doubled and centred */
    double *gain;      /* [n] 2^x - 1 */
    double *relevant;  /* [n] 0 or 1 */
    size_t *levels;    /* [n] index of x among its distinct values, from 1 */
    size_t *with_mass; /* [kept] words with p > 0 */
    size_t kept;
    size_t level_count;
    double squares;      /* of the deviations */
    double rank_squares; /* of the ranks */
    double tied_pairs;
    double kl_uniform;
    double relevant_total;
    double ideal[2];           /* discounted gain of the best order, at 5 and 10 */
    double discounts[DEEPEST]; /* 1 / log2(rank + 1) */
};

/* ---- order -------------------------------------------------------------------------------------------------- */

/* An item of an order: the upper half of its number's bits, then its index. Whether two items are equal is seen in the numbers. */
typedef uint64_t item;

static size_t index_of(item one) {
    return (size_t)(uint32_t)one;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    value += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Items with equal upper halves by their numbers: shell sort, which moves nothing where the numbers are equal too. */
static void settle_run(item *items, size_t n, const double *values) {
    static const size_t gaps[] = {29524, 9841, 3280, 1093, 364, 121, 40, 13, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (size_t i = gaps[g]; i < n; i++) {
            const item moved = items[i];
            size_t place = i;
            for (; place >= gaps[g] &&
                   values[index_of(items[place - gaps[g]])] > values[index_of(moved)];
                 place -= gaps[g])
                items[place] = items[place - gaps[g]];
            items[place] = moved;
        }
}

/* Bring items whose upper halves are in order into full order. */
static void settle(item *items, size_t n, const double *values) {
    for (size_t first = 0, end; first + 1 < n; first = end) {
        end = first + 1;
        while (end < n && items[end] >> 32 == items[first] >> 32)
            end++;
        if (end - first > 1)
            settle_run(items + first, end - first, values);
    }
}

/* Items [n] of values by rising number, in room [2n]: the upper halves digit by digit, the rest where they agree, which is seldom. return
 * where in room they are */
static item *sort_values(const double *values, size_t n, item *room) {
    uint32_t counts[DIGITS][RADIX] = {{0}};
    item *items = room, *scratch = room + n;
    for (size_t i = 0; i < n; i++) {
        items[i] = (bits_of(values[i]) >> 32 << 32) | i;
        for (int d = 0; d < DIGITS; d++)
            counts[d][items[i] >> (32 + 8 * d) & (RADIX - 1)]++;
    }
    for (int d = 0; d < DIGITS; d++) {
        uint32_t *count = counts[d];
        uint32_t place = 0;
        if (n == 0 || count[items[0] >> (32 + 8 * d) & (RADIX - 1)] == n)
            continue; /* all alike in this digit */
        for (size_t r = 0; r < RADIX; r++) {
            uint32_t here = count[r];
            count[r] = place;
            place += here;
        }
        for (size_t i = 0; i < n; i++)
            scratch[count[items[i] >> (32 + 8 * d) & (RADIX - 1)]++] = items[i];
        item *swap = items;
        items = scratch;
        scratch = swap;
    }
    settle(items, n, values);
    return items;
}

static inline bool same(const item *items, const double *values, size_t i, size_t j) {
    return items[i] >> 32 == items[j] >> 32 &&
           !(values[index_of(items[i])] < values[index_of(items[j])]) &&
           !(values[index_of(items[i])] > values[index_of(items[j])]);
}

/* One past the last item equal to items[first]. */
static inline size_t group_end(const item *items, const double *values, size_t n, size_t first) {
    size_t end = first + 1;
    while (end < n && same(items, values, first, end))
        end++;
    return end;
}

/* The first item equal to items[last - 1]. */
static size_t group_start(const item *items, const double *values, size_t last) {
    size_t first = last - 1;
    while (first > 0 && same(items, values, first - 1, last - 1))
        first--;
    return first;
}

/* Ranks, doubled and centred; pairs tied within groups are added to *tied. return the sum of squares */
static double fill_ranks(const item *items, const double *values, size_t n, double *ranks,
                         double *tied) {
    double squares = 0;
    for (size_t first = 0, end; first < n; first = end) {
        end = group_end(items, values, n, first);
        const double rank =
            (double)(first + end) - (double)n; /* 2 (first + 1 + end) / 2 - (n + 1) */
        const double size = (double)(end - first);
        squares += size * rank * rank;
        *tied += size * (size - 1) / 2;
        for (size_t i = first; i < end; i++)
            ranks[index_of(items[i])] = rank;
    }
    return squares;
}

/* ---- the reference ------------------------------------------------------------------------------------------ */

static double clip(double value) {
    return value < floor_probability ? floor_probability : value > 1 ? 1 : value;
}

/* Natural logarithms of normal numbers > 0, without a branch, so that they are computed in lanes.
 * math   x = 2^e m, m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s), s = (m - 1)/(m + 1), |s| < .1716: the series to s^21
 * error  below 2 units in the last place of the result or of 1e-16, whatever is larger (tested against libm) */
static void log_all(const double *x, size_t n, double *out) {
    static const double two_52 = 0x1p52;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        uint64_t exponent_bits;
        double m;
        double e;
        memcpy(&bits, &x[i], sizeof bits);
        bits += 0x3ff0000000000000 - 0x3fe6a09e667f3bcd; /* from sqrt(1/2) up: the next exponent */
        exponent_bits = bits >> 52 | 0x4330000000000000; /* 2^52 + e + 1023 */
        bits = (bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
        memcpy(&e, &exponent_bits, sizeof e);
        memcpy(&m, &bits, sizeof m);
        e -= two_52 + 1023;
        const double s = (m - 1) / (m + 1);
        const double z = s * s;
        const double z2 = z * z;
        const double low = (1.0 / 3 + z * (1.0 / 5)) + z2 * (1.0 / 7 + z * (1.0 / 9));
        const double high = (1.0 / 11 + z * (1.0 / 13)) + z2 * (1.0 / 15 + z * (1.0 / 17));
        const double last = 1.0 / 19 + z * (1.0 / 21);
        const double series = low + z2 * z2 * (high + z2 * z2 * last);
        out[i] = e * LN_2 + 2 * (s + s * (z * series));
    }
}

static double sum_of(const double *values, size_t n) {
    double sum = 0;
    SIMD_SUM(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

static void normalise(const double *values, size_t n, double *p) {
    const double sum = sum_of(values, n);
    for (size_t i = 0; i < n; i++)
        p[i] = sum > 0 ? values[i] / sum : 1 / (double)n;
}

/* Clip, bring to sum 1, and take logarithms. return the logarithm of the clipped numbers' sum */
static double clip_all(const double *p, size_t n, double *clipped, double *logs) {
    for (size_t i = 0; i < n; i++)
        clipped[i] = clip(p[i]);
    const double sum = sum_of(clipped, n);
    const double log_sum = n > 0 ? log(sum) : 0;
    log_all(clipped, n, logs);
    for (size_t i = 0; i < n; i++) {
        logs[i] -= log_sum;
        clipped[i] /= sum;
    }
    return log_sum;
}

static void fill_distributions(sal_metrics_reference *r, const double *reference) {
    const size_t n = r->n;
    double squares = 0;
    double sum = 0;
    normalise(reference, n, r->p);
    memcpy(r->x, r->protocol == SAL_PAPER ? r->p : reference, n * sizeof *r->x);
    for (size_t i = 0; i < n; i++) {
        r->log_p[i] = r->p[i] > 0 ? log(r->p[i]) : 0;
        if (r->p[i] > 0)
            r->with_mass[r->kept++] = i;
        squares += r->p[i] * r->p[i];
        sum += r->p[i];
    }
    for (size_t i = 0; i < n; i++)
        r->b[i] = r->p[i] * r->p[i] / (squares + guard);
    (void)clip_all(r->b, n, r->b, r->log_b);
    (void)clip_all(r->p, n, r->a, r->log_a);
    r->kl_uniform = sal_stats_kl_uniform(r->p, n);
    for (size_t i = 0; i < n; i++) {
        const double base = r->protocol == SAL_STRICT ? r->a[i] : r->p[i] / (sum + guard);
        r->powers[0][i] = base * sqrt(base);
        r->powers[1][i] = base * base;
        r->powers[2][i] = base * base * base;
    }
}

static void fill_moments(sal_metrics_reference *r) {
    double mean = 0;
    for (size_t i = 0; i < r->n; i++)
        mean += r->x[i];
    mean /= (double)r->n;
    for (size_t i = 0; i < r->n; i++) {
        r->deviation[i] = r->x[i] - mean;
        r->squares += r->deviation[i] * r->deviation[i];
    }
}

/* Discounted gain at 5 and 10 of an order that rises, read from its end; ties share their mean gain. */
static void discount(const sal_metrics_reference *r, const item *items, const double *values,
                     double gains[2]) {
    gains[0] = gains[1] = 0;
    for (size_t rank = 0; rank < DEEPEST && rank < r->n;) {
        const size_t last = r->n - rank; /* one past the group's end in the rising order */
        const size_t first = group_start(items, values, last);
        double gain = 0;
        double shares[2] = {0, 0};
        for (size_t i = first; i < last; i++)
            gain += r->gain[index_of(items[i])];
        for (size_t k = rank; k < rank + (last - first) && k < DEEPEST; k++) {
            shares[0] += k < 5 ? r->discounts[k] : 0;
            shares[1] += r->discounts[k];
        }
        gains[0] += gain / (double)(last - first) * shares[0];
        gains[1] += gain / (double)(last - first) * shares[1];
        rank += last - first;
    }
}

static void fill_order(sal_metrics_reference *r, item *room) {
    const size_t n = r->n;
    const item *items = sort_values(r->x, n, room);
    r->rank_squares = fill_ranks(items, r->x, n, r->ranks, &r->tied_pairs);
    for (size_t first = 0, end; first < n; first = end) {
        end = group_end(items, r->x, n, first);
        r->level_count++;
        for (size_t i = first; i < end; i++)
            r->levels[index_of(items[i])] = r->level_count;
    }
    const double median = (r->x[index_of(items[(n - 1) / 2])] + r->x[index_of(items[n / 2])]) / 2;
    for (size_t k = 0; k < DEEPEST; k++)
        r->discounts[k] = 1 / log2((double)k + 2);
    for (size_t i = 0; i < n; i++) {
        r->gain[i] = exp2(r->x[i]) - 1;
        r->relevant[i] = r->x[i] > median;
        r->relevant_total += r->relevant[i];
    }
    discount(r, items, r->x, r->ideal);
}

int sal_metrics_reference_open(sal_protocol protocol, const double *reference, size_t n,
                               sal_metrics_reference **out, sal_error *err) {
    enum { ARRAYS = 14 };
    item *room = sal_calloc(n, 2 * sizeof *room);
    sal_metrics_reference *r = sal_calloc(1, sizeof *r);
    int status = SAL_OK;
    if (r != NULL) {
        *r = (sal_metrics_reference){.protocol = protocol, .n = n};
        r->arrays = sal_calloc(n, ARRAYS * sizeof *r->arrays);
        r->levels = sal_calloc(n, 2 * sizeof *r->levels);
    }
    if (room == NULL || r == NULL || r->arrays == NULL || r->levels == NULL) {
        status = sal_fail_memory(err, "a reference");
        goto done;
    }
    for (size_t i = 0; i < n && status == SAL_OK; i++)
        if (!(reference[i] >= 0) || isinf(reference[i]))
            status = sal_fail(err, SAL_EINVAL,
                              "value %zu of the reference is %g: finite numbers of 0 or more are "
                              "needed",
                              i, reference[i]);
    if (status != SAL_OK)
        goto done;
    r->with_mass = r->levels + n;
    double **const places[ARRAYS] = {
        &r->x,     &r->deviation, &r->p,         &r->log_p,     &r->a,     &r->log_a, &r->b,
        &r->log_b, &r->powers[0], &r->powers[1], &r->powers[2], &r->ranks, &r->gain,  &r->relevant};
    for (size_t i = 0; i < ARRAYS; i++)
        *places[i] = r->arrays + i * n;
    if (n > 0) {
        fill_distributions(r, reference);
        fill_moments(r);
        fill_order(r, room);
    }
    *out = r;
    r = NULL;
done:
    sal_metrics_reference_close(r);
    sal_free(room);
    return status;
}

void sal_metrics_reference_close(sal_metrics_reference *reference) {
    if (reference == NULL)
        return;
    sal_free(reference->arrays);
    sal_free(reference->levels);
    sal_free(reference);
}

/* ---- a prediction ------------------------------------------------------------------------------------------- */

/* Room for one prediction: items [2n], then q, clipped, logs [n] each, then the tree [n+1]. */
size_t sal_metrics_workspace(const sal_metrics_reference *r) {
    return r->n * (2 * sizeof(item) + 3 * sizeof(double)) + (r->n + 1) * sizeof(size_t);
}

static void correlate(const sal_metrics_reference *r, const double *y, const double *ranks,
                      double rank_squares, double *values) {
    const size_t n = r->n;
    const double mean = sum_of(y, n) / (double)n;
    double products = 0;
    double squares = 0;
    double errors = 0;
    double rank_products = 0;
    SIMD_SUM(+ : products, squares, errors, rank_products)
    for (size_t i = 0; i < n; i++) {
        const double deviation = y[i] - mean;
        products += r->deviation[i] * deviation;
        squares += deviation * deviation;
        errors += fabs(r->x[i] - y[i]);
        rank_products += r->ranks[i] * ranks[i];
    }
    values[SAL_METRIC_MAE] = errors / (double)n;
    if (!(rank_squares > 0) || !(r->rank_squares > 0))
        return; /* a side is constant */
    const double rho = rank_products / sqrt(rank_squares * r->rank_squares);
    const double pearson = products / (sqrt(squares) * sqrt(r->squares));
    values[SAL_METRIC_SPEARMAN] = fmax(-1, fmin(1, rho));
    values[SAL_METRIC_SPEARMAN_P] = sal_stats_correlation_p(values[SAL_METRIC_SPEARMAN], n);
    values[SAL_METRIC_PEARSON] = fmax(-1, fmin(1, pearson));
}

/* Items counted in the tree with a level up to this one. */
static size_t count_to(const size_t *tree, size_t level) {
    size_t count = 0;
    for (; level > 0; level -= level & (~level + 1))
        count += tree[level];
    return count;
}

/* Concordant less discordant pairs, by a Fenwick tree of the items before. */
static double count_in_tree(const sal_metrics_reference *r, const item *items, const double *values,
                            size_t *tree) {
    double surplus = 0;
    memset(tree, 0, (r->level_count + 1) * sizeof *tree);
    for (size_t first = 0, end; first < r->n; first = end) {
        end = group_end(items, values, r->n, first);
        for (size_t i = first; i < end; i++) { /* those before are smaller in the prediction */
            const size_t level = r->levels[index_of(items[i])];
            const size_t below = count_to(tree, level - 1);
            const size_t above = first - count_to(tree, level);
            surplus += (double)below - (double)above;
        }
        for (size_t i = first; i < end; i++)
            for (size_t level = r->levels[index_of(items[i])]; level <= r->level_count;
                 level += level & (~level + 1))
                tree[level]++;
    }
    return surplus;
}

static double kendall(const sal_metrics_reference *r, const item *items, const double *values,
                      double tied, size_t *tree) {
    const double pairs = (double)r->n * ((double)r->n - 1) / 2;
    if (!(pairs > tied) || !(pairs > r->tied_pairs))
        return NAN;
    const double surplus = count_in_tree(r, items, values, tree);
    return surplus / sqrt((pairs - tied) * (pairs - r->tied_pairs));
}

/* Rényi divergences; q^-1/2, q^-1 and q^-2 need no power function. strict: q is clipped, so that nothing is divided by 0. */
static void fill_renyi(const sal_metrics_reference *r, const double *q, double *values) {
    const double scale = r->protocol == SAL_STRICT ? 1 : sum_of(q, r->n) + guard;
    double sums[3] = {0, 0, 0};
    double half = 0;
    double one = 0;
    double two = 0;
    SIMD_SUM(+ : half, one, two)
    for (size_t i = 0; i < r->n; i++) {
        /* no mass of p adds nothing, whatever q is */
        const double inverse = r->powers[1][i] > 0 ? scale / q[i] : 0;
        half += r->powers[0][i] * sqrt(inverse);
        one += r->powers[1][i] * inverse;
        two += r->powers[2][i] * inverse * inverse;
    }
    const double orders[3] = {1.5, 2, 3};
    sums[0] = half;
    sums[1] = one;
    sums[2] = two;
    for (size_t k = 0; k < 3; k++)
        if (sums[k] > 0 && isfinite(sums[k]))
            values[SAL_METRIC_RENYI_1_5 + k] = log(sums[k]) / (orders[k] - 1);
}

/* p ln p/m + q ln q/m over two, with differences of logarithms; those of q are there already, but where q was clipped. Where p is 0,
 * m is q/2, and nothing is to be computed. room [n] */
static double jensen_shannon(const sal_metrics_reference *r, const double *q, const double *logs,
                             double log_sum, double *room) {
    double alone = 0;
    double js = 0;
    SIMD_SUM(+ : alone)
    for (size_t i = 0; i < r->n; i++)
        alone += r->p[i] > 0 ? 0 : q[i];
    for (size_t k = 0; k < r->kept; k++) {
        const double middle = (r->p[r->with_mass[k]] + q[r->with_mass[k]]) / 2;
        room[k] = middle > DBL_MIN ? middle : DBL_MIN; /* adds nothing to a sum either way */
    }
    log_all(room, r->kept, room);
    for (size_t k = 0; k < r->kept; k++) {
        const size_t i = r->with_mass[k];
        js += r->p[i] * (r->log_p[i] - room[k]);
        if (q[i] >= floor_probability && q[i] <= 1)
            js += q[i] * (logs[i] + log_sum - room[k]);
        else if (q[i] > 0)
            js += q[i] * (log(q[i]) - room[k]);
    }
    return (js + alone * LN_2) / 2;
}

static void diverge(const sal_metrics_reference *r, const double *q, double *clipped, double *logs,
                    double *values) {
    double kl = 0;
    double kl_power2 = 0;
    const double log_sum = clip_all(q, r->n, clipped, logs);
    SIMD_SUM(+ : kl, kl_power2)
    for (size_t i = 0; i < r->n; i++) {
        kl += r->a[i] * (r->log_a[i] - logs[i]);
        kl_power2 += r->b[i] * (r->log_b[i] - logs[i]);
    }
    values[SAL_METRIC_KL] = kl;
    values[SAL_METRIC_KL_POWER2] = kl_power2;
    values[SAL_METRIC_KL_UNIFORM] = r->kl_uniform;
    if (r->kl_uniform > floor_probability)
        values[SAL_METRIC_KL_NORMALIZED] = 1 - kl / r->kl_uniform;
    fill_renyi(r, r->protocol == SAL_STRICT ? clipped : q, values);
    values[SAL_METRIC_JS] =
        jensen_shannon(r, q, logs, log_sum, clipped); /* the last use of clipped */
}

/* Expected precision and recall at all depths from a rising order. */
static void fill_hits(const sal_metrics_reference *r, const item *items, const double *y,
                      double *values) {
    double hits[DEPTHS] = {0};
    for (size_t rank = 0; rank < DEEPEST && rank < r->n;) {
        const size_t last = r->n - rank;
        const size_t first = group_start(items, y, last);
        const size_t size = last - first;
        double found = 0;
        for (size_t i = first; i < last; i++)
            found += r->relevant[index_of(items[i])];
        for (size_t d = 0; d < DEPTHS; d++)
            if (rank < depths[d])
                hits[d] += found * (double)(depths[d] - rank < size ? depths[d] - rank : size) /
                           (double)size;
        rank += size;
    }
    for (size_t d = 0; d < DEPTHS; d++)
        if (depths[d] <= r->n) {
            values[SAL_METRIC_PRECISION_1 + d] = hits[d] / (double)depths[d];
            values[SAL_METRIC_RECALL_1 + d] =
                r->relevant_total > 0 ? hits[d] / r->relevant_total : 0;
        }
}

int sal_metrics_against(const sal_metrics_reference *r, const double *prediction, void *workspace,
                        double values[SAL_METRICS], double *ranks, sal_error *err) {
    const size_t n = r->n;
    item *room = workspace;
    double *q = (double *)(void *)(room + 2 * n);
    double *clipped = q + n;
    double *logs = clipped + n;
    size_t *tree = (size_t *)(void *)(logs + n);
    double tied = 0;
    double gains[2];
    for (int m = 0; m < SAL_METRICS; m++)
        values[m] = NAN;
    values[SAL_METRIC_N] = (double)n;
    for (size_t i = 0; i < n; i++)
        if (!(prediction[i] >= 0) || isinf(prediction[i]))
            return sal_fail(err, SAL_EINVAL,
                            "value %zu of the prediction is %g: finite numbers of 0 or more are "
                            "needed",
                            i, prediction[i]);
    if (n == 0)
        return SAL_OK;
    normalise(prediction, n, q);
    const double *y = r->protocol == SAL_PAPER ? q : prediction;
    const item *items = sort_values(y, n, room);
    const double rank_squares = fill_ranks(items, y, n, ranks, &tied);
    correlate(r, y, ranks, rank_squares, values);
    values[SAL_METRIC_KENDALL] = kendall(r, items, y, tied, tree);
    diverge(r, q, clipped, logs, values);
    discount(r, items, y, gains);
    values[SAL_METRIC_NDCG_5] = r->ideal[0] > 0 ? gains[0] / r->ideal[0] : 0;
    values[SAL_METRIC_NDCG_10] = r->ideal[1] > 0 ? gains[1] / r->ideal[1] : 0;
    fill_hits(r, items, y, values);
    return SAL_OK;
}
