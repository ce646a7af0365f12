/** Requests over HTTP: several in flight, sent again when a server or the way to it fails, and never trusting what comes back.
 *
 *  Rules, for every request
 *    - https, or http to this machine (loopback) only; certificates are checked; proxies of the environment are honoured for https.
 *    - A key is sent to the origin (scheme, host, port) of the request's address alone: a POST follows no redirect, a GET goes on
 *      without the key where a redirect leaves the origin.
 *    - Replies are limited in bytes, head and body; whatever goes over is cut off and is no reply.
 *    - What did not come whole is told as a problem and never as a reply.
 *  Errors and problems name hosts and statuses, never addresses with their queries, and never keys.
 */
#ifndef SALIENT_IO_HTTP_H
#define SALIENT_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"
#include "salient/progress.h"

/* ---- addresses (url.c) -------------------------------------------------------------------------- */

/** Check that an address may be used, and give its host in lower case (IPv6 in brackets).
 *  in     what: how the error calls it ("--with api:", ...)
 *  out    *host freed with sal_free; NULL allowed
 *  errs   SAL_EINVAL: no address, another scheme than https and http, http to another machine, a user name or password in it.
 *         The text never repeats the address: it may hold a password. */
int sal_url_check(const char *what, const char *url, char **host, sal_error *err) SAL_MUST_CHECK;

/** Append a text with everything but letters, digits and -._~ (and / when keep_slash) percent-encoded. */
int sal_url_escape(sal_buffer *out, const char *text, bool keep_slash,
                   sal_error *err) SAL_MUST_CHECK;

/* ---- requests ----------------------------------------------------------------------------------- */

/** One request. Everything is borrowed until it is finished. */
typedef struct sal_http_request {
    const char *url;
    const char *body; /* NULL: GET; else POST of JSON */
    size_t body_length;
    const char *key;        /* bearer token, or NULL */
    int64_t offset;         /* GET: first byte wanted; 0: all of it, without a range */
    size_t reply_limit;     /* bytes of a body at most */
    double timeout_seconds; /* for the whole of it; 0: as long as bytes keep coming */
    /** Where the body of a 2xx reply goes as it comes, in place of memory; NULL: memory. start is called before, with the status
     *  and where the bytes begin (0, or the offset of a 206): a negative return ends everything. */
    const sal_sink *sink;
    int (*start)(void *context, long status, int64_t offset, sal_error *err);
    void *start_context;
} sal_http_request;

/** What came back. Valid during the call that hands it out. */
typedef struct sal_http_reply {
    long status;      /* 0: no whole reply came, see problem */
    const char *body; /* [length] and a NUL; "" when it went to a sink */
    size_t length;
    double retry_after; /* seconds the server asks to wait; < 0: it does not */
    const char *next;   /* address of the next page (Link: rel="next"), or NULL */
    bool permanent; /* no use in trying again: a certificate that does not hold, no such scheme */
    const char *problem; /* "" when the reply is whole */
} sal_http_reply;

typedef enum sal_http_verdict {
    SAL_HTTP_DONE, /* this item is settled */
    SAL_HTTP_AGAIN, /* the same once more after a wait, one attempt less; not allowed when it was the last one */
    SAL_HTTP_NEXT /* *request was changed: send it now, with all attempts */
} sal_http_verdict;

/** Work for sal_http_run. */
typedef struct sal_http_work {
    /** The next item; *item NULL when there is no more. */
    int (*take)(void *context, void **item, sal_http_request *request, sal_error *err);
    /** Judge a reply. An error ends the run. */
    int (*judge)(void *context, void *item, sal_http_request *request, const sal_http_reply *reply,
                 bool last, sal_http_verdict *verdict, sal_error *err);
    /** Called once for every item taken, when it is settled or the run ends; may be NULL. */
    void (*drop)(void *context, void *item);
    void *context;
} sal_http_work;

typedef struct sal_http_options {
    int jobs;     /* requests in flight at most */
    int attempts; /* of one request, the first included */
    double
        backoff_seconds; /* wait before the second attempt, then doubled up to a minute, each halved at most by chance */
} sal_http_options;

/** 6 attempts, a second, one request at a time. */
sal_http_options sal_http_defaults(void);

/** Take items, send their requests, have the replies judged, until there is no more. One thread; callbacks come one at a time.
 *  While a server asks all to wait (429, or 503 with Retry-After), nothing is started; it is waited for five minutes at most.
 *  errs   SAL_ECANCELLED, those of the callbacks, SAL_ENOMEM, SAL_EIO (libcurl cannot start) */
int sal_http_run(const sal_http_options *options, const sal_http_work *work,
                 const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;

/** True for replies that another attempt may better: none at all, 408, 425, 429, 5xx. */
bool sal_http_is_passing(const sal_http_reply *reply);

/** One line on what is wrong with a reply: "HTTP 503", "the reply ended early", ... */
void sal_http_describe(const sal_http_reply *reply, char *text, size_t room);

/** GET an address, trying again as run does.
 *  out    *body replaced; *next the address of the next page, freed with sal_free, or NULL; next may be NULL
 *  errs   SAL_ENOTFOUND (404), SAL_EUNSUPPORTED (401, 403: says which variable holds the key), SAL_EIO (all else), those of run */
int sal_http_get(const sal_http_options *options, const sal_http_request *request,
                 const sal_progress *progress, sal_buffer *body, char **next,
                 sal_error *err) SAL_MUST_CHECK;

/* ---- JSON of strangers (json_reply.c) ----------------------------------------------------------- */

struct json_t;

/** Parse a whole JSON text: valid UTF-8, without NUL, nested at most 64 deep, no key twice.
 *  out    *root, json_decref
 *  errs   SAL_EFORMAT, SAL_ELIMIT; the text quotes nothing of the input */
int sal_json_reply(const char *bytes, size_t length, struct json_t **root,
                   sal_error *err) SAL_MUST_CHECK;

#endif
