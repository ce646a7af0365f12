/* Our attention kernel against the textbook's in double precision: every instruction set this processor has, shapes of real models,
 * masks of every kind, and what must not happen: a masked cell that reaches a result, a thread count that changes a byte. */

#include "testing.h"

#include "salient/random.h"

#include "attention_reference.h"
#include "llm/cpu/attention.h"

enum { HIDDEN = 0xfc00 };

typedef enum mask_kind {
    CAUSAL,
    WINDOW,
    RANDOM_MASK,
    SEQUENCES,
    ONE_KEY,
    BIASED,
    TEN_SEQUENCES,
    BIASED_SEQUENCES,
    NOTHING_SEEN
} mask_kind;

/* An attention with memory of its own, laid out as libllama's caches are: [stream][key][head][width], more cells than keys. */
typedef struct problem {
    sal_attention a;
    float *q;
    uint16_t *k, *v, *mask;
    float *out;
    double *expected, *weights;
} problem;

static double normal(sal_random *random) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += sal_random_uniform(random);
    return sum;
}

static void *room(size_t count, size_t size) {
    void *block = calloc(count + 1, size);
    assert_non_null(block);
    return block;
}

static bool hidden(mask_kind kind, int64_t query, int64_t key, int64_t past, sal_random *random) {
    switch (kind) {
    case CAUSAL:
    case BIASED:
        return key > query + past;
    case WINDOW:
        return key > query + past || key + 40 <= query + past;
    case RANDOM_MASK:
        return sal_random_uniform(random) < 0.5;
    case SEQUENCES:
        return key % 3 != query % 3 && key > past / 2;
    case TEN_SEQUENCES:
    case BIASED_SEQUENCES:
        return key % 10 != query % 10 && key > past / 2;
    case ONE_KEY:
        return key != (query * 7) % (past + 1);
    case NOTHING_SEEN:
        return query % 2 == 0 || key > query + past;
    }
    return false;
}

/* Numbers of a problem; cells that no query sees, and the room between rows, hold what must never be met: NaN and infinities. */
static void fill(problem *p, mask_kind kind, int64_t past, sal_random *random) {
    static const uint16_t poison[] = {0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7c01};
    sal_attention *a = &p->a;
    const size_t row_k = (size_t)(a->heads_kv * a->width + 8),
                 row_v = (size_t)(a->heads_kv * a->value_width + 8);
    const size_t cells = (size_t)a->keys + 5, row_mask = (size_t)a->keys + 3;
    p->q = room((size_t)(a->streams * a->queries * a->heads * a->width), sizeof *p->q);
    p->k = room((size_t)a->streams * cells * row_k, sizeof *p->k);
    p->v = room((size_t)a->streams * cells * row_v, sizeof *p->v);
    p->mask = room((size_t)(a->streams * a->queries) * row_mask, sizeof *p->mask);
    p->out = room((size_t)(a->streams * a->queries * a->heads * a->value_width), sizeof *p->out);
    p->expected =
        room((size_t)(a->streams * a->queries * a->heads * a->value_width), sizeof(double));
    p->weights = room((size_t)(a->heads * a->queries * a->keys), sizeof(double));
    for (size_t i = 0; i < (size_t)(a->streams * a->queries * a->heads * a->width); i++)
        p->q[i] = (float)normal(random);
    for (size_t i = 0; i < (size_t)a->streams * cells * row_k; i++)
        p->k[i] = poison[i % 5];
    for (size_t i = 0; i < (size_t)a->streams * cells * row_v; i++)
        p->v[i] = poison[i % 5];
    for (int64_t s = 0; s < a->streams; s++) {
        for (int64_t key = 0; key < a->keys; key++) {
            bool seen = false;
            for (int64_t i = 0; i < a->queries; i++) {
                const bool hide = hidden(kind, i, key, past, random);
                const bool biased = (kind == BIASED || kind == BIASED_SEQUENCES) && key % 3 == 0;
                const double bias = biased ? -0.25 * (double)(i % 5) : 0;
                p->mask[(size_t)(s * a->queries + i) * row_mask + (size_t)key] =
                    hide ? HIDDEN : reference_to_half(bias);
                seen = seen || !hide;
            }
            for (int64_t h = 0; seen && h < a->heads_kv; h++) {
                const size_t cell = (size_t)s * cells + (size_t)key;
                for (int64_t i = 0; i < a->width; i++)
                    p->k[cell * row_k + (size_t)(h * a->width + i)] =
                        reference_to_half(normal(random));
                for (int64_t i = 0; i < a->value_width; i++)
                    p->v[cell * row_v + (size_t)(h * a->value_width + i)] =
                        reference_to_half(normal(random));
            }
        }
    }
    a->scale = (float)(1 / sqrt((double)a->width));
    a->q = p->q;
    a->q_head = (size_t)(a->queries * a->width) * sizeof(float);
    a->q_query = (size_t)a->width * sizeof(float);
    a->q_stream = a->q_head * (size_t)a->heads;
    a->k = p->k, a->k_key = row_k * 2, a->k_head = (size_t)a->width * 2,
    a->k_stream = cells * row_k * 2;
    a->v = p->v, a->v_key = row_v * 2, a->v_head = (size_t)a->value_width * 2,
    a->v_stream = cells * row_v * 2;
    a->mask = p->mask, a->mask_query = row_mask * 2,
    a->mask_stream = row_mask * (size_t)a->queries * 2;
    a->out = p->out;
    a->out_head = (size_t)a->value_width * sizeof(float);
    a->out_query = a->out_head * (size_t)a->heads;
    a->out_stream = a->out_query * (size_t)a->queries;
    reference_attention(a, p->expected, p->weights);
}

