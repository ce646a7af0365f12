/** The one way through documents, for every stage: progress before and after each, an end as soon as the user asks for one. Internal to
 *  the library. What makes a stage go on where it stopped is in its visitor: a unit that is up to date is counted and kept. */
#ifndef SALIENT_STAGE_WALK_H
#define SALIENT_STAGE_WALK_H

#include "salient/progress.h"
#include "salient/study.h"

/** One document.
 *  return SAL_OK, STAGE_WALK_ENOUGH (the walk ends well), or an error, which ends the walk */
typedef int (*stage_visitor)(void *context, int64_t document, sal_error *err);

enum { STAGE_WALK_ENOUGH = 1 };

typedef struct stage_walk {
    const sal_progress *progress;
    const char *stage; /* as it is shown: "states model" */
    int64_t
        done; /* documents seen, also by walks before this one over other documents of the same stage */
    int64_t total; /* of all these walks */
} stage_walk;

/** Visit the documents in their order.
 *  in/out walk: done goes on
 *  errs   SAL_ECANCELLED; the visitor's */
int stage_walk_documents(stage_walk *walk, const int64_t *documents, size_t count,
                         stage_visitor visit, void *context, sal_error *err) SAL_MUST_CHECK;

/** What was left out of a walk, and why. */
typedef struct stage_note {
    int64_t count;
    const char *what; /* "documents have no words" */
} stage_note;

/** Tell the user each note whose count is not 0: "corpus news: 3 documents have no words".
 *  in     corpus: NULL for all of them */
void stage_tell(const sal_progress *progress, const char *corpus, const stage_note *notes,
                size_t count);

#endif
