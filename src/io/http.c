/* The driver: items in slots, each slot one transfer, sent again with growing waits; one thread, one call of libcurl's multi at a time.
 *
 *  Waits: attempt k+1 begins after 2^(k-1) times the base, at most a minute, times a draw from [1/2, 1] so that clients that failed
 *  together do not return together; what a server asks for (Retry-After) goes before. A draw never enters a result. */

#include <stdio.h>
#include <string.h>

#include "io/http_internal.h"
#include "salient/random.h"

static const double longest_backoff = 60;
static const double longest_retry_after = 300;
static const double poll_seconds = 0.2; /* so that Ctrl-C is seen */

typedef enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING } slot_state;

typedef struct slot {
    slot_state state;
    void *item;
    sal_http_request request;
    http_transfer transfer;
    int attempt; /* from 1 */
    double until;
} slot;

typedef struct driver {
    const sal_http_options *options;
    const sal_http_work *work;
    const sal_progress *progress;
    CURLM *multi;
    slot *slots;
    size_t count;
    bool exhausted;
    double not_before; /* the server asked all to wait */
    sal_random random;
} driver;

sal_http_options sal_http_defaults(void) {
    return (sal_http_options){.jobs = 1, .attempts = 6, .backoff_seconds = 1};
}

bool sal_http_is_passing(const sal_http_reply *reply) {
    if (reply->status == 0)
        return !reply->permanent;
    return reply->status == 408 || reply->status == 425 || reply->status == 429 ||
           (reply->status >= 500 && reply->status != 501 && reply->status != 505);
}

void sal_http_describe(const sal_http_reply *reply, char *text, size_t room) {
    if (reply->status == 0)
        snprintf(text, room, "%s", reply->problem);
    else if (reply->status >= 300 && reply->status < 400)
        snprintf(text, room, "HTTP %ld: a redirect that is not followed", reply->status);
    else
        snprintf(text, room, "HTTP %ld", reply->status);
}

/* ---- slots ----------------------------------------------------------------------------------------- */

static int send_slot(driver *d, slot *s, sal_error *err) {
    int status = http_transfer_prepare(&s->transfer, &s->request, err);
    if (status != SAL_OK)
        return status;
    curl_easy_setopt(s->transfer.easy, CURLOPT_PRIVATE, (void *)s);
    if (curl_multi_add_handle(d->multi, s->transfer.easy) != CURLM_OK)
        return sal_fail(err, SAL_EIO, "libcurl takes no further request");
    s->state = SLOT_RUNNING;
    return SAL_OK;
}

static void empty_slot(driver *d, slot *s) {
    if (s->state == SLOT_RUNNING)
        curl_multi_remove_handle(d->multi, s->transfer.easy);
    if (s->state != SLOT_FREE && s->item != NULL && d->work->drop != NULL)
        d->work->drop(d->work->context, s->item);
    s->state = SLOT_FREE;
    s->item = NULL;
}

/* Free slots take items, waiting ones whose time has come are sent. */
static int fill_slots(driver *d, sal_error *err) {
    const double now = sal_clock_seconds();
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < d->count; i++) {
        slot *s = &d->slots[i];
        if (s->state == SLOT_FREE && !d->exhausted) {
            s->request = (sal_http_request){0};
            status = d->work->take(d->work->context, &s->item, &s->request, err);
            d->exhausted = status == SAL_OK && s->item == NULL;
            if (status == SAL_OK && s->item != NULL) {
                s->state = SLOT_WAITING;
                s->attempt = 1;
                s->until = 0;
            }
        }
        if (status == SAL_OK && s->state == SLOT_WAITING && now >= s->until && now >= d->not_before)
            status = send_slot(d, s, err);
    }
    return status;
}

