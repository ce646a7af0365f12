/* The record reader: what each format accepts, and what exactly is said when it refuses. */
#include "testing.h"

#include "io/reader.h"
#include "salient/memory.h"

/* Read all records of a text under a file name into one readable line each:
       LINE name=value name=value        strings plain, others with their type's letter: #number ?boolean ~null {nested
   The code and text of the refusal, if any, come last. */
static int read_with(const char *name, const char *bytes, size_t length, sal_reader_limits limits,
                     sal_buffer *out, sal_error *err) {
    static const char *const known[] = {"text", "id", NULL};
    static const char letters[] = {'\0', '#', '?', '~', '{'};
    const sal_reader_options options = {SAL_READER_AUTO, limits, known, 0};
    const sal_record *record = NULL;
    sal_reader *reader = NULL;
    int code = sal_reader_open_bytes(name, bytes, length, &options, &reader, err);

    while (code == SAL_OK) {
        code = sal_reader_next(reader, &record, err);
        if (code != SAL_OK || record == NULL) {
            break;
        }
        code = sal_buffer_add_format(out, err, "%lld%s", (long long)record->line,
                                     record->is_object ? "" : " no object");
        for (size_t i = 0; code == SAL_OK && i < record->count; i++) {
            const sal_field *field = &record->fields[i];

            assert_int_equal(strlen(field->bytes), field->length);
            code = sal_buffer_add_format(out, err, " %s=%.1s%s", field->name, &letters[field->type],
                                         field->bytes);
        }
        if (code == SAL_OK) {
            code = sal_buffer_add_string(out, "\n", err);
        }
    }
    sal_reader_close(reader);
    return code;
}

static void reads(const char *name, const char *text, const char *wanted) {
    sal_buffer out = {0};
    sal_error err = {0};

    assert_ok(read_with(name, text, strlen(text), sal_reader_default_limits(), &out, &err));
    assert_string_equal(out.bytes == NULL ? "" : out.bytes, wanted);
    sal_buffer_free(&out);
}

static void refuses_bytes(const char *name, const char *bytes, size_t length, int code,
                          const char *text) {
    sal_buffer out = {0};
    sal_error err = {0};

    assert_int_equal(read_with(name, bytes, length, sal_reader_default_limits(), &out, &err), code);
    assert_string_equal(err.text, text);
    assert_int_equal(err.code, code);
    sal_buffer_free(&out);
}

static void refuses(const char *name, const char *bytes, int code, const char *text) {
    refuses_bytes(name, bytes, strlen(bytes), code, text);
}

static void json_arrays_are_read_element_by_element(void **state) {
    (void)state;
    reads("a.json", "[]", "");
    reads("a.json", "", "");
    reads("a.json", "\xEF\xBB\xBF [\n{\"id\":\"a\"}\n,\r\n  {\"id\" : \"b\"} ]\n",
          "2 id=a\n4 id=b\n");
    reads("a.json", "[{\"s\":\"a\\\"]}\\\\\",\"t\":\"{[\"},{}]", "1 s=a\"]}\\ t={[\n1\n");
    reads("a.json", "[1, \"x\", null,[{}]]",
          "1 no object\n1 no object\n1 no object\n1 no object\n");
}

static void values_keep_their_own_bytes(void **state) {
    (void)state;
    reads("a.json",
          "[{\"i\":12345678901234567890123,\"r\":1.50e+1 ,\"b\":true,\"n\":null\n,"
          "\"o\":{\"x\" : [1, 2]},\"a\":[ ],\"s\":\"\\u00e9\\ud83d\\udca1\\n\"}]",
          "1 i=#12345678901234567890123 r=#1.50e+1 b=?true n=~null o={{\"x\" : [1, 2]} a={[ ] "
          "s=é💡\n\n");
}

static void an_object_is_one_record_or_holds_them_in_data(void **state) {
    (void)state;
    reads("a.json", "{\n\"id\":\"a\",\"text\":\"t\"}\n", "1 id=a text=t\n");
    reads("a.json", "{\"version\": 1, \"data\" :\n [{\"id\":\"a\"},\n{\"id\":\"b\"}], \"n\": [2]}",
          "2 id=a\n3 id=b\n");
    /* "data" counts at the outermost level only, as a key only, and with an array only. */
    reads("a.json", "{\"x\":{\"data\":[{}]}}", "1 x={{\"data\":[{}]}\n");
    reads("a.json", "{\"x\":\"data\",\"y\":[1]}", "1 x=data y={[1]\n");
    reads("a.json", "{\"data\":\"x\",\"y\":[1]}", "1 data=x y={[1]\n");
    /* JSONL under the name .json */
    reads("a.json", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "1 id=a\n2 id=b\n");
}

