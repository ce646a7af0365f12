/* metrics_scores.json as the paper's code writes it: means over documents by layer, heads in a list, and the numbers of every document.
 *
 * Where that code puts 0 for an undefined Spearman correlation, 0 stands here too, so that its readers get what they expect; other
 * undefined numbers are null. Documents are counted as in the deduplicated file beside it: those with importance. */
#include "study/export_heads.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "salient/file.h"
#include "salient/heads.h"
#include "salient/json.h"
#include "study/study_internal.h"

/* All numbers of one analysis on one corpus. */
typedef struct heads_data {
    int64_t analysis;
    char *model;
    int *layers;    /* [heads] of each row */
    size_t heads;   /* rows that are heads */
    size_t samples; /* documents with importance */
    bool *valid;    /* [samples] */
    size_t valid_count;
    double *values;         /* [SAL_METRICS, heads, valid_count]: rows of the capacity samples */
    double **distributions; /* [samples] reference of sum 1, NULL: skipped */
    size_t *words;          /* [samples] */
    double *kl_uniform;     /* [samples] */
} heads_data;

static void data_free(heads_data *data) {
    for (size_t i = 0; data->distributions != NULL && i < data->samples; i++)
        sal_free(data->distributions[i]);
    sal_free(data->model);
    sal_free(data->layers);
    sal_free(data->valid);
    sal_free(data->values);
    sal_free(data->distributions);
    sal_free(data->words);
    sal_free(data->kl_uniform);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int find_analysis(sal_study *study, int64_t summarizer, const char *corpus, heads_data *data,
                         sal_error *err) {
    study_query query = {0};
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT a.analysis, m.name FROM head_analyses a"
                              " JOIN head_models m USING (model)"
                              " WHERE a.summarizer = ? AND a.protocol = 'paper'"
                              " AND a.evidence = 'received' AND EXISTS (SELECT 1 FROM head_units u"
                              " JOIN documents d USING (document) WHERE u.analysis = a.analysis"
                              " AND d.corpus = ?) ORDER BY a.options, m.name LIMIT 1",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, summarizer);
        study_bind_text(&query, corpus);
        rc = study_query_next(&query, &row, err);
    }
    if (rc == SAL_OK && row) {
        data->analysis = sqlite3_column_int64(query.statement, 0);
        rc = study_column_copy(&query, 1, &data->model, NULL, err);
    }
    study_query_close(&query);
    return rc;
}

static int read_layers(sal_study *study, heads_data *data, sal_error *err) {
    study_query query = {0};
    size_t capacity = 0;
    bool row = false;
    int rc = study_query_open(study,
                              "SELECT json_extract(r.value, '$[0]') FROM head_analyses a,"
                              " json_each(a.rows) r WHERE a.analysis = ?"
                              " AND json_extract(r.value, '$[0]') IS NOT NULL ORDER BY r.key",
                              &query, err);
    if (rc == SAL_OK) {
        study_bind_integer(&query, data->analysis);
        rc = study_query_next(&query, &row, err);
    }
    while (rc == SAL_OK && row) {
        rc = sal_grow((void **)&data->layers, &capacity, data->heads, sizeof *data->layers, err);
        if (rc == SAL_OK) {
            data->layers[data->heads++] = sqlite3_column_int(query.statement, 0);
            rc = study_query_next(&query, &row, err);
        }
    }
    study_query_close(&query);
    return rc;
}

static int make_room(heads_data *data, size_t count, sal_error *err) {
    data->valid = sal_calloc(count, sizeof *data->valid);
    data->values = sal_calloc(SAL_METRICS * data->heads, count * sizeof *data->values);
    data->distributions = sal_calloc(count, sizeof *data->distributions);
    data->words = sal_calloc(count, sizeof *data->words);
    data->kl_uniform = sal_calloc(count, sizeof *data->kl_uniform);
    if (data->valid == NULL || data->values == NULL || data->distributions == NULL ||
        data->words == NULL || data->kl_uniform == NULL)
        return sal_fail_memory(err, "the scores of heads");
    return SAL_OK;
}

