/* The study: what is stored comes back, what is there is not stored twice, what differs is refused. */

#include "test_study_sample.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "study/network.h"

typedef struct fixture {
    char folder[64];
    char path[160];
    sal_study *study;
} fixture;

static int make_empty_study(void **state) {
    fixture *made = calloc(1, sizeof *made);
    make_scratch_folder(made->folder);
    made->study = open_study(below(made->folder, "study", made->path), SAL_STUDY_CREATE);
    *state = made;
    return 0;
}

static int remove_study(void **state) {
    fixture *made = *state;
    close_study(made->study);
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

static void a_document_comes_back_byte_for_byte(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    char text[] = "line\r\n\0after a NUL \xc3\xa9";
    sal_document document = make_document("news", "id 1", "", "ref");
    document.text = text;
    document.text_length = sizeof text - 1;
    document.language = "fr";
    document.kind = "dialogue";
    sal_added added;
    int64_t key = 0;
    assert_ok(sal_study_add_document(study, &document, &added, &key, &err));
    sal_document *back = NULL;
    assert_ok(sal_study_get_document(study, key, &back, &err));
    assert_int_equal(back->key, key);
    assert_string_equal(back->corpus, "news");
    assert_string_equal(back->id, "id 1");
    assert_string_equal(back->language, "fr");
    assert_string_equal(back->kind, "dialogue");
    assert_int_equal(back->text_length, sizeof text - 1);
    assert_memory_equal(back->text, text, sizeof text);
    assert_string_equal(back->reference, "ref");
    assert_int_equal(strlen(back->hash), 64);
    sal_document_free(back);
    assert_int_equal(sal_study_get_document(study, key + 1, &back, &err), SAL_ENOTFOUND);
}

static void the_same_document_is_kept_and_another_text_is_a_conflict(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_added added;
    int64_t first = add_document(study, "news", "a", "text", NULL), key = 0;

    sal_document again = make_document("news", "a", "text", NULL);
    assert_ok(sal_study_add_document(study, &again, &added, &key, &err));
    assert_int_equal(added, SAL_ADDED_SAME);
    assert_int_equal(key, first);

    sal_document with_reference = make_document("news", "a", "text", "the reference");
    assert_ok(sal_study_add_document(study, &with_reference, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_SAME); /* and the missing reference was filled in */
    sal_document *back = NULL;
    assert_ok(sal_study_get_document(study, first, &back, &err));
    assert_string_equal(back->reference, "the reference");
    sal_document_free(back);

    assert_ok(sal_study_add_document(study, &again, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_SAME); /* no reference given takes none away */

    sal_document other_text = make_document("news", "a", "another text", NULL);
    assert_ok(sal_study_add_document(study, &other_text, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_CONFLICT);
    sal_document other_reference = make_document("news", "a", "text", "another reference");
    assert_ok(sal_study_add_document(study, &other_reference, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_CONFLICT);

    sal_document other_corpus = make_document("calls", "a", "another text", NULL);
    assert_ok(sal_study_add_document(study, &other_corpus, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_NEW);
}

static void unusable_documents_are_refused_with_a_reason(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_added added;
    sal_document document = make_document("", "a", "text", NULL);
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_EINVAL);
    document = make_document("news", "bad", "not utf-8: \xff", NULL);
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_EFORMAT);
    assert_string_equal(err.text, "document bad: the text is not valid UTF-8 at byte 11");
    char name[1002];
    memset(name, 'x', 1001);
    name[1001] = '\0';
    document = make_document("news", name, "text", NULL);
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_ELIMIT);
    document = make_document("news", "line\nbreak", "text", NULL);
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_EINVAL);
}

static void documents_are_listed_by_corpus_then_in_import_order(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t z = add_document(study, "zebra", "1", "t", NULL);
    int64_t b = add_document(study, "apple", "b", "t", NULL);
    int64_t a = add_document(study, "apple", "a", "t", NULL);
    int64_t *keys = NULL;
    size_t count = 0;
    assert_ok(sal_study_document_keys(study, NULL, -1, &keys, &count, &err));
    assert_int_equal(count, 3);
    assert_true(keys[0] == b && keys[1] == a && keys[2] == z);
    sal_free(keys);
    assert_ok(sal_study_document_keys(study, NULL, 1, &keys, &count, &err)); /* of each corpus */
    assert_int_equal(count, 2);
    assert_true(keys[0] == b && keys[1] == z);
    sal_free(keys);
    assert_ok(sal_study_document_keys(study, "apple", -1, &keys, &count, &err));
    assert_int_equal(count, 2);
    sal_free(keys);
    assert_int_equal(sal_study_document_keys(study, "aple", -1, &keys, &count, &err),
                     SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "no corpus 'aple'; it has apple, zebra"));

    char **names = NULL;
    assert_ok(sal_study_corpora(study, &names, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "apple");
    assert_string_equal(names[1], "zebra");
    sal_strings_free(names, count);
}

static void a_document_is_found_by_id(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t one = add_document(study, "news", "shared", "t", NULL), key = 0;
    int64_t two = add_document(study, "calls", "shared", "t", NULL);
    int64_t own = add_document(study, "calls", "own", "t", NULL);
    assert_ok(sal_study_find_document(study, NULL, "own", &key, &err));
    assert_int_equal(key, own);
    assert_ok(sal_study_find_document(study, "news", "shared", &key, &err));
    assert_int_equal(key, one);
    assert_ok(sal_study_find_document(study, "calls", "shared", &key, &err));
    assert_int_equal(key, two);
    assert_int_equal(sal_study_find_document(study, NULL, "shared", &key, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "--corpus"));
    assert_int_equal(sal_study_find_document(study, "news", "own", &key, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "'own'"));
}

static void a_summarizer_keeps_its_whole_description(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_summarizer_info info = make_summarizer("smol", "model", "{\"seed\":18446744073709551615}");
    info.model = "SmolLM2";
    info.template_name = "paper-first";
    info.length_policy = "ask";
    info.family = "llama";
    info.temperature = 0.7;
    info.parameters = 134515008;
    info.has_seed = true;
    info.seed = UINT64_MAX; /* does not fit SQLite's integers */
    info.nested = true;
    int64_t key = 0, again = 0;
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    assert_ok(sal_study_put_summarizer(study, &info, &again, &err));
    assert_int_equal(key, again);
    add_summarizer(study, "lead", "lead", "{}");

    sal_summarizer_list *list = NULL;
    assert_ok(sal_study_list_summarizers(study, &list, &err));
    assert_int_equal(list->count, 2);
    assert_string_equal(list->items[0].name, "lead");
    assert_true(isnan(list->items[0].temperature));
    assert_false(list->items[0].has_seed);
    assert_null(list->items[0].model);
    const sal_summarizer_info *back = &list->items[1];
    assert_int_equal(back->key, key);
    assert_string_equal(back->name, "smol");
    assert_string_equal(back->kind, "model");
    assert_string_equal(back->config, info.config);
    assert_int_equal(strlen(back->digest), 64);
    assert_string_equal(back->model, "SmolLM2");
    assert_string_equal(back->template_name, "paper-first");
    assert_string_equal(back->length_policy, "ask");
    assert_string_equal(back->family, "llama");
    assert_close(back->temperature, 0.7, 0, 0);
    assert_close(back->parameters, 134515008.0, 0, 0);
    assert_true(isnan(back->top_p));
    assert_true(back->has_seed);
    assert_true(back->seed == UINT64_MAX);
    assert_true(back->nested);
    sal_summarizer_list_free(list);
}

static void another_configuration_under_a_name_says_what_differs(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t key = 0;
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t smol =
        add_summarizer(study, "smol", "model", "{\"sampling\":{\"top_p\":0.9},\"seed\":1}");
    const sal_summary summary = {document, smol, 10, 0, SAL_STATUS_OK, "one", 3, 1, -1, -1, NULL};
    assert_ok(sal_study_put_summaries(study, &summary, 1, NULL, &err));
    sal_summarizer_info info =
        make_summarizer("smol", "model", "{\"sampling\":{\"top_k\":20},\"seed\":7}");
    assert_int_equal(sal_study_put_summarizer(study, &info, &key, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "sampling.top_k is 20, was not set; "
                                     "sampling.top_p is not set, was 0.9; seed is 7, was 1; "));
    assert_non_null(strstr(err.text, "--as NAME"));

    info.config = "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"sampling\":{\"top_p\":0.9},\"seed\":1}";
    assert_int_equal(sal_study_put_summarizer(study, &info, &key, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "c is 1, was not set; and 1 more;"));

    info = make_summarizer("other", "model", "not JSON");
    assert_int_equal(sal_study_put_summarizer(study, &info, &key, &err), SAL_EFORMAT);
    info.config = "{}";
    info.digest = "0123";
    assert_int_equal(sal_study_put_summarizer(study, &info, &key, &err), SAL_EINVAL);
}

/* A run that failed before its first summary (a wrong option, a missing file) must not keep the name. */
static void a_name_without_summaries_is_free(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t key = 0;
    int64_t first = add_summarizer(study, "smol", "model", "{\"lengths\":[1]}");
    const sal_score score = {
        .words = "", .measure = "summaries", .value = 0, .low = NAN, .high = NAN};
    assert_ok(sal_study_put_scores(study, "news", first, SAL_STRICT, &score, 1, &err));
    sal_summarizer_info info = make_summarizer("smol", "model", "{\"lengths\":[2]}");
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));

    sal_summarizer_list *list = NULL;
    assert_ok(sal_study_list_summarizers(study, &list, &err));
    assert_int_equal(list->count, 1);
    assert_string_equal(list->items[0].config, "{\"lengths\":[2]}");
    assert_int_equal(list->items[0].key, key);
    sal_summarizer_list_free(list);
}

