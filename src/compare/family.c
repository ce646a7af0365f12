/* Family against size: does it matter more who made a model, or how big it is?
 *
 * Distances between models are regressed on "of different families" and the difference of log sizes. Distances that share a model are not
 * independent, so p comes from giving the models' labels (family and size together) to other models. With few models there are few
 * relabellings and the smallest p is large: their number stands beside p. A coefficient that cannot be told apart (no two models of one
 * family, all of one family, all of one size, or both variables in step) is undefined. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare/compare_internal.h"
#include "salient/random.h"

enum { RELABELLINGS = 10000, ALL_UP_TO = 7 /* 7! = 5,040 */ };

/* ---- least squares ----------------------------------------------------------------------------------------- */

/* Sums over pairs: two predictors f and s, and the distance d, all about their means. */
typedef struct moments {
    double ff, ss, fs, fd, sd;
} moments;

static void predictors(const size_t *families, const double *logs, const size_t *label, size_t i,
                       size_t j, double *f, double *s) {
    *f = families[label[i]] == families[label[j]] ? 0 : 1;
    *s = fabs(logs[label[i]] - logs[label[j]]);
}

static moments moments_of(const double *distance, const size_t *families, const double *logs,
                          const size_t *label, size_t n) {
    moments m = {0};
    double mean_f = 0;
    double mean_s = 0;
    double mean_d = 0;
    double pairs = (double)n * ((double)n - 1) / 2;
    double f;
    double s;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            predictors(families, logs, label, i, j, &f, &s);
            mean_f += f / pairs;
            mean_s += s / pairs;
            mean_d += distance[i * n + j] / pairs;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            predictors(families, logs, label, i, j, &f, &s);
            f -= mean_f;
            s -= mean_s;
            double d = distance[i * n + j] - mean_d;
            m.ff += f * f;
            m.ss += s * s;
            m.fs += f * s;
            m.fd += f * d;
            m.sd += s * d;
        }
    return m;
}

static void solve(const moments *m, double *family, double *size) {
    const double least = 1e-12;
    double determinant = m->ff * m->ss - m->fs * m->fs;
    *family = *size = NAN;
    if (m->ff > least && m->ss > least) {
        if (!(determinant > 1e-9 * m->ff * m->ss))
            return; /* in step: neither can be told */
        *family = (m->ss * m->fd - m->fs * m->sd) / determinant;
        *size = (m->ff * m->sd - m->fs * m->fd) / determinant;
    } else if (m->ff > least) {
        *family = m->fd / m->ff;
    } else if (m->ss > least) {
        *size = m->sd / m->ss;
    }
}

/* ---- relabelling ------------------------------------------------------------------------------------------- */

/* The next order by the alphabet; false after the last. */
static bool next_order(size_t *order, size_t n) {
    size_t i = n - 1;
    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    size_t j = n - 1;
    while (order[j] < order[i - 1])
        j--;
    size_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
    for (size_t a = i, b = n - 1; a < b; a++, b--) {
        swap = order[a];
        order[a] = order[b];
        order[b] = swap;
    }
    return true;
}

/* A relabelling is as extreme when its coefficient is not smaller than the one seen; equal ones differ by rounding. */
static bool reaches(double drawn, double seen) {
    return drawn >= seen - 1e-12 * fabs(seen);
}

int compare_regress(const double *distance, const size_t *families, const double *sizes, size_t n,
                    uint64_t seed, compare_regression *out, sal_error *err) {
    const bool all = n <= ALL_UP_TO;
    double reached[2] = {0};
    sal_random random;
    *out = (compare_regression){NAN, NAN, NAN, NAN, 0};
    if (n < 3)
        return SAL_OK;
    size_t *label = sal_calloc(n, sizeof *label);
    double *logs = sal_calloc(n, sizeof *logs);
    if (label == NULL || logs == NULL) {
        sal_free(label);
        sal_free(logs);
        return sal_fail_memory(err, "a regression");
    }
    for (size_t i = 0; i < n; i++) {
        label[i] = i;
        logs[i] = log(sizes[i]);
    }
    moments m = moments_of(distance, families, logs, label, n);
    solve(&m, &out->family, &out->size);
    sal_random_seed(&random, seed);
    do { /* the first order is the one seen */
        double family;
        double size;
        m = moments_of(distance, families, logs, label, n);
        solve(&m, &family, &size);
        reached[0] += reaches(family, out->family);
        reached[1] += reaches(size, out->size);
        out->relabellings++;
        if (!all)
            sal_random_shuffle(&random, label, n);
    } while (all ? next_order(label, n) : out->relabellings < RELABELLINGS);
    if (!isnan(out->family))
        out->family_p = reached[0] / (double)out->relabellings;
    if (!isnan(out->size))
        out->size_p = reached[1] / (double)out->relabellings;
    sal_free(label);
    sal_free(logs);
    return SAL_OK;
}

/* ---- the models of a corpus -------------------------------------------------------------------------------- */

typedef struct models {
    size_t *places; /* [n] among the summarizers */
    size_t *families;
    double *sizes;
    double *distance; /* [n,n] */
    size_t n;
} models;

