/** Progress for people: a bar on a terminal, else one line now and then; and the request to stop. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "salient/progress.h"
#include "terminal.h"

/** What is on the screen. */
struct display {
    const struct terminal *terminal;
    const char *command;
    bool quiet; /* no notes either */
    bool no_progress;
    char stage[160];    /* shown now; "" = none yet */
    double stage_start; /* seconds of the monotonic clock */
    double shown_at;
    int64_t
        first_done; /* when the stage was first heard of: what was there already says nothing about the speed */
    bool lines_shown; /* this stage has printed a line (no terminal) */
    bool bar_open;    /* the cursor stands behind a bar */
};

void display_open(struct display *display, const struct terminal *terminal, const char *command);

/** Hooks for the library; display must outlive them. */
sal_progress display_hooks(struct display *display);

/** Take the bar off the screen before other lines are printed. */
void display_clear(struct display *display);

/** First SIGINT or SIGTERM: remembered, the hooks' cancelled() says so. A second one, half a second later or after, ends the
 *  process. A limit on file sizes (SIGXFSZ) becomes an error of the write. */
void interrupts_install(void);
bool interrupts_seen(void);

/** Seconds of processor time used. */
double processor_seconds(void);

/** "0.4 s", "3:07", "2:10:05". return room */
const char *duration_text(double seconds, char room[32]);

#endif