/* The reference over the words that entered, of sum 1. */
static int take_distribution(heads_data *data, size_t sample, const sal_head_unit *unit,
                             sal_error *err) {
    double *p = sal_calloc(unit->words, sizeof *p);
    double sum = 0;
    const bool all = unit->sets[SAL_HEAD_ALL].words == (int64_t)unit->words;
    if (p == NULL)
        return sal_fail_memory(err, "a reference");
    for (size_t w = 0; w < unit->words; w++) {
        const double y = unit->facts[SAL_FACT_IMPORTANCE * unit->words + w];
        if (!all && !(y > 0))
            continue; /* --drop-zero */
        sum += p[data->words[sample]++] = y;
    }
    for (size_t w = 0; w < data->words[sample]; w++)
        p[w] = sum > 0 ? p[w] / sum : 1 / (double)data->words[sample];
    data->distributions[sample] = p;
    return SAL_OK;
}

static int take_unit(heads_data *data, size_t sample, size_t capacity, const sal_head_unit *unit,
                     sal_error *err) {
    const double *scores = unit->sets[SAL_HEAD_ALL].scores;
    data->kl_uniform[sample] = NAN;
    for (size_t h = 0; h < data->heads; h++)
        for (size_t m = 0; m < SAL_METRICS; m++) {
            double value = scores[h * SAL_HEAD_MEASURES + m];
            if (m == SAL_METRIC_KL_UNIFORM && isnan(data->kl_uniform[sample]))
                data->kl_uniform[sample] = value;
            if (m == SAL_METRIC_SPEARMAN && isnan(value))
                value = 0;
            data->values[(m * data->heads + h) * capacity + data->valid_count] = value;
        }
    data->valid[sample] = true;
    data->valid_count++;
    return take_distribution(data, sample, unit, err);
}

static int read_documents(sal_study *study, int64_t summarizer, const int64_t *keys, size_t count,
                          heads_data *data, sal_error *err) {
    int rc = make_room(data, count, err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        sal_importance_list *importance = NULL;
        sal_head_unit *unit = NULL;
        rc = sal_study_get_importance(study, keys[i], summarizer, SAL_PAPER, &importance, err);
        if (rc == SAL_OK && importance != NULL && importance->inputs[0] != '\0') {
            rc = sal_study_get_head_unit(study, data->analysis, keys[i], &unit, err);
            if (rc == SAL_OK && unit != NULL && unit->sets[SAL_HEAD_ALL].scores != NULL &&
                unit->rows >= data->heads)
                rc = take_unit(data, data->samples, count, unit, err);
            data->samples++;
        }
        sal_head_unit_free(unit);
        sal_importance_list_free(importance);
    }
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* What is being written; keeps the first error. */
typedef struct heads_writer {
    const heads_data *data;
    size_t capacity;
    sal_sink sink;
    sal_error *err;
    int rc;
} heads_writer;

static void put(heads_writer *w, const char *text) {
    if (w->rc == SAL_OK)
        w->rc = sal_sink_string(&w->sink, text, w->err);
}

static void put_number(heads_writer *w, double value) {
    if (w->rc == SAL_OK)
        w->rc = sal_json_double(&w->sink, value, w->err);
}

static void put_integer(heads_writer *w, int64_t value) {
    if (w->rc == SAL_OK)
        w->rc = sal_json_integer(&w->sink, value, w->err);
}

static void put_text(heads_writer *w, const char *text) {
    if (w->rc == SAL_OK)
        w->rc = sal_json_string(&w->sink, text, strlen(text), w->err);
}

static void put_list(heads_writer *w, const double *values, size_t count) {
    put(w, "[");
    for (size_t i = 0; i < count; i++) {
        put(w, i == 0 ? "" : ", ");
        put_number(w, values[i]);
    }
    put(w, "]");
}

typedef enum statistic { MEAN, STD, MIN, MAX } statistic;

/* A statistic over the defined documents, as NumPy has it (std of the population). */
static double statistic_of(const double *values, size_t count, statistic which) {
    double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
    size_t defined = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            low = fmin(low, values[i]);
            high = fmax(high, values[i]);
            defined++;
        }
    if (defined == 0)
        return NAN;
    const double mean = sum / (double)defined;
    for (size_t i = 0; i < count; i++)
        squares += isnan(values[i]) ? 0 : (values[i] - mean) * (values[i] - mean);
    return which == MEAN  ? mean
           : which == STD ? sqrt(squares / (double)defined)
           : which == MIN ? low
                          : high;
}