static double wait_of(driver *d, const slot *s, const sal_http_reply *reply) {
    double wait = d->options->backoff_seconds;
    if (reply->retry_after >= 0)
        return reply->retry_after < longest_retry_after ? reply->retry_after : longest_retry_after;
    for (int i = 1; i < s->attempt && wait < longest_backoff; i++)
        wait *= 2;
    if (wait > longest_backoff)
        wait = longest_backoff;
    return wait * (0.5 + 0.5 * sal_random_uniform(&d->random));
}

/* Have the reply judged, and do what the verdict says. */
static int settle(driver *d, slot *s, const sal_http_reply *reply, sal_error *err) {
    sal_http_verdict verdict = SAL_HTTP_DONE;
    const bool last = s->attempt >= d->options->attempts;
    int status = d->work->judge(d->work->context, s->item, &s->request, reply, last, &verdict, err);
    if (status != SAL_OK)
        return status;
    if (verdict == SAL_HTTP_DONE) {
        empty_slot(d, s);
        return SAL_OK;
    }
    s->state = SLOT_WAITING;
    if (verdict == SAL_HTTP_NEXT) {
        s->attempt = 1;
        s->until = 0;
        return SAL_OK;
    }
    const double until = sal_clock_seconds() + wait_of(d, s, reply);
    s->until = until;
    s->attempt++;
    if ((reply->status == 429 || (reply->status == 503 && reply->retry_after >= 0)) &&
        until > d->not_before)
        d->not_before = until;
    return SAL_OK;
}

static int finish_slot(driver *d, slot *s, CURLcode result, sal_error *err) {
    sal_http_reply reply;
    bool again = false;
    curl_multi_remove_handle(d->multi, s->transfer.easy);
    s->state = SLOT_WAITING;
    int status = http_transfer_finish(&s->transfer, result, &reply, &again, err);
    if (status != SAL_OK)
        return status;
    if (!again)
        return settle(d, s, &reply, err);
    curl_easy_setopt(s->transfer.easy, CURLOPT_PRIVATE, (void *)s);
    if (curl_multi_add_handle(d->multi, s->transfer.easy) != CURLM_OK)
        return sal_fail(err, SAL_EIO, "libcurl takes no further request");
    s->state = SLOT_RUNNING;
    return SAL_OK;
}

static int collect(driver *d, sal_error *err) {
    int status = SAL_OK;
    int left = 0;
    const CURLMsg *message = NULL;
    while (status == SAL_OK && (message = curl_multi_info_read(d->multi, &left)) != NULL) {
        void *which = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&which);
        status = finish_slot(d, which, result, err);
    }
    return status;
}

/* How long nothing but libcurl needs to happen. */
static int poll_milliseconds(const driver *d) {
    const double now = sal_clock_seconds();
    double wait = poll_seconds;
    for (size_t i = 0; i < d->count; i++) {
        if (d->slots[i].state == SLOT_FREE && !d->exhausted)
            return 0;
        if (d->slots[i].state != SLOT_WAITING)
            continue;
        const double until = d->slots[i].until > d->not_before ? d->slots[i].until : d->not_before;
        if (until - now < wait)
            wait = until - now > 0 ? until - now : 0;
    }
    return (int)(wait * 1000) + (wait > 0);
}

static bool is_busy(const driver *d) {
    for (size_t i = 0; i < d->count; i++)
        if (d->slots[i].state != SLOT_FREE)
            return true;
    return !d->exhausted;
}

static int drive(driver *d, sal_error *err) {
    int running = 0;
    int status = SAL_OK;
    while (status == SAL_OK && is_busy(d)) {
        if (sal_progress_cancelled(d->progress))
            return sal_fail(err, SAL_ECANCELLED, "interrupted");
        status = fill_slots(d, err);
        if (status != SAL_OK || !is_busy(d))
            break;
        if (curl_multi_perform(d->multi, &running) != CURLM_OK)
            return sal_fail(err, SAL_EIO, "libcurl cannot go on");
        status = collect(d, err);
        if (status == SAL_OK &&
            curl_multi_poll(d->multi, NULL, 0, poll_milliseconds(d), NULL) != CURLM_OK)
            return sal_fail(err, SAL_EIO, "libcurl cannot wait for replies");
    }
    return status;
}

