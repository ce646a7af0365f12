/* A damaged study. The first byte picks what is done with it; the rest is a list of changes to a small one: three bytes of place and one
   of what stands there, each. A place past the end cuts the file off. Held against any damage:
   - whatever reads a study (tables, verify, the report) and whatever writes it ends, with an error that has a text or with a result. */
#include "fuzzing.h"

#include <sqlite3.h>

#include "salient/file.h"
#include "salient/import.h"
#include "salient/importance.h"
#include "salient/report.h"
#include "salient/summarize.h"

static const char *const tables[] = {"documents", "summarizers", "summaries", "importance",
                                     "scores",    "heads",       "states",    "probes",
                                     "agreement", "runs",        "protocols"};
static sal_buffer whole;
static char study_path[100], database[120];

/* The start must succeed: says why it does not. */
static void made(int condition, const sal_error *err) {
    if (!condition)
        fprintf(stderr, "fuzz_study: %s\n", err->text);
    must(condition);
}

static void make_study(void) {
    static const char text[] = "{\"id\":\"a\",\"text\":\"The ferry sank near the harbour. Nobody "
                               "was hurt.\",\"reference\":\"A "
                               "ferry sank.\"}\n{\"id\":\"b\",\"text\":\"A bakery opened again. "
                               "Its bread sold out by nine.\"}\n";
    const int lengths[] = {3, 6};
    const char *const with[] = {"lead", "random", "reference"};
    char path[128];
    sal_study *study = NULL;
    sal_tally tally = {0};
    sal_error err = {0};
    fuzz_write("news.jsonl", text, sizeof text - 1, path);
    made(sal_study_open(study_path, SAL_STUDY_CREATE, &study, &err) == SAL_OK, &err);
    const sal_import_options import = {.corpus = "news", .limit = -1};
    made(sal_import_file(study, path, &import, NULL, &tally, &err) == SAL_OK, &err);
    for (size_t i = 0; i < 3; i++) {
        const sal_summarize_options summarize = {.with = with[i],
                                                 .limit = -1,
                                                 .lengths = lengths,
                                                 .length_count = 2,
                                                 .replicas = 1,
                                                 .max_tokens = 1024,
                                                 .template_name = "paper-first",
                                                 .length_policy = "ask"};
        made(sal_summarize_run(study, &summarize, NULL, &tally, &err) == SAL_OK, &err);
    }
    const sal_importance_options importance = {.protocol = SAL_STRICT};
    made(sal_importance_run(study, &importance, NULL, &tally, &err) == SAL_OK, &err);
    made(sal_study_close(study, &err) == SAL_OK, &err);
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    sqlite3 *connection = NULL;
    (void)argument_count;
    (void)arguments;
    snprintf(study_path, sizeof study_path, "%s/study", fuzz_folder());
    snprintf(database, sizeof database, "%s/study.db", study_path);
    make_study();
    /* small pages: less of the file is empty */
    must(sqlite3_open(database, &connection) == SQLITE_OK);
    must(sqlite3_exec(connection, "PRAGMA page_size = 512; VACUUM", NULL, NULL, NULL) == SQLITE_OK);
    must(sqlite3_close(connection) == SQLITE_OK);
    must(sal_file_read_all(database, (size_t)1 << 24, &whole, NULL) == SAL_OK);
    return 0;
}

static int drop(void *context, const char *bytes, size_t length, sal_error *err) {
    (void)context;
    (void)bytes;
    (void)length;
    (void)err;
    return SAL_OK;
}

static void told(int status, const sal_error *err) {
    must(status == SAL_OK || (status == err->code && err->text[0] != '\0'));
}

static void read_study(void) {
    const sal_sink sink = {drop, NULL};
    sal_study *study = NULL;
    sal_error err = {0};
    int64_t problems = 0;
    int status = sal_study_open(study_path, SAL_STUDY_READ, &study, &err);
    told(status, &err);
    if (status != SAL_OK)
        return;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        err = (sal_error){0};
        status = sal_export_table(study, tables[i], NULL, SAL_FORMAT_JSONL, &sink, &err);
        told(status, &err);
    }
    err = (sal_error){0};
    status = sal_study_verify(study, NULL, NULL, &problems, &err);
    told(status, &err);
    (void)sal_study_close(study, NULL);
}

static void report_study(void) {
    const sal_report_options report = {.documents_at_most = 5};
    char page[128];
    sal_study *study = NULL;
    sal_error err = {0};
    int status = sal_study_open(study_path, SAL_STUDY_READ, &study, &err);
    told(status, &err);
    if (status != SAL_OK)
        return;
    snprintf(page, sizeof page, "%s/report.html", fuzz_folder());
    err = (sal_error){0};
    status = sal_report_write(study, page, &report, NULL, &err);
    told(status, &err);
    (void)sal_study_close(study, NULL);
}

static void write_study(void) {
    const sal_importance_options importance = {.protocol = SAL_PAPER};
    sal_study *study = NULL;
    sal_tally tally = {0};
    sal_error err = {0};
    int status = sal_study_open(study_path, SAL_STUDY_WRITE, &study, &err);
    told(status, &err);
    if (status != SAL_OK)
        return;
    err = (sal_error){0};
    status = sal_importance_run(study, &importance, NULL, &tally, &err);
    told(status, &err);
    (void)sal_study_close(study, NULL);
}

static void damage(const uint8_t *data, size_t size) {
    sal_buffer damaged = {0};
    size_t length = whole.length;
    char path[128];
    must(sal_buffer_add(&damaged, whole.bytes, whole.length, NULL) == SAL_OK);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        const size_t place = ((size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2]) %
                             (whole.length + whole.length / 8);
        if (place < whole.length)
            damaged.bytes[place] = (char)data[i + 3];
        else
            length = (place - whole.length) * 8;
    }
    fuzz_write("study/study.db", damaged.bytes, length, path);
    sal_buffer_free(&damaged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    damage(data + 1, size - 1);
    if (data[0] % 16 == 0) /* the slow one */
        report_study();
    else if (data[0] % 2 == 0)
        read_study();
    else
        write_study();
    return 0;
}
