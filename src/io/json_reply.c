/* JSON of strangers: checked before a recursive parser sees it. */

#include <jansson.h>

#include "io/http.h"
#include "salient/text.h"

enum { MAXIMUM_DEPTH = 64 };

/* jansson descends by recursion; brackets outside of strings are counted first. */
static bool is_too_deep(const char *bytes, size_t length) {
    size_t depth = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        const char byte = bytes[i];
        if (inside) {
            if (byte == '\\')
                i++;
            else if (byte == '"')
                inside = false;
        } else if (byte == '"') {
            inside = true;
        } else if (byte == '[' || byte == '{') {
            if (++depth > MAXIMUM_DEPTH)
                return true;
        } else if ((byte == ']' || byte == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

int sal_json_reply(const char *bytes, size_t length, struct json_t **root, sal_error *err) {
    json_error_t found;
    size_t bad = 0;
    if (length == 0)
        return sal_fail(err, SAL_EFORMAT, "an empty reply where JSON is expected");
    if (!sal_utf8_valid(bytes, length, &bad))
        return sal_fail(err, SAL_EFORMAT, "not valid UTF-8 at byte %zu of the reply", bad);
    if (is_too_deep(bytes, length))
        return sal_fail(err, SAL_ELIMIT, "JSON nested more than %d deep", MAXIMUM_DEPTH);
    *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &found);
    if (*root != NULL)
        return SAL_OK;
    if (json_error_code(&found) == json_error_out_of_memory)
        return sal_fail_memory(err, "a reply");
    /* jansson's own text quotes what it found, which a hostile server chooses. */
    return sal_fail(err, SAL_EFORMAT, "not valid JSON: wrong at line %d, column %d of the reply",
                    found.line, found.column);
}
