/* salient help: the help of a command, or all of it as a manual page. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "help.h"
#include "session.h"

struct help_options {
    struct common_options common;
    bool manual;
    bool markdown;
};

static const struct option_row rows[] = {
    {"man", 0, OPTION_FLAG, offsetof(struct help_options, manual), NULL, 0, 0, NULL, NULL, "Form",
     "the manual page of the whole program, in roff"},
    {"markdown", 0, OPTION_FLAG, offsetof(struct help_options, markdown), NULL, 0, 0, NULL, NULL,
     "Form", "the same in Markdown (docs/commands.md)"},
    {0}};

static int print_named(struct session *session) {
    struct usage_error usage = {"", ""};
    char *words[2] = {NULL, NULL};
    int used = 0;
    const int count = session->argument_count > 2 ? 2 : (int)session->argument_count;
    for (int i = 0; i < count; i++) {
        words[i] = (char *)(uintptr_t)session->arguments[i];
    }
    const struct command *command = commands_find(count, words, &used, &usage);
    if (command == NULL && count == 1 && commands_is_family(words[0])) {
        help_print_family(words[0]);
        return EXIT_DONE;
    }
    if (command == NULL) {
        return session_usage(session, usage.hint, "%s", usage.what);
    }
    help_print_command(command);
    return EXIT_DONE;
}

static int run(struct session *session, void *config) {
    const struct help_options *options = config;
    if (options->manual) {
        help_print_manual();
    } else if (options->markdown) {
        help_print_markdown();
    } else if (session->argument_count == 0) {
        help_print_program();
    } else {
        return print_named(session);
    }
    return EXIT_DONE;
}

static const char *const arguments[] = {"[COMMAND...]", NULL};
static const char *const examples[] = {"salient help summarize", "salient help model convert",
                                       "salient help --man >salient.1", NULL};
static const struct option_row *const options[] = {rows, NULL};

const struct command command_help = {
    "help",
    "Help",
    "help on a command, and the manual page",
    arguments,
    "Shows the help of a command (as salient COMMAND --help does), or the whole manual.",
    examples,
    options,
    sizeof(struct help_options),
    run,
    NULL,
    NULL};
