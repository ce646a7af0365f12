/* Requests over HTTP: which addresses are used, where a key goes, what is tried again, and what of a hostile reply is believed. */

#include "testing.h"

#include <jansson.h>

#include "io/http.h"
#include "mock_server.h"

/* ---- addresses ------------------------------------------------------------------------------------------------------------- */

static void https_anywhere_http_to_this_machine_only(void **state) {
    (void)state;
    static const char *const good[] = {
        "https://api.deepseek.com",   "https://API.Example.org:8443/v1",
        "http://localhost:8080/v1",   "http://127.0.0.1",
        "http://127.9.9.9:1/x",       "http://[::1]:8080",
        "https://huggingface.co/x?y",
    };
    static const char *const bad[] = {
        "http://api.deepseek.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://[::2]",
        "http://0.0.0.0",
        "ftp://example.org",
        "file:///etc/passwd",
        "example.org",
        "https://",
        "",
    };
    sal_error err = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(sal_url_check("here", good[i], NULL, &err));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sal_url_check("here", bad[i], NULL, &err) != SAL_EINVAL)
            fail_msg("%s is accepted", bad[i]);
    char *host = NULL;
    assert_ok(sal_url_check("here", "https://API.Example.org:8443/v1", &host, &err));
    assert_string_equal(host, "api.example.org");
    sal_free(host);
}

static void a_password_in_an_address_is_refused_and_not_repeated(void **state) {
    (void)state;
    sal_error err = {0};
    assert_int_equal(sal_url_check("here", "https://me:s3cret@example.org", NULL, &err),
                     SAL_EINVAL);
    assert_null(strstr(err.text, "s3cret"));
    assert_int_equal(sal_url_check("here", "gopher://s3cret@example.org", NULL, &err), SAL_EINVAL);
    assert_null(strstr(err.text, "s3cret"));
}

static void escapes_leave_only_what_needs_none(void **state) {
    (void)state;
    sal_error err = {0};
    sal_buffer out = {0};
    assert_ok(sal_url_escape(&out, "a b/c?d=é&#%", false, &err));
    assert_string_equal(out.bytes, "a%20b%2Fc%3Fd%3D%C3%A9%26%23%25");
    sal_buffer_clear(&out);
    assert_ok(sal_url_escape(&out, "a/b+c", true, &err));
    assert_string_equal(out.bytes, "a/b%2Bc");
    sal_buffer_free(&out);
}

/* ---- JSON of strangers ----------------------------------------------------------------------------------------------------- */

static void json_of_strangers_is_checked_first(void **state) {
    (void)state;
    char deep[200];
    json_t *root = NULL;
    sal_error err = {0};
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(sal_json_reply(deep, 200, &root, &err), SAL_ELIMIT);
    assert_int_equal(sal_json_reply(deep + 50, 100, &root, &err), SAL_OK);
    json_decref(root);
    assert_int_equal(sal_json_reply("\"\xE9\"", 3, &root, &err), SAL_EFORMAT);
    assert_int_equal(sal_json_reply("{\"a\":1,\"a\":2}", 13, &root, &err), SAL_EFORMAT);
    assert_int_equal(sal_json_reply("[\"\\u0000\"]", 10, &root, &err), SAL_EFORMAT);
    assert_int_equal(sal_json_reply("{} {}", 5, &root, &err), SAL_EFORMAT);
    assert_int_equal(sal_json_reply("", 0, &root, &err), SAL_EFORMAT);
    /* What is wrong is told without quoting it: it may be anything. */
    assert_int_equal(sal_json_reply("{\"a\": evil}", 11, &root, &err), SAL_EFORMAT);
    assert_null(strstr(err.text, "evil"));
    /* Brackets inside of strings nest nothing. */
    char text[200] = "[\"";
    memset(text + 2, '[', 150);
    memcpy(text + 152, "\\\"[\"]", 6);
    assert_int_equal(sal_json_reply(text, strlen(text), &root, &err), SAL_OK);
    json_decref(root);
}

/* ---- a server -------------------------------------------------------------------------------------------------------------- */

static int start(void **state) {
    static mock_server server;
    static const char *const none[] = {NULL};
    *state = &server;
    return mock_server_start(&server, none) ? 0 : -1;
}

static int stop(void **state) {
    mock_server_stop(*state);
    return 0;
}

static const sal_http_options quick = {1, 3, 0.01};

/* What the server saw in the header Authorization of a GET of base + path, with the key "k3y"; NULL: nothing. */
static char *seen_key(const mock_server *server, const char *path) {
    char url[300];
    sal_error err = {0};
    sal_buffer body = {0};
    json_t *root = NULL;
    snprintf(url, sizeof url, "%s%s", server->base, path);
    const sal_http_request request = {.url = url, .key = "k3y", .reply_limit = 10000};
    assert_ok(sal_http_get(&quick, &request, NULL, &body, NULL, &err));
    assert_ok(sal_json_reply(body.bytes, body.length, &root, &err));
    char *seen = sal_copy_string(json_string_value(json_object_get(root, "authorization")));
    json_decref(root);
    sal_buffer_free(&body);
    return seen;
}

