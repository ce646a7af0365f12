/** What the tests of import share: a study in a scratch folder, input files, and the notes that import gives. */
#ifndef SALIENT_IMPORT_TESTING_H
#define SALIENT_IMPORT_TESTING_H

#include "testing.h"

#include "salient/file.h"
#include "salient/import.h"

typedef struct import_fixture {
    char folder[64];
    char input[160];
    sal_study *study;
    sal_progress progress;
    char notes[4000]; /* one a line, the folder left out */
    bool cancelled;
    sal_tally tally;
    sal_error error;
} import_fixture;

static inline void collect_note(void *context, const char *text) {
    import_fixture *fixture = context;
    const size_t used = strlen(fixture->notes);
    const size_t folder = strlen(fixture->folder);
    const char *shown = strncmp(text, fixture->folder, folder) == 0 ? text + folder + 1 : text;

    snprintf(fixture->notes + used, sizeof fixture->notes - used, "%s\n", shown);
}

static inline bool is_cancelled(void *context) {
    return ((const import_fixture *)context)->cancelled;
}

static inline void fixture_open(import_fixture *fixture) {
    char path[128];
    sal_error err = {0};

    memset(fixture, 0, sizeof *fixture);
    make_scratch_folder(fixture->folder);
    snprintf(path, sizeof path, "%s/study", fixture->folder);
    assert_ok(sal_study_open(path, SAL_STUDY_CREATE, &fixture->study, &err));
    fixture->progress = (sal_progress){NULL, collect_note, is_cancelled, fixture};
}

static inline void fixture_close(import_fixture *fixture) {
    sal_error err = {0};

    assert_ok(sal_study_close(fixture->study, &err));
    remove_scratch_folder(fixture->folder);
}

static inline void fixture_write(import_fixture *fixture, const char *name, const char *bytes,
                                 size_t length) {
    FILE *file = NULL;

    snprintf(fixture->input, sizeof fixture->input, "%s/%s", fixture->folder, name);
    file = fopen(fixture->input, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Import bytes as a file of that name; notes, tally and error are those of this call. */
static inline int fixture_import(import_fixture *fixture, const char *name, const char *text,
                                 const sal_import_options *options) {
    fixture_write(fixture, name, text, strlen(text));
    fixture->notes[0] = '\0';
    fixture->tally = (sal_tally){0};
    fixture->error = (sal_error){0};
    return sal_import_file(fixture->study, fixture->input, options, &fixture->progress,
                           &fixture->tally, &fixture->error);
}

/* The error's text without the scratch folder. */
static inline const char *fixture_error(const import_fixture *fixture) {
    const size_t folder = strlen(fixture->folder);

    return strncmp(fixture->error.text, fixture->folder, folder) == 0
               ? fixture->error.text + folder + 1
               : fixture->error.text;
}

static inline size_t fixture_documents(import_fixture *fixture) {
    int64_t *keys = NULL;
    size_t count = 0;
    sal_error err = {0};

    assert_ok(sal_study_document_keys(fixture->study, NULL, -1, &keys, &count, &err));
    sal_free(keys);
    return count;
}

/* The document with an id, in any corpus; freed by the caller. */
static inline sal_document *fixture_get(import_fixture *fixture, const char *id) {
    sal_document *document = NULL;
    int64_t key = 0;
    sal_error err = {0};

    assert_ok(sal_study_find_document(fixture->study, NULL, id, &key, &err));
    assert_ok(sal_study_get_document(fixture->study, key, &document, &err));
    return document;
}

#define assert_tally(tally, wanted_done, wanted_kept, wanted_failed)                               \
    do {                                                                                           \
        assert_int_equal((tally).done, wanted_done);                                               \
        assert_int_equal((tally).kept, wanted_kept);                                               \
        assert_int_equal((tally).failed, wanted_failed);                                           \
    } while (0)

#endif
