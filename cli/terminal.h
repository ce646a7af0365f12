/** Terminals and the people in front of them: colour, width, and text that cannot harm either. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "salient/error.h"
#include "salient/memory.h"

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const char *const color_choices[]; /* in the order of color_choice */

/** What is known about standard output and standard error. */
struct terminal {
    bool output_is_terminal;
    bool error_is_terminal;
    bool color_output; /* colour may be written to standard output */
    bool color_error;
    int width; /* columns of standard output; 80 when it is no terminal and COLUMNS is not set */
};

/** Look at the two streams and the environment (NO_COLOR, TERM, COLUMNS). */
void terminal_open(struct terminal *terminal, enum color_choice choice);

/** Columns of the stream's terminal: its own answer, else COLUMNS, else 80; between 40 and 400. */
int terminal_width(FILE *stream);

/** One character of UTF-8. out *character; return bytes used, 0 when they are no valid UTF-8 */
size_t text_decode(const char *bytes, size_t length, uint32_t *character);

/** Columns a valid UTF-8 text takes: wide East Asian letters 2, combining marks 0. */
size_t text_width(const char *bytes, size_t length);

/** Longest beginning of the text that takes at most columns. return bytes */
size_t text_fit(const char *bytes, size_t length, size_t columns);

/** Add bytes to out so that a terminal shows them and does nothing else: control characters, marks that reorder the line
 *  and bytes that are no UTF-8 become escapes (\n, \x1b, \u{202e}).
 *  in     keep_lines: newlines and tabs stay as they are (a whole document) */
int text_add_harmless(sal_buffer *out, const char *bytes, size_t length, bool keep_lines,
                      sal_error *err) SAL_MUST_CHECK;

/** Write one line to standard error: "salient COMMAND: text", harmless; color is an SGR number ("31") or NULL. */
void terminal_say(const struct terminal *terminal, const char *color, const char *command,
                  const char *text);

/** Standard output as a sink; a failed write is an error that names it. */
sal_sink terminal_sink(void);

#endif