static void a_key_goes_to_its_own_origin_alone(void **state) {
    const mock_server *server = *state;
    char path[200];
    char *seen = seen_key(server, "/echo");
    assert_string_equal(seen, "Bearer k3y");
    sal_free(seen);
    snprintf(path, sizeof path, "/away%s/echo", server->base);
    seen = seen_key(server, path);
    assert_string_equal(seen, "Bearer k3y");
    sal_free(seen);
    /* The same machine and port under another name is another origin; and coming back does not bring the key back. */
    snprintf(path, sizeof path, "/awayhttp://localhost:%d/echo", server->port);
    assert_null(seen_key(server, path));
    snprintf(path, sizeof path, "/awayhttp://localhost:%d/away%s/echo", server->port, server->base);
    assert_null(seen_key(server, path));
}

static void redirects_end(void **state) {
    const mock_server *server = *state;
    char url[200];
    sal_error err = {0};
    sal_buffer body = {0};
    snprintf(url, sizeof url, "%s/away/away/away/away/away/away/away/echo", server->base);
    const sal_http_request request = {.url = url, .reply_limit = 10000};
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_EIO);
    assert_non_null(strstr(err.text, "HTTP 302: a redirect that is not followed"));
    snprintf(url, sizeof url, "%s/awayfile:///etc/passwd", server->base);
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_EIO);
    sal_buffer_free(&body);
}

static void what_is_not_there_says_so(void **state) {
    const mock_server *server = *state;
    char url[200];
    sal_error err = {0};
    sal_buffer body = {0};
    snprintf(url, sizeof url, "%s/nothing?token=abc", server->base);
    sal_http_request request = {.url = url, .reply_limit = 10000};
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_ENOTFOUND);
    assert_string_equal(err.text,
                        "127.0.0.1: HTTP 404 (there is nothing of that name, or it is private)");
    /* Nobody listens there. */
    request.url = "http://127.0.0.1:1/";
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_EIO);
    request.url = "http://example.org/";
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_EINVAL);
    sal_buffer_free(&body);
}

static void replies_have_a_limit(void **state) {
    const mock_server *server = *state;
    char url[200];
    sal_error err = {0};
    sal_buffer body = {0};
    snprintf(url, sizeof url, "%s/echo", server->base);
    sal_http_request request = {.url = url, .reply_limit = 23};
    assert_ok(sal_http_get(&quick, &request, NULL, &body, NULL, &err));
    assert_string_equal(body.bytes, "{\"authorization\": null}");
    request.reply_limit = 22;
    assert_int_equal(sal_http_get(&quick, &request, NULL, &body, NULL, &err), SAL_EIO);
    assert_string_equal(err.text, "127.0.0.1: the reply is longer than 22 bytes");
    sal_buffer_free(&body);
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void ctrl_c_ends_a_wait(void **state) {
    const mock_server *server = *state;
    const sal_progress progress = {.cancelled = always};
    char url[200];
    sal_error err = {0};
    sal_buffer body = {0};
    snprintf(url, sizeof url, "%s/echo", server->base);
    const sal_http_request request = {.url = url, .reply_limit = 1000};
    assert_int_equal(sal_http_get(&quick, &request, &progress, &body, NULL, &err), SAL_ECANCELLED);
    sal_buffer_free(&body);
}

static void memory_may_run_out_anywhere(void **state) {
    const mock_server *server = *state;
    const long before = sal_faulty_blocks();
    char url[200];
    snprintf(url, sizeof url, "%s/away/echo", server->base);
    const sal_http_request request = {.url = url, .key = "k3y", .reply_limit = 1000};
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_buffer body = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        const int status = sal_http_get(&quick, &request, NULL, &body, NULL, &err);
        const bool reached = sal_faulty_reset();
        if (!reached)
            assert_ok(status);
        else if (status != SAL_OK)
            assert_int_equal(status, SAL_ENOMEM);
        sal_buffer_free(&body);
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_anywhere_http_to_this_machine_only),
        cmocka_unit_test(a_password_in_an_address_is_refused_and_not_repeated),
        cmocka_unit_test(escapes_leave_only_what_needs_none),
        cmocka_unit_test(json_of_strangers_is_checked_first),
        cmocka_unit_test(a_key_goes_to_its_own_origin_alone),
        cmocka_unit_test(redirects_end),
        cmocka_unit_test(what_is_not_there_says_so),
        cmocka_unit_test(replies_have_a_limit),
        cmocka_unit_test(ctrl_c_ends_a_wait),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
