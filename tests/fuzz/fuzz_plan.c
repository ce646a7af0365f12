/* A plan of `salient run`: any bytes are a plan or an error, and a plan writes itself as one that reads back the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../cli/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reader takes a file's name; one file of this process is written again and again. */
static void write_file(const char *path, const void *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    const struct text_list nothing = {NULL, 0, 0};
    struct plan plan = {0};
    struct plan again = {0};
    sal_buffer first = {0};
    sal_buffer second = {0};
    sal_error err = {0};
    snprintf(path, sizeof path, "/tmp/salient-fuzz-plan-%ld.yaml", (long)getpid());
    write_file(path, data, size);
    if (plan_read(path, &nothing, &plan, &err) != SAL_OK)
        goto done;
    if (plan_write(&plan, &first, &err) != SAL_OK)
        abort();
    write_file(path, first.bytes, first.length);
    if (plan_read(path, &nothing, &again, &err) != SAL_OK ||
        plan_write(&again, &second, &err) != SAL_OK || first.length != second.length ||
        memcmp(first.bytes, second.bytes, first.length) != 0)
        abort();
done:
    plan_free(&plan);
    plan_free(&again);
    sal_buffer_free(&first);
    sal_buffer_free(&second);
    return 0;
}