static const double *row_of(const heads_writer *w, sal_metric metric, size_t head) {
    return w->data->values + ((size_t)metric * w->data->heads + head) * w->capacity;
}

/* Call body for each layer's heads [first, end) with the key in front: {"0": ..., "1": ...}. */
static void by_layer(heads_writer *w, sal_metric metric,
                     void (*body)(heads_writer *w, sal_metric metric, size_t first, size_t end,
                                  int statistics),
                     int statistics) {
    put(w, "{");
    for (size_t first = 0, end; first < w->data->heads; first = end) {
        char key[32];
        for (end = first; end < w->data->heads && w->data->layers[end] == w->data->layers[first];)
            end++;
        (void)snprintf(key, sizeof key, "%s\"%d\": ", first == 0 ? "" : ", ",
                       w->data->layers[first]);
        put(w, key);
        body(w, metric, first, end, statistics);
    }
    put(w, "}");
}

/* {"mean": [heads], "std": [heads], ...} */
static void put_statistics(heads_writer *w, sal_metric metric, size_t first, size_t end,
                           int statistics) {
    static const char *const names[] = {"{\"mean\": [", ", \"std\": [", ", \"min\": [",
                                        ", \"max\": ["};
    for (int s = 0; s < statistics; s++) {
        put(w, names[s]);
        for (size_t h = first; h < end; h++) {
            put(w, h == first ? "" : ", ");
            put_number(w, statistic_of(row_of(w, metric, h), w->data->valid_count, (statistic)s));
        }
        put(w, "]");
    }
    put(w, "}");
}

/* [[documents] for each head] */
static void put_samples(heads_writer *w, sal_metric metric, size_t first, size_t end,
                        int statistics) {
    (void)statistics;
    put(w, "[");
    for (size_t h = first; h < end; h++) {
        put(w, h == first ? "" : ", ");
        put_list(w, row_of(w, metric, h), w->data->valid_count);
    }
    put(w, "]");
}

/* A field that has one entry for each of several metrics: {"5": {layers}, "10": {layers}}. */
static void put_family(heads_writer *w, const char *name, const char *const *keys,
                       const sal_metric *metrics, size_t count, bool samples, int statistics) {
    put(w, ",\n  ");
    put_text(w, name);
    put(w, ": {");
    for (size_t i = 0; i < count; i++) {
        put(w, i == 0 ? "" : ", ");
        put_text(w, keys[i]);
        put(w, ": ");
        by_layer(w, metrics[i], samples ? put_samples : put_statistics, statistics);
    }
    put(w, "}");
}

static void put_field(heads_writer *w, const char *name, sal_metric metric, bool samples,
                      int statistics) {
    put(w, ",\n  ");
    put_text(w, name);
    put(w, ": ");
    by_layer(w, metric, samples ? put_samples : put_statistics, statistics);
}

static void put_head(heads_writer *w, const char *corpus) {
    put(w, "{\n  \"model_name\": ");
    put_text(w, w->data->model);
    put(w, ",\n  \"dataset_name\": ");
    put_text(w, corpus);
    put(w, ",\n  \"num_samples\": ");
    put_integer(w, (int64_t)w->data->valid_count);
    put(w, ",\n  \"layers\": [");
    for (size_t h = 0; h < w->data->heads; h++)
        if (h == 0 || w->data->layers[h] != w->data->layers[h - 1]) {
            put(w, h == 0 ? "" : ", ");
            put_integer(w, w->data->layers[h]);
        }
    put(w, "]");
}

