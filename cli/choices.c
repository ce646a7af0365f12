/* Lists of choices: "received,norm" into flags. */
#include "choices.h"

#include <stdio.h>
#include <string.h>

#include "suggest.h"

/* A hint that lists every choice. */
static void list_choices(const struct choices *choices, char *room, size_t size) {
    int used = snprintf(room, size, "--%s takes %s", choices->option, choices->apart);
    for (int c = 0; c < choices->count && used >= 0 && (size_t)used < size; c++) {
        used += snprintf(room + used, size - (size_t)used, "%s%s", c == 0 ? "" : ", ",
                         choices->name(c));
    }
}

static int fail_choice(const struct choices *choices, const char *word, struct usage_error *usage) {
    char hint[sizeof usage->hint];
    struct suggestion suggestion;
    suggest_start(&suggestion, word);
    for (int c = 0; c < choices->count; c++) {
        suggest_offer(&suggestion, choices->name(c));
    }
    list_choices(choices, hint, sizeof hint);
    if (suggestion.nearest != NULL) {
        return usage_fail(usage, hint, "--%s: there is no '%s'; did you mean %s?", choices->option,
                          word, suggestion.nearest);
    }
    return usage_fail(usage, hint, "--%s: there is no '%s'", choices->option, word);
}

int choices_parse(const struct choices *choices, const char *text, bool *flags,
                  struct usage_error *usage) {
    for (const char *at = text;; at++) {
        char word[40];
        const size_t length = strcspn(at, ",");
        int found = -1;
        (void)snprintf(word, sizeof word, "%.*s", (int)(length < 39 ? length : 39), at);
        for (int c = 0; c < choices->count; c++) {
            found = strcmp(choices->name(c), word) == 0 ? c : found;
        }
        if (found < 0) {
            return fail_choice(choices, word, usage);
        }
        flags[found] = true;
        at += length;
        if (*at == '\0') {
            return 0;
        }
    }
}
