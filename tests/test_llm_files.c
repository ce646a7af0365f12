/* Model files: what is read from them, parts of a split, and files that are none, cut off or hostile: errors that name the file. */

#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "salient/file.h"
#include "salient/model.h"
#include "salient/random.h"
#include "tiny_gguf.h"

enum { HEADER_BYTES = 6500, MUTATIONS = 600 };

typedef struct fixture {
    char folder[64];
    char model[128];
} fixture;

static int set_up(void **state) {
    static fixture f;
    tiny_gguf model = tiny_gguf_default("llama");
    make_scratch_folder(f.folder);
    snprintf(f.model, sizeof f.model, "%s/tiny.gguf", f.folder);
    tiny_gguf_write(&model, f.model);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    remove_scratch_folder(f->folder);
    return 0;
}

static void write_bytes(const char *path, const char *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* ---- what is read -------------------------------------------------------------------------------- */

static void check_description(const char *path, bool vocabulary_only, int parameters) {
    sal_error err = {0};
    sal_model *model = NULL;
    assert_ok(sal_model_open(path, &(sal_model_options){.vocabulary_only = vocabulary_only}, &model,
                             &err));
    const sal_model_info *info = sal_model_describe(model);
    assert_string_equal(info->path, path);
    assert_string_equal(info->name, "tiny");
    assert_int_equal(info->layers, 2);
    assert_int_equal(info->heads, 4);
    assert_int_equal(info->heads_kv, 2);
    assert_int_equal(info->width, 64);
    assert_int_equal(info->vocabulary, 273);
    assert_int_equal(info->context_trained, 1024);
    assert_int_equal(info->parameters, parameters);
    assert_int_equal(info->bytes, parameters * 4);
    assert_true(info->chat_template_known);
    assert_non_null(strstr(info->chat_template, "<|im_start|>"));
    sal_model_close(model);
}

static void a_model_is_described_with_and_without_its_weights(void **state) {
    const fixture *f = *state;
    check_description(f->model, false, 79232);
    check_description(f->model, true, 79232);
}

static void any_part_of_a_split_opens_the_whole(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    char prefix[128], path[192];
    char **files = NULL;
    size_t count = 0;
    tiny_gguf model = tiny_gguf_default("qwen2");
    model.parts = 3;
    snprintf(prefix, sizeof prefix, "%s/split", f->folder);
    tiny_gguf_write(&model, prefix);
    for (int part = 1; part <= 3; part++) {
        snprintf(path, sizeof path, "%s-%05d-of-00003.gguf", prefix, part);
        check_description(path, false, 79488);
        assert_ok(sal_model_files(path, &files, &count, &err));
        assert_int_equal(count, 3);
        assert_string_equal(files[part - 1], path);
        sal_strings_free(files, count);
    }
    assert_int_equal(remove(path), 0);
    sal_model *none = NULL;
    snprintf(path, sizeof path, "%s-00001-of-00003.gguf", prefix);
    assert_int_equal(sal_model_open(path, NULL, &none, &err), SAL_ENOTFOUND);
    assert_non_null(
        strstr(err.text, "split-00003-of-00003.gguf: part 3 of 3 of the model is not there"));
}

static void the_system_is_told_in_one_line(void **state) {
    (void)state;
    sal_error err = {0};
    sal_buffer text = {0};
    assert_ok(sal_model_system(&text, &err));
    assert_memory_equal(text.bytes, "libllama ", 9);
    assert_non_null(strstr(text.bytes, "backends CPU"));
    assert_null(strchr(text.bytes, '\n'));
    sal_buffer_free(&text);
}

/* ---- what is no model -------------------------------------------------------------------------------- */

static void files_that_are_no_model_are_named(void **state) {
    const fixture *f = *state;
    sal_model *model = NULL;
    char path[128], folder[128];
    const char *const contents[] = {"", "GG", "{\"text\": 1}", "GGUF"};
    const int codes[] = {SAL_EFORMAT, SAL_EFORMAT, SAL_EFORMAT, SAL_EFORMAT};
    for (size_t i = 0; i < 4; i++) {
        sal_error err = {0};
        snprintf(path, sizeof path, "%s/none-%zu.gguf", f->folder, i);
        write_bytes(path, contents[i], strlen(contents[i]));
        assert_int_equal(sal_model_open(path, NULL, &model, &err), codes[i]);
        assert_memory_equal(err.text, path, strlen(path));
    }
    sal_error err = {0};
    assert_int_equal(sal_model_open("/nonexistent/m.gguf", NULL, &model, &err), SAL_ENOTFOUND);
    assert_string_equal(err.text, "/nonexistent/m.gguf: no such file");
    snprintf(folder, sizeof folder, "%s/folder.gguf", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_not_equal(sal_model_open(folder, NULL, &model, &err), SAL_OK);
    assert_non_null(strstr(err.text, folder));
}

static void layers_on_an_accelerator_need_one(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_model *model = NULL;
    if (sal_model_open(f->model, &(sal_model_options){.gpu_layers = -1}, &model, &err) == SAL_OK)
        sal_model_close(model); /* a build that has one */
    else
        assert_string_equal(err.text, "layers on an accelerator are asked for, and libllama was "
                                      "built without one; use --gpu-layers 0");
}

static void a_file_cut_off_anywhere_is_an_error(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_buffer whole = {0};
    char path[128];
    assert_ok(sal_file_read_all(f->model, 10000000, &whole, &err));
    snprintf(path, sizeof path, "%s/cut.gguf", f->folder);
    for (size_t length = 0; length < whole.length; length += length < HEADER_BYTES ? 37 : 9973) {
        sal_model *model = NULL;
        write_bytes(path, whole.bytes, length);
        int status = sal_model_open(path, NULL, &model, &err);
        if (status != SAL_EFORMAT)
            fail_msg("cut at %zu: status %d, %s", length, status, err.text);
        assert_memory_equal(err.text, path, strlen(path));
    }
    sal_buffer_free(&whole);
}

/* libllama ends the process on some metadata; sal_model_open must find those first. Reaching the end is the test. */
static void damaged_headers_are_errors_or_models_that_run(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_buffer whole = {0};
    char path[128];
    int opened = 0, refused = 0;
    assert_ok(sal_file_read_all(f->model, 10000000, &whole, &err));
    snprintf(path, sizeof path, "%s/damaged.gguf", f->folder);
    for (uint64_t seed = 0; seed < MUTATIONS; seed++) {
        sal_model *model = NULL;
        sal_random random;
        char *copy = sal_copy_bytes(whole.bytes, whole.length);
        assert_non_null(copy);
        sal_random_seed(&random, seed);
        size_t range =
            seed % 2 == 0 ? 640 : HEADER_BYTES; /* the numbers, or all with the vocabulary */
        for (uint64_t i = 0; i <= seed % 3; i++)
            copy[sal_random_below(&random, range)] = (char)sal_random_next(&random);
        write_bytes(path, copy, whole.length);
        sal_free(copy);
        int status = sal_model_open(path, &(sal_model_options){.threads = 1}, &model, &err);
        opened += status == SAL_OK;
        refused += status == SAL_EFORMAT || status == SAL_EMODEL;
        sal_model_close(model);
    }
    assert_int_equal(opened + refused, MUTATIONS);
    assert_true(opened > MUTATIONS / 50 && refused > MUTATIONS / 10);
    sal_buffer_free(&whole);
}

/* ---- conversion ---------------------------------------------------------------------------------------- */

static void conversion_refuses_unknown_types_and_its_own_input(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    char out[128];
    snprintf(out, sizeof out, "%s/out.gguf", f->folder);
    assert_int_equal(sal_model_convert(f->model, out, "q9", 1, &err), SAL_EINVAL);
    assert_string_equal(err.text, "unknown type of weights 'q9'; known are f32, f16, bf16, q8_0, "
                                  "q6_k, q5_k_m, q5_1, q5_0, q4_k_m, q4_1, "
                                  "q4_0, q3_k_m, q2_k");
    assert_int_equal(sal_model_convert(f->model, f->model, "f16", 1, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "give another name"));
    assert_int_equal(sal_model_convert("/nonexistent/m.gguf", out, "f16", 1, &err), SAL_ENOTFOUND);
    assert_int_equal(sal_model_convert(f->model, "/nonexistent/out.gguf", "f16", 1, &err),
                     SAL_ENOTFOUND);
    assert_int_not_equal(access(out, F_OK), 0);
}

static void every_type_that_is_listed_converts_and_opens(void **state) {
    const fixture *f = *state;
    const char *const *types = sal_model_types();
    char wide[128], out[128];
    tiny_gguf model = tiny_gguf_default("llama");
    model.width = 256; /* the blocks of the k types */
    model.feed_forward = 256;
    snprintf(wide, sizeof wide, "%s/wide.gguf", f->folder);
    tiny_gguf_write(&model, wide);
    for (size_t i = 0; types[i] != NULL; i++) {
        sal_error err = {0};
        sal_model *converted = NULL;
        snprintf(out, sizeof out, "%s/%s.gguf", f->folder, types[i]);
        assert_ok(sal_model_convert(wide, out, types[i], 1, &err));
        assert_ok(sal_model_open(out, NULL, &converted, &err));
        assert_int_equal(sal_model_describe(converted)->width, 256);
        sal_model_close(converted);
    }
}

static void a_conversion_that_cannot_be_kept_leaves_nothing(void **state) {
    const fixture *f = *state;
    const sal_faulty_kind kinds[] = {SAL_FAULTY_SYNC, SAL_FAULTY_RENAME};
    char folder[128], out[192];
    snprintf(folder, sizeof folder, "%s/kept", f->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    for (size_t i = 0; i < 2; i++) {
        sal_error err = {0};
        sal_faulty_fail(kinds[i], 0);
        int status = sal_model_convert(f->model, out, "f16", 1, &err);
        assert_true(sal_faulty_reset());
        assert_int_equal(status, SAL_EIO);
    }
    assert_int_equal(rmdir(folder), 0); /* only works when it is empty */
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static void opening_survives_any_failed_allocation(void **state) {
    const fixture *f = *state;
    long before = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_model *model = NULL;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_model_open(f->model, NULL, &model, &err);
        bool reached = sal_faulty_reset();
        sal_model_close(model);
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_described_with_and_without_its_weights),
        cmocka_unit_test(any_part_of_a_split_opens_the_whole),
        cmocka_unit_test(the_system_is_told_in_one_line),
        cmocka_unit_test(files_that_are_no_model_are_named),
        cmocka_unit_test(layers_on_an_accelerator_need_one),
        cmocka_unit_test(a_file_cut_off_anywhere_is_an_error),
        cmocka_unit_test(damaged_headers_are_errors_or_models_that_run),
        cmocka_unit_test(conversion_refuses_unknown_types_and_its_own_input),
        cmocka_unit_test(every_type_that_is_listed_converts_and_opens),
        cmocka_unit_test(a_conversion_that_cannot_be_kept_leaves_nothing),
        cmocka_unit_test(opening_survives_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
