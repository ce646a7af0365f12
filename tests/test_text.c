/* Text room: words and their spans, cleaning, cutting, UTF-8, stop words. Golden data: test_text_golden.c. */
#include <pthread.h>
#include <time.h>

#include "salient/memory.h"
#include "salient/random.h"
#include "salient/text.h"
#include "testing.h"

static int set_up(void **state) {
    sal_text *text = NULL;
    sal_error err = {0};
    int status = sal_text_open(&text, &err);
    *state = text;
    return status;
}

static int tear_down(void **state) {
    sal_text_close(*state);
    return 0;
}

/* The words of a text joined by '|'. */
static void expect_words(const sal_text *text, sal_protocol protocol, const char *given,
                         const char *expected) {
    sal_error err = {0};
    sal_word_list list = {0};
    sal_buffer joined = {0};
    assert_ok(sal_text_words(text, protocol, given, strlen(given), &list, &err));
    assert_ok(sal_buffer_add(&joined, "", 0, &err));
    for (size_t i = 0; i < list.count; i++)
        assert_ok(
            sal_buffer_add_format(&joined, &err, "%s%s", i == 0 ? "" : "|", list.words[i].bytes));
    assert_string_equal(joined.bytes, expected);
    sal_buffer_free(&joined);
    sal_word_list_free(&list);
}

static void words_keep_hyphens_apostrophes_and_one_fraction(void **state) {
    const sal_text *text = *state;
    for (sal_protocol protocol = SAL_STRICT; protocol <= SAL_PAPER; protocol++) {
        expect_words(text, protocol, "The CAT's well-known -- 3.14!", "the|cat's|well-known|3.14");
        expect_words(text, protocol, "1.2.3 a.5 v2.0b .5", "1.2|3|a.5|v2|0b|5");
        expect_words(text, protocol, "3.9-12.75 3.9's w-.5", "3.9|-12.75|3.9|'s|w-.5");
        expect_words(text, protocol, "'quoted' rock'n'roll- _x_", "quoted|rock'n'roll|_x_");
        expect_words(text, protocol, "Été ŒUVRE 漢字。½ x²", "été|œuvre|漢字|½|x²");
        expect_words(text, protocol, " \t\r\n...", "");
        expect_words(text, protocol, "", "");
    }
}

static void lower_case_is_pythons(void **state) {
    const sal_text *text = *state;
    for (sal_protocol protocol = SAL_STRICT; protocol <= SAL_PAPER; protocol++) {
        expect_words(text, protocol, "ΟΔΟΣ ΟΔΟΣ'Α ΣΑΣ' Σ", "οδος|οδοσ'α|σας|σ");
        expect_words(text, protocol, "İstanbul", "i|stanbul"); /* i + U+0307, which is no letter */
        expect_words(text, protocol, "STRAẞE \xE2\x84\xAA Ⱥ", "straße|k|ⱥ");
    }
}

