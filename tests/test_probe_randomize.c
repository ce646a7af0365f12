/* The random-weights control: every tensor as the table of golden/model/README.md says, within five standard errors; the rest of the file
 * as it was; same seed, same bytes. On models the test writes itself. */
#include "testing.h"

#include <ggml.h>
#include <gguf.h>

#include "salient/file.h"
#include "salient/model.h"
#include "salient/tap.h"
#include "tiny_gguf.h"

typedef struct loaded {
    struct gguf_context *gguf;
    struct ggml_context *tensors;
} loaded;

static loaded load(const char *path) {
    loaded file = {0};
    file.gguf = gguf_init_from_file(path, (struct gguf_init_params){false, &file.tensors});
    assert_non_null(file.gguf);
    return file;
}

static void unload(loaded *file) {
    gguf_free(file->gguf);
    ggml_free(file->tensors);
}

static double value_at(const struct ggml_tensor *tensor, int64_t i) {
    return tensor->type == GGML_TYPE_F16
               ? (double)ggml_fp16_to_fp32(((const ggml_fp16_t *)tensor->data)[i])
               : (double)((const float *)tensor->data)[i];
}

static void check_normal(const struct ggml_tensor *tensor) {
    const int64_t n = ggml_nelements(tensor);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += value_at(tensor, i);
        squares += value_at(tensor, i) * value_at(tensor, i);
    }
    const double mean = sum / (double)n, deviation = sqrt(squares / (double)n - mean * mean);
    assert_close(mean, 0, 0, 5 * .02 / sqrt((double)n));
    assert_close(deviation, .02, 0, 5 * .02 / sqrt(2 * (double)n));
}

static void check_constant(const struct ggml_tensor *tensor, double value) {
    for (int64_t i = 0; i < ggml_nelements(tensor); i++)
        assert_close(value_at(tensor, i), value, 0, 0);
}

static void check_all(const loaded *file) {
    int drawn = 0;
    for (int64_t i = 0; i < gguf_get_n_tensors(file->gguf); i++) {
        const char *name = gguf_get_tensor_name(file->gguf, i);
        const struct ggml_tensor *tensor = ggml_get_tensor(file->tensors, name);
        if (strstr(name, "norm") != NULL) {
            check_constant(tensor, 1);
        } else if (strstr(name, ".bias") != NULL) {
            check_constant(tensor, 0);
        } else {
            check_normal(tensor);
            drawn++;
        }
    }
    assert_true(drawn > 10);
}

static void fresh_weights_have_their_distributions(void **state) {
    static const char *const architectures[] = {"llama", "qwen2"};
    (void)state;
    for (int a = 0; a < 2; a++) {
        char folder[64], in[128], out[128], again[128], first[65], second[65];
        sal_error err = {0};
        const tiny_gguf model = tiny_gguf_default(architectures[a]);
        make_scratch_folder(folder);
        snprintf(in, sizeof in, "%s/in.gguf", folder);
        snprintf(out, sizeof out, "%s/out.gguf", folder);
        snprintf(again, sizeof again, "%s/again.gguf", folder);
        tiny_gguf_write(&model, in);
        assert_ok(sal_model_randomize(in, out, 7, false, &err));
        loaded file = load(out);
        check_all(&file);
        unload(&file);
        assert_ok(sal_model_randomize(in, again, 7, false, &err));
        assert_ok(sal_sha256_file(out, first, &err));
        assert_ok(sal_sha256_file(again, second, &err));
        assert_string_equal(first, second);
        assert_ok(sal_model_randomize(in, again, 8, false, &err));
        assert_ok(sal_sha256_file(again, second, &err));
        assert_string_not_equal(first, second);
        remove_scratch_folder(folder);
    }
}

static void embeddings_can_be_kept(void **state) {
    (void)state;
    char folder[64], in[128], out[128];
    sal_error err = {0};
    const tiny_gguf model = tiny_gguf_default("llama");
    make_scratch_folder(folder);
    snprintf(in, sizeof in, "%s/in.gguf", folder);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    tiny_gguf_write(&model, in);
    assert_ok(sal_model_randomize(in, out, 7, true, &err));
    loaded before = load(in), after = load(out);
    const struct ggml_tensor *a = ggml_get_tensor(before.tensors, "token_embd.weight");
    const struct ggml_tensor *b = ggml_get_tensor(after.tensors, "token_embd.weight");
    assert_int_equal(a->type, b->type);
    assert_memory_equal(a->data, b->data, ggml_nbytes(a));
    check_normal(ggml_get_tensor(after.tensors, "blk.0.attn_q.weight"));
    unload(&before);
    unload(&after);
    remove_scratch_folder(folder);
}

/* It runs like any model: same tokens, finite states. */
static void the_copy_runs(void **state) {
    (void)state;
    char folder[64], in[128], out[128];
    sal_error err = {0};
    sal_model *model = NULL;
    sal_tap *tap = NULL;
    sal_tokens tokens = {0};
    sal_tap_result result = {0};
    const tiny_gguf shape = tiny_gguf_default("qwen2");
    make_scratch_folder(folder);
    snprintf(in, sizeof in, "%s/in.gguf", folder);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    tiny_gguf_write(&shape, in);
    assert_ok(sal_model_randomize(in, out, 1, false, &err));
    assert_ok(sal_model_open(out, NULL, &model, &err));
    assert_ok(sal_model_tokenize(model, "The boat left", 13, false, false, &tokens, &err));
    assert_ok(sal_tap_open(model, &(sal_tap_options){0}, &tap, &err));
    const sal_tap_request request = {
        .tokens = tokens.ids, .token_count = tokens.count, .hidden = true, .last_layer = -1};
    assert_ok(sal_tap_run(tap, &request, &result, NULL, &err));
    for (size_t i = 0; i < (result.L + 1) * result.P * result.D; i++)
        assert_true(isfinite(result.hidden[i]));
    sal_tap_result_free(&result);
    sal_tap_close(tap);
    sal_tokens_free(&tokens);
    sal_model_close(model);
    remove_scratch_folder(folder);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    char folder[64], in[128];
    sal_error err = {0};
    const tiny_gguf model = tiny_gguf_default("llama");
    make_scratch_folder(folder);
    snprintf(in, sizeof in, "%s/in.gguf", folder);
    tiny_gguf_write(&model, in);
    assert_int_equal(sal_model_randomize(in, in, 1, false, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "cannot replace"));
    assert_int_equal(sal_model_randomize("/nowhere/x.gguf", in, 1, false, &err), SAL_ENOTFOUND);
    remove_scratch_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_weights_have_their_distributions),
        cmocka_unit_test(embeddings_can_be_kept),
        cmocka_unit_test(the_copy_runs),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
