#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"

static int add_cell(struct table *table, const char *text, size_t length, sal_error *err) {
    sal_buffer cell = {0};
    int status = sal_buffer_add_string(&cell, "", err);
    if (status == 0) {
        status = text_add_harmless(&cell, text, length, false, err);
    }
    if (status == 0) {
        status = sal_grow((void **)&table->cells, &table->capacity, table->count,
                          sizeof *table->cells, err);
    }
    if (status == 0) {
        char *copy = sal_copy_bytes(cell.bytes == NULL ? "" : cell.bytes, cell.length);
        status = copy == NULL ? sal_fail_memory(err, "a cell of a table") : 0;
        if (status == 0) {
            table->cells[table->count++] = copy;
        }
    }
    sal_buffer_free(&cell);
    return status;
}

int table_add(struct table *table, sal_error *err, const char *format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add_cell(table, text, strlen(text), err);
}

int table_head(struct table *table, const char *names, sal_error *err) {
    int status = 0;
    for (const char *name = names; status == 0; name++) {
        const size_t length = strcspn(name, "|");
        status = add_cell(table, name, length, err);
        name += length;
        if (*name == '\0') {
            break;
        }
    }
    return status;
}

static size_t column_width(const struct table *table, size_t columns, size_t column) {
    size_t widest = 0;
    for (size_t i = column; i < table->count; i += columns) {
        const size_t width = text_width(table->cells[i], strlen(table->cells[i]));
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* One cell with the space around it; the last column of a line gets none behind. */
static int print_cell(const struct table *table, bool last, size_t column, size_t at, size_t width,
                      const sal_sink *sink, sal_error *err) {
    const char *cell = table->cells[at];
    const int space = (int)(width - text_width(cell, strlen(cell)));
    if (table->alignment[column] == 'r') {
        return sal_sink_format(sink, err, "  %*s%s", space, "", cell);
    }
    return sal_sink_format(sink, err, "  %s%*s", cell, last ? 0 : space, "");
}

static int print_cells(const struct table *table, size_t columns, const size_t *widths, bool color,
                       const sal_sink *sink, sal_error *err) {
    int status = 0;
    size_t column = 0;
    for (size_t i = 0; status == 0 && i < table->count; i++) {
        if (i == 0 && color) {
            status = sal_sink_string(sink, "\033[1m", err);
        }
        if (status == 0) {
            status = print_cell(table, column + 1 == columns, column, i, widths[column], sink, err);
        }
        column++;
        if (status == 0 && column == columns) {
            status = sal_sink_string(sink, i + 1 == columns && color ? "\033[0m\n" : "\n", err);
            column = 0;
        }
    }
    return status;
}

int table_print(const struct table *table, bool color, const sal_sink *sink, sal_error *err) {
    const size_t columns = strlen(table->alignment);
    size_t *widths = sal_calloc(columns, sizeof *widths);
    if (widths == NULL) {
        return sal_fail_memory(err, "a table");
    }
    for (size_t column = 0; column < columns; column++) {
        widths[column] = column_width(table, columns, column);
    }
    const int status = print_cells(table, columns, widths, color, sink, err);
    sal_free(widths);
    return status;
}

void table_free(struct table *table) {
    sal_strings_free(table->cells, table->count);
    table->cells = NULL;
    table->count = table->capacity = 0;
}
