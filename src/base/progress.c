#include "salient/progress.h"

#include <stddef.h>

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
