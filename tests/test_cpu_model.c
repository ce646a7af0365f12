/* The backend under whole models that the test writes: logits against libllama alone, nothing of one model in another, the same bytes
 * for any budget and number of threads, and what a context that is not ours sees of it: nothing. */

#include "testing.h"

#include <unistd.h>

#include "llm/cpu/backend_internal.h"
#include "llm/cpu/onednn.h"
#include "llm/llm_internal.h"
#include "tiny_gguf.h"

enum { TOKENS = 130, DECODED = 4, SEQUENCES = 5 };

typedef struct fixture {
    char folder[64];
    char path[2][128];
} fixture;

static int set_up(void **state) {
    static fixture f;
    static const char *const architectures[] = {"llama", "qwen2"};
    make_scratch_folder(f.folder);
    for (int i = 0; i < 2; i++) {
        tiny_gguf tiny = tiny_gguf_default(architectures[i]);
        tiny.layers = 3;
        snprintf(f.path[i], sizeof f.path[i], "%s/%s.gguf", f.folder, architectures[i]);
        tiny_gguf_write(&tiny, f.path[i]);
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    const fixture *f = *state;
    remove_scratch_folder(f->folder);
    return 0;
}

static sal_model *open_model(const char *path, sal_compute compute, int64_t pack_memory,
                             int threads) {
    sal_error err = {0};
    sal_model *model = NULL;
    assert_ok(sal_model_open(
        path,
        &(sal_model_options){.compute = compute, .pack_memory = pack_memory, .threads = threads},
        &model, &err));
    return model;
}

static void add(struct llama_batch *batch, int32_t token, int position, llama_seq_id sequence,
                bool output) {
    const int i = batch->n_tokens++;
    batch->token[i] = token;
    batch->pos[i] = position;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = sequence;
    batch->logits[i] = output;
}

/* A prompt in micro-batches of 64, copied to several sequences, and a few tokens of each: logits [1 + DECODED * SEQUENCES, V]. */
static float *logits_of(sal_model *model, bool exact, bool unified, sal_cpu_counts *counts) {
    sal_error err = {0};
    struct llama_context *context = NULL;
    sal_cpu *cpu = NULL;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = unified ? 512 : 256 * SEQUENCES;
    params.n_batch = params.n_ubatch = 64;
    params.n_seq_max = SEQUENCES;
    params.kv_unified = unified;
    params.n_threads = params.n_threads_batch = model->threads;
    params.flash_attn_type = exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.type_k = params.type_v = exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.op_offload = false;
    assert_ok(sal_context_open(model, params, exact, &context, &cpu, &err));
    const size_t V = (size_t)model->info.vocabulary;
    float *logits = calloc((1 + DECODED * SEQUENCES) * V, sizeof *logits), *to = logits;
    struct llama_batch batch = llama_batch_init(64, 0, 1);
    for (int i = 0; i < TOKENS; i++) {
        add(&batch, (i * 37 + i * i % 11) % 250, i, 0, i == TOKENS - 1);
        if (batch.n_tokens == 64 || i == TOKENS - 1) {
            assert_int_equal(llama_decode(context, batch), 0);
            batch.n_tokens = 0;
        }
    }
    memcpy(to, llama_get_logits_ith(context, -1), V * sizeof *to);
    to += V;
    for (int s = 1; s < SEQUENCES; s++)
        llama_memory_seq_cp(llama_get_memory(context), 0, s, -1, -1);
    for (int step = 0; step < DECODED; step++) {
        batch.n_tokens = 0;
        for (int s = 0; s < SEQUENCES; s++)
            add(&batch, (s * 31 + step * 7) % 250, TOKENS + step, s, true);
        assert_int_equal(llama_decode(context, batch), 0);
        for (int s = 0; s < SEQUENCES; s++, to += V)
            memcpy(to, llama_get_logits_ith(context, s), V * sizeof *to);
    }
    llama_batch_free(batch);
    if (counts != NULL)
        *counts = cpu != NULL ? sal_cpu_count(cpu) : (sal_cpu_counts){0};
    sal_context_close(context, cpu);
    return logits;
}

/* Every row: |a - b| <= relative * |b|. return the mean of |a - b| / |b| */
static double assert_rows_close(const sal_model *model, const float *a, const float *b,
                                double relative) {
    const size_t V = (size_t)model->info.vocabulary;
    double mean = 0;
    for (size_t row = 0; row < 1 + DECODED * SEQUENCES; row++) {
        double difference = 0, norm = 0;
        for (size_t i = row * V; i < (row + 1) * V; i++) {
            difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
            norm += (double)b[i] * (double)b[i];
        }
        if (!(sqrt(difference) <= relative * sqrt(norm)))
            fail_msg("row %zu is off by %.2e of its norm", row, sqrt(difference / norm));
        mean += sqrt(difference / norm) / (1 + DECODED * SEQUENCES);
    }
    return mean;
}

static size_t logits_bytes(const sal_model *model) {
    return (1 + DECODED * SEQUENCES) * (size_t)model->info.vocabulary * sizeof(float);
}

/* libllama's own flash attention rounds queries and sums to half; ours keeps floats and so lies nearer to the exact logits. Random models
 * magnify rounding: the trained one is below. */
static void check_model(const char *path, double near) {
    sal_model *stock = open_model(path, SAL_COMPUTE_STOCK, 0, 2),
              *own = open_model(path, SAL_COMPUTE_F32, 0, 2);
    assert_true(own->own_backend);
    assert_false(stock->own_backend);
    const int64_t layers = own->info.layers;
    float *exact = logits_of(stock, true, true, NULL),
          *own_exact = logits_of(own, true, true, NULL);
    assert_rows_close(own, own_exact, exact, 1e-5); /* float throughout: the order of sums apart */
    for (int unified = 0; unified < 2; unified++) {
        sal_cpu_counts counts;
        float *flash = logits_of(stock, false, unified, NULL),
              *seen = logits_of(own, false, unified, &counts);
        const double ours = assert_rows_close(own, seen, exact, near),
                     theirs = assert_rows_close(own, flash, exact, 1);
        assert_true(ours <= theirs);
        assert_rows_close(own, seen, flash, 2 * near);
        assert_int_equal(
            counts.attentions,
            layers * (3 + DECODED)); /* every layer, every micro-batch: none went to libllama */
        if (sal_onednn_here())
            assert_true(counts.products >= (3 + DECODED) * (layers * 7 - 5));
        free(flash);
        free(seen);
    }
    free(exact);
    free(own_exact);
    sal_model_close(stock);
    sal_model_close(own);
}

static void logits_equal_those_of_libllama_alone(void **state) {
    const fixture *f = *state;
    check_model(f->path[0], 4e-3);
    check_model(f->path[1], 4e-3);
}

static void logits_of_the_demo_model_equal_those_of_libllama_alone(void **state) {
    const fixture *f = *state;
    static const char demo[] = SALIENT_SOURCE "/deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    sal_error err = {0};
    char path[160];
    if (access(demo, R_OK) != 0)
        skip();
    snprintf(path, sizeof path, "%s/demo.gguf", f->folder);
    assert_ok(sal_model_convert(demo, path, "f32", 2, &err));
    check_model(path, 1e-3);
}

static void bf16_products_stay_near(void **state) {
    const fixture *f = *state;
    if (!sal_onednn_bf16())
        skip();
    sal_model *stock = open_model(f->path[0], SAL_COMPUTE_STOCK, 0, 2),
              *own = open_model(f->path[0], SAL_COMPUTE_BF16, 0, 2);
    float *expected = logits_of(stock, false, true, NULL),
          *seen = logits_of(own, false, true, NULL);
    assert_rows_close(own, seen, expected, 3e-2);
    free(expected);
    free(seen);
    sal_model_close(stock);
    sal_model_close(own);
}

static void budget_and_threads_change_no_byte(void **state) {
    const fixture *f = *state;
    static const int64_t budgets[] = {0, -1, 150000};
    float *first = NULL;
    for (int run = 0; run < 6; run++) {
        sal_model *model =
            open_model(f->path[0], SAL_COMPUTE_F32, budgets[run / 2], 1 + run % 2 * 2);
        float *seen = logits_of(model, false, true, NULL);
        if (first == NULL)
            first = seen;
        else {
            assert_memory_equal(first, seen, logits_bytes(model));
            free(seen);
        }
        sal_model_close(model);
    }
    free(first);
}

/* Ten models of one shape, one after another, two of them open at the same time: each as in a process of its own. A packed copy found
 * by an address that was used before would show here. */
static void models_of_one_shape_never_mix(void **state) {
    const fixture *f = *state;
    char path[160];
    float *alone[10];
    snprintf(path, sizeof path, "%s/same.gguf", f->folder);
    for (int round = 0; round < 2; round++) {
        sal_model *kept = round == 1 ? open_model(f->path[0], SAL_COMPUTE_F32, 0, 2) : NULL;
        float *before = kept != NULL ? logits_of(kept, false, true, NULL) : NULL;
        for (int m = 0; m < 10; m++) {
            tiny_gguf tiny = tiny_gguf_default("llama");
            tiny.layers = 3;
            tiny.seed = 50 + (uint64_t)m;
            tiny_gguf_write(&tiny, path);
            sal_model *stock = open_model(path, SAL_COMPUTE_STOCK, 0, 2),
                      *model = open_model(path, SAL_COMPUTE_F32, 0, 2);
            float *seen = logits_of(model, false, true, NULL),
                  *expected = logits_of(stock, false, true, NULL);
            assert_rows_close(model, seen, expected, 1e-2);
            free(expected);
            if (round == 0)
                alone[m] = seen;
            else {
                assert_memory_equal(alone[m], seen, logits_bytes(model));
                free(alone[m]);
                free(seen);
            }
            sal_model_close(model);
            sal_model_close(stock);
        }
        if (kept != NULL) {
            float *after = logits_of(kept, false, true, NULL);
            assert_memory_equal(before, after, logits_bytes(kept));
            free(after);
            free(before);
            sal_model_close(kept);
        }
    }
}

/* What the backend does not do exactly is libllama's. The nodes are made by ggml itself, as a model's graph would. */
static void unusual_attention_stays_with_libllama(void **state) {
    (void)state;
    struct ggml_context *context = ggml_init((struct ggml_init_params){1 << 20, NULL, false});
    struct ggml_tensor *q = ggml_new_tensor_4d(context, GGML_TYPE_F32, 64, 4, 6, 1),
                       *k = ggml_new_tensor_4d(context, GGML_TYPE_F16, 64, 32, 2, 1);
    struct ggml_tensor *narrow = ggml_new_tensor_4d(context, GGML_TYPE_F16, 32, 32, 2, 1),
                       *quantised = ggml_new_tensor_4d(context, GGML_TYPE_Q8_0, 64, 32, 2, 1);
    struct ggml_tensor *mask = ggml_new_tensor_2d(context, GGML_TYPE_F16, 32, 4),
                       *sinks = ggml_new_tensor_1d(context, GGML_TYPE_F32, 6);
    assert_true(sal_cpu_takes_attention(ggml_flash_attn_ext(context, q, k, k, mask, 0.125f, 0, 0)));
    assert_true(
        sal_cpu_takes_attention(ggml_flash_attn_ext(context, q, k, narrow, mask, 0.125f, 0, 0)));
    assert_false(sal_cpu_takes_attention(
        ggml_flash_attn_ext(context, q, k, k, mask, 0.125f, 8, 0))); /* ALiBi */
    assert_false(sal_cpu_takes_attention(
        ggml_flash_attn_ext(context, q, k, k, mask, 0.125f, 0, 50))); /* soft cap */
    assert_false(
        sal_cpu_takes_attention(ggml_flash_attn_ext(context, q, k, k, NULL, 0.125f, 0, 0)));
    assert_false(
        sal_cpu_takes_attention(ggml_flash_attn_ext(context, q, quantised, k, mask, 0.125f, 0, 0)));
    assert_false(
        sal_cpu_takes_attention(ggml_flash_attn_ext(context, q, k, quantised, mask, 0.125f, 0, 0)));
    struct ggml_tensor *node = ggml_flash_attn_ext(context, q, k, k, mask, 0.125f, 0, 0);
    ggml_flash_attn_ext_add_sinks(node, sinks);
    assert_false(sal_cpu_takes_attention(node));
    node = ggml_flash_attn_ext(context, q, k, k, mask, 0.125f, 0, 0);
    ggml_flash_attn_ext_set_n_kv_max(node, 16);
    assert_false(sal_cpu_takes_attention(node));
    ggml_free(context);
}

static void layers_are_read_from_names(void **state) {
    (void)state;
    assert_int_equal(sal_layer_of_name("kqv_out-17"), 17);
    assert_int_equal(sal_layer_of_name("blk.3.attn_q.weight"), 3);
    assert_int_equal(sal_layer_of_name("cache_k_l29"), 29);
    assert_int_equal(sal_layer_of_name("result_output"), -1);
    assert_int_equal(sal_layer_of_name("node-"), -1);
    assert_int_equal(sal_layer_of_name("node-1x"), -1);
    assert_int_equal(sal_layer_of_name(""), -1);
}

/* A lack of memory inside a decode ends it with the reason, and the context works again afterwards. */
static void a_failure_inside_a_decode_tells_why(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    struct llama_context *context = NULL;
    sal_cpu *cpu = NULL;
    sal_model *model = open_model(f->path[0], SAL_COMPUTE_F32, 0, 1);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 256;
    params.n_batch = params.n_ubatch = 64;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    assert_ok(sal_context_open(model, params, false, &context, &cpu, &err));
    struct llama_batch batch = llama_batch_init(64, 0, 1);
    for (int i = 0; i < 64; i++)
        add(&batch, i, i, 0, false);
    sal_faulty_fail(SAL_FAULTY_ALLOCATION, 0);
    assert_int_not_equal(llama_decode(context, batch), 0);
    assert_true(sal_faulty_reset());
    assert_int_equal(sal_cpu_failure(cpu, &err), SAL_ENOMEM);
    assert_non_null(strstr(err.text, "out of memory"));
    assert_ok(sal_cpu_failure(cpu, &err)); /* told once */
    llama_memory_clear(llama_get_memory(context), true);
    assert_int_equal(llama_decode(context, batch), 0);
    llama_batch_free(batch);
    sal_context_close(context, cpu);
    sal_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_those_of_libllama_alone),
        cmocka_unit_test(logits_of_the_demo_model_equal_those_of_libllama_alone),
        cmocka_unit_test(bf16_products_stay_near),
        cmocka_unit_test(budget_and_threads_change_no_byte),
        cmocka_unit_test(models_of_one_shape_never_mix),
        cmocka_unit_test(unusual_attention_stays_with_libllama),
        cmocka_unit_test(layers_are_read_from_names),
        cmocka_unit_test(a_failure_inside_a_decode_tells_why),
    };
    sal_error err = {0};
    if (sal_cpu_register(&err) != SAL_OK) {
        printf("skipped: %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
