/* Endpoints: what a reply is taken for, whose key goes where, and whole runs against a hostile server: no lost, no doubled and no false
   row. SALIENT_LONG=1 runs 1,000 requests with every fault (ctest -L long), else a few dozen. */

#include "testing.h"

#include "mock_server.h"
#include "salient/summarize.h"
#include "summarize/endpoint.h"

static const char secret[] = "sk-test-0123456789abcdef";

/* ---- replies --------------------------------------------------------------------------------------------------------------- */

static endpoint_answer read_reply(long status, const char *body) {
    endpoint_answer answer;
    sal_error err = {0};
    assert_ok(endpoint_answer_read(status, body, strlen(body), secret, &answer, &err));
    return answer;
}

static void a_whole_text_is_a_text(void **state) {
    (void)state;
    endpoint_answer answer = read_reply(200, "{\"choices\":[{\"message\":{\"content\":\"Caf\\u00e9 "
                                             "opens.\"},\"finish_reason\":\"stop\"}],"
                                             "\"usage\":{\"prompt_tokens\":12,\"completion_"
                                             "tokens\":3},\"system_fingerprint\":\"fp_1\"}");
    assert_int_equal(answer.outcome, ENDPOINT_TEXT);
    assert_false(answer.truncated);
    assert_string_equal(answer.text, "Café opens.");
    assert_int_equal(answer.prompt_tokens, 12);
    assert_int_equal(answer.tokens, 3);
    assert_string_equal(answer.fingerprint, "fp_1");
    endpoint_answer_free(&answer);
    answer = read_reply(
        200, "{\"choices\":[{\"message\":{\"content\":\"Half a\"},\"finish_reason\":\"length\"}]}");
    assert_int_equal(answer.outcome, ENDPOINT_TEXT);
    assert_true(answer.truncated);
    assert_int_equal(answer.tokens, -1);
    endpoint_answer_free(&answer);
}

