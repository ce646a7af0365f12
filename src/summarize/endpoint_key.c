/* Whose address an endpoint has, and the key that belongs to it. Keys come from the environment and go nowhere but to their host. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http.h"
#include "summarize/endpoint.h"

static const char example[] = "api:deepseek-chat@https://api.deepseek.com";

/* Brackets of an IPv6 host stay: they become _ in the variable's name. */
int endpoint_address_parse(const char *with, endpoint_address *out, sal_error *err) {
    endpoint_address parsed = {0};
    const char *model = with + strlen("api:");
    const char *at = strstr(model, "@http");
    /* An address with more than it needs may hold a secret: it is not repeated in what follows. */
    if (at == NULL)
        return sal_fail(err, SAL_EINVAL,
                        "an endpoint is api:MODEL@BASE_URL with a BASE_URL of https://, or of "
                        "http:// on this machine; for example %s",
                        example);
    if (at == model)
        return sal_fail(err, SAL_EINVAL, "an endpoint needs a model: api:MODEL@BASE_URL, like %s",
                        example);
    if (strpbrk(at, "?#") != NULL)
        return sal_fail(
            err, SAL_EINVAL,
            "--with api:MODEL@BASE_URL: the address holds ? or #; keys belong in the environment, "
            "nowhere else");
    int status = sal_url_check("--with api:MODEL@BASE_URL", at + 1, &parsed.host, err);
    size_t length = strlen(at + 1);
    while (length > 0 && at[length] == '/')
        length--;
    if (status == SAL_OK) {
        parsed.model = sal_copy_bytes(model, (size_t)(at - model));
        parsed.base = sal_copy_bytes(at + 1, length);
        if (parsed.model == NULL || parsed.base == NULL)
            status = sal_fail_memory(err, "an address");
    }
    if (status == SAL_OK)
        *out = parsed;
    else
        endpoint_address_free(&parsed);
    return status;
}

void endpoint_address_free(endpoint_address *address) {
    sal_free(address->model);
    sal_free(address->base);
    sal_free(address->host);
    *address = (endpoint_address){0};
}

int sal_summarize_endpoint_host(const char *with, char **host, sal_error *err) {
    endpoint_address address = {0};
    *host = NULL;
    if (strncmp(with, "api:", 4) != 0)
        return SAL_OK;
    int status = endpoint_address_parse(with, &address, err);
    if (status == SAL_OK) {
        *host = address.host;
        address.host = NULL;
    }
    endpoint_address_free(&address);
    return status;
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static bool is_of(const char *host, const char *domain) {
    const size_t length = strlen(host);
    const size_t tail = strlen(domain);
    return length >= tail && strcmp(host + length - tail, domain) == 0 &&
           (length == tail || host[length - tail - 1] == '.');
}

void endpoint_key_variable(const char *host, char name[ENDPOINT_VARIABLE_ROOM]) {
    size_t used = 0;
    if (is_of(host, "deepseek.com") || is_of(host, "openai.com")) {
        snprintf(name, ENDPOINT_VARIABLE_ROOM, "%s",
                 is_of(host, "openai.com") ? "OPENAI_API_KEY" : "DEEPSEEK_API_KEY");
        return;
    }
    for (; used < ENDPOINT_VARIABLE_ROOM - sizeof "_API_KEY" && host[used] != '\0'; used++) {
        const char c = host[used];
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        name[used] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : plain ? c : '_';
    }
    snprintf(name + used, ENDPOINT_VARIABLE_ROOM - used, "_API_KEY");
}

/* Anything but visible ASCII could end the header line it stands in. */
static bool is_sound(const char *key) {
    for (; *key != '\0'; key++)
        if (*key < '!' || *key > '~')
            return false;
    return true;
}

int endpoint_key_find(const char *host, bool one_host, char **key, sal_error *err) {
    char variable[ENDPOINT_VARIABLE_ROOM];
    endpoint_key_variable(host, variable);
    const char *name = variable;
    const char *value =
        strlen(host) < ENDPOINT_VARIABLE_ROOM - sizeof "_API_KEY" ? getenv(variable) : NULL;
    *key = NULL;
    if ((value == NULL || value[0] == '\0') && one_host) {
        name = "SALIENT_API_KEY";
        value = getenv(name);
    }
    if (value == NULL || value[0] == '\0')
        return is_of(host, "deepseek.com") || is_of(host, "openai.com")
                   ? sal_fail(err, SAL_EINVAL,
                              "%s: no key is there: put it into the environment variable %s", host,
                              variable)
                   : SAL_OK;
    if (!is_sound(value))
        return sal_fail(err, SAL_EINVAL,
                        "%s: the variable %s holds characters that no key has (blanks, line ends, "
                        "control characters)",
                        host, name);
    *key = sal_copy_string(value);
    return *key == NULL ? sal_fail_memory(err, "a key") : SAL_OK;
}

void endpoint_key_free(char *key) {
    /* Through a volatile pointer, as a plain memset before free may be left out by the compiler. */
    volatile char *at = key;
    while (at != NULL && *at != '\0')
        *at++ = '\0';
    sal_free(key);
}
