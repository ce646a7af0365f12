/* Ready-made summaries: the published code's predictions.json, joined to documents, with their status; and the same without a study. */
#include "import_testing.h"

#include "import/slots.h"

static const sal_import_options plain = {.limit = -1, .summaries = true};

/* As scripts/_1_data_generation.py of the published code writes it for cnn_dailymail: "highlights" is the human summary, "summary"
   the generated one. */
static const char predictions[] =
    "[\n    {\n        \"article\": \"The ferry sank. Nobody was hurt.\",\n        \"highlights\": "
    "\"Ferry sinks.\",\n"
    "        \"id\": \"a\",\n        \"summary\": \"Here is the 10-word summary: \\\"The ferry "
    "sank.\\\"\",\n"
    "        \"criteria\": \"length_num_10\",\n        \"input_tokens\": 5,\n        "
    "\"output_tokens\": 4,\n        \"total_tokens\": 9\n    },\n"
    "    {\"article\": \"The ferry sank. Nobody was hurt.\", \"highlights\": \"Ferry sinks.\", "
    "\"id\": \"a\", \"summary\": \"[Error: 500 server]\", \"criteria\": \"length_num_20\"},\n"
    "    {\"article\": \"The ferry sank. Nobody was hurt.\", \"highlights\": \"Ferry sinks.\", "
    "\"id\": \"a\", \"summary\": \"[Content restricted]\", \"criteria\": \"length_num_30\"},\n"
    "    {\"article\": \"Rain fell.\", \"highlights\": \"Rain.\", \"id\": \"b\", \"summary\": \" "
    "\", \"criteria\": \"length_num_10\"},\n"
    "    {\"article\": \"Rain fell.\", \"highlights\": \"Rain.\", \"id\": \"b\", \"summary\": "
    "\"Rain fell\", \"criteria\": \"length_num_20\"}\n]\n";

static int64_t summarizer_key(import_fixture *f, const char *name) {
    sal_summarizer_list *list = NULL;
    int64_t key = 0;
    sal_error err = {0};

    assert_ok(sal_study_list_summarizers(f->study, &list, &err));
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            key = list->items[i].key;
            assert_string_equal(list->items[i].kind, "import");
            assert_false(list->items[i].nested);
            assert_true(isnan(list->items[i].temperature));
        }
    }
    sal_summarizer_list_free(list);
    assert_true(key > 0);
    return key;
}

/* The summaries of a document, one a line: length/replica status words text|error. */
static void has_summaries(import_fixture *f, const char *id, const char *summarizer,
                          const char *wanted) {
    sal_summary_list *list = NULL;
    sal_buffer out = {0};
    int64_t document = 0;
    sal_error err = {0};

    assert_ok(sal_study_find_document(f->study, NULL, id, &document, &err));
    assert_ok(
        sal_study_get_summaries(f->study, document, summarizer_key(f, summarizer), &list, &err));
    for (size_t i = 0; i < list->count; i++) {
        const sal_summary *summary = &list->items[i];

        assert_int_equal(strlen(summary->text), summary->text_length);
        assert_ok(sal_buffer_add_format(&out, &err, "%d/%d %s %lld %s|%s\n", summary->length,
                                        summary->replica, sal_status_name(summary->status),
                                        (long long)summary->words, summary->text,
                                        summary->error == NULL ? "" : summary->error));
    }
    assert_string_equal(out.bytes == NULL ? "" : out.bytes, wanted);
    sal_summary_list_free(list);
    sal_buffer_free(&out);
}

