#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "suggest.h"

const struct command *const commands[] = {
    &command_run,           &command_estimate,   &command_import,          &command_summarize,
    &command_importance,    &command_heads,      &command_states,          &command_probe,
    &command_steer,         &command_ablate,     &command_compare,         &command_report,
    &command_export,        &command_score,      &command_verify,          &command_model_info,
    &command_model_convert, &command_model_pull, &command_model_randomize, &command_tap,
    &command_doctor,        &command_help,       &command_completion,      NULL};

/* Length of a name's first word. */
static size_t first_word(const char *name) {
    return strcspn(name, " ");
}

static bool begins_with_word(const char *name, const char *word) {
    const size_t length = first_word(name);
    return strlen(word) == length && memcmp(name, word, length) == 0;
}

bool commands_is_family(const char *word) {
    for (const struct command *const *command = commands; *command != NULL; command++) {
        if (begins_with_word((*command)->name, word) && strchr((*command)->name, ' ') != NULL) {
            return true;
        }
    }
    return false;
}

static const struct command *fail_unknown(const char *word, struct usage_error *usage) {
    struct suggestion suggestion;
    char first[32];
    const char *nearest = NULL;
    suggest_start(&suggestion, word);
    for (const struct command *const *command = commands; *command != NULL; command++) {
        (void)snprintf(first, sizeof first, "%.*s", (int)first_word((*command)->name),
                       (*command)->name);
        const size_t before = suggestion.distance;
        suggest_offer(&suggestion, first);
        nearest = suggestion.distance < before ? (*command)->name : nearest;
    }
    if (nearest == NULL) {
        (void)usage_fail(usage, "`salient --help` lists the commands", "there is no command '%s'",
                         word);
    } else {
        (void)usage_fail(usage, "`salient --help` lists the commands",
                         "there is no command '%s'; did you mean '%.*s'?", word,
                         (int)first_word(nearest), nearest);
    }
    return NULL;
}

static const struct command *fail_family(const char *word, const char *second,
                                         struct usage_error *usage) {
    struct suggestion suggestion;
    char hint[80];
    suggest_start(&suggestion, second == NULL ? "" : second);
    for (const struct command *const *command = commands; *command != NULL; command++) {
        if (begins_with_word((*command)->name, word)) {
            suggest_offer(&suggestion, (*command)->name + first_word((*command)->name) + 1);
        }
    }
    (void)snprintf(hint, sizeof hint, "`salient %.30s --help` lists its commands", word);
    if (second == NULL) {
        (void)usage_fail(usage, hint, "%s: which of its commands?", word);
    } else if (suggestion.nearest == NULL) {
        (void)usage_fail(usage, hint, "there is no command '%s %s'", word, second);
    } else {
        (void)usage_fail(usage, hint, "there is no command '%s %s'; did you mean '%s %s'?", word,
                         second, word, suggestion.nearest);
    }
    return NULL;
}

const struct command *commands_find(int count, char *const *words, int *used,
                                    struct usage_error *usage) {
    const char *second = count > 1 && words[1][0] != '-' ? words[1] : NULL;
    for (const struct command *const *command = commands; *command != NULL; command++) {
        const char *name = (*command)->name;
        const size_t length = first_word(name);
        if (!begins_with_word(name, words[0])) {
            continue;
        }
        if (name[length] == '\0' || (second != NULL && strcmp(name + length + 1, second) == 0)) {
            *used = name[length] == '\0' ? 1 : 2;
            return *command;
        }
    }
    return commands_is_family(words[0]) ? fail_family(words[0], second, usage)
                                        : fail_unknown(words[0], usage);
}
