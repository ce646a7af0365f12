/* Records as documents, as summaries, as predictions without a study, and {word: number} maps. The first byte picks which, and the format.
   Held against any input:
   - an error has a text, and the study is what it was before;
   - what was imported verifies and is written out as it is. */
#include "fuzzing.h"

#include "salient/file.h"
#include "salient/import.h"
#include "salient/metrics.h"

static sal_study *study;

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    char path[128];
    sal_tally tally = {0};
    const sal_import_options options = {.corpus = "c", .limit = -1};
    (void)argument_count;
    (void)arguments;
    fuzz_write("first.jsonl", "{\"id\":\"a\",\"text\":\"One text.\"}\n", 30, path);
    snprintf(path, sizeof path, "%s/study", fuzz_folder());
    must(sal_study_open(path, SAL_STUDY_CREATE, &study, NULL) == SAL_OK);
    snprintf(path, sizeof path, "%s/first.jsonl", fuzz_folder());
    must(sal_import_file(study, path, &options, NULL, &tally, NULL) == SAL_OK && tally.done == 1);
    return 0;
}

static int drop(void *context, const char *bytes, size_t length, sal_error *err) {
    (void)context;
    (void)err;
    must(sal_utf8_valid(bytes, length, NULL) || length > 0); /* a block may cut a character */
    return SAL_OK;
}

static void into_study(const char *path, const char *format, bool summaries) {
    static const char *const tables[] = {"documents", "summarizers", "summaries"};
    const sal_import_options options = {.corpus = "c",
                                        .limit = 50,
                                        .summaries = summaries,
                                        .format = format,
                                        .as = summaries ? "w" : NULL};
    const sal_sink sink = {drop, NULL};
    sal_tally tally = {0};
    sal_error err = {0};
    int64_t problems = 0, key = 0;
    must(sal_study_begin(study, NULL) == SAL_OK);
    const int status = sal_import_file(study, path, &options, NULL, &tally, &err);
    must(status == err.code && (status == SAL_OK || err.text[0] != '\0'));
    must(sal_study_verify(study, NULL, NULL, &problems, &err) == SAL_OK && problems == 0);
    for (size_t i = 0; i < 3; i++)
        must(sal_export_table(study, tables[i], NULL, SAL_FORMAT_JSONL, &sink, NULL) == SAL_OK);
    sal_study_rollback(study);
    must(sal_study_find_document(study, "c", "a", &key, NULL) == SAL_OK);
}

static int each(void *context, const sal_prediction_document *document, sal_error *err) {
    (void)context;
    (void)err;
    must(document->id != NULL && strlen(document->text) == document->text_length);
    for (size_t i = 0; i < document->count; i++)
        must(strlen(document->summaries[i]) == document->summary_lengths[i]);
    return SAL_OK;
}

static void maps(const char *path) {
    double values[SAL_METRICS];
    sal_error err = {0};
    const int status = sal_metrics_of_files(SAL_STRICT, path, path, NULL, values, &err);
    must(status == err.code && (status == SAL_OK || err.text[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = {"json", "jsonl", "csv", "txt"};
    char path[128];
    if (size == 0)
        return 0;
    const char *format = formats[data[0] / 4 % 4];
    fuzz_write("input", data + 1, size - 1, path);
    switch (data[0] % 4) {
    case 0:
    case 1:
        into_study(path, format, data[0] % 4 == 1);
        break;
    case 2: {
        const sal_import_options options = {.limit = -1, .summaries = true, .format = format};
        sal_error err = {0};
        const int status = sal_import_predictions(path, &options, each, NULL, &err);
        must(status == err.code && (status == SAL_OK || err.text[0] != '\0'));
        break;
    }
    default:
        maps(path);
    }
    return 0;
}
