/** A small study for tests: two corpora, three summarizers, importance by both protocols. */
#ifndef SALIENT_TEST_STUDY_SAMPLE_H
#define SALIENT_TEST_STUDY_SAMPLE_H

#include "testing.h"

#include "salient/study.h"

/** Fold a path below a scratch folder into room. */
static inline const char *below(const char *scratch, const char *name, char room[160]) {
    snprintf(room, 160, "%s/%s", scratch, name);
    return room;
}

static inline sal_study *open_study(const char *path, sal_study_mode mode) {
    sal_error err = {0};
    sal_study *study = NULL;
    assert_ok(sal_study_open(path, mode, &study, &err));
    return study;
}

static inline void close_study(sal_study *study) {
    sal_error err = {0};
    assert_ok(sal_study_close(study, &err));
}

static inline sal_document make_document(const char *corpus, const char *id, const char *text,
                                         const char *reference) {
    return (sal_document){.corpus = corpus,
                          .id = id,
                          .language = "en",
                          .kind = "news",
                          .text = text,
                          .text_length = strlen(text),
                          .reference = reference,
                          .reference_length = reference ? strlen(reference) : 0};
}

static inline int64_t add_document(sal_study *study, const char *corpus, const char *id,
                                   const char *text, const char *reference) {
    sal_error err = {0};
    sal_document document = make_document(corpus, id, text, reference);
    sal_added added = SAL_ADDED_CONFLICT;
    int64_t key = 0;
    assert_ok(sal_study_add_document(study, &document, &added, &key, &err));
    assert_int_equal(added, SAL_ADDED_NEW);
    return key;
}

static inline sal_summarizer_info make_summarizer(const char *name, const char *kind,
                                                  const char *config) {
    return (sal_summarizer_info){.name = name,
                                 .kind = kind,
                                 .config = config,
                                 .temperature = (double)NAN,
                                 .top_p = (double)NAN,
                                 .top_k = (double)NAN,
                                 .repeat_penalty = (double)NAN,
                                 .parameters = (double)NAN};
}

static inline int64_t add_summarizer(sal_study *study, const char *name, const char *kind,
                                     const char *config) {
    sal_error err = {0};
    sal_summarizer_info info = make_summarizer(name, kind, config);
    int64_t key = 0;
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    return key;
}

static inline void add_summary(sal_study *study, int64_t document, int64_t summarizer, int length,
                               sal_status status, const char *text) {
    sal_error err = {0};
    sal_summary summary = {.document = document,
                           .summarizer = summarizer,
                           .length = length,
                           .status = status,
                           .text = text,
                           .text_length = strlen(text),
                           .words = 2,
                           .tokens = -1,
                           .prompt_tokens = -1,
                           .error = status == SAL_STATUS_FAILED ? "it broke" : NULL};
    sal_timing timing = {.prefill_seconds = 0.25, .decode_seconds = 0.5, .tokens = 7};
    assert_ok(sal_study_put_summaries(study, &summary, 1, &timing, &err));
}

static inline void add_importance(sal_study *study, int64_t document, int64_t summarizer,
                                  sal_protocol protocol) {
    sal_error err = {0};
    const sal_importance_row rows[] = {{"Z", 0, 2, -1, true},
                                       {"boat", 2, 2, 1, true},
                                       {"the", 1, 2, 0, true},
                                       {"\xc3\xa9t\xc3\xa9", 1, 2, 1, false}};
    assert_ok(sal_study_put_importance(study, document, summarizer, protocol, "hash of summaries",
                                       2, rows, 4, &err));
}

/** Fill an empty study. backwards: the same content stored in another order, parts of it twice. */
static inline void fill_sample(sal_study *study, bool backwards) {
    sal_error err = {0};
    int64_t documents[3], lead, model, reference;
    documents[0] =
        add_document(study, "news", "b", "The boat sank.\r\nNobody was hurt.", "It sank.");
    documents[1] = add_document(study, "news", "a", "A \"quoted\", comma'd text", NULL);
    documents[2] = add_document(study, "calls", "b", "Hello?\nYes.", "A call.");
    if (backwards) {
        reference = add_summarizer(study, "reference", "reference", "{}");
        model = add_summarizer(study, "some/model", "model", "{\"seed\":7,\"temperature\":0.7}");
        lead = add_summarizer(study, "lead", "lead", "{\"lengths\":[10,20]}");
    } else {
        lead = add_summarizer(study, "lead", "lead", "{\"lengths\":[10,20]}");
        model = add_summarizer(study, "some/model", "model", "{\"seed\":7,\"temperature\":0.7}");
        reference = add_summarizer(study, "reference", "reference", "{}");
    }
    for (int step = 0; step < 3; step++) {
        int64_t document = documents[backwards ? 2 - step : step];
        if (backwards) { /* a unit that was cut off, and is redone below */
            add_summary(study, document, model, 20, SAL_STATUS_FAILED, "half a");
        }
        for (int length = 10; length <= 20; length += 10) {
            add_summary(study, document, backwards ? model : lead, length, SAL_STATUS_OK,
                        "The boat.");
            add_summary(study, document, backwards ? lead : model, length, SAL_STATUS_OK,
                        "The boat.");
        }
        add_summary(study, document, reference, 0, SAL_STATUS_OK, "It sank.");
        add_importance(study, document, backwards ? model : lead,
                       backwards ? SAL_PAPER : SAL_STRICT);
        add_importance(study, document, backwards ? lead : model,
                       backwards ? SAL_STRICT : SAL_PAPER);
    }
    const sal_score scores[] = {
        {"news", lead, SAL_STRICT, "all", "reliability_pearson", 0, 0.75, (double)NAN, (double)NAN,
         2, 1},
        {"news", lead, SAL_STRICT, "", "words_achieved", 10, 9.5, 9, 10, 2, 0}};
    assert_ok(sal_study_put_scores(study, "news", lead, SAL_STRICT, scores, 2, &err));
}

#endif
