#include "salient/json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "salient/text.h"

/* The two-character escape of a byte, or 0. */
static char short_escape(unsigned char byte) {
    switch (byte) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Escape of the character at bytes[0]; *taken = bytes of input it stands for. Returns its length, 0 when the byte needs none. */
static size_t escape_at(const char *bytes, size_t length, bool html, char escape[8],
                        size_t *taken) {
    const unsigned char byte = (unsigned char)bytes[0];
    const char letter = short_escape(byte);

    *taken = 1;
    if (letter != 0) {
        escape[0] = '\\';
        escape[1] = letter;
        return 2;
    }
    if (byte < 0x20 || (html && (byte == '<' || byte == '>' || byte == '&'))) {
        (void)snprintf(escape, 8, "\\u%04x", byte);
        return 6;
    }
    /* U+2028 and U+2029 end a line in older JavaScript. */
    if (html && length >= 3 && memcmp(bytes, "\xE2\x80", 2) == 0 &&
        ((unsigned char)bytes[2] == 0xA8 || (unsigned char)bytes[2] == 0xA9)) {
        (void)snprintf(escape, 8, "\\u%04x", (unsigned char)bytes[2] == 0xA8 ? 0x2028U : 0x2029U);
        *taken = 3;
        return 6;
    }
    return 0;
}

static int write_string(const sal_sink *sink, const char *bytes, size_t length, bool html,
                        sal_error *err) {
    size_t bad = 0;
    size_t plain = 0; /* start of the run of bytes that stand as they are */
    int code = SAL_OK;

    if (length > 0 && !sal_utf8_valid(bytes, length, &bad)) {
        return sal_fail(err, SAL_EFORMAT, "a text to be written is not valid UTF-8 at byte %zu",
                        bad);
    }
    code = sal_sink_write(sink, "\"", 1, err);
    for (size_t i = 0; code == SAL_OK && i < length;) {
        char escape[8];
        size_t taken = 1;
        const size_t escaped = escape_at(bytes + i, length - i, html, escape, &taken);

        if (escaped > 0) {
            if (i > plain) {
                code = sal_sink_write(sink, bytes + plain, i - plain, err);
            }
            if (code == SAL_OK) {
                code = sal_sink_write(sink, escape, escaped, err);
            }
            plain = i + taken;
        }
        i += taken;
    }
    if (code == SAL_OK && length > plain) {
        code = sal_sink_write(sink, bytes + plain, length - plain, err);
    }
    return code == SAL_OK ? sal_sink_write(sink, "\"", 1, err) : code;
}

int sal_json_string(const sal_sink *sink, const char *bytes, size_t length, sal_error *err) {
    return write_string(sink, bytes, length, false, err);
}

int sal_json_string_html(const sal_sink *sink, const char *bytes, size_t length, sal_error *err) {
    return write_string(sink, bytes, length, true, err);
}

int sal_json_key(const sal_sink *sink, const char *key, sal_error *err) {
    const int code = write_string(sink, key, strlen(key), false, err);

    return code == SAL_OK ? sal_sink_write(sink, ":", 1, err) : code;
}

size_t sal_json_format_double(double value, char text[SAL_JSON_DOUBLE_ROOM]) {
    size_t length = 0;

    if (!isfinite(value)) {
        memcpy(text, "null", 5);
        return 4;
    }
    /* %g drops trailing zeros, and 15 digits bring back every normal double that has a spelling of 15 digits or fewer: shorter
       precisions need trying only below DBL_MIN, where fewer digits are significant. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= DBL_DECIMAL_DIG; digits++) {
        (void)snprintf(text, SAL_JSON_DOUBLE_ROOM, "%.*g", digits, value);
        if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value)) {
            break;
        }
    }
    for (length = 0; text[length] != '\0'; length++) {
        if (strchr("0123456789+-e", text[length]) == NULL) {
            text[length] = '.'; /* the decimal point of another locale */
        }
    }
    return length;
}

int sal_json_double(const sal_sink *sink, double value, sal_error *err) {
    char text[SAL_JSON_DOUBLE_ROOM];
    const size_t length = sal_json_format_double(value, text);

    return sal_sink_write(sink, text, length, err);
}

int sal_json_integer(const sal_sink *sink, int64_t value, sal_error *err) {
    char text[SAL_JSON_DOUBLE_ROOM];
    const int length = snprintf(text, sizeof text, "%" PRId64, value);

    return sal_sink_write(sink, text, (size_t)length, err);
}

static bool csv_needs_quotes(const char *bytes, size_t length) {
    if (length == 0 || strchr(" \t", bytes[0]) != NULL ||
        strchr(" \t", bytes[length - 1]) != NULL) {
        return true;
    }
    return memchr(bytes, ',', length) != NULL || memchr(bytes, '"', length) != NULL ||
           memchr(bytes, '\n', length) != NULL || memchr(bytes, '\r', length) != NULL;
}

int sal_csv_field(const sal_sink *sink, const char *bytes, size_t length, sal_error *err) {
    int code = SAL_OK;

    if (!csv_needs_quotes(bytes, length)) {
        return sal_sink_write(sink, bytes, length, err);
    }
    code = sal_sink_write(sink, "\"", 1, err);
    for (size_t i = 0; code == SAL_OK && i < length;) {
        const char *quote = memchr(bytes + i, '"', length - i);
        const size_t end = quote == NULL ? length : (size_t)(quote - bytes) + 1;

        code = sal_sink_write(sink, bytes + i, end - i, err);
        if (code == SAL_OK && quote != NULL) {
            code = sal_sink_write(sink, "\"", 1, err);
        }
        i = end;
    }
    return code == SAL_OK ? sal_sink_write(sink, "\"", 1, err) : code;
}
