#include "session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "json.h"
#include "salient/model.h"
#include "salient/text.h"
#include "salient/version.h"

#define RED "31"
#define MEBI 1048576.0

void session_open(struct session *session, const struct command *command, int word_count,
                  char *const *words, const struct parsed *parsed) {
    const struct common_options *options = parsed->config;
    memset(session, 0, sizeof *session);
    session->command = command;
    session->options = options;
    session->arguments = parsed->arguments;
    session->argument_count = parsed->argument_count;
    session->word_count = word_count;
    session->words = words;
    session->start = sal_clock_seconds();
    (void)snprintf(session->name, sizeof session->name, "salient %s", command->name);
    terminal_open(&session->terminal, (enum color_choice)options->color);
    display_open(&session->display, &session->terminal, session->name);
    session->display.quiet = options->quiet;
    session->display.no_progress = options->no_progress;
    session->progress = display_hooks(&session->display);
}

int session_usage(struct session *session, const char *hint, const char *format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    display_clear(&session->display);
    terminal_say(&session->terminal, RED, session->name, text);
    terminal_say(&session->terminal, NULL, "hint", hint);
    return EXIT_USAGE;
}

void session_note(struct session *session, const char *format, ...) {
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sal_progress_note(&session->progress, text);
}

int session_exit(struct session *session, int status, const sal_tally *tally) {
    display_clear(&session->display);
    if (status == SAL_ECANCELLED) {
        terminal_say(&session->terminal, RED, session->name,
                     "interrupted; what was finished is kept, the same command goes on from there");
        return EXIT_INTERRUPTED;
    }
    if (status != 0) {
        const char *text =
            session->error.text[0] != '\0' ? session->error.text : sal_error_name(status);
        terminal_say(&session->terminal, RED, session->name, text);
        return status == SAL_EINVAL ? EXIT_USAGE : EXIT_FAILED;
    }
    return tally != NULL && tally->failed > 0 ? EXIT_INCOMPLETE : EXIT_DONE;
}

int session_close(struct session *session, sal_study *study, int status) {
    const int closed = sal_study_close(study, status == 0 ? &session->error : NULL);
    return status != 0 ? status : closed;
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------- */

int64_t peak_memory_bytes(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
#ifdef __APPLE__
    return usage.ru_maxrss;
#else
    return (int64_t)usage.ru_maxrss * 1024; /* Linux and the BSDs count in KiB */
#endif
}

void stage_start(struct stage *stage) {
    stage->wall = sal_clock_seconds();
    stage->processor = processor_seconds();
}

/* "24 documents done, 0 kept, 0 failed" into room. */
static void describe_counts(const char *unit, const sal_tally *tally, char room[250]) {
    char more[100] = "";
    if (tally->refused > 0 || tally->truncated > 0) {
        (void)snprintf(more, sizeof more, ", %" PRId64 " refused, %" PRId64 " truncated",
                       tally->refused, tally->truncated);
    }
    (void)snprintf(room, 250, "%" PRId64 " %.60s done, %" PRId64 " kept, %" PRId64 " failed%s",
                   tally->done, unit, tally->kept, tally->failed, more);
}

void stage_end(struct session *session, const struct stage *stage, const char *name,
               const char *unit, const sal_tally *tally) {
    char line[600], counts[250] = "written", wall[32], processor[32];
    if (session->options->quiet) {
        return;
    }
    if (tally != NULL) {
        describe_counts(unit, tally, counts);
    }
    (void)snprintf(line, sizeof line, "%.200s: %s; %s, CPU %s, peak %.0f MiB", name, counts,
                   duration_text(sal_clock_seconds() - stage->wall, wall),
                   duration_text(processor_seconds() - stage->processor, processor),
                   (double)peak_memory_bytes() / MEBI);
    display_clear(&session->display);
    terminal_say(&session->terminal, NULL, session->name, line);
}

void tally_add(sal_tally *sum, const sal_tally *stage) {
    sum->done += stage->done;
    sum->kept += stage->kept;
    sum->failed += stage->failed;
    sum->refused += stage->refused;
    sum->truncated += stage->truncated;
}

/* ---- the run log ----------------------------------------------------------------------------------------------------------- */

/* A word that is no UTF-8, as $'...': names of files may be any bytes, the run log is text. */
static int add_bytes_quoted(sal_buffer *out, const char *word, sal_error *err) {
    int status = sal_buffer_add_string(out, "$'", err);
    for (const char *at = word; status == 0 && *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool as_it_is = byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
        status = as_it_is ? sal_buffer_add(out, at, 1, err)
                          : sal_buffer_add_format(out, err, "\\x%02x", byte);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "'", err);
}

/* A word as a shell would have to be told it. */
static int add_quoted(sal_buffer *out, const char *word, sal_error *err) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
    size_t bad = 0;
    int status = 0;
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        return sal_buffer_add_string(out, word, err);
    }
    if (!sal_utf8_valid(word, strlen(word), &bad)) {
        return add_bytes_quoted(out, word, err);
    }
    status = sal_buffer_add_string(out, "'", err);
    for (const char *at = word; status == 0 && *at != '\0'; at++) {
        status = *at == '\'' ? sal_buffer_add_string(out, "'\\''", err)
                             : sal_buffer_add(out, at, 1, err);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "'", err);
}

