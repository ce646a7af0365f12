/* Exports: tidy rows in one order whatever the history, valid JSON and CSV, and the paper's layout. */

#include "test_study_sample.h"

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "salient/file.h"
#include "study/export_original.h"
#include "study/study_internal.h"

typedef struct fixture {
    char folder[64];
    char path[160];
    sal_study *study;
} fixture;

static int make_sample(void **state) {
    fixture *made = calloc(1, sizeof *made);
    make_scratch_folder(made->folder);
    made->study = open_study(below(made->folder, "study", made->path), SAL_STUDY_CREATE);
    fill_sample(made->study, false);
    *state = made;
    return 0;
}

static int remove_sample(void **state) {
    fixture *made = *state;
    close_study(made->study);
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

/* A whole table; freed by the caller. */
static sal_buffer export_text(sal_study *study, const char *table, const char *corpus,
                              sal_format format) {
    sal_error err = {0};
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    assert_ok(sal_export_table(study, table, corpus, format, &sink, &err));
    return out;
}

static void expect_text(sal_study *study, const char *table, const char *corpus, sal_format format,
                        const char *expected) {
    sal_buffer out = export_text(study, table, corpus, format);
    assert_string_equal(out.bytes, expected);
    sal_buffer_free(&out);
}

static void documents_are_tidy_rows(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    char hash[65], expected[1000];
    sal_sha256_of("Hello?\nYes.", 11, hash);
    snprintf(
        expected, sizeof expected,
        "{\"corpus\":\"calls\",\"document\":\"b\",\"language\":\"en\",\"kind\":\"news\",\"text\":"
        "\"Hello?\\nYes.\",\"reference\":\"A call.\",\"hash\":\"%s\"}\n",
        hash);
    expect_text(study, "documents", "calls", SAL_FORMAT_JSONL, expected);
    snprintf(expected, sizeof expected,
             "corpus,document,language,kind,text,reference,hash\n"
             "calls,b,en,news,\"Hello?\nYes.\",A call.,%s\n",
             hash);
    expect_text(study, "documents", "calls", SAL_FORMAT_CSV, expected);
    snprintf(expected, sizeof expected,
             "[\n{\"corpus\":\"calls\",\"document\":\"b\",\"language\":\"en\",\"kind\":\"news\","
             "\"text\":\"Hello?\\nYes.\",\"reference\":\"A call.\",\"hash\":\"%s\"}\n]\n",
             hash);
    expect_text(study, "documents", "calls", SAL_FORMAT_JSON, expected);
}

static void csv_quotes_what_csv_must(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_buffer out = export_text(study, "documents", "news", SAL_FORMAT_CSV);
    assert_non_null(
        strstr(out.bytes, "\nnews,b,en,news,\"The boat sank.\r\nNobody was hurt.\",It"));
    assert_non_null(strstr(out.bytes, "\nnews,a,en,news,\"A \"\"quoted\"\", comma'd text\",,"));
    sal_buffer_free(&out);
}

static void summaries_are_sorted_with_no_length_as_null_and_last(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    int64_t document = 3, reference = 3; /* calls/b by reference, which has no length */
    add_summary(study, document, reference, 10, SAL_STATUS_FAILED, "");
    sal_buffer out = export_text(study, "summaries", "calls", SAL_FORMAT_CSV);
    assert_string_equal(
        out.bytes,
        "corpus,document,summarizer,length,replica,status,words,tokens,prompt_tokens,text,error\n"
        "calls,b,lead,10,0,ok,2,,,The boat.,\n"
        "calls,b,lead,20,0,ok,2,,,The boat.,\n"
        "calls,b,reference,10,0,failed,2,,,\"\",it broke\n"
        "calls,b,reference,,0,ok,2,,,It sank.,\n"
        "calls,b,some/model,10,0,ok,2,,,The boat.,\n"
        "calls,b,some/model,20,0,ok,2,,,The boat.,\n");
    sal_buffer_free(&out);
    out = export_text(study, "summaries", "calls", SAL_FORMAT_JSONL);
    assert_non_null(strstr(out.bytes, "\"summarizer\":\"reference\",\"length\":null,\"replica\":0,"
                                      "\"status\":\"ok\",\"words\":2,\"tokens\":null"));
    sal_buffer_free(&out);
}

static void importance_has_counts_numbers_and_booleans(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    /* no summary was usable: 0 of 0 is undefined */
    const sal_importance_row none = {"boat", 0, 0, 1, true};
    assert_ok(sal_study_put_importance(study, 3, 2, SAL_STRICT, "h", 0, &none, 1, &err));
    expect_text(
        study, "importance", "calls", SAL_FORMAT_JSONL,
#define ROW(summarizer, protocol, rest)                                                            \
    "{\"corpus\":\"calls\",\"document\":\"b\",\"summarizer\":\"" summarizer                        \
    "\",\"protocol\":\"" protocol "\"," rest "}\n"
#define ROWS(summarizer, protocol)                                                                 \
    ROW(summarizer, protocol,                                                                      \
        "\"word\":\"Z\",\"count\":0,\"of\":2,\"importance\":0,\"content_word\":null,"              \
        "\"in_document\":true")                                                                    \
    ROW(summarizer, protocol,                                                                      \
        "\"word\":\"boat\",\"count\":2,\"of\":2,\"importance\":1,\"content_word\":true,"           \
        "\"in_document\":true")                                                                    \
    ROW(summarizer, protocol,                                                                      \
        "\"word\":\"the\",\"count\":1,\"of\":2,\"importance\":0.5,\"content_word\":false,"         \
        "\"in_document\":true")                                                                    \
    ROW(summarizer, protocol,                                                                      \
        "\"word\":\"\xc3\xa9t\xc3\xa9\",\"count\":1,\"of\":2,\"importance\":0.5,"                  \
        "\"content_word\":true,\"in_document\":false")
        ROWS("lead", "strict")
            ROW("some/model", "strict",
                "\"word\":\"boat\",\"count\":0,\"of\":0,\"importance\":null,\"content_word\":true,"
                "\"in_document\":true") ROWS("some/model", "paper"));
}

static void scores_and_timings_are_exported(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    expect_text(
        study, "scores", NULL, SAL_FORMAT_CSV,
        "corpus,summarizer,protocol,words,measure,length,value,low,high,documents,undefined\n"
        "news,lead,strict,\"\",words_achieved,10,9.5,9,10,2,0\n"
        "news,lead,strict,all,reliability_pearson,,0.75,,,2,1\n");
    sal_buffer out = export_text(study, "timings", "calls", SAL_FORMAT_CSV);
    assert_non_null(strstr(out.bytes, "\ncalls,b,lead,0.25,0.5,0,7\n"));
    sal_buffer_free(&out);
}

static void seeds_are_numbers_however_large(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    int64_t key = 0;
    sal_summarizer_info info = make_summarizer("a", "random", "{\"seed\":1}");
    info.has_seed = true;
    info.seed = UINT64_MAX;
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    info = make_summarizer("b", "random", "{\"seed\":2}");
    info.has_seed = true;
    info.seed = 7;
    info.top_p = 0.9;
    info.nested = true;
    assert_ok(sal_study_put_summarizer(study, &info, &key, &err));
    sal_buffer out = export_text(study, "summarizers", NULL, SAL_FORMAT_JSONL);
    assert_non_null(strstr(out.bytes, "\"seed\":18446744073709551615,"));
    assert_non_null(strstr(out.bytes, "\"top_p\":0.9,\"top_k\":null,\"repeat_penalty\":null,"
                                      "\"seed\":7,"));
    assert_non_null(strstr(out.bytes, "\"nested\":true,\"config\":\"{\\\"seed\\\":2}\"}\n"));
    sal_buffer_free(&out);
}

static void json_is_an_array_that_parsers_take(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    for (const char *const *table = sal_export_tables(); *table != NULL; table++) {
        json_error_t error;
        sal_buffer out = export_text(study, *table, NULL, SAL_FORMAT_JSON);
        json_t *array = json_loadb(out.bytes, out.length, JSON_DECODE_INT_AS_REAL, &error);
        if (array == NULL || !json_is_array(array)) {
            fail_msg("%s: %s: %s", *table, error.text, out.bytes);
        }
        if (strcmp(*table, "summaries") == 0) {
            assert_int_equal(json_array_size(array), 15);
        }
        if (strcmp(*table, "runs") == 0) {
            assert_string_equal(out.bytes, "[]\n");
        }
        json_decref(array);
        sal_buffer_free(&out);
    }
}

static void the_history_does_not_show(void **state) {
    fixture *made = *state;
    char path[160];
    sal_study *other = open_study(below(made->folder, "other", path), SAL_STUDY_CREATE);
    fill_sample(other, true);
    for (const char *const *table = sal_export_tables(); *table != NULL; table++) {
        sal_buffer a = export_text(made->study, *table, NULL, SAL_FORMAT_JSONL);
        sal_buffer b = export_text(other, *table, NULL, SAL_FORMAT_JSONL);
        if (a.length == 0) {
            assert_int_equal(b.length, 0);
        } else {
            assert_string_equal(a.bytes, b.bytes);
        }
        sal_buffer_free(&a);
        sal_buffer_free(&b);
    }
    close_study(other);
}

static void unknown_tables_and_corpora_are_named(void **state) {
    sal_study *study = ((fixture *)*state)->study;
    sal_error err = {0};
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    assert_int_equal(sal_export_table(study, "summariez", NULL, SAL_FORMAT_CSV, &sink, &err),
                     SAL_EINVAL);
    assert_string_equal(err.text,
                        "there is no table 'summariez'; there are documents, summarizers, "
                        "summaries, importance, scores, agreement, clusters, heads, retrieval, "
                        "retrieval_overlaps, ablations, probes, probe_words, protocols, states, "
                        "timings, runs");
    assert_int_equal(sal_export_table(study, "documents", "x", SAL_FORMAT_CSV, &sink, &err),
                     SAL_ENOTFOUND);
    assert_int_equal(out.length, 0);
}

/* A study of 100,000 documents must not be sorted in memory: SQLite may sort the last terms, within one document, but
 * never all rows. Asked of the very statements that the exports keep. */
static void big_tables_are_never_sorted_whole(void **state) {
    fixture *made = *state;
    int plans = 0;
    static const char *const big[] = {"documents", "summaries", "importance", "timings"};
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        sal_buffer out = export_text(made->study, big[i], NULL, SAL_FORMAT_CSV);
        sal_buffer_free(&out);
    }
    for (size_t i = 0; i < made->study->kept_count; i++) {
        sal_error err = {0};
        sal_buffer sql = {0};
        sqlite3_stmt *plan = NULL;
        if (strstr(made->study->kept[i].sql, "ORDER BY d.corpus, d.document") == NULL) {
            continue;
        }
        assert_ok(
            sal_buffer_add_format(&sql, &err, "EXPLAIN QUERY PLAN %s", made->study->kept[i].sql));
        assert_int_equal(sqlite3_prepare_v2(made->study->database, sql.bytes, -1, &plan, NULL),
                         SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            assert_string_not_equal((const char *)sqlite3_column_text(plan, 3),
                                    "USE TEMP B-TREE FOR ORDER BY");
        }
        sqlite3_finalize(plan);
        sal_buffer_free(&sql);
        plans++;
    }
    assert_int_equal(plans, 4);
}