/* Deviation of strict 1: canonically equivalent texts have the same words. */
static void strict_composes_and_paper_does_not(void **state) {
    const sal_text *text = *state;
    expect_words(text, SAL_STRICT, "cafe\xCC\x81 E\xCC\x81te\xCC\x81", "café|été");
    expect_words(text, SAL_PAPER, "cafe\xCC\x81 E\xCC\x81te\xCC\x81", "cafe|e|te");
    expect_words(text, SAL_STRICT, "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "각");
    /* Marks without a composed letter still end a word in both. */
    expect_words(text, SAL_STRICT, "x\xCC\x81y", "x|y");
}

/* Deviation of strict 2: a curly apostrophe is an apostrophe. */
static void strict_folds_curly_apostrophes_and_paper_does_not(void **state) {
    const sal_text *text = *state;
    expect_words(text, SAL_STRICT, "I’m l’école ‘quoted’ rock‘n’roll",
                 "i'm|l'école|quoted|rock'n'roll");
    expect_words(text, SAL_PAPER, "I’m l’école ‘quoted’", "i|m|l|école|quoted");
}

static void expect_span(const sal_text *text, sal_protocol protocol, const char *given,
                        size_t index, const char *covered) {
    sal_error err = {0};
    sal_word_list list = {0};
    assert_ok(sal_text_words(text, protocol, given, strlen(given), &list, &err));
    assert_true(index < list.count);
    sal_span span = list.words[index].span;
    assert_int_equal(span.end - span.start, strlen(covered));
    assert_memory_equal(given + span.start, covered, strlen(covered));
    sal_word_list_free(&list);
}

static void spans_are_bytes_of_the_text_as_given(void **state) {
    const sal_text *text = *state;
    expect_span(text, SAL_STRICT, "The CAT's paw", 1, "CAT's");
    expect_span(text, SAL_STRICT, "a’b ‘c’ I’m HERE", 3, "HERE");
    expect_span(text, SAL_STRICT, "a’b ‘c’ I’m HERE", 2, "I’m");
    expect_span(text, SAL_STRICT, "un cafe\xCC\x81 noir", 1, "cafe\xCC\x81");
    expect_span(text, SAL_STRICT, "un cafe\xCC\x81 noir", 2, "noir");
    expect_span(text, SAL_PAPER, "İİ Ⱥx z", 0, "İ");
    expect_span(text, SAL_PAPER, "İİ Ⱥx z", 2, "Ⱥx");
    expect_span(text, SAL_PAPER, "İİ Ⱥx z", 3, "z");
}

/* Letters, marks and marks out of order, both apostrophes, capitals whose lower case is longer or shorter. */
static const char *const pieces[] = {"a",
                                     "B",
                                     "e",
                                     "\xCC\x81",
                                     "\xCC\xA7",
                                     "\xCC\x88",
                                     "é",
                                     "É",
                                     "İ",
                                     "Ⱥ",
                                     "\xE2\x84\xAA",
                                     "’",
                                     "'",
                                     "-",
                                     ".",
                                     "1",
                                     "٣",
                                     " ",
                                     "漢",
                                     "\xE1\x84\x80",
                                     "\xE1\x85\xA1",
                                     "\xE1\x86\xA8",
                                     "𝔸",
                                     "\n",
                                     "_",
                                     "ﬁ",
                                     "\xC2\xAD"};

static void random_text(sal_random *random, sal_buffer *given) {
    sal_error err = {0};
    sal_buffer_clear(given);
    assert_ok(sal_buffer_add(given, "", 0, &err));
    for (size_t n = sal_random_below(random, 40); n > 0; n--)
        assert_ok(sal_buffer_add_string(
            given, pieces[sal_random_below(random, sizeof pieces / sizeof *pieces)], &err));
}

static bool starts_with_letter(const sal_word *word) {
    return word->bytes[0] != '-' && word->bytes[0] != '\'';
}

/* The bytes a span covers, taken alone, begin with the same word: whatever normalising did to lengths, the way back is
 * right. (A word that begins with - or ' owes that to the number before it.) */
static void spans_hold_their_word(void **state) {
    const sal_text *text = *state;
    sal_error err = {0};
    sal_random random;
    sal_buffer given = {0};
    sal_word_list list = {0};
    sal_word_list alone = {0};
    size_t checked = 0;
    sal_random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        sal_protocol protocol = i % 2 == 0 ? SAL_STRICT : SAL_PAPER;
        size_t behind = 0;
        random_text(&random, &given);
        assert_ok(sal_text_words(text, protocol, given.bytes, given.length, &list, &err));
        for (size_t w = 0; w < list.count; w++) {
            const sal_word *word = &list.words[w];
            assert_true(word->span.start >= behind && word->span.start < word->span.end);
            assert_true(word->span.end <= given.length);
            behind = word->span.end;
            if (!starts_with_letter(word))
                continue;
            assert_ok(sal_text_words(text, protocol, given.bytes + word->span.start,
                                     word->span.end - word->span.start, &alone, &err));
            assert_true(alone.count >= 1);
            assert_string_equal(alone.words[0].bytes, word->bytes);
            checked++;
        }
    }
    assert_true(checked > 50000);
    sal_word_list_free(&list);
    sal_word_list_free(&alone);
    sal_buffer_free(&given);
}

