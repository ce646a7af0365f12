/* Steering: a direction reaches the state it is added to and nothing before it, whoever computes; logits move as their slopes say; control
 * vectors are files that llama.cpp reads. */
#include "testing.h"

#include <unistd.h>

#include <ggml.h>
#include <gguf.h>

#include "llm/llm_internal.h"
#include "salient/random.h"
#include "salient/steer.h"
#include "salient/tap.h"
#include "scratch_group.h"
#include "tiny_gguf.h"

enum { LAYERS = 4, WIDTH = 64, STATE = 2, TOKEN = 77 };

static const char text[] = "Steering adds a direction to every token.";

static sal_model *open_tiny(const char *architecture, sal_compute compute) {
    sal_error err = {0};
    sal_model *model = NULL;
    char path[128];
    tiny_gguf tiny = tiny_gguf_default(architecture);
    tiny.layers = LAYERS;
    snprintf(path, sizeof path, "%s/%s.gguf", folder, architecture);
    tiny_gguf_write(&tiny, path);
    assert_ok(
        sal_model_open(path, &(sal_model_options){.threads = 1, .compute = compute}, &model, &err));
    return model;
}

static void draw_direction(float *direction, size_t width, double norm, uint64_t seed) {
    sal_random random;
    double squares = 0;
    sal_random_seed(&random, seed);
    for (size_t f = 0; f < width; f++) {
        direction[f] = (float)(sal_random_uniform(&random) - .5);
        squares += (double)direction[f] * (double)direction[f];
    }
    for (size_t f = 0; f < width; f++)
        direction[f] = (float)((double)direction[f] * norm / sqrt(squares));
}

static void steer(sal_model *model, int state, const float *direction, size_t width, double times) {
    sal_error err = {0};
    float *scaled = malloc(width * sizeof *scaled);
    assert_non_null(scaled);
    for (size_t f = 0; f < width; f++)
        scaled[f] = (float)(times * (double)direction[f]);
    assert_ok(sal_model_steer(model, state, scaled, width, &err));
    free(scaled);
}

static void stop_steering(sal_model *model) {
    sal_error err = {0};
    assert_ok(sal_model_steer(model, 0, NULL, 0, &err));
}

/* ---- states -------------------------------------------------------------------------------------------------- */

static sal_tap_result read_states(sal_tap *tap, const sal_tokens *tokens) {
    sal_error err = {0};
    sal_tap_result result = {0};
    const sal_tap_request request = {
        .tokens = tokens->ids, .token_count = tokens->count, .hidden = true, .last_layer = -1};
    assert_ok(sal_tap_run(tap, &request, &result, NULL, &err));
    return result;
}

/* How far the states of a layer moved along a direction: mean over tokens of (b - a)·d / d·d. */
static double moved(const sal_tap_result *a, const sal_tap_result *b, size_t state,
                    const float *direction) {
    double along = 0, squares = 0;
    for (size_t f = 0; f < a->D; f++)
        squares += (double)direction[f] * (double)direction[f];
    for (size_t p = 0; p < a->P; p++)
        for (size_t f = 0; f < a->D; f++) {
            const size_t at = (state * a->P + p) * a->D + f;
            along += ((double)b->hidden[at] - (double)a->hidden[at]) * (double)direction[f];
        }
    return along / squares / (double)a->P;
}

