#include "salient/progress.h"

#include <stddef.h>
#include <time.h>

void sal_progress_update(const sal_progress *progress, const char *stage, int64_t done,
                         int64_t total, const char *unit) {
    if (progress != NULL && progress->update != NULL)
        progress->update(progress->context, stage, done, total, unit);
}

void sal_progress_note(const sal_progress *progress, const char *text) {
    if (progress != NULL && progress->note != NULL)
        progress->note(progress->context, text);
}

bool sal_progress_cancelled(const sal_progress *progress) {
    return progress != NULL && progress->cancelled != NULL &&
           progress->cancelled(progress->context);
}

double sal_clock_seconds(void) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
