#include "waiting.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

void waiting_choose(char **argv) {
    char program[4096];
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL) {
        return;
    }
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0 || setenv("GOMP_SPINCOUNT", "1000", 1) != 0) {
        return;
    }
    program[length] = '\0';
    (void)execv(program, argv);
}