static void put_references(heads_writer *w) {
    const heads_data *data = w->data;
    put(w, ",\n  \"per_sample_reference_distributions\": [");
    for (size_t i = 0; i < data->samples; i++) {
        put(w, i == 0 ? "" : ", ");
        if (data->valid[i])
            put_list(w, data->distributions[i], data->words[i]);
        else
            put(w, "null");
    }
    put(w, "],\n  \"per_sample_kl_uniform\": [");
    for (size_t i = 0; i < data->samples; i++) {
        put(w, i == 0 ? "" : ", ");
        put_number(w, data->valid[i] ? data->kl_uniform[i] : (double)NAN);
    }
    put(w, "]");
    for (int valid = 1; valid >= 0; valid--) {
        bool any = false;
        put(w, valid ? ",\n  \"valid_sample_indices\": [" : ",\n  \"skipped_sample_indices\": [");
        for (size_t i = 0; i < data->samples; i++)
            if (data->valid[i] == (valid != 0)) {
                put(w, any ? ", " : "");
                put_integer(w, (int64_t)i);
                any = true;
            }
        put(w, "]");
    }
}

static void put_all(heads_writer *w, const char *corpus) {
    static const char *const depths[] = {"5", "10"};
    static const sal_metric ndcg[] = {SAL_METRIC_NDCG_5, SAL_METRIC_NDCG_10};
    static const char *const orders[] = {"1.5", "2.0", "3.0"};
    static const sal_metric renyi[] = {SAL_METRIC_RENYI_1_5, SAL_METRIC_RENYI_2,
                                       SAL_METRIC_RENYI_3};
    static const int cuts[] = {1, 3, 5, 10};
    put_head(w, corpus);
    put_field(w, "kl_scores", SAL_METRIC_KL, false, 4);
    put_field(w, "spearman_scores", SAL_METRIC_SPEARMAN, false, 2);
    put_field(w, "spearman_pvalues", SAL_METRIC_SPEARMAN_P, true, 0);
    put_field(w, "pw_kl_scores", SAL_METRIC_KL_POWER2, false, 2);
    put_family(w, "ndcg_scores", depths, ndcg, 2, false, 1);
    put_family(w, "renyi_scores", orders, renyi, 3, false, 2);
    put_field(w, "per_sample_kl_scores", SAL_METRIC_KL, true, 0);
    put_field(w, "per_sample_spearman_scores", SAL_METRIC_SPEARMAN, true, 0);
    put_family(w, "per_sample_ndcg_scores", depths, ndcg, 2, true, 0);
    put_references(w);
    for (int k = 0; k < 4; k++) {
        char name[40];
        (void)snprintf(name, sizeof name, "precision_at_%d", cuts[k]);
        put_field(w, name, (sal_metric)(SAL_METRIC_PRECISION_1 + k), false, 1);
        (void)snprintf(name, sizeof name, "recall_at_%d", cuts[k]);
        put_field(w, name, (sal_metric)(SAL_METRIC_RECALL_1 + k), false, 1);
    }
    put_field(w, "per_sample_pw_kl_scores", SAL_METRIC_KL_POWER2, true, 0);
    put_family(w, "per_sample_renyi_scores", orders, renyi, 3, true, 0);
    put(w, "\n}\n");
}

static int write_file(const heads_data *data, size_t capacity, const char *corpus,
                      const char *folder, sal_error *err) {
    sal_buffer path = {0};
    sal_output *output = NULL;
    int rc = sal_buffer_add_format(&path, err, "%s/metrics_scores.json", folder);
    if (rc == SAL_OK)
        rc = sal_output_open(path.bytes, &output, err);
    if (rc == SAL_OK) {
        heads_writer writer = {data, capacity, sal_output_sink(output), err, SAL_OK};
        put_all(&writer, corpus);
        rc = writer.rc;
    }
    if (rc == SAL_OK) {
        rc = sal_output_commit(output, err);
        output = NULL;
    }
    sal_output_discard(output);
    sal_buffer_free(&path);
    return rc;
}

int original_export_heads(sal_study *study, int64_t summarizer, const char *corpus,
                          const int64_t *keys, size_t count, const char *folder, sal_error *err) {
    heads_data data = {0};
    int rc = find_analysis(study, summarizer, corpus, &data, err);
    if (rc != SAL_OK || data.analysis == 0)
        goto done;
    rc = read_layers(study, &data, err);
    if (rc == SAL_OK)
        rc = read_documents(study, summarizer, keys, count, &data, err);
    if (rc == SAL_OK && data.valid_count > 0)
        rc = write_file(&data, count, corpus, folder, err);
done:
    data_free(&data);
    return rc;
}
