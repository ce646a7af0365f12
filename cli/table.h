/** Tables for people: columns aligned by the width that a terminal gives them. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "salient/error.h"
#include "salient/memory.h"

/** Cells in reading order. Set columns and alignment, zero the rest; free with table_free. */
struct table {
    const char *alignment; /* 'l' or 'r' per column; its length is the number of columns */
    char **cells;
    size_t count;
    size_t capacity;
};

/** Add the next cell; control characters in it become escapes. */
int table_add(struct table *table, sal_error *err, const char *format, ...) SAL_MUST_CHECK
    SAL_PRINTF(3, 4);

/** Add the names of all columns at once: "summarizer|documents|...". */
int table_head(struct table *table, const char *names, sal_error *err) SAL_MUST_CHECK;

/** Write the table, each line indented by two spaces, columns two spaces apart; the first row bold when color is true. */
int table_print(const struct table *table, bool color, const sal_sink *sink,
                sal_error *err) SAL_MUST_CHECK;

void table_free(struct table *table);

#endif
