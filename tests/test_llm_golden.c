/* The engine against PyTorch: token ids and byte spans, chat prompts, and greedy text of the demo model in float32. Reference values
 * and tolerances: golden/model/README.md. Reference models are read from $SALIENT_GOLDEN (else ../shared/golden beside the project). */

#include "testing.h"

#include <unistd.h>

#include <jansson.h>

#include "salient/file.h"
#include "salient/model.h"

/* ---- reference files --------------------------------------------------------------------------- */

static const char *golden_folder(void) {
    const char *folder = getenv("SALIENT_GOLDEN");
    return folder != NULL && folder[0] != '\0' ? folder : SALIENT_SOURCE "/../shared/golden";
}

/* Path of a file in the reference folder, or skip the test. */
static void reference_path(char path[512], const char *name) {
    snprintf(path, 512, "%s/model/%s", golden_folder(), name);
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "SKIPPED 1: %s is not there (set SALIENT_GOLDEN)\n", path);
        skip();
    }
}

static json_t *load_json(const char *name) {
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, SALIENT_TEST_DATA "/model/%s", name);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    return root;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static const char *message(const json_t *root, size_t index) {
    return text_of(json_array_get(json_object_get(root, "messages"), index), "content");
}

/* One tensor of a safetensors file, 4 bytes an element; freed by the caller. */
static void *load_tensor(const char *path, const char *name, size_t *count) {
    sal_error err = {0};
    sal_buffer file = {0};
    assert_ok(sal_file_read_all(path, 100000000, &file, &err));
    uint64_t header = 0;
    memcpy(&header, file.bytes, sizeof header);
    json_error_t error;
    json_t *root = json_loadb(file.bytes + 8, (size_t)header, 0, &error);
    assert_non_null(root);
    json_t *offsets = json_object_get(json_object_get(root, name), "data_offsets");
    if (offsets == NULL)
        fail_msg("%s has no tensor %s", path, name);
    size_t start = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
    *count = (end - start) / 4;
    void *data = sal_copy_bytes(file.bytes + 8 + header + start, end - start);
    assert_non_null(data);
    json_decref(root);
    sal_buffer_free(&file);
    return data;
}

static sal_model *open_model(const char *path, bool vocabulary_only) {
    sal_error err = {0};
    sal_model *model = NULL;
    assert_ok(sal_model_open(path, &(sal_model_options){.vocabulary_only = vocabulary_only}, &model,
                             &err));
    return model;
}

/* ---- tokens --------------------------------------------------------------------------------------- */

static void check_tokens(const sal_tokens *tokens, const char *tensors, const char *ids_name,
                         const char *spans_name) {
    size_t count = 0, span_count = 0;
    int32_t *ids = load_tensor(tensors, ids_name, &count);
    assert_int_equal(tokens->count, count);
    assert_memory_equal(tokens->ids, ids, count * sizeof *ids);
    sal_free(ids);
    if (spans_name == NULL)
        return;
    int32_t *spans = load_tensor(tensors, spans_name, &span_count);
    assert_int_equal(span_count, 2 * count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tokens->spans[i].start, spans[2 * i]);
        assert_int_equal(tokens->spans[i].end, spans[2 * i + 1]);
    }
    sal_free(spans);
}

