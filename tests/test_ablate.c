/* Scoring a continuation while heads are taken out, on models the test writes itself. The stage over a study: tests/cli/heads.bats. */
#include "salient/ablate.h"

#include "testing.h"
#include "tiny_gguf.h"

enum { T = 40, FROM = 25 };

typedef struct fixture {
    char folder[64];
    sal_model *models[2]; /* llama, qwen2 */
    int32_t tokens[T];
} fixture;

static int set_up(void **state) {
    static const char *const architectures[2] = {"llama", "qwen2"};
    fixture *f = calloc(1, sizeof *f);
    make_scratch_folder(f->folder);
    for (int i = 0; i < 2; i++) {
        sal_error err = {0};
        char path[100];
        const sal_model_options options = {.threads = 2};
        const tiny_gguf tiny = tiny_gguf_default(architectures[i]);
        snprintf(path, sizeof path, "%s/%s.gguf", f->folder, architectures[i]);
        tiny_gguf_write(&tiny, path);
        assert_ok(sal_model_open(path, &options, &f->models[i], &err));
    }
    for (int i = 0; i < T; i++)
        f->tokens[i] = (i * 37 + 11) % 200;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 2; i++)
        sal_model_close(f->models[i]);
    remove_scratch_folder(f->folder);
    free(f);
    return 0;
}

static sal_scorer *open_scorer(sal_model *model) {
    sal_error err = {0};
    sal_scorer *scorer = NULL;
    assert_ok(sal_scorer_open(model, &scorer, &err));
    return scorer;
}

static double score(sal_scorer *scorer, const int32_t *tokens, size_t count, size_t from,
                    const sal_head_place *heads, size_t head_count, sal_head_edit how) {
    sal_error err = {0};
    double log_likelihood = NAN;
    assert_ok(sal_scorer_run(scorer, tokens, count, from, heads, head_count, how, &log_likelihood,
                             NULL, &err));
    assert_true(log_likelihood <= 0);
    return log_likelihood;
}

static void likelihoods_add_up_along_the_text(void **state) {
    const fixture *f = *state;
    for (int m = 0; m < 2; m++) {
        sal_scorer *scorer = open_scorer(f->models[m]);
        double whole = score(scorer, f->tokens, T, FROM, NULL, 0, SAL_EDIT_ZERO);
        double first = score(scorer, f->tokens, 32, FROM, NULL, 0, SAL_EDIT_ZERO);
        double rest = score(scorer, f->tokens, T, 32, NULL, 0, SAL_EDIT_ZERO);
        assert_close(first + rest, whole, 1e-3, 0); /* keys are halves */
        assert_close(score(scorer, f->tokens, T, FROM, NULL, 0, SAL_EDIT_MEAN), whole, 0, 0);
        sal_scorer_close(scorer);
    }
}

/* The chances of all next tokens sum to 1. */
static void the_next_token_is_one_of_the_vocabulary(void **state) {
    const fixture *f = *state;
    sal_scorer *scorer = open_scorer(f->models[0]);
    int32_t tokens[5];
    double sum = 0;
    memcpy(tokens, f->tokens, sizeof tokens);
    for (int v = 0; v < sal_model_describe(f->models[0])->vocabulary; v++) {
        tokens[4] = v;
        sum += exp(score(scorer, tokens, 5, 4, NULL, 0, SAL_EDIT_ZERO));
    }
    assert_close(sum, 1, 1e-5, 0);
    sal_scorer_close(scorer);
}

