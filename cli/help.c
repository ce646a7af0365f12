#include "help.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "salient/version.h"
#include "terminal.h"

#define OPTION_INDENT 2
#define TEXT_COLUMN 26 /* where the text of an option starts */
#define WIDEST 100     /* long lines are hard to read */

static int help_width(void) {
    const int width = terminal_width(stdout);
    return width > WIDEST ? WIDEST : width;
}

/* Print words of a paragraph, broken at width; the cursor stands at column, later lines start at indent. */
static void print_wrapped(const char *text, int column, int indent, int width) {
    int at = column;
    while (*text != '\0') {
        const size_t length = strcspn(text, " \n");
        const int columns = (int)text_width(text, length);
        if (at > indent && at + 1 + columns > width) {
            (void)printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            (void)putchar(' ');
            at++;
        }
        (void)printf("%.*s", (int)length, text);
        at += columns;
        text += length;
        if (text[0] == '\n' && text[1] == '\n') {
            (void)printf("\n\n%*s", indent, "");
            at = indent;
        }
        text += strspn(text, " \n");
    }
    (void)putchar('\n');
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static void add_row(void *context, const struct option_row *row) {
    struct help_rows *rows = context;
    size_t place = rows->count;
    if (rows->count == HELP_ROWS_MAXIMUM) {
        return;
    }
    /* Behind the last one of its category, if there is one. */
    for (size_t i = rows->count; i-- > 0;) {
        if (strcmp(rows->rows[i]->category, row->category) == 0) {
            place = i + 1;
            break;
        }
    }
    for (size_t i = rows->count; i > place; i--) {
        rows->rows[i] = rows->rows[i - 1];
    }
    rows->rows[place] = row;
    rows->count++;
}

void help_collect(const struct command *command, struct help_rows *rows) {
    rows->count = 0;
    options_each(command, add_row, rows);
}

const char *help_option_text(const struct option_row *row, char room[120]) {
    char letter[8] = "";
    if (row->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
    }
    (void)snprintf(room, 120, "%s--%s%s%s", letter, row->name, row->value == NULL ? "" : " ",
                   row->value == NULL ? "" : row->value);
    return room;
}

const char *help_default_text(const struct option_row *row, char room[400]) {
    if (row->initial == NULL) {
        (void)snprintf(room, 400, "%s", row->help);
    } else {
        (void)snprintf(room, 400, "%s (default: %s)", row->help, row->initial);
    }
    return room;
}

const char *help_usage_text(const struct command *command, char room[200]) {
    int used = snprintf(room, 200, "%s", command->name);
    for (size_t i = 0; command->arguments[i] != NULL && used > 0 && used < 180; i++) {
        used += snprintf(room + used, 200 - (size_t)used, " %s", command->arguments[i]);
    }
    if (used > 0 && used < 180) {
        (void)snprintf(room + used, 200 - (size_t)used, " [options]");
    }
    return room;
}

/* ---- on a terminal --------------------------------------------------------------------------------------------------------- */

static void print_option(const struct option_row *row, int width) {
    char option[120], text[400];
    (void)printf("%*s%s", OPTION_INDENT, "", help_option_text(row, option));
    int column = OPTION_INDENT + (int)strlen(option);
    if (column + 2 > TEXT_COLUMN) {
        (void)putchar('\n');
        column = 0;
    }
    (void)printf("%*s", TEXT_COLUMN - column, "");
    print_wrapped(help_default_text(row, text), TEXT_COLUMN, TEXT_COLUMN, width);
}

void help_print_command(const struct command *command) {
    char usage[200];
    struct help_rows rows;
    const int width = help_width();
    (void)printf("usage: salient %s\n\n", help_usage_text(command, usage));
    print_wrapped(command->description, 0, 0, width);
    help_collect(command, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        if (i == 0 || strcmp(rows.rows[i]->category, rows.rows[i - 1]->category) != 0) {
            (void)printf("\n%s\n", rows.rows[i]->category);
        }
        print_option(rows.rows[i], width);
    }
    (void)printf("\nExamples\n");
    for (size_t i = 0; command->examples[i] != NULL; i++) {
        (void)printf("  %s\n", command->examples[i]);
    }
}

void help_print_program(void) {
    const char *group = "";
    (void)printf(
        "salient %s: which words of a document does a language model keep when it summarizes?\n\n"
        "usage: salient COMMAND [arguments] [options]\n",
        SAL_VERSION);
    for (const struct command *const *command = commands; *command != NULL; command++) {
        if (strcmp(group, (*command)->group) != 0) {
            group = (*command)->group;
            (void)printf("\n%s\n", group);
        }
        (void)printf("  %-15s %s\n", (*command)->name, (*command)->line);
    }
    (void)printf("\nsalient COMMAND --help shows a command's options and examples; salient "
                 "--version the version.\n"
                 "Exit status: 0 done, 1 failed, 2 wrong usage, 3 finished but items failed or "
                 "were skipped,\n"
                 "130 interrupted (the same command goes on).\n");
}

void help_print_family(const char *word) {
    const size_t length = strlen(word);
    bool first = true;
    for (const struct command *const *command = commands; *command != NULL; command++) {
        if (strncmp((*command)->name, word, length) == 0 && (*command)->name[length] == ' ') {
            (void)fputs(first ? "" : "\n", stdout);
            help_print_command(*command);
            first = false;
        }
    }
}