static void jsonl_is_one_object_a_line(void **state) {
    (void)state;
    reads("a.jsonl", "\xEF\xBB\xBF{\"id\":\"a\"}\r\n\r\n  \n{\"id\":\"b\"}", "1 id=a\n4 id=b\n");
    reads("a.ndjson", "5\n{\"id\":1}\n", "1 no object\n2 id=#1\n");
    reads("a.JSONL", "\n\n", "");
}

static void csv_follows_rfc_4180(void **state) {
    (void)state;
    reads("a.csv", "\xEF\xBB\xBFid,text\r\na,plain\r\nb,\"q \"\"x\"\", y\"\r\n",
          "2 id=a text=plain\n3 id=b text=q \"x\", y\n");
    reads("a.csv", "id,text\na,\"one\r\ntwo\n\nthree\"\nb,\n",
          "2 id=a text=one\r\ntwo\n\nthree\n6 id=b text=\n");
    reads("a.csv", "id,text\n\na,5\" nail\n\nb,\"\"", "3 id=a text=5\" nail\n5 id=b text=\n");
    reads("a.csv", "\"id\",\"a,b\"\r1,2\r3,4", "2 id=1 a,b=2\n3 id=3 a,b=4\n");
    reads("a.csv", "text\n a \n", "2 text= a \n");
    reads("a.csv", ",text\n0,a\n", "2 =0 text=a\n");
    reads("a.csv", "id,text\n", "");
    reads("a.csv", "", "");
    reads("a.tsv", "id\ttext\na\tx, \"y\" z\nb\t\"tab\there\"\n",
          "2 id=a text=x, \"y\" z\n3 id=b text=tab\there\n");
}

static void a_text_file_is_one_record_byte_by_byte(void **state) {
    (void)state;
    reads("folder/story.txt", "\xEF\xBB\xBFOne,\r\n two. \n\n",
          "1 id=story.txt text=\xEF\xBB\xBFOne,\r\n two. \n\n\n");
    reads("story.txt", "", "1 id=story.txt text=\n");
}

static void the_content_tells_the_format_when_the_name_does_not(void **state) {
    (void)state;
    reads("-", "[{\"id\":\"a\"}]", "1 id=a\n");
    reads("-", "\n {\"id\":\"a\"}\n{\"id\":\"b\"}", "2 id=a\n3 id=b\n");
    reads("-", "nr,\"text\"\n1,x\n", "2 nr=1 text=x\n");
    reads("-", "nr\ttext\r\n1\tx\n", "2 nr=1 text=x\n");
    reads("-", "Well, text came in.\n", "1 id=stdin text=Well, text came in.\n\n");
    reads("data.bak", "\xEF\xBB\xBF[{\"id\":\"a\"}]", "1 id=a\n");
    reads("data.bak", "\xEF\xBB\xBFProse.", "1 id=data.bak text=\xEF\xBB\xBFProse.\n");
}

static void malformed_json_is_refused_with_its_line(void **state) {
    (void)state;
    refuses("a.json", "x", SAL_EFORMAT, "a.json:1: not valid JSON: '[' or '{' expected, 'x' found");
    refuses("a.json", "\n[\n", SAL_EFORMAT, "a.json:3: the input is cut off: a record expected");
    refuses("a.json", "[{\"id\":1}\n{\"id\":2}]", SAL_EFORMAT,
            "a.json:2: not valid JSON: ',' or ']' expected, '{' found");
    refuses("a.json", "[{},\n]", SAL_EFORMAT,
            "a.json:2: not valid JSON: a record expected, ']' found");
    refuses("a.json", "[]\n[]", SAL_EFORMAT,
            "a.json:2: not valid JSON: the end of the input after the array expected, '[' found");
    refuses("a.json", "{}\n\n[]", SAL_EFORMAT,
            "a.json:3: not valid JSON: '{' or the end of the input expected, '[' found");
    refuses(
        "a.json", "[\n{\"id\":\"a\",\n\"text\":\"Thr", SAL_EFORMAT,
        "a.json:3: the input is cut off inside this record (premature end of input near '\"Thr')");
    refuses("a.json", "[{\"a\":1,\n\"a\":2}]", SAL_EFORMAT,
            "a.json:2: not valid JSON: duplicate object key near '\"a\"' (column 3)");
    refuses("a.json", "[\n\n{\"a\":]}]", SAL_EFORMAT,
            "a.json:3: not valid JSON: unexpected token near ']' (column 6)");
    refuses("a.json", "{\"data\":[{}],\n\"x\":}", SAL_EFORMAT,
            "a.json:2: not valid JSON: unexpected token near '}' (column 5)");
    refuses(
        "a.json", "{\"data\":[{}]", SAL_EFORMAT,
        "a.json:1: the input is cut off inside this record ('}' expected near end of the record)");
    refuses("a.json", "[{\"a\":\"x\\u0000y\"}]", SAL_EFORMAT,
            "a.json:1: a text holds the character \\u0000, which is not allowed");
    refuses("a.jsonl", "{\"a\":1}\n{\"x\\u0000\":1}\n", SAL_EFORMAT,
            "a.jsonl:2: a text holds the character \\u0000, which is not allowed");
    refuses("a.json", "[{\"a\":\"\\ud83d\"}]", SAL_EFORMAT,
            "a.json:1: not valid JSON: invalid Unicode '\\uD83D' near '\"\\ud83d\"' (column 13)");
}

