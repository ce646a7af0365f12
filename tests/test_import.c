/* Documents into a study: what comes in is what is stored, and each outcome of import.h with its exact words. */
#include "import_testing.h"

#include <fcntl.h>
#include <unistd.h>

static const sal_import_options plain = {.limit = -1};

/* Every byte sequence a text may hold, in every format, comes back as it was. */
static void texts_come_back_byte_for_byte(void **state) {
    static const char text[] = "Line one,\r\nline \"two\"\n\n\ttab\r é € 💡 \x7F \xC2\xA0"
                               "end  ";
    static const char json[] =
        "Line one,\\r\\nline \\\"two\\\"\\n\\n\\ttab\\r \\u00e9 € \\ud83d\\udca1 \x7F \xC2\xA0"
        "end  ";
    static const char csv[] = "\"Line one,\r\nline \"\"two\"\"\n\n\ttab\r é € 💡 \x7F \xC2\xA0"
                              "end  \"";
    char input[400];
    import_fixture f;

    (void)state;
    fixture_open(&f);
    snprintf(input, sizeof input, "[{\"id\":\"json\",\"text\":\"%s\",\"reference\":\"%s\"}]", json,
             json);
    assert_int_equal(fixture_import(&f, "a.json", input, &plain), SAL_OK);
    snprintf(input, sizeof input, "{\"id\":\"jsonl\",\"text\":\"%s\"}\r\n", json);
    assert_int_equal(fixture_import(&f, "b.jsonl", input, &plain), SAL_OK);
    snprintf(input, sizeof input, "id,text,reference\r\ncsv,%s,%s\r\n", csv, csv);
    assert_int_equal(fixture_import(&f, "c.csv", input, &plain), SAL_OK);
    assert_int_equal(fixture_import(&f, "txt", text, &plain), SAL_OK);

    static const char *const ids[] = {"json", "jsonl", "csv", "txt"};
    for (size_t i = 0; i < 4; i++) {
        sal_document *document = fixture_get(&f, ids[i]);
        assert_int_equal(document->text_length, sizeof text - 1);
        assert_memory_equal(document->text, text, sizeof text);
        if (i % 2 == 0) {
            assert_int_equal(document->reference_length, sizeof text - 1);
            assert_memory_equal(document->reference, text, sizeof text);
        } else {
            assert_null(document->reference);
        }
        sal_document_free(document);
    }
    fixture_close(&f);
}

static void fields_have_the_names_that_data_sets_use(void **state) {
    static const struct {
        const char *record;
        const char *reference;
        const char *language;
        const char *kind;
    } cases[] = {
        {"{\"id\":1,\"article\":\"T\",\"highlights\":\"R\"}", "R", "en", "news"},
        {"{\"id\":2,\"dialogue\":\"T\",\"summary\":\"R\"}", "R", "en", "dialogue"},
        {"{\"id\":3,\"dialogue\":\"T\",\"synopsis\":\"R\",\"language\":\"fr\",\"kind\":\"news\"}",
         "R", "fr", "news"},
        {"{\"id\":4,\"text\":\"T\",\"article\":\"no\",\"reference\":\"R\",\"lang\":\"pt-BR\"}", "R",
         "pt-BR", "news"},
        {"{\"id\":5,\"text\":\"T\",\"reference\":null,\"lang\":\"\",\"kind\":\"dialogue\"}", NULL,
         "en", "dialogue"},
    };
    import_fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[2] = {(char)('1' + i), '\0'};
        sal_document *document = NULL;

        assert_int_equal(fixture_import(&f, "set.v1.jsonl", cases[i].record, &plain), SAL_OK);
        document = fixture_get(&f, id);
        assert_string_equal(document->corpus, "set.v1");
        assert_string_equal(document->text, "T");
        assert_string_equal(document->language, cases[i].language);
        assert_string_equal(document->kind, cases[i].kind);
        if (cases[i].reference == NULL) {
            assert_null(document->reference);
        } else {
            assert_string_equal(document->reference, cases[i].reference);
        }
        sal_document_free(document);
    }
    fixture_close(&f);
}

