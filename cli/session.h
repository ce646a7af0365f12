/** One invocation of the program: what every command needs beside its own options. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "progress.h"
#include "salient/study.h"
#include "terminal.h"

/** Exit statuses (docs/commands.md). */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INCOMPLETE = 3, /* finished, but items failed or were skipped */
    EXIT_INTERRUPTED = 130
};

struct session {
    const struct command *command;
    const struct common_options *options;
    const char *const *arguments;
    size_t argument_count;
    int word_count; /* the whole command line */
    char *const *words;
    char name[64]; /* "salient import": in front of every line for people */
    struct terminal terminal;
    struct display display;
    sal_progress progress;
    sal_error error;
    double start;   /* sal_clock_seconds() */
    sal_pace *pace; /* what a local model took is added; NULL: nobody asks */
};

void session_open(struct session *session, const struct command *command, int word_count,
                  char *const *words, const struct parsed *parsed);

/** A usage error found by the command itself. return EXIT_USAGE */
int session_usage(struct session *session, const char *hint, const char *format, ...)
    SAL_PRINTF(3, 4);

/** Say session->error if status is one, and give the exit status of a command that ends so.
 *  in     tally may be NULL */
int session_exit(struct session *session, int status, const sal_tally *tally);

/** Close the study without losing the first error. return status, or that of the close if status is 0 */
int session_close(struct session *session, sal_study *study, int status);

/** A note for people, unless -q. */
void session_note(struct session *session, const char *format, ...) SAL_PRINTF(2, 3);

/** Measures one stage. */
struct stage {
    double wall;
    double processor;
};

void stage_start(struct stage *stage);

/** The last line of a stage on standard error: "NAME: 24 UNIT done, 0 kept, 0 failed; 0.3 s, CPU 0.3 s, peak 31 MiB".
 *  in     tally NULL: a file was written, there is nothing to count; unit is not used then */
void stage_end(struct session *session, const struct stage *stage, const char *name,
               const char *unit, const sal_tally *tally);

/** Add one stage's counts to a command's. */
void tally_add(sal_tally *sum, const sal_tally *stage);

/** The hashes of a run that uses one model file: a JSON object {file: SHA-256}, added to *out. */
int session_hash_model(struct session *session, sal_study *study, const char *model,
                       sal_buffer *out) SAL_MUST_CHECK;

/** Write this command into the study's run log.
 *  in     hashes: JSON object or NULL */
int session_begin_run(struct session *session, sal_study *study, const void *config,
                      const char *hashes, int64_t *key) SAL_MUST_CHECK;

/** Note in the run log how it ended. Called with whatever status the command has; an error of the log itself is returned only
 *  if status was 0. */
int session_end_run(struct session *session, sal_study *study, int64_t key, const sal_tally *tally,
                    int status);

/** What a command does to a study that is open for writing. */
typedef int session_work(struct session *session, sal_study *study, const void *config,
                         sal_tally *tally);

/** A whole command: open the study that is its first argument, log the run, work, close, and say how it ended.
 *  in     model: file whose hash is logged; NULL: none
 *  return the exit status */
int session_run_logged(struct session *session, const void *config, const char *model,
                       session_work *work);

/** Peak resident memory in bytes. */
int64_t peak_memory_bytes(void);

#endif
