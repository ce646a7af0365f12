/** Rehearsals: a step of the pipeline run in earnest on a few documents of a copy of the study, and measured.
 *
 *      open    the snapshot: a copy of the study, or a new one that only has what the plan imports
 *      count   what the step lacks on the snapshot: exact, nothing is computed
 *      run     the step on rungs: samples of the snapshot with 1, 2, 4, ... documents of each corpus
 *
 *  The study itself is only read. */
#ifndef CLI_REHEARSAL_H
#define CLI_REHEARSAL_H

#include "session.h"

enum { REHEARSAL_RUNGS = 8 }; /* 1, 2, 4, ..., 128 documents of each corpus */

struct rehearsal {
    struct session *session; /* hooks and errors */
    char *folder;
    char *original; /* absolute path of the study; NULL: there is none yet */
    char *snapshot;
    char *rungs[REHEARSAL_RUNGS]; /* NULL: not made yet */
};

/** One command of the pipeline, as typed, whose study can be another one. */
struct rehearsal_step {
    const struct command *command;
    char *const *words; /* [count], "salient" and the command's name first */
    size_t count;
    size_t used;  /* words of the command's name, "salient" included */
    size_t study; /* index of the study among the words */
};

/** Copy the study at this path, where there is one. */
int rehearsal_open(struct rehearsal *rehearsal, struct session *session,
                   const char *study) SAL_MUST_CHECK;
void rehearsal_close(struct rehearsal *rehearsal);

/** Path of a rung, made when it is first asked for. NULL: error in session->error */
const char *rehearsal_rung(struct rehearsal *rehearsal, size_t rung);

/** A sample of its own, to be removed (scratch_remove) and freed by the caller. NULL: error in session->error */
char *rehearsal_sample(struct rehearsal *rehearsal, const char *name, int64_t per_corpus);

/** What one run took. */
struct rehearsal_run {
    int result; /* exit status */
    double seconds, processor;
    int64_t bytes;  /* by which the study's folder grew */
    int64_t memory; /* peak of the process so far */
    sal_pace pace;
    char error[600]; /* of a result that is neither 0 nor EXIT_INCOMPLETE */
};

/** Run the step on a study, in silence.
 *  in     more: words added at the end, NULL-terminated, or NULL */
int rehearsal_run(struct rehearsal *rehearsal, const struct rehearsal_step *step, const char *study,
                  const char *const *more, struct rehearsal_run *run) SAL_MUST_CHECK;

/** What the step lacks on a study, or how many documents it looks at.
 *  out    *work of a command that counts; *documents of every other */
int rehearsal_count(struct rehearsal *rehearsal, const struct rehearsal_step *step,
                    const char *study, sal_work *work, int64_t *documents) SAL_MUST_CHECK;

/** Parse the step's words with another study in place of its own. out: options_free */
int rehearsal_parse(const struct rehearsal_step *step, const char *study, const char *const *more,
                    struct parsed *parsed, char ***words, size_t *count,
                    sal_error *err) SAL_MUST_CHECK;

/** Value of a text option of a parsed step, or NULL. */
const char *rehearsal_text(const struct rehearsal_step *step, const struct parsed *parsed,
                           const char *option);
/** Value of a count option; otherwise where the command has none or it was not given. */
int64_t rehearsal_number(const struct rehearsal_step *step, const struct parsed *parsed,
                         const char *option, int64_t otherwise);

#endif
