/* The report shows what compare found: agreement and trees in the study's block, names of strangers harmless, and no more scripts than
 * there is something to draw with. */
#include "test_study_sample.h"

#include <jansson.h>

#include "salient/compare.h"
#include "salient/file.h"
#include "salient/report.h"

#define HOSTILE "</script><script>document.title='OWNED'</script>"

static sal_buffer write_report(sal_study *study, const char *folder) {
    sal_error err = {0};
    sal_buffer page = {0};
    char path[160];
    below(folder, "report.html", path);
    assert_ok(sal_report_write(study, path, NULL, NULL, &err));
    assert_ok(sal_file_read_all(path, (size_t)1 << 28, &page, &err));
    return page;
}

static size_t occurrences(const sal_buffer *page, const char *text) {
    size_t count = 0;
    for (const char *at = page->bytes; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

static json_t *study_block(const sal_buffer *page) {
    static const char start[] = "<script type=\"application/json\" id=\"study-data\">";
    const char *at = strstr(page->bytes, start);
    json_error_t where;
    assert_non_null(at);
    at += strlen(start);
    json_t *block = json_loadb(at, (size_t)(strstr(at, "</script>") - at), 0, &where);
    if (block == NULL)
        fail_msg("line %d: %s", where.line, where.text);
    return block;
}

static void agreement_and_trees_reach_the_page(void **state) {
    (void)state;
    sal_error err = {0};
    sal_tally tally = {0};
    char folder[64], path[160];
    const sal_compare_options options = {.seed = 1, .threads = 1};
    make_scratch_folder(folder);
    sal_study *study = open_study(below(folder, "study", path), SAL_STUDY_CREATE);
    fill_sample(study, false);
    add_importance(study, 1, add_summarizer(study, HOSTILE, "model", "{\"x\":1}"), SAL_STRICT);
    sal_buffer before = write_report(study, folder);
    assert_int_equal(occurrences(&before, "<script>"), 4);
    assert_ok(sal_compare_run(study, &options, NULL, &tally, &err));
    sal_buffer after = write_report(study, folder);
    assert_int_equal(occurrences(&after, "<script>"), 5);
    assert_int_equal(occurrences(&after, "OWNED'</script>"), 0);
    json_t *block = study_block(&after);
    const json_t *rows = json_object_get(block, "agreement");
    const json_t *steps = json_object_get(block, "clusters");
    size_t spearman = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *measure = json_string_value(json_object_get(row, "measure"));
        spearman += strcmp(measure, "spearman") == 0;
        assert_string_not_equal(measure, "spearman_union");
    }
    assert_int_equal(spearman, 2); /* one pair in one corpus, all and content words */
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *members = json_object_get(json_array_get(steps, i), "members");
        assert_int_equal(json_array_size(members), 2);
        assert_string_equal(json_string_value(json_array_get(members, 0)), HOSTILE);
    }
    assert_true(json_array_size(steps) >= 2);
    json_decref(block);
    sal_buffer_free(&before);
    sal_buffer_free(&after);
    close_study(study);
    remove_scratch_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(agreement_and_trees_reach_the_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
