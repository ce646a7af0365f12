/* States of words: the same numbers as a tap of the whole prompt pooled by hand, in files that are whole or absent, equal whatever was
 * interrupted. On a tiny model that the test writes. */
#include "testing.h"

#include <unistd.h>

#include "io/half.h"
#include "salient/file.h"
#include "salient/states.h"
#include "salient/tap.h"
#include "states/states_internal.h"
#include "test_study_sample.h"
#include "tiny_gguf.h"

static const char *const texts[] = {"The boat left the harbour. The crew sang, and the boat sank.",
                                    "A storm came over the lake at noon.", "Fish. Fish. Fish!"};
enum { DOCUMENTS = 3 };

typedef struct fixture {
    char folder[64];
    char study[160];
    char model[160];
} fixture;

static int set_up(void **state) {
    static fixture made;
    const tiny_gguf shape = tiny_gguf_default("llama");
    make_scratch_folder(made.folder);
    (void)below(made.folder, "study", made.study);
    (void)below(made.folder, "tiny.gguf", made.model);
    tiny_gguf_write(&shape, made.model);
    sal_study *study = open_study(made.study, SAL_STUDY_CREATE);
    const int64_t by = add_summarizer(study, "lead", "lead", "{}");
    for (int d = 0; d < DOCUMENTS; d++) {
        char id[8];
        snprintf(id, sizeof id, "d%d", d);
        const int64_t key = add_document(study, "news", id, texts[d], NULL);
        if (d < 2)
            add_summary(study, key, by, 10, SAL_STATUS_OK, "The zebra boat sank.");
    }
    close_study(study);
    *state = &made;
    return 0;
}

static int tear_down(void **state) {
    const fixture *made = *state;
    remove_scratch_folder(made->folder);
    return 0;
}

static sal_states_options options_of(const fixture *made) {
    sal_states_options options = sal_states_defaults();
    options.model = made->model;
    options.dtype = SAL_F32;
    options.model_options.threads = 1;
    return options;
}

static sal_tally run(const fixture *made, const sal_states_options *options) {
    sal_error err = {0};
    sal_tally tally = {0};
    sal_study *study = open_study(made->study, SAL_STUDY_WRITE);
    assert_ok(sal_states_run(study, options, NULL, &tally, &err));
    close_study(study);
    return tally;
}

static int64_t newest_set(const fixture *made) {
    sal_error err = {0};
    sal_state_set_list *sets = NULL;
    int64_t newest = 0;
    sal_study *study = open_study(made->study, SAL_STUDY_READ);
    assert_ok(sal_study_list_state_sets(study, &sets, &err));
    for (size_t i = 0; i < sets->count; i++)
        newest = sets->items[i].key > newest ? sets->items[i].key : newest;
    sal_state_set_list_free(sets);
    close_study(study);
    return newest;
}

/* The file of a document (by import order) in a set. */
static sal_safetensors *open_unit_of(const fixture *made, int64_t set, int document) {
    sal_error err = {0};
    sal_state_unit unit;
    sal_safetensors *file = NULL;
    char path[600];
    sal_study *study = open_study(made->study, SAL_STUDY_READ);
    assert_ok(sal_study_get_state_unit(study, set, document + 1, &unit, &err));
    assert_string_not_equal(unit.inputs, "");
    snprintf(path, sizeof path, "%.200s/%s", made->study, unit.file);
    assert_ok(sal_safetensors_open(path, &file, &err));
    close_study(study);
    return file;
}

static sal_safetensors *open_unit(const fixture *made, int document) {
    return open_unit_of(made, newest_set(made), document);
}

static void *read_all(const sal_safetensors *file, const char *name, size_t *count,
                      const sal_tensor **tensor) {
    sal_error err = {0};
    assert_ok(sal_safetensors_find(file, name, tensor, &err));
    assert_ok(sal_tensor_count(*tensor, count, &err));
    void *data = sal_calloc(*count + 1, sal_dtype_bytes((*tensor)->dtype));
    assert_non_null(data);
    assert_ok(sal_safetensors_read(file, *tensor, 0, *count, data, &err));
    return data;
}