static void cutting_ends_behind_the_nth_word(void **state) {
    const sal_text *text = *state;
    sal_error err = {0};
    const char *given = "Un cafe\xCC\x81, l’e\xCC\x81te\xCC\x81 3.5 euros.";
    const struct {
        size_t n;
        const char *kept;
        size_t words;
    } cases[] = {{0, "", 0},
                 {1, "Un", 1},
                 {2, "Un cafe\xCC\x81", 2},
                 {3, "Un cafe\xCC\x81, l’e\xCC\x81te\xCC\x81", 3},
                 {5, "Un cafe\xCC\x81, l’e\xCC\x81te\xCC\x81 3.5 euros", 5},
                 {6, "Un cafe\xCC\x81, l’e\xCC\x81te\xCC\x81 3.5 euros.", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t end;
        size_t count;
        assert_ok(sal_text_cut(text, given, strlen(given), cases[i].n, &end, &count, &err));
        assert_int_equal(end, strlen(cases[i].kept));
        assert_int_equal(count, cases[i].words);
    }
    size_t count;
    assert_ok(sal_text_count_words(text, given, strlen(given), &count, &err));
    assert_int_equal(count, 5);
}

static void expect_clean(const sal_text *text, const char *given, const char *expected) {
    sal_error err = {0};
    sal_span span;
    assert_ok(sal_text_clean(text, given, strlen(given), &span, &err));
    assert_int_equal(span.end - span.start, strlen(expected));
    assert_memory_equal(given + span.start, expected, strlen(expected));
}

static void cleaning_drops_leads_then_white_space_then_quotes(void **state) {
    const sal_text *text = *state;
    expect_clean(text, "Here is the 10-word summary:\n\n\"It rains.\" ", "It rains.");
    expect_clean(text, "HERE İS THE ٣-word ſummary: x", "x"); /* as Python's IGNORECASE, d = Nd */
    expect_clean(text, "(20 words) Summary (20 words): x", "x");
    expect_clean(text, "Summary (20 words): (20 words) x",
                 "(20 words) x");                        /* each once, in order */
    expect_clean(text, " (20 words) x", "(20 words) x"); /* anchored */
    expect_clean(text, "Here is the -word summary: x", "Here is the -word summary: x");
    expect_clean(text, "\x1C\xC2\xA0'\"x\"'\xE3\x80\x80", "\"x\""); /* " before ', once */
    expect_clean(text, "'\"'\" \"'\"'", "\"'\" \"'\"");
    expect_clean(text, "\"\"", "");
    expect_clean(text, "", "");
}

static void invalid_utf8_is_refused_with_its_offset(void **state) {
    const sal_text *text = *state;
    const struct {
        const char *bytes;
        size_t bad;
    } cases[] = {{"ab\x80", 2},       {"\xC0\x80", 0},         {"\xED\xA0\x80", 0},
                 {"é\xE2\x80", 2},    {"\xF4\x90\x80\x80", 0}, {"\xF0\x8F\xBF\xBF", 0},
                 {"abcdefgh\xFF", 8}, {"\xE0\x9F\xBF", 0},     {"x\xF8\x88\x80\x80\x80", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_error err = {0};
        sal_word_list list = {0};
        sal_span span;
        sal_span *spans = NULL;
        size_t bad = 99;
        size_t count;
        size_t length = strlen(cases[i].bytes);
        assert_false(sal_utf8_valid(cases[i].bytes, length, &bad));
        assert_int_equal(bad, cases[i].bad);
        assert_int_equal(sal_text_words(text, SAL_PAPER, cases[i].bytes, length, &list, &err),
                         SAL_EFORMAT);
        assert_non_null(strstr(err.text, "not valid UTF-8"));
        assert_int_equal(sal_text_clean(text, cases[i].bytes, length, &span, &err), SAL_EFORMAT);
        assert_int_equal(sal_text_sentences(cases[i].bytes, length, "en", &spans, &count, &err),
                         SAL_EFORMAT);
        sal_word_list_free(&list);
    }
    size_t bad;
    assert_true(sal_utf8_valid("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 10, &bad));
    assert_true(sal_utf8_valid("a\0b", 3, &bad));
}

/* Ten megabytes of what makes a careless matcher or normaliser quadratic. */
static void hostile_texts_take_linear_time(void **state) {
    const sal_text *text = *state;
    const char *const units[] = {"-", "a-'", "1.",  "’",  "Σ'",  "\xCC\x81\xCC\xA7",
                                 "İ", "a ",  ". (", "\"", "Mr. "};
    enum { SIZE = 10000000 };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        sal_error err = {0};
        sal_buffer given = {0};
        sal_word_list list = {0};
        sal_span span;
        clock_t start = clock();
        assert_ok(sal_buffer_add_string(&given, "é", &err));
        while (given.length < SIZE)
            assert_ok(sal_buffer_add_string(&given, units[i], &err));
        assert_ok(sal_text_words(text, SAL_STRICT, given.bytes, given.length, &list, &err));
        assert_ok(sal_text_clean(text, given.bytes, given.length, &span, &err));
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
        sal_word_list_free(&list);
        sal_buffer_free(&given);
    }
}

/* ---- sentences --------------------------------------------------------------------------------------------- */

static void expect_sentences(const char *language, const char *given, const char *expected) {
    sal_error err = {0};
    sal_span *spans = NULL;
    size_t count = 0;
    sal_buffer joined = {0};
    assert_ok(sal_text_sentences(given, strlen(given), language, &spans, &count, &err));
    assert_ok(sal_buffer_add(&joined, "", 0, &err));
    for (size_t i = 0; i < count; i++) {
        assert_ok(sal_buffer_add_string(&joined, i == 0 ? "" : "|", &err));
        assert_ok(
            sal_buffer_add(&joined, given + spans[i].start, spans[i].end - spans[i].start, &err));
    }
    assert_string_equal(joined.bytes, expected);
    sal_buffer_free(&joined);
    sal_free(spans);
}

static void sentences_follow_the_language(void **state) {
    (void)state;
    expect_sentences("en", "Mr. Smith left. It rained.", "Mr. Smith left.|It rained.");
    expect_sentences("fr", "M. Dupont est là. Il pleut.", "M. Dupont est là.|Il pleut.");
    expect_sentences("xx", "Ça va. Oui !  Non ?", "Ça va.|Oui !|Non ?");
    expect_sentences(NULL, "At 3.5 percent. Done", "At 3.5 percent.|Done");
    expect_sentences("en@hostile;;", " \n ", "");
    expect_sentences("en", "", "");
}

static void a_turn_of_a_dialogue_ends_a_sentence(void **state) {
    (void)state;
    expect_sentences("en", "Amanda: hi\r\nJerry: hey\n\n Amanda: saw Mr.\nJerry: no",
                     "Amanda: hi|Jerry: hey|Amanda: saw Mr.|Jerry: no");
}

/* ---- stop words -------------------------------------------------------------------------------------------- */

static bool is_stop_word(const sal_stopwords *stopwords, const char *word) {
    return sal_stopwords_has(stopwords, word, strlen(word));
}

static void stop_lists_are_looked_up_by_language(void **state) {
    (void)state;
    sal_error err = {0};
    sal_stopwords *english = NULL;
    sal_stopwords *british = NULL;
    sal_stopwords *none = NULL;
    assert_ok(sal_stopwords_open("en", &english, &err));
    assert_ok(sal_stopwords_open("en-GB", &british, &err));
    assert_ok(sal_stopwords_open("tlh", &none, &err));
    assert_null(none);
    assert_true(is_stop_word(english, "the"));
    assert_true(is_stop_word(english, "don't"));
    assert_false(is_stop_word(english, "ferry"));
    assert_false(is_stop_word(english, ""));
    assert_false(is_stop_word(english, "d'un")); /* elision is a rule of French */
    assert_int_equal(strlen(sal_stopwords_digest(english)), 64);
    assert_string_equal(sal_stopwords_digest(english), sal_stopwords_digest(british));
    sal_stopwords_close(english);
    sal_stopwords_close(british);
}

/* METHODS 2: one leading elision is dropped before the look-up. */
static void french_elisions_are_dropped_once(void **state) {
    (void)state;
    sal_error err = {0};
    sal_stopwords *french = NULL;
    assert_ok(sal_stopwords_open("fr", &french, &err));
    assert_true(is_stop_word(french, "le"));
    const char *const stop[] = {"d'un",  "qu'il", "jusqu'à", "lorsqu'elle", "puisqu'on",
                                "c'est", "n'est", "s'il",    "aujourd'hui"};
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (!is_stop_word(french, stop[i]))
            fail_msg("%s is not found", stop[i]);
    const char *const content[] = {"l'école", "d'eau", "qu'd'un", "rock'un", "bateau"};
    for (size_t i = 0; i < sizeof content / sizeof *content; i++)
        if (is_stop_word(french, content[i]))
            fail_msg("%s is found", content[i]);
    sal_stopwords_close(french);
}

static void lists_are_folded_as_words_are(void **state) {
    (void)state;
    sal_error err = {0};
    sal_stopwords *greek = NULL;
    assert_ok(sal_stopwords_open("el", &greek, &err));
    assert_true(is_stop_word(greek, "ἀλλ'")); /* the list spells it with U+2019 */
    sal_stopwords_close(greek);
}

/* ---- threads and memory ------------------------------------------------------------------------------------ */

static void *count_in_thread(void *text) {
    sal_error err = {0};
    for (int i = 0; i < 2000; i++) {
        size_t count = 0;
        if (sal_text_count_words(text, "L’été, it's 3.5 cafe\xCC\x81s", 26, &count, &err) != 0 ||
            count != 4)
            return NULL;
    }
    return text;
}

static void one_object_serves_several_threads(void **state) {
    sal_text *text = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_thread, text), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, text);
    }
}