static void release(problem *p) {
    free(p->q), free(p->k), free(p->v), free(p->mask), free(p->out), free(p->expected),
        free(p->weights);
}

static size_t out_count(const problem *p) {
    return (size_t)(p->a.streams * p->a.queries * p->a.heads * p->a.value_width);
}

static void assert_out_close(const problem *p) {
    for (size_t i = 0; i < out_count(p); i++)
        assert_close((double)p->out[i], p->expected[i], 1e-5, 1e-5);
}

/* Columns of three spans: all queries, the last few, some in the middle. */
static void check_columns(problem *p, sal_cpu_features features,
                          sal_attention_workspace *workspace) {
    sal_error err = {0};
    const sal_attention *a = &p->a;
    const size_t stride = (size_t)a->keys + 2, count = stride * (size_t)a->heads;
    double *columns = room(3 * count, sizeof *columns);
    const int64_t n = a->queries;
    const sal_attention_span spans[3] = {{0, n, columns, stride},
                                         {n - 4, n + 10, columns + count, stride},
                                         {n / 3, n / 2, columns + 2 * count, stride}};
    sal_attention_measure measure = {.spans = spans, .span_count = 3};
    memset(p->out, 0xff, out_count(p) * sizeof *p->out);
    assert_ok(sal_attention_run(a, &measure, features, 2, workspace, &err));
    assert_out_close(p);
    assert_int_equal(measure.nonfinite_rows, 0);
    for (int s = 0; s < 3; s++) {
        for (int64_t h = 0; h < a->heads; h++) {
            double total = 0, expected_total = 0;
            for (int64_t j = 0; j < a->keys; j++) {
                double expected = 0;
                for (int64_t i = spans[s].first < 0 ? 0 : spans[s].first; i < spans[s].end && i < n;
                     i++)
                    expected += p->weights[(h * n + i) * a->keys + j];
                const double seen = spans[s].columns[(size_t)h * stride + (size_t)j];
                assert_close(seen, expected, 1e-5, 1e-5);
                total += seen, expected_total += expected;
            }
            assert_close(total, expected_total, 1e-6, 1e-6);
        }
    }
    free(columns);
}

/* The sum of a row of weights over the keys from skip on. */
static double behind(const double *row, int64_t keys, int64_t skip) {
    double sum = 0;
    for (int64_t j = skip; j < keys; j++)
        sum += row[j];
    return sum;
}