/* States of a whole prompt, all tokens. */
typedef struct whole {
    sal_prompt prompt;
    sal_tap_result result;
} whole;

static whole tap_whole(const fixture *made, const char *text) {
    sal_error err = {0};
    sal_model *model = NULL;
    sal_tap *tap = NULL;
    whole all = {0};
    char user[400];
    const sal_model_options options = {.threads = 1};
    snprintf(user, sizeof user, "Please summarize the following news article:\n\n%s", text);
    assert_ok(sal_model_open(made->model, &options, &model, &err));
    assert_ok(sal_model_chat_prompt(model, NULL, "You are a helpful assistant.", user, &all.prompt,
                                    &err));
    assert_ok(sal_tap_open(model, &(sal_tap_options){.threads = 1}, &tap, &err));
    const sal_tap_request request = {.tokens = all.prompt.tokens.ids,
                                     .token_count = all.prompt.tokens.count,
                                     .hidden = true,
                                     .last_layer = -1};
    assert_ok(sal_tap_run(tap, &request, &all.result, NULL, &err));
    sal_tap_close(tap);
    sal_model_close(model);
    return all;
}

/* "boat" occurs twice in the first document: each occurrence is the mean of its tokens. */
static void states_are_means_over_occurrences(void **state) {
    const fixture *made = *state;
    sal_states_options options = options_of(made);
    const sal_tally tally = run(made, &options);
    assert_int_equal(tally.done, DOCUMENTS);
    sal_safetensors *file = open_unit(made, 0);
    size_t count = 0;
    const sal_tensor *tensor = NULL;
    char *words = read_all(file, "words", &count, &tensor);
    assert_string_equal(words, "the\nboat\nleft\nharbour\ncrew\nsang\nand\nsank\n");
    int32_t *frequency = read_all(file, "frequency", &count, &tensor);
    assert_int_equal(frequency[0], 4);
    assert_int_equal(frequency[1], 2);
    float *states = read_all(file, "states", &count, &tensor);
    whole all = tap_whole(made, texts[0]);
    const size_t L = all.result.L, T = all.result.T, D = all.result.D;
    assert_int_equal(tensor->shape[0], L + 1);
    assert_int_equal(tensor->shape[1], 8);
    assert_int_equal(tensor->shape[2], D);
    const char *document = strstr(all.prompt.text, texts[0]);
    const size_t origin = (size_t)(document - all.prompt.text);
    const size_t starts[2] = {origin + 4,
                              origin + (size_t)(strstr(texts[0] + 8, "boat") - texts[0])};
    for (size_t l = 0; l <= L; l++)
        for (size_t d = 0; d < D; d++) {
            double value = 0;
            for (int o = 0; o < 2; o++) {
                double sum = 0, tokens = 0;
                for (size_t t = 0; t < T; t++) {
                    const sal_span span = all.prompt.tokens.spans[t];
                    if (span.start < starts[o] + 4 && span.end > starts[o]) {
                        sum += (double)all.result.hidden[(l * T + t) * D + d];
                        tokens++;
                    }
                }
                assert_true(tokens > 0);
                value += sum / tokens / 2;
            }
            assert_close((double)states[(l * 8 + 1) * D + d], value, 1e-4, 1e-5);
        }
    sal_free(words);
    sal_free(frequency);
    sal_free(states);
    sal_prompt_free(&all.prompt);
    sal_tap_result_free(&all.result);
    sal_safetensors_close(file);
}

static void nothing_is_computed_twice(void **state) {
    const fixture *made = *state;
    sal_states_options options = options_of(made);
    const sal_tally tally = run(made, &options);
    assert_int_equal(tally.done, 0);
    assert_int_equal(tally.kept, DOCUMENTS);
}