/* A tap that is there already, and one that is opened later, see the state moved, and those before it as they were. */
static void check_states(sal_model *model, int state, double norm) {
    const size_t D = (size_t)sal_model_describe(model)->width;
    sal_error err = {0};
    sal_tokens tokens = {0};
    sal_tap *taps[2] = {NULL};
    float *direction = malloc(D * sizeof *direction);
    assert_non_null(direction);
    draw_direction(direction, D, norm, 1);
    assert_ok(sal_model_tokenize(model, text, strlen(text), false, false, &tokens, &err));
    assert_ok(sal_tap_open(model, &(sal_tap_options){.threads = 1}, &taps[0], &err));
    sal_tap_result plain = read_states(taps[0], &tokens);
    steer(model, state, direction, D, 1);
    assert_ok(sal_tap_open(model, &(sal_tap_options){.threads = 1}, &taps[1], &err));
    for (int t = 0; t < 2; t++) {
        sal_tap_result steered = read_states(taps[t], &tokens);
        assert_close(moved(&plain, &steered, (size_t)state, direction), 1, 1e-3, 0);
        assert_memory_equal(steered.hidden, plain.hidden,
                            (size_t)state * plain.P * D * sizeof *plain.hidden);
        sal_tap_result_free(&steered);
    }
    steer(model, state, direction, D, -2);
    sal_tap_result back = read_states(taps[0], &tokens);
    assert_close(moved(&plain, &back, (size_t)state, direction), -2, 1e-3, 0);
    sal_tap_result_free(&back);
    stop_steering(model);
    back = read_states(taps[0], &tokens);
    assert_memory_equal(back.hidden, plain.hidden,
                        plain.L * plain.P * plain.D * sizeof *plain.hidden);
    sal_tap_result_free(&back);
    sal_tap_result_free(&plain);
    for (int t = 0; t < 2; t++)
        sal_tap_close(taps[t]);
    sal_tokens_free(&tokens);
    free(direction);
}

static void a_direction_reaches_its_state_alone(void **state) {
    static const char *const architectures[] = {"llama", "qwen2"};
    static const sal_compute computes[] = {SAL_COMPUTE_F32, SAL_COMPUTE_STOCK};
    (void)state;
    for (size_t a = 0; a < 2; a++)
        for (size_t c = 0; c < 2; c++)
            for (int k = 2; k < LAYERS; k++) {
                sal_model *model = open_tiny(architectures[a], computes[c]);
                check_states(model, k, 3);
                sal_model_close(model);
            }
}

/* ---- logits -------------------------------------------------------------------------------------------------- */

/* A context that only reads a text. */
typedef struct reader {
    sal_model *model;
    struct llama_context *context;
    sal_cpu *cpu;
    uint64_t steered;
    sal_tokens tokens;
} reader;

static void open_reader(reader *r, sal_model *model, bool exact) {
    sal_error err = {0};
    struct llama_context_params params = llama_context_default_params();
    *r = (reader){.model = model};
    params.n_ctx = params.n_batch = params.n_ubatch = 256;
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.type_k = params.type_v = exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
    params.offload_kqv = params.op_offload = false;
    assert_ok(sal_context_open(model, params, exact, &r->context, &r->cpu, &err));
    assert_ok(sal_model_tokenize(model, text, strlen(text), false, false, &r->tokens, &err));
}

static void close_reader(reader *r) {
    sal_context_close(r->context, r->cpu);
    sal_tokens_free(&r->tokens);
}

/* Logit of a token behind the text. */
static double logit_of(reader *r, int token) {
    sal_error err = {0};
    assert_ok(sal_context_steer(r->model, r->context, &r->steered, &err));
    llama_memory_clear(llama_get_memory(r->context), true);
    assert_int_equal(
        llama_decode(r->context, llama_batch_get_one(r->tokens.ids, (int32_t)r->tokens.count)), 0);
    return (double)llama_get_logits_ith(r->context, -1)[token];
}

/* Slope of a logit along a direction, from both sides. */
static double slope(reader *r, int state, const float *direction, size_t width, double step) {
    steer(r->model, state, direction, width, step);
    const double up = logit_of(r, TOKEN);
    steer(r->model, state, direction, width, -step);
    const double down = logit_of(r, TOKEN);
    stop_steering(r->model);
    return (up - down) / (2 * step);
}