static void a_head_taken_out_changes_what_the_model_thinks(void **state) {
    const fixture *f = *state;
    const sal_head_place one[] = {{1, 2}}, twice[] = {{1, 2}, {1, 2}}, other[] = {{0, 3}};
    for (int m = 0; m < 2; m++) {
        sal_scorer *scorer = open_scorer(f->models[m]);
        double whole = score(scorer, f->tokens, T, FROM, NULL, 0, SAL_EDIT_ZERO);
        double zero = score(scorer, f->tokens, T, FROM, one, 1, SAL_EDIT_ZERO);
        double mean = score(scorer, f->tokens, T, FROM, one, 1, SAL_EDIT_MEAN);
        double elsewhere = score(scorer, f->tokens, T, FROM, other, 1, SAL_EDIT_ZERO);
        assert_true(fabs(zero - whole) > 1e-6 && fabs(mean - whole) > 1e-6);
        assert_true(fabs(zero - mean) > 1e-6 && fabs(zero - elsewhere) > 1e-6);
        assert_close(score(scorer, f->tokens, T, FROM, twice, 2, SAL_EDIT_ZERO), zero, 1e-12, 0);
        assert_close(score(scorer, f->tokens, T, FROM, NULL, 0, SAL_EDIT_ZERO), whole, 1e-12, 0);
        sal_scorer_close(scorer);
    }
}

/* ---- generating ------------------------------------------------------------------------------------------------------------- */

enum { NEW = 3 };

static sal_engine *open_editable(sal_model *model) {
    sal_error err = {0};
    sal_engine *engine = NULL;
    const sal_engine_options options = {
        .sequences = 2, .editable = true, .ignore_end = true, .sampling = {0, 1, 0, 1}};
    assert_ok(sal_engine_open(model, &options, &engine, &err));
    return engine;
}

