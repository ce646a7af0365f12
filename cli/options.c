#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "suggest.h"

/* Where the parser stands. */
struct parser {
    const struct command *command;
    struct parsed *parsed;
    struct usage_error *usage;
    char *const *words;
    int count;
    int next;
};

/* ---- numbers --------------------------------------------------------------------------------------------------------------- */

/* strtoll and strtod accept white space in front, which would let `--seed " 7"` pass. */
static bool begins_number(const char *text) {
    return *text == '-' || *text == '.' || isdigit((unsigned char)*text);
}

int parse_integer(const char *text, int64_t *out) {
    char *end = NULL;
    if (!begins_number(text)) {
        return SAL_EINVAL;
    }
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return SAL_EINVAL;
    }
    *out = value;
    return 0;
}

int parse_unsigned(const char *text, uint64_t *out) {
    char *end = NULL;
    if (!isdigit((unsigned char)*text)) { /* strtoull turns -1 into 2^64 - 1 */
        return SAL_EINVAL;
    }
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return SAL_EINVAL;
    }
    *out = value;
    return 0;
}

int parse_number(const char *text, double *out) {
    char *end = NULL;
    if (!begins_number(text) || strpbrk(text, "xXnN") != NULL) { /* no hexadecimal, nan, inf */
        return SAL_EINVAL;
    }
    errno = 0;
    const double value = strtod(text, &end);
    if (errno == ERANGE || end == text || *end != '\0' || !isfinite(value)) {
        return SAL_EINVAL;
    }
    *out = value;
    return 0;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

int usage_fail(struct usage_error *usage, const char *hint, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(usage->what, sizeof usage->what, format, arguments);
    va_end(arguments);
    (void)snprintf(usage->hint, sizeof usage->hint, "%s", hint);
    return SAL_EINVAL;
}

static const char *help_hint(const struct command *command, char room[100]) {
    (void)snprintf(room, 100, "`salient %s --help` lists the options", command->name);
    return room;
}

static void offer_name(void *context, const struct option_row *row) {
    suggest_offer(context, row->name);
}

static int fail_unknown(const struct parser *parser, const char *name, size_t length) {
    char typed[64], hint[100];
    struct suggestion suggestion;
    (void)snprintf(typed, sizeof typed, "%.*s", (int)(length < 60 ? length : 60), name);
    suggest_start(&suggestion, typed);
    options_each(parser->command, offer_name, &suggestion);
    if (suggestion.nearest == NULL) {
        return usage_fail(parser->usage, help_hint(parser->command, hint),
                          "there is no option --%s", typed);
    }
    return usage_fail(parser->usage, help_hint(parser->command, hint),
                      "there is no option --%s; did you mean --%s?", typed, suggestion.nearest);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

static int fail_value(const struct option_row *row, const char *value, struct usage_error *usage,
                      const char *wanted) {
    char hint[200];
    (void)snprintf(hint, sizeof hint, "--%s %s: %s", row->name, row->value, row->help);
    return usage_fail(usage, hint, "--%s takes %s, not '%s'", row->name, wanted, value);
}

static int fail_range(const struct option_row *row, const char *value, struct usage_error *usage) {
    char wanted[120];
    const char *kind = row->type == OPTION_NUMBER ? "a number" : "a whole number";
    if (row->maximum >= 1e15) {
        (void)snprintf(wanted, sizeof wanted, "%s of %g or more", kind, row->minimum);
    } else {
        (void)snprintf(wanted, sizeof wanted, "%s from %.10g to %.10g", kind, row->minimum,
                       row->maximum);
    }
    return fail_value(row, value, usage, wanted);
}

static int set_count(const struct option_row *row, const char *text, int64_t *field,
                     struct usage_error *usage) {
    int64_t value = 0;
    if (parse_integer(text, &value) != 0 || (double)value < row->minimum ||
        (double)value > row->maximum) {
        return fail_range(row, text, usage);
    }
    *field = value;
    return 0;
}

static int set_number(const struct option_row *row, const char *text, double *field,
                      struct usage_error *usage) {
    double value = 0;
    if (parse_number(text, &value) != 0 || value < row->minimum || value > row->maximum) {
        return fail_range(row, text, usage);
    }
    *field = value;
    return 0;
}

/* "2G": a whole number of bytes, or of 1024, 1024^2, 1024^3 of them. */
static int set_size(const struct option_row *row, const char *text, int64_t *field,
                    struct usage_error *usage) {
    static const char units[] = "KMG";
    char digits[32] = "";
    const size_t length = strlen(text);
    const char *unit = length > 1 ? strchr(units, text[length - 1]) : NULL;
    const size_t count = unit != NULL ? length - 1 : length;
    const int shift = unit != NULL ? 10 * (int)(unit - units + 1) : 0;
    int64_t value = 0;
    if (count < sizeof digits) {
        memcpy(digits, text, count);
    }
    if (parse_integer(digits, &value) != 0 || value < 0 || value > INT64_MAX >> shift) {
        return fail_value(row, text, usage, "a size in bytes, or with K, M or G (500M, 2G)");
    }
    *field = value << shift;
    return 0;
}

static int set_choice(const struct option_row *row, const char *text, int *field,
                      struct usage_error *usage) {
    struct suggestion suggestion;
    char wanted[300] = "", hint[100] = "";
    size_t used = 0;
    suggest_start(&suggestion, text);
    for (int i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            *field = i;
            return 0;
        }
        const char *between = i == 0 ? "" : row->choices[i + 1] == NULL ? " or " : ", ";
        suggest_offer(&suggestion, row->choices[i]);
        const int added =
            snprintf(wanted + used, sizeof wanted - used, "%s%s", between, row->choices[i]);
        used = added < 0 || (size_t)added >= sizeof wanted - used ? sizeof wanted - 1
                                                                  : used + (size_t)added;
    }
    if (suggestion.nearest == NULL) {
        return fail_value(row, text, usage, wanted);
    }
    (void)snprintf(hint, sizeof hint, "did you mean --%s %s?", row->name, suggestion.nearest);
    return usage_fail(usage, hint, "--%s takes %s, not '%s'", row->name, wanted, text);
}

static int add_text(struct text_list *list, const char *text) {
    const int status =
        sal_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items, NULL);
    if (status == 0) {
        list->items[list->count++] = text;
    }
    return status;
}