static void malformed_jsonl_is_refused_with_its_line(void **state) {
    (void)state;
    refuses("bad.jsonl", "{\"id\":\"b\"}\n{\"id\":\"c\"}\n{\"id\":\"d\",\"text\":\"Thr",
            SAL_EFORMAT,
            "bad.jsonl:3: the input is cut off inside this record (premature end of input near "
            "'\"Thr')");
    refuses("bad.jsonl", "{\"id\":\"b\"\n{\"id\":\"c\"}\n", SAL_EFORMAT,
            "bad.jsonl:1: not valid JSON: '}' expected near end of the record (column 9)");
    refuses("bad.jsonl", "{} {}\n", SAL_EFORMAT,
            "bad.jsonl:1: not valid JSON: end of the record expected near '{' (column 4)");
}

static void malformed_csv_is_refused_with_its_line(void **state) {
    (void)state;
    refuses("a.csv", "id,text\na,b\n\"c\nd\",e\nf\n", SAL_EFORMAT,
            "a.csv:5: 1 columns, but the header has 2");
    refuses("a.csv", "id,text\na,b,c\n", SAL_EFORMAT, "a.csv:2: 3 columns, but the header has 2");
    refuses("a.csv", "id,text,id\n", SAL_EFORMAT,
            "a.csv:1: the header names \"id\" twice (columns 1 and 3)");
    refuses("a.csv", "id,text\na,\"b\" c\n", SAL_EFORMAT,
            "a.csv:2: text after the closing quote of a field; a quote inside a quoted field is "
            "written twice (\"\")");
    refuses("a.csv", "id,text\na,b\nc,\"d\ne\n", SAL_EFORMAT,
            "a.csv:3: the quote opened here is never closed: the input is cut off, or a quote is "
            "missing");
}

static void bytes_that_are_no_text_are_refused_with_line_and_offset(void **state) {
    (void)state;
    refuses("a.jsonl", "{\"id\":1}\n{\"id\":\"caf\xE9\"}\n", SAL_EFORMAT,
            "a.jsonl:2: not valid UTF-8: byte 0xE9 at offset 19 of the input; convert it to UTF-8 "
            "first (iconv -t UTF-8)");
    refuses("a.txt", "one\n\xE2\x82", SAL_EFORMAT,
            "a.txt:2: not valid UTF-8: byte 0xE2 at offset 4 of the input; convert it to UTF-8 "
            "first (iconv -t UTF-8)");
    refuses_bytes("a.csv", "\xFF\xFEi\0d\0", 6, SAL_EFORMAT,
                  "a.csv:1: not valid UTF-8: byte 0xFF at offset 0 of the input (it looks like "
                  "UTF-16); convert it to UTF-8 first (iconv -t UTF-8)");
    refuses_bytes("a.csv", "id\nx\0y\n", 7, SAL_EFORMAT,
                  "a.csv:2: a NUL byte at offset 4 of the input: texts may not hold it; is this a "
                  "text file?");
    refuses(
        "a.json.gz", "\x1F\x8B\x08", SAL_EUNSUPPORTED,
        "a.json.gz: this is a file compressed with gzip: gunzip -c FILE | salient import STUDY -");
    refuses("a.parquet", "PAR1\x15", SAL_EUNSUPPORTED,
            "a.parquet: this is a Parquet file: install the program duckdb (pip install "
            "duckdb-cli), or write it as JSONL first: python3 -c \"import pandas, sys; "
            "pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient='records', "
            "lines=True)\" FILE FILE.jsonl");
}

