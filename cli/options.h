/** Options as data: one row per option feeds the parser, --help, the manual page, the completion and the run log.
 *
 *  A command has a struct of its own whose first member is `struct common_options`; a row says at which offset of that struct its
 *  value goes. Defaults are texts of the table and go through the parser, so what help shows is what is in force.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"
#include "salient/memory.h"
#include "salient/model.h"
#include "salient/study.h"
#include "salient/work.h"

typedef enum option_type {
    OPTION_FLAG,   /* bool; no value */
    OPTION_TEXT,   /* const char *; NULL when absent */
    OPTION_LIST,   /* struct text_list; may be repeated */
    OPTION_COUNT,  /* int64_t */
    OPTION_SEED,   /* uint64_t */
    OPTION_NUMBER, /* double; NaN when absent */
    OPTION_CHOICE, /* int, index into choices */
    OPTION_SIZE,   /* int64_t, bytes; -1 when absent */
    OPTION_LENGTHS /* struct length_list */
} option_type;

/** Values of a repeated option, in the order given; the texts are borrowed from the command line. */
struct text_list {
    const char **items;
    size_t count;
    size_t capacity;
};

#define LENGTHS_MAXIMUM 1000  /* entries */
#define LENGTH_MAXIMUM 100000 /* words */

/** Lengths of summaries in words: ascending, > 0. */
struct length_list {
    int *items;
    size_t count;
    size_t capacity;
};

/** One option. */
struct option_row {
    const char *name; /* without the two dashes */
    char letter;      /* one-letter form, means the same in every command; 0 = none */
    option_type type;
    size_t offset;       /* of the value in the command's struct */
    const char *initial; /* default as typed; NULL = absent (flag: false) */
    double minimum;      /* COUNT, SEED and NUMBER: what is allowed */
    double maximum;
    const char *value;          /* what help calls the value: "FILE", "N", "WORDS" */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *category;       /* heading in help */
    const char *help;
};

/** Options that every command has. */
struct common_options {
    bool help;
    bool quiet;
    bool verbose;
    bool no_progress;
    int color; /* enum color_choice */
    bool json;
    const char *corpus;
    const char *by;
    int protocol; /* sal_protocol */
    int64_t threads;
    int64_t gpu_layers;
    int compute;         /* sal_compute */
    int64_t pack_memory; /* bytes */
};

/** Shared rows: every command has the first; it opts into the others. Each ends with a row without a name. */
extern const struct option_row options_everywhere[];
extern const struct option_row options_json[];
extern const struct option_row options_corpus[];
extern const struct option_row options_by[];
extern const struct option_row options_protocol[];
extern const struct option_row options_threads[];
extern const struct option_row options_gpu[]; /* where and how a model is computed */

/** How to open a model, by the rows of options_threads and options_gpu. */
sal_model_options options_model(const struct common_options *common);

struct session;

/** A usage error: one line that says what is wrong and one that says what to do. */
struct usage_error {
    char what[600];
    char hint[300];
};

/** One command of the program. */
struct command {
    const char *name;             /* one word, or two ("model info") */
    const char *group;            /* heading in `salient --help` */
    const char *line;             /* one line */
    const char *const *arguments; /* "STUDY", "FILE...", "[MODEL]"; NULL-terminated */
    const char *description;      /* paragraphs, apart by an empty line */
    const char *const *examples;  /* two or three commands, NULL-terminated */
    const struct option_row *const
        *options; /* sets of rows, NULL-terminated; options_everywhere is added */
    size_t size;  /* of the command's struct */
    /** Do it. in config of the command's type, parsed. return exit status */
    int (*run)(struct session *session, void *config);
    /** What the options say together, from them alone: nothing is opened. The parser calls it last, for a plan's steps too. May be NULL.
     *  return 0, or SAL_EINVAL with *usage filled */
    int (*check)(const void *config, struct usage_error *usage);
    /** Add what the command lacks to *work, computing nothing; NULL: it runs no model. study: a copy, open for writing.
     *  return 0, or an error in session->error */
    int (*count)(struct session *session, const void *config, sal_study *study, sal_work *work);
};

/** Call visit for every row of a command, shared ones last. */
void options_each(const struct command *command,
                  void (*visit)(void *context, const struct option_row *row), void *context);

/** The row with this name, or NULL. */
const struct option_row *options_find(const struct command *command, const char *name,
                                      size_t length);

/** What a command line came to. */
struct parsed {
    void *config;           /* the command's struct; options_free */
    const char **arguments; /* positional, borrowed texts; the array is freed by options_free */
    size_t argument_count;
};

/** Parse the words after the command's name.
 *  Accepted: --name value, --name=value, -x value, -xvalue, bundled flags, `-` as an argument, `--` ends options.
 *  When --help is among the options nothing else is checked.
 *  out    parsed: free with options_free also after an error
 *  return 0; SAL_EINVAL with *usage filled; SAL_ENOMEM */
int options_parse(const struct command *command, int count, char *const *words,
                  struct parsed *parsed, struct usage_error *usage) SAL_MUST_CHECK;

void options_free(const struct command *command, struct parsed *parsed);

/** The options in force as a JSON object with the names as keys, in the table's order. For the run log. */
int options_to_json(const struct command *command, const void *config, sal_buffer *out,
                    sal_error *err) SAL_MUST_CHECK;

/** Fill *usage. return SAL_EINVAL */
int usage_fail(struct usage_error *usage, const char *hint, const char *format, ...)
    SAL_PRINTF(3, 4);

/** Whole-string numbers. return 0, or SAL_EINVAL when it is not a number or does not fit. */
int parse_integer(const char *text, int64_t *out) SAL_MUST_CHECK;
int parse_unsigned(const char *text, uint64_t *out) SAL_MUST_CHECK;
int parse_number(const char *text, double *out) SAL_MUST_CHECK;

#endif
