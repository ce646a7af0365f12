/* docs/schema.md is true: its SQL runs, its tables have the columns the database has, its exports those that are written. */

#include "test_study_sample.h"

#include <sqlite3.h>

#include "salient/file.h"

typedef struct fixture {
    char folder[64];
    char path[160];
    sqlite3 *database;
    sal_buffer page; /* docs/schema.md */
} fixture;

/* So that every query has rows to find: two summarizers by one protocol, a failure, importance out of date, a run. */
static void add_what_queries_look_for(sal_study *study) {
    sal_error err = {0};
    int64_t run = 0;
    const sal_run started = {.command = "summarize",
                             .command_line = "salient summarize",
                             .options = "{}",
                             .version = "0.1.0"};
    int64_t model =
        add_summarizer(study, "some/model", "model", "{\"seed\":7,\"temperature\":0.7}");
    add_importance(study, 1, model, SAL_STRICT);
    add_summary(study, 2, model, 20, SAL_STATUS_FAILED, "");
    assert_ok(sal_study_begin_run(study, &started, &run, &err));
}

static int read_page_and_make_study(void **state) {
    sal_error err = {0};
    fixture *made = calloc(1, sizeof *made);
    char database[200];
    make_scratch_folder(made->folder);
    sal_study *study = open_study(below(made->folder, "study", made->path), SAL_STUDY_CREATE);
    fill_sample(study, false);
    add_what_queries_look_for(study);
    close_study(study);
    snprintf(database, sizeof database, "%s/study.db", made->path);
    assert_int_equal(sqlite3_open_v2(database, &made->database, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    assert_ok(sal_file_read_all(SALIENT_SOURCE "/docs/schema.md", 1 << 20, &made->page, &err));
    *state = made;
    return 0;
}

static int forget(void **state) {
    fixture *made = *state;
    sqlite3_close(made->database);
    sal_buffer_free(&made->page);
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

/* Run one query to its end; the number of its rows. */
static int run_query(sqlite3 *database, const char *sql, const char **rest) {
    sqlite3_stmt *statement = NULL;
    int rows = 0;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, rest) != SQLITE_OK) {
        fail_msg("%s: %.300s", sqlite3_errmsg(database), sql);
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        rows++;
    }
    if (sqlite3_finalize(statement) != SQLITE_OK) {
        fail_msg("%s: %.300s", sqlite3_errmsg(database), sql);
    }
    return rows;
}

static void every_query_of_the_page_runs(void **state) {
    fixture *made = *state;
    int blocks = 0;
    char *at = made->page.bytes;
    while ((at = strstr(at, "```sql\n")) != NULL) {
        char *start = at + strlen("```sql\n");
        char *end = strstr(start, "```");
        const char *rest = NULL;
        assert_non_null(end);
        *end = '\0';
        if (run_query(made->database, start, &rest) == 0) {
            fail_msg("finds nothing: %s", start);
        }
        assert_int_equal(rest[strspn(rest, " \n")], '\0'); /* one statement a block */
        blocks++;
        at = end + 1;
    }
    assert_int_equal(blocks, 9);
}

/* Columns of a table as "a, b, c". */
static sal_buffer columns_in_database(sqlite3 *database, const char *table) {
    sal_error err = {0};
    sal_buffer names = {0};
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(database, "SELECT name FROM pragma_table_info(?)", -1, &statement, NULL),
        SQLITE_OK);
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        assert_ok(sal_buffer_add_format(&names, &err, "%s%s", names.length > 0 ? ", " : "",
                                        (const char *)sqlite3_column_text(statement, 0)));
    }
    sqlite3_finalize(statement);
    return names;
}

