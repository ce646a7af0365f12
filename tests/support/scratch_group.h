/** One scratch folder for all tests of a program: cmocka_run_group_tests(tests, set_up, tear_down). */
#ifndef SALIENT_SCRATCH_GROUP_H
#define SALIENT_SCRATCH_GROUP_H

#include "testing.h"

static char folder[64];

static inline int set_up(void **state) {
    (void)state;
    make_scratch_folder(folder);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    remove_scratch_folder(folder);
    return 0;
}

#endif
