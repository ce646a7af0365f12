/** The commands there are. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "options.h"

extern const struct command command_import;
extern const struct command command_summarize;
extern const struct command command_importance;
extern const struct command command_heads;
extern const struct command command_states;
extern const struct command command_probe;
extern const struct command command_ablate;
extern const struct command command_steer;
extern const struct command command_compare;
extern const struct command command_export;
extern const struct command command_report;
extern const struct command command_score;
extern const struct command command_verify;
extern const struct command command_model_info;
extern const struct command command_model_convert;
extern const struct command command_model_pull;
extern const struct command command_model_randomize;
extern const struct command command_tap;
extern const struct command command_estimate;
extern const struct command command_run;
extern const struct command command_doctor;
extern const struct command command_help;
extern const struct command command_completion;

/** All of them in the order of help, NULL-terminated. */
extern const struct command *const commands[];

/** The command that the words [count] name.
 *  out    *used: words of the name
 *  return NULL with *usage filled when there is none; also when only the first of two words is there */
const struct command *commands_find(int count, char *const *words, int *used,
                                    struct usage_error *usage);

/** Of the words behind `salient estimate`, its own (its options, and the name of the command that is looked at) or that command's.
 *  out    *kept words of the list, which is freed with sal_free; the words are borrowed. return NULL when out of memory */
char **estimate_words(int count, char *const *words, bool own, int *kept);

/** True when word is the first of a command's two words ("model"). */
bool commands_is_family(const char *word);

#endif