/* Slopes along the axes make up that along any direction; and steering along them, the gradient, raises the logit. */
static void logits_move_as_their_slopes_say(void **state) {
    static const sal_compute computes[] = {SAL_COMPUTE_F32, SAL_COMPUTE_STOCK};
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        sal_model *model = open_tiny("llama", computes[c]);
        float axis[WIDTH], gradient[WIDTH], direction[WIDTH];
        double expected = 0, squares = 0;
        reader r;
        open_reader(&r, model, true);
        draw_direction(direction, WIDTH, 1, 2);
        for (size_t f = 0; f < WIDTH; f++) {
            memset(axis, 0, sizeof axis);
            axis[f] = 1;
            gradient[f] = (float)slope(&r, STATE, axis, WIDTH, .02);
            expected += (double)gradient[f] * (double)direction[f];
            squares += (double)gradient[f] * (double)gradient[f];
        }
        assert_true(squares > 0);
        assert_close(slope(&r, STATE, direction, WIDTH, .02), expected, 0, .02 * sqrt(squares));
        const double plain = logit_of(&r, TOKEN), little = .02 / sqrt(squares);
        steer(model, STATE, gradient, WIDTH, little);
        assert_close(logit_of(&r, TOKEN) - plain, little * squares, .1, 0);
        steer(model, STATE, gradient, WIDTH, -little);
        assert_close(logit_of(&r, TOKEN) - plain, -little * squares, .1, 0);
        close_reader(&r);
        sal_model_close(model);
    }
}

/* Both paths say the same of a steered model. */
static void the_own_backend_and_the_stock_path_agree(void **state) {
    double logits[2][2];
    float direction[WIDTH];
    (void)state;
    draw_direction(direction, WIDTH, 4, 3);
    for (int c = 0; c < 2; c++) {
        sal_model *model = open_tiny("llama", c == 0 ? SAL_COMPUTE_F32 : SAL_COMPUTE_STOCK);
        reader r;
        open_reader(&r, model, false);
        logits[c][0] = logit_of(&r, TOKEN);
        steer(model, STATE, direction, WIDTH, 1);
        logits[c][1] = logit_of(&r, TOKEN);
        close_reader(&r);
        sal_model_close(model);
    }
    assert_true(fabs(logits[0][1] - logits[0][0]) > .05);
    assert_close(logits[0][1] - logits[0][0], logits[1][1] - logits[1][0], .02, .005);
}

static char *generate(sal_engine *engine, const sal_prompt *prompt) {
    sal_error err = {0};
    const sal_generate_request requests[2] = {{.prompt = prompt, .seed = 1, .max_tokens = 24},
                                              {.prompt = prompt, .seed = 2, .max_tokens = 24}};
    sal_generate_result results[2] = {{0}};
    assert_ok(sal_engine_generate(engine, requests, 2, results, NULL, NULL, &err));
    char *out = results[0].text;
    results[0].text = NULL;
    sal_generate_result_free(&results[0]);
    sal_generate_result_free(&results[1]);
    return out;
}

/* An engine that is open follows its model. */
static void what_is_generated_is_steered(void **state) {
    sal_error err = {0};
    sal_prompt prompt = {0};
    sal_engine *engine = NULL;
    float direction[WIDTH];
    (void)state;
    sal_model *model = open_tiny("llama", SAL_COMPUTE_F32);
    draw_direction(direction, WIDTH, 8, 4);
    assert_ok(sal_model_chat_prompt(model, NULL, "Be short.", text, &prompt, &err));
    const sal_engine_options options = {
        .sequences = 2,
        .ignore_end = true,
        .sampling = {.temperature = 1, .top_p = 1, .repeat_penalty = 1}};
    assert_ok(sal_engine_open(model, &options, &engine, &err));
    char *plain = generate(engine, &prompt);
    steer(model, STATE, direction, WIDTH, 1);
    char *steered = generate(engine, &prompt), *again = generate(engine, &prompt);
    stop_steering(model);
    char *back = generate(engine, &prompt);
    assert_string_not_equal(plain, steered);
    assert_string_equal(steered, again);
    assert_string_equal(plain, back);
    sal_free(plain);
    sal_free(steered);
    sal_free(again);
    sal_free(back);
    sal_engine_close(engine);
    sal_prompt_free(&prompt);
    sal_model_close(model);
}

/* ---- the demo model ------------------------------------------------------------------------------------------ */