/* Rows renormalised without the first keys, and the largest weight of each row; the rest is as without. */
static void check_rows(problem *p, int64_t skip, sal_cpu_features features,
                       sal_attention_workspace *workspace) {
    sal_error err = {0};
    const sal_attention *a = &p->a;
    const int64_t n = a->queries, first = n / 4;
    const size_t stride = (size_t)a->keys, tops = (size_t)(n - first) + 1;
    double *columns = room(stride * (size_t)a->heads, sizeof *columns);
    int32_t *keys = room(tops * (size_t)a->heads, sizeof *keys);
    double *rest = room((size_t)n, sizeof *rest);
    const sal_attention_span span = {0, n, columns, stride};
    sal_attention_measure measure = {
        .spans = &span, .span_count = 1, .skip = skip, .top = {first, n + 3, keys, tops}};
    memset(p->out, 0xff, out_count(p) * sizeof *p->out);
    assert_ok(sal_attention_run(a, &measure, features, 2, workspace, &err));
    assert_out_close(p);
    for (int64_t h = 0; h < a->heads; h++) {
        const double *rows = p->weights + h * n * a->keys;
        for (int64_t i = 0; i < n; i++)
            rest[i] = behind(rows + i * a->keys, a->keys, skip);
        for (int64_t j = 0; j < a->keys; j++) {
            double expected = 0;
            for (int64_t i = 0; j >= skip && i < n; i++)
                expected += rest[i] > 0 ? rows[i * a->keys + j] / rest[i] : 0;
            assert_close(columns[(size_t)h * stride + (size_t)j], expected, 2e-5, 2e-5);
        }
        for (int64_t i = first; i < n; i++) {
            const double *row = rows + i * a->keys;
            const int32_t top = keys[(size_t)h * tops + (size_t)(i - first)];
            double most = 0;
            for (int64_t j = 0; j < a->keys; j++)
                most = fmax(most, row[j]);
            assert_true(top < a->keys && (top >= 0) == (most > 0));
            if (top >= 0)
                assert_close(row[top], most, 1e-5, 0);
        }
    }
    free(keys);
    free(rest);
    free(columns);
}

static void check(sal_attention shape, mask_kind kind, int64_t past, uint64_t seed) {
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, seed);
    problem p = {.a = shape};
    sal_attention_workspace workspace = {0};
    fill(&p, kind, past, &random);
    for (sal_cpu_features f = SAL_CPU_PORTABLE; f <= sal_cpu_features_here(SAL_CPU_BEST); f++) {
        memset(p.out, 0xff, out_count(&p) * sizeof *p.out);
        assert_ok(sal_attention_run(&p.a, NULL, f, 2, &workspace, &err));
        assert_out_close(&p);
        if (shape.streams == 1)
            check_columns(&p, f, &workspace);
        for (int64_t skip = 3; shape.streams == 1 && skip < 100; skip += 67)
            check_rows(&p, skip, f, &workspace);
    }
    sal_attention_workspace_free(&workspace);
    release(&p);
}

static sal_attention shape(int64_t width, int64_t value_width, int64_t queries, int64_t keys,
                           int64_t heads, int64_t heads_kv, int64_t streams) {
    return (sal_attention){.width = width,
                           .value_width = value_width,
                           .queries = queries,
                           .keys = keys,
                           .heads = heads,
                           .heads_kv = heads_kv,
                           .streams = streams};
}

static void prompts_equal_the_textbook(void **state) {
    (void)state;
    check(shape(64, 64, 100, 256, 9, 3, 1), CAUSAL, 0, 1);
    check(shape(80, 80, 70, 200, 4, 4, 1), CAUSAL, 100, 2);
    check(shape(96, 96, 49, 64, 8, 1, 1), CAUSAL, 15, 3);
    check(shape(128, 128, 300, 320, 2, 1, 1), CAUSAL, 0, 4);
    check(shape(64, 64, 130, 300, 3, 3, 1), WINDOW, 150, 5);
    check(shape(72, 24, 65, 129, 4, 2, 1), CAUSAL, 60,
          6); /* V narrower than K, widths no vector divides */
}