static void options_name_corpus_language_kind_and_fields(void **state) {
    static const sal_field_map map[] = {{"text", "body"}, {"id", "text"}, {"reference", "gold"}};
    const sal_import_options options = {.corpus = "mine",
                                        .language = "fr",
                                        .kind = "dialogue",
                                        .map = map,
                                        .map_count = 3,
                                        .limit = 1,
                                        .format = "jsonl"};
    import_fixture f;
    sal_document *document = NULL;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "a.txt",
                                    "{\"text\":\"x\",\"body\":\"T\",\"gold\":\"G\"}\nnot read",
                                    &options),
                     SAL_OK);
    assert_tally(f.tally, 1, 0, 0);
    document = fixture_get(&f, "x");
    assert_string_equal(document->corpus, "mine");
    assert_string_equal(document->text, "T");
    assert_string_equal(document->reference, "G");
    assert_string_equal(document->language, "fr");
    assert_string_equal(document->kind, "dialogue");
    sal_document_free(document);
    fixture_close(&f);
}

static void records_without_an_id_get_file_and_line(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(
        fixture_import(
            &f, "a.jsonl",
            "{\"text\":\"one\"}\n\n{\"text\":\"two\",\"id\":\"\"}\n{\"text\":\"two\",\"id\":null}",
            &plain),
        SAL_OK);
    assert_tally(f.tally, 3, 0, 0);
    sal_document_free(fixture_get(&f, "a.jsonl:1"));
    sal_document_free(fixture_get(&f, "a.jsonl:3"));
    sal_document_free(fixture_get(&f, "a.jsonl:4"));
    assert_int_equal(fixture_import(&f, "b.csv", "text\n\"one\ntwo\"\nthree\n", &plain), SAL_OK);
    sal_document_free(fixture_get(&f, "b.csv:2"));
    sal_document_free(fixture_get(&f, "b.csv:4"));
    fixture_close(&f);
}

static void text_files_together_are_a_corpus(void **state) {
    import_fixture f;
    sal_document *document = NULL;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "one.txt", "First.", &plain), SAL_OK);
    assert_int_equal(fixture_import(&f, "two.txt", "Second.", &plain), SAL_OK);
    document = fixture_get(&f, "two.txt");
    assert_string_equal(document->corpus, "texts");
    sal_document_free(document);
    fixture_close(&f);
}

static void a_second_import_changes_nothing(void **state) {
    static const char input[] = "{\"id\":\"a\",\"text\":\"A\"}\n{\"text\":\"B\"}\n{\"id\":\"a\","
                                "\"text\":\"A\",\"reference\":\"R\"}\n";
    import_fixture f;
    sal_document *document = NULL;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "a.jsonl", input, &plain), SAL_OK);
    assert_tally(f.tally, 2, 1, 0);
    assert_int_equal(fixture_import(&f, "a.jsonl", input, &plain), SAL_OK);
    assert_tally(f.tally, 0, 3, 0);
    assert_int_equal(fixture_documents(&f), 2);
    document = fixture_get(&f, "a");
    assert_string_equal(document->reference, "R"); /* it was missing, and was filled in */
    sal_document_free(document);
    fixture_close(&f);
}

