/* One transfer: how libcurl is told to send a request, and what is believed of what comes back. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "io/http_internal.h"
#include "salient/version.h"

enum {
    CONNECT_SECONDS = 15,
    STALL_SECONDS = 60,
    MAXIMUM_HEAD = 1 << 16,      /* bytes of a reply's header */
    MAXIMUM_COMPLAINT = 1 << 16, /* bytes kept of a reply that is an error */
    MAXIMUM_REDIRECTS = 5
};

static long status_of(const http_transfer *transfer) {
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* ---- what comes back ------------------------------------------------------------------------------- */

static bool begins(const char *line, size_t length, const char *name) {
    const size_t count = strlen(name);
    return length >= count && strncasecmp(line, name, count) == 0;
}

/* `Link: <https://...>; rel="next"`: the first address so marked. */
static int read_link(http_transfer *transfer, const char *line, size_t length) {
    const char *end = line + length;
    for (const char *at = line; at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL;) {
        const char *close = memchr(at, '>', (size_t)(end - at));
        if (close == NULL)
            return SAL_OK;
        const char *comma = memchr(close, ',', (size_t)(end - close));
        const char *stop = comma != NULL ? comma : end;
        for (const char *rel = close; stop - rel >= 10; rel++) {
            if (strncasecmp(rel, "rel=\"next\"", 10) != 0)
                continue;
            sal_buffer_clear(&transfer->next);
            return sal_buffer_add(&transfer->next, at + 1, (size_t)(close - at - 1),
                                  &transfer->own);
        }
        at = stop;
    }
    return SAL_OK;
}

/* The first byte of `Content-Range: bytes 100-199/200`; -1 when that is not there. */
static int64_t read_range(const char *line, size_t length) {
    int64_t start = 0;
    size_t digits = 0;
    size_t at = strlen("content-range:");
    while (at < length && line[at] == ' ')
        at++;
    if (!begins(line + at, length - at, "bytes "))
        return -1;
    for (at += strlen("bytes "); at < length && line[at] >= '0' && line[at] <= '9'; at++) {
        if (++digits > 18)
            return -1;
        start = start * 10 + (line[at] - '0');
    }
    return digits > 0 && at < length && line[at] == '-' ? start : -1;
}

static size_t take_header(char *line, size_t size, size_t count, void *context) {
    http_transfer *transfer = context;
    const size_t length = size * count;
    transfer->head_bytes += length;
    if (transfer->head_bytes > MAXIMUM_HEAD) {
        transfer->too_long = true;
        return 0;
    }
    if (begins(line, length, "http/")) { /* of the reply proper, after any 1xx */
        sal_buffer_clear(&transfer->next);
        transfer->range_start = -1;
        transfer->has_retry_after = false;
    } else if (begins(line, length, "content-range:")) {
        transfer->range_start = read_range(line, length);
    } else if (begins(line, length, "retry-after:")) {
        transfer->has_retry_after = true;
    } else if (begins(line, length, "link:") && read_link(transfer, line, length) != SAL_OK) {
        return 0;
    }
    return length;
}

/* The first bytes for a sink: whoever reads them learns where they belong. */
static int start_sink(http_transfer *transfer, long status) {
    const sal_http_request *request = transfer->request;
    const int64_t offset = status == 206 ? transfer->range_start : 0;
    transfer->started = true;
    if (status == 206 && offset != request->offset)
        return sal_fail(&transfer->own, SAL_EIO,
                        "the server sent other bytes of the file than those asked for");
    return request->start == NULL
               ? SAL_OK
               : request->start(request->start_context, status, offset, &transfer->own);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    http_transfer *transfer = context;
    const sal_http_request *request = transfer->request;
    const size_t length = size * count;
    const long status = status_of(transfer);
    const bool good = status >= 200 && status < 300;
    const size_t limit =
        good || request->reply_limit < MAXIMUM_COMPLAINT ? request->reply_limit : MAXIMUM_COMPLAINT;
    if ((uint64_t)transfer->received + length > limit) {
        transfer->too_long = true;
        return 0;
    }
    transfer->received += (int64_t)length;
    int code = SAL_OK;
    if (request->sink == NULL || !good) {
        code = sal_buffer_add(&transfer->body, bytes, length, &transfer->own);
    } else {
        if (!transfer->started)
            code = start_sink(transfer, status);
        if (code == SAL_OK)
            code = sal_sink_write(request->sink, bytes, length, &transfer->own);
    }
    return code == SAL_OK ? length : 0;
}

/* ---- sending --------------------------------------------------------------------------------------- */

static int add_header(http_transfer *transfer, const char *line, sal_error *err) {
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL)
        return sal_fail_memory(err, "a request");
    transfer->headers = longer;
    return SAL_OK;
}