static void the_demo_model_is_steered(void **state) {
    static const char path[] = SALIENT_SOURCE "/deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    static const sal_compute computes[] = {SAL_COMPUTE_AUTO, SAL_COMPUTE_STOCK};
    enum { DEMO_STATE = 15, DEMO_WIDTH = 576 };
    float direction[DEMO_WIDTH];
    (void)state;
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "SKIPPED 1: %s is not there (scripts/deps brings it)\n", path);
        skip();
    }
    draw_direction(direction, DEMO_WIDTH, 10, 5);
    for (int c = 0; c < 2; c++) {
        sal_error err = {0};
        sal_model *model = NULL;
        reader r;
        assert_ok(sal_model_open(path, &(sal_model_options){.compute = computes[c]}, &model, &err));
        check_states(model, DEMO_STATE, 20);
        open_reader(&r, model, true);
        const double plain = logit_of(&r, TOKEN);
        const double expected = slope(&r, DEMO_STATE, direction, DEMO_WIDTH, .1);
        steer(model, DEMO_STATE, direction, DEMO_WIDTH, expected > 0 ? .25 : -.25);
        const double risen = logit_of(&r, TOKEN) - plain;
        assert_true(risen > 0);
        assert_close(risen, .25 * fabs(expected), .2, .02);
        close_reader(&r);
        sal_model_close(model);
    }
}

/* ---- files and errors ---------------------------------------------------------------------------------------- */

/* As common_control_vector_load of llama.cpp reads it. */
static void a_control_vector_is_what_llama_cpp_reads(void **state) {
    float direction[WIDTH];
    char path[128];
    sal_error err = {0};
    struct ggml_context *room = NULL;
    (void)state;
    draw_direction(direction, WIDTH, 2, 6);
    snprintf(path, sizeof path, "%s/vector.gguf", folder);
    assert_ok(sal_control_vector_write(path, "llama", 3, direction, WIDTH, &err));
    struct gguf_context *gguf =
        gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = false, .ctx = &room});
    assert_non_null(gguf);
    assert_string_equal(gguf_get_val_str(gguf, gguf_find_key(gguf, "general.architecture")),
                        "controlvector");
    assert_string_equal(gguf_get_val_str(gguf, gguf_find_key(gguf, "controlvector.model_hint")),
                        "llama");
    assert_int_equal(gguf_get_val_i32(gguf, gguf_find_key(gguf, "controlvector.layer_count")), 1);
    assert_int_equal(gguf_get_n_tensors(gguf), 1);
    const struct ggml_tensor *tensor = ggml_get_tensor(room, "direction.2");
    assert_non_null(tensor);
    assert_int_equal(tensor->type, GGML_TYPE_F32);
    assert_int_equal(ggml_n_dims(tensor), 1);
    assert_int_equal(tensor->ne[0], WIDTH);
    assert_memory_equal(tensor->data, direction, sizeof direction);
    gguf_free(gguf);
    ggml_free(room);
}

static void what_is_wrong_is_said(void **state) {
    float direction[WIDTH] = {1};
    sal_error err = {0};
    char path[128];
    (void)state;
    sal_model *model = open_tiny("llama", SAL_COMPUTE_F32);
    snprintf(path, sizeof path, "%s/wrong.gguf", folder);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(sal_model_steer(model, k, direction, WIDTH, &err), SAL_EINVAL);
        assert_int_equal(sal_control_vector_write(path, "llama", k, direction, WIDTH, &err),
                         SAL_EINVAL);
    }
    assert_string_equal(
        err.text, "state 1 cannot be steered: a control vector's direction.0 would be added "
                  "to it, and llama.cpp knows them from direction.1 on; states from 2 on can");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(sal_model_steer(model, LAYERS + 1, direction, WIDTH, &err), SAL_EINVAL);
    assert_int_equal(sal_model_steer(model, 2, direction, WIDTH - 1, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "a direction of 63 numbers for state 2; "));
    sal_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_direction_reaches_its_state_alone),
        cmocka_unit_test(logits_move_as_their_slopes_say),
        cmocka_unit_test(the_own_backend_and_the_stock_path_agree),
        cmocka_unit_test(what_is_generated_is_steered),
        cmocka_unit_test(the_demo_model_is_steered),
        cmocka_unit_test(a_control_vector_is_what_llama_cpp_reads),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
