/* Options: the parser, the tables of all commands, suggestions, and what people are shown. */
#include "testing.h"

#include "../cli/commands.h"
#include "../cli/help.h"
#include "../cli/json.h"
#include "../cli/options.h"
#include "../cli/suggest.h"
#include "../cli/table.h"
#include "../cli/terminal.h"
#include "salient/summarize.h"

/* ---- a command of its own -------------------------------------------------------------------------------------------------- */

struct sample_options {
    struct common_options common;
    bool flag;
    const char *text;
    struct text_list list;
    int64_t count;
    int64_t limit;
    uint64_t seed;
    double number;
    int choice;
    struct length_list lengths;
};

static const char *const colors[] = {"red", "green", NULL};

#define AT(field) offsetof(struct sample_options, field)
static const struct option_row rows[] = {
    {"flag", 'f', OPTION_FLAG, AT(flag), NULL, 0, 0, NULL, NULL, "A", "a flag"},
    {"text", 'x', OPTION_TEXT, AT(text), NULL, 0, 0, "TEXT", NULL, "A", "a text"},
    {"list", 0, OPTION_LIST, AT(list), NULL, 0, 0, "T", NULL, "A", "several texts"},
    {"count", 0, OPTION_COUNT, AT(count), "3", -1, 10, "N", NULL, "A", "a count"},
    {"limit", 0, OPTION_COUNT, AT(limit), NULL, 1, 1e15, "N", NULL, "A", "a limit"},
    {"seed", 0, OPTION_SEED, AT(seed), "1", 0, 0, "N", NULL, "A", "a seed"},
    {"number", 0, OPTION_NUMBER, AT(number), NULL, 0, 1, "X", NULL, "A", "a number"},
    {"choice", 0, OPTION_CHOICE, AT(choice), "green", 0, 0, "C", colors, "B", "a choice"},
    {"lengths", 0, OPTION_LENGTHS, AT(lengths), "10:30:10", 0, 0, "WORDS", NULL, "A", "lengths"},
    {0}};
static const struct option_row *const sets[] = {rows, NULL};
static const char *const arguments[] = {"STUDY", "[MORE...]", NULL};
static const char *const examples[] = {"salient sample mystudy", NULL};
static const struct command sample = {"sample", "Group",  "line", arguments,
                                      "text",   examples, sets,   sizeof(struct sample_options),
                                      NULL,     NULL,     NULL};

struct result {
    struct parsed parsed;
    struct usage_error usage;
    int status;
    const struct sample_options *options;
};

#define PARSE(result, ...)                                                                         \
    do {                                                                                           \
        const char *words[] = {__VA_ARGS__};                                                       \
        parse((result), sizeof words / sizeof *words, words);                                      \
    } while (0)

static void parse(struct result *result, size_t count, const char *const *words) {
    memset(result, 0, sizeof *result);
    result->status = options_parse(&sample, (int)count, (char *const *)(uintptr_t)words,
                                   &result->parsed, &result->usage);
    result->options = result->parsed.config;
}

static void release(struct result *result) {
    options_free(&sample, &result->parsed);
}

static void defaults_come_from_the_table(void **state) {
    struct result result;
    (void)state;
    PARSE(&result, "study");
    assert_int_equal(result.status, 0);
    assert_false(result.options->flag);
    assert_null(result.options->text);
    assert_int_equal(result.options->count, 3);
    assert_int_equal(result.options->limit, -1);
    assert_true(result.options->seed == 1);
    assert_true(isnan(result.options->number));
    assert_int_equal(result.options->choice, 1);
    assert_int_equal(result.options->lengths.count, 3);
    assert_int_equal(result.options->lengths.items[2], 30);
    assert_string_equal(result.parsed.arguments[0], "study");
    release(&result);
}

