/* salient completion: what a shell needs to complete commands, options and choices. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "help.h"
#include "session.h"

struct completion_options {
    struct common_options common;
};

static void print_choice_case(const struct option_row *row) {
    (void)printf("            --%s) words=\"", row->name);
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        (void)printf("%s%s", i == 0 ? "" : " ", row->choices[i]);
    }
    (void)printf("\" ;;\n");
}

/* One branch: after an option with choices the choices, after another one with a value files, else the options. */
static void print_command(const struct command *command) {
    struct help_rows rows;
    help_collect(command, &rows);
    (void)printf("    '%s')\n        case \"$previous\" in\n", command->name);
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.rows[i]->choices != NULL) {
            print_choice_case(rows.rows[i]);
        }
    }
    (void)printf("            *) [[ $current == -* ]] && words=\"");
    for (size_t i = 0; i < rows.count; i++) {
        (void)printf("%s--%s", i == 0 ? "" : " ", rows.rows[i]->name);
    }
    (void)printf("\" ;;\n        esac ;;\n");
}

static void print_names(void) {
    const char *last = "";
    for (const struct command *const *command = commands; *command != NULL; command++) {
        const size_t length = strcspn((*command)->name, " ");
        if (strlen(last) < length || strncmp(last, (*command)->name, length) != 0) {
            (void)printf("%s%.*s", *last == '\0' ? "" : " ", (int)length, (*command)->name);
        }
        last = (*command)->name;
    }
}

static void print_bash(void) {
    (void)printf("# bash completion for salient; load it with:  source <(salient completion bash)\n"
                 "_salient() {\n"
                 "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} "
                 "words=''\n"
                 "    local command=${COMP_WORDS[1]}\n"
                 "    COMPREPLY=()\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        COMPREPLY=($(compgen -W '");
    print_names();
    (void)printf("' -- \"$current\"))\n        return\n    fi\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        const char *second = strchr((*command)->name, ' ');
        if (second != NULL) {
            (void)printf("    if [ \"$command ${COMP_WORDS[2]}\" = '%s' ] && [ \"$COMP_CWORD\" -gt "
                         "2 ]; then command='%s'; fi\n",
                         (*command)->name, (*command)->name);
        }
    }
    (void)printf("    case \"$command\" in\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        print_command(*command);
    }
    (void)printf(
        "    esac\n"
        "    if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$current\")); fi\n"
        "}\n"
        "complete -o default -F _salient salient\n");
}

static int run(struct session *session, void *config) {
    (void)config;
    if (strcmp(session->arguments[0], "bash") != 0) {
        return session_usage(session, "salient completion bash",
                             "no completion for '%s', only for bash", session->arguments[0]);
    }
    print_bash();
    return EXIT_DONE;
}

static const char *const arguments[] = {"SHELL", NULL};
static const char *const examples[] = {
    "source <(salient completion bash)",
    "salient completion bash >~/.local/share/bash-completion/completions/salient", NULL};
static const struct option_row *const options[] = {NULL};

const struct command command_completion = {
    "completion",
    "Help",
    "completion for the shell",
    arguments,
    "Writes a script that completes commands, options and their choices. SHELL: bash.",
    examples,
    options,
    sizeof(struct completion_options),
    run,
    NULL,
    NULL};