static void everything_else_is_none(void **state) {
    (void)state;
    static const struct {
        long status;
        const char *body;
        endpoint_outcome outcome;
        const char *why;
    } cases[] = {
        {400, "{\"error\":{\"message\":\"Content Exists Risk\"}}", ENDPOINT_REFUSED,
         "HTTP 400: Content Exists Risk"},
        {400, "{\"error\":{\"message\":\"no\",\"code\":\"content_filter\"}}", ENDPOINT_REFUSED,
         "HTTP 400: no"},
        {200,
         "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"content_filter\"}]}",
         ENDPOINT_REFUSED, "content filter"},
        {200,
         "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"No.\"},\"finish_reason\":"
         "\"stop\"}]}",
         ENDPOINT_REFUSED, "refused: No."},
        /* Words of a refusal with a status of trouble are trouble. */
        {500, "{\"error\":{\"message\":\"Content Exists Risk\"}}", ENDPOINT_BROKEN,
         "HTTP 500: Content Exists Risk"},
        {400, "{\"error\":{\"message\":\"too\\nlong\"}}", ENDPOINT_FAILED, "HTTP 400: too long"},
        {401, "{\"detail\":\"Bad key sk-test-0123456789abcdef, \\u0073k-test-0123456789abcdef!\"}",
         ENDPOINT_FAILED, "HTTP 401: Bad key [key], [key]!"},
        {404, "<html>", ENDPOINT_FAILED, "HTTP 404"},
        {307, "", ENDPOINT_FAILED, "HTTP 307: a redirect that is not followed"},
        {429, "{\"message\":\"slow down\"}", ENDPOINT_BROKEN, "HTTP 429: slow down"},
        {200, "{\"error\":\"overloaded\"}", ENDPOINT_BROKEN, "HTTP 200 with an error: overloaded"},
        {200, "{}", ENDPOINT_BROKEN, "the reply has no choices"},
        {200, "{\"choices\":[]}", ENDPOINT_BROKEN, "the reply has no choices"},
        {200, "{\"choices\":[[]]}", ENDPOINT_BROKEN, "the reply has no choices"},
        {200, "{\"choices\":[{}]}", ENDPOINT_BROKEN, "the reply has no message with a content"},
        {200, "{\"choices\":[{\"message\":{\"content\":7},\"finish_reason\":\"stop\"}]}",
         ENDPOINT_BROKEN, "the reply has no message with a content"},
        {200, "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", ENDPOINT_BROKEN,
         "the text is not finished: finish_reason is: missing"},
        {200, "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"tool_calls\"}]}",
         ENDPOINT_BROKEN, "the text is not finished: finish_reason is: tool_calls"},
        {200,
         "{\"choices\":[{\"message\":{\"content\":\"a "
         "sk-test-0123456789abcdef\"},\"finish_reason\":\"stop\"}]}",
         ENDPOINT_BROKEN, "the reply repeats the key"},
        {200, "{\"choices\":[{\"message\":{\"content\":\"\xE9\"},\"finish_reason\":\"stop\"}]}",
         ENDPOINT_BROKEN, "not valid UTF-8 at byte 35 of the reply"},
        {200, "{\"choices\":[{\"message\":{\"content\":\"cut", ENDPOINT_BROKEN,
         "not valid JSON: wrong at line 1, column 38 of the reply"},
        {200, "", ENDPOINT_BROKEN, "an empty reply where JSON is expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        endpoint_answer answer = read_reply(cases[i].status, cases[i].body);
        assert_string_equal(answer.why, cases[i].why);
        assert_int_equal(answer.outcome, cases[i].outcome);
        assert_null(answer.text);
        endpoint_answer_free(&answer);
    }
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

static void each_host_has_its_own_variable(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"api.deepseek.com", "DEEPSEEK_API_KEY"},
        {"deepseek.com", "DEEPSEEK_API_KEY"},
        {"api.openai.com", "OPENAI_API_KEY"},
        {"notopenai.com", "NOTOPENAI_COM_API_KEY"},
        {"api.openai.com.evil.example", "API_OPENAI_COM_EVIL_EXAMPLE_API_KEY"},
        {"api.mistral.ai", "API_MISTRAL_AI_API_KEY"},
        {"127.0.0.1", "127_0_0_1_API_KEY"},
        {"[::1]", "___1__API_KEY"},
    };
    char name[ENDPOINT_VARIABLE_ROOM];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        endpoint_key_variable(names[i][0], name);
        assert_string_equal(name, names[i][1]);
    }
    char host[1000];
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    endpoint_key_variable(host, name);
    assert_int_equal(strlen(name), ENDPOINT_VARIABLE_ROOM - 1);
}

static void keys_come_from_the_environment_alone(void **state) {
    (void)state;
    sal_error err = {0};
    char *key = NULL;
    unsetenv("SALIENT_API_KEY");
    unsetenv("DEEPSEEK_API_KEY");
    assert_int_equal(endpoint_key_find("api.deepseek.com", false, &key, &err), SAL_EINVAL);
    assert_string_equal(err.text, "api.deepseek.com: no key is there: put it into the environment "
                                  "variable DEEPSEEK_API_KEY");
    /* A server of one's own may want none. */
    assert_ok(endpoint_key_find("localhost", true, &key, &err));
    assert_null(key);
    setenv("SALIENT_API_KEY", "for-one-host", 1);
    assert_int_equal(endpoint_key_find("api.deepseek.com", false, &key, &err), SAL_EINVAL);
    assert_ok(endpoint_key_find("api.deepseek.com", true, &key, &err));
    assert_string_equal(key, "for-one-host");
    endpoint_key_free(key);
    setenv("DEEPSEEK_API_KEY", "its-own", 1);
    assert_ok(endpoint_key_find("api.deepseek.com", true, &key, &err));
    assert_string_equal(key, "its-own");
    endpoint_key_free(key);
    /* A line end would begin another header. */
    setenv("DEEPSEEK_API_KEY", "evil\r\nHost: elsewhere", 1);
    assert_int_equal(endpoint_key_find("api.deepseek.com", true, &key, &err), SAL_EINVAL);
    assert_null(strstr(err.text, "elsewhere"));
    unsetenv("DEEPSEEK_API_KEY");
    unsetenv("SALIENT_API_KEY");
}

