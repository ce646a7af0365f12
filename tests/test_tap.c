/* The tap on small models that the tests write: what the sums are, that neither micro-batches nor threads nor earlier texts change them,
 * where a pass ends, and every way to fail. Agreement with PyTorch: test_tap_golden.c. */

#include "testing.h"

#include <ggml.h>
#include <gguf.h>

#include "llm/tap_internal.h"
#include "tiny_gguf.h"

enum { LAYERS = 3, HEADS = 4, WIDTH = 64, HEAD = WIDTH / HEADS, T = 65 };

typedef struct fixture {
    char folder[64];
    char path[2][128];
    sal_model *models[2]; /* llama, qwen2 */
    int32_t tokens[700];
} fixture;

static int set_up(void **state) {
    static fixture f;
    static const char *const architectures[] = {"llama", "qwen2"};
    make_scratch_folder(f.folder);
    for (int i = 0; i < 2; i++) {
        sal_error err = {0};
        tiny_gguf tiny = tiny_gguf_default(architectures[i]);
        tiny.layers = LAYERS;
        snprintf(f.path[i], sizeof f.path[i], "%s/%s.gguf", f.folder, architectures[i]);
        tiny_gguf_write(&tiny, f.path[i]);
        assert_ok(sal_model_open(f.path[i],
                                 &(sal_model_options){.threads = 2, .compute = SAL_COMPUTE_STOCK},
                                 &f.models[i], &err));
    }
    for (size_t i = 0; i < sizeof f.tokens / sizeof *f.tokens; i++)
        f.tokens[i] = (int32_t)((i * 37 + i * i % 11) % 250);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_model_close(f->models[0]);
    sal_model_close(f->models[1]);
    remove_scratch_folder(f->folder);
    return 0;
}

static sal_tap *open_tap(sal_model *model, bool exact, int micro_batch, int threads) {
    sal_error err = {0};
    sal_tap *tap = NULL;
    assert_ok(sal_tap_open(
        model, &(sal_tap_options){.exact = exact, .micro_batch = micro_batch, .threads = threads},
        &tap, &err));
    return tap;
}

static sal_tap_result run(sal_tap *tap, const sal_tap_request *request) {
    sal_error err = {0};
    sal_tap_result result = {0};
    assert_ok(sal_tap_run(tap, request, &result, NULL, &err));
    return result;
}

static const sal_span spans[2] = {{0, 30}, {30, T}};

/* Everything that can be asked of a text of T tokens. */
static sal_tap_request everything(const fixture *f) {
    return (sal_tap_request){.tokens = f->tokens,
                             .token_count = T,
                             .received = true,
                             .norm = true,
                             .query_spans = spans,
                             .span_count = 2,
                             .hidden = true,
                             .last_layer = -1};
}

/* ---- what the sums are ---------------------------------------------------------------------------- */

static void each_head_sums_to_its_queries(void **state) {
    const fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        sal_tap *tap = open_tap(f->models[i % 2], i / 2, 0, 0);
        const sal_tap_request request = everything(f);
        sal_tap_result r = run(tap, &request);
        assert_true(r.L == LAYERS && r.H == HEADS && r.T == T && r.D == WIDTH && r.P == T);
        assert_int_equal(r.non_finite, 0);
        for (size_t row = 0; row < LAYERS * HEADS; row++) {
            double whole = 0, first = 0, second = 0;
            for (size_t j = 0; j < T; j++) {
                double a = (double)r.spans[row * T + j];
                double b = (double)r.spans[(LAYERS * HEADS + row) * T + j];
                double all = (double)r.received[row * T + j];
                assert_close(a + b, all, 1e-5, 1e-7);
                whole += all;
                first += a;
                second += b;
                if (j >= 30)
                    assert_true(r.spans[row * T + j] == 0); /* no query sees what is to come */
            }
            assert_close(whole, T, 1e-5, 0);
            assert_close(first, 30, 1e-5, 0);
            assert_close(second, T - 30, 1e-5, 0);
        }
        sal_tap_result_free(&r);
        sal_tap_close(tap);
    }
}

/* One token attends to itself alone. */
static void a_text_of_one_token_is_possible(void **state) {
    const fixture *f = *state;
    for (int exact = 0; exact < 2; exact++) {
        sal_tap *tap = open_tap(f->models[0], exact, 0, 0);
        sal_tap_request request = everything(f);
        request.token_count = 1;
        request.span_count = 0;
        sal_tap_result r = run(tap, &request);
        for (size_t row = 0; row < LAYERS * HEADS; row++)
            assert_close((double)r.received[row], 1, 1e-6, 0);
        sal_tap_result_free(&r);
        sal_tap_close(tap);
    }
}