static void every_mask_equals_the_textbook(void **state) {
    (void)state;
    static const int64_t queries[] = {90, 7, 1}; /* each has a path of its own */
    for (int q = 0; q < 3; q++)
        for (mask_kind kind = CAUSAL; kind <= NOTHING_SEEN; kind++)
            check(shape(64, 64, queries[q], 190, 6, 2, 1), kind, 99, 10 + (uint64_t)kind);
}

static void few_queries_equal_the_textbook(void **state) {
    (void)state;
    check(shape(64, 64, 1, 1, 1, 1, 1), CAUSAL, 0, 20);
    check(shape(64, 64, 1, 1100, 9, 3, 1), CAUSAL, 1090, 21);
    check(shape(128, 96, 1, 70, 8, 1, 1), CAUSAL, 60, 26);
    check(shape(80, 80, 1, 130, 10, 2, 1), BIASED, 120, 27);
    check(shape(72, 72, 1, 130, 2, 2, 1), CAUSAL, 120, 28); /* no whole vectors */
    check(shape(64, 64, 10, 1100, 9, 3, 1), SEQUENCES, 1000,
          22); /* ten sequences that share a prefix */
    check(shape(64, 64, 10, 1100, 9, 3, 1), TEN_SEQUENCES, 900, 29);
    check(shape(80, 96, 10, 700, 7, 1, 1), BIASED_SEQUENCES, 300, 30); /* more rows than a block */
    check(shape(128, 128, 47, 600, 8, 1, 1), SEQUENCES, 500, 23);
    check(shape(64, 64, 1, 700, 9, 3, 10), CAUSAL, 690, 24); /* a stream for each */
    check(shape(96, 64, 60, 100, 4, 2, 3), CAUSAL, 30, 25);
}

static void random_shapes_equal_the_textbook(void **state) {
    (void)state;
    static const int64_t widths[] = {64, 80, 96, 128};
    sal_random random;
    sal_random_seed(&random, 99);
    for (int n = 0; n < 25; n++) {
        const int64_t width = widths[sal_random_below(&random, 4)];
        const int64_t queries = 1 + (int64_t)sal_random_below(&random, n % 2 == 0 ? 300 : 50);
        const int64_t past = (int64_t)sal_random_below(&random, 200);
        const int64_t keys = queries + past + (int64_t)sal_random_below(&random, 70);
        const int64_t group = 1 + (int64_t)sal_random_below(&random, 8),
                      kv = 1 + (int64_t)sal_random_below(&random, 2);
        check(shape(width, n % 5 == 0 ? 48 : width, queries, keys, group * kv, kv, 1),
              (mask_kind)sal_random_below(&random, NOTHING_SEEN + 1), past, 100 + (uint64_t)n);
    }
}

