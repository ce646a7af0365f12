#include "stage/walk.h"

#include <stdio.h>

int stage_walk_documents(stage_walk *walk, const int64_t *documents, size_t count,
                         stage_visitor visit, void *context, sal_error *err) {
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        sal_progress_update(walk->progress, walk->stage, walk->done, walk->total, "documents");
        if (sal_progress_cancelled(walk->progress))
            return sal_fail(err, SAL_ECANCELLED,
                            "interrupted after %lld of %lld documents; what is finished is kept, "
                            "the same command goes on",
                            (long long)walk->done, (long long)walk->total);
        status = visit(context, documents[i], err);
        if (status == SAL_OK)
            walk->done++;
    }
    if (status == SAL_OK)
        sal_progress_update(walk->progress, walk->stage, walk->done, walk->total, "documents");
    return status == STAGE_WALK_ENOUGH ? SAL_OK : status;
}

void stage_tell(const sal_progress *progress, const char *corpus, const stage_note *notes,
                size_t count) {
    for (size_t i = 0; i < count; i++) {
        char note[500];
        if (notes[i].count == 0)
            continue;
        (void)snprintf(note, sizeof note, "%s%.200s%s%lld %.200s", corpus != NULL ? "corpus " : "",
                       corpus != NULL ? corpus : "", corpus != NULL ? ": " : "",
                       (long long)notes[i].count, notes[i].what);
        sal_progress_note(progress, note);
    }
}