/* ---- lengths --------------------------------------------------------------------------------------------------------------- */

static int add_length(const struct option_row *row, struct length_list *list, int64_t value,
                      const char *text, struct usage_error *usage) {
    if (list->count > 0 && value <= list->items[list->count - 1]) {
        return fail_value(row, text, usage, "lengths in ascending order");
    }
    if (list->count == LENGTHS_MAXIMUM) {
        return fail_value(row, text, usage, "at most 1000 lengths");
    }
    const int status =
        sal_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items, NULL);
    if (status == 0) {
        list->items[list->count++] = (int)value;
    }
    return status;
}

/* The part of text up to its end or one of the separators, as a length; *text is moved behind it. */
static int take_length(const struct option_row *row, const char **text, const char *separators,
                       int64_t *out, struct usage_error *usage) {
    char part[32], wanted[100];
    const size_t length = strcspn(*text, separators);
    (void)snprintf(part, sizeof part, "%.*s", (int)(length < 30 ? length : 30), *text);
    if (parse_integer(part, out) != 0 || *out < 1 || *out > LENGTH_MAXIMUM) {
        (void)snprintf(wanted, sizeof wanted,
                       "whole numbers of words from 1 to %d (10:100:10 or 10,20,50)",
                       LENGTH_MAXIMUM);
        return fail_value(row, part, usage, wanted);
    }
    *text += length;
    return 0;
}

static int set_range(const struct option_row *row, const char *text, struct length_list *list,
                     struct usage_error *usage) {
    int64_t bounds[3] = {0, 0, 1}; /* first, last, step */
    const char *rest = text;
    int status = 0;
    for (int i = 0; status == 0 && i < 3; i++) {
        status = take_length(row, &rest, ":", &bounds[i], usage);
        if (status != 0 || *rest == '\0') {
            break;
        }
        rest++;
        if (i == 2) {
            return fail_value(row, text, usage, "FIRST:LAST:STEP");
        }
    }
    if (status == 0 && bounds[1] < bounds[0]) {
        return fail_value(row, text, usage, "FIRST:LAST:STEP with FIRST not above LAST");
    }
    for (int64_t value = bounds[0]; status == 0 && value <= bounds[1]; value += bounds[2]) {
        status = add_length(row, list, value, text, usage);
    }
    return status;
}

