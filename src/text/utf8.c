/* UTF-8: checking, and stepping over text that was checked. */
#include <string.h>
#include <unicode/uchar.h>

#include "text/text_internal.h"

/* Length of a well-formed sequence at bytes, at most `left` bytes long; 0 when there is none.
 * Second bytes by Table 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t sequence_length(const unsigned char *bytes, size_t left) {
    unsigned char lead = bytes[0];
    size_t length = lead < 0x80                    ? 1
                    : lead >= 0xC2 && lead <= 0xDF ? 2
                    : lead >= 0xE0 && lead <= 0xEF ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 0;
    if (length <= 1)
        return length;
    if (length > left)
        return 0;
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* Number of leading ASCII bytes, eight at a time. */
static size_t ascii_prefix(const char *bytes, size_t length) {
    size_t at = 0;
    while (length - at >= 8) {
        uint64_t eight;
        memcpy(&eight, bytes + at, 8);
        if ((eight & 0x8080808080808080U) != 0)
            break;
        at += 8;
    }
    while (at < length && (unsigned char)bytes[at] < 0x80)
        at++;
    return at;
}

bool sal_utf8_is_ascii(const char *bytes, size_t length) {
    return ascii_prefix(bytes, length) == length;
}

bool sal_utf8_valid(const char *bytes, size_t length, size_t *bad) {
    size_t at = 0;
    while ((at += ascii_prefix(bytes + at, length - at)) < length) {
        size_t step = sequence_length((const unsigned char *)bytes + at, length - at);
        if (step == 0) {
            if (bad != NULL)
                *bad = at;
            return false;
        }
        at += step;
    }
    return true;
}

int sal_utf8_check(const char *bytes, size_t length, sal_error *err) {
    size_t bad = 0;
    if (sal_utf8_valid(bytes, length, &bad))
        return SAL_OK;
    return sal_fail(err, SAL_EFORMAT,
                    "the text is not valid UTF-8: byte 0x%02X at offset %zu of %zu starts no "
                    "character; convert the text to UTF-8",
                    (unsigned)(unsigned char)bytes[bad], bad, length);
}

int32_t sal_utf8_next(const char *bytes, size_t *at) {
    const unsigned char *b = (const unsigned char *)bytes + *at;
    if (b[0] < 0x80) {
        *at += 1;
        return b[0];
    }
    if (b[0] < 0xE0) {
        *at += 2;
        return ((b[0] & 0x1F) << 6) | (b[1] & 0x3F);
    }
    if (b[0] < 0xF0) {
        *at += 3;
        return ((b[0] & 0x0F) << 12) | ((b[1] & 0x3F) << 6) | (b[2] & 0x3F);
    }
    *at += 4;
    return ((b[0] & 0x07) << 18) | ((b[1] & 0x3F) << 12) | ((b[2] & 0x3F) << 6) | (b[3] & 0x3F);
}

size_t sal_utf8_before(const char *bytes, size_t at) {
    do
        at--;
    while (at > 0 && ((unsigned char)bytes[at] & 0xC0) == 0x80);
    return at;
}

size_t sal_utf8_put(char *out, int32_t code_point) {
    uint32_t c = (uint32_t)code_point;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

bool sal_is_white_space(int32_t code_point) {
    return (code_point >= 0x1C && code_point <= 0x1F) || u_isUWhiteSpace(code_point);
}

size_t sal_skip_white_space(const char *bytes, size_t length, size_t at) {
    for (size_t next = at; at < length; at = next)
        if (!sal_is_white_space(sal_utf8_next(bytes, &next)))
            break;
    return at;
}

sal_span sal_strip_white_space(const char *bytes, sal_span span) {
    span.start = sal_skip_white_space(bytes, span.end, span.start);
    while (span.end > span.start) {
        size_t last = sal_utf8_before(bytes, span.end);
        size_t next = last;
        if (!sal_is_white_space(sal_utf8_next(bytes, &next)))
            break;
        span.end = last;
    }
    return span;
}