static void nesting_bombs_are_refused_early(void **state) {
    enum { BRACKETS = 200000 };
    char *bomb = malloc(BRACKETS + 1);

    (void)state;
    assert_non_null(bomb);
    memset(bomb, '[', BRACKETS);
    bomb[BRACKETS] = '\0';
    refuses("deep.json", bomb, SAL_ELIMIT, "deep.json:1: JSON nested more than 64 deep is refused");
    refuses("deep.jsonl", bomb, SAL_ELIMIT,
            "deep.jsonl:1: JSON nested more than 64 deep is refused");
    for (size_t i = 0; i < BRACKETS; i += 5) {
        memcpy(bomb + i, "{\"a\":", 5);
    }
    refuses("deep.json", bomb, SAL_ELIMIT, "deep.json:1: JSON nested more than 64 deep is refused");
    free(bomb);

    /* 64 deep is allowed: the record itself and 63 arrays inside. */
    char edge[256] = "{\"a\":";
    for (int depth = 63; depth <= 64; depth++) {
        memset(edge + 5, '[', (size_t)depth);
        memset(edge + 5 + depth, ']', (size_t)depth);
        memcpy(edge + 5 + 2 * depth, "}", 2);
        sal_buffer out = {0};
        sal_error err = {0};
        assert_int_equal(
            read_with("e.jsonl", edge, strlen(edge), sal_reader_default_limits(), &out, &err),
            depth == 63 ? SAL_OK : SAL_ELIMIT);
        sal_buffer_free(&out);
    }
}

static void length_bombs_are_refused_with_the_limit(void **state) {
    static const struct {
        const char *name;
        const char *text;
        const char *wanted;
    } cases[] = {
        {"a.jsonl", "{\"a\":1}\n{\"a\":\"0123456789012345\"}\n",
         "a.jsonl:2: a record longer than 20 bytes is refused"},
        {"a.json", "[{\"a\":1},\n\n{\"a\":\"0123456789012345\"}]",
         "a.json:3: a record longer than 20 bytes is refused"},
        {"a.json", "{\"data\":[{\"a\":1}],\"b\":\"0123456\"}",
         "a.json:1: a record longer than 20 bytes is refused"},
        {"a.csv", "id,text\n1,2\n3,012345678901234567890\n",
         "a.csv:3: a record longer than 20 bytes is refused"},
        {"a.csv", "id,text\n1,\"2\n3,4\n5,6\n7,8\n9,0\n1,2\n",
         "a.csv:2: the quote opened here is not closed within 20 bytes, the limit of a record"},
        {"a.txt", "012345678901234567890", "a.txt:1: a record longer than 20 bytes is refused"},
        {"a.csv", "1,2,3,4,5\n", "a.csv:1: a record of more than 4 fields is refused"},
        {"b.json", "[{\"a\":1},{}, {\"a\":[[[]]]}]",
         "b.json:1: JSON nested more than 3 deep is refused"},
    };
    const sal_reader_limits limits = {20, 3, 4};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sal_buffer out = {0};
        sal_error err = {0};

        assert_int_equal(
            read_with(cases[i].name, cases[i].text, strlen(cases[i].text), limits, &out, &err),
            SAL_ELIMIT);
        assert_string_equal(err.text, cases[i].wanted);
        sal_buffer_free(&out);
    }
    assert_int_equal(sal_reader_default_limits().record_bytes, 64 << 20);
    assert_int_equal(sal_reader_default_limits().depth, 64);
}

/* Records longer than a block, with multi-byte characters at every offset against its border: same bytes out. */
static void records_cross_blocks_unharmed(void **state) {
    enum { FILL = 65536 };
    static const char *const heads[] = {"{\"t\":\"", "[{\"t\":\"", "t\n\""};
    static const char *const tails[] = {"\"}\n", "\"}]", "\"\n"};
    static const char *const names[] = {"a.jsonl", "a.json", "a.csv"};

    (void)state;
    for (size_t format = 0; format < 3; format++) {
        for (size_t shift = 0; shift < 24; shift++) {
            sal_buffer input = {0};
            sal_buffer text = {0};
            sal_buffer out = {0};
            sal_buffer wanted = {0};
            sal_error err = {0};

            while (text.length < FILL - 20 + shift) {
                assert_ok(sal_buffer_add_string(&text, "x", &err));
            }
            assert_ok(sal_buffer_add_string(&text, "é€💡, end", &err));
            assert_ok(sal_buffer_add_format(&input, &err, "%s%s%s", heads[format], text.bytes,
                                            tails[format]));
            assert_ok(
                sal_buffer_add_format(&wanted, &err, "%d t=%s\n", format == 2 ? 2 : 1, text.bytes));
            assert_ok(read_with(names[format], input.bytes, input.length,
                                sal_reader_default_limits(), &out, &err));
            assert_string_equal(out.bytes, wanted.bytes);
            sal_buffer_free(&input);
            sal_buffer_free(&text);
            sal_buffer_free(&out);
            sal_buffer_free(&wanted);
        }
    }
}