static void addresses_are_checked_and_secrets_not_repeated(void **state) {
    (void)state;
    sal_error err = {0};
    char *host = NULL;
    static const char *const bad[] = {
        "api:m",
        "api:@https://h.example",
        "api:m@http://h.example",
        "api:m@https://u:s3cret@h.example",
        "api:m@https://h.example/v1?key=s3cret",
        "api:m@https://h.example/v1#s3cret",
        "api:m@httpx://s3cret.example",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sal_summarize_endpoint_host(bad[i], &host, &err), SAL_EINVAL);
        assert_null(strstr(err.text, "s3cret@"));
        assert_null(strstr(err.text, "=s3cret"));
        assert_null(strstr(err.text, "#s3cret"));
    }
    assert_ok(sal_summarize_endpoint_host("api:org/m@v2@https://H.example/v1/", &host, &err));
    assert_string_equal(host, "h.example");
    sal_free(host);
    endpoint_address address = {0};
    assert_ok(endpoint_address_parse("api:org/m@v2@https://H.example/v1//", &address, &err));
    assert_string_equal(address.model, "org/m@v2");
    assert_string_equal(address.base, "https://H.example/v1");
    endpoint_address_free(&address);
    assert_ok(sal_summarize_endpoint_host("lead", &host, &err));
    assert_null(host);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------------ */

typedef struct fixture {
    char folder[64];
    char path[80];
    char log[96];
    char with[128];
    char notes[8000];
    mock_server server;
    sal_study *study;
    sal_summarize_options options;
    sal_progress progress;
    sal_tally tally;
    int64_t polls_left; /* < 0: never cancelled */
} fixture;

static void collect_note(void *context, const char *text) {
    fixture *f = context;
    const size_t used = strlen(f->notes);
    snprintf(f->notes + used, sizeof f->notes - used, "%s\n", text);
}

static bool is_cancelled(void *context) {
    fixture *f = context;
    return f->polls_left >= 0 && f->polls_left-- == 0;
}

static void open_fixture(fixture *f, const char *faults) {
    static const int lengths[] = {3, 6, 9, 12, 15, 18, 21, 24, 27, 30};
    sal_error err = {0};
    memset(f, 0, sizeof *f);
    make_scratch_folder(f->folder);
    snprintf(f->path, sizeof f->path, "%s/study", f->folder);
    snprintf(f->log, sizeof f->log, "%s/requests", f->folder);
    const char *const arguments[] = {"--faults", faults, "--log", f->log, NULL};
    assert_true(mock_server_start(&f->server, arguments));
    snprintf(f->with, sizeof f->with, "api:mock@%s/v1", f->server.base);
    setenv("SALIENT_API_KEY", secret, 1);
    assert_ok(sal_study_open(f->path, SAL_STUDY_CREATE, &f->study, &err));
    f->options = sal_summarize_defaults();
    f->options.with = f->with;
    f->options.lengths = lengths;
    f->options.length_count = sizeof lengths / sizeof lengths[0];
    f->options.jobs = 8;
    f->options.timeout_seconds = 1;
    f->options.backoff_seconds = 0.005;
    f->options.one_host = true;
    f->polls_left = -1;
    f->progress = (sal_progress){NULL, collect_note, is_cancelled, f};
}

/* No file of the study, note or error holds the key; the server got it. */
static void check_secret(const fixture *f) {
    char command[300];
    assert_null(strstr(f->notes, secret));
    snprintf(command, sizeof command, "grep -rqF %s %s", secret, f->path);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "grep -qF 'Bearer %s' %s", secret, f->log);
    assert_int_equal(system(command), 0);
    /* One origin alone was asked. */
    snprintf(command, sizeof command, "grep -F localhost: %s", f->log);
    assert_int_not_equal(system(command), 0);
}

