/* Norms of values through the output projection (Kobayashi et al. 2020).
 *
 * idea    What query i takes from key j through head h is a_ij W_h v_j, with W_h the head's columns of the output projection. Its norm is
 *         a_ij ||W_h v_j||, and summed over queries: received_j ||W_h v_j||. So one number per key and head is enough.
 * math    ||W_h v||^2 = v' G_h v with G_h = W_h' W_h, [d, d]: computed once per layer and model, then T d^2 a head instead of T D d.
 * sums    G in float over blocks of rows, double across blocks; the order is fixed, so threads change nothing. */
#include "tap_internal.h"

#include <math.h>
#include <string.h>

#include "cpu/parallel.h"

#ifdef _OPENMP
#define SIMD _Pragma("omp simd")
#else
#define SIMD
#endif

enum { ROWS = 256, KEYS = 8 };

/* ---- G ---------------------------------------------------------------------------------------------- */

typedef struct gram_job {
    size_t heads, d, rows;
    const float *block; /* [rows, heads * d] */
    float *partial;     /* [heads, d, d] of this block */
    double *sums;       /* [heads, d, d] */
} gram_job;

static void add_gram(void *context, int64_t head, int thread) {
    const gram_job *job = context;
    size_t d = job->d, width = job->heads * d;
    float *partial = job->partial + (size_t)head * d * d;
    double *sums = job->sums + (size_t)head * d * d;
    (void)thread;
    memset(partial, 0, d * d * sizeof *partial);
    for (size_t r = 0; r < job->rows; r++) {
        const float *row = job->block + r * width + (size_t)head * d;
        for (size_t a = 0; a < d; a++) {
            float *to = partial + a * d;
            float weight = row[a];
            SIMD for (size_t b = 0; b < d; b++) to[b] += weight * row[b];
        }
    }
    for (size_t i = 0; i < d * d; i++)
        sums[i] += (double)partial[i];
}

/* Rows of the projection as float. */
static int load_rows(sal_tap *tap, const struct ggml_tensor *weight, size_t first, size_t rows,
                     float *block, sal_error *err) {
    const struct ggml_type_traits *traits = ggml_get_type_traits(weight->type);
    const void *bytes = NULL;
    size_t width = (size_t)weight->ne[0];
    int status = sal_tap_fetch(tap, SAL_STAGE_OTHER, weight, first * weight->nb[1],
                               rows * weight->nb[1], &bytes, err);
    for (size_t r = 0; status == SAL_OK && r < rows; r++) {
        const char *row = (const char *)bytes + r * weight->nb[1];
        if (weight->type == GGML_TYPE_F32)
            memcpy(block + r * width, row, width * sizeof *block);
        else
            traits->to_float(row, block + r * width, weight->ne[0]);
    }
    return status;
}

/* G of all heads of a layer, kept in the tap. */
static int make_gram(sal_collector *c, size_t layer, const struct ggml_tensor *weight, size_t d,
                     sal_error *err) {
    sal_tap *tap = c->tap;
    size_t size = c->heads * d * d, rows = (size_t)weight->ne[1];
    float *block = sal_calloc(ROWS * c->heads * d, sizeof *block);
    gram_job job = {.heads = c->heads,
                    .d = d,
                    .block = block,
                    .partial = sal_calloc(size, sizeof(float)),
                    .sums = sal_calloc(size, sizeof(double))};
    float *gram = sal_calloc(size, sizeof *gram);
    int status = SAL_OK;
    if (block == NULL || job.partial == NULL || job.sums == NULL || gram == NULL) {
        status = sal_fail_memory(err, "the norms of values");
        goto done;
    }
    for (size_t first = 0; status == SAL_OK && first < rows; first += ROWS) {
        job.rows = rows - first < ROWS ? rows - first : ROWS;
        status = load_rows(tap, weight, first, job.rows, block, err);
        if (status == SAL_OK)
            sal_parallel_for(tap->threads, (int64_t)c->heads, add_gram, &job);
    }
    if (status != SAL_OK)
        goto done;
    for (size_t i = 0; i < size; i++)
        gram[i] = (float)job.sums[i];
    tap->grams[layer] = gram;
    gram = NULL;
done:
    sal_free(gram);
    sal_free(job.sums);
    sal_free(job.partial);
    sal_free(block);
    return status;
}

/* ---- norms ------------------------------------------------------------------------------------------ */

