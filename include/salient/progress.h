/** Progress and cancellation: how a long stage talks to whoever called it. The library itself never prints. */
#ifndef SALIENT_PROGRESS_H
#define SALIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Hooks of the caller; any pointer may be NULL, and a NULL sal_progress means silence. */
typedef struct sal_progress {
    /** Work done so far: stage ("summarize lead"), done of total units ("documents"). Called often; the caller thins it out. */
    void (*update)(void *context, const char *stage, int64_t done, int64_t total, const char *unit);
    /** One line for the user that is no error: what was skipped, assumed, resumed. */
    void (*note)(void *context, const char *text);
    /** True once the user asked to stop (Ctrl-C); polled between units and between decoded tokens. */
    bool (*cancelled)(void *context);
    void *context;
} sal_progress;

void sal_progress_update(const sal_progress *progress, const char *stage, int64_t done,
                         int64_t total, const char *unit);
void sal_progress_note(const sal_progress *progress, const char *text);
bool sal_progress_cancelled(const sal_progress *progress);

/** Seconds of a clock that only goes forward, for rates and waits; its zero means nothing. */
double sal_clock_seconds(void);

/** What a stage did, for the last line of a run, the run log and the exit status. */
typedef struct sal_tally {
    int64_t done;      /* units finished now */
    int64_t kept;      /* units that were there already */
    int64_t failed;    /* items failed or skipped: exit status 3 */
    int64_t refused;   /* summaries refused */
    int64_t truncated; /* summaries cut at the token limit */
} sal_tally;

#ifdef __cplusplus
}
#endif
#endif
