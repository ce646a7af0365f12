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
    /* The word is whole once something stands after it, white space included, which cleaning has stripped. */
    *complete = count == (size_t)n && kept->start + end < length;
    kept->end = kept->start + end;
    return SAL_OK;
}

bool sal_length_within(int64_t achieved, int asked) {
    int64_t difference = achieved > asked ? achieved - asked : asked - achieved;
    return difference * 10 <= asked;
}