static int set_lengths(const struct option_row *row, const char *text, struct length_list *list,
                       struct usage_error *usage) {
    int status = 0;
    list->count = 0;
    if (strchr(text, ':') != NULL) {
        return set_range(row, text, list, usage);
    }
    for (const char *rest = text; status == 0;) {
        int64_t value = 0;
        status = take_length(row, &rest, ",", &value, usage);
        if (status == 0) {
            status = add_length(row, list, value, text, usage);
        }
        if (status != 0 || *rest == '\0') {
            break;
        }
        rest++;
    }
    return status;
}

/* ---- fields ---------------------------------------------------------------------------------------------------------------- */

static int set_value(const struct option_row *row, const char *text, void *config,
                     struct usage_error *usage) {
    void *field = (char *)config + row->offset;
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_TEXT:
        if (*text == '\0') {
            return fail_value(row, text, usage, "a text that is not empty");
        }
        *(const char **)field = text;
        return 0;
    case OPTION_LIST:
        return add_text(field, text);
    case OPTION_COUNT:
        return set_count(row, text, field, usage);
    case OPTION_SEED:
        return parse_unsigned(text, field) == 0
                   ? 0
                   : fail_value(row, text, usage, "a whole number from 0 to 18446744073709551615");
    case OPTION_NUMBER:
        return set_number(row, text, field, usage);
    case OPTION_CHOICE:
        return set_choice(row, text, field, usage);
    case OPTION_SIZE:
        return set_size(row, text, field, usage);
    case OPTION_LENGTHS:
        return set_lengths(row, text, field, usage);
    }
    return SAL_EINVAL;
}

struct defaults {
    void *config;
    struct usage_error *usage;
    int status;
};

static void set_default(void *context, const struct option_row *row) {
    struct defaults *defaults = context;
    void *field = (char *)defaults->config + row->offset;
    if (row->initial != NULL && defaults->status == 0) {
        defaults->status = set_value(row, row->initial, defaults->config, defaults->usage);
    } else if (row->type == OPTION_NUMBER) {
        *(double *)field = (double)NAN;
    } else if (row->type == OPTION_COUNT || row->type == OPTION_SIZE) {
        *(int64_t *)field = -1;
    }
}

/* ---- the table ------------------------------------------------------------------------------------------------------------- */

void options_each(const struct command *command,
                  void (*visit)(void *context, const struct option_row *row), void *context) {
    for (const struct option_row *const *set = command->options; set != NULL && *set != NULL;
         set++) {
        for (const struct option_row *row = *set; row->name != NULL; row++) {
            visit(context, row);
        }
    }
    for (const struct option_row *row = options_everywhere; row->name != NULL; row++) {
        visit(context, row);
    }
}

struct search {
    const char *name;
    size_t length;
    char letter;
    const struct option_row *found;
};

static void compare_row(void *context, const struct option_row *row) {
    struct search *search = context;
    const bool same = search->name != NULL
                          ? strlen(row->name) == search->length &&
                                memcmp(row->name, search->name, search->length) == 0
                          : row->letter == search->letter;
    if (same && search->found == NULL) {
        search->found = row;
    }
}

const struct option_row *options_find(const struct command *command, const char *name,
                                      size_t length) {
    struct search search = {name, length, 0, NULL};
    options_each(command, compare_row, &search);
    return search.found;
}

static const struct option_row *find_letter(const struct command *command, char letter) {
    struct search search = {NULL, 0, letter, NULL};
    options_each(command, compare_row, &search);
    return search.found;
}

/* ---- the command line ------------------------------------------------------------------------------------------------------ */

/* True for a word that is an option: -x or --name, but not -, -- or a negative number. */
static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0' && strcmp(word, "--") != 0 &&
           !isdigit((unsigned char)word[1]) && word[1] != '.';
}

/* Set a row from the value that stands in its own word, or else from the next word. */
static int take_value(struct parser *parser, const struct option_row *row, const char *attached) {
    char hint[400];
    const char *value = attached;
    if (value == NULL) {
        if (parser->next >= parser->count || is_option(parser->words[parser->next])) {
            (void)snprintf(hint, sizeof hint, "--%s %s: %s", row->name, row->value, row->help);
            return usage_fail(parser->usage, hint, "--%s needs a value: --%s %s", row->name,
                              row->name, row->value);
        }
        value = parser->words[parser->next++];
    }
    return set_value(row, value, parser->parsed->config, parser->usage);
}