/* Two runs of the same request agree: attention to `relative`, hidden rows to `row` of their length. */
static void compare(const sal_tap_result *a, const sal_tap_result *b, size_t span_count,
                    double relative, double row) {
    size_t count = a->L * a->H * a->T;
    for (size_t i = 0; a->received != NULL && i < count; i++)
        assert_close((double)a->received[i], (double)b->received[i], relative, relative * 1e-2);
    for (size_t i = 0; a->norm != NULL && i < count; i++)
        assert_close((double)a->norm[i], (double)b->norm[i], relative, relative * 1e-2);
    for (size_t i = 0; a->spans != NULL && i < span_count * count; i++)
        assert_close((double)a->spans[i], (double)b->spans[i], relative, relative * 1e-2);
    for (size_t i = 0; a->hidden != NULL && i < (a->L + 1) * a->P; i++) {
        double error = 0, length = 0;
        for (size_t d = 0; d < a->D; d++) {
            double x = (double)a->hidden[i * a->D + d], y = (double)b->hidden[i * a->D + d];
            error += (x - y) * (x - y);
            length += y * y;
        }
        assert_close(sqrt(error), 0, 0, row * sqrt(length));
    }
}

static void flash_attention_and_soft_max_agree(void **state) {
    const fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        sal_tap *flash = open_tap(f->models[i], false, 0, 0);
        sal_tap *exact = open_tap(f->models[i], true, 0, 0);
        const sal_tap_request request = everything(f);
        sal_tap_result a = run(flash, &request), b = run(exact, &request);
        compare(&a, &b, 2, 2e-2, 1e-2);
        sal_tap_result_free(&a);
        sal_tap_result_free(&b);
        sal_tap_close(flash);
        sal_tap_close(exact);
    }
}

enum { SKIP = 5, TOP = 20 };

/* Every query's weights, one span each: rows [T,L,H,T]. The causal mask makes rows before SKIP vanish without the first tokens. */
static float *all_rows(sal_tap *tap, const fixture *f) {
    sal_span each[T];
    sal_tap_request request = {.tokens = f->tokens,
                               .token_count = T,
                               .query_spans = each,
                               .span_count = T,
                               .last_layer = -1};
    for (size_t i = 0; i < T; i++)
        each[i] = (sal_span){i, i + 1};
    sal_tap_result r = run(tap, &request);
    float *rows = r.spans;
    r.spans = NULL;
    sal_tap_result_free(&r);
    return rows;
}

/* The sum over queries of a range of what token j receives, each row brought to sum 1 behind the first tokens. */
static double renormalised(const float *rows, sal_span queries, size_t head, size_t j) {
    double sum = 0;
    for (size_t i = queries.start; i < queries.end; i++) {
        const float *row = rows + (i * LAYERS * HEADS + head) * T;
        double rest = 0;
        for (size_t k = SKIP; k < T; k++)
            rest += (double)row[k];
        sum += j >= SKIP && rest > 0 ? (double)row[j] / rest : 0;
    }
    return sum;
}

static void check_renormalised(const sal_tap_result *r, const float *rows, const float *norm_of) {
    static const sal_span whole = {0, T};
    for (size_t head = 0; head < LAYERS * HEADS; head++) {
        double total = 0;
        for (size_t j = 0; j < T; j++) {
            const double seen = (double)r->received[head * T + j];
            assert_close(seen, renormalised(rows, whole, head, j), 1e-4, 1e-6);
            assert_close((double)r->norm[head * T + j], seen * (double)norm_of[head * T + j], 1e-4,
                         1e-6);
            assert_close((double)r->spans[head * T + j], renormalised(rows, spans[0], head, j),
                         1e-4, 1e-6);
            assert_close((double)r->spans[(LAYERS * HEADS + head) * T + j],
                         renormalised(rows, spans[1], head, j), 1e-4, 1e-6);
            total += seen;
        }
        assert_close(total, T - SKIP, 1e-5, 0);
    }
}