static void unusable_records_are_skipped_and_listed(void **state) {
    static const char input[] = "{\"id\":\"a\",\"text\":\"A\"}\n"
                                "{\"id\":\"a\",\"text\":\"other\"}\n"
                                "{\"id\":\"b\",\"body\":\"B\",\"n\":1}\n"
                                "{\"id\":\"c\",\"text\":\" \\n\\u00a0\\u3000\"}\n"
                                "{\"id\":\"d\",\"text\":5}\n"
                                "{\"id\":[1],\"text\":\"D\"}\n"
                                "{\"id\":\"e\",\"text\":\"E\",\"lang\":\"English\"}\n"
                                "{\"id\":\"f\",\"text\":\"F\",\"kind\":\"poem\"}\n"
                                "[\"g\"]\n"
                                "{\"id\":\"h\\u0007\",\"text\":\"H\"}\n"
                                "{\"id\":\"i\",\"text\":null}\n"
                                "{\"id\":\"j\",\"text\":\"J\",\"reference\":{\"x\":1}}\n"
                                "{\"id\":\"z\",\"text\":\"Z\"}\n";
    import_fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "a.jsonl", input, &plain), SAL_OK);
    assert_tally(f.tally, 2, 0, 11);
    assert_string_equal(
        f.notes,
        "a.jsonl:2: skipped: the id \"a\" is taken by another text or reference in corpus \"a\"\n"
        "a.jsonl:3: skipped: no field \"text\" (nor \"article\", \"dialogue\"); its fields are "
        "\"id\", \"body\", \"n\": use --map text=body\n"
        "a.jsonl:4: skipped: the text is empty\n"
        "a.jsonl:5: skipped: the field \"text\" is a number, where a string is expected\n"
        "a.jsonl:6: skipped: the field \"id\" is an array or object, where a string is expected\n"
        "a.jsonl:7: skipped: the language \"English\" is not a code such as en or fr\n"
        "a.jsonl:8: skipped: the kind \"poem\" is neither news nor dialogue\n"
        "a.jsonl:9: skipped: not a JSON object\n"
        "a.jsonl:10: skipped: document h?: the document id has a control character at byte 1: h?\n"
        "a.jsonl:11: skipped: no field \"text\" (nor \"article\", \"dialogue\"); its fields are "
        "\"id\", \"text\": use --map text=FIELD\n"
        "a.jsonl:12: skipped: the field \"reference\" is an array or object, where a string is "
        "expected\n");
    assert_int_equal(fixture_documents(&f), 2);
    fixture_close(&f);
}

static void fails(import_fixture *f, const char *name, const char *input,
                  const sal_import_options *options, int code, const char *text) {
    const size_t before = fixture_documents(f);

    assert_int_equal(fixture_import(f, name, input, options), code);
    assert_string_equal(fixture_error(f), text);
    /* The study is as it was, and the tally too. */
    assert_int_equal(fixture_documents(f), before);
    assert_tally(f->tally, 0, 0, 0);
}

static void inputs_without_a_usable_record_are_errors(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    fails(&f, "field.jsonl", "{\"id\":\"x\",\"body\":\"y\"}\n", &plain, SAL_EFORMAT,
          "field.jsonl:1: no field \"text\" (nor \"article\", \"dialogue\"); its fields are "
          "\"id\", \"body\": use --map text=body");
    fails(&f, "field.csv", "id,body\nx,y\nz,\n", &plain, SAL_EFORMAT,
          "field.csv:2: no field \"text\" (nor \"article\", \"dialogue\"); its fields are \"id\", "
          "\"body\": use --map text=body; none of the 2 records can be used");
    fails(&f, "empty.json", "[]", &plain, SAL_EFORMAT, "empty.json: there is no record in it");
    fails(&f, "empty.txt", "", &plain, SAL_EFORMAT, "empty.txt:1: the text is empty");
    fails(&f, "empty.csv", "", &plain, SAL_EFORMAT, "empty.csv: there is no record in it");
    fixture_close(&f);
}