/* ---- the paper's layout ------------------------------------------------------------------- */

static json_t *load(const char *folder, const char *name) {
    char path[400];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    json_t *loaded = json_load_file(path, 0, &error);
    if (loaded == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return loaded;
}

static bool there_is(const char *folder, const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static const char *text_of(const json_t *record, const char *key) {
    return json_string_value(json_object_get(record, key));
}

static void count_note(void *context, const char *text) {
    assert_non_null(strstr(text, "--protocol paper"));
    ++*(int *)context;
}

static void the_original_layout_has_its_files_and_fields(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_tally tally = {0};
    int notes = 0;
    char out[160];
    below(made->folder, "out", out);
    const sal_progress progress = {.note = count_note, .context = &notes};
    assert_ok(sal_export_original(made->study, out, NULL, &progress, &tally, &err));
    assert_int_equal(tally.done, 6); /* three summarizers, two corpora */
    assert_int_equal(notes, 4);      /* only some/model has importance by the paper's protocol */

    json_t *records = load(out, "data/some_model/news/predictions.json");
    assert_int_equal(json_array_size(records), 4);
    const json_t *record = json_array_get(records, 0);
    assert_string_equal(text_of(record, "article"), "The boat sank.\r\nNobody was hurt.");
    assert_string_equal(text_of(record, "highlights"), "It sank.");
    assert_string_equal(text_of(record, "id"), "b");
    assert_string_equal(text_of(record, "summary"), "The boat.");
    assert_string_equal(text_of(record, "criteria"), "length_num_10");
    assert_true(json_is_null(json_object_get(record, "input_tokens")));
    assert_int_equal(json_object_size(record), 8);
    assert_string_equal(text_of(json_array_get(records, 1), "criteria"), "length_num_20");
    json_decref(records);

    records = load(out, "data/some_model/news/generated_summaries_with_word_importance.json");
    assert_int_equal(json_array_size(records), 4);
    const json_t *importance = json_object_get(json_array_get(records, 0), "word_importance");
    assert_int_equal(json_object_size(importance), 3); /* Z is in no summary */
    assert_close(json_real_value(json_object_get(importance, "boat")), 1.0, 0, 0);
    assert_close(json_real_value(json_object_get(importance, "the")), 0.5, 0, 0);
    json_decref(records);

    records = load(out, "data/some_model/news/"
                        "generated_summaries_with_word_importance_deduplicated.json");
    assert_int_equal(json_array_size(records), 2);
    assert_string_equal(text_of(json_array_get(records, 0), "criteria"), "length_num_10");
    assert_string_equal(text_of(json_array_get(records, 1), "id"), "a");
    json_decref(records);

    records = load(out, "data/reference/calls/predictions.json");
    assert_true(json_is_null(json_object_get(json_array_get(records, 0), "criteria")));
    json_decref(records);
    assert_true(there_is(out, "data/lead/calls/predictions.json"));
    assert_false(there_is(out, "data/lead/calls/generated_summaries_with_word_importance.json"));
    assert_false(there_is(out, "data/lead/calls/metrics_scores.json")); /* heads come later */
}

static void the_card_lists_models_and_data_sets(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    char out[160], path[200];
    below(made->folder, "out", out);
    add_summary(made->study, 1, add_summarizer(made->study, "a|<b>", "import", "{}"), 10,
                SAL_STATUS_OK, "s");
    assert_ok(sal_export_original(made->study, out, "news", NULL, NULL, &err));
    sal_buffer card = {0};
    snprintf(path, sizeof path, "%s/README.md", out);
    assert_ok(sal_file_read_all(path, 1 << 20, &card, &err));
    assert_int_equal(strncmp(card.bytes, "---\nlanguage:\n- \"en\"\ntask_categories:\n", 38), 0);
    assert_non_null(strstr(
        card.bytes, "- config_name: \"some_model--news\"\n  data_files:\n"
                    "  - split: test\n    path: \"data/some_model/news/predictions.json\"\n"));
    assert_non_null(strstr(card.bytes, "path: \"data/lead/news/predictions.json\""));
    assert_non_null(strstr(card.bytes, "\n| some/model | news | 2 | 4 | 2 |\n"));
    assert_non_null(strstr(card.bytes, "\n| a\\|&lt;b> | news | 1 | 1 | 0 |\n"));
    assert_null(strstr(card.bytes, "calls")); /* --corpus news */
    assert_false(there_is(out, "data/lead/calls"));
    sal_buffer_free(&card);
}

static void fields_follow_the_corpus_then_kind_and_language(void **state) {
    (void)state;
    static const struct {
        const char *corpus, *kind, *language, *text, *reference, *generated;
    } cases[] = {
        {"cnn_dailymail", "news", "en", "article", "highlights", "summary"},
        {"samsum", "news", "en", "dialogue", "summary", "generated_summary"},
        {"knkarthick/samsum", "dialogue", "en", "dialogue", "summary", "generated_summary"},
        {"decoda", "dialogue", "fr", "dialogue", "synopsis", "generated_summary"},
        {"mine", "dialogue", "fr", "dialogue", "synopsis", "generated_summary"},
        {"mine", "dialogue", "en", "dialogue", "summary", "generated_summary"},
        {"mine", "news", "fr", "article", "highlights", "summary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sal_document document = make_document(cases[i].corpus, "a", "t", NULL);
        document.kind = cases[i].kind;
        document.language = cases[i].language;
        original_fields fields = original_fields_of(&document);
        assert_string_equal(fields.text, cases[i].text);
        assert_string_equal(fields.reference, cases[i].reference);
        assert_string_equal(fields.generated, cases[i].generated);
    }
}

static void folder_names_are_safe_and_apart(void **state) {
    (void)state;
    sal_error err = {0};
    char longest[301];
    memset(longest, 'x', 300);
    longest[300] = '\0';
    const char *const names[] = {"..",        "a/b",    "a\\b",   "A_B",
                                 "../../etc", "modèle", "a.gguf", longest};
    char **folders = NULL;
    assert_ok(original_folder_names(names, 8, &folders, &err));
    assert_string_equal(folders[0], "__");
    assert_string_equal(folders[1], "a_b");
    assert_int_equal(strncmp(folders[2], "a_b-", 4), 0);
    assert_int_equal(strlen(folders[2]), 12);
    assert_int_equal(strncmp(folders[3], "A_B-", 4), 0); /* for file systems that ignore case */
    assert_string_equal(folders[4], "_._.._etc");
    assert_string_equal(folders[5], "modèle");
    assert_string_equal(folders[6], "a.gguf");
    assert_int_equal(strlen(folders[7]), 120 + 9);
    sal_strings_free(folders, 8);
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void an_export_that_ends_early_leaves_no_half_file(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    char out[160], command[400];
    below(made->folder, "out", out);
    const sal_progress progress = {.cancelled = always};
    assert_int_equal(sal_export_original(made->study, out, NULL, &progress, NULL, &err),
                     SAL_ECANCELLED);
    snprintf(command, sizeof command, "test -z \"$(find '%s' -type f)\"", out);
    assert_int_equal(system(command), 0);

    long before = sal_faulty_blocks();
    for (int kind = SAL_FAULTY_ALLOCATION; kind <= SAL_FAULTY_RENAME;
         kind++) { /* SQLite's: test_faults */
        if (kind == SAL_FAULTY_READ || kind == SAL_FAULTY_CLOSE) {
            continue; /* an export reads no file, and closes after the sync */
        }
        for (long n = 0;; n += kind == SAL_FAULTY_ALLOCATION ? 7 : 1) {
            sal_faulty_fail((sal_faulty_kind)kind, n);
            int rc = sal_export_original(made->study, out, NULL, NULL, NULL, &err);
            bool reached = sal_faulty_reset();
            assert_int_equal(sal_faulty_blocks(), before);
            snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*partial*')\"", out);
            assert_int_equal(system(command), 0);
            if (!reached) {
                assert_int_equal(rc, SAL_OK);
                break;
            }
            assert_int_equal(rc, kind == SAL_FAULTY_ALLOCATION ? SAL_ENOMEM : SAL_EIO);
        }
    }
}

int main(void) {
#define with_sample(test) cmocka_unit_test_setup_teardown(test, make_sample, remove_sample)
    const struct CMUnitTest tests[] = {
        with_sample(documents_are_tidy_rows),
        with_sample(csv_quotes_what_csv_must),
        with_sample(summaries_are_sorted_with_no_length_as_null_and_last),
        with_sample(importance_has_counts_numbers_and_booleans),
        with_sample(scores_and_timings_are_exported),
        with_sample(seeds_are_numbers_however_large),
        with_sample(json_is_an_array_that_parsers_take),
        with_sample(the_history_does_not_show),
        with_sample(unknown_tables_and_corpora_are_named),
        with_sample(big_tables_are_never_sorted_whole),
        with_sample(the_original_layout_has_its_files_and_fields),
        with_sample(the_card_lists_models_and_data_sets),
        cmocka_unit_test(fields_follow_the_corpus_then_kind_and_language),
        cmocka_unit_test(folder_names_are_safe_and_apart),
        with_sample(an_export_that_ends_early_leaves_no_half_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
