#include "output.h"

#include <string.h>

#include "terminal.h"

int output_open(const char *path, struct output *output, sal_error *err) {
    output->file = NULL;
    output->sink = terminal_sink();
    if (path == NULL || strcmp(path, "-") == 0) {
        return 0;
    }
    const int status = sal_output_open(path, &output->file, err);
    if (status == 0) {
        output->sink = sal_output_sink(output->file);
    }
    return status;
}

int output_close(struct output *output, int status, sal_error *err) {
    sal_output *file = output->file;
    output->file = NULL;
    if (file == NULL) {
        return status;
    }
    if (status != 0) {
        sal_output_discard(file);
        return status;
    }
    return sal_output_commit(file, err);
}