static int add_headers(http_transfer *transfer, sal_error *err) {
    const sal_http_request *request = transfer->request;
    sal_buffer line = {0};
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    int status = add_header(transfer, "Accept: */*", err);
    if (status == SAL_OK && request->body != NULL)
        status = add_header(transfer, "Content-Type: application/json", err);
    if (status == SAL_OK && request->body != NULL)
        status = add_header(transfer, "Expect:", err); /* no waiting for "100 Continue" */
    if (status == SAL_OK && request->key != NULL && transfer->with_key) {
        status = sal_buffer_add_format(&line, err, "Authorization: Bearer %s", request->key);
        if (status == SAL_OK)
            status = add_header(transfer, line.bytes, err);
    }
    if (status == SAL_OK && request->offset > 0) {
        sal_buffer_clear(&line);
        status =
            sal_buffer_add_format(&line, err, "Range: bytes=%lld-", (long long)request->offset);
        if (status == SAL_OK)
            status = add_header(transfer, line.bytes, err);
    }
    sal_buffer_free(&line);
    return status;
}

static int set_options(http_transfer *transfer, sal_error *err) {
    const sal_http_request *request = transfer->request;
    CURL *easy = transfer->easy;
    bool set = curl_easy_setopt(easy, CURLOPT_URL, transfer->url) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    set = set && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    set = set && curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                                  (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
    set = set && curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_USERAGENT, "salient/" SAL_VERSION) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->trouble) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
          curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK;
    /* A proxy would carry what goes to this machine, key included, over the network in the clear. */
    if (http_is_plain(transfer->url))
        set = set && curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
    if (request->timeout_seconds > 0)
        set = set && curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                                      (long)(request->timeout_seconds * 1000)) == CURLE_OK;
    else
        set = set && curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS) == CURLE_OK;
    if (request->body != NULL)
        set = set &&
              curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->body_length) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
    return set ? SAL_OK
               : sal_fail(err, SAL_EIO, "this libcurl (%s) cannot send such a request",
                          curl_version());
}

/* Ready the handle for transfer->url. */
static int prepare_url(http_transfer *transfer, sal_error *err) {
    int status = sal_url_check("a request", transfer->url, NULL, err);
    if (status != SAL_OK)
        return status;
    sal_buffer_clear(&transfer->body);
    sal_buffer_clear(&transfer->next);
    transfer->head_bytes = 0;
    transfer->received = 0;
    transfer->range_start = -1;
    transfer->started = false;
    transfer->too_long = false;
    transfer->has_retry_after = false;
    transfer->own = (sal_error){0};
    transfer->trouble[0] = '\0';
    transfer->problem[0] = '\0';
    if (transfer->easy == NULL)
        transfer->easy = curl_easy_init();
    if (transfer->easy == NULL)
        return sal_fail_memory(err, "a connection");
    curl_easy_reset(transfer->easy); /* keeps its connections */
    status = add_headers(transfer, err);
    return status == SAL_OK ? set_options(transfer, err) : status;
}

