#include "study/config_difference.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_AT_MOST = 3, VALUE_AT_MOST = 60, DEPTH_AT_MOST = 16 };

typedef struct difference {
    sal_buffer *text;
    sal_error *err;
    int shown;
} difference;

/* as_real: integers beyond 63 bits (seeds) are only readable as reals. */
static json_t *parse_object(const char *config, bool as_real) {
    json_error_t where;
    size_t flags = JSON_REJECT_DUPLICATES | (as_real ? JSON_DECODE_INT_AS_REAL : 0);
    json_t *object = json_loads(config ? config : "", flags, &where);
    if (!json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static int fail_no_object(const char *config, sal_error *err) {
    return sal_fail(err, SAL_EFORMAT, "a summarizer's configuration is no JSON object: %.200s",
                    config ? config : "");
}

int study_check_config(const char *config, sal_error *err) {
    json_t *object = parse_object(config, true);
    int rc = object == NULL ? fail_no_object(config, err) : SAL_OK;
    json_decref(object);
    return rc;
}

/* A value as JSON, cut where it is long. */
static int add_value(difference *found, const json_t *value) {
    if (value == NULL) {
        return sal_buffer_add_string(found->text, "not set", found->err);
    }
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS |
                                       JSON_REAL_PRECISION(16));
    if (dump == NULL) {
        return sal_fail_memory(found->err, "a configuration");
    }
    size_t length = strlen(dump);
    size_t cut = length;
    if (length > VALUE_AT_MOST) {
        cut = VALUE_AT_MOST;
        while (cut > 0 && ((unsigned char)dump[cut] & 0xC0) == 0x80) {
            cut--; /* not inside a character */
        }
    }
    int rc = sal_buffer_add(found->text, dump, cut, found->err);
    if (rc == SAL_OK && cut < length) {
        rc = sal_buffer_add_string(found->text, "...", found->err);
    }
    free(dump); /* jansson's memory, not ours */
    return rc;
}

static int add_difference(difference *found, const char *name, const json_t *stored,
                          const json_t *wanted) {
    if (found->shown++ >= SHOWN_AT_MOST) {
        return SAL_OK;
    }
    int rc = sal_buffer_add_format(found->text, found->err, "%s%s is ",
                                   found->shown > 1 ? "; " : "", name);
    if (rc == SAL_OK) {
        rc = add_value(found, wanted);
    }
    if (rc == SAL_OK) {
        rc = sal_buffer_add_string(found->text, ", was ", found->err);
    }
    return rc == SAL_OK ? add_value(found, stored) : rc;
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of both objects, sorted, each once; borrowed from the objects. */
static int union_of_keys(json_t *a, json_t *b, const char ***keys, size_t *count, sal_error *err) {
    const char *key;
    json_t *value;
    size_t filled = 0;
    *keys = sal_calloc(json_object_size(a) + json_object_size(b), sizeof **keys);
    if (*keys == NULL) {
        return sal_fail_memory(err, "a configuration");
    }
    json_object_foreach(a, key, value) {
        (*keys)[filled++] = key;
    }
    json_object_foreach(b, key, value) {
        if (json_object_get(a, key) == NULL) {
            (*keys)[filled++] = key;
        }
    }
    qsort(*keys, filled, sizeof **keys, compare_text);
    *count = filled;
    return SAL_OK;
}

static int compare_objects(difference *found, const char *prefix, json_t *stored, json_t *wanted,
                           int depth) {
    const char **keys = NULL;
    size_t count = 0;
    int rc = union_of_keys(stored, wanted, &keys, &count, found->err);
    for (size_t i = 0; rc == SAL_OK && i < count; i++) {
        json_t *was = json_object_get(stored, keys[i]);
        json_t *is = json_object_get(wanted, keys[i]);
        if (json_equal(was, is)) {
            continue;
        }
        sal_buffer name = {0};
        rc = sal_buffer_add_format(&name, found->err, "%s%s%s", prefix, prefix[0] ? "." : "",
                                   keys[i]);
        if (rc == SAL_OK) {
            rc = json_is_object(was) && json_is_object(is) && depth < DEPTH_AT_MOST
                     ? compare_objects(found, name.bytes, was, is, depth + 1)
                     : add_difference(found, name.bytes, was, is);
        }
        sal_buffer_free(&name);
    }
    sal_free(keys);
    return rc;
}

int study_config_difference(const char *stored, const char *wanted, sal_buffer *text,
                            sal_error *err) {
    difference found = {.text = text, .err = err};
    json_t *was = parse_object(stored, false), *is = parse_object(wanted, false);
    int rc = SAL_OK;
    if (was == NULL || is == NULL) {
        json_decref(was);
        json_decref(is);
        was = parse_object(stored, true);
        is = parse_object(wanted, true);
    }
    if (was == NULL || is == NULL) {
        rc = fail_no_object(was == NULL ? stored : wanted, err);
        goto done;
    }
    rc = compare_objects(&found, "", was, is, 0);
    if (rc == SAL_OK && found.shown > SHOWN_AT_MOST) {
        rc = sal_buffer_add_format(text, err, "; and %d more", found.shown - SHOWN_AT_MOST);
    }
    if (rc == SAL_OK && found.shown == 0) {
        rc = sal_buffer_add_string(text, "only the way the configuration is written", err);
    }
done:
    json_decref(was);
    json_decref(is);
    return rc;
}
