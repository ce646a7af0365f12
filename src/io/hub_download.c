/* One file of the hub: on where it stopped, and in place once its size and SHA-256 are those that the hub tells. */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/hub.h"
#include "io/partial.h"
#include "salient/file.h"

/* A connection that brought so much was worth it: the attempts start anew. */
static const int64_t worth_bytes = 1 << 20;
static const double bytes_of_mib = 1 << 20;

typedef struct download {
    const sal_hub *hub;
    const sal_hub_file *file;
    const char *url;
    sal_partial *partial;
    sal_sink below; /* of partial */
    sal_sink sink;  /* counts, then below */
    int64_t begun;  /* size when the present connection began */
    bool taken;
} download;

static int write_counted(void *context, const char *bytes, size_t length, sal_error *err) {
    download *d = context;
    int status = sal_sink_write(&d->below, bytes, length, err);
    sal_progress_update(d->hub->progress, d->file->path,
                        (int64_t)((double)sal_partial_size(d->partial) / bytes_of_mib),
                        (int64_t)((double)d->file->size / bytes_of_mib), "MiB");
    return status;
}

/* Servers may answer with the whole file where a part was asked for. */
static int begin(void *context, long status, int64_t offset, sal_error *err) {
    download *d = context;
    (void)status;
    return offset == sal_partial_size(d->partial) ? SAL_OK
                                                  : sal_partial_cut(d->partial, offset, err);
}

static void fill_request(download *d, sal_http_request *request) {
    d->begun = sal_partial_size(d->partial);
    *request = (sal_http_request){
        .url = d->url,
        .key = sal_hub_key_for(d->hub, d->url),
        .offset = d->begun,
        .reply_limit = (size_t)d->file->size,
        .sink = &d->sink,
        .start = begin,
        .start_context = d,
    };
}

static int take(void *context, void **item, sal_http_request *request, sal_error *err) {
    download *d = context;
    (void)err;
    *item = d->taken ? NULL : d;
    d->taken = true;
    fill_request(d, request);
    return SAL_OK;
}

static int judge(void *context, void *item, sal_http_request *request, const sal_http_reply *reply,
                 bool last, sal_http_verdict *verdict, sal_error *err) {
    download *d = context;
    char text[400];
    (void)item;
    const int64_t gained = sal_partial_size(d->partial) - d->begun;
    if ((reply->status == 200 || reply->status == 206) &&
        (last || sal_partial_size(d->partial) >= d->file->size))
        return SAL_OK;
    if (reply->status == 200 ||
        reply->status == 206) { /* a connection that was closed early without telling */
        *verdict = SAL_HTTP_AGAIN;
        fill_request(d, request);
        return SAL_OK;
    }
    /* Nothing after the end: what is there is not the file's beginning. */
    if (reply->status == 416 && d->begun > 0 && !last) {
        *verdict = SAL_HTTP_AGAIN;
        int status = sal_partial_cut(d->partial, 0, err);
        fill_request(d, request);
        return status;
    }
    if (sal_http_is_passing(reply) && (!last || gained >= worth_bytes)) {
        *verdict = gained >= worth_bytes ? SAL_HTTP_NEXT : SAL_HTTP_AGAIN;
        fill_request(d, request);
        return SAL_OK;
    }
    sal_http_describe(reply, text, sizeof text);
    if (reply->status == 401 || reply->status == 403)
        return sal_fail(
            err, SAL_EUNSUPPORTED,
            "%s: %s: its owner gives it out to those with a key only: accept the terms on "
            "the hub's page and put the key into HF_TOKEN",
            d->file->path, text);
    return sal_fail(err, reply->status == 404 ? SAL_ENOTFOUND : SAL_EIO,
                    "%s: %s; %lld of %lld bytes are there, the same command goes on from them",
                    d->file->path, text, (long long)sal_partial_size(d->partial),
                    (long long)d->file->size);
}

static int check_content(const download *d, const char *path, sal_error *err) {
    char digest[65];
    if (sal_partial_size(d->partial) != d->file->size) {
        sal_partial_remove(d->partial);
        return sal_fail(err, SAL_EFORMAT,
                        "%s: %lld bytes came, and the hub tells %lld; the download was removed",
                        d->file->path, (long long)sal_partial_size(d->partial),
                        (long long)d->file->size);
    }
    if (d->file->sha256[0] == '\0')
        return SAL_OK;
    int status = sal_sha256_file(path, digest, err);
    if (status == SAL_OK && strcmp(digest, d->file->sha256) != 0) {
        sal_partial_remove(d->partial);
        status = sal_fail(err, SAL_EFORMAT,
                          "%s: its SHA-256 is %s, and the hub tells %s; the download was removed",
                          d->file->path, digest, d->file->sha256);
    }
    return status;
}

static int is_there(const sal_hub_file *file, const char *path, bool *there, sal_error *err) {
    struct stat info;
    char digest[65];
    *there = false;
    if (stat(path, &info) != 0 || (int64_t)info.st_size != file->size)
        return SAL_OK;
    *there = file->sha256[0] == '\0';
    int status = *there ? SAL_OK : sal_sha256_file(path, digest, err);
    *there = *there || (status == SAL_OK && strcmp(digest, file->sha256) == 0);
    return status;
}

static int make_url(const sal_hub *hub, sal_hub_kind kind, const char *name, const char *path,
                    sal_buffer *url, sal_error *err) {
    int status = sal_buffer_add_format(url, err, "%s/%s%s/resolve/main/", hub->files,
                                       kind == SAL_HUB_DATASETS ? "datasets/" : "", name);
    return status == SAL_OK ? sal_url_escape(url, path, true, err) : status;
}

int sal_hub_download(const sal_hub *hub, sal_hub_kind kind, const char *name,
                     const sal_hub_file *file, const char *path, bool *kept, sal_error *err) {
    download d = {.hub = hub, .file = file};
    const sal_http_work work = {take, judge, NULL, &d};
    sal_buffer url = {0};
    sal_buffer part = {0};
    int status = is_there(file, path, kept, err);
    if (status != SAL_OK || *kept)
        return status;
    status = make_url(hub, kind, name, file->path, &url, err);
    if (status == SAL_OK)
        status = sal_buffer_add_format(&part, err, "%s.part", path);
    if (status == SAL_OK)
        status = sal_partial_open(part.bytes, &d.partial, err);
    if (status != SAL_OK)
        goto done;
    d.url = url.bytes;
    d.below = sal_partial_sink(d.partial);
    d.sink = (sal_sink){write_counted, &d};
    if (sal_partial_size(d.partial) > file->size)
        status = sal_partial_cut(d.partial, 0, err);
    if (status == SAL_OK && sal_partial_size(d.partial) < file->size)
        status = sal_http_run(&hub->http, &work, hub->progress, err);
    if (status == SAL_OK)
        status = check_content(&d, part.bytes, err);
    if (status == SAL_OK)
        status = sal_partial_finish(d.partial, path, err);
done:
    sal_partial_close(d.partial);
    sal_buffer_free(&url);
    sal_buffer_free(&part);
    return status;
}
