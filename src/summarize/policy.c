/* Length policies of METHODS 1: ask, trim, retry:R. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "summarize/summarizer.h"

int sal_length_policy_parse(const char *policy, bool *trim, int *retries, sal_error *err) {
    *trim = strcmp(policy, "trim") == 0;
    *retries = 0;
    if (*trim || strcmp(policy, "ask") == 0)
        return SAL_OK;
    if (strncmp(policy, "retry:", 6) == 0) {
        char *end = NULL;
        errno = 0;
        long value = strtol(policy + 6, &end, 10);
        if (errno == 0 && end != policy + 6 && *end == '\0' && value >= 1 && value <= 100) {
            *retries = (int)value;
            return SAL_OK;
        }
    }
    return sal_fail(err, SAL_EINVAL,
                    "length policy '%s': allowed are ask, trim and retry:R with R from 1 to 100",
                    policy);
}

/* A hyphen or an apostrophe makes one word with what follows ("ten" becomes "ten-year"), a full stop with digits ("3" "3.5"): until
 * that is seen, the word before it may still grow. */
static bool may_grow(const char *after, size_t length) {
    size_t at = 0;
    if (length == 1 && after[0] == '.')
        return true;
    while (at < length) {
        if (after[at] == '-' || after[at] == '\'')
            at++;
        else if (length - at >= 3 && (memcmp(after + at, "\xE2\x80\x98", 3) == 0 ||
                                      memcmp(after + at, "\xE2\x80\x99", 3) == 0))
            at += 3;
        else
            return false;
    }
    return true;
}

int sal_length_cut(const sal_text *text, const char *bytes, size_t length, int n, sal_span *kept,
                   bool *complete, sal_error *err) {
    size_t end = 0;
    size_t count = 0;
    int status = sal_text_clean(text, bytes, length, kept, err);
    if (status == SAL_OK)
        status = sal_text_cut(text, bytes + kept->start, kept->end - kept->start, (size_t)n, &end,
                              &count, err);
    if (status != SAL_OK)
        return status;
    kept->end = kept->start + end;
    /* Something stands after the word: white space, too, which cleaning has stripped. */
    *complete = count == (size_t)n && !may_grow(bytes + kept->end, length - kept->end);
    return SAL_OK;
}

bool sal_length_within(int64_t achieved, int asked) {
    int64_t difference = achieved > asked ? achieved - asked : asked - achieved;
    return difference * 10 <= asked;
}
