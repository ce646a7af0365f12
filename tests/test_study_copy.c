/* Copies and samples of a study. */
#include "testing.h"

#include "faulty_system.h"
#include "test_study_sample.h"

enum { DOCUMENTS = 9 };

static int make_scratch(void **state) {
    static char folder[64];
    make_scratch_folder(folder);
    *state = folder;
    return 0;
}

static int remove_scratch(void **state) {
    remove_scratch_folder(*state);
    return 0;
}

/* Corpus "a": nine documents whose texts are 1 to 9 words long, stored in another order; corpus "b": one. All with a summary by lead. */
static void fill(const char *path) {
    static const char words[] = "one two three four five six seven eight nine";
    static const int lengths[DOCUMENTS] = {5, 1, 9, 3, 7, 2, 8, 4, 6};
    sal_study *study = open_study(path, SAL_STUDY_CREATE);
    const int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    for (int i = 0; i < DOCUMENTS; i++) {
        char text[60], id[8];
        size_t length = 0;
        for (int w = 0; w < lengths[i]; w++) {
            length += strspn(words + length, " ");
            length += strcspn(words + length, " ");
        }
        snprintf(text, sizeof text, "%.*s", (int)length, words);
        snprintf(id, sizeof id, "%d", lengths[i]);
        add_summary(study, add_document(study, "a", id, text, NULL), lead, 10, SAL_STATUS_OK, text);
    }
    add_summary(study, add_document(study, "b", "only", "alone", NULL), lead, 10, SAL_STATUS_OK,
                "alone");
    close_study(study);
}

/* Ids of a corpus in stored order, one after the other. */
static void ids(const char *path, const char *corpus, char room[100]) {
    sal_error err = {0};
    sal_study *study = open_study(path, SAL_STUDY_READ);
    int64_t *keys = NULL;
    size_t count = 0;
    room[0] = '\0';
    assert_ok(sal_study_document_keys(study, corpus, -1, &keys, &count, &err));
    for (size_t i = 0; i < count; i++) {
        sal_document *document = NULL;
        sal_summary_list *summaries = NULL;
        assert_ok(sal_study_get_document(study, keys[i], &document, &err));
        snprintf(room + strlen(room), 100 - strlen(room), "%s ", document->id);
        assert_ok(sal_study_get_summaries(study, keys[i], 1, &summaries, &err));
        assert_int_equal(summaries->count, 1);
        sal_summary_list_free(summaries);
        sal_document_free(document);
    }
    sal_free(keys);
    close_study(study);
}

static void assert_sound(const char *path) {
    sal_error err = {0};
    int64_t problems = -1;
    sal_study *study = open_study(path, SAL_STUDY_READ);
    assert_ok(sal_study_verify(study, NULL, NULL, &problems, &err));
    assert_int_equal(problems, 0);
    close_study(study);
}

static void copy(const char *from, const char *to, int64_t per_corpus) {
    sal_error err = {0};
    sal_study *study = open_study(from, SAL_STUDY_READ);
    assert_ok(sal_study_copy(study, to, per_corpus, &err));
    close_study(study);
}

static void a_copy_has_everything(void **state) {
    char room[2][160], found[100];
    const char *from = below(*state, "study", room[0]), *to = below(*state, "copy", room[1]);
    fill(from);
    copy(from, to, -1);
    ids(to, "a", found);
    assert_string_equal(found, "5 1 9 3 7 2 8 4 6 ");
    assert_sound(to);
}

static void a_sample_is_spread_over_the_lengths_and_keeps_what_belongs_to_it(void **state) {
    static const struct {
        int64_t per_corpus;
        const char *ids;
    } cases[] = {{1, "5 "}, {3, "5 2 8 "}, {9, "5 1 9 3 7 2 8 4 6 "}, {100, "5 1 9 3 7 2 8 4 6 "}};
    char room[2][160], found[100], name[40];
    const char *from = below(*state, "study", room[0]);
    fill(from);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        snprintf(name, sizeof name, "sample%zu", c);
        const char *to = below(*state, name, room[1]);
        copy(from, to, cases[c].per_corpus);
        ids(to, "a", found);
        assert_string_equal(found, cases[c].ids);
        ids(to, "b", found);
        assert_string_equal(found, "only ");
        assert_sound(to);
    }
    ids(from, "a", found); /* the study itself is whole */
    assert_string_equal(found, "5 1 9 3 7 2 8 4 6 ");
}

/* Whatever allocation fails, the copy is an error and the study stays as it is. */
static void failures_are_errors(void **state) {
    char room[2][160], found[100], name[40];
    const char *from = below(*state, "study", room[0]);
    fill(from);
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_study *study = open_study(from, SAL_STUDY_READ);
        snprintf(name, sizeof name, "try%ld", n);
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        const int status = sal_study_copy(study, below(*state, name, room[1]), 2, &err);
        const bool reached = sal_faulty_reset();
        close_study(study);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
        assert_true(err.text[0] != '\0');
    }
    ids(from, "a", found);
    assert_string_equal(found, "5 1 9 3 7 2 8 4 6 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_has_everything, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(
            a_sample_is_spread_over_the_lengths_and_keeps_what_belongs_to_it, make_scratch,
            remove_scratch),
        cmocka_unit_test_setup_teardown(failures_are_errors, make_scratch, remove_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
