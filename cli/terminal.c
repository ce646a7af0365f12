#include "terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "options.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MINIMUM 40
#define WIDTH_MAXIMUM 400

const char *const color_choices[] = {"auto", "always", "never", NULL};

/* ---- the terminal ---------------------------------------------------------------------------------------------------------- */

int terminal_width(FILE *stream) {
    int64_t width = 0;
    const char *columns = getenv("COLUMNS");
#ifdef TIOCGWINSZ
    struct winsize size;
    if (isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
#endif
    if (width == 0 && (columns == NULL || parse_integer(columns, &width) != 0 || width <= 0)) {
        width = WIDTH_DEFAULT;
    }
    return width < WIDTH_MINIMUM   ? WIDTH_MINIMUM
           : width > WIDTH_MAXIMUM ? WIDTH_MAXIMUM
                                   : (int)width;
}

void terminal_open(struct terminal *terminal, enum color_choice choice) {
    const char *refused = getenv("NO_COLOR"), *kind = getenv("TERM");
    const bool allowed =
        (refused == NULL || *refused == '\0') && (kind == NULL || strcmp(kind, "dumb") != 0);
    terminal->output_is_terminal = isatty(STDOUT_FILENO) == 1;
    terminal->error_is_terminal = isatty(STDERR_FILENO) == 1;
    terminal->color_output =
        choice == COLOR_ALWAYS || (choice == COLOR_AUTO && allowed && terminal->output_is_terminal);
    terminal->color_error =
        choice == COLOR_ALWAYS || (choice == COLOR_AUTO && allowed && terminal->error_is_terminal);
    terminal->width = terminal_width(stdout);
}

void terminal_say(const struct terminal *terminal, const char *color, const char *command,
                  const char *text) {
    sal_buffer line = {0};
    const bool colored = color != NULL && terminal->color_error;
    if (text_add_harmless(&line, text, strlen(text), false, NULL) != 0) {
        sal_buffer_free(&line);
        (void)fputs("salient: out of memory\n", stderr);
        return;
    }
    (void)fprintf(stderr, "%s%s%s%s:%s %s\n", colored ? "\033[" : "", colored ? color : "",
                  colored ? "m" : "", command, colored ? "\033[0m" : "",
                  line.bytes == NULL ? "" : line.bytes);
    sal_buffer_free(&line);
}

static int write_output(void *context, const char *bytes, size_t length, sal_error *err) {
    (void)context;
    if (fwrite(bytes, 1, length, stdout) != length) {
        return sal_fail(err, SAL_EIO, "standard output: %s", strerror(errno));
    }
    return 0;
}

sal_sink terminal_sink(void) {
    return (sal_sink){write_output, NULL};
}

/* ---- characters ------------------------------------------------------------------------------------------------------------ */

size_t text_decode(const char *bytes, size_t length, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800,
                                     0x10000}; /* by length: anything below is overlong */
    const unsigned char first = length == 0 ? 0xff : (unsigned char)bytes[0];
    const size_t size = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
    if (size == 0 || size > length) {
        return 0;
    }
    uint32_t value = size == 1 ? first : first & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *character = value;
    return size;
}

struct range {
    uint32_t first;
    uint32_t last;
};

static bool within(const struct range *ranges, size_t count, uint32_t character) {
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Blocks of combining marks and invisible characters: enough to align names; a rare script may be off by a column. */
static const struct range no_columns[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
                                          {0x0610, 0x061a}, {0x064b, 0x065f}, {0x06d6, 0x06dc},
                                          {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
                                          {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

/* East Asian wide and full-width blocks, and pictographs. */
static const struct range two_columns[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},  {0x4e00, 0x9fff},
    {0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},  {0xff00, 0xff60},
    {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

static size_t character_width(uint32_t character) {
    if (within(no_columns, sizeof no_columns / sizeof *no_columns, character)) {
        return 0;
    }
    return within(two_columns, sizeof two_columns / sizeof *two_columns, character) ? 2 : 1;
}

size_t text_fit(const char *bytes, size_t length, size_t columns) {
    size_t used = 0, at = 0;
    while (at < length) {
        uint32_t character = 0;
        const size_t size = text_decode(bytes + at, length - at, &character);
        const size_t width = size == 0 ? 1 : character_width(character);
        if (used + width > columns) {
            break;
        }
        used += width;
        at += size == 0 ? 1 : size;
    }
    return at;
}

size_t text_width(const char *bytes, size_t length) {
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        const size_t size = text_decode(bytes + at, length - at, &character);
        used += size == 0 ? 1 : character_width(character);
        at += size == 0 ? 1 : size;
    }
    return used;
}

/* Marks that reorder what stands on the line, so that it can read as something else. */
static bool reorders(uint32_t character) {
    return (character >= 0x202a && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

static int add_escaped(sal_buffer *out, uint32_t character, sal_error *err) {
    switch (character) {
    case '\n':
        return sal_buffer_add_string(out, "\\n", err);
    case '\r':
        return sal_buffer_add_string(out, "\\r", err);
    case '\t':
        return sal_buffer_add_string(out, "\\t", err);
    default:
        return character < 0x100 ? sal_buffer_add_format(out, err, "\\x%02x", (unsigned)character)
                                 : sal_buffer_add_format(out, err, "\\u{%x}", (unsigned)character);
    }
}

int text_add_harmless(sal_buffer *out, const char *bytes, size_t length, bool keep_lines,
                      sal_error *err) {
    int status = 0;
    for (size_t at = 0; status == 0 && at < length;) {
        uint32_t character = 0;
        const size_t size = text_decode(bytes + at, length - at, &character);
        const bool control =
            character < 0x20 || (character >= 0x7f && character < 0xa0) || reorders(character);
        if (size == 0) {
            status = add_escaped(out, (unsigned char)bytes[at], err);
        } else if (keep_lines && character == '\r' && at + 1 < length && bytes[at + 1] == '\n') {
            status = 0; /* the newline that follows ends the line */
        } else if (control && !(keep_lines && (character == '\n' || character == '\t'))) {
            status = add_escaped(out, character, err);
        } else {
            status = sal_buffer_add(out, bytes + at, size, err);
        }
        at += size == 0 ? 1 : size;
    }
    return status;
}