static void check_top(const sal_tap_result *r, const float *rows) {
    for (size_t head = 0; head < LAYERS * HEADS; head++)
        for (size_t i = TOP; i < T; i++) {
            const float *row = rows + (i * LAYERS * HEADS + head) * T;
            const int32_t top = r->top[head * (T - TOP) + i - TOP];
            float most = 0;
            for (size_t j = 0; j <= i; j++)
                most = row[j] > most ? row[j] : most;
            assert_true(top >= 0 && (size_t)top <= i);
            assert_close((double)row[top], (double)most, 1e-5, 0);
        }
}

/* Our backend, libllama's flash attention and soft max: the same rule, from the rows that each of them shows. */
static void rows_without_the_first_tokens_sum_to_one(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_model *own = NULL;
    sal_tap_result results[3];
    assert_ok(sal_model_open(f->path[0], &(sal_model_options){.threads = 2}, &own, &err));
    for (int path = 0; path < 3; path++) {
        sal_tap *tap = open_tap(path == 0 ? own : f->models[0], path == 2, 32, 0);
        sal_tap_request request = everything(f);
        sal_tap_result plain = run(tap, &request);
        float *rows = all_rows(tap, f);
        request.skip_keys = SKIP;
        request.top_queries = (sal_span){TOP, T};
        results[path] = run(tap, &request);
        for (size_t i = 0; i < LAYERS * HEADS * T; i++)
            plain.norm[i] /= plain.received[i];
        check_renormalised(&results[path], rows, plain.norm);
        check_top(&results[path], rows);
        request = (sal_tap_request){
            .tokens = f->tokens, .token_count = T, .top_queries = {TOP, T}, .last_layer = -1};
        sal_tap_result alone = run(tap, &request);
        assert_null(alone.received);
        assert_memory_equal(alone.top, results[path].top,
                            LAYERS * HEADS * (T - TOP) * sizeof *alone.top);
        sal_tap_result_free(&alone);
        sal_tap_result_free(&plain);
        sal_free(rows);
        sal_tap_close(tap);
    }
    compare(&results[0], &results[2], 2, 2e-2, 1e-2);
    compare(&results[1], &results[2], 2, 2e-2, 1e-2);
    for (int path = 0; path < 3; path++)
        sal_tap_result_free(&results[path]);
    sal_model_close(own);
}

static void a_uniform_head_has_exposure_one_everywhere(void **state) {
    float received[2 * T], exposure[2 * T];
    (void)state;
    for (int j = 0; j < T; j++) {
        double sum = 0;
        for (int i = j; i < T; i++)
            sum += 1.0 / (i + 1);
        received[j] = (float)sum;
        received[T + j] = j == 0 ? T : 0; /* everything on the first token */
    }
    sal_tap_exposure(received, 2, T, 0, exposure);
    for (int j = 0; j < T; j++) {
        assert_close((double)exposure[j], 1, 1e-6, 0);
        assert_close((double)exposure[T + j], j == 0 ? T / (double)received[0] : 0, 1e-6, 0);
    }
    sal_tap_exposure(received, 2, T, 0, received); /* in place */
    assert_memory_equal(received, exposure, sizeof exposure);
    for (int j = 0; j < T; j++) {
        received[j] = 0;
        for (int i = j; j >= SKIP && i < T; i++)
            received[j] += (float)(1.0 / (i + 1 - SKIP));
    }
    sal_tap_exposure(received, 1, T, SKIP, exposure);
    for (int j = 0; j < T; j++)
        assert_close((double)exposure[j], j >= SKIP, 1e-5, 0);
}

/* ---- the model's own numbers ---------------------------------------------------------------------- */

typedef struct weights {
    struct ggml_context *memory;
    struct gguf_context *file;
} weights;

static weights load_weights(const char *path) {
    weights w = {0};
    w.file = gguf_init_from_file(path, (struct gguf_init_params){.ctx = &w.memory});
    assert_non_null(w.file);
    return w;
}

static const float *weight(const weights *w, const char *name) {
    struct ggml_tensor *tensor = ggml_get_tensor(w->memory, name);
    assert_true(tensor != NULL && tensor->type == GGML_TYPE_F32);
    return tensor->data;
}

static void free_weights(weights *w) {
    gguf_free(w->file);
    ggml_free(w->memory);
}