static void the_published_format_is_understood(void **state) {
    import_fixture f;
    sal_document *document = NULL;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "predictions.json", predictions, &plain), SAL_OK);
    assert_tally(f.tally, 5, 0, 0);
    assert_int_equal(f.tally.refused, 2);
    assert_string_equal(f.notes, "predictions.json: 1 of the summaries are errors, 2 are empty or "
                                 "refused: kept with that status; "
                                 "the strict protocol leaves them out\n");
    /* The lead and the quotes are kept in the text, and not counted as words. */
    has_summaries(&f, "a", "predictions",
                  "10/0 ok 3 Here is the 10-word summary: \"The ferry sank.\"|\n"
                  "20/0 failed 3 [Error: 500 server]|[Error: 500 server]\n"
                  "30/0 refused 2 [Content restricted]|[Content restricted]\n");
    has_summaries(&f, "b", "predictions",
                  "10/0 refused 0  |the imported text is empty\n20/0 ok 2 Rain fell|\n");
    document = fixture_get(&f, "a");
    assert_string_equal(document->text, "The ferry sank. Nobody was hurt.");
    assert_string_equal(document->reference, "Ferry sinks.");
    assert_string_equal(document->corpus, "predictions");
    sal_document_free(document);
    fixture_close(&f);
}

/* SAMSum and DECODA: "summary" or "synopsis" is the human one, "generated_summary" the generated one. */
static void summary_beside_a_generated_field_is_the_reference(void **state) {
    import_fixture f;
    sal_document *document = NULL;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "samsum.json",
                                    "[{\"dialogue\":\"A: "
                                    "hi\",\"summary\":\"Human.\",\"id\":7,\"generated_summary\":"
                                    "\"Machine.\",\"criteria\":\"length_num_10\"},"
                                    "{\"dialogue\":\"B: "
                                    "allô\",\"synopsis\":\"Humain.\",\"id\":8,\"generated\":"
                                    "\"Machine.\",\"length\":20,\"lang\":\"fr\"}]",
                                    &plain),
                     SAL_OK);
    has_summaries(&f, "7", "samsum", "10/0 ok 1 Machine.|\n");
    has_summaries(&f, "8", "samsum", "20/0 ok 1 Machine.|\n");
    document = fixture_get(&f, "7");
    assert_string_equal(document->reference, "Human.");
    assert_string_equal(document->kind, "dialogue");
    sal_document_free(document);
    document = fixture_get(&f, "8");
    assert_string_equal(document->reference, "Humain.");
    assert_string_equal(document->language, "fr");
    sal_document_free(document);
    fixture_close(&f);
}

static void summaries_join_the_documents_of_the_study(void **state) {
    static const sal_import_options documents = {.limit = -1};
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(
        fixture_import(&f, "news.jsonl",
                       "{\"id\":\"a\",\"text\":\"A text.\"}\n{\"id\":\"b\",\"text\":\"B text.\"}\n",
                       &documents),
        SAL_OK);
    assert_int_equal(
        fixture_import(
            &f, "s.csv",
            "id,summary,length,replica,status\n"
            "a,One,10,,\nb,Two,10,0,truncated\na,Three,20.0,,\na,Four,10,,\na,Five,10,7,\na,Six,,,"
            "failed\nc,Seven,10,,\nb,Eight,10,0,\n"
            "b,Nine,ten,,\nb,Ten,10,-1,\nb,Eleven,10,5,done\nb,Twelve,length_num_30,,ok\n",
            &plain),
        SAL_OK);
    assert_tally(f.tally, 7, 0, 5);
    assert_int_equal(f.tally.truncated, 1);
    assert_string_equal(
        f.notes,
        "s.csv:8: skipped: the document \"c\" is not in the study, and the record has no text of "
        "it\n"
        "s.csv:9: skipped: a summary of document \"b\" with length 10 and replica 0 came before\n"
        "s.csv:10: skipped: the field \"length\" is \"ten\", where length_num_N or a number of "
        "words up to 1000000 is expected\n"
        "s.csv:11: skipped: the field \"replica\" is \"-1\", where a number up to 1000000 is "
        "expected\n"
        "s.csv:12: skipped: the status \"done\" is none of ok, truncated, refused, failed\n"
        "s.csv: 1 of the summaries are errors, 0 are empty or refused: kept with that status; the "
        "strict protocol leaves them out\n");
    has_summaries(&f, "a", "s",
                  "0/0 failed 1 Six|marked so in the imported file\n10/0 ok 1 One|\n10/1 ok 1 "
                  "Four|\n10/7 ok 1 Five|\n20/0 ok 1 Three|\n");
    has_summaries(&f, "b", "s", "10/0 truncated 1 Two|\n30/0 ok 1 Twelve|\n");
    assert_int_equal(fixture_documents(&f), 2);
    fixture_close(&f);
}

