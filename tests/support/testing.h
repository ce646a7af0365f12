/** What every test includes: cmocka in the order it needs, and comparisons that NaN cannot pass. */
#ifndef SALIENT_TESTING_H
#define SALIENT_TESTING_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_system.h"

/** |a - b| <= absolute + relative * |b|; NaN on either side fails. */
#define assert_close(a, b, relative, absolute)                                                     \
    do {                                                                                           \
        double close_a = (a), close_b = (b);                                                       \
        if (!(fabs(close_a - close_b) <= (absolute) + (relative)*fabs(close_b)))                   \
            fail_msg("%s = %.17g, not %.17g", #a, close_a, close_b);                               \
    } while (0)

/** A call that must succeed; shows its error text otherwise. Needs `sal_error err` in scope. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

/** A new empty folder below the system's temporary folder; room for its path (64 bytes) is the caller's. */
static inline void make_scratch_folder(char folder[64]) {
    snprintf(folder, 64, "/tmp/salient-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
}

/** Remove a folder made by make_scratch_folder and all in it. */
static inline void remove_scratch_folder(const char folder[64]) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", folder);
}

#endif