/* Value of key head kv of the first block for a token: W_v (x / rms(x) * g) (+ b). */
static void first_value(const weights *w, int32_t token, size_t kv, double value[HEAD]) {
    const float *x = weight(w, "token_embd.weight") + (size_t)token * WIDTH;
    const float *gain = weight(w, "blk.0.attn_norm.weight");
    const float *matrix = weight(w, "blk.0.attn_v.weight");
    struct ggml_tensor *bias = ggml_get_tensor(w->memory, "blk.0.attn_v.bias");
    double square = 0, y[WIDTH];
    for (size_t d = 0; d < WIDTH; d++)
        square += (double)x[d] * (double)x[d];
    for (size_t d = 0; d < WIDTH; d++)
        y[d] = (double)x[d] / sqrt(square / WIDTH + 1e-5) * (double)gain[d];
    for (size_t a = 0; a < HEAD; a++) {
        size_t row = kv * HEAD + a;
        value[a] = bias != NULL ? (double)((const float *)bias->data)[row] : 0;
        for (size_t d = 0; d < WIDTH; d++)
            value[a] += (double)matrix[row * WIDTH + d] * y[d];
    }
}

/* Norm evidence of the first block, computed from the file as the formula says it. */
static void norms_are_those_of_values_through_the_output_projection(void **state) {
    const fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        int exact = i / 2;
        weights w = load_weights(f->path[i % 2]);
        const float *output = weight(&w, "blk.0.attn_output.weight");
        sal_tap *tap = open_tap(f->models[i % 2], exact, 32, 0);
        const sal_tap_request request = everything(f);
        sal_tap_result r = run(tap, &request);
        for (size_t head = 0; head < HEADS; head++) {
            for (size_t j = 0; j < T; j++) {
                double value[HEAD], square = 0;
                first_value(&w, f->tokens[j], head / 2, value);
                for (size_t d = 0; d < WIDTH; d++) {
                    double sum = 0;
                    for (size_t a = 0; a < HEAD; a++)
                        sum += (double)output[d * WIDTH + head * HEAD + a] * value[a];
                    square += sum * sum;
                }
                assert_close((double)r.norm[head * T + j],
                             (double)r.received[head * T + j] * sqrt(square), exact ? 1e-5 : 2e-3,
                             1e-7);
            }
        }
        sal_tap_result_free(&r);
        sal_tap_close(tap);
        free_weights(&w);
    }
}

static void hidden_state_0_is_the_embedding_bit_for_bit(void **state) {
    const fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        weights w = load_weights(f->path[i % 2]);
        sal_tap *tap = open_tap(f->models[i % 2], i / 2, 32, 0);
        const sal_tap_request request = everything(f);
        sal_tap_result r = run(tap, &request);
        for (size_t j = 0; j < T; j++)
            assert_memory_equal(r.hidden + j * WIDTH,
                                weight(&w, "token_embd.weight") + (size_t)f->tokens[j] * WIDTH,
                                WIDTH * sizeof(float));
        sal_tap_result_free(&r);
        sal_tap_close(tap);
        free_weights(&w);
    }
}

/* ---- what changes nothing ------------------------------------------------------------------------- */

/* T is one more than two micro-batches hold. */
static void micro_batches_change_nothing_but_rounding(void **state) {
    const fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        const sal_tap_request request = everything(f);
        sal_tap *one = open_tap(f->models[i % 2], i / 2, 128, 0);
        sal_tap *many = open_tap(f->models[i % 2], i / 2, 32, 0);
        sal_tap_result a = run(one, &request), b = run(many, &request);
        /* libllama's flash attention adds up values in halves when a micro-batch has few queries: the exact path is the one to hold. */
        compare(&a, &b, 2, i / 2 ? 2e-4 : 5e-2, i / 2 ? 1e-5 : 1e-2);
        sal_tap_result_free(&a);
        sal_tap_result_free(&b);
        sal_tap_close(one);
        sal_tap_close(many);
    }
}

static void assert_same_bytes(const sal_tap_result *a, const sal_tap_result *b) {
    size_t count = a->L * a->H * a->T;
    assert_memory_equal(a->received, b->received, count * sizeof(float));
    assert_memory_equal(a->norm, b->norm, count * sizeof(float));
    assert_memory_equal(a->spans, b->spans, 2 * count * sizeof(float));
    assert_memory_equal(a->hidden, b->hidden, (a->L + 1) * a->P * a->D * sizeof(float));
}

/* Also where libllama is concerned, on these models. */
static void threads_change_no_byte(void **state) {
    const fixture *f = *state;
    for (int exact = 0; exact < 2; exact++) {
        const sal_tap_request request = everything(f);
        sal_tap *one = open_tap(f->models[0], exact, 32, 1);
        sal_tap *three = open_tap(f->models[0], exact, 32, 3);
        sal_tap_result a = run(one, &request), b = run(three, &request);
        assert_same_bytes(&a, &b);
        sal_tap_result_free(&a);
        sal_tap_result_free(&b);
        sal_tap_close(one);
        sal_tap_close(three);
    }
}