static void malformed_inputs_leave_the_study_as_it_was(void **state) {
    enum { BRACKETS = 200000 };
    char *bomb = calloc(BRACKETS + 1, 1);
    import_fixture f;

    (void)state;
    assert_non_null(bomb);
    memset(bomb, '[', BRACKETS);
    fixture_open(&f);
    assert_int_equal(fixture_import(&f, "good.jsonl", "{\"id\":\"a\",\"text\":\"A\"}", &plain),
                     SAL_OK);
    fails(&f, "bad.jsonl",
          "{\"id\":\"b\",\"text\":\"One.\"}\n{\"id\":\"c\",\"text\":\"Two.\"}\n{\"id\":\"d\","
          "\"text\":\"Thr",
          &plain, SAL_EFORMAT,
          "bad.jsonl:3: the input is cut off inside this record (premature end of input near "
          "'\"Thr')");
    fails(&f, "bad.csv", "id,text\nb,One.\nc\n", &plain, SAL_EFORMAT,
          "bad.csv:3: 1 columns, but the header has 2");
    fails(&f, "deep.json", bomb, &plain, SAL_ELIMIT,
          "deep.json:1: JSON nested more than 64 deep is refused");
    fails(&f, "latin.txt", "caf\xE9", &plain, SAL_EFORMAT,
          "latin.txt:1: not valid UTF-8: byte 0xE9 at offset 3 of the input; convert it to UTF-8 "
          "first (iconv -t UTF-8)");
    fails(&f, "nul.jsonl", "{\"id\":\"b\",\"text\":\"B\"}\n{\"id\":\"c\",\"text\":\"a\\u0000b\"}\n",
          &plain, SAL_EFORMAT,
          "nul.jsonl:2: a text holds the character \\u0000, which is not allowed");
    free(bomb);
    fixture_close(&f);
}

static void wrong_options_are_refused(void **state) {
    static const sal_field_map unknown[] = {{"txt", "a"}};
    static const sal_field_map twice[] = {{"text", "a"}, {"text", "b"}};
    static const sal_field_map absent[] = {{"id", "nummer"}};
    static const sal_field_map gone[] = {{"text", "artcle"}};
    static const sal_field_map summary[] = {{"summary", "s"}};
    import_fixture f;

    (void)state;
    fixture_open(&f);
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.map = unknown, .map_count = 1, .limit = -1},
          SAL_EINVAL,
          "--map knows no field \"txt\": it maps text, id, reference, lang and kind, with "
          "--summaries also summary, length, replica and importance");
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.map = twice, .map_count = 2, .limit = -1},
          SAL_EINVAL, "--map names the field text twice: a and b");
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.map = summary, .map_count = 1, .limit = -1},
          SAL_EINVAL, "--map summary=s: the field summary goes with --summaries");
    fails(&f, "a.jsonl", "{\"id\":\"a\",\"text\":\"A\"}\n",
          &(sal_import_options){.map = absent, .map_count = 1, .limit = -1}, SAL_EFORMAT,
          "a.jsonl: no record has the field \"nummer\" of --map id=nummer");
    fails(&f, "a.jsonl", "{\"id\":\"a\",\"article\":\"A\"}\n",
          &(sal_import_options){.map = gone, .map_count = 1, .limit = -1}, SAL_EFORMAT,
          "a.jsonl:1: no field \"artcle\" (--map text=artcle); its fields are \"id\", \"article\"");
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.kind = "poem", .limit = -1}, SAL_EINVAL,
          "the kind \"poem\" is neither news nor dialogue");
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.language = "French", .limit = -1}, SAL_EINVAL,
          "the language \"French\" is not a code such as en or fr");
    fails(&f, "a.jsonl", "{}", &(sal_import_options){.format = "xml", .limit = -1}, SAL_EINVAL,
          "unknown input format \"xml\": it is json, jsonl, csv, tsv or txt");
    assert_int_equal(sal_import_file(f.study, "hf:cnn_dailymail", &plain, NULL, &f.tally, &f.error),
                     SAL_EINVAL);
    assert_string_equal(f.error.text,
                        "hf:cnn_dailymail: this names no repository; one is hf:OWNER/NAME, for "
                        "example hf:abisee/cnn_dailymail");
    assert_int_equal(
        sal_import_file(f.study, "/nowhere/missing.jsonl", &plain, NULL, &f.tally, &f.error),
        SAL_ENOTFOUND);
    assert_non_null(strstr(f.error.text, "/nowhere/missing.jsonl"));
    fixture_close(&f);
}