/* A value that is not finite reaches the rows that see it, and no other. */
static void visible_infinities_stay_in_their_rows(void **state) {
    (void)state;
    for (int few = 0; few < 2; few++) {
        sal_error err = {0};
        sal_random random;
        sal_random_seed(&random, 7);
        problem p = {.a = shape(64, 64, few ? 9 : 80, 100, 4, 2, 1)};
        sal_attention_workspace workspace = {0};
        fill(&p, CAUSAL, 0, &random);
        const int64_t bad = few ? 5 : 50;
        p.v[(size_t)bad * (2 * 64 + 8) + 3] = 0x7e00;  /* key head 0, element 3 */
        p.k[(size_t)bad * (2 * 64 + 8) + 64] = 0x7e00; /* key head 1: every score with it */
        for (sal_cpu_features f = SAL_CPU_PORTABLE; f <= sal_cpu_features_here(SAL_CPU_BEST); f++) {
            double *columns = room(4 * 100, sizeof *columns);
            const sal_attention_span span = {0, p.a.queries, columns, 100};
            sal_attention_measure measure = {.spans = &span, .span_count = 1};
            assert_ok(sal_attention_run(&p.a, &measure, f, 2, &workspace, &err));
            for (int64_t query = 0; query < p.a.queries; query++) {
                for (int64_t head = 0; head < 4; head++) {
                    for (int64_t i = 0; i < 64; i++) {
                        const int64_t at = (query * 4 + head) * 64 + i;
                        const bool reached = query >= bad && (head >= 2 || i == 3);
                        if (reached)
                            assert_true(isnan(p.out[at]));
                        else
                            assert_close((double)p.out[at], p.expected[at], 1e-5, 1e-5);
                    }
                }
            }
            /* Rows whose weights are not finite are counted and left out; those with finite weights are all there. */
            assert_int_equal(measure.nonfinite_rows, 2 * (p.a.queries - bad));
            for (int64_t head = 0; head < 4; head++) {
                double sum = 0;
                for (int j = 0; j < 100; j++)
                    sum += columns[head * 100 + j];
                assert_close(sum, (double)(head < 2 ? p.a.queries : bad), 1e-6, 0);
            }
            free(columns);
        }
        sal_attention_workspace_free(&workspace);
        release(&p);
    }
}

/* The same bytes for any number of threads; for many queries also a row's bytes, whatever stands beside it. */
static void threads_and_neighbours_change_no_byte(void **state) {
    (void)state;
    sal_error err = {0};
    for (int few = 0; few < 2; few++) {
        sal_random random;
        sal_random_seed(&random, 8);
        problem p = {.a = shape(64, 64, few ? 20 : 170, 700, 6, 2, 1)};
        sal_attention_workspace workspace = {0};
        fill(&p, CAUSAL, 500, &random);
        const size_t bytes = out_count(&p) * sizeof(float),
                     columns_bytes = 6 * 700 * sizeof(double);
        float *first = room(out_count(&p), sizeof *first);
        double *first_columns = room(6 * 700, sizeof(double)),
               *columns = room(6 * 700, sizeof(double));
        for (int threads = 1; threads <= 5; threads++) {
            memset(columns, 0, columns_bytes);
            const sal_attention_span span = {0, p.a.queries, columns, 700};
            sal_attention_measure measure = {.spans = &span, .span_count = 1};
            memset(p.out, 0, bytes);
            assert_ok(sal_attention_run(&p.a, &measure, sal_cpu_features_here(SAL_CPU_BEST),
                                        threads, &workspace, &err));
            if (threads == 1) {
                memcpy(first, p.out, bytes);
                memcpy(first_columns, columns, columns_bytes);
            }
            assert_memory_equal(first, p.out, bytes);
            assert_memory_equal(first_columns, columns, columns_bytes);
        }
        if (!few) {
            sal_attention last = p.a; /* the last 60 queries alone */
            const int64_t skipped = p.a.queries - 60;
            last.queries = 60;
            last.q = (const char *)p.a.q + (size_t)skipped * p.a.q_query;
            last.mask = (const char *)p.a.mask + (size_t)skipped * p.a.mask_query;
            memset(p.out, 0, bytes);
            assert_ok(sal_attention_run(&last, NULL, sal_cpu_features_here(SAL_CPU_BEST), 2,
                                        &workspace, &err));
            assert_memory_equal(p.out, first + skipped * 6 * 64, 60 * 6 * 64 * sizeof(float));
        }
        free(first), free(first_columns), free(columns);
        sal_attention_workspace_free(&workspace);
        release(&p);
    }
}

