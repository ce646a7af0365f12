/* The tap against PyTorch's float32 on the same weights: two tiny models of different architectures, and the demo model in float32 and as
 * it comes (Q4_1). Values and tolerances: golden/model/README.md. Reference files are read from $SALIENT_GOLDEN (else ../shared/golden
 * beside the project); without them a test is skipped and says so. */

#include "testing.h"

#include <unistd.h>

#include "salient/safetensors.h"
#include "salient/tap.h"

enum { LAST = 16 };

/* How far a path may be from the reference: every entry within `each` (and `least`), the median entry, each head's column vector, each
 * hidden row. 0: no bound. */
typedef struct bounds {
    double each, least, median, head, row, row_median;
} bounds;

static const bounds exact_bounds = {.each = 3e-4, .least = 1e-7, .row = 3e-5};
static const bounds flash_bounds = {
    .each = 0.1, .least = 1e-4, .median = 2e-3, .head = 5e-3, .row = 2e-3};
static const bounds tiny_flash_bounds = {
    .each = 0.1, .least = 1e-4, .median = 2e-3, .head = 5e-3, .row = 2e-2};
static const bounds quantised_bounds = {
    .median = 0.06, .head = 0.15, .row = 0.2, .row_median = 0.05};

/* ---- reference files ------------------------------------------------------------------------------ */

static void reference_path(char path[512], const char *name) {
    const char *folder = getenv("SALIENT_GOLDEN");
    if (folder == NULL || folder[0] == '\0')
        folder = SALIENT_SOURCE "/../shared/golden";
    snprintf(path, 512, "%s/model/%s", folder, name);
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "SKIPPED 1: %s is not there (set SALIENT_GOLDEN)\n", path);
        skip();
    }
}

static sal_safetensors *open_reference(const char *name) {
    char path[512];
    sal_error err = {0};
    sal_safetensors *file = NULL;
    reference_path(path, name);
    assert_ok(sal_safetensors_open(path, &file, &err));
    return file;
}

/* All of a tensor; freed by the caller. */
static void *load(const sal_safetensors *file, const char *name, size_t *count) {
    sal_error err = {0};
    const sal_tensor *tensor = NULL;
    assert_ok(sal_safetensors_find(file, name, &tensor, &err));
    assert_ok(sal_tensor_count(tensor, count, &err));
    void *data = sal_calloc(*count, sal_dtype_bytes(tensor->dtype));
    assert_non_null(data);
    assert_ok(sal_safetensors_read(file, tensor, 0, *count, data, &err));
    return data;
}

/* ---- comparison ----------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, size_t count) {
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

/* L2 error of one vector over its L2 norm. */
static double relative_error(const float *ours, const float *theirs, size_t count) {
    double error = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)ours[i], y = (double)theirs[i];
        error += (x - y) * (x - y);
        length += y * y;
    }
    return sqrt(error / length);
}

static void compare_attention(const char *what, const float *ours, const float *theirs, size_t rows,
                              size_t T, const bounds *b) {
    double *errors = calloc(rows * T, sizeof *errors);
    assert_non_null(errors);
    for (size_t i = 0; i < rows * T; i++) {
        double x = (double)ours[i], y = (double)theirs[i], off = fabs(x - y);
        errors[i] = off / y;
        if (!(off <= b->each * y || off <= b->least || (b->each == 0 && isfinite(x))))
            fail_msg("%s: row %zu key %zu is %g, not %g", what, i / T, i % T, x, y);
    }
    for (size_t row = 0; b->head > 0 && row < rows; row++)
        assert_close(relative_error(ours + row * T, theirs + row * T, T), 0, 0, b->head);
    if (b->median > 0)
        assert_close(median_of(errors, rows * T), 0, 0, b->median);
    free(errors);
}

static void compare_rows(const char *what, const float *ours, const float *theirs, size_t rows,
                         size_t D, const bounds *b) {
    double *errors = calloc(rows, sizeof *errors);
    assert_non_null(errors);
    for (size_t row = 0; row < rows; row++) {
        errors[row] = relative_error(ours + row * D, theirs + row * D, D);
        if (!(errors[row] <= b->row))
            fail_msg("%s: hidden row %zu is off by %g", what, row, errors[row]);
    }
    if (b->row_median > 0)
        assert_close(median_of(errors, rows), 0, 0, b->row_median);
    free(errors);
}

/* ---- one model and text --------------------------------------------------------------------------- */

static void compare_sums(const char *what, const sal_safetensors *reference,
                         const sal_tap_result *r, const bounds *b) {
    size_t count = 0, rows = r->L * r->H;
    float *theirs = load(reference, "attn_received", &count);
    float *exposure = calloc(count, sizeof *exposure);
    assert_int_equal(count, rows * r->T);
    assert_non_null(exposure);
    compare_attention(what, r->received, theirs, rows, r->T, b);
    sal_free(theirs);
    theirs = load(reference, "attn_received_last", &count);
    compare_attention(what, r->spans, theirs, rows, r->T, b);
    sal_free(theirs);
    theirs = load(reference, "attn_exposure_norm", &count);
    sal_tap_exposure(r->received, rows, r->T, 0, exposure);
    compare_attention(what, exposure, theirs, rows, r->T, b);
    sal_free(theirs);
    free(exposure);
}

