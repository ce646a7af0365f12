/** Inside of http: one transfer of libcurl, and the questions on addresses that only it asks. */
#ifndef SALIENT_IO_HTTP_INTERNAL_H
#define SALIENT_IO_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "io/http.h"

/** Same scheme, host and port. */
bool http_same_origin(const char *a, const char *b);
/** An address of http, not https. */
bool http_is_plain(const char *url);

/** One request on its way (transfer.c). Zero-initialise; free with http_transfer_free. */
typedef struct http_transfer {
    CURL *easy;
    struct curl_slist *headers;
    const sal_http_request *request;
    char *url;     /* where it goes: the request's, or where a redirect led */
    bool with_key; /* still at the origin that the key belongs to */
    int redirects; /* followed so far */
    sal_buffer body;
    sal_buffer next; /* address of the next page */
    size_t head_bytes;
    int64_t received;    /* bytes of the body */
    int64_t range_start; /* of a 206; -1: not told */
    bool started;        /* request->start was called */
    bool too_long;
    bool has_retry_after;
    sal_error own; /* of the sink or of start: ends the run */
    char trouble[CURL_ERROR_SIZE];
    char problem[300];
} http_transfer;

/** Make ready to send a request.
 *  errs   SAL_ENOMEM, those of sal_url_check */
int http_transfer_prepare(http_transfer *transfer, const sal_http_request *request,
                          sal_error *err) SAL_MUST_CHECK;

/** Read the outcome of a transfer that libcurl calls finished.
 *  out    *reply points into the transfer; *again: a redirect is to be followed, prepare was done
 *  errs   SAL_ENOMEM; those of the request's sink and start */
int http_transfer_finish(http_transfer *transfer, CURLcode result, sal_http_reply *reply,
                         bool *again, sal_error *err) SAL_MUST_CHECK;

void http_transfer_free(http_transfer *transfer);

#endif
