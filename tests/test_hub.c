/* Sources of the hub: names, patterns, whose key goes where, and files that grow over several runs. */

#include "testing.h"

#include "import/import_internal.h"
#include "io/hub.h"
#include "io/partial.h"

static void names_are_owner_and_name(void **state) {
    (void)state;
    static const char *const bad[] = {"",        "name",     "/name",    "owner/", "owner/name?x",
                                      "../name", "owner/..", "a b/c",    "a/b c",  "a/b#split",
                                      "a//b",    ":x",       "a/.hidden"};
    sal_error err = {0};
    char *name = NULL;
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sal_hub_parse_name("hf:...", bad[i], &name, &rest, &err) != SAL_EINVAL)
            fail_msg("'%s' is accepted", bad[i]);
    assert_ok(sal_hub_parse_name("hf:...", "abisee/cnn_dailymail:3.0.0:test", &name, &rest, &err));
    assert_string_equal(name, "abisee/cnn_dailymail");
    assert_string_equal(rest, ":3.0.0:test");
    sal_free(name);
    assert_ok(sal_hub_parse_name("hf:...", "a/b/c/**/*.json", &name, &rest, &err));
    assert_string_equal(name, "a/b");
    assert_string_equal(rest, "/c/**/*.json");
    sal_free(name);
}

static void stars_stay_in_a_folder_two_cross_them(void **state) {
    (void)state;
    assert_true(import_path_matches("*.json", "a.json"));
    assert_false(import_path_matches("*.json", "a/b.json"));
    assert_true(import_path_matches("**/*.json", "a.json"));
    assert_true(import_path_matches("**/*.json", "a/b/c.json"));
    assert_true(import_path_matches("m/**/p.json", "m/p.json"));
    assert_true(import_path_matches("m/**/p.json", "m/x/y/p.json"));
    assert_false(import_path_matches("m/**/p.json", "mx/p.json"));
    assert_true(import_path_matches("a?c/**", "abc/d/e"));
    assert_false(import_path_matches("a?c", "a/c"));
    assert_false(import_path_matches("a.json", "a.jsonl"));
    assert_false(import_path_matches("a.jsonl", "a.json"));
    assert_true(import_path_matches("*a*a*", "xxaxxaxx"));
    assert_true(import_path_matches("**", ""));
}

static void the_key_goes_to_the_hub_and_this_machine_alone(void **state) {
    (void)state;
    sal_error err = {0};
    sal_hub hub = {0};
    setenv("HF_TOKEN", "hf_k3y", 1);
    assert_ok(sal_hub_open(NULL, &hub, &err));
    assert_string_equal(hub.files, "https://huggingface.co");
    assert_string_equal(sal_hub_key_for(&hub, "https://huggingface.co/api/x"), "hf_k3y");
    assert_string_equal(sal_hub_key_for(&hub, "https://datasets-server.huggingface.co/rows"),
                        "hf_k3y");
    assert_string_equal(sal_hub_key_for(&hub, "http://127.0.0.1:99/x"), "hf_k3y");
    assert_null(sal_hub_key_for(&hub, "https://nothuggingface.co/"));
    assert_null(sal_hub_key_for(&hub, "https://huggingface.co.evil.example/"));
    assert_null(sal_hub_key_for(&hub, "http://huggingface.co/"));
    sal_hub_close(&hub);
    setenv("HF_TOKEN", "two\nlines", 1);
    assert_int_equal(sal_hub_open(NULL, &hub, &err), SAL_EINVAL);
    unsetenv("HF_TOKEN");
    setenv("SALIENT_HUB", "http://mirror.example", 1);
    assert_int_equal(sal_hub_open(NULL, &hub, &err), SAL_EINVAL);
    setenv("SALIENT_HUB", "https://mirror.example/hf/", 1);
    assert_ok(sal_hub_open(NULL, &hub, &err));
    assert_string_equal(hub.files, "https://mirror.example/hf");
    assert_null(sal_hub_key_for(&hub, hub.files));
    sal_hub_close(&hub);
    unsetenv("SALIENT_HUB");
}

static void a_growing_file_drops_a_line_cut_short(void **state) {
    (void)state;
    char folder[64];
    char path[120];
    char bytes[32] = "";
    sal_error err = {0};
    sal_partial *partial = NULL;
    sal_partial *second = NULL;
    int64_t lines = -1;
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/a/b/rows.jsonl", folder);
    assert_ok(sal_partial_open(path, &partial, &err));
    assert_ok(sal_partial_cut_line(partial, &lines, &err));
    assert_int_equal(lines, 0);
    sal_sink sink = sal_partial_sink(partial);
    assert_ok(sal_sink_string(&sink, "one\ntwo\nthr", &err));
    /* One process at a time. */
    assert_int_equal(sal_partial_open(path, &second, &err), SAL_EBUSY);
    sal_partial_close(partial);

    assert_ok(sal_partial_open(path, &partial, &err));
    assert_int_equal(sal_partial_size(partial), 11);
    assert_ok(sal_partial_cut_line(partial, &lines, &err));
    assert_int_equal(lines, 2);
    assert_int_equal(sal_partial_size(partial), 8);
    sink = sal_partial_sink(partial);
    assert_ok(sal_sink_string(&sink, "three\n", &err));
    snprintf(path, sizeof path, "%s/done.jsonl", folder);
    assert_ok(sal_partial_finish(partial, path, &err));
    sal_partial_close(partial);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), 14);
    fclose(file);
    assert_memory_equal(bytes, "one\ntwo\nthree\n", 14);
    remove_scratch_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_owner_and_name),
        cmocka_unit_test(stars_stay_in_a_folder_two_cross_them),
        cmocka_unit_test(the_key_goes_to_the_hub_and_this_machine_alone),
        cmocka_unit_test(a_growing_file_drops_a_line_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