/* Two sequences with a common prefix; out [2,NEW] */
static void generate(sal_engine *engine, const int32_t *tokens, int32_t *out) {
    sal_error err = {0};
    int32_t other[T];
    memcpy(other, tokens, sizeof other);
    other[T - 1] = 3;
    sal_span spans[T] = {{0, 0}};
    int32_t *ids[2] = {(int32_t *)(uintptr_t)tokens, other};
    sal_prompt prompts[2];
    sal_generate_request requests[2];
    sal_generate_result results[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        prompts[i] = (sal_prompt){.tokens = {ids[i], spans, T}};
        requests[i] = (sal_generate_request){.prompt = &prompts[i], .max_tokens = NEW};
    }
    assert_ok(sal_engine_generate(engine, requests, 2, results, NULL, NULL, &err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(results[i].token_count, NEW);
        memcpy(out + i * NEW, results[i].tokens, NEW * sizeof *out);
        sal_generate_result_free(&results[i]);
    }
}

/* Without temperature each new token is the likeliest, as the scorer sees it with the same heads out. */
static void an_edited_engine_generates_what_the_scorer_expects(void **state) {
    const fixture *f = *state;
    const sal_head_place heads[] = {{0, 1}, {1, 0}, {1, 2}, {1, 3}};
    for (int m = 0; m < 2; m++) {
        sal_error err = {0};
        int32_t whole[2 * NEW], edited[2 * NEW], again[2 * NEW], tokens[T + NEW];
        sal_engine *engine = open_editable(f->models[m]);
        sal_scorer *scorer = open_scorer(f->models[m]);
        generate(engine, f->tokens, whole);
        assert_ok(sal_engine_edit(engine, heads, 4, NULL, 0, &err));
        generate(engine, f->tokens, edited);
        assert_memory_not_equal(whole, edited, sizeof whole);
        for (int sequence = 0; sequence < 2; sequence++) {
            memcpy(tokens, f->tokens, sizeof f->tokens);
            tokens[T - 1] = sequence == 0 ? f->tokens[T - 1] : 3;
            for (size_t n = 0; n < NEW; n++) {
                const int32_t drawn = edited[sequence * NEW + (int)n];
                tokens[T + n] = drawn;
                const double best =
                    score(scorer, tokens, T + n + 1, T + n, heads, 4, SAL_EDIT_ZERO);
                for (int v = 0; v < sal_model_describe(f->models[m])->vocabulary; v += 7) {
                    tokens[T + n] = v;
                    assert_true(score(scorer, tokens, T + n + 1, T + n, heads, 4, SAL_EDIT_ZERO) <=
                                best + 1e-3);
                }
                tokens[T + n] = drawn;
            }
        }
        assert_ok(sal_engine_edit(engine, NULL, 0, NULL, 0, &err));
        generate(engine, f->tokens, again);
        assert_memory_equal(again, whole, sizeof whole);
        sal_scorer_close(scorer);
        sal_engine_close(engine);
    }
}

/* What the scorer put in place of heads can be put in place of them again. */
static void means_of_heads_are_kept_and_taken(void **state) {
    const fixture *f = *state;
    const sal_head_place heads[] = {{0, 1}, {1, 0}, {1, 2}, {1, 3}}, beyond[] = {{0, 4}};
    sal_error err = {0};
    size_t width = 0;
    int32_t zero[2 * NEW], zeros[2 * NEW], mean[2 * NEW];
    float none[4 * 16] = {0};
    sal_scorer *scorer = open_scorer(f->models[0]);
    sal_engine *engine = open_editable(f->models[0]);
    (void)score(scorer, f->tokens, T, FROM, heads, 4, SAL_EDIT_ZERO);
    assert_null(sal_scorer_means(scorer, &width));
    (void)score(scorer, f->tokens, T, FROM, heads, 4, SAL_EDIT_MEAN);
    const float *means = sal_scorer_means(scorer, &width);
    assert_non_null(means);
    assert_int_equal(width, 16);
    double size = 0;
    for (int i = 0; i < 64; i++)
        size += fabs((double)means[i]);
    assert_true(size > 1e-3);
    assert_ok(sal_engine_edit(engine, heads, 4, NULL, 0, &err));
    generate(engine, f->tokens, zero);
    assert_ok(sal_engine_edit(engine, heads, 4, none, 16, &err));
    generate(engine, f->tokens, zeros);
    assert_memory_equal(zero, zeros, sizeof zero);
    assert_ok(sal_engine_edit(engine, heads, 4, means, width, &err));
    generate(engine, f->tokens, mean);
    assert_memory_not_equal(zero, mean, sizeof zero);
    assert_int_equal(sal_engine_edit(engine, beyond, 1, NULL, 0, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "head 4 of layer 0; the model has 2 layers of 4 heads"));
    sal_engine_close(engine);
    const sal_engine_options plain = {.sequences = 1, .sampling = {0, 1, 0, 1}};
    assert_ok(sal_engine_open(f->models[0], &plain, &engine, &err));
    assert_int_equal(sal_engine_edit(engine, heads, 4, NULL, 0, &err), SAL_EINVAL);
    sal_engine_close(engine);
    sal_scorer_close(scorer);
}

static void what_is_wrong_is_told(void **state) {
    const fixture *f = *state;
    const sal_head_place beyond[] = {{2, 0}}, negative[] = {{0, -1}};
    sal_scorer *scorer = open_scorer(f->models[0]);
    int32_t unknown[2] = {0, 1 << 20};
    int32_t *long_text = calloc(2000, sizeof *long_text);
    double value = 0;
    sal_error err = {0};
    assert_int_equal(
        sal_scorer_run(scorer, f->tokens, T, FROM, beyond, 1, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_EINVAL);
    assert_non_null(strstr(err.text, "head 0 of layer 2; the model has 2 layers of 4 heads"));
    assert_int_equal(
        sal_scorer_run(scorer, f->tokens, T, FROM, negative, 1, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_EINVAL);
    assert_int_equal(
        sal_scorer_run(scorer, f->tokens, T, T, NULL, 0, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_EINVAL);
    assert_int_equal(
        sal_scorer_run(scorer, f->tokens, T, 0, NULL, 0, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_EINVAL);
    assert_int_equal(
        sal_scorer_run(scorer, unknown, 2, 1, NULL, 0, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_EINVAL);
    assert_int_equal(
        sal_scorer_run(scorer, long_text, 2000, 1, NULL, 0, SAL_EDIT_ZERO, &value, NULL, &err),
        SAL_ELIMIT);
    free(long_text);
    sal_scorer_close(scorer);
    sal_scorer_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods_add_up_along_the_text),
        cmocka_unit_test(the_next_token_is_one_of_the_vocabulary),
        cmocka_unit_test(a_head_taken_out_changes_what_the_model_thinks),
        cmocka_unit_test(an_edited_engine_generates_what_the_scorer_expects),
        cmocka_unit_test(means_of_heads_are_kept_and_taken),
        cmocka_unit_test(what_is_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
