#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BAR_SECONDS 0.1   /* between two pictures of the bar */
#define LINE_SECONDS 10.0 /* between two lines without a terminal */
#define BAR_COLUMNS 20
#define SAME_WISH_MILLISECONDS 500

/* A signal handler can reach nothing but an object of static storage. */
static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t interrupted_at;

/* The first signal asks for an end after the unit at hand; one more, half a second later or after, ends at once. Nearer than that
 * it is the same wish: timeout(1) and batch systems signal a process and its group in one breath. */
static void on_interrupt(int number) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const sig_atomic_t at =
        (sig_atomic_t)(now.tv_sec % 1000000 * 1000 + now.tv_nsec / 1000000); /* milliseconds */
    if (interrupted == 0) {
        interrupted_at = at;
        interrupted = 1;
    } else if (at - interrupted_at >= SAME_WISH_MILLISECONDS || at < interrupted_at) {
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* comes when this handler returns */
    }
}

void interrupts_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    (void)sigaction(SIGXFSZ, &action, NULL);
}

bool interrupts_seen(void) {
    return interrupted != 0;
}

double processor_seconds(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

const char *duration_text(double seconds, char room[32]) {
    const int64_t whole = (int64_t)(seconds + 0.5);
    if (seconds < 10) {
        (void)snprintf(room, 32, "%.2f s", seconds);
    } else if (seconds < 60) {
        (void)snprintf(room, 32, "%.1f s", seconds);
    } else if (whole < 3600) {
        (void)snprintf(room, 32, "%" PRId64 ":%02d", whole / 60, (int)(whole % 60));
    } else {
        (void)snprintf(room, 32, "%" PRId64 ":%02d:%02d", whole / 3600, (int)(whole / 60 % 60),
                       (int)(whole % 60));
    }
    return room;
}

void display_open(struct display *display, const struct terminal *terminal, const char *command) {
    memset(display, 0, sizeof *display);
    display->terminal = terminal;
    display->command = command;
}

void display_clear(struct display *display) {
    if (display->bar_open) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        display->bar_open = false;
    }
}

/* "12/150 documents, 3.2/s, 0:43 left" */
static void describe(const struct display *display, double now, int64_t done, int64_t total,
                     const char *unit, char room[200]) {
    char rate_text[40] = "", left_text[60] = "", duration[32];
    const double seconds = now - display->stage_start;
    const int64_t fresh = done - display->first_done;
    if (seconds > 0.5 && fresh > 0) {
        const double rate = (double)fresh / seconds;
        if (rate >= 0.1) {
            (void)snprintf(rate_text, sizeof rate_text, ", %.1f/s", rate);
        } else {
            (void)snprintf(rate_text, sizeof rate_text, ", %.1f/min", rate * 60);
        }
        if (total > done) {
            (void)snprintf(left_text, sizeof left_text, ", %s left",
                           duration_text((double)(total - done) / rate, duration));
        }
    }
    if (total > 0) {
        (void)snprintf(room, 200, "%" PRId64 "/%" PRId64 " %.60s%s%s", done, total, unit, rate_text,
                       left_text);
    } else {
        (void)snprintf(room, 200, "%" PRId64 " %.60s%s", done, unit, rate_text);
    }
}

static void show_bar(struct display *display, int64_t done, int64_t total, const char *numbers) {
    char bar[BAR_COLUMNS + 1];
    sal_buffer line = {0};
    const int64_t filled = total > 0 ? done * BAR_COLUMNS / total : 0;
    for (int i = 0; i < BAR_COLUMNS; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[BAR_COLUMNS] = '\0';
    /* The stage comes last: its name may be long, and what is cut off is its end. */
    if (sal_buffer_add_format(&line, NULL, "[%s] %s  ", bar, numbers) == 0 &&
        text_add_harmless(&line, display->stage, strlen(display->stage), false, NULL) == 0) {
        /* One column stays free: a full last column makes some terminals wrap. */
        const size_t length = text_fit(line.bytes, line.length, (size_t)terminal_width(stderr) - 1);
        (void)fprintf(stderr, "\r%.*s\033[K", (int)length, line.bytes);
        (void)fflush(stderr);
        display->bar_open = true;
    }
    sal_buffer_free(&line);
}

static void start_stage(struct display *display, const char *stage, int64_t done, double now) {
    display_clear(display);
    (void)snprintf(display->stage, sizeof display->stage, "%s", stage);
    display->stage_start = display->shown_at = now;
    display->first_done = done;
    display->lines_shown = false;
}

static void on_update(void *context, const char *stage, int64_t done, int64_t total,
                      const char *unit) {
    struct display *display = context;
    const double now = sal_clock_seconds();
    char numbers[200], line[400];
    if (display->quiet || display->no_progress) {
        return;
    }
    if (strncmp(display->stage, stage, sizeof display->stage - 1) != 0) {
        start_stage(display, stage, done, now);
    }
    const bool bar = display->terminal->error_is_terminal, last = total > 0 && done >= total;
    const bool due = now - display->shown_at >= (bar ? BAR_SECONDS : LINE_SECONDS);
    /* Without a terminal a short stage is silent: its last line says all. A long one ends with a line, as it went on. */
    if (!due && !(last && (bar ? display->bar_open : display->lines_shown))) {
        return;
    }
    describe(display, now, done, total, unit, numbers);
    display->shown_at = now;
    if (bar) {
        show_bar(display, done, total, numbers);
        return;
    }
    display->lines_shown = !last;
    (void)snprintf(line, sizeof line, "%s: %s", display->stage, numbers);
    terminal_say(display->terminal, NULL, display->command, line);
}

static void on_note(void *context, const char *text) {
    struct display *display = context;
    if (!display->quiet) {
        display_clear(display);
        terminal_say(display->terminal, "33", display->command, text);
    }
}

static bool on_cancelled(void *context) {
    (void)context;
    return interrupts_seen();
}

sal_progress display_hooks(struct display *display) {
    return (sal_progress){on_update, on_note, on_cancelled, display};
}