/* The same for one query, whose keys and values are read where they lie. */
static void one_query_meets_only_what_it_sees(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 11);
    problem p = {.a = shape(64, 64, 1, 100, 4, 2, 1)};
    sal_attention_workspace workspace = {0};
    fill(&p, CAUSAL, 90, &random);
    p.v[(size_t)50 * (2 * 64 + 8) + 3] = 0x7c00;  /* key head 0, element 3: seen */
    p.k[(size_t)50 * (2 * 64 + 8) + 64] = 0x7e00; /* key head 1 */
    for (sal_cpu_features f = SAL_CPU_PORTABLE; f <= sal_cpu_features_here(SAL_CPU_BEST); f++) {
        assert_ok(sal_attention_run(&p.a, NULL, f, 2, &workspace, &err));
        for (int64_t head = 0; head < 4; head++) {
            for (int64_t i = 0; i < 64; i++) {
                const float out = p.out[head * 64 + i];
                if (head >= 2)
                    assert_true(isnan(out));
                else if (i == 3)
                    assert_true(isinf(out));
                else
                    assert_close((double)out, p.expected[head * 64 + i], 1e-5, 1e-5);
            }
        }
    }
    sal_attention_workspace_free(&workspace);
    release(&p);
}

static void columns_alone_need_no_values(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 9);
    problem p = {.a = shape(64, 64, 75, 90, 2, 1, 1)};
    sal_attention_workspace workspace = {0};
    fill(&p, CAUSAL, 10, &random);
    double columns[2 * 90] = {0};
    const sal_attention_span span = {0, 75, columns, 90};
    sal_attention_measure measure = {.spans = &span, .span_count = 1};
    p.a.v = NULL, p.a.out = NULL;
    assert_ok(sal_attention_run(&p.a, &measure, sal_cpu_features_here(SAL_CPU_BEST), 2, &workspace,
                                &err));
    for (int64_t h = 0; h < 2; h++) {
        for (int64_t j = 0; j < 90; j++) {
            double expected = 0;
            for (int64_t i = 0; i < 75; i++)
                expected += p.weights[(h * 75 + i) * 90 + j];
            assert_close(columns[h * 90 + j], expected, 1e-5, 1e-5);
        }
    }
    sal_attention_workspace_free(&workspace);
    release(&p);
}

static void what_cannot_be_done_is_refused(void **state) {
    (void)state;
    sal_error err = {0};
    sal_random random;
    sal_random_seed(&random, 10);
    problem p = {.a = shape(64, 64, 3, 10, 2, 1, 2)};
    sal_attention_workspace workspace = {0};
    fill(&p, CAUSAL, 0, &random);
    double columns[2 * 10];
    const sal_attention_span span = {0, 3, columns, 9};
    sal_attention_measure measure = {.spans = &span, .span_count = 1};
    assert_int_equal(sal_attention_run(&p.a, &measure, SAL_CPU_PORTABLE, 1, &workspace, &err),
                     SAL_EUNSUPPORTED);
    p.a.streams = 1;
    assert_int_equal(sal_attention_run(&p.a, &measure, SAL_CPU_PORTABLE, 1, &workspace, &err),
                     SAL_ESHAPE);
    p.a.heads_kv = 3;
    assert_int_equal(sal_attention_run(&p.a, NULL, SAL_CPU_PORTABLE, 1, &workspace, &err),
                     SAL_ESHAPE);
    p.a.heads_kv = 1;
    const long before = sal_faulty_blocks();
    sal_faulty_fail(SAL_FAULTY_ALLOCATION, 0);
    assert_int_equal(sal_attention_run(&p.a, NULL, SAL_CPU_PORTABLE, 1, &workspace, &err),
                     SAL_ENOMEM);
    assert_true(sal_faulty_reset());
    assert_ok(
        sal_attention_run(&p.a, NULL, SAL_CPU_PORTABLE, 1, &workspace, &err)); /* and works again */
    sal_attention_workspace_free(&workspace);
    assert_int_equal(sal_faulty_blocks(), before);
    release(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_equal_the_textbook),
        cmocka_unit_test(every_mask_equals_the_textbook),
        cmocka_unit_test(few_queries_equal_the_textbook),
        cmocka_unit_test(random_shapes_equal_the_textbook),
        cmocka_unit_test(visible_infinities_stay_in_their_rows),
        cmocka_unit_test(threads_and_neighbours_change_no_byte),
        cmocka_unit_test(one_query_meets_only_what_it_sees),
        cmocka_unit_test(columns_alone_need_no_values),
        cmocka_unit_test(what_cannot_be_done_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
