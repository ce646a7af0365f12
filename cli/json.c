#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "salient/json.h"
#include "salient/text.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Names of files and words of the command line may be any bytes; what is no UTF-8 is shown as such. */
static int add_repaired(sal_buffer *out, const char *bytes, size_t length, sal_error *err) {
    size_t bad = 0;
    int status = 0;
    while (status == 0 && !sal_utf8_valid(bytes, length, &bad)) {
        status = sal_buffer_add(out, bytes, bad, err);
        if (status == 0) {
            status = sal_buffer_add_string(out, REPLACEMENT, err);
        }
        bytes += bad + 1;
        length -= bad + 1;
    }
    return status != 0 ? status : sal_buffer_add(out, bytes, length, err);
}

int json_add_text(sal_buffer *out, const char *bytes, size_t length, sal_error *err) {
    const sal_sink sink = sal_buffer_sink(out);
    sal_buffer repaired = {0};
    size_t bad = 0;
    if (sal_utf8_valid(bytes, length, &bad)) {
        return sal_json_string(&sink, bytes, length, err);
    }
    int status = add_repaired(&repaired, bytes, length, err);
    if (status == 0) {
        status = sal_json_string(&sink, repaired.bytes, repaired.length, err);
    }
    sal_buffer_free(&repaired);
    return status;
}

int json_add_string(sal_buffer *out, const char *string, sal_error *err) {
    return string == NULL ? sal_buffer_add_string(out, "null", err)
                          : json_add_text(out, string, strlen(string), err);
}

int json_add_number(sal_buffer *out, double value, sal_error *err) {
    const sal_sink sink = sal_buffer_sink(out);
    return sal_json_double(&sink, value, err);
}

/* ---- objects --------------------------------------------------------------------------------------------------------------- */

void object_begin(struct object_writer *object, sal_buffer *out, sal_error *err) {
    *object = (struct object_writer){out, err, 0, false};
    object->status = sal_buffer_add_string(out, "{", err);
}

/* The name of the next field. return true when its value can follow */
static bool add_name(struct object_writer *object, const char *name) {
    if (object->status == 0) {
        object->status = sal_buffer_add_format(object->out, object->err,
                                               "%s\"%s\":", object->begun ? "," : "", name);
    }
    object->begun = true;
    return object->status == 0;
}

void object_text(struct object_writer *object, const char *name, const char *text) {
    if (add_name(object, name)) {
        object->status = json_add_string(object->out, text, object->err);
    }
}

void object_bytes(struct object_writer *object, const char *name, const char *bytes,
                  size_t length) {
    if (add_name(object, name)) {
        object->status = json_add_text(object->out, bytes, length, object->err);
    }
}

void object_integer(struct object_writer *object, const char *name, int64_t value) {
    if (add_name(object, name)) {
        object->status = sal_buffer_add_format(object->out, object->err, "%" PRId64, value);
    }
}

void object_number(struct object_writer *object, const char *name, double value) {
    if (add_name(object, name)) {
        object->status = json_add_number(object->out, value, object->err);
    }
}

void object_truth(struct object_writer *object, const char *name, int value) {
    if (add_name(object, name)) {
        object->status = sal_buffer_add_string(object->out,
                                               value < 0   ? "null"
                                               : value > 0 ? "true"
                                                           : "false",
                                               object->err);
    }
}

int object_end(struct object_writer *object) {
    return object->status != 0 ? object->status
                               : sal_buffer_add_string(object->out, "}", object->err);
}