static int add_command_line(const struct session *session, sal_buffer *out, sal_error *err) {
    int status = sal_buffer_add_string(out, "salient", err);
    for (int i = 1; status == 0 && i < session->word_count; i++) {
        status = sal_buffer_add_string(out, " ", err);
        if (status == 0) {
            status = add_quoted(out, session->words[i], err);
        }
    }
    return status;
}

static int add_machine(const struct session *session, sal_buffer *out, sal_error *err) {
    const int status = sal_model_system(out, err);
    return status != 0
               ? status
               : sal_buffer_add_format(out, err, "; threads %" PRId64, session->options->threads);
}

int session_hash_model(struct session *session, sal_study *study, const char *model,
                       sal_buffer *out) {
    char digest[65];
    sal_error *err = &session->error;
    int status = sal_study_file_digest(study, model, digest, err);
    if (status == 0) {
        status = sal_buffer_add_string(out, "{", err);
    }
    if (status == 0) {
        status = json_add_string(out, model, err);
    }
    return status != 0 ? status : sal_buffer_add_format(out, err, ":\"%s\"}", digest);
}

int session_begin_run(struct session *session, sal_study *study, const void *config,
                      const char *hashes, int64_t *key) {
    sal_buffer line = {0}, options = {0}, machine = {0};
    sal_error *err = &session->error;
    int status = add_command_line(session, &line, err);
    if (status == 0) {
        status = options_to_json(session->command, config, &options, err);
    }
    if (status == 0) {
        status = add_machine(session, &machine, err);
    }
    if (status == 0) {
        const sal_run run = {session->command->name, line.bytes, options.bytes, hashes, SAL_VERSION,
                             machine.bytes};
        status = sal_study_begin_run(study, &run, key, err);
    }
    if (status == 0 && session->options->verbose) {
        session_note(session, "options in force: %s", options.bytes);
    }
    sal_buffer_free(&line);
    sal_buffer_free(&options);
    sal_buffer_free(&machine);
    return status;
}

int session_end_run(struct session *session, sal_study *study, int64_t key, const sal_tally *tally,
                    int status) {
    const char *ending = status == 0 ? "done" : status == SAL_ECANCELLED ? "interrupted" : "failed";
    const int logged = sal_study_end_run(study, key, ending, tally,
                                         sal_clock_seconds() - session->start, processor_seconds(),
                                         peak_memory_bytes(), status == 0 ? &session->error : NULL);
    return status != 0 ? status : logged;
}

int session_run_logged(struct session *session, const void *config, const char *model,
                       session_work *work) {
    sal_study *study = NULL;
    sal_buffer hashes = {0};
    sal_tally tally = {0};
    int64_t key = 0;
    int status = sal_study_open(session->arguments[0], SAL_STUDY_WRITE, &study, &session->error);
    if (status == 0 && model != NULL) {
        status = session_hash_model(session, study, model, &hashes);
    }
    if (status == 0) {
        status = session_begin_run(session, study, config, hashes.bytes, &key);
    }
    if (status == 0) {
        status = work(session, study, config, &tally);
        status = session_end_run(session, study, key, &tally, status);
    }
    status = session_close(session, study, status);
    sal_buffer_free(&hashes);
    return session_exit(session, status, &tally);
}