static void close_fixture(fixture *f) {
    sal_error err = {0};
    assert_ok(sal_study_close(f->study, &err));
    check_secret(f);
    mock_server_stop(&f->server);
    remove_scratch_folder(f->folder);
    unsetenv("SALIENT_API_KEY");
}

static void add_document(fixture *f, const char *id, const char *text) {
    sal_error err = {0};
    sal_added added = SAL_ADDED_SAME;
    const sal_document document = {.corpus = "c",
                                   .id = id,
                                   .language = "en",
                                   .kind = "news",
                                   .text = text,
                                   .text_length = strlen(text)};
    assert_ok(sal_study_add_document(f->study, &document, &added, NULL, &err));
    assert_int_equal(added, SAL_ADDED_NEW);
}

/* Forty words of their own, none of which the server's faults use. */
static void make_words(int document, size_t count, char *text, size_t room) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used +=
            (size_t)snprintf(text + used, room - used, "%sd%dw%zu", i == 0 ? "" : " ", document, i);
}

static void add_documents(fixture *f, int count) {
    for (int i = 0; i < count; i++) {
        char id[16];
        char text[1000];
        snprintf(id, sizeof id, "%d", i);
        make_words(i, 40, text, sizeof text);
        add_document(f, id, text);
    }
}

static int run(fixture *f, sal_error *err) {
    f->tally = (sal_tally){0};
    f->notes[0] = '\0';
    *err = (sal_error){0};
    return sal_summarize_run(f->study, &f->options, &f->progress, &f->tally, err);
}

static sal_summary_list *summaries_of(fixture *f, const char *id) {
    sal_error err = {0};
    int64_t key = 0;
    sal_summary_list *list = NULL;
    sal_summarizer_list *summarizers = NULL;
    assert_ok(sal_study_find_document(f->study, "c", id, &key, &err));
    assert_ok(sal_study_list_summarizers(f->study, &summarizers, &err));
    assert_int_equal(summarizers->count, 1);
    assert_ok(sal_study_get_summaries(f->study, key, summarizers->items[0].key, &list, &err));
    sal_summarizer_list_free(summarizers);
    return list;
}

/* Every ok row holds exactly the text that its own request got; returns how many are ok. */
static size_t check_rows(fixture *f, int documents) {
    size_t good = 0;
    for (int i = 0; i < documents; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        sal_summary_list *list = summaries_of(f, id);
        assert_true(list->count <= f->options.length_count);
        for (size_t k = 0; k < list->count; k++) {
            const sal_summary *summary = &list->items[k];
            char want[1000];
            make_words(i, (size_t)summary->length, want, sizeof want);
            if (summary->status != SAL_STATUS_OK) {
                assert_int_equal(summary->status, SAL_STATUS_FAILED);
                assert_string_equal(summary->text, "");
                assert_non_null(summary->error);
                continue;
            }
            assert_string_equal(summary->text, want);
            assert_int_equal(summary->words, summary->length);
            assert_int_equal(summary->tokens, 7);
            assert_int_equal(summary->prompt_tokens, 100);
            assert_null(summary->error);
            good++;
        }
        sal_summary_list_free(list);
    }
    return good;
}

static int hostile_documents(void) {
    const char *is_long = getenv("SALIENT_LONG");
    return is_long != NULL && is_long[0] == '1' ? 100 : 6;
}

static void under_every_fault_no_row_is_lost_or_false(void **state) {
    (void)state;
    const int documents = hostile_documents();
    const size_t total = (size_t)documents * 10;
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "4");
    add_documents(&f, documents);
    assert_ok(run(&f, &err));
    assert_int_equal(f.tally.done, total);
    assert_int_equal(f.tally.failed, 0);
    assert_int_equal(check_rows(&f, documents), total);
    /* And again: nothing to do, nothing asked. */
    assert_ok(run(&f, &err));
    assert_int_equal(f.tally.done, 0);
    assert_int_equal(f.tally.kept, total);
    assert_string_equal(f.notes, "");
    close_fixture(&f);
}

