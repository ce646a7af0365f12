/* Summarizers: the prompts of METHODS 1 to the letter, extraction, policies, and the stage over a real study. */

#include "testing.h"

#include "salient/summarize.h"
#include "summarize/summarizer.h"

typedef struct fixture {
    sal_text *text;
    char folder[64];
} fixture;

static int set_up(void **state) {
    static fixture f;
    sal_error err = {0};
    make_scratch_folder(f.folder);
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

static sal_document make_document(const char *corpus, const char *language, const char *kind,
                                  const char *text) {
    return (sal_document){
        .corpus = corpus,
        .id = "d",
        .language = language,
        .kind = kind,
        .text = text,
        .text_length = strlen(text),
    };
}

/* ---- prompts ---------------------------------------------------------------------------------------------------------------- */

static void check_prompt(const char *name, const sal_document *document, const char *want_system,
                         const char *want_user) {
    sal_error err = {0};
    sal_template *prompt_template = NULL;
    sal_buffer system = {0};
    sal_buffer user = {0};
    assert_ok(sal_template_open(name, &prompt_template, &err));
    assert_ok(sal_template_render(prompt_template, document, 30, &system, &user, &err));
    assert_string_equal(system.bytes, want_system);
    assert_string_equal(user.bytes, want_user);
    sal_buffer_free(&system);
    sal_buffer_free(&user);
    sal_template_close(prompt_template);
}

static void built_in_prompts_are_those_of_the_paper(void **state) {
    (void)state;
    const char *article = "You are a helpful assistant that produces article summaries. Provide "
                          "ONLY the summary text.";
    const char *dialogue = "You are a helpful assistant that produces dialogue summaries. Provide "
                           "ONLY the summary text.";
    const char *french = "Vous êtes un assistant utile qui produit des résumés de dialogue. "
                         "Fournissez UNIQUEMENT le "
                         "texte du résumé.";
    sal_document news = make_document("mine", "en", "news", "T {n}");
    check_prompt("paper-first", &news, article,
                 "Summarize the following text in exactly 30 words: T {n}");
    check_prompt("text-first", &news, article,
                 "T {n}\n\nSummarize the text above in exactly 30 words.");
    sal_document chat = make_document("mine", "en", "dialogue", "T");
    check_prompt("paper-first", &chat, dialogue,
                 "Summarize the following dialogue in exactly 30 words: T");
    check_prompt("text-first", &chat, dialogue,
                 "T\n\nSummarize the dialogue above in exactly 30 words.");
    sal_document call = make_document("mine", "fr", "dialogue", "T");
    check_prompt("paper-first", &call, french,
                 "Résumez le dialogue suivant en exactement 30 mots: T");
    check_prompt("text-first", &call, french,
                 "T\n\nRésumez le dialogue ci-dessus en exactement 30 mots.");
    sal_document article_fr = make_document("mine", "fr", "news", "T");
    check_prompt("paper-first", &article_fr,
                 "Vous êtes un assistant utile qui produit des résumés de texte. Fournissez "
                 "UNIQUEMENT le texte du "
                 "résumé.",
                 "Résumez le texte suivant en exactement 30 mots: T");
    sal_document quebec = make_document("mine", "fr-CA", "dialogue", "T");
    check_prompt("text-first", &quebec, french,
                 "T\n\nRésumez le dialogue ci-dessus en exactement 30 mots.");
    /* The corpus name decides before language and kind. */
    sal_document samsum = make_document("samsum", "en", "news", "T");
    check_prompt("paper-first", &samsum, dialogue,
                 "Summarize the following dialogue in exactly 30 words: T");
}

static void a_language_without_prompt_needs_a_file(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_template *prompt_template = NULL;
    sal_buffer system = {0};
    sal_buffer user = {0};
    char path[96];
    sal_document german = make_document("mine", "de", "news", "T");
    assert_ok(sal_template_open("paper-first", &prompt_template, &err));
    assert_int_equal(sal_template_render(prompt_template, &german, 30, &system, &user, &err),
                     SAL_EUNSUPPORTED);
    assert_string_equal(
        err.text,
        "document d of mine: no built-in prompt for language 'de' and kind 'news': give one "
        "with --template FILE");
    sal_template_close(prompt_template);
    sal_buffer_free(&system);
    sal_buffer_free(&user);

    snprintf(path, sizeof path, "%s/german.txt", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("Du fasst zusammen.\n---\nFasse in {n} Wörtern zusammen:\n{text}\n", file);
    fclose(file);
    check_prompt(path, &german, "Du fasst zusammen.", "Fasse in 30 Wörtern zusammen:\nT");

    /* The same from an editor that ends lines with CR LF. */
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("Du fasst zusammen.\r\n---\r\nFasse in {n} Wörtern zusammen:\r\n{text}\r\n", file);
    fclose(file);
    check_prompt(path, &german, "Du fasst zusammen.", "Fasse in 30 Wörtern zusammen:\r\nT");

    /* Without a rule there is no system message, unless the document's language has one built in. */
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("Fasse in {n} Wörtern zusammen: {text}\n", file);
    fclose(file);
    check_prompt(path, &german, "", "Fasse in 30 Wörtern zusammen: T");

    file = fopen(path, "w");
    assert_non_null(file);
    fputs("Fasse zusammen: {text}\n", file);
    fclose(file);
    assert_int_equal(sal_template_open(path, &prompt_template, &err), SAL_EFORMAT);
    assert_non_null(strstr(err.text, "must contain {text} and {n}"));
    assert_int_equal(sal_template_open("text-frist", &prompt_template, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "built in are paper-first and text-first"));
}

/* ---- policies --------------------------------------------------------------------------------------------------------------- */

static void length_policies_parse_whole_or_not_at_all(void **state) {
    (void)state;
    sal_error err = {0};
    bool trim = true;
    int retries = -1;
    assert_ok(sal_length_policy_parse("ask", &trim, &retries, &err));
    assert_false(trim);
    assert_int_equal(retries, 0);
    assert_ok(sal_length_policy_parse("retry:3", &trim, &retries, &err));
    assert_int_equal(retries, 3);
    const char *const wrong[] = {"", "retry", "retry:", "retry:0", "retry:3x", "retry:101", "Trim"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(sal_length_policy_parse(wrong[i], &trim, &retries, &err), SAL_EINVAL);
    assert_true(sal_length_within(11, 10));
    assert_true(sal_length_within(9, 10));
    assert_false(sal_length_within(12, 10));
    assert_false(sal_length_within(8, 10));
}

/* ---- extraction ------------------------------------------------------------------------------------------------------------- */

static void check_extract(const fixture *f, const size_t order[3], size_t n, const char *want) {
    const char *document = "One two. Three four five! Six.";
    sal_error err = {0};
    sal_span *sentences = NULL;
    size_t count = 0;
    sal_buffer out = {0};
    assert_ok(sal_text_sentences(document, strlen(document), "en", &sentences, &count, &err));
    assert_int_equal(count, 3);
    assert_ok(sal_extract(f->text, document, sentences, count, order, n, &out, &err));
    assert_string_equal(out.bytes, want);
    sal_buffer_free(&out);
    sal_free(sentences);
}

static void sentences_are_taken_by_rank_cut_and_printed_in_order(void **state) {
    const size_t by_rank[3] = {2, 1, 0};
    const size_t in_order[3] = {0, 1, 2};
    check_extract(*state, in_order, 1, "One");
    check_extract(*state, in_order, 2, "One two."); /* a whole sentence keeps its full stop */
    check_extract(*state, in_order, 4, "One two. Three four");
    check_extract(*state, in_order, 99, "One two. Three four five! Six.");
    check_extract(*state, by_rank, 1, "Six.");
    check_extract(*state, by_rank, 3, "Three four Six.");
    check_extract(*state, by_rank, 5, "One Three four five! Six.");
}

/* ---- the stage -------------------------------------------------------------------------------------------------------------- */

static sal_study *study_with_two_documents(const char *path) {
    sal_error err = {0};
    sal_study *study = NULL;
    sal_added added;
    sal_document document =
        make_document("c", "en", "news", "One two three. Four five six. Seven eight nine.");
    assert_ok(sal_study_open(path, SAL_STUDY_CREATE, &study, &err));
    document.reference = "One nine.";
    document.reference_length = strlen(document.reference);
    assert_ok(sal_study_add_document(study, &document, &added, NULL, &err));
    document.id = "e";
    document.reference = NULL;
    document.reference_length = 0;
    document.text = "Just one sentence here";
    document.text_length = strlen(document.text);
    assert_ok(sal_study_add_document(study, &document, &added, NULL, &err));
    return study;
}

static sal_buffer exported(sal_study *study) {
    sal_error err = {0};
    sal_buffer text = {0};
    const sal_sink sink = sal_buffer_sink(&text);
    assert_ok(sal_export_table(study, "summaries", NULL, SAL_FORMAT_JSONL, &sink, &err));
    return text;
}

static void the_stage_makes_what_is_missing_and_nothing_twice(void **state) {
    const fixture *f = *state;
    char path[96];
    sal_error err = {0};
    const int lengths[] = {2, 4};
    snprintf(path, sizeof path, "%s/stage", f->folder);
    sal_study *study = study_with_two_documents(path);
    sal_summarize_options options = sal_summarize_defaults();
    options.lengths = lengths;
    options.length_count = 2;
    options.replicas = 2;
    const char *const kinds[] = {"lead", "random", "reference"};
    for (size_t i = 0; i < 3; i++) {
        sal_tally tally = {0};
        options.with = kinds[i];
        assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
        assert_int_equal(tally.done, 2);
        assert_int_equal(tally.failed,
                         i == 2 ? 1 : 0); /* e has no reference: stored as failed, and counted */
        assert_int_equal(tally.kept, 0);
    }
    sal_buffer first = exported(study);
    size_t lines = 0;
    for (size_t i = 0; i < first.length; i++)
        lines += first.bytes[i] == '\n';
    assert_int_equal(lines, 2 * (4 + 4 + 1));
    assert_non_null(strstr(first.bytes, "the document has no reference"));

    sal_tally tally = {0};
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 0);
    assert_int_equal(tally.kept, 2);
    sal_buffer second = exported(study);
    assert_string_equal(first.bytes, second.bytes);
    sal_buffer_free(&first);
    sal_buffer_free(&second);
    assert_ok(sal_study_close(study, &err));
}

static void another_configuration_needs_another_name(void **state) {
    const fixture *f = *state;
    char path[96];
    sal_error err = {0};
    sal_tally tally = {0};
    snprintf(path, sizeof path, "%s/names", f->folder);
    sal_study *study = study_with_two_documents(path);
    sal_summarize_options options = sal_summarize_defaults();
    options.with = "random";
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    options.seed = 8;
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "seed"));
    assert_non_null(strstr(err.text, "--as"));
    options.as = "random-8";
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    options.with = "leed";
    options.as = NULL;
    assert_int_equal(sal_summarize_run(study, &options, NULL, &tally, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "no summarizer 'leed'"));
    assert_ok(sal_study_close(study, &err));
}

