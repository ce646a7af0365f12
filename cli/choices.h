/** Lists of choices: "received,norm" into flags. */
#ifndef CLI_CHOICES_H
#define CLI_CHOICES_H

#include <stdbool.h>

#include "options.h"

/** What may stand in a list. */
struct choices {
    const char *option; /* its name, without -- */
    const char *
        apart; /* words that stand alone and are looked at by the caller, for the hint: "all, none, "; "" */
    int count;
    const char *(*name)(int choice); /* of choice 0 to count - 1 */
};

/** Set flags [count] of the words of a list with commas; the others stay.
 *  return 0, or SAL_EINVAL with *usage filled: which word is none, what is near it, and all there are */
int choices_parse(const struct choices *choices, const char *text, bool *flags,
                  struct usage_error *usage) SAL_MUST_CHECK;

#endif
