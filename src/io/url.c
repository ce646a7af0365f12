/* Addresses: which may be used, and what host they go to. libcurl takes them apart, so that no second opinion on them exists. */

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "io/http_internal.h"

/* Part of an address; NULL when it has none. Freed with curl_free. */
static char *part_of(CURLU *url, CURLUPart part) {
    char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/* This machine, by number or as localhost, which libcurl resolves by itself to loopback. */
static bool is_loopback(const char *host) {
    unsigned char address[16];
    char bare[64];
    const size_t length = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, address) == 1)
        return address[0] == 127;
    if (length < 3 || length >= sizeof bare || host[0] != '[' || host[length - 1] != ']')
        return false;
    memcpy(bare, host + 1, length - 2);
    bare[length - 2] = '\0';
    return inet_pton(AF_INET6, bare, address) == 1 &&
           memcmp(address, &in6addr_loopback, sizeof address) == 0;
}

static int check_parts(const char *what, CURLU *url, char **host, sal_error *err) {
    char *scheme = part_of(url, CURLUPART_SCHEME);
    char *name = part_of(url, CURLUPART_HOST);
    char *user = part_of(url, CURLUPART_USER);
    char *password = part_of(url, CURLUPART_PASSWORD);
    int status = SAL_OK;
    if (user != NULL || password != NULL)
        status = sal_fail(err, SAL_EINVAL,
                          "%s: the address holds a user name or password; keys belong in the "
                          "environment, nowhere else",
                          what);
    else if (scheme == NULL || name == NULL || name[0] == '\0')
        status = sal_fail(err, SAL_EINVAL, "%s: the address has no host", what);
    else if (strcmp(scheme, "http") == 0 && !is_loopback(name))
        status = sal_fail(err, SAL_EINVAL,
                          "%s: http goes to this machine only (localhost); use https for %.200s",
                          what, name);
    else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
        status = sal_fail(err, SAL_EINVAL, "%s: the address begins with %.20s, not with https://",
                          what, scheme);
    if (status == SAL_OK && host != NULL) {
        *host = sal_copy_string(name);
        if (*host == NULL)
            status = sal_fail_memory(err, what);
        for (char *at = *host; at != NULL && *at != '\0'; at++)
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    }
    curl_free(scheme);
    curl_free(name);
    curl_free(user);
    curl_free(password);
    return status;
}

int sal_url_check(const char *what, const char *url, char **host, sal_error *err) {
    CURLU *parts = curl_url();
    if (parts == NULL)
        return sal_fail_memory(err, what);
    /* Without a scheme libcurl would guess one. */
    int status = SAL_OK;
    if (strstr(url, "://") == NULL ||
        curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        status =
            sal_fail(err, SAL_EINVAL,
                     "%s: this is no address; one looks like https://api.example.org/v1", what);
    if (status == SAL_OK)
        status = check_parts(what, parts, host, err);
    curl_url_cleanup(parts);
    return status;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part) {
    char *of_a = NULL;
    char *of_b = NULL;
    const bool same = curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                      curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                      strcasecmp(of_a, of_b) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return same;
}

bool http_same_origin(const char *a, const char *b) {
    CURLU *of_a = curl_url();
    CURLU *of_b = curl_url();
    const bool same =
        of_a != NULL && of_b != NULL && curl_url_set(of_a, CURLUPART_URL, a, 0) == CURLUE_OK &&
        curl_url_set(of_b, CURLUPART_URL, b, 0) == CURLUE_OK &&
        same_part(of_a, of_b, CURLUPART_SCHEME) && same_part(of_a, of_b, CURLUPART_HOST) &&
        same_part(of_a, of_b, CURLUPART_PORT);
    curl_url_cleanup(of_a);
    curl_url_cleanup(of_b);
    return same;
}

bool http_is_plain(const char *url) {
    return strncasecmp(url, "http:", 5) == 0;
}

int sal_url_escape(sal_buffer *out, const char *text, bool keep_slash, sal_error *err) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    int status = SAL_OK;
    for (const char *at = text; status == SAL_OK && *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL || (*at == '/' && keep_slash))
            status = sal_buffer_add(out, at, 1, err);
        else
            status = sal_buffer_add_format(out, err, "%%%02X", (unsigned)(unsigned char)*at);
    }
    return status;
}