static void every_spelling_is_understood(void **state) {
    struct result result;
    (void)state;
    PARSE(&result, "--text", "one", "-f", "--list=a", "study", "--list", "b", "--count=-1",
          "--seed=18446744073709551615", "--number", ".5", "--choice", "red", "--",
          "--not-an-option", "-");
    assert_int_equal(result.status, 0);
    assert_string_equal(result.options->text, "one");
    assert_true(result.options->flag);
    assert_int_equal(result.options->list.count, 2);
    assert_string_equal(result.options->list.items[1], "b");
    assert_int_equal(result.options->count, -1);
    assert_true(result.options->seed == UINT64_MAX);
    assert_close(result.options->number, 0.5, 0, 0);
    assert_int_equal(result.options->choice, 0);
    assert_int_equal(result.parsed.argument_count, 3);
    assert_string_equal(result.parsed.arguments[1], "--not-an-option");
    assert_string_equal(result.parsed.arguments[2], "-");
    release(&result);
    PARSE(&result, "study", "-fxvalue");
    assert_int_equal(result.status, 0);
    assert_true(result.options->flag);
    assert_string_equal(result.options->text, "value");
    release(&result);
}

/* The exact line for each kind of mistake. */
static void mistakes_are_named(void **state) {
    static const struct {
        const char *words[3];
        const char *what;
    } cases[] = {
        {{"study", "--txet=a"}, "there is no option --txet; did you mean --text?"},
        {{"study", "--zzzzzz"}, "there is no option --zzzzzz"},
        {{"study", "-z"}, "there is no option -z"},
        {{"study", "--text"}, "--text needs a value: --text TEXT"},
        {{"study", "--text", "--flag"}, "--text needs a value: --text TEXT"},
        {{"study", "--flag=yes"}, "--flag takes no value, not 'yes'"},
        {{"study", "--count=11"}, "--count takes a whole number from -1 to 10, not '11'"},
        {{"study", "--count=7x"}, "--count takes a whole number from -1 to 10, not '7x'"},
        {{"study", "--count="}, "--count takes a whole number from -1 to 10, not ''"},
        {{"study", "--count= 7"}, "--count takes a whole number from -1 to 10, not ' 7'"},
        {{"study", "--limit=0"}, "--limit takes a whole number of 1 or more, not '0'"},
        {{"study", "--seed=-1"},
         "--seed takes a whole number from 0 to 18446744073709551615, not '-1'"},
        {{"study", "--seed=18446744073709551616"},
         "--seed takes a whole number from 0 to 18446744073709551615, not '18446744073709551616'"},
        {{"study", "--number=nan"}, "--number takes a number from 0 to 1, not 'nan'"},
        {{"study", "--number=0x1"}, "--number takes a number from 0 to 1, not '0x1'"},
        {{"study", "--number=1.5"}, "--number takes a number from 0 to 1, not '1.5'"},
        {{"study", "--choice=gren"}, "--choice takes red or green, not 'gren'"},
        {{"--flag"}, "STUDY is needed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result result;
        size_t count = 0;
        while (count < 3 && cases[i].words[count] != NULL) {
            count++;
        }
        parse(&result, count, cases[i].words);
        assert_int_equal(result.status, SAL_EINVAL);
        assert_string_equal(result.usage.what, cases[i].what);
        assert_true(result.usage.hint[0] != '\0');
        release(&result);
    }
}

static void help_wins_over_mistakes(void **state) {
    struct result result;
    (void)state;
    PARSE(&result, "--nonsense", "--help");
    assert_int_equal(result.status, 0);
    assert_true(result.options->common.help);
    release(&result);
}

static void lengths_are_a_range_or_a_list(void **state) {
    static const struct {
        const char *text;
        const char *numbers; /* NULL: refused */
    } cases[] = {{"10:100:10", "10 20 30 40 50 60 70 80 90 100 "},
                 {"10,20,50", "10 20 50 "},
                 {"7", "7 "},
                 {"1:3", "1 2 3 "},
                 {"10:25:10", "10 20 "},
                 {"10:100:ten", NULL},
                 {"10:100:0", NULL},
                 {"100:10:10", NULL},
                 {"10:100:10:1", NULL},
                 {"20,10", NULL},
                 {"10,10", NULL},
                 {"0", NULL},
                 {"-5", NULL},
                 {"10,", NULL},
                 {",10", NULL},
                 {"1:", NULL},
                 {"1:2000", NULL}, /* more than 1000 */
                 {"100001", NULL},
                 {"99999999999999999999", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result result;
        char seen[200] = "";
        PARSE(&result, "study", "--lengths", cases[i].text);
        assert_int_equal(result.status, cases[i].numbers == NULL ? SAL_EINVAL : 0);
        for (size_t k = 0; result.status == 0 && k < result.options->lengths.count; k++) {
            const size_t used = strlen(seen);
            (void)snprintf(seen + used, sizeof seen - used, "%d ",
                           result.options->lengths.items[k]);
        }
        assert_string_equal(seen, cases[i].numbers == NULL ? "" : cases[i].numbers);
        release(&result);
    }
}

static void options_in_force_are_json(void **state) {
    struct result result;
    sal_buffer out = {0};
    (void)state;
    PARSE(&result, "study", "--text", "a \"b\"\n", "--list", "x", "--list", "y");
    assert_int_equal(result.status, 0);
    assert_int_equal(options_to_json(&sample, result.parsed.config, &out, NULL), 0);
    assert_string_equal(out.bytes,
                        "{\"flag\":false,\"text\":\"a \\\"b\\\"\\n\",\"list\":[\"x\",\"y\"],"
                        "\"count\":3,\"limit\":null,\"seed\":1,\"number\":null,"
                        "\"choice\":\"green\",\"lengths\":[10,20,30]}");
    sal_buffer_free(&out);
    release(&result);
}

static void parsing_survives_no_memory(void **state) {
    const long before = sal_faulty_blocks();
    (void)state;
    for (long n = 0;; n++) {
        struct result result;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        PARSE(&result, "study", "--list", "a", "--list", "b", "--lengths", "1:40");
        const bool reached = sal_faulty_reset();
        assert_int_equal(result.status, reached ? SAL_ENOMEM : 0);
        release(&result);
        if (!reached) {
            break;
        }
    }
    assert_true(sal_faulty_blocks() == before);
}

/* ---- the real commands ----------------------------------------------------------------------------------------------------- */

struct seen {
    const struct option_row *rows[200];
    size_t count;
};

static void add_seen(void *context, const struct option_row *row) {
    struct seen *seen = context;
    assert_true(seen->count < 200);
    seen->rows[seen->count++] = row;
}

static void check_row(const struct option_row *row, size_t size) {
    assert_non_null(row->help);
    assert_non_null(row->category);
    assert_true(row->offset < size);
    assert_true((row->type == OPTION_FLAG) == (row->value == NULL));
    assert_true((row->type == OPTION_CHOICE) == (row->choices != NULL));
    assert_true(row->type != OPTION_CHOICE || row->initial != NULL);
    if (row->type == OPTION_COUNT || row->type == OPTION_NUMBER) {
        assert_true(row->minimum < row->maximum);
    }
}

static void tables_have_no_doubles(void **state) {
    const struct option_row *letters[128] = {NULL};
    (void)state;
    for (const struct command *const *command = commands; *command != NULL; command++) {
        struct seen seen = {.count = 0};
        options_each(*command, add_seen, &seen);
        assert_true(seen.count < HELP_ROWS_MAXIMUM);
        for (size_t i = 0; i < seen.count; i++) {
            const struct option_row *row = seen.rows[i];
            check_row(row, (*command)->size);
            for (size_t k = 0; k < i; k++) {
                assert_string_not_equal(seen.rows[k]->name, row->name);
            }
            if (row->letter != 0) { /* means the same in every command */
                const struct option_row *other = letters[(size_t)row->letter];
                assert_true(other == NULL || strcmp(other->name, row->name) == 0);
                letters[(size_t)row->letter] = row;
            }
        }
    }
}

static void every_command_explains_itself(void **state) {
    (void)state;
    for (const struct command *const *command = commands; *command != NULL; command++) {
        size_t count = 0;
        assert_true(strlen((*command)->line) <= 60);
        assert_true(strlen((*command)->description) > 20);
        while ((*command)->examples[count] != NULL) {
            assert_non_null(strstr((*command)->examples[count], (*command)->name));
            count++;
        }
        assert_true(count >= 2 && count <= 3);
    }
}

static void defaults_of_summarize_are_those_of_the_library(void **state) {
    struct parsed parsed = {0};
    struct usage_error usage = {"", ""};
    sal_buffer out = {0};
    char lengths[200] = "\"lengths\":[";
    char rest[200];
    const sal_summarize_options library = sal_summarize_defaults();
    char *words[] = {(char *)(uintptr_t) "study", (char *)(uintptr_t) "--with=lead"};
    (void)state;
    assert_int_equal(options_parse(&command_summarize, 2, words, &parsed, &usage), 0);
    assert_int_equal(options_to_json(&command_summarize, parsed.config, &out, NULL), 0);
    for (size_t i = 0; i < library.length_count; i++) {
        const size_t used = strlen(lengths);
        (void)snprintf(lengths + used, sizeof lengths - used, "%s%d", i == 0 ? "" : ",",
                       library.lengths[i]);
    }
    assert_non_null(strstr(out.bytes, lengths));
    (void)snprintf(rest, sizeof rest, "\"replicas\":%d,\"template\":\"%s\"", library.replicas,
                   library.template_name);
    assert_non_null(strstr(out.bytes, rest));
    (void)snprintf(rest, sizeof rest, "\"seed\":%llu,\"max-tokens\":%d",
                   (unsigned long long)library.seed, library.max_tokens);
    assert_non_null(strstr(out.bytes, rest));
    sal_buffer_free(&out);
    options_free(&command_summarize, &parsed);
}

static void commands_are_found_or_suggested(void **state) {
    struct usage_error usage = {"", ""};
    int used = 0;
    char *import[] = {(char *)(uintptr_t) "import"};
    char *mistyped[] = {(char *)(uintptr_t) "imprt"};
    char *convert[] = {(char *)(uintptr_t) "model", (char *)(uintptr_t) "convert"};
    char *nothing[] = {(char *)(uintptr_t) "model", (char *)(uintptr_t) "convrt"};
    (void)state;
    assert_ptr_equal(commands_find(1, import, &used, &usage), &command_import);
    assert_int_equal(used, 1);
    assert_ptr_equal(commands_find(2, convert, &used, &usage), &command_model_convert);
    assert_int_equal(used, 2);
    assert_null(commands_find(1, mistyped, &used, &usage));
    assert_string_equal(usage.what, "there is no command 'imprt'; did you mean 'import'?");
    assert_null(commands_find(2, nothing, &used, &usage));
    assert_string_equal(usage.what,
                        "there is no command 'model convrt'; did you mean 'model convert'?");
    assert_null(commands_find(1, nothing, &used, &usage));
    assert_string_equal(usage.what, "model: which of its commands?");
}

/* ---- suggestions ----------------------------------------------------------------------------------------------------------- */

static void distance_counts_edits(void **state) {
    (void)state;
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("abc", "abc"), 0);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("ab", "ba"), 1); /* neighbours swapped */
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(suggest_distance("ca", "abc"), 3); /* optimal string alignment */
    assert_true(suggest_distance("0123456789012345678901234567890123456789012345678901234567890123",
                                 "a") == SIZE_MAX);
}