static int parse_long(struct parser *parser, const char *word) {
    char hint[100];
    const char *equals = strchr(word, '=');
    const size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const struct option_row *row = options_find(parser->command, word, length);
    if (row == NULL) {
        return fail_unknown(parser, word, length);
    }
    if (row->type != OPTION_FLAG) {
        return take_value(parser, row, equals == NULL ? NULL : equals + 1);
    }
    if (equals != NULL) {
        return usage_fail(parser->usage, help_hint(parser->command, hint),
                          "--%s takes no value, not '%s'", row->name, equals + 1);
    }
    return set_value(row, NULL, parser->parsed->config, parser->usage);
}

static int parse_letters(struct parser *parser, const char *letters) {
    char hint[100];
    for (; *letters != '\0'; letters++) {
        const struct option_row *row = find_letter(parser->command, *letters);
        if (row == NULL) {
            return usage_fail(parser->usage, help_hint(parser->command, hint),
                              "there is no option -%s", letters);
        }
        if (row->type != OPTION_FLAG) {
            return take_value(parser, row, letters[1] == '\0' ? NULL : letters + 1);
        }
        const int status = set_value(row, NULL, parser->parsed->config, parser->usage);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static bool asks_for_help(int count, char *const *words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* The arguments given against those that the command names: "STUDY", "FILE...", "[MODEL]". */
static int check_arguments(const struct parser *parser) {
    char hint[100];
    const struct parsed *parsed = parser->parsed;
    size_t allowed = 0;
    bool many = false;
    for (; parser->command->arguments[allowed] != NULL && !many; allowed++) {
        const char *name = parser->command->arguments[allowed];
        if (name[0] != '[' && parsed->argument_count <= allowed) {
            return usage_fail(parser->usage, help_hint(parser->command, hint), "%s is needed",
                              name);
        }
        many = strstr(name, "...") != NULL;
    }
    if (parsed->argument_count > allowed && !many) {
        return usage_fail(parser->usage, help_hint(parser->command, hint),
                          "'%s' is one argument too many", parsed->arguments[allowed]);
    }
    return 0;
}

static int parse_words(struct parser *parser) {
    bool only_arguments = false;
    int status = 0;
    while (status == 0 && parser->next < parser->count) {
        const char *word = parser->words[parser->next++];
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (only_arguments || !is_option(word)) {
            parser->parsed->arguments[parser->parsed->argument_count++] = word;
        } else if (word[1] == '-') {
            status = parse_long(parser, word + 2);
        } else {
            status = parse_letters(parser, word + 1);
        }
    }
    return status != 0 ? status : check_arguments(parser);
}

int options_parse(const struct command *command, int count, char *const *words,
                  struct parsed *parsed, struct usage_error *usage) {
    struct parser parser = {command, parsed, usage, words, count, 0};
    memset(parsed, 0, sizeof *parsed);
    parsed->config = sal_calloc(1, command->size);
    parsed->arguments = sal_calloc((size_t)count + 1, sizeof *parsed->arguments);
    if (parsed->config == NULL || parsed->arguments == NULL) {
        return SAL_ENOMEM;
    }
    struct defaults defaults = {parsed->config, usage, 0};
    options_each(command, set_default, &defaults);
    if (defaults.status != 0) {
        return defaults.status;
    }
    if (asks_for_help(count, words)) {
        ((struct common_options *)parsed->config)->help = true;
        return 0;
    }
    const int status = parse_words(&parser);
    return status != 0 || command->check == NULL ? status : command->check(parsed->config, usage);
}

static void free_field(void *context, const struct option_row *row) {
    void *field = (char *)context + row->offset;
    if (row->type == OPTION_LIST) {
        sal_free(((struct text_list *)field)->items);
    } else if (row->type == OPTION_LENGTHS) {
        sal_free(((struct length_list *)field)->items);
    }
}

void options_free(const struct command *command, struct parsed *parsed) {
    if (parsed->config != NULL) {
        options_each(command, free_field, parsed->config);
    }
    sal_free(parsed->config);
    sal_free(parsed->arguments);
    memset(parsed, 0, sizeof *parsed);
}
