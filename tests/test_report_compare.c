/* The report shows what compare found: agreement and trees in the study's block, names of strangers harmless, and no more scripts than
 * there is something to draw with. */
#include "test_study_sample.h"

#include "report_page.h"
#include "salient/compare.h"
#include "scratch_group.h"

#define HOSTILE "</script><script>document.title='OWNED'</script>"

static void agreement_and_trees_reach_the_page(void **state) {
    (void)state;
    sal_error err = {0};
    sal_tally tally = {0};
    char path[160], page_path[160];
    const sal_compare_options options = {.seed = 1, .threads = 1};
    below(folder, "report.html", page_path);
    sal_study *study = open_study(below(folder, "study", path), SAL_STUDY_CREATE);
    fill_sample(study, false);
    add_importance(study, 1, add_summarizer(study, HOSTILE, "model", "{\"x\":1}"), SAL_STRICT);
    sal_buffer before = write_page(study, page_path, NULL);
    assert_int_equal(occurrences(&before, "<script>"), 4);
    assert_ok(sal_compare_run(study, &options, NULL, &tally, &err));
    sal_buffer after = write_page(study, page_path, NULL);
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
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(agreement_and_trees_reach_the_page)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