static void check_attention(sal_model *model, const char *reference_name, bool exact,
                            const bounds *b) {
    sal_error err = {0};
    sal_tap *tap = NULL;
    sal_tap_result r = {0};
    size_t T = 0;
    sal_safetensors *reference = open_reference(reference_name);
    int32_t *tokens = load(reference, "token_ids", &T);
    const sal_span last = {T - LAST, T};
    assert_ok(sal_tap_open(model, &(sal_tap_options){.exact = exact}, &tap, &err));
    assert_ok(sal_tap_run(tap,
                          &(sal_tap_request){.tokens = tokens,
                                             .token_count = T,
                                             .received = true,
                                             .query_spans = &last,
                                             .span_count = 1,
                                             .last_layer = -1},
                          &r, NULL, &err));
    compare_sums(reference_name, reference, &r, b);
    sal_tap_result_free(&r);
    sal_tap_close(tap);
    sal_free(tokens);
    sal_safetensors_close(reference);
}

/* positions: NULL for a reference that holds all tokens. */
static void check_hidden(sal_model *model, const char *reference_name, const char *positions_name,
                         bool exact, const bounds *b) {
    sal_error err = {0};
    sal_tap *tap = NULL;
    sal_tap_result r = {0};
    size_t T = 0, P = 0, count = 0;
    sal_safetensors *reference = open_reference(reference_name);
    int32_t *tokens = load(reference, "token_ids", &T);
    int32_t *positions = positions_name != NULL ? load(reference, positions_name, &P) : NULL;
    float *theirs = load(reference, "hidden", &count);
    assert_ok(sal_tap_open(model, &(sal_tap_options){.exact = exact}, &tap, &err));
    assert_ok(sal_tap_run(tap,
                          &(sal_tap_request){.tokens = tokens,
                                             .token_count = T,
                                             .hidden = true,
                                             .positions = positions,
                                             .position_count = P,
                                             .last_layer = -1},
                          &r, NULL, &err));
    assert_int_equal(count, (r.L + 1) * r.P * r.D);
    assert_memory_equal(r.hidden, theirs, r.P * r.D * sizeof(float)); /* embeddings: bit for bit */
    compare_rows(reference_name, r.hidden, theirs, (r.L + 1) * r.P, r.D, b);
    sal_tap_result_free(&r);
    sal_tap_close(tap);
    sal_free(theirs);
    sal_free(positions);
    sal_free(tokens);
    sal_safetensors_close(reference);
}

static void check_tiny(const char *name) {
    char gguf[512], file[64], tensors[64];
    sal_error err = {0};
    sal_model *model = NULL;
    snprintf(file, sizeof file, "%s.gguf", name);
    snprintf(tensors, sizeof tensors, "%s.safetensors", name);
    reference_path(gguf, file);
    assert_ok(
        sal_model_open(gguf, &(sal_model_options){.compute = SAL_COMPUTE_STOCK}, &model, &err));
    check_attention(model, tensors, true, &exact_bounds);
    check_attention(model, tensors, false, &tiny_flash_bounds);
    check_hidden(model, tensors, NULL, true, &exact_bounds);
    check_hidden(model, tensors, NULL, false, &tiny_flash_bounds);
    sal_model_close(model);
}

static void tiny_llama3_is_the_reference(void **state) {
    (void)state;
    check_tiny("tiny_llama3");
}

static void tiny_qwen2_is_the_reference(void **state) {
    (void)state;
    check_tiny("tiny_qwen2");
}

/* ---- the demo model ------------------------------------------------------------------------------- */

static const char demo[] = SALIENT_SOURCE "/deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";

typedef struct fixture {
    char folder[64];
    sal_model *whole; /* float32; NULL when the demo model is not there */
} fixture;

static int set_up(void **state) {
    static fixture f;
    char path[128];
    sal_error err = {0};
    *state = &f;
    if (access(demo, R_OK) != 0)
        return 0;
    make_scratch_folder(f.folder);
    snprintf(path, sizeof path, "%s/smol-f32.gguf", f.folder);
    if (sal_model_convert(demo, path, "f32", 0, &err) != SAL_OK ||
        sal_model_open(path, &(sal_model_options){.compute = SAL_COMPUTE_STOCK}, &f.whole, &err) !=
            SAL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_model_close(f->whole);
    if (f->folder[0] != '\0')
        remove_scratch_folder(f->folder);
    return 0;
}

static sal_model *need_demo(const fixture *f) {
    if (f->whole == NULL) {
        fprintf(stderr, "SKIPPED 1: the demo model is not in deps/models\n");
        skip();
    }
    return f->whole;
}

static void the_demo_model_in_float_is_the_reference(void **state) {
    sal_model *model = need_demo(*state);
    check_attention(model, "smol_attn_dialogue_en.safetensors", true, &exact_bounds);
    check_attention(model, "smol_attn_news_en.safetensors", false, &flash_bounds);
    check_hidden(model, "smol_hidden_dialogue_fr.safetensors", "positions", true, &exact_bounds);
    check_hidden(model, "smol_hidden_news_en.safetensors", "positions", false, &flash_bounds);
}

static void the_demo_model_as_it_comes_is_close(void **state) {
    sal_error err = {0};
    sal_model *model = NULL;
    char path[512];
    (void)need_demo(*state);
    reference_path(path, "smol_attn_dialogue_en.safetensors"); /* skips before anything is open */
    reference_path(path, "smol_hidden_dialogue_en.safetensors");
    assert_ok(
        sal_model_open(demo, &(sal_model_options){.compute = SAL_COMPUTE_STOCK}, &model, &err));
    check_attention(model, "smol_attn_dialogue_en.safetensors", false, &quantised_bounds);
    check_hidden(model, "smol_hidden_dialogue_en.safetensors", "positions", false,
                 &quantised_bounds);
    sal_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_llama3_is_the_reference),
        cmocka_unit_test(tiny_qwen2_is_the_reference),
        cmocka_unit_test(the_demo_model_in_float_is_the_reference),
        cmocka_unit_test(the_demo_model_as_it_comes_is_close),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
