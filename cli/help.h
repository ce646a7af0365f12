/** Help and reference pages, all from the tables of commands and options. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "options.h"

/** The options of a command in the order of help: by category, categories in order of their first option. */
#define HELP_ROWS_MAXIMUM 64
struct help_rows {
    const struct option_row *rows[HELP_ROWS_MAXIMUM];
    size_t count;
};
void help_collect(const struct command *command, struct help_rows *rows);

/** "-o, --output FILE" into room. */
const char *help_option_text(const struct option_row *row, char room[120]);

/** Text of an option with its default, into room. */
const char *help_default_text(const struct option_row *row, char room[400]);

/** "import STUDY FILE... [options]" into room. */
const char *help_usage_text(const struct command *command, char room[200]);

/** `salient --help` and `salient COMMAND --help`, on standard output. */
void help_print_program(void);
void help_print_command(const struct command *command);
/** The commands that begin with word ("model"). */
void help_print_family(const char *word);

/** The manual page in roff and docs/commands.md in Markdown, on standard output. */
void help_print_manual(void);
void help_print_markdown(void);

#endif