static void what_fails_is_taken_up_by_the_next_run(void **state) {
    (void)state;
    const int documents = hostile_documents();
    const size_t total = (size_t)documents * 10;
    fixture f;
    sal_error err = {0};
    size_t before = 0;
    open_fixture(&f, "4");
    add_documents(&f, documents);
    f.options.attempts = 1;
    /* Runs of a single attempt; a long streak of failures ends one early, and loses nothing. */
    for (int i = 0; i < 40; i++) {
        const int status = run(&f, &err);
        assert_true(status == SAL_OK || status == SAL_EIO);
        assert_null(strstr(err.text, secret));
        const size_t good = check_rows(&f, documents);
        assert_int_equal(f.tally.kept, before);
        assert_int_equal(f.tally.done, good - before);
        before = good;
        if (status == SAL_OK && f.tally.failed == 0)
            break;
    }
    assert_int_equal(before, total);
    close_fixture(&f);
}

static void an_interrupted_run_ends_with_the_same_rows(void **state) {
    (void)state;
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "2");
    add_documents(&f, 3);
    int status = SAL_ECANCELLED;
    for (int64_t i = 0; status == SAL_ECANCELLED && i < 100; i++) {
        f.polls_left = 5 + 3 * i;
        status = run(&f, &err);
        check_rows(&f, 3);
    }
    assert_ok(status);
    assert_int_equal(check_rows(&f, 3), 30);
    close_fixture(&f);
}

static void check_single(fixture *f, const char *id, sal_status status, const char *text,
                         const char *error) {
    sal_summary_list *list = summaries_of(f, id);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->items[0].status, status);
    assert_string_equal(list->items[0].text, text);
    if (error == NULL)
        assert_null(list->items[0].error);
    else
        assert_string_equal(list->items[0].error, error);
    sal_summary_list_free(list);
}

static void refusals_are_final_and_errors_are_not(void **state) {
    (void)state;
    static const int length[] = {3};
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "0");
    add_document(&f, "refuse", "[refuse] a b c d");
    add_document(&f, "azure", "[azure] a b c d");
    add_document(&f, "filter", "[filter] a b c d");
    add_document(&f, "decline", "[decline] a b c d");
    add_document(&f, "empty", "[empty] a b c d");
    add_document(&f, "long", "[long] a b c d");
    add_document(&f, "broken", "[broken] a b c d");
    add_document(&f, "toolong", "[toolong] a b c d");
    add_document(&f, "redirect", "[redirect] a b c d");
    add_document(&f, "good", "a b c d");
    f.options.lengths = length;
    f.options.length_count = 1;
    f.options.attempts = 2;
    assert_ok(run(&f, &err));
    assert_int_equal(f.tally.done, 7);
    assert_int_equal(f.tally.failed, 3);
    assert_int_equal(f.tally.refused, 5);
    assert_int_equal(f.tally.truncated, 1);
    check_single(&f, "refuse", SAL_STATUS_REFUSED, "", "HTTP 400: Content Exists Risk");
    check_single(&f, "azure", SAL_STATUS_REFUSED, "", "HTTP 400: filtered");
    check_single(&f, "filter", SAL_STATUS_REFUSED, "", "content filter");
    check_single(&f, "decline", SAL_STATUS_REFUSED, "", "refused: I cannot help with that.");
    check_single(&f, "empty", SAL_STATUS_REFUSED, "  \n", "the model gave no word");
    check_single(&f, "long", SAL_STATUS_TRUNCATED, "[long] a b", NULL);
    check_single(&f, "broken", SAL_STATUS_FAILED, "", "HTTP 500: no luck for [key]");
    check_single(&f, "toolong", SAL_STATUS_FAILED, "",
                 "HTTP 400: context length exceeded,? ?[31mred");
    check_single(&f, "redirect", SAL_STATUS_FAILED, "",
                 "HTTP 307: a redirect that is not followed");
    check_single(&f, "good", SAL_STATUS_OK, "a b c", NULL);
    /* The server is well again: only what failed is asked for. */
    char command[200];
    snprintf(command, sizeof command,
             "python3 -c 'import urllib.request as u; u.urlopen(\"%s/heal\").read()'",
             f.server.base);
    assert_int_equal(system(command), 0);
    assert_ok(run(&f, &err));
    assert_int_equal(f.tally.kept, 7);
    assert_int_equal(f.tally.done, 1);
    assert_int_equal(f.tally.failed, 2);
    check_single(&f, "broken", SAL_STATUS_OK, "[broken] a b", NULL);
    close_fixture(&f);
}

