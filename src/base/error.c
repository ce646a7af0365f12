#include "salient/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cut at the last whole UTF-8 character and keep the text one harmless line: names of files and documents come from outside. */
static void tidy(char *text, size_t capacity) {
    size_t length = strlen(text);
    if (length + 1 == capacity) {
        while (length > 0 && ((unsigned char)text[length - 1] & 0xC0U) == 0x80U)
            length--;
        if (length > 0 && ((unsigned char)text[length - 1] & 0x80U) != 0)
            length--;
        text[length] = '\0';
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7F)
            text[i] = byte == '\n' || byte == '\t' ? ' ' : '?';
    }
}

int(sal_fail)(sal_error *err, int code, const char *format, ...) {
    if (err == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    tidy(err->text, sizeof err->text);
    err->code = code;
    return code;
}

int(sal_fail_in)(sal_error *err, int code, const char *format, ...) {
    if (err == NULL)
        return code;
    char text[2 * sizeof err->text];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t length = written < 0 ? 0 : strlen(text);
    snprintf(text + length, sizeof text - length, "%s%s", err->text[0] != '\0' ? ": " : "",
             err->text);
    snprintf(err->text, sizeof err->text, "%.*s", (int)sizeof err->text - 1, text);
    tidy(err->text, sizeof err->text);
    err->code = code;
    return code;
}

const char *sal_error_name(int code) {
    static const char *const names[] = {
        "SAL_OK",         "SAL_EINVAL",  "SAL_ENOMEM",       "SAL_EIO",    "SAL_EFORMAT",
        "SAL_ENOTFOUND",  "SAL_EEXISTS", "SAL_EBUSY",        "SAL_ESHAPE", "SAL_EMODEL",
        "SAL_ECANCELLED", "SAL_ELIMIT",  "SAL_EUNSUPPORTED",
    };
    if (code > 0 || code < SAL_EUNSUPPORTED)
        return "SAL_E?";
    return names[-code];
}