/* A longer text, a shorter one, one that ended in the middle of the graph, one that was refused. */
static void earlier_texts_change_no_byte(void **state) {
    const fixture *f = *state;
    for (int exact = 0; exact < 2; exact++) {
        sal_error err = {0};
        const sal_tap_request request = everything(f);
        sal_tap *fresh = open_tap(f->models[1], exact, 32, 0);
        sal_tap *used = open_tap(f->models[1], exact, 32, 0);
        sal_tap_result a = run(fresh, &request), b = {0};
        sal_tap_request other = {
            .tokens = f->tokens + 3, .token_count = 600, .received = true, .last_layer = 1};
        for (int i = 0; i < 3; i++) {
            b = run(used, &other);
            sal_tap_result_free(&b);
            other = (sal_tap_request){.tokens = f->tokens + i,
                                      .token_count = 20,
                                      .hidden = i == 1,
                                      .norm = i == 0,
                                      .last_layer = -1};
        }
        other.token_count = 2000;
        assert_int_equal(sal_tap_run(used, &other, &b, NULL, &err), SAL_ELIMIT);
        b = run(used, &request);
        assert_same_bytes(&a, &b);
        sal_tap_result_free(&a);
        sal_tap_result_free(&b);
        sal_tap_close(fresh);
        sal_tap_close(used);
    }
}

static void what_is_asked_besides_changes_nothing_but_rounding(void **state) {
    const fixture *f = *state;
    static const int32_t few[] = {0, 7, 31, 32, 63, 64};
    sal_tap_request request = everything(f);
    sal_tap *tap = open_tap(f->models[0], true, 32, 0);
    sal_tap_result all = run(tap, &request);
    request.received = request.norm = false;
    request.span_count = 0;
    request.positions = few;
    request.position_count = 6;
    sal_tap_result some = run(tap, &request);
    assert_null(some.received);
    assert_null(some.norm);
    assert_null(some.spans);
    assert_int_equal(some.P, 6);
    for (size_t k = 0; k <= LAYERS; k++)
        for (size_t p = 0; p < 6; p++)
            for (size_t d = 0; d < WIDTH; d++)
                assert_close((double)some.hidden[(k * 6 + p) * WIDTH + d],
                             (double)all.hidden[(k * T + (size_t)few[p]) * WIDTH + d], 1e-4, 1e-5);
    sal_tap_result_free(&some);
    sal_tap_result_free(&all);
    sal_tap_close(tap);
}

/* More positions than output rows are reserved for. */
static void many_positions_are_taken_in_pieces(void **state) {
    const fixture *f = *state;
    sal_tap_request request = {
        .tokens = f->tokens, .token_count = 600, .hidden = true, .last_layer = -1};
    static const int32_t last = 599;
    sal_tap *tap = open_tap(f->models[1], true, 0, 0);
    sal_tap_result all = run(tap, &request);
    request.positions = &last;
    request.position_count = 1;
    sal_tap_result one = run(tap, &request);
    for (size_t k = 0; k <= LAYERS; k++)
        for (size_t d = 0; d < WIDTH; d++)
            assert_close((double)one.hidden[k * WIDTH + d],
                         (double)all.hidden[(k * 600 + 599) * WIDTH + d], 1e-3, 1e-4);
    sal_tap_result_free(&one);
    sal_tap_result_free(&all);
    sal_tap_close(tap);
}

typedef struct taken {
    float *hidden; /* [L+1,P,D] */
    size_t P;
    size_t state, next; /* what came last: its state, and the position after it */
    size_t batch;       /* first position of the micro-batch */
    long left;          /* calls until one fails */
} taken;

static int take(void *context, size_t state, size_t first, size_t count, size_t D,
                const float *rows, sal_error *err) {
    taken *got = context;
    assert_int_equal(D, WIDTH);
    if (got->left-- == 0)
        return sal_fail(err, SAL_EIO, "the disk is full");
    if (state == 0)
        got->batch = first;
    assert_int_equal(first, state == got->state ? got->next : got->batch);
    assert_true(state == got->state || state == got->state + 1 || state == 0);
    memcpy(got->hidden + (state * got->P + first) * D, rows, count * D * sizeof *rows);
    got->state = state;
    got->next = first + count;
    return SAL_OK;
}