static void summaries_come_back_sorted_and_are_replaced(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    const sal_summary unit[] = {
        {document, lead, 20, 0, SAL_STATUS_TRUNCATED, "long one", 8, 2, 30, 100, NULL},
        {document, lead, 10, 1, SAL_STATUS_REFUSED, "", 0, 0, -1, -1, "content filter"},
        {document, lead, 10, 0, SAL_STATUS_OK, "short", 5, 1, 12, 100, NULL},
    };
    assert_ok(sal_study_put_summaries(study, unit, 3, NULL, &err));
    add_summary(study, document, lead, 20, SAL_STATUS_OK, "redone");
    sal_summary_list *list = NULL;
    assert_ok(sal_study_get_summaries(study, document, lead, &list, &err));
    assert_int_equal(list->count, 3);
    assert_string_equal(list->items[0].text, "short");
    assert_int_equal(list->items[0].tokens, 12);
    assert_int_equal(list->items[0].prompt_tokens, 100);
    assert_int_equal(list->items[0].words, 1);
    assert_null(list->items[0].error);
    assert_int_equal(list->items[1].status, SAL_STATUS_REFUSED);
    assert_int_equal(list->items[1].replica, 1);
    assert_int_equal(list->items[1].tokens, -1);
    assert_string_equal(list->items[1].error, "content filter");
    assert_int_equal(list->items[2].length, 20);
    assert_string_equal(list->items[2].text, "redone");
    assert_int_equal(list->items[2].status, SAL_STATUS_OK);
    sal_summary_list_free(list);
}

