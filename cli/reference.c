/* The reference pages: roff for man, Markdown for docs/commands.md. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "help.h"
#include "salient/version.h"

static const char *const exit_texts[][2] = {
    {"0", "done"},
    {"1", "failed: input, model, disk; the line on standard error says what and where"},
    {"2", "wrong usage"},
    {"3", "finished, but items failed or were skipped (they are counted and listed)"},
    {"130", "interrupted; the same command goes on where it stopped"}};
#define EXIT_TEXTS (sizeof exit_texts / sizeof *exit_texts)

/* ---- roff ------------------------------------------------------------------------------------------------------------------ */

/* Text of a roff line: no request by accident, hyphens that can be copied. An empty line becomes a new paragraph. */
static void print_roff(const char *text) {
    bool line_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\n' && at[1] == '\n') {
            (void)fputs("\n.PP\n", stdout);
            at++;
            line_start = true;
            continue;
        }
        if (line_start && (*at == '.' || *at == '\'')) {
            (void)fputs("\\&", stdout);
        }
        if (*at == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*at == '-') {
            (void)fputs("\\-", stdout);
        } else {
            (void)putchar(*at);
        }
        line_start = *at == '\n';
    }
    (void)putchar('\n');
}

static void print_roff_command(const struct command *command) {
    char usage[200], option[120], text[400];
    struct help_rows rows;
    (void)fputs(".SS ", stdout);
    print_roff(help_usage_text(command, usage));
    print_roff(command->description);
    help_collect(command, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        (void)fputs(".TP\n.B ", stdout);
        print_roff(help_option_text(rows.rows[i], option));
        print_roff(help_default_text(rows.rows[i], text));
    }
    (void)fputs(".PP\nExamples:\n.PP\n.nf\n", stdout);
    for (size_t i = 0; command->examples[i] != NULL; i++) {
        print_roff(command->examples[i]);
    }
    (void)fputs(".fi\n", stdout);
}

void help_print_manual(void) {
    (void)printf(".TH SALIENT 1 \"\" \"salient %s\" \"User Commands\"\n.SH NAME\n", SAL_VERSION);
    (void)printf(
        "salient \\- which words of a document does a language model keep when it summarizes?\n"
        ".SH SYNOPSIS\n.B salient\nCOMMAND [arguments] [options]\n.SH COMMANDS\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        print_roff_command(*command);
    }
    (void)printf(".SH EXIT STATUS\n");
    for (size_t i = 0; i < EXIT_TEXTS; i++) {
        (void)printf(".TP\n.B %s\n", exit_texts[i][0]);
        print_roff(exit_texts[i][1]);
    }
    (void)printf(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours, unless \\-\\-color "
                 "always\n.TP\n.B COLUMNS\n"
                 "width of help and tables where the terminal does not tell it\n");
}

/* ---- Markdown -------------------------------------------------------------------------------------------------------------- */

static void print_markdown_command(const struct command *command) {
    char usage[200], option[120], text[400];
    struct help_rows rows;
    (void)printf("\n## salient %s\n\n    salient %s\n\n%s\n", command->name,
                 help_usage_text(command, usage), command->description);
    help_collect(command, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        if (i == 0 || strcmp(rows.rows[i]->category, rows.rows[i - 1]->category) != 0) {
            (void)printf("\n%s:\n\n", rows.rows[i]->category);
        }
        (void)printf("- `%s` %s\n", help_option_text(rows.rows[i], option),
                     help_default_text(rows.rows[i], text));
    }
    (void)printf("\nExamples:\n\n```sh\n");
    for (size_t i = 0; command->examples[i] != NULL; i++) {
        (void)printf("%s\n", command->examples[i]);
    }
    (void)printf("```\n");
}

void help_print_markdown(void) {
    (void)printf("# Commands\n\nMade by `salient help --markdown` from the tables that the program "
                 "itself reads; a test compares "
                 "them.\n\nData go to standard output, everything else to standard error. `-` is "
                 "standard input or output, `--` "
                 "ends the options.\n\n| exit status | |\n|---|---|\n");
    for (size_t i = 0; i < EXIT_TEXTS; i++) {
        (void)printf("| %s | %s |\n", exit_texts[i][0], exit_texts[i][1]);
    }
    for (const struct command *const *command = commands; *command != NULL; command++) {
        print_markdown_command(*command);
    }
}