static bool stop_now(void *context) {
    (void)context;
    return true;
}

static void an_interrupted_stage_says_so_and_goes_on_later(void **state) {
    const fixture *f = *state;
    char path[96];
    sal_error err = {0};
    sal_tally tally = {0};
    const sal_progress stopped = {.cancelled = stop_now};
    snprintf(path, sizeof path, "%s/stopped", f->folder);
    sal_study *study = study_with_two_documents(path);
    sal_summarize_options options = sal_summarize_defaults();
    options.with = "lead";
    assert_int_equal(sal_summarize_run(study, &options, &stopped, &tally, &err), SAL_ECANCELLED);
    assert_string_equal(
        err.text,
        "interrupted after 0 of 2 documents; what is finished is kept, the same command goes on");
    assert_ok(sal_summarize_run(study, &options, NULL, &tally, &err));
    assert_int_equal(tally.done, 2);
    assert_ok(sal_study_close(study, &err));
}

/* Every allocation of a run is made to fail once: an error each time, nothing leaks, and the study stays whole. */
static void no_allocation_failure_harms_the_study(void **state) {
    const fixture *f = *state;
    char path[96];
    sal_error err = {0};
    const int lengths[] = {2};
    snprintf(path, sizeof path, "%s/sweep", f->folder);
    sal_study *study = study_with_two_documents(path);
    sal_summarize_options options = sal_summarize_defaults();
    options.lengths = lengths;
    options.length_count = 1;
    options.with = "lead";
    bool reached = true;
    for (long n = 0; reached; n++) {
        sal_tally tally = {0};
        long blocks = sal_faulty_blocks();
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_summarize_run(study, &options, NULL, &tally, &err);
        reached = sal_faulty_reset();
        assert_int_equal(status, reached ? SAL_ENOMEM : SAL_OK);
        /* Prepared statements are kept by the study: a few blocks may stay with it. */
        assert_true(sal_faulty_blocks() - blocks <= 16);
    }
    int64_t problems = 0;
    assert_ok(sal_study_verify(study, NULL, NULL, &problems, &err));
    assert_int_equal(problems, 0);
    sal_buffer all = exported(study);
    assert_non_null(strstr(all.bytes, "\"One two\""));
    sal_buffer_free(&all);
    assert_ok(sal_study_close(study, &err));
}