/* Neighbours, holes, several micro-batches. */
static void rows_that_are_taken_are_those_of_the_result(void **state) {
    const fixture *f = *state;
    static const int32_t some[] = {0, 1, 2, 7, 8, 31, 32, 40, 63, 64};
    for (int i = 0; i < 4; i++) {
        sal_tap_request request = {.tokens = f->tokens,
                                   .token_count = T,
                                   .hidden = true,
                                   .positions = i / 2 ? some : NULL,
                                   .position_count = i / 2 ? 10 : 0,
                                   .last_layer = -1};
        sal_error err = {0};
        sal_tap *tap = open_tap(f->models[i % 2], false, 32, 0);
        sal_tap_result whole = run(tap, &request), none = {0};
        taken got = {.P = whole.P, .left = -1};
        got.hidden = calloc((LAYERS + 1) * whole.P * WIDTH, sizeof(float));
        assert_non_null(got.hidden);
        request.take = take;
        request.take_context = &got;
        sal_tap_result result = run(tap, &request);
        assert_null(result.hidden);
        assert_true(result.P == whole.P && result.D == WIDTH && result.L == LAYERS);
        assert_memory_equal(got.hidden, whole.hidden,
                            (LAYERS + 1) * whole.P * WIDTH * sizeof(float));
        got = (taken){.P = whole.P, .left = 5, .hidden = got.hidden};
        assert_int_equal(sal_tap_run(tap, &request, &none, NULL, &err), SAL_EIO);
        assert_string_equal(err.text, "the disk is full");
        free(got.hidden);
        sal_tap_result_free(&whole);
        sal_tap_result_free(&result);
        sal_tap_close(tap);
    }
}

/* ---- where a pass ends ---------------------------------------------------------------------------- */

static void fewer_layers_are_the_first_of_all_layers(void **state) {
    const fixture *f = *state;
    for (int exact = 0; exact < 2; exact++) {
        sal_tap_request request = everything(f);
        request.hidden = false;
        sal_tap *tap = open_tap(f->models[0], exact, 32, 0);
        sal_tap_result all = run(tap, &request);
        request.last_layer = 1;
        sal_tap_result two = run(tap, &request);
        size_t count = HEADS * (size_t)T * 2;
        assert_int_equal(two.L, 2);
        assert_memory_equal(two.received, all.received, count * sizeof(float));
        assert_memory_equal(two.norm, all.norm, count * sizeof(float));
        sal_tap_result_free(&two);
        request.hidden = true;
        two = run(tap, &request);
        assert_memory_equal(two.received, all.received, count * sizeof(float));
        sal_tap_result_free(&two);
        sal_tap_result_free(&all);
        sal_tap_close(tap);
    }
}

/* The callback alone, on a graph in three splits: after the last block wanted no node keeps its operation. */
static void after_the_last_layer_every_split_computes_nothing(void **state) {
    const fixture *f = *state;
    static const int32_t positions[] = {1, 2};
    static const char *const names[] = {"embd", "kqv_out-0", "l_out-0", "kqv_out-1", "result_norm"};
    struct ggml_context *memory = ggml_init((struct ggml_init_params){.mem_size = 1 << 20});
    struct ggml_tensor *nodes[5];
    sal_error err = {0};
    sal_tap tap = {.model = f->models[0], .micro_batch = 4};
    const sal_tap_request request = {.tokens = f->tokens,
                                     .token_count = 4,
                                     .hidden = true,
                                     .positions = positions,
                                     .position_count = 2};
    sal_collector c = {.tap = &tap,
                       .request = &request,
                       .layers = 1,
                       .tokens = 4,
                       .heads = HEADS,
                       .width = WIDTH,
                       .err = &err};
    for (int i = 0; i < 5; i++) {
        nodes[i] = ggml_new_tensor_2d(memory, GGML_TYPE_F32, WIDTH, 4);
        ggml_set_name(nodes[i], names[i]);
        nodes[i]->op = GGML_OP_ADD;
        for (int d = 0; d < 4 * WIDTH; d++)
            ((float *)nodes[i]->data)[d] = (float)(1000 * i + d);
    }
    assert_ok(sal_collector_open(&c, &err));
    tap.collector = &c;
    sal_collector_start(&c, 0, 4);
    assert_true(sal_tap_on_node(nodes[0], true, &tap)); /* embeddings: wanted, and on it goes */
    assert_true(sal_tap_on_node(nodes[0], false, &tap));
    assert_false(sal_tap_on_node(nodes[1], true, &tap));
    assert_true(sal_tap_on_node(nodes[2], true, &tap)); /* the last one: ends its split */
    assert_false(sal_tap_on_node(nodes[2], false, &tap));
    for (int i = 3; i < 5; i++) { /* the first node of each further split */
        assert_true(sal_tap_on_node(nodes[i], true, &tap));
        assert_int_equal(nodes[i]->op, GGML_OP_NONE);
        assert_false(sal_tap_on_node(nodes[i], false, &tap));
        assert_int_equal(nodes[i]->op, GGML_OP_ADD);
    }
    assert_ok(sal_collector_check(&c, &err));
    for (int d = 0; d < 2 * WIDTH; d++) {
        assert_true(c.hidden[d] == (float)(WIDTH + d));
        assert_true(c.hidden[2 * WIDTH + d] == (float)(2000 + WIDTH + d));
    }
    sal_collector_close(&c);
    ggml_free(memory);
}