typedef struct norm_job {
    size_t heads, heads_kv, d, tokens;
    const char *values;
    enum ggml_type type;
    size_t step, key, head; /* bytes between numbers of a value, values, and key heads */
    const float *gram;      /* [heads, d, d] */
    float *scratch;         /* [heads, 2, KEYS, d] */
    float *norms;           /* [heads, tokens] */
} norm_job;

static void load_value(const norm_job *job, const char *from, float *to) {
    for (size_t a = 0; a < job->d; a++, from += job->step) {
        if (job->type == GGML_TYPE_F16)
            to[a] = ggml_fp16_to_fp32(*(const ggml_fp16_t *)(const void *)from);
        else
            to[a] = *(const float *)(const void *)from;
    }
}

static void norms_of_head(void *context, int64_t index, int thread) {
    const norm_job *job = context;
    size_t head = (size_t)index, d = job->d;
    const float *gram = job->gram + head * d * d;
    const char *values = job->values + head / (job->heads / job->heads_kv) * job->head;
    float *value = job->scratch + head * 2 * KEYS * d, *image = value + KEYS * d;
    (void)thread;
    for (size_t first = 0; first < job->tokens; first += KEYS) {
        size_t keys = job->tokens - first < KEYS ? job->tokens - first : KEYS;
        for (size_t k = 0; k < keys; k++)
            load_value(job, values + (first + k) * job->key, value + k * d);
        memset(image, 0, KEYS * d * sizeof *image);
        for (size_t a = 0; a < d; a++) {
            const float *row = gram + a * d;
            for (size_t k = 0; k < keys; k++) {
                float *to = image + k * d;
                float weight = value[k * d + a];
                SIMD for (size_t b = 0; b < d; b++) to[b] += weight * row[b];
            }
        }
        for (size_t k = 0; k < keys; k++) {
            double square = 0;
            for (size_t a = 0; a < d; a++)
                square += (double)value[k * d + a] * (double)image[k * d + a];
            job->norms[head * job->tokens + first + k] = (float)sqrt(square > 0 ? square : 0);
        }
    }
}

static int describe_values(const sal_collector *c, norm_job *job, sal_error *err) {
    const struct ggml_tensor *values = c->values;
    bool transposed = c->tap->exact;
    int across = transposed ? 1 : 0, along = transposed ? 0 : 1;
    job->d = (size_t)values->ne[across];
    job->heads_kv = (size_t)values->ne[2];
    job->type = values->type;
    job->step = values->nb[across];
    job->key = values->nb[along];
    job->head = values->nb[2];
    if ((values->type != GGML_TYPE_F16 && values->type != GGML_TYPE_F32) || values->ne[3] != 1 ||
        (size_t)values->ne[along] < c->tokens || c->heads % job->heads_kv != 0)
        return sal_fail(err, SAL_EMODEL,
                        "%s: libllama lays out values in a way this version does not know (%s)",
                        c->tap->model->path, values->name);
    return SAL_OK;
}

int sal_tap_value_norms(sal_collector *c, size_t layer, const struct ggml_tensor *projection,
                        sal_error *err) {
    sal_tap *tap = c->tap;
    norm_job job = {.heads = c->heads,
                    .tokens = c->tokens,
                    .norms = c->value_norms + layer * c->heads * c->tokens};
    const void *values = NULL;
    int status = describe_values(c, &job, err);
    if (status == SAL_OK && (size_t)projection->ne[0] != c->heads * job.d)
        status = sal_fail(err, SAL_EMODEL,
                          "%s: layer %zu: the output projection has %lld columns, not %zu heads of "
                          "%zu",
                          tap->model->path, layer, (long long)projection->ne[0], c->heads, job.d);
    if (status == SAL_OK && tap->grams[layer] == NULL)
        status = make_gram(c, layer, projection, job.d, err);
    if (status == SAL_OK)
        status =
            sal_tap_fetch(tap, SAL_STAGE_OTHER, c->values, 0, ggml_nbytes(c->values), &values, err);
    if (status != SAL_OK)
        return status;
    job.values = values;
    job.gram = tap->grams[layer];
    job.scratch = sal_calloc(c->heads * 2 * KEYS * job.d, sizeof *job.scratch);
    if (job.scratch == NULL)
        return sal_fail_memory(err, "the norms of values");
    sal_parallel_for(tap->threads, (int64_t)c->heads, norms_of_head, &job);
    sal_free(job.scratch);
    return SAL_OK;
}