/* Where a text ends that is cut after n words, and whether a word may still follow. */
static void check_cut(const fixture *f, const char *text, int n, const char *kept, bool complete) {
    sal_error err = {0};
    sal_span span = {0};
    bool is_complete = false;
    assert_ok(sal_length_cut(f->text, text, strlen(text), n, &span, &is_complete, &err));
    assert_int_equal(span.end - span.start, strlen(kept));
    assert_memory_equal(text + span.start, kept, strlen(kept));
    assert_int_equal(is_complete, complete);
}

static void a_trimmed_text_ends_with_a_whole_word(void **state) {
    const fixture *f = *state;
    check_cut(f, "a plan for ten", 4, "a plan for ten", false); /* it may become tenth */
    check_cut(f, "a plan for ten ", 4, "a plan for ten", true);
    check_cut(f, "a plan for ten, as", 4, "a plan for ten", true);
    check_cut(f, "a plan for ten-", 4, "a plan for ten", false);
    check_cut(f, "a plan for ten-year", 4, "a plan for ten-year", false);
    check_cut(f, "a plan for ten- year", 4, "a plan for ten", true);
    check_cut(f, "they don\xE2\x80\x99", 2, "they don", false);
    check_cut(f, "they don\xE2\x80\x99t ", 2, "they don\xE2\x80\x99t", true);
    check_cut(f, "up by 3.", 3, "up by 3", false);
    check_cut(f, "up by 3.5 ", 3, "up by 3.5", true);
    check_cut(f, "up by 3. Then", 3, "up by 3", true);
    check_cut(f, "Here is the 2-word summary: two words more", 2, "two words", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_prompts_are_those_of_the_paper),
        cmocka_unit_test(a_language_without_prompt_needs_a_file),
        cmocka_unit_test(length_policies_parse_whole_or_not_at_all),
        cmocka_unit_test(a_trimmed_text_ends_with_a_whole_word),
        cmocka_unit_test(sentences_are_taken_by_rank_cut_and_printed_in_order),
        cmocka_unit_test(the_stage_makes_what_is_missing_and_nothing_twice),
        cmocka_unit_test(another_configuration_needs_another_name),
        cmocka_unit_test(an_interrupted_stage_says_so_and_goes_on_later),
        cmocka_unit_test(no_allocation_failure_harms_the_study),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