/* Strict words are the document's; the paper's sequence holds the template and the summary too ("zebra" is in it alone). */
static void the_paper_sees_the_summary_and_strict_does_not(void **state) {
    const fixture *made = *state;
    sal_states_options options = options_of(made);
    size_t count = 0;
    const sal_tensor *tensor = NULL;
    options.protocol = SAL_PAPER;
    options.by = "lead";
    const sal_tally tally = run(made, &options);
    assert_int_equal(tally.done, 2);
    assert_int_equal(tally.failed, 1); /* the third document has no summary */
    sal_safetensors *file = open_unit(made, 0);
    char *words = read_all(file, "words", &count, &tensor);
    assert_non_null(strstr(words, "zebra\n"));
    assert_non_null(strstr(words, "helpful\n"));
    assert_non_null(strstr(words, "harbour\n"));
    sal_free(words);
    sal_safetensors_close(file);
}

static void layers_poolings_and_halves(void **state) {
    const fixture *made = *state;
    sal_states_options options = options_of(made);
    size_t count = 0;
    const sal_tensor *tensor = NULL;
    options.layers = "0,2";
    options.pooling = SAL_POOLING_FIRST;
    (void)run(made, &options);
    sal_safetensors *file = open_unit(made, 2);
    float *first = read_all(file, "states", &count, &tensor);
    assert_int_equal(tensor->shape[0], 2);
    sal_safetensors_close(file);
    options.dtype = SAL_F16;
    (void)run(made, &options);
    file = open_unit(made, 2);
    uint16_t *halves = read_all(file, "states", &count, &tensor);
    for (size_t i = 0; i < count; i++) {
        float value = 0;
        sal_half_to_floats(&halves[i], 1, &value);
        assert_close((double)value, (double)first[i], 5e-4, 1e-7);
    }
    sal_safetensors_close(file);
    options.pooling = SAL_POOLING_LAST;
    options.dtype = SAL_F32;
    (void)run(made, &options);
    file = open_unit(made, 2);
    float *last = read_all(file, "states", &count, &tensor);
    /* state 0 is the embedding: the same at every place but for the token that begins a text; state 2 has seen what came before */
    assert_true(memcmp(first + count / 2, last + count / 2, count / 2 * sizeof *last) != 0);
    sal_safetensors_close(file);
    sal_free(first);
    sal_free(halves);
    sal_free(last);
}

/* Rows come some at a time: also in the middle of an occurrence, and where a word is between two occurrences of another. */
static void pooling_does_not_depend_on_how_rows_come(void **state) {
    enum { P = 9, D = 3, W = 2 };
    state_occurrence occurrences[] = {{.word = 0, .from = 0, .to = 3, .first = true},
                                      {.word = 1, .from = 2, .to = 4, .first = true, .last = true},
                                      {.word = 0, .from = 5, .to = 9, .last = true}};
    int32_t frequency[W] = {2, 1};
    const state_words words = {
        .frequency = frequency, .count = W, .occurrences = occurrences, .occurrence_count = 3};
    float rows[P * D], pooled[W * D];
    (void)state;
    for (int i = 0; i < P * D; i++)
        rows[i] = (float)(i * 7 % 11) - 5;
    for (int pooling = 0; pooling < SAL_POOLINGS; pooling++)
        for (size_t step = 1; step <= P; step++) {
            memset(pooled, 0, sizeof pooled);
            for (size_t p = 0; p < P; p += step)
                state_words_pool(&words, (sal_pooling)pooling, p, P - p < step ? P - p : step,
                                 rows + p * D, D, pooled);
            for (size_t d = 0; d < D; d++) {
                double first = 0, second = 0, most = -9;
                for (size_t p = 0; p < P; p++) {
                    const double x = (double)rows[p * D + d];
                    first += p < 3 ? x / 3 : 0;
                    second += p > 4 ? x / 4 : 0;
                    most = (p < 3 || p > 4) && x > most ? x : most;
                }
                const double expected[] = {(first + second) / 2, first, second, most};
                assert_close((double)pooled[d], expected[pooling], 1e-6, 1e-6);
                const double a = (double)rows[2 * D + d], b = (double)rows[3 * D + d];
                assert_close((double)pooled[D + d],
                             pooling == SAL_POOLING_MAX ? fmax(a, b) : (a + b) / 2, 1e-6, 1e-6);
            }
        }
}