static void check_tiny(const char *name) {
    char gguf[512], tensors[512], file[64], path[512];
    sal_error err = {0};
    sal_buffer text = {0};
    sal_tokens tokens = {0};
    sal_prompt prompt = {0};
    snprintf(file, sizeof file, "%s.gguf", name);
    reference_path(gguf, file);
    snprintf(file, sizeof file, "%s.safetensors", name);
    reference_path(tensors, file);
    snprintf(file, sizeof file, "%s.json", name);
    json_t *root = load_json(file);
    sal_model *model = open_model(gguf, true);

    snprintf(path, sizeof path, SALIENT_TEST_DATA "/model/%s", text_of(root, "text_file"));
    assert_ok(sal_file_read_all(path, 1000000, &text, &err));
    assert_ok(sal_model_tokenize(model, text.bytes, text.length, false, false, &tokens, &err));
    check_tokens(&tokens, tensors, "token_ids", "token_span");
    sal_tokens_free(&tokens);

    const char *templated = text_of(root, "templated");
    assert_ok(sal_model_tokenize(model, templated, strlen(templated), true, true, &tokens, &err));
    check_tokens(&tokens, tensors, "chat_token_ids", "chat_token_span");
    sal_tokens_free(&tokens);

    assert_ok(
        sal_model_chat_prompt(model, NULL, message(root, 0), message(root, 1), &prompt, &err));
    check_tokens(&prompt.tokens, tensors, "chat_token_ids", NULL);
    assert_int_equal(prompt.user.end - prompt.user.start, strlen(message(root, 1)));
    assert_memory_equal(prompt.text + prompt.user.start, message(root, 1),
                        strlen(message(root, 1)));
    sal_prompt_free(&prompt);
    sal_model_close(model);
    sal_buffer_free(&text);
    json_decref(root);
}

static void llama3_tokens_spans_and_chat_ids_are_the_reference(void **state) {
    (void)state;
    check_tiny("tiny_llama3");
}

static void qwen2_tokens_spans_and_chat_ids_are_the_reference(void **state) {
    (void)state;
    check_tiny("tiny_qwen2");
}

/* ---- greedy text ------------------------------------------------------------------------------------ */

static const char *const texts[] = {"news_en", "dialogue_en", "dialogue_fr"};

typedef struct greedy {
    char folder[64];
    sal_model *model; /* the demo model in float32; NULL when it is not there */
} greedy;