int http_transfer_prepare(http_transfer *transfer, const sal_http_request *request,
                          sal_error *err) {
    sal_free(transfer->url);
    transfer->request = request;
    transfer->with_key = true;
    transfer->redirects = 0;
    transfer->url = sal_copy_string(request->url);
    return transfer->url == NULL ? sal_fail_memory(err, "an address") : prepare_url(transfer, err);
}

/* ---- the outcome ----------------------------------------------------------------------------------- */

static void say_problem(http_transfer *transfer, CURLcode result) {
    const sal_http_request *request = transfer->request;
    char *text = transfer->problem;
    const size_t room = sizeof transfer->problem;
    if (transfer->too_long && transfer->head_bytes > MAXIMUM_HEAD)
        snprintf(text, room, "the head of the reply is longer than %d bytes", MAXIMUM_HEAD);
    else if (transfer->too_long)
        snprintf(text, room, "the reply is longer than %zu bytes", request->reply_limit);
    else if (result == CURLE_OPERATION_TIMEDOUT && request->timeout_seconds > 0)
        snprintf(text, room, "no whole reply within %g s", request->timeout_seconds);
    else if (result == CURLE_PARTIAL_FILE)
        snprintf(text, room, "the reply ended early");
    else if (result == CURLE_GOT_NOTHING)
        snprintf(text, room, "the connection was closed without a reply");
    else
        snprintf(text, room, "%s",
                 transfer->trouble[0] != '\0' ? transfer->trouble : curl_easy_strerror(result));
}

static bool is_permanent(CURLcode result) {
    return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
           result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT;
}

/* A GET goes where it is sent, never from https to http, and without the key once it leaves the origin. */
static int follow(http_transfer *transfer, bool *again, sal_error *err) {
    char *location = NULL;
    const long status = status_of(transfer);
    *again = false;
    if (status < 300 || status >= 400 || status == 304 || transfer->request->body != NULL ||
        transfer->redirects == MAXIMUM_REDIRECTS)
        return SAL_OK;
    curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location);
    if (location == NULL || sal_url_check("a redirect", location, NULL, NULL) != SAL_OK ||
        (http_is_plain(location) && !http_is_plain(transfer->url)))
        return SAL_OK;
    char *target = sal_copy_string(location);
    if (target == NULL)
        return sal_fail_memory(err, "an address");
    transfer->with_key = transfer->with_key && http_same_origin(transfer->request->url, target);
    sal_free(transfer->url);
    transfer->url = target;
    transfer->redirects++;
    *again = true;
    return prepare_url(transfer, err);
}

int http_transfer_finish(http_transfer *transfer, CURLcode result, sal_http_reply *reply,
                         bool *again, sal_error *err) {
    curl_off_t wait = 0;
    *again = false;
    *reply = (sal_http_reply){.body = "", .retry_after = -1, .problem = transfer->problem};
    if (transfer->own.code != SAL_OK)
        return sal_fail(err, transfer->own.code, "%s", transfer->own.text);
    if (result != CURLE_OK) {
        say_problem(transfer, result);
        reply->permanent = is_permanent(result);
        return SAL_OK;
    }
    int status = follow(transfer, again, err);
    if (status != SAL_OK || *again)
        return status;
    reply->status = status_of(transfer);
    if (transfer->has_retry_after) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait);
        reply->retry_after = (double)wait;
    }
    if (transfer->body.length > 0) {
        reply->body = transfer->body.bytes;
        reply->length = transfer->body.length;
    }
    if (transfer->next.length > 0)
        reply->next = transfer->next.bytes;
    /* A body without a byte never reaches take_body. */
    if (transfer->request->sink != NULL && !transfer->started && reply->status >= 200 &&
        reply->status < 300 && start_sink(transfer, reply->status) != SAL_OK)
        return sal_fail(err, transfer->own.code, "%s", transfer->own.text);
    return SAL_OK;
}

void http_transfer_free(http_transfer *transfer) {
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    sal_buffer_free(&transfer->body);
    sal_buffer_free(&transfer->next);
    sal_free(transfer->url);
    *transfer = (http_transfer){0};
}