/* ---- rows that are no numbers --------------------------------------------------------------------- */

/* Overwrite a weight of a model's file. */
static void poison(const char *from, const char *to, const char *name) {
    char command[400];
    float nan = NAN;
    weights w = load_weights(from);
    size_t at = gguf_get_data_offset(w.file) +
                gguf_get_tensor_offset(w.file, gguf_find_tensor(w.file, name));
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(to, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(&nan, sizeof nan, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    free_weights(&w);
}

static void rows_that_are_no_numbers_are_counted_and_left_out(void **state) {
    const fixture *f = *state;
    char path[128];
    sal_error err = {0};
    sal_model *model = NULL;
    snprintf(path, sizeof path, "%s/poisoned.gguf", f->folder);
    poison(f->path[0], path, "blk.2.attn_q.weight"); /* one number of the last block's first head */
    assert_ok(
        sal_model_open(path, &(sal_model_options){.compute = SAL_COMPUTE_STOCK}, &model, &err));
    for (int exact = 0; exact < 2; exact++) {
        const sal_tap_request request = {
            .tokens = f->tokens, .token_count = T, .received = true, .last_layer = -1};
        sal_tap *tap = open_tap(model, exact, 32, 0);
        sal_tap_result r = run(tap, &request);
        assert_int_equal(r.non_finite, T);
        for (size_t row = 0; row < LAYERS * HEADS; row++) {
            double sum = 0;
            for (size_t j = 0; j < T; j++)
                sum += (double)r.received[row * T + j];
            assert_close(sum, row == 2 * HEADS ? 0 : T, 1e-5, 0);
        }
        sal_tap_result_free(&r);
        sal_tap_close(tap);
    }
    sal_model_close(model);
}

/* ---- failing -------------------------------------------------------------------------------------- */

static void refuse(sal_tap *tap, sal_tap_request request, int code, const char *says) {
    sal_error err = {0};
    sal_tap_result result = {0};
    int status = sal_tap_run(tap, &request, &result, NULL, &err);
    if (status != code || strstr(err.text, says) == NULL)
        fail_msg("%d %s (expected %d, %s)", status, err.text, code, says);
    assert_null(result.received);
}

static void wrong_requests_are_refused(void **state) {
    const fixture *f = *state;
    static const int32_t twice[] = {3, 3}, far[] = {T};
    static const int32_t strange[] = {1, 1000000};
    static const sal_span empty = {4, 4}, long_span = {0, T + 1};
    sal_tap *tap = open_tap(f->models[0], false, 0, 0);
    sal_tap_request request = everything(f);
    request.token_count = 0;
    refuse(tap, request, SAL_EINVAL, "no tokens");
    request.token_count = 1025;
    refuse(tap, request, SAL_ELIMIT, "1025 tokens; the context holds 1024");
    request = everything(f);
    request.tokens = strange;
    request.token_count = 2;
    refuse(tap, request, SAL_EINVAL, "token 1 is 1000000");
    request = everything(f);
    request.last_layer = LAYERS;
    refuse(tap, request, SAL_EINVAL, "layers 0 to 2");
    request = everything(f);
    request.query_spans = &empty;
    request.span_count = 1;
    refuse(tap, request, SAL_EINVAL, "queries 4 to 4");
    request.query_spans = &long_span;
    refuse(tap, request, SAL_EINVAL, "65 tokens");
    request = everything(f);
    request.positions = twice;
    request.position_count = 2;
    refuse(tap, request, SAL_EINVAL, "position 3");
    request = everything(f);
    request.top_queries = (sal_span){3, T + 1};
    refuse(tap, request, SAL_EINVAL, "largest weights of queries 3 to 66");
    request = everything(f);
    request.positions = far;
    request.position_count = 1;
    refuse(tap, request, SAL_EINVAL, "position 65");
    refuse(tap, (sal_tap_request){.tokens = f->tokens, .token_count = 3, .last_layer = -1},
           SAL_EINVAL, "neither");
    sal_tap_close(tap);
    sal_tap_close(NULL);
}

static void a_model_without_weights_is_refused(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_model *model = NULL;
    sal_tap *tap = NULL;
    assert_ok(
        sal_model_open(f->path[0], &(sal_model_options){.vocabulary_only = true}, &model, &err));
    assert_int_equal(sal_tap_open(model, NULL, &tap, &err), SAL_EINVAL);
    assert_int_equal(sal_tap_open(f->models[0], &(sal_tap_options){.micro_batch = -1}, &tap, &err),
                     SAL_EINVAL);
    assert_null(tap);
    sal_model_close(model);
}

typedef struct countdown {
    int left;
} countdown;

static bool cancelled(void *context) {
    countdown *c = context;
    return c->left-- <= 0;
}

static void a_cancelled_pass_leaves_nothing_behind(void **state) {
    const fixture *f = *state;
    const sal_tap_request request = everything(f);
    sal_tap *tap = open_tap(f->models[0], false, 32, 2);
    sal_tap_result whole = run(tap, &request);
    for (int n = 0; n < 400; n += 1 + n / 4) {
        sal_error err = {0};
        countdown c = {n};
        const sal_progress progress = {.cancelled = cancelled, .context = &c};
        sal_tap_result result = {0};
        int status = sal_tap_run(tap, &request, &result, &progress, &err);
        if (status == SAL_OK) {
            sal_tap_result_free(&result);
            break;
        }
        assert_int_equal(status, SAL_ECANCELLED);
        assert_null(result.received);
        sal_tap_result again = run(tap, &request);
        assert_same_bytes(&whole, &again);
        sal_tap_result_free(&again);
    }
    sal_tap_result_free(&whole);
    sal_tap_close(tap);
}

static void every_allocation_may_fail(void **state) {
    const fixture *f = *state;
    for (int exact = 0; exact < 2; exact++) {
        for (long n = 0;; n++) {
            sal_error err = {0};
            sal_tap *tap = NULL;
            sal_tap_result result = {0};
            sal_tap_request request = everything(f);
            request.top_queries = (sal_span){TOP, T};
            long blocks = sal_faulty_blocks();
            sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
            int status = sal_tap_open(
                f->models[0], &(sal_tap_options){.exact = exact, .micro_batch = 64}, &tap, &err);
            if (status == SAL_OK)
                status = sal_tap_run(tap, &request, &result, NULL, &err);
            bool reached = sal_faulty_reset();
            sal_tap_result_free(&result);
            sal_tap_close(tap);
            assert_int_equal(sal_faulty_blocks(), blocks);
            if (!reached) {
                assert_int_equal(status, SAL_OK);
                assert_true(n > 15);
                break;
            }
            assert_int_equal(status, SAL_ENOMEM);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_sums_to_its_queries),
        cmocka_unit_test(a_text_of_one_token_is_possible),
        cmocka_unit_test(flash_attention_and_soft_max_agree),
        cmocka_unit_test(rows_without_the_first_tokens_sum_to_one),
        cmocka_unit_test(a_uniform_head_has_exposure_one_everywhere),
        cmocka_unit_test(norms_are_those_of_values_through_the_output_projection),
        cmocka_unit_test(hidden_state_0_is_the_embedding_bit_for_bit),
        cmocka_unit_test(micro_batches_change_nothing_but_rounding),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(earlier_texts_change_no_byte),
        cmocka_unit_test(what_is_asked_besides_changes_nothing_but_rounding),
        cmocka_unit_test(many_positions_are_taken_in_pieces),
        cmocka_unit_test(rows_that_are_taken_are_those_of_the_result),
        cmocka_unit_test(fewer_layers_are_the_first_of_all_layers),
        cmocka_unit_test(after_the_last_layer_every_split_computes_nothing),
        cmocka_unit_test(rows_that_are_no_numbers_are_counted_and_left_out),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(a_model_without_weights_is_refused),
        cmocka_unit_test(a_cancelled_pass_leaves_nothing_behind),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