/* First cells of the Markdown table below "### name". */
static sal_buffer columns_on_page(const char *page, const char *table) {
    sal_error err = {0};
    sal_buffer names = {0};
    char head[80];
    snprintf(head, sizeof head, "\n### %s\n", table);
    const char *line = strstr(page, head);
    if (line == NULL) {
        fail_msg("docs/schema.md does not explain table %s", table);
    }
    line = strstr(line, "|---|---|---|\n") + strlen("|---|---|---|\n");
    while (strncmp(line, "| ", 2) == 0) {
        const char *end = strchr(line + 2, ' ');
        assert_ok(sal_buffer_add_format(&names, &err, "%s%.*s", names.length > 0 ? ", " : "",
                                        (int)(end - line - 2), line + 2));
        line = strchr(line, '\n') + 1;
    }
    return names;
}

static void every_table_is_explained_column_by_column(void **state) {
    fixture *made = *state;
    sqlite3_stmt *tables = NULL;
    int count = 0;
    assert_int_equal(sqlite3_prepare_v2(made->database,
                                        "SELECT name FROM sqlite_master WHERE type = 'table'", -1,
                                        &tables, NULL),
                     SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(tables, 0);
        sal_buffer is = columns_in_database(made->database, table);
        sal_buffer told = columns_on_page(made->page.bytes, table);
        assert_string_equal(told.bytes, is.bytes);
        sal_buffer_free(&is);
        sal_buffer_free(&told);
        count++;
    }
    sqlite3_finalize(tables);
    assert_int_equal(count, 29);
}

static void every_export_has_the_columns_of_the_page(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = open_study(made->path, SAL_STUDY_READ);
    const char *exports = strstr(made->page.bytes, "\n## Exports\n");
    assert_non_null(exports);
    for (const char *const *table = sal_export_tables(); *table != NULL; table++) {
        sal_buffer out = {0}, row = {0};
        sal_sink sink = sal_buffer_sink(&out);
        assert_ok(sal_export_table(study, *table, NULL, SAL_FORMAT_CSV, &sink, &err));
        assert_ok(sal_buffer_add_format(&row, &err, "\n| %s | ", *table));
        for (const char *c = out.bytes; *c != '\n'; c++) {
            assert_ok(sal_buffer_add(&row, c, 1, &err));
            if (*c == ',') {
                assert_ok(sal_buffer_add_string(&row, " ", &err));
            }
        }
        assert_ok(sal_buffer_add_string(&row, " | ", &err));
        if (strstr(exports, row.bytes) == NULL) {
            fail_msg("docs/schema.md lacks the row:%s", row.bytes);
        }
        sal_buffer_free(&out);
        sal_buffer_free(&row);
    }
    close_study(study);
}

static void the_views_have_the_columns_of_the_exports(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = open_study(made->path, SAL_STUDY_READ);
    const char *const tables[] = {"summaries", "importance", "scores"};
    for (size_t i = 0; i < 3; i++) {
        sal_buffer out = {0}, csv = {0};
        sal_sink sink = sal_buffer_sink(&out);
        char view[40];
        snprintf(view, sizeof view, "tidy_%s", tables[i]);
        sal_buffer is = columns_in_database(made->database, view);
        for (const char *c = is.bytes; *c != '\0'; c++) {
            if (*c != ' ') {
                assert_ok(sal_buffer_add(&csv, c, 1, &err));
            }
        }
        assert_ok(sal_export_table(study, tables[i], NULL, SAL_FORMAT_CSV, &sink, &err));
        assert_int_equal(strncmp(out.bytes, csv.bytes, csv.length), 0);
        assert_int_equal(out.bytes[csv.length], '\n');
        sal_buffer_free(&is);
        sal_buffer_free(&csv);
        sal_buffer_free(&out);
    }
    close_study(study);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_explained_column_by_column),
        cmocka_unit_test(every_export_has_the_columns_of_the_page),
        cmocka_unit_test(the_views_have_the_columns_of_the_exports),
        cmocka_unit_test(every_query_of_the_page_runs),
    };
    return cmocka_run_group_tests(tests, read_page_and_make_study, forget);
}