static void a_second_import_keeps_everything(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "predictions.json", predictions, &plain), SAL_OK);
    assert_int_equal(fixture_import(&f, "predictions.json", predictions, &plain), SAL_OK);
    assert_tally(f.tally, 0, 5, 0);
    /* The digest is that of the content: the same file under another name of its own, or with --limit, is the same summarizer. */
    sal_import_options limited = plain;
    limited.limit = 2;
    limited.as = "predictions";
    assert_int_equal(fixture_import(&f, "copy.json", predictions, &limited), SAL_OK);
    assert_tally(f.tally, 0, 2, 0);
    fixture_close(&f);
}

static void another_file_under_the_same_name_is_refused(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "predictions.json", predictions, &plain), SAL_OK);
    assert_int_equal(fixture_import(&f, "predictions.json",
                                    "[{\"id\":\"a\",\"summary\":\"Other.\",\"length\":10}]",
                                    &plain),
                     SAL_EEXISTS);
    assert_non_null(strstr(f.error.text, "--as NAME"));
    assert_non_null(strstr(f.error.text, "file_sha256"));
    sal_import_options named = plain;
    named.as = "other";
    assert_int_equal(fixture_import(&f, "predictions.json",
                                    "[{\"id\":\"a\",\"summary\":\"Other.\",\"length\":10}]",
                                    &named),
                     SAL_OK);
    has_summaries(&f, "a", "other", "10/0 ok 1 Other.|\n");
    fixture_close(&f);
}

static void a_text_that_is_not_the_documents_is_skipped(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(
        fixture_import(&f, "p.jsonl",
                       "{\"id\":\"a\",\"text\":\"A\",\"generated\":\"x\",\"length\":10}\n"
                       "{\"id\":\"a\",\"text\":\"B\",\"generated\":\"y\",\"length\":20}\n"
                       "{\"id\":\"a\",\"generated\":\"z\",\"length\":20}\n"
                       "{\"id\":\"a\",\"text\":\"A\",\"reference\":\"no summary\"}\n"
                       "{\"id\":\"a\",\"generated\":{\"x\":1}}\n",
                       &plain),
        SAL_OK);
    assert_tally(f.tally, 2, 0, 3);
    assert_string_equal(
        f.notes,
        "p.jsonl:2: skipped: the id \"a\" is taken by another text in corpus \"p\"; --corpus NAME "
        "puts these apart\n"
        "p.jsonl:4: skipped: no field \"generated\" (nor \"generated_summary\", \"summary\"); its "
        "fields are \"id\", \"text\", \"reference\": use --map summary=FIELD\n"
        "p.jsonl:5: skipped: the field \"generated\" is no string\n");
    has_summaries(&f, "a", "p", "10/0 ok 1 x|\n20/0 ok 1 z|\n");
    fixture_close(&f);
}

static void fields_are_mapped(void **state) {
    static const sal_field_map map[] = {{"id", "document"}, {"summary", "text"}, {"length", "n"}};
    sal_import_options options = plain;
    import_fixture f;

    (void)state;
    options.map = map;
    options.map_count = 3;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "news.jsonl", "{\"id\":\"a\",\"text\":\"A text.\"}\n",
                                    &(sal_import_options){.limit = -1}),
                     SAL_OK);
    /* "text" serves as the summary: it is not the document's text too. */
    assert_int_equal(
        fixture_import(&f, "t.jsonl",
                       "{\"document\":\"a\",\"text\":\"Short.\",\"n\":10,\"length\":99}\n",
                       &options),
        SAL_OK);
    has_summaries(&f, "a", "t", "10/0 ok 1 Short.|\n");
    fixture_close(&f);
}

