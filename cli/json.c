#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The escape of a byte that must not stand in a JSON string as it is; NULL for all others. */
static const char *escape(unsigned char byte, char room[8]) {
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (byte >= 0x20 && byte != 0x7f) {
        return NULL;
    }
    (void)snprintf(room, 8, "\\u%04x", (unsigned)byte);
    return room;
}

int json_add_text(sal_buffer *out, const char *bytes, size_t length, sal_error *err) {
    int status = sal_buffer_add(out, "\"", 1, err);
    size_t start = 0; /* of the bytes not yet written */
    for (size_t i = 0; status == 0 && i < length; i++) {
        char room[8];
        const char *replacement = escape((unsigned char)bytes[i], room);
        if (replacement == NULL) {
            continue;
        }
        if (i > start) {
            status = sal_buffer_add(out, bytes + start, i - start, err);
        }
        if (status == 0) {
            status = sal_buffer_add_string(out, replacement, err);
        }
        start = i + 1;
    }
    if (status == 0 && length > start) {
        status = sal_buffer_add(out, bytes + start, length - start, err);
    }
    return status != 0 ? status : sal_buffer_add(out, "\"", 1, err);
}

int json_add_string(sal_buffer *out, const char *string, sal_error *err) {
    return string == NULL ? sal_buffer_add_string(out, "null", err)
                          : json_add_text(out, string, strlen(string), err);
}

int json_add_number(sal_buffer *out, double value, sal_error *err) {
    char text[40];
    if (!isfinite(value)) {
        return sal_buffer_add_string(out, "null", err);
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (!(strtod(text, NULL) != value)) {
            break;
        }
    }
    return sal_buffer_add_string(out, text, err);
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