static void far_names_are_not_suggested(void **state) {
    struct suggestion suggestion;
    (void)state;
    suggest_start(&suggestion, "summariez");
    suggest_offer(&suggestion, "documents");
    assert_null(suggestion.nearest);
    suggest_offer(&suggestion, "summarizers");
    suggest_offer(&suggestion, "summaries");
    assert_string_equal(suggestion.nearest, "summaries");
}

/* ---- what people see ------------------------------------------------------------------------------------------------------- */

static void texts_cannot_steer_the_terminal(void **state) {
    static const struct {
        const char *text;
        bool keep_lines;
        const char *shown;
    } cases[] = {{"plain é 漢", false, "plain é 漢"},
                 {"\033[2Jgone", false, "\\x1b[2Jgone"},
                 {"a\nb\tc\r", false, "a\\nb\\tc\\r"},
                 {"a\r\nb\tc\r", true, "a\nb\tc\\r"},
                 {"\302\233m", false, "\\x9bm"},           /* CSI as one character */
                 {"a\342\200\256b", false, "a\\u{202e}b"}, /* right-to-left override */
                 {"bad \377\300\200", false, "bad \\xff\\xc0\\x80"},
                 {"\355\240\200", false, "\\xed\\xa0\\x80"}}; /* a surrogate */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_buffer out = {0};
        assert_int_equal(text_add_harmless(&out, cases[i].text, strlen(cases[i].text),
                                           cases[i].keep_lines, NULL),
                         0);
        assert_string_equal(out.bytes, cases[i].shown);
        sal_buffer_free(&out);
    }
}

