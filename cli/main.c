/* salient: finds the command, runs it, and makes sure that what it wrote arrived. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "guard.h"
#include "help.h"
#include "salient/model.h"
#include "salient/version.h"
#include "session.h"
#include "suggest.h"
#include "waiting.h"

#define RED "31"

/* A usage error before there is a session: two lines on standard error. */
static int complain(const char *name, const struct usage_error *usage) {
    struct terminal terminal;
    terminal_open(&terminal, COLOR_AUTO);
    terminal_say(&terminal, RED, name, usage->what);
    terminal_say(&terminal, NULL, "hint", usage->hint);
    return EXIT_USAGE;
}

static int print_version(void) {
    sal_buffer system = {0};
    sal_error error = {0};
    if (sal_model_system(&system, &error) != 0) {
        (void)fprintf(stderr, "salient: %s\n", error.text);
        sal_buffer_free(&system);
        return EXIT_FAILED;
    }
    (void)printf("salient %s (%s)\n", SAL_VERSION, system.bytes == NULL ? "" : system.bytes);
    sal_buffer_free(&system);
    return EXIT_DONE;
}

static int run_command(const struct command *command, int used, int argc, char **argv) {
    struct parsed parsed = {0};
    struct usage_error usage = {"", ""};
    char name[64];
    int result = EXIT_DONE;
    int own_count = argc - used;
    char **own = command == &command_estimate
                     ? estimate_words(argc - used, argv + used, true, &own_count)
                     : NULL;
    const int status =
        command == &command_estimate && own == NULL
            ? SAL_ENOMEM
            : options_parse(command, own_count, own != NULL ? own : argv + used, &parsed, &usage);
    (void)snprintf(name, sizeof name, "salient %s", command->name);
    if (status == SAL_EINVAL) {
        result = complain(name, &usage);
    } else if (status != 0) {
        (void)fprintf(stderr, "%s: out of memory\n", name);
        result = EXIT_FAILED;
    } else if (((const struct common_options *)parsed.config)->help) {
        help_print_command(command);
    } else {
        struct session session;
        if (command == &command_estimate ||
            options_find(command, "threads", strlen("threads")) != NULL) {
            waiting_choose(argv); /* a command that may run a model */
        }
        session_open(&session, command, argc, argv, &parsed);
        result = guard_models(&session);
        if (result == EXIT_DONE) {
            result = command->run(&session, parsed.config);
        }
    }
    options_free(command, &parsed);
    sal_free(own);
    return result;
}

/* An option in place of a command. */
static int run_option(const char *word) {
    struct usage_error usage = {"", ""};
    struct suggestion suggestion;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help_print_program();
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        return print_version();
    }
    suggest_start(&suggestion, word);
    suggest_offer(&suggestion, "--help");
    suggest_offer(&suggestion, "--version");
    if (suggestion.nearest != NULL) {
        (void)usage_fail(&usage, "usage: salient COMMAND [arguments] [options]",
                         "there is no option %s; did you mean %s?", word, suggestion.nearest);
    } else {
        (void)usage_fail(&usage, "usage: salient COMMAND [arguments] [options]",
                         "a command is needed before %s", word);
    }
    return complain("salient", &usage);
}

static int dispatch(int argc, char **argv) {
    struct usage_error usage = {"", ""};
    int used = 0;
    if (argc < 2) {
        (void)usage_fail(&usage, "`salient --help` lists the commands", "a command is needed");
        return complain("salient", &usage);
    }
    if (argv[1][0] == '-') {
        return run_option(argv[1]);
    }
    if (argc == 3 && strcmp(argv[1], GUARD_WORD) == 0) {
        return guard_child(argv[2]);
    }
    const struct command *command = commands_find(argc - 1, argv + 1, &used, &usage);
    if (command != NULL) {
        return run_command(command, used + 1, argc, argv);
    }
    const bool help = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    if (help && commands_is_family(argv[1])) {
        help_print_family(argv[1]);
        return EXIT_DONE;
    }
    return complain("salient", &usage);
}

/* Started with a standard stream closed, the next file opened would get its number, and what is printed would land in that
 * file. Such a number is taken here by a descriptor that refuses: reading for the outputs, writing for the input. */
static bool hold_standard_streams(void) {
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
        if (fcntl(number, F_GETFD) == -1 &&
            open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    if (!hold_standard_streams()) {
        return EXIT_FAILED;
    }
    interrupts_install();
    int result = dispatch(argc, argv);
    /* A full disk shows when the last bytes are written. A closed standard output is none of our business if nothing went there. */
    const bool failed = ferror(stdout) != 0 || fflush(stdout) != 0;
    const int reason = errno;
    if (failed || (fclose(stdout) != 0 && errno != EBADF)) {
        if (result != EXIT_FAILED) { /* else the command has said so */
            (void)fprintf(stderr, "salient: standard output could not be written: %s\n",
                          strerror(failed ? reason : errno));
        }
        result = EXIT_FAILED;
    }
    return result;
}