static void format_names_are_checked(void **state) {
    sal_reader_format format = SAL_READER_AUTO;
    sal_error err = {0};

    (void)state;
    assert_ok(sal_reader_format_of("tsv", &format, &err));
    assert_int_equal(format, SAL_READER_TSV);
    assert_int_equal(sal_reader_format_of("xml", &format, &err), SAL_EINVAL);
    assert_string_equal(err.text,
                        "unknown input format \"xml\": it is json, jsonl, csv, tsv or txt");
}

static const char *const sample[][2] = {
    {"a.json", "{\"n\":1,\"data\":[{\"id\":\"a\",\"t\":[1,2]},{\"id\":2}],\"z\":{}}"},
    {"a.jsonl", "{\"id\":\"a\",\"t\":[1,2]}\n\n{\"id\":2}\n"},
    {"a.csv", "id,t\r\na,\"x\"\"y\nz\"\r\nb,c"},
    {"a.txt", "Plain text."},
};

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sample / sizeof sample[0]; i++) {
        const long blocks = sal_faulty_blocks();
        bool reached = true;

        for (long n = 0; reached; n++) {
            sal_buffer out = {0};
            sal_error err = {0};
            int code = SAL_OK;

            sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
            code = read_with(sample[i][0], sample[i][1], strlen(sample[i][1]),
                             sal_reader_default_limits(), &out, &err);
            reached = sal_faulty_reset();
            assert_int_equal(code, reached ? SAL_ENOMEM : SAL_OK);
            sal_buffer_free(&out);
            assert_int_equal(sal_faulty_blocks(), blocks);
            assert_true(n < 1000);
        }
    }
}

static void every_failed_read_is_reported(void **state) {
    char folder[64];
    char path[128];
    FILE *file = NULL;
    bool reached = true;

    (void)state;
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/long.jsonl", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 20000; i++) {
        fprintf(file, "{\"id\":%d,\"text\":\"some words\"}\n", i);
    }
    assert_int_equal(fclose(file), 0);
    for (long n = 0; reached; n++) {
        const sal_reader_options options = {SAL_READER_AUTO, sal_reader_default_limits(), NULL, 0};
        const sal_record *record = NULL;
        sal_reader *reader = NULL;
        sal_error err = {0};
        int64_t records = 0;

        sal_faulty_fail(SAL_FAULTY_READ, n);
        int code = sal_reader_open(path, &options, &reader, &err);
        while (code == SAL_OK) {
            code = sal_reader_next(reader, &record, &err);
            if (code != SAL_OK || record == NULL) {
                break;
            }
            records++;
        }
        reached = sal_faulty_reset();
        assert_int_equal(code, reached ? SAL_EIO : SAL_OK);
        assert_int_equal(reached || records == 20000, true);
        if (reached) {
            assert_non_null(strstr(err.text, "long.jsonl: cannot be read"));
        }
        sal_reader_close(reader);
        assert_true(n < 1000);
    }
    remove_scratch_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_arrays_are_read_element_by_element),
        cmocka_unit_test(values_keep_their_own_bytes),
        cmocka_unit_test(an_object_is_one_record_or_holds_them_in_data),
        cmocka_unit_test(jsonl_is_one_object_a_line),
        cmocka_unit_test(csv_follows_rfc_4180),
        cmocka_unit_test(a_text_file_is_one_record_byte_by_byte),
        cmocka_unit_test(the_content_tells_the_format_when_the_name_does_not),
        cmocka_unit_test(malformed_json_is_refused_with_its_line),
        cmocka_unit_test(malformed_jsonl_is_refused_with_its_line),
        cmocka_unit_test(malformed_csv_is_refused_with_its_line),
        cmocka_unit_test(bytes_that_are_no_text_are_refused_with_line_and_offset),
        cmocka_unit_test(nesting_bombs_are_refused_early),
        cmocka_unit_test(length_bombs_are_refused_with_the_limit),
        cmocka_unit_test(records_cross_blocks_unharmed),
        cmocka_unit_test(format_names_are_checked),
        cmocka_unit_test(every_failed_allocation_is_reported_and_nothing_leaks),
        cmocka_unit_test(every_failed_read_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
