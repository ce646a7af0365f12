/* Local models as summarizers, on a tiny model that the test writes: policies, limits, determinism, configuration. */

#include "testing.h"

#include "salient/summarize.h"
#include "tiny_gguf.h"

typedef struct fixture {
    char folder[64];
    char model[96];
    sal_text *text;
} fixture;

static int set_up(void **state) {
    static fixture f;
    sal_error err = {0};
    make_scratch_folder(f.folder);
    snprintf(f.model, sizeof f.model, "%s/tiny.gguf", f.folder);
    tiny_gguf shape = tiny_gguf_default("llama");
    tiny_gguf_write(&shape, f.model);
    if (sal_text_open(&f.text, &err) != SAL_OK)
        return -1;
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_text_close(f->text);
    remove_scratch_folder(f->folder);
    return 0;
}

static const char *const short_text = "The ferry sank near the harbour. Nobody was hurt.";

static sal_study *new_study(const fixture *f, const char *name, const char *text) {
    char path[128];
    sal_error err = {0};
    sal_study *study = NULL;
    sal_added added;
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_ok(sal_study_open(path, SAL_STUDY_CREATE, &study, &err));
    const char *const ids[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        const sal_document document = {.corpus = "c",
                                       .id = ids[i],
                                       .language = "en",
                                       .kind = "news",
                                       .text = text,
                                       .text_length = strlen(text)};
        assert_ok(sal_study_add_document(study, &document, &added, NULL, &err));
    }
    return study;
}

static const int lengths[] = {3, 6, 9};

static sal_summarize_options options_for(const fixture *f, const char *policy) {
    sal_summarize_options options = sal_summarize_defaults();
    options.with = f->model;
    options.lengths = lengths;
    options.length_count = 3;
    options.template_name = "text-first";
    options.length_policy = policy;
    options.max_tokens = 40;
    options.model_options.threads = 1;
    return options;
}

/* Call `check` for every summary of the study. */
static void each_summary(sal_study *study, void (*check)(const sal_summary *summary, void *context),
                         void *context) {
    sal_error err = {0};
    int64_t *keys = NULL;
    size_t count = 0;
    sal_summarizer_list *summarizers = NULL;
    assert_ok(sal_study_document_keys(study, NULL, -1, &keys, &count, &err));
    assert_ok(sal_study_list_summarizers(study, &summarizers, &err));
    for (size_t s = 0; s < summarizers->count; s++)
        for (size_t d = 0; d < count; d++) {
            sal_summary_list *list = NULL;
            assert_ok(
                sal_study_get_summaries(study, keys[d], summarizers->items[s].key, &list, &err));
            for (size_t i = 0; i < list->count; i++)
                check(&list->items[i], context);
            sal_summary_list_free(list);
        }
    sal_summarizer_list_free(summarizers);
    sal_free(keys);
}

typedef struct seen {
    const fixture *f;
    int64_t total, ok, truncated, failed;
} seen;

static void check_trimmed(const sal_summary *summary, void *context) {
    seen *s = context;
    sal_error err = {0};
    size_t words = 0;
    assert_ok(sal_text_count_words(s->f->text, summary->text, summary->text_length, &words, &err));
    s->total++;
    assert_true((int64_t)words <= summary->length);
    assert_true(summary->tokens <= 40);
    assert_true(summary->prompt_tokens > 0);
    if (summary->status == SAL_STATUS_OK && (int64_t)words == summary->length)
        s->ok++;
}

static void trim_ends_at_the_nth_word(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    seen s = {.f = f};
    sal_study *study = new_study(f, "trim", short_text);
    const sal_summarize_options options = options_for(f, "trim");
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 2);
    each_summary(study, check_trimmed, &s);
    assert_int_equal(s.total, 6);
    assert_true(s.ok > 0); /* a random model rambles: some texts reach their n-th word */
    assert_ok(sal_study_close(study, &err));
}

static sal_buffer summaries_of(sal_study *study) {
    sal_error err = {0};
    sal_buffer text = {0};
    const sal_sink sink = sal_buffer_sink(&text);
    assert_ok(sal_export_table(study, "summaries", NULL, SAL_FORMAT_JSONL, &sink, &err));
    return text;
}

static void equal_commands_give_equal_bytes(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_buffer texts[2] = {{0}, {0}};
    const char *const names[] = {"first", "second"};
    for (size_t i = 0; i < 2; i++) {
        sal_tally tally = {0};
        sal_study *study = new_study(f, names[i], short_text);
        sal_summarize_options options = options_for(f, "ask");
        if (i == 1) { /* one document at a time: what was decoded before must not matter */
            options.limit = 1;
            assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
            options.limit = -1;
        }
        assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
        texts[i] = summaries_of(study);
        assert_ok(sal_study_close(study, &err));
    }
    assert_string_equal(texts[0].bytes, texts[1].bytes);
    /* The two documents have the same text but draw from seeds of their own. */
    sal_buffer_free(&texts[0]);
    sal_buffer_free(&texts[1]);
}