static void records_without_an_id_are_joined_by_their_text(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "p.jsonl",
                                    "{\"text\":\"A\",\"generated\":\"x\",\"length\":10}\n{\"text\":"
                                    "\"A\",\"generated\":\"y\",\"length\":20}\n"
                                    "{\"text\":\"B\",\"generated\":\"z\",\"length\":10}\n",
                                    &plain),
                     SAL_OK);
    has_summaries(&f, "p.jsonl:1", "p", "10/0 ok 1 x|\n20/0 ok 1 y|\n");
    has_summaries(&f, "p.jsonl:3", "p", "10/0 ok 1 z|\n");
    fixture_close(&f);
}

static void an_id_in_two_corpora_needs_a_name(void **state) {
    import_fixture f;
    sal_import_options named = plain;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "one.jsonl", "{\"id\":\"a\",\"text\":\"A\"}\n",
                                    &(sal_import_options){.limit = -1}),
                     SAL_OK);
    assert_int_equal(fixture_import(&f, "two.jsonl", "{\"id\":\"a\",\"text\":\"B\"}\n",
                                    &(sal_import_options){.limit = -1}),
                     SAL_OK);
    assert_int_equal(
        fixture_import(&f, "p.jsonl", "{\"id\":\"a\",\"generated\":\"x\",\"length\":10}\n", &plain),
        SAL_EINVAL);
    assert_non_null(strstr(f.error.text, "p.jsonl:1"));
    assert_non_null(strstr(f.error.text, "--corpus"));
    named.corpus = "two";
    assert_int_equal(
        fixture_import(&f, "p.jsonl", "{\"id\":\"a\",\"generated\":\"x\",\"length\":10}\n", &named),
        SAL_OK);
    assert_tally(f.tally, 1, 0, 0);
    fixture_close(&f);
}

