/* A model whose layers go partly to libllama alone, as an attention that our backend refuses would: the same pass measures both kinds.
 * No layer of the models we know is refused while its neighbours are taken, so the test answers in place of the backend (linked with
 * --wrap). */

#include "testing.h"

#include <ggml.h>

#include "llm/cpu/backend_internal.h"
#include "llm/tap_internal.h"
#include "tiny_gguf.h"

enum { LAYERS = 4, SHORT = 65, LONG = SAL_TAP_MICRO_BATCH + 1 };

static unsigned refused; /* bit l: layer l is libllama's */

/* The linker's names. */
bool __real_sal_cpu_takes_attention(const struct ggml_tensor *node);
bool __wrap_sal_cpu_takes_attention(const struct ggml_tensor *node);

bool __wrap_sal_cpu_takes_attention(const struct ggml_tensor *node) {
    const struct ggml_tensor *k = node->src[1];
    const int layer =
        k == NULL ? -1 : sal_layer_of_name(k->view_src != NULL ? k->view_src->name : k->name);
    return __real_sal_cpu_takes_attention(node) && (layer < 0 || (refused >> layer & 1) == 0);
}

typedef struct fixture {
    char folder[64];
    sal_model *model;
    int32_t tokens[LONG];
} fixture;

static int set_up(void **state) {
    static fixture f;
    sal_error err = {0};
    char path[128];
    tiny_gguf tiny = tiny_gguf_default("llama");
    make_scratch_folder(f.folder);
    snprintf(path, sizeof path, "%s/model.gguf", f.folder);
    tiny.layers = LAYERS;
    tiny_gguf_write(&tiny, path);
    assert_ok(sal_model_open(path, &(sal_model_options){.threads = 2, .compute = SAL_COMPUTE_F32},
                             &f.model, &err));
    for (int i = 0; i < LONG; i++)
        f.tokens[i] = (i * 37 + i * i % 11) % 250;
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_model_close(f->model);
    remove_scratch_folder(f->folder);
    return 0;
}

static sal_tap *open_tap(const fixture *f, unsigned layers) {
    sal_error err = {0};
    sal_tap *tap = NULL;
    refused = layers;
    assert_ok(sal_tap_open(f->model, &(sal_tap_options){.threads = 2}, &tap, &err));
    return tap;
}

static sal_tap_result run(sal_tap *tap, const fixture *f, size_t count) {
    sal_error err = {0};
    sal_tap_result result = {0};
    const sal_tap_request request = {.tokens = f->tokens,
                                     .token_count = count,
                                     .received = true,
                                     .norm = true,
                                     .hidden = true,
                                     .last_layer = -1};
    assert_ok(sal_tap_run(tap, &request, &result, NULL, &err));
    return result;
}

static void compare(const sal_tap_result *a, const sal_tap_result *b, double relative) {
    assert_int_equal(a->non_finite, 0);
    for (size_t i = 0; i < a->L * a->H * a->T; i++) {
        assert_close((double)a->received[i], (double)b->received[i], relative, relative * 1e-2);
        assert_close((double)a->norm[i], (double)b->norm[i], relative, relative * 1e-2);
    }
    for (size_t i = 0; i < (a->L + 1) * a->P * a->D; i++)
        assert_close((double)a->hidden[i], (double)b->hidden[i], relative, relative);
}

static void each_head_sums_to_its_queries(const sal_tap_result *r) {
    for (size_t head = 0; head < r->L * r->H; head++) {
        double sum = 0;
        for (size_t j = 0; j < r->T; j++)
            sum += (double)r->received[head * r->T + j];
        assert_close(sum, (double)r->T, 1e-5, 0);
    }
}

static void layers_of_both_kinds_are_measured_in_one_pass(void **state) {
    const fixture *f = *state;
    static const size_t lengths[] = {SHORT, LONG};
    static const unsigned layers[] = {1, 2, 8, 5, 15}; /* the first, one between, the last, ... */
    for (int l = 0; l < 2; l++) {
        sal_tap *ours = open_tap(f, 0);
        sal_tap_result all = run(ours, f, lengths[l]);
        sal_tap_close(ours);
        each_head_sums_to_its_queries(&all);
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
            sal_tap *tap = open_tap(f, layers[i]);
            sal_tap_result partly = run(tap, f, lengths[l]);
            const int taken = LAYERS - __builtin_popcount(layers[i]);
            assert_int_equal(sal_cpu_count(tap->cpu).attentions, taken * (l + 1)); /* each batch */
            each_head_sums_to_its_queries(&partly);
            compare(&partly, &all, 2e-2);
            sal_tap_result_free(&partly);
            sal_tap_close(tap);
        }
        sal_tap_result_free(&all);
    }
}

static void the_next_text_is_as_in_a_fresh_context(void **state) {
    const fixture *f = *state;
    sal_tap *used = open_tap(f, 2), *fresh = open_tap(f, 2);
    sal_tap_result first = run(used, f, LONG), second = run(used, f, SHORT),
                   alone = run(fresh, f, SHORT);
    compare(&second, &alone, 0);
    sal_tap_result_free(&first);
    sal_tap_result_free(&second);
    sal_tap_result_free(&alone);
    sal_tap_close(used);
    sal_tap_close(fresh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_both_kinds_are_measured_in_one_pass),
        cmocka_unit_test(the_next_text_is_as_in_a_fresh_context),
    };
    sal_error err = {0};
    if (sal_cpu_register(&err) != SAL_OK) {
        printf("1..0 # without our backend: %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