static void count_status(const sal_summary *summary, void *context) {
    seen *s = context;
    s->total++;
    s->ok += summary->status == SAL_STATUS_OK;
    s->truncated += summary->status == SAL_STATUS_TRUNCATED;
    s->failed += summary->status == SAL_STATUS_FAILED;
    if (summary->status == SAL_STATUS_TRUNCATED)
        assert_int_equal(summary->tokens, 5);
    if (summary->status == SAL_STATUS_FAILED) {
        assert_non_null(strstr(summary->error, "too long: a prompt of"));
        assert_int_equal(summary->text_length, 0);
        assert_true(summary->prompt_tokens > 1000);
    }
}

static void the_token_limit_is_told_as_truncated(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    seen s = {.f = f};
    sal_study *study = new_study(f, "limit", short_text);
    sal_summarize_options options = options_for(f, "ask");
    options.max_tokens = 5;
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    each_summary(study, count_status, &s);
    assert_int_equal(s.total, 6);
    assert_true(s.truncated > 0);
    assert_int_equal(tally.truncated, s.truncated);
    assert_ok(sal_study_close(study, &err));
}

static void a_text_longer_than_the_context_is_counted_never_cut(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    seen s = {.f = f};
    char *text = calloc(1, 8001);
    assert_non_null(text);
    for (size_t i = 0; i < 8000; i++)
        text[i] = i % 4 == 3 ? ' ' : (char)('a' + (i * 7 + i / 100) % 26);
    sal_study *study = new_study(f, "long", text);
    const sal_summarize_options options = options_for(f, "ask");
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    each_summary(study, count_status, &s);
    assert_int_equal(s.failed, 6);
    assert_int_equal(tally.failed, 6);
    free(text);
    assert_ok(sal_study_close(study, &err));
}

static void add_distance(const sal_summary *summary, void *context) {
    int64_t *total = context;
    *total += llabs(summary->words - summary->length);
}

static int64_t misses(sal_study *study) {
    int64_t total = 0;
    each_summary(study, add_distance, &total);
    return total;
}

static void retry_comes_no_further_from_the_length(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    int64_t total[2] = {0, 0};
    const char *const policies[] = {"ask", "retry:4"};
    for (size_t i = 0; i < 2; i++) {
        sal_tally tally = {0};
        sal_study *study = new_study(f, policies[i], short_text);
        const sal_summarize_options options = options_for(f, policies[i]);
        assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
        total[i] = misses(study);
        assert_ok(sal_study_close(study, &err));
    }
    assert_true(total[0] > 0);
    assert_true(total[1] <
                total[0]); /* the first try is the same, so retrying can only come nearer */
}

static void the_configuration_names_everything_that_changes_a_text(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    sal_study *study = new_study(f, "configuration", short_text);
    sal_summarize_options options = options_for(f, "trim");
    options.limit = 1;
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    sal_summarizer_list *list = NULL;
    assert_ok(sal_study_list_summarizers(study, &list, &err));
    assert_int_equal(list->count, 1);
    assert_string_equal(list->items[0].name, "tiny");
    assert_string_equal(list->items[0].family, "llama");
    assert_true(list->items[0].nested);
    static const char *const keys[] = {
        "backend",    "chat_template_sha256", "kind",        "length_policy",  "lengths",
        "max_tokens", "model_sha256",         "replicas",    "repeat_penalty", "seed",
        "template",   "template_sha256",      "temperature", "top_k",          "top_p"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_non_null(strstr(list->items[0].config, keys[i]));
    sal_summarizer_list_free(list);
    options.temperature = 0;
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "temperature"));
    assert_ok(sal_study_close(study, &err));
}

static void what_is_no_model_is_an_error_that_names_the_file(void **state) {
    const fixture *f = *state;
    char path[96];
    sal_error err = {0};
    sal_tally tally = {0};
    sal_study *study = new_study(f, "wrong", short_text);
    sal_summarize_options options = options_for(f, "ask");
    snprintf(path, sizeof path, "%s/missing.gguf", f->folder);
    options.with = path;
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "missing.gguf"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no model", file);
    fclose(file);
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_EFORMAT);
    assert_non_null(strstr(err.text, "missing.gguf"));
    assert_ok(sal_study_close(study, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_ends_at_the_nth_word),
        cmocka_unit_test(equal_commands_give_equal_bytes),
        cmocka_unit_test(the_token_limit_is_told_as_truncated),
        cmocka_unit_test(a_text_longer_than_the_context_is_counted_never_cut),
        cmocka_unit_test(retry_comes_no_further_from_the_length),
        cmocka_unit_test(the_configuration_names_everything_that_changes_a_text),
        cmocka_unit_test(what_is_no_model_is_an_error_that_names_the_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
