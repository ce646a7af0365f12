/** Six short documents and a tiny model, for tests that run the whole pipeline in a second. */
#ifndef SALIENT_SMALL_STUDY_H
#define SALIENT_SMALL_STUDY_H

#include <limits.h>
#include <unistd.h>

#include "testing.h"
#include "tiny_gguf.h"

static inline void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/** news.jsonl and m.gguf into the current folder. */
static inline void write_small_study(void) {
    static const char *const places[] = {"harbour", "bakery", "library",
                                         "station", "bridge", "mill"};
    const tiny_gguf model = tiny_gguf_default("llama");
    FILE *file = fopen("news.jsonl", "w");
    assert_non_null(file);
    for (int i = 0; i < 6; i++)
        fprintf(file,
                "{\"id\":\"d%d\",\"reference\":\"The %s reopens.\",\"text\":\"The old %s opened "
                "again on day %d. Visitors came early and the town was glad. Nobody had seen the "
                "%s since the flood, %d years ago.\"}\n",
                i, places[i], places[i], i + 1, places[i], i + 2);
    assert_int_equal(fclose(file), 0);
    tiny_gguf_write(&model, "m.gguf");
}

typedef struct small_place {
    char folder[64];
    char home[PATH_MAX]; /* where the test came from */
} small_place;

/** Into a new folder with the documents and the model; the program runs inside the test, so it may not become a child that tries models. */
static inline void enter_small_study(small_place *place) {
    make_scratch_folder(place->folder);
    assert_non_null(getcwd(place->home, sizeof place->home));
    assert_int_equal(chdir(place->folder), 0);
    setenv("SALIENT_GUARD", "off", 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    write_small_study();
}

static inline void leave_small_study(const small_place *place) {
    assert_int_equal(chdir(place->home), 0);
    remove_scratch_folder(place->folder);
}

#endif