static void failures_at_any_point_leave_no_summary(void **state) {
    import_fixture f;
    bool reached = true;

    (void)state;
    fixture_open(&f);
    fixture_write(&f, "predictions.json", predictions, sizeof predictions - 1);
    for (long n = 0; reached; n++) {
        const long blocks = sal_faulty_blocks();
        int code = SAL_OK;

        f.tally = (sal_tally){0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        code = sal_import_file(f.study, f.input, &plain, NULL, &f.tally, &f.error);
        reached = sal_faulty_reset();
        assert_int_equal(code, reached ? SAL_ENOMEM : SAL_OK);
        assert_int_equal(sal_faulty_blocks(), blocks);
        assert_int_equal(fixture_documents(&f), reached ? 0 : 2);
        assert_true(n < 5000);
    }
    assert_tally(f.tally, 5, 0, 0);
    fixture_close(&f);
}

/* ---- without a study --------------------------------------------------------------------------------------------------------- */

static int describe(void *context, const sal_prediction_document *document, sal_error *err) {
    sal_buffer *out = context;
    int code = sal_buffer_add_format(out, err, "%s \"%s\":", document->id, document->text);

    assert_int_equal(strlen(document->text), document->text_length);
    for (size_t i = 0; code == SAL_OK && i < document->count; i++) {
        assert_int_equal(strlen(document->summaries[i]), document->summary_lengths[i]);
        code = sal_buffer_add_format(out, err, " <%s>", document->summaries[i]);
    }
    return code == SAL_OK ? sal_buffer_add_string(out, "\n", err) : code;
}

static int group_predictions(const char *name, const char *input, sal_buffer *out, sal_error *err) {
    import_fixture f;
    int code = SAL_OK;

    make_scratch_folder(f.folder);
    fixture_write(&f, name, input, strlen(input));
    code = sal_import_predictions(f.input, &(sal_import_options){.limit = -1}, describe, out, err);
    remove_scratch_folder(f.folder);
    return code;
}

static void predictions_are_grouped_by_id_whatever_their_order(void **state) {
    sal_buffer out = {0};
    sal_error err = {0};

    (void)state;
    assert_ok(group_predictions("p.json", predictions, &out, &err));
    assert_string_equal(out.bytes,
                        "a \"The ferry sank. Nobody was hurt.\": <Here is the 10-word summary: "
                        "\"The ferry sank.\"> <[Error: 500 server]> <[Content restricted]>\n"
                        "b \"Rain fell.\": < > <Rain fell>\n");
    sal_buffer_clear(&out);
    assert_ok(group_predictions(
        "p.jsonl",
        "{\"id\":\"z\",\"generated\":\"1\"}\n{\"id\":\"a\",\"text\":\"A\",\"generated\":\"2\"}\n{"
        "\"id\":\"z\",\"text\":\"Z\",\"generated\":\"3\",\"criteria\":\"style\"}\n"
        "{\"id\":\"a\",\"text\":\"A\",\"generated\":\"4\"}\n{\"id\":\"z\",\"text\":\"Z\","
        "\"generated\":null}\n",
        &out, &err));
    assert_string_equal(out.bytes, "z \"Z\": <1> <3> <>\na \"A\": <2> <4>\n");
    sal_buffer_free(&out);
}

/* The published code stops at a record without a summary, and so does this. */
static void unusable_predictions_are_errors(void **state) {
    sal_buffer out = {0};
    sal_error err = {0};

    (void)state;
    assert_int_equal(
        group_predictions("p.jsonl",
                          "{\"id\":\"a\",\"generated\":\"1\"}\n{\"id\":\"b\",\"text\":\"B\"}\n",
                          &out, &err),
        SAL_EFORMAT);
    assert_non_null(
        strstr(err.text, "p.jsonl:2: no field \"generated\" (nor \"generated_summary\", "
                         "\"summary\"); its fields are \"id\", \"text\": use --map summary=FIELD"));
    assert_int_equal(group_predictions("p.json", "[]", &out, &err), SAL_EFORMAT);
    assert_non_null(strstr(err.text, "p.json: there is no record in it"));
    assert_int_equal(out.length, 0);
    sal_buffer_free(&out);
}

static void replicas_are_handed_out_in_order(void **state) {
    import_slots slots = {0};
    sal_error err = {0};
    bool taken = true;
    int replica = 1;

    (void)state;
    assert_ok(import_slots_fill(&slots, 5, 10, &replica, &taken, &err));
    assert_false(taken);
    for (int wanted = 0; wanted < 3000; wanted++) {
        replica = -1;
        assert_ok(import_slots_fill(&slots, 5, 10, &replica, &taken, &err));
        assert_false(taken);
        assert_int_equal(replica, wanted == 0 ? 0 : wanted + 1); /* 1 was taken before */
        replica = -1;
        assert_ok(import_slots_fill(&slots, wanted + 6, 10, &replica, &taken, &err));
        assert_int_equal(replica, 0);
    }
    replica = 7;
    assert_ok(import_slots_fill(&slots, 5, 10, &replica, &taken, &err));
    assert_true(taken);
    import_slots_free(&slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_format_is_understood),
        cmocka_unit_test(summary_beside_a_generated_field_is_the_reference),
        cmocka_unit_test(summaries_join_the_documents_of_the_study),
        cmocka_unit_test(a_second_import_keeps_everything),
        cmocka_unit_test(another_file_under_the_same_name_is_refused),
        cmocka_unit_test(a_text_that_is_not_the_documents_is_skipped),
        cmocka_unit_test(fields_are_mapped),
        cmocka_unit_test(records_without_an_id_are_joined_by_their_text),
        cmocka_unit_test(an_id_in_two_corpora_needs_a_name),
        cmocka_unit_test(failures_at_any_point_leave_no_summary),
        cmocka_unit_test(predictions_are_grouped_by_id_whatever_their_order),
        cmocka_unit_test(unusable_predictions_are_errors),
        cmocka_unit_test(replicas_are_handed_out_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