static void random_copies_are_controls_and_leave_no_model(void **state) {
    const fixture *made = *state;
    const uint64_t seeds[] = {1, 2};
    sal_error err = {0};
    sal_states_options options = options_of(made);
    sal_state_set_list *sets = NULL;
    int random = 0;
    char path[400];
    options.random_seeds = seeds;
    options.random_count = 2;
    sal_tally tally = run(made, &options);
    assert_int_equal(tally.done, 2 * DOCUMENTS);
    options.keep_embeddings = true;
    options.random_count = 1;
    tally = run(made, &options);
    assert_int_equal(tally.done, DOCUMENTS);
    sal_study *study = open_study(made->study, SAL_STUDY_READ);
    assert_ok(sal_study_list_state_sets(study, &sets, &err));
    assert_string_equal(sets->items[0].weights, "trained");
    for (size_t i = 0; i < sets->count; i++) {
        random += strcmp(sets->items[i].weights, "random") == 0;
        assert_string_equal(sets->items[i].digest, sets->items[0].digest);
    }
    assert_int_equal(random, 2);
    sal_state_set_list_free(sets);
    close_study(study);
    snprintf(path, sizeof path, "%s/states/copy-1.gguf", made->study);
    assert_int_equal(access(path, F_OK), -1);
    /* embeddings kept: state 0 is the trained model's, the others are not; with all weights random neither is */
    size_t count = 0, same[2] = {0};
    const sal_tensor *tensor = NULL;
    float *states[3];
    size_t row = 0;
    const int64_t keys[] = {1, newest_set(made), newest_set(made) - 1};
    for (int k = 0; k < 3; k++) {
        sal_safetensors *file = open_unit_of(made, keys[k], 0);
        states[k] = read_all(file, "states", &count, &tensor);
        row = tensor->shape[1] * tensor->shape[2];
        sal_safetensors_close(file);
    }
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < count; i++)
            same[k] += states[1 + k][i] == states[0][i];
    assert_memory_equal(states[0], states[1], row * sizeof(float));
    assert_true(same[0] < row + row / 10);
    assert_true(same[1] < row / 10);
    for (int k = 0; k < 3; k++)
        sal_free(states[k]);
}

/* ---- interruption ------------------------------------------------------------------------------------------------- */

static bool after_one(void *context) {
    int *left = context;
    return (*left)-- <= 0;
}

static void digest_of_unit(const fixture *made, const char *study_path, int document,
                           char digest[65]) {
    sal_error err = {0};
    sal_state_unit unit;
    char path[600];
    (void)made;
    sal_study *study = open_study(study_path, SAL_STUDY_READ);
    assert_ok(sal_study_get_state_unit(study, 1, document + 1, &unit, &err));
    snprintf(path, sizeof path, "%.200s/%s", study_path, unit.file);
    assert_ok(sal_sha256_file(path, digest, &err));
    close_study(study);
}

