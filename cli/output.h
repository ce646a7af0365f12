/** Where a command's data go: standard output, or a file that appears complete or not at all. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "salient/file.h"

struct output {
    sal_output *file; /* NULL: standard output */
    sal_sink sink;
};

/** in     path NULL or "-": standard output */
int output_open(const char *path, struct output *output, sal_error *err) SAL_MUST_CHECK;

/** Put the file in place if status is 0, else remove what was written. return status, or the error of the last write */
int output_close(struct output *output, int status, sal_error *err) SAL_MUST_CHECK;

#endif
