/* Cleaning of a summary (METHODS 2): four leads, once each and in order, then white space, then ", then '.
 *
 * The leads are matched as Python's re does with IGNORECASE, by hand: \d is category Nd, \s is White_Space and
 * U+001C..U+001F, and besides its ASCII case an i matches U+0130 and U+0131, an s U+017F (PCRE2 folds only the last).
 * Every lead is anchored and a run is never given back, so one pass over each is exact. */
#include <unicode/uchar.h>

#include "text/text_internal.h"

/* '#' stands for \d+; white space after the lead goes with it. */
static const char *const leads[] = {"here is the #-word summary:", "(# words)",
                                    "#-word summary:", "summary (# words):"};

static bool same_letter(int32_t code_point, char letter) {
    if (code_point >= 'A' && code_point <= 'Z')
        code_point += 'a' - 'A';
    return code_point == letter ||
           (letter == 'i' && (code_point == 0x130 || code_point == 0x131)) ||
           (letter == 's' && code_point == 0x17F);
}

static size_t skip_digits(const char *bytes, size_t length, size_t at) {
    for (size_t next = at; at < length; at = next)
        if (u_charType(sal_utf8_next(bytes, &next)) != U_DECIMAL_DIGIT_NUMBER)
            break;
    return at;
}

/* Where the text goes on behind a lead at `at`; `at` itself when the lead is not there. */
static size_t skip_lead(const char *bytes, size_t length, size_t at, const char *lead) {
    size_t here = at;
    for (; *lead != '\0'; lead++) {
        if (here >= length)
            return at;
        if (*lead == '#') {
            size_t behind = skip_digits(bytes, length, here);
            if (behind == here)
                return at;
            here = behind;
        } else if (!same_letter(sal_utf8_next(bytes, &here), *lead)) {
            return at;
        }
    }
    return sal_skip_white_space(bytes, length, here);
}

static sal_span strip_byte(const char *bytes, sal_span span, char byte) {
    while (span.start < span.end && bytes[span.start] == byte)
        span.start++;
    while (span.start < span.end && bytes[span.end - 1] == byte)
        span.end--;
    return span;
}

int sal_text_clean(const sal_text *text, const char *bytes, size_t length, sal_span *span,
                   sal_error *err) {
    (void)text;
    int status = sal_utf8_check(bytes, length, err);
    if (status != SAL_OK)
        return status;
    sal_span rest = {0, length};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        rest.start = skip_lead(bytes, length, rest.start, leads[i]);
    rest = sal_strip_white_space(bytes, rest);
    rest = strip_byte(bytes, rest, '"');
    *span = strip_byte(bytes, rest, '\'');
    return SAL_OK;
}
