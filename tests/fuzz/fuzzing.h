/** What the fuzzers share. A property that does not hold ends the process, which is how libFuzzer is told. */
#ifndef SALIENT_FUZZING_H
#define SALIENT_FUZZING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int condition) {
    if (!condition)
        abort();
}

/** A folder for the files of this process, below FUZZ_SCRATCH; made once. */
static inline const char *fuzz_folder(void) {
    static char folder[64];
    if (folder[0] == '\0') {
        const char *scratch = getenv("FUZZ_SCRATCH");
        snprintf(folder, sizeof folder, "%s/salient-fuzz-XXXXXX",
                 scratch != NULL ? scratch : "/tmp");
        must(mkdtemp(folder) != NULL);
    }
    return folder;
}

/** fuzz_folder/name, written anew. path: room for 128 bytes */
static inline void fuzz_write(const char *name, const void *bytes, size_t length, char path[128]) {
    snprintf(path, 128, "%s/%s", fuzz_folder(), name);
    FILE *file = fopen(path, "wb");
    must(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

#endif