static int all_of_the_room(sal_error *err) {
    static const char given[] = "Un cafe\xCC\x81. L’E\xCC\x81TE\xCC\x81 Ⱥ.";
    sal_text *text = NULL;
    sal_word_list list = {0};
    sal_stopwords *stopwords = NULL;
    sal_span *spans = NULL;
    size_t count;
    int status = sal_text_open(&text, err);
    if (status == 0)
        status = sal_text_words(text, SAL_STRICT, given, sizeof given - 1, &list, err);
    if (status == 0)
        status = sal_text_count_words(text, given, sizeof given - 1, &count, err);
    if (status == 0)
        status = sal_text_sentences(given, sizeof given - 1, "fr", &spans, &count, err);
    if (status == 0)
        status = sal_stopwords_open("fr", &stopwords, err);
    sal_word_list_free(&list);
    sal_free(spans);
    sal_stopwords_close(stopwords);
    sal_text_close(text);
    return status;
}

static void running_out_of_memory_is_an_ordinary_error(void **state) {
    (void)state;
    long blocks = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = all_of_the_room(&err);
        bool reached = sal_faulty_reset();
        assert_int_equal(sal_faulty_blocks(), blocks);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            assert_true(n > 15);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
        assert_int_equal(err.code, SAL_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_hyphens_apostrophes_and_one_fraction),
        cmocka_unit_test(lower_case_is_pythons),
        cmocka_unit_test(strict_composes_and_paper_does_not),
        cmocka_unit_test(strict_folds_curly_apostrophes_and_paper_does_not),
        cmocka_unit_test(spans_are_bytes_of_the_text_as_given),
        cmocka_unit_test(spans_hold_their_word),
        cmocka_unit_test(cutting_ends_behind_the_nth_word),
        cmocka_unit_test(cleaning_drops_leads_then_white_space_then_quotes),
        cmocka_unit_test(invalid_utf8_is_refused_with_its_offset),
        cmocka_unit_test(hostile_texts_take_linear_time),
        cmocka_unit_test(sentences_follow_the_language),
        cmocka_unit_test(a_turn_of_a_dialogue_ends_a_sentence),
        cmocka_unit_test(stop_lists_are_looked_up_by_language),
        cmocka_unit_test(french_elisions_are_dropped_once),
        cmocka_unit_test(lists_are_folded_as_words_are),
        cmocka_unit_test(one_object_serves_several_threads),
        cmocka_unit_test(running_out_of_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests_name("text", tests, set_up, tear_down);
}