static const sal_compare_label *find_label(const compare_corpus *corpus, const char *name) {
    for (size_t i = 0; i < corpus->options->label_count; i++)
        if (strcmp(corpus->options->labels[i].name, name) == 0)
            return &corpus->options->labels[i];
    return NULL;
}

/* What was given goes before what the study knows. */
static void describe(const compare_corpus *corpus, size_t s, const char **family, double *size) {
    const sal_summarizer_info *info = corpus->summarizers[s];
    *family = info->family;
    *size = info->parameters;
    for (size_t i = 0; i < corpus->options->label_count; i++) {
        const sal_compare_label *label = &corpus->options->labels[i];
        if (strcmp(label->name, info->name) != 0)
            continue;
        *family = label->family != NULL ? label->family : *family;
        *size = isnan(label->parameters) ? *size : label->parameters;
    }
}

static void tell_left_out(const compare_corpus *corpus, const char *name, const char *what,
                          const char *option) {
    char note[600];
    snprintf(note, sizeof note,
             "%.150s: %.200s is left out of the regression on family and size, as its %s is "
             "unknown; give --%s",
             corpus->name, name, what, option);
    sal_progress_note(corpus->progress, note);
}

/* Models whose family and size are known and whose distances are all defined. */
static void collect(const compare_corpus *corpus, const double *matrix, bool tell, models *m) {
    size_t S = corpus->count;
    for (size_t s = 0; s < S; s++) {
        const char *family;
        double size;
        bool defined = true;
        describe(corpus, s, &family, &size);
        bool model = compare_in_group(corpus->summarizers[s], COMPARE_LLMS) ||
                     find_label(corpus, corpus->summarizers[s]->name) != NULL;
        if (!model)
            continue;
        if (tell && family == NULL)
            tell_left_out(corpus, corpus->summarizers[s]->name, "family", "family NAME=FAMILY");
        if (tell && !(size > 0))
            tell_left_out(corpus, corpus->summarizers[s]->name, "size", "size NAME=PARAMETERS");
        for (size_t i = 0; i < m->n; i++)
            defined = defined && !isnan(matrix[m->places[i] * S + s]);
        if (family == NULL || !(size > 0) || !defined)
            continue;
        size_t number = m->n;
        for (size_t i = m->n; i-- > 0;) {
            const char *other;
            double ignored;
            describe(corpus, m->places[i], &other, &ignored);
            if (strcmp(other, family) == 0)
                number = m->families[i];
        }
        m->places[m->n] = s;
        m->families[m->n] = number;
        m->sizes[m->n++] = size;
    }
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < m->n; j++)
            m->distance[i * m->n + j] = matrix[m->places[i] * S + m->places[j]];
}

static int add(const compare_corpus *corpus, compare_set set, const char *measure,
               compare_distance distance, double value, compare_result *result, sal_error *err) {
    sal_buffer name = {0};
    int status =
        sal_buffer_add_format(&name, err, "%s_%s", measure, compare_distance_name(distance));
    if (status != SAL_OK)
        return status;
    status = compare_result_keep(result, name.bytes, err);
    const sal_agreement row = {.corpus = corpus->name,
                               .a = "llms",
                               .words = compare_set_name(set),
                               .measure = name.bytes,
                               .value = value,
                               .low = NAN,
                               .high = NAN,
                               .documents = (int64_t)corpus->document_count};
    return status == SAL_OK ? compare_result_add(result, &row, err) : status;
}

int compare_families(compare_corpus *corpus, compare_set set, compare_distance distance,
                     const double *matrix, compare_result *result, sal_error *err) {
    size_t S = corpus->count;
    models m = {0};
    compare_regression found = {0};
    m.places = sal_calloc(S, sizeof *m.places);
    m.families = sal_calloc(S, sizeof *m.families);
    m.sizes = sal_calloc(S, sizeof *m.sizes);
    m.distance = sal_calloc(S, (S + 1) * sizeof *m.distance);
    int status = SAL_OK;
    if (m.places == NULL || m.families == NULL || m.sizes == NULL || m.distance == NULL) {
        status = sal_fail_memory(err, "a regression");
        goto done;
    }
    collect(corpus, matrix, set == COMPARE_ALL && distance == COMPARE_BY_SPEARMAN, &m);
    if (m.n < 3)
        goto done;
    status =
        compare_regress(m.distance, m.families, m.sizes, m.n, corpus->options->seed, &found, err);
    const struct {
        const char *measure;
        double value;
    } facts[] = {{"models", (double)m.n},
                 {"relabellings", (double)found.relabellings},
                 {"family_coefficient", found.family},
                 {"family_p", found.family_p},
                 {"size_coefficient", found.size},
                 {"size_p", found.size_p}};
    for (size_t i = 0; status == SAL_OK && i < sizeof facts / sizeof *facts; i++)
        status = add(corpus, set, facts[i].measure, distance, facts[i].value, result, err);
done:
    sal_free(m.places);
    sal_free(m.families);
    sal_free(m.sizes);
    sal_free(m.distance);
    return status;
}