static int set_up_greedy(void **state) {
    static greedy g;
    static const char demo[] = SALIENT_SOURCE "/deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    char path[128];
    sal_error err = {0};
    *state = &g;
    if (access(demo, R_OK) != 0)
        return 0;
    make_scratch_folder(g.folder);
    snprintf(path, sizeof path, "%s/smol-f32.gguf", g.folder);
    if (sal_model_convert(demo, path, "f32", 0, &err) != SAL_OK ||
        sal_model_open(path, NULL, &g.model, &err) != SAL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int tear_down_greedy(void **state) {
    greedy *g = *state;
    sal_model_close(g->model);
    if (g->folder[0] != '\0')
        remove_scratch_folder(g->folder);
    return 0;
}

/* Tokens equal the reference up to the first step whose margin is below the path's tolerance: past a legitimate swap the two are
 * unrelated. Returns how many were compared. */
static size_t compare_greedy(const char *name, const sal_generate_result *result,
                             double tolerance) {
    char path[512];
    size_t count = 0, margins = 0, step = 0;
    snprintf(path, sizeof path, SALIENT_TEST_DATA "/model/smol_gen_%s.safetensors", name);
    int32_t *ids = load_tensor(path, "token_ids", &count);
    float *margin = load_tensor(path, "margin", &margins);
    assert_int_equal(count, margins);
    for (; step < count && (double)margin[step] >= tolerance; step++) {
        if (step == result->token_count) { /* the reference holds the end token */
            assert_true(result->ended);
            assert_int_equal(step, count - 1);
            break;
        }
        if (result->tokens[step] != ids[step])
            fail_msg("%s: token %zu is %d, not %d (margin %g)", name, step, result->tokens[step],
                     ids[step], (double)margin[step]);
    }
    sal_free(ids);
    sal_free(margin);
    return step;
}

static void check_greedy(greedy *g, bool exact, double tolerance, size_t least) {
    sal_error err = {0};
    sal_engine *engine = NULL;
    sal_prompt prompts[3] = {{0}};
    sal_generate_request requests[3];
    sal_generate_result results[3] = {{0}};
    size_t compared = 0;
    if (g->model == NULL) {
        fprintf(stderr, "SKIPPED 1: the demo model is not in deps/models\n");
        skip();
    }
    sal_engine_options options = {
        .sequences = 3, .exact = exact, .sampling = {.top_p = 1, .repeat_penalty = 1}};
    for (size_t i = 0; i < 3; i++) {
        char name[64], path[512];
        sal_buffer templated = {0};
        snprintf(name, sizeof name, "smol_gen_%s.json", texts[i]);
        json_t *root = load_json(name);
        assert_ok(sal_model_chat_prompt(g->model, NULL, message(root, 0), message(root, 1),
                                        &prompts[i], &err));
        snprintf(path, sizeof path, SALIENT_TEST_DATA "/model/smol_gen_%s.prompt.txt", texts[i]);
        assert_ok(sal_file_read_all(path, 1000000, &templated, &err));
        assert_string_equal(prompts[i].text, templated.bytes);
        snprintf(path, sizeof path, SALIENT_TEST_DATA "/model/smol_gen_%s.safetensors", texts[i]);
        check_tokens(&prompts[i].tokens, path, "prompt_ids", NULL);
        requests[i] = (sal_generate_request){.prompt = &prompts[i], .max_tokens = 48};
        sal_buffer_free(&templated);
        json_decref(root);
    }
    assert_ok(sal_engine_open(g->model, &options, &engine, &err));
    assert_ok(sal_engine_generate(engine, requests, 3, results, NULL, NULL, &err));
    for (size_t i = 0; i < 3; i++) {
        compared += compare_greedy(texts[i], &results[i], tolerance);
        sal_generate_result_free(&results[i]);
        sal_prompt_free(&prompts[i]);
    }
    if (compared < least)
        fail_msg("only %zu tokens could be compared", compared);
    sal_engine_close(engine);
}

static void greedy_text_without_flash_attention_is_the_reference(void **state) {
    check_greedy(*state, true, 5e-3, 60);
}

static void greedy_text_with_flash_attention_is_the_reference_up_to_near_ties(void **state) {
    check_greedy(*state, false, 0.15, 15);
}

/* The same whoever computes, in whatever numbers. */
static void greedy_text_is_the_reference_on_every_compute(void **state) {
    const greedy *g = *state;
    static const sal_compute computes[] = {SAL_COMPUTE_STOCK, SAL_COMPUTE_F32, SAL_COMPUTE_BF16};
    for (size_t i = 0; g->model != NULL && i < sizeof computes / sizeof *computes; i++) {
        char path[128];
        sal_error err = {0};
        greedy own = *g;
        snprintf(path, sizeof path, "%s/smol-f32.gguf", g->folder);
        int status =
            sal_model_open(path, &(sal_model_options){.compute = computes[i]}, &own.model, &err);
        if (status == SAL_EUNSUPPORTED) /* bf16 where it cannot run */
            continue;
        assert_ok(status);
        check_greedy(&own, false, 0.15, 15);
        sal_model_close(own.model);
    }
}

/* The same conversion gives the same file. */
static void conversion_is_reproducible(void **state) {
    const greedy *g = *state;
    sal_error err = {0};
    char first[128], second[128], again[128], a[65], b[65];
    if (g->model == NULL) {
        fprintf(stderr, "SKIPPED 1: the demo model is not in deps/models\n");
        skip();
    }
    snprintf(first, sizeof first, "%s/smol-f32.gguf", g->folder);
    snprintf(second, sizeof second, "%s/one.gguf", g->folder);
    snprintf(again, sizeof again, "%s/two.gguf", g->folder);
    assert_ok(sal_model_convert(first, second, "q8_0", 1, &err));
    assert_ok(sal_model_convert(first, again, "q8_0", 2, &err));
    assert_ok(sal_sha256_file(second, a, &err));
    assert_ok(sal_sha256_file(again, b, &err));
    assert_string_equal(a, b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama3_tokens_spans_and_chat_ids_are_the_reference),
        cmocka_unit_test(qwen2_tokens_spans_and_chat_ids_are_the_reference),
        cmocka_unit_test(greedy_text_without_flash_attention_is_the_reference),
        cmocka_unit_test(greedy_text_with_flash_attention_is_the_reference_up_to_near_ties),
        cmocka_unit_test(greedy_text_is_the_reference_on_every_compute),
        cmocka_unit_test(conversion_is_reproducible),
    };
    return cmocka_run_group_tests(tests, set_up_greedy, tear_down_greedy);
}