static void length_policies_hold(void **state) {
    (void)state;
    static const int length[] = {3};
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "1");
    add_document(&f, "verbose", "[verbose] a b c d");
    f.options.lengths = length;
    f.options.length_count = 1;
    f.options.length_policy = "trim";
    f.options.seed = 3;
    assert_ok(run(&f, &err));
    sal_summary_list *list = summaries_of(&f, "verbose");
    assert_string_equal(list->items[0].text, "[verbose] a b");
    sal_summary_list_free(list);
    /* Another configuration under the same name is refused. */
    f.options.length_policy = "retry:30";
    assert_int_equal(run(&f, &err), SAL_EEXISTS);
    assert_non_null(strstr(err.text, "length_policy"));
    close_fixture(&f);

    open_fixture(&f, "1");
    add_document(&f, "verbose", "[verbose] a b c d");
    f.options.lengths = length;
    f.options.length_count = 1;
    f.options.length_policy = "retry:30";
    assert_ok(run(&f, &err));
    check_single(&f, "verbose", SAL_STATUS_OK, "[verbose] a b", NULL);
    close_fixture(&f);
}

static void a_wrong_key_ends_the_run_at_once(void **state) {
    (void)state;
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "0");
    add_document(&f, "0", "[unauthorized] a b c d");
    assert_int_equal(run(&f, &err), SAL_EIO);
    assert_string_equal(err.text,
                        "127.0.0.1: HTTP 401: Incorrect API key provided; the key is that "
                        "of 127_0_0_1_API_KEY or SALIENT_API_KEY");
    assert_int_equal(f.tally.done + f.tally.failed, 0);
    close_fixture(&f);
}

static void a_server_that_only_fails_ends_the_run(void **state) {
    (void)state;
    fixture f;
    sal_error err = {0};
    open_fixture(&f, "0");
    for (int i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        add_document(&f, id, "[broken] a b c d");
    }
    f.options.attempts = 2;
    assert_int_equal(run(&f, &err), SAL_EIO);
    assert_string_equal(err.text,
                        "127.0.0.1: 20 summaries in a row failed, the last one: HTTP 500: no luck "
                        "for [key]; the same command goes on from there");
    assert_int_equal(f.tally.failed, 20);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_text_is_a_text),
        cmocka_unit_test(everything_else_is_none),
        cmocka_unit_test(each_host_has_its_own_variable),
        cmocka_unit_test(keys_come_from_the_environment_alone),
        cmocka_unit_test(addresses_are_checked_and_secrets_not_repeated),
        cmocka_unit_test(under_every_fault_no_row_is_lost_or_false),
        cmocka_unit_test(what_fails_is_taken_up_by_the_next_run),
        cmocka_unit_test(an_interrupted_run_ends_with_the_same_rows),
        cmocka_unit_test(refusals_are_final_and_errors_are_not),
        cmocka_unit_test(length_policies_hold),
        cmocka_unit_test(a_wrong_key_ends_the_run_at_once),
        cmocka_unit_test(a_server_that_only_fails_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