static void standard_input_is_read_by_its_content(void **state) {
    static const struct {
        const char *input;
        const char *id;
    } cases[] = {{"[{\"text\":\"one\"}]", "stdin:1"},
                 {"id,text\nx,two\n", "x"},
                 {"Three, plainly.", "stdin"}};
    import_fixture f;
    const int terminal = dup(STDIN_FILENO);

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < 3; i++) {
        sal_document *document = NULL;
        int file = -1;

        fixture_write(&f, "input", cases[i].input, strlen(cases[i].input));
        file = open(f.input, O_RDONLY);
        assert_int_equal(dup2(file, STDIN_FILENO), STDIN_FILENO);
        close(file);
        assert_int_equal(sal_import_file(f.study, "-", &plain, &f.progress, &f.tally, &f.error),
                         SAL_OK);
        document = fixture_get(&f, cases[i].id);
        assert_string_equal(document->corpus, "stdin");
        sal_document_free(document);
    }
    dup2(terminal, STDIN_FILENO);
    close(terminal);
    fixture_close(&f);
}

static void an_interrupted_import_leaves_nothing(void **state) {
    import_fixture f;

    (void)state;
    fixture_open(&f);
    f.cancelled = true;
    fails(&f, "a.jsonl", "{\"id\":\"a\",\"text\":\"A\"}\n", &plain, SAL_ECANCELLED,
          "a.jsonl: interrupted; nothing of it was imported");
    fixture_close(&f);
}

/* Whatever allocation or read fails: an error, no leak, and a study that takes the file afterwards. */
static void failures_at_any_point_leave_the_study_usable(void **state) {
    static const char input[] =
        "{\"id\":\"a\",\"text\":\"A\"}\n{\"body\":\"x\"}\n{\"text\":\"B\",\"reference\":\"R\"}\n";
    static const sal_faulty_kind kinds[] = {SAL_FAULTY_ALLOCATION, SAL_FAULTY_READ,
                                            SAL_FAULTY_OPEN};
    import_fixture f;

    (void)state;
    fixture_open(&f);
    fixture_write(&f, "a.jsonl", input, sizeof input - 1);
    for (size_t k = 0; k < 3; k++) {
        bool reached = true;

        for (long n = 0; reached; n++) {
            const long blocks = sal_faulty_blocks();
            sal_import_options options = plain;
            char corpus[32];
            int code = SAL_OK;

            snprintf(corpus, sizeof corpus, "corpus-%zu", k);
            options.corpus = corpus;
            f.tally = (sal_tally){0};
            sal_faulty_fail(kinds[k], n);
            code = sal_import_file(f.study, f.input, &options, NULL, &f.tally, &f.error);
            reached = sal_faulty_reset();
            assert_int_equal(code, !reached ? SAL_OK : k == 0 ? SAL_ENOMEM : SAL_EIO);
            assert_int_equal(sal_faulty_blocks(), blocks);
            assert_tally(f.tally, reached ? 0 : 2, 0, reached ? 0 : 1);
            assert_int_equal(fixture_documents(&f), 2 * (k + !reached));
            assert_true(n < 1000);
        }
    }
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_byte_for_byte),
        cmocka_unit_test(fields_have_the_names_that_data_sets_use),
        cmocka_unit_test(options_name_corpus_language_kind_and_fields),
        cmocka_unit_test(records_without_an_id_get_file_and_line),
        cmocka_unit_test(text_files_together_are_a_corpus),
        cmocka_unit_test(a_second_import_changes_nothing),
        cmocka_unit_test(unusable_records_are_skipped_and_listed),
        cmocka_unit_test(inputs_without_a_usable_record_are_errors),
        cmocka_unit_test(malformed_inputs_leave_the_study_as_it_was),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(standard_input_is_read_by_its_content),
        cmocka_unit_test(an_interrupted_import_leaves_nothing),
        cmocka_unit_test(failures_at_any_point_leave_the_study_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