static void an_interrupted_run_ends_with_the_same_files(void **state) {
    const fixture *made = *state;
    char paths[2][160], digests[2][65];
    for (int way = 0; way < 2; way++) {
        sal_error err = {0};
        sal_tally tally = {0};
        sal_states_options options = options_of(made);
        (void)below(made->folder, way == 0 ? "whole" : "broken", paths[way]);
        sal_study *study = open_study(paths[way], SAL_STUDY_CREATE);
        for (int d = 0; d < DOCUMENTS; d++) {
            char id[8];
            snprintf(id, sizeof id, "d%d", d);
            (void)add_document(study, "news", id, texts[d], NULL);
        }
        if (way == 1) {
            int left = 1;
            const sal_progress stop = {.cancelled = after_one, .context = &left};
            assert_int_equal(sal_states_run(study, &options, &stop, &tally, &err), SAL_ECANCELLED);
            assert_true(tally.done < DOCUMENTS);
        }
        assert_ok(sal_states_run(study, &options, NULL, &tally, &err));
        assert_int_equal(tally.done, DOCUMENTS);
        close_study(study);
    }
    for (int d = 0; d < DOCUMENTS; d++) {
        for (int way = 0; way < 2; way++)
            digest_of_unit(made, paths[way], d, digests[way]);
        assert_string_equal(digests[0], digests[1]);
    }
}

static void a_removed_file_is_made_again(void **state) {
    const fixture *made = *state;
    char path[160], file[600];
    sal_error err = {0};
    sal_state_unit unit;
    sal_tally tally = {0};
    const sal_states_options options = options_of(made);
    sal_study *study = open_study(below(made->folder, "whole", path), SAL_STUDY_WRITE);
    assert_ok(sal_study_get_state_unit(study, 1, 2, &unit, &err));
    snprintf(file, sizeof file, "%.200s/%s", path, unit.file);
    assert_int_equal(unlink(file), 0);
    assert_ok(sal_states_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 1);
    assert_int_equal(access(file, R_OK), 0);
    close_study(study);
}

static void what_is_wrong_is_said(void **state) {
    const fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    sal_states_options options = options_of(made);
    sal_study *study = open_study(made->study, SAL_STUDY_WRITE);
    options.layers = "0,9";
    assert_int_equal(sal_states_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    assert_string_equal(err.text, "--layers 0,9: the model has states 0 to 2");
    options.layers = "2,1";
    assert_int_equal(sal_states_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    options.layers = "some";
    assert_int_equal(sal_states_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    options.layers = "all";
    options.protocol = SAL_PAPER;
    assert_int_equal(sal_states_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "--by: lead"));
    close_study(study);
}

static void halves_round_to_even_and_do_not_overflow(void **state) {
    static const struct {
        float value;
        uint16_t half;
    } cases[] = {
        {0, 0},          {1, 0x3c00},       {-2, 0xc000},           {65504, 0x7bff},
        {1e9f, 0x7bff},  {-1e9f, 0xfbff},   {0x1p-24f, 1},          {0x1p-25f, 0},
        {0x1.8p-24f, 2}, {0x1p-14f, 0x400}, {1 + 0x1p-11f, 0x3c00}, {1 + 0x1.8p-10f, 0x3c02}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint16_t half = 0;
        sal_half_from_floats(&cases[i].value, 1, &half);
        assert_int_equal(half, cases[i].half);
    }
    for (uint32_t h = 0; h < 0x10000; h++) {
        const uint16_t half = (uint16_t)h;
        uint16_t back = 0;
        float value = 0;
        sal_half_to_floats(&half, 1, &value);
        sal_half_from_floats(&value, 1, &back);
        if (isfinite(value))
            assert_int_equal(back, half);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_means_over_occurrences),
        cmocka_unit_test(nothing_is_computed_twice),
        cmocka_unit_test(the_paper_sees_the_summary_and_strict_does_not),
        cmocka_unit_test(layers_poolings_and_halves),
        cmocka_unit_test(pooling_does_not_depend_on_how_rows_come),
        cmocka_unit_test(random_copies_are_controls_and_leave_no_model),
        cmocka_unit_test(an_interrupted_run_ends_with_the_same_files),
        cmocka_unit_test(a_removed_file_is_made_again),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(halves_round_to_even_and_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