int sal_http_run(const sal_http_options *options, const sal_http_work *work,
                 const sal_progress *progress, sal_error *err) {
    driver d = {.options = options, .work = work, .progress = progress};
    int status = SAL_OK;
    if (options->jobs < 1 || options->attempts < 1)
        return sal_fail(err, SAL_EINVAL, "%d requests at a time and %d attempts: at least 1 each",
                        options->jobs, options->attempts);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return sal_fail(err, SAL_EIO, "libcurl cannot start");
    sal_random_seed(&d.random, (uint64_t)(sal_clock_seconds() * 1e9));
    d.count = (size_t)options->jobs;
    d.slots = sal_calloc(d.count, sizeof *d.slots);
    d.multi = curl_multi_init();
    if (d.slots == NULL || d.multi == NULL)
        status = sal_fail_memory(err, "connections");
    if (status == SAL_OK)
        status = drive(&d, err);
    for (size_t i = 0; d.slots != NULL && i < d.count; i++) {
        empty_slot(&d, &d.slots[i]);
        http_transfer_free(&d.slots[i].transfer);
    }
    sal_free(d.slots);
    curl_multi_cleanup(d.multi);
    curl_global_cleanup();
    return status;
}

/* ---- one address ----------------------------------------------------------------------------------- */

typedef struct getting {
    const sal_http_request *request;
    sal_buffer *body;
    char **next;
    bool taken;
} getting;

static int take_get(void *context, void **item, sal_http_request *request, sal_error *err) {
    getting *g = context;
    (void)err;
    *item = g->taken ? NULL : g;
    *request = *g->request;
    g->taken = true;
    return SAL_OK;
}

static int fail_get(const getting *g, const sal_http_reply *reply, sal_error *err) {
    char text[400];
    char *host = NULL;
    if (sal_url_check("an address", g->request->url, &host, err) != SAL_OK)
        return SAL_EINVAL;
    sal_http_describe(reply, text, sizeof text);
    const int code = reply->status == 404                           ? SAL_ENOTFOUND
                     : reply->status == 401 || reply->status == 403 ? SAL_EUNSUPPORTED
                                                                    : SAL_EIO;
    sal_fail(err, code, "%s: %s%s", host, text,
             code == SAL_ENOTFOUND      ? " (there is nothing of that name, or it is private)"
             : code != SAL_EUNSUPPORTED ? ""
             : g->request->key == NULL  ? " (it wants a key, and none is set)"
                                        : " (the key that is set does not open it)");
    sal_free(host);
    return code;
}

static int judge_get(void *context, void *item, sal_http_request *request,
                     const sal_http_reply *reply, bool last, sal_http_verdict *verdict,
                     sal_error *err) {
    getting *g = context;
    (void)item;
    (void)request;
    if (reply->status < 200 || reply->status >= 300) {
        *verdict = SAL_HTTP_AGAIN;
        return !last && sal_http_is_passing(reply) ? SAL_OK : fail_get(g, reply, err);
    }
    sal_buffer_clear(g->body);
    int status = sal_buffer_add(g->body, reply->body, reply->length, err);
    if (status == SAL_OK && g->next != NULL && reply->next != NULL) {
        *g->next = sal_copy_string(reply->next);
        if (*g->next == NULL)
            status = sal_fail_memory(err, "an address");
    }
    return status;
}

int sal_http_get(const sal_http_options *options, const sal_http_request *request,
                 const sal_progress *progress, sal_buffer *body, char **next, sal_error *err) {
    getting g = {.request = request, .body = body, .next = next};
    const sal_http_work work = {.take = take_get, .judge = judge_get, .context = &g};
    const sal_http_options one = {1, options->attempts, options->backoff_seconds};
    if (next != NULL)
        *next = NULL;
    return sal_http_run(&one, &work, progress, err);
}
