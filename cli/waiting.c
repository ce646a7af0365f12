#include "waiting.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

bool program_path(char *room, size_t size) {
    const ssize_t length = readlink("/proc/self/exe", room, size);
    if (length <= 0 || (size_t)length >= size) {
        return false;
    }
    room[length] = '\0';
    return true;
}

void waiting_choose(char **argv) {
    char program[4096];
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL) {
        return;
    }
    if (program_path(program, sizeof program) && setenv("GOMP_SPINCOUNT", "1000", 1) == 0) {
        (void)execv(program, argv);
    }
}