static void a_unit_with_a_bad_summary_is_not_stored_at_all(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    sal_summary unit[] = {{document, lead, 10, 0, SAL_STATUS_OK, "good", 4, 1, -1, -1, NULL},
                          {document, lead, 20, 0, SAL_STATUS_OK, "\xff", 1, 1, -1, -1, NULL}};
    assert_int_equal(sal_study_put_summaries(study, unit, 2, NULL, &err), SAL_EFORMAT);
    unit[1].text = "x";
    unit[1].document = document + 100; /* no such document */
    assert_int_equal(sal_study_put_summaries(study, unit, 2, NULL, &err), SAL_EINVAL);
    sal_summary_list *list = NULL;
    assert_ok(sal_study_get_summaries(study, document, lead, &list, &err));
    assert_int_equal(list->count, 0);
    sal_summary_list_free(list);
    assert_string_equal(sal_status_name(SAL_STATUS_TRUNCATED), "truncated");
}

static void missing_summaries_are_what_a_run_must_still_make(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    const int lengths[] = {10, 20};
    int64_t *keys = NULL;
    size_t missing = 0, total = 0;
    int64_t full = add_document(study, "news", "full", "t", NULL);
    int64_t half = add_document(study, "news", "half", "t", NULL);
    int64_t none = add_document(study, "news", "none", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    add_summary(study, full, lead, 10, SAL_STATUS_OK, "s");
    add_summary(study, full, lead, 20, SAL_STATUS_FAILED, "");
    add_summary(study, half, lead, 20, SAL_STATUS_OK, "s");
    add_summary(study, half, lead, 30, SAL_STATUS_OK, "a length nobody asks for");
    assert_ok(sal_study_missing_summaries(study, lead, NULL, -1, lengths, 2, 1, &keys, &missing,
                                          &total, &err));
    assert_int_equal(total, 3);
    assert_int_equal(missing, 2);
    assert_true(keys[0] == half && keys[1] == none);
    sal_free(keys);
    assert_ok(sal_study_missing_summaries(study, lead, "news", 1, lengths, 2, 1, &keys, &missing,
                                          &total, &err));
    assert_int_equal(total, 1);
    assert_int_equal(missing, 0);
    sal_free(keys);
    assert_ok(sal_study_missing_summaries(study, lead, "news", 1, lengths, 2, 2, &keys, &missing,
                                          &total, &err)); /* a second replica */
    assert_int_equal(missing, 1);
    sal_free(keys);
    assert_int_equal(sal_study_missing_summaries(study, lead, NULL, -1, lengths, 2, 0, &keys,
                                                 &missing, &total, &err),
                     SAL_EINVAL);
}

static void importance_comes_back_sorted_and_is_replaced(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    sal_importance_list *list = NULL;
    assert_ok(sal_study_get_importance(study, document, lead, SAL_STRICT, &list, &err));
    assert_null(list);
    add_importance(study, document, lead, SAL_STRICT);
    assert_ok(sal_study_get_importance(study, document, lead, SAL_PAPER, &list, &err));
    assert_null(list);
    assert_ok(sal_study_get_importance(study, document, lead, SAL_STRICT, &list, &err));
    assert_int_equal(list->count, 4);
    assert_int_equal(list->of, 2);
    assert_string_equal(list->inputs, "hash of summaries");
    assert_string_equal(list->rows[0].word, "Z"); /* bytes, not letters */
    assert_int_equal(list->rows[0].content, -1);
    assert_int_equal(list->rows[0].count, 0);
    assert_int_equal(list->rows[1].content, 1);
    assert_int_equal(list->rows[2].content, 0);
    assert_int_equal(list->rows[3].of, 2);
    assert_false(list->rows[3].in_document);
    sal_importance_list_free(list);

    const sal_importance_row one = {"only", 1, 1, 0, false};
    assert_ok(sal_study_put_importance(study, document, lead, SAL_STRICT, "new", 1, &one, 1, &err));
    assert_ok(sal_study_get_importance(study, document, lead, SAL_STRICT, &list, &err));
    assert_int_equal(list->count, 1);
    assert_string_equal(list->inputs, "new");
    sal_importance_list_free(list);
}

/* The inputs that a unit of importance was stored with; "" once a summary changed. */
static void expect_inputs(sal_study *study, int64_t document, int64_t summarizer,
                          const char *expected) {
    sal_error err = {0};
    sal_importance_list *list = NULL;
    assert_ok(sal_study_get_importance(study, document, summarizer, SAL_STRICT, &list, &err));
    assert_string_equal(list->inputs, expected);
    sal_importance_list_free(list);
}

static void a_changed_summary_puts_importance_out_of_date(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t other = add_document(study, "news", "b", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    add_summary(study, document, lead, 10, SAL_STATUS_OK, "one");
    add_summary(study, other, lead, 10, SAL_STATUS_OK, "one");
    add_importance(study, document, lead, SAL_STRICT);
    add_importance(study, other, lead, SAL_STRICT);
    add_summary(study, document, lead, 10, SAL_STATUS_OK, "one"); /* the same again */
    expect_inputs(study, document, lead, "hash of summaries");
    add_summary(study, document, lead, 10, SAL_STATUS_OK, "two");
    expect_inputs(study, document, lead, "");
    expect_inputs(study, other, lead, "hash of summaries");
    add_summary(study, other, lead, 20, SAL_STATUS_OK, "one more length");
    expect_inputs(study, other, lead, "");
}

static void impossible_importance_is_refused(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t document = add_document(study, "news", "a", "t", NULL);
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    const sal_importance_row too_many[] = {{"a", 3, 2, 0, true}};
    assert_int_equal(
        sal_study_put_importance(study, document, lead, SAL_STRICT, "h", 2, too_many, 1, &err),
        SAL_EINVAL);
    assert_non_null(strstr(err.text, "'a' is counted 3 of 2 times"));
    const sal_importance_row unsorted[] = {{"b", 1, 2, 0, true}, {"a", 1, 2, 0, true}};
    assert_int_equal(
        sal_study_put_importance(study, document, lead, SAL_STRICT, "h", 2, unsorted, 2, &err),
        SAL_EINVAL);
}

static void scores_are_replaced_together_and_nan_is_undefined(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t lead = add_summarizer(study, "lead", "lead", "{}");
    const sal_score old[] = {
        {"news", lead, SAL_PAPER, "all", "old", 0, 1, 0, 1, 1, 0},
        {"news", lead, SAL_PAPER, "content", "old", 0, 1, 0, 1, 1, 0},
    };
    const sal_score new[] = {
        {"news", lead, SAL_PAPER, "all", "b", 20, (double)NAN, (double)NAN, (double)NAN, 0, 3},
        {"news", lead, SAL_PAPER, "all", "b", 10, 0.5, 0.25, 0.75, 3, 0},
    };
    assert_ok(sal_study_put_scores(study, "news", lead, SAL_PAPER, old, 2, &err));
    assert_ok(sal_study_put_scores(study, "news", lead, SAL_STRICT, old, 1, &err));
    assert_ok(sal_study_put_scores(study, "news", lead, SAL_PAPER, new, 2, &err));
    sal_score_list *list = NULL;
    assert_ok(sal_study_get_scores(study, &list, &err));
    assert_int_equal(list->count, 3);
    assert_int_equal(list->items[0].protocol, SAL_STRICT);
    assert_int_equal(list->items[1].length, 10);
    assert_close(list->items[1].value, 0.5, 0, 0);
    assert_close(list->items[1].high, 0.75, 0, 0);
    assert_string_equal(list->items[2].measure, "b");
    assert_true(isnan(list->items[2].value));
    assert_int_equal(list->items[2].undefined, 3);
    sal_score_list_free(list);
}

static void transactions_nest(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t *keys = NULL;
    size_t count = 0;
    assert_ok(sal_study_begin(study, &err));
    add_document(study, "news", "outer", "t", NULL);
    assert_ok(sal_study_begin(study, &err));
    add_document(study, "news", "inner", "t", NULL);
    sal_study_rollback(study);
    add_document(study, "news", "after", "t", NULL);
    assert_ok(sal_study_commit(study, &err));
    assert_ok(sal_study_document_keys(study, "news", -1, &keys, &count, &err));
    assert_int_equal(count, 2); /* outer and after */
    sal_free(keys);

    assert_ok(sal_study_begin(study, &err));
    add_document(study, "news", "gone", "t", NULL);
    sal_study_rollback(study);
    assert_ok(sal_study_document_keys(study, "news", -1, &keys, &count, &err));
    assert_int_equal(count, 2);
    sal_free(keys);
    assert_int_equal(sal_study_commit(study, &err), SAL_EINVAL);
}

static void the_run_log_keeps_what_was_done(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    int64_t first = 0, second = 0;
    const sal_run run = {.command = "import",
                         .command_line = "salient import x y",
                         .options = "{}",
                         .version = "0.1.0",
                         .machine = "2 threads"};
    assert_ok(sal_study_begin_run(made->study, &run, &first, &err)); /* this one never ends */
    assert_ok(sal_study_begin_run(made->study, &run, &second, &err));
    const sal_tally tally = {.done = 3, .failed = 1};
    assert_ok(sal_study_end_run(made->study, second, "done", &tally, 1.5, 0.5, 1000, &err));
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    assert_ok(sal_export_table(made->study, "runs", NULL, SAL_FORMAT_JSONL, &sink, &err));
    assert_non_null(strstr(out.bytes, "\"run\":1,"));
    assert_non_null(strstr(out.bytes, "\"status\":\"killed\",\"done\":null"));
    assert_non_null(strstr(out.bytes, "\"status\":\"done\",\"done\":3,\"kept\":0,\"failed\":1"));
    sal_buffer_free(&out);
    assert_int_equal(sal_study_end_run(made->study, 99, "done", &tally, 1.5, 0.5, 1000, &err),
                     SAL_ENOTFOUND);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void set_age(const char *path, time_t seconds) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_big_file_is_hashed_once(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    char path[160], first[65], again[65];
    below(made->folder, "model.gguf", path);
    assert_int_equal(sal_study_file_digest(made->study, path, first, &err), SAL_ENOTFOUND);
    write_file(path, "abc");
    set_age(path, 1000);
    assert_ok(sal_study_file_digest(made->study, path, first, &err));
    assert_string_equal(first, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    write_file(path, "xyz"); /* same size; with the same time it counts as the same file */
    set_age(path, 1000);
    assert_ok(sal_study_file_digest(made->study, path, again, &err));
    assert_string_equal(again, first);
    set_age(path, 500);
    assert_ok(sal_study_file_digest(made->study, path, again, &err));
    assert_string_not_equal(again, first);
    set_age(path, 0); /* too young to be trusted: hashed, not remembered */
    write_file(path, "abc");
    assert_ok(sal_study_file_digest(made->study, path, again, &err));
    assert_string_equal(again, first);
}

static void network_file_systems_are_known(void **state) {
    (void)state;
    assert_true(study_is_network_type(0x6969));
    assert_true(study_is_network_type(0xFF534D42));
    assert_true(study_is_network_type((unsigned long)(int)0xFE534D42)); /* sign-extended */
    assert_true(study_is_network_type(0x65735546));
    assert_false(study_is_network_type(0xEF53)); /* ext4 */
    assert_false(study_is_network_type(0x9123683E));
    assert_false(study_on_network("/no/such/folder"));
}

int main(void) {
#define with_study(test) cmocka_unit_test_setup_teardown(test, make_empty_study, remove_study)
    const struct CMUnitTest tests[] = {
        with_study(a_document_comes_back_byte_for_byte),
        with_study(the_same_document_is_kept_and_another_text_is_a_conflict),
        with_study(unusable_documents_are_refused_with_a_reason),
        with_study(documents_are_listed_by_corpus_then_in_import_order),
        with_study(a_document_is_found_by_id),
        with_study(a_summarizer_keeps_its_whole_description),
        with_study(another_configuration_under_a_name_says_what_differs),
        with_study(a_name_without_summaries_is_free),
        with_study(summaries_come_back_sorted_and_are_replaced),
        with_study(a_unit_with_a_bad_summary_is_not_stored_at_all),
        with_study(missing_summaries_are_what_a_run_must_still_make),
        with_study(importance_comes_back_sorted_and_is_replaced),
        with_study(a_changed_summary_puts_importance_out_of_date),
        with_study(impossible_importance_is_refused),
        with_study(scores_are_replaced_together_and_nan_is_undefined),
        with_study(transactions_nest),
        with_study(the_run_log_keeps_what_was_done),
        with_study(a_big_file_is_hashed_once),
        cmocka_unit_test(network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