static void width_is_that_of_a_terminal(void **state) {
    (void)state;
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("é", 2), 1);
    assert_int_equal(text_width("e\314\201", 3), 1); /* combining acute */
    assert_int_equal(text_width("漢字", 6), 4);
    assert_int_equal(text_fit("漢字", 6, 3), 3);
    assert_int_equal(text_fit("abc", 3, 10), 3);
}

static void tables_align_by_width(void **state) {
    struct table table = {.alignment = "lr"};
    sal_buffer out = {0};
    const sal_sink sink = sal_buffer_sink(&out);
    (void)state;
    assert_int_equal(table_head(&table, "name|n", NULL), 0);
    assert_int_equal(table_add(&table, NULL, "漢"), 0);
    assert_int_equal(table_add(&table, NULL, "%d", 10), 0);
    assert_int_equal(table_add(&table, NULL, "a\033"), 0);
    assert_int_equal(table_add(&table, NULL, "%d", 5), 0);
    assert_int_equal(table_print(&table, false, &sink, NULL), 0);
    assert_string_equal(out.bytes, "  name    n\n"
                                   "  漢     10\n"
                                   "  a\\x1b   5\n");
    table_free(&table);
    sal_buffer_free(&out);
}

static void json_numbers_read_back(void **state) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"}, {1, "1"}, {1.0 / 3, "0.3333333333333333"}, {0.7, "0.7"}, {1e300, "1e+300"}};
    sal_buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_buffer_clear(&out);
        assert_int_equal(json_add_number(&out, cases[i].value, NULL), 0);
        assert_string_equal(out.bytes, cases[i].text);
    }
    sal_buffer_clear(&out);
    assert_int_equal(json_add_number(&out, (double)NAN, NULL), 0);
    assert_string_equal(out.bytes, "null");
    sal_buffer_clear(&out);
    assert_int_equal(json_add_text(&out, "\"\\\n\001é", 6, NULL), 0);
    assert_string_equal(out.bytes, "\"\\\"\\\\\\n\\u0001é\"");
    sal_buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_come_from_the_table),
        cmocka_unit_test(every_spelling_is_understood),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(help_wins_over_mistakes),
        cmocka_unit_test(lengths_are_a_range_or_a_list),
        cmocka_unit_test(options_in_force_are_json),
        cmocka_unit_test(parsing_survives_no_memory),
        cmocka_unit_test(tables_have_no_doubles),
        cmocka_unit_test(every_command_explains_itself),
        cmocka_unit_test(defaults_of_summarize_are_those_of_the_library),
        cmocka_unit_test(commands_are_found_or_suggested),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(far_names_are_not_suggested),
        cmocka_unit_test(texts_cannot_steer_the_terminal),
        cmocka_unit_test(width_is_that_of_a_terminal),
        cmocka_unit_test(tables_align_by_width),
        cmocka_unit_test(json_numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
