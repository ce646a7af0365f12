/* Sampling: penalty, temperature, top-k, top-p and the draw, against a plain sort; presets of METHODS 1. Text from tokens that split
 * characters. */

#include "testing.h"

#include "llm/llm_internal.h"
#include "llm/sampling.h"

enum { VOCABULARY = 1000, DRAWS = 4000 };

static int32_t draw(const sal_sampling *options, float *logits, int vocabulary,
                    const sal_history *history, uint64_t seed) {
    sal_error err = {0};
    sal_sampler sampler;
    sal_random random;
    int32_t token = -1;
    sal_random_seed(&random, seed);
    assert_ok(sal_sampler_open(&sampler, options, vocabulary, &err));
    assert_ok(sal_sampler_draw(&sampler, logits, history, &random, &token, &err));
    sal_sampler_close(&sampler);
    return token;
}

static void greedy_takes_the_lowest_id_of_the_largest(void **state) {
    (void)state;
    const sal_sampling greedy = {.temperature = 0, .top_p = 0.5F, .top_k = 3, .repeat_penalty = 1};
    float logits[] = {1, 7, NAN, 7, -INFINITY, 7};
    assert_int_equal(draw(&greedy, logits, 6, NULL, 1), 1);
}

static void a_vocabulary_without_a_finite_score_is_an_error(void **state) {
    (void)state;
    const sal_sampling options = {.temperature = 1, .top_p = 1, .top_k = 0, .repeat_penalty = 1};
    float bad[][3] = {{NAN, NAN, NAN}, {-INFINITY, -INFINITY, NAN}, {0, INFINITY, 1}};
    for (int i = 0; i < 3; i++) {
        sal_error err = {0};
        sal_sampler sampler;
        sal_random random;
        int32_t token = -1;
        sal_random_seed(&random, 1);
        assert_ok(sal_sampler_open(&sampler, &options, 3, &err));
        assert_int_equal(sal_sampler_draw(&sampler, bad[i], NULL, &random, &token, &err),
                         SAL_EMODEL);
        assert_non_null(strstr(err.text, "no finite score"));
        sal_sampler_close(&sampler);
    }
}

static void the_penalty_counts_each_token_once_and_shrinks_towards_unlikely(void **state) {
    (void)state;
    sal_error err = {0};
    sal_history history;
    const sal_sampling options = {.temperature = 0, .top_p = 1, .top_k = 0, .repeat_penalty = 2};
    float logits[] = {4, -1, 3, 0};
    assert_ok(sal_history_open(&history, 4, &err));
    for (int times = 0; times < 3; times++) {
        assert_ok(sal_history_add(&history, 0, &err));
        assert_ok(sal_history_add(&history, 1, &err));
    }
    assert_int_equal(history.count, 2);
    assert_int_equal(draw(&options, logits, 4, &history, 1), 2);
    assert_true(logits[0] >= 2 && logits[0] <= 2);
    assert_true(logits[1] >= -2 && logits[1] <= -2);
    sal_history_close(&history);
}

/* ---- against a plain sort --------------------------------------------------------------------- */

static const float *sort_key;

static int by_key(const void *a, const void *b) {
    float x = sort_key[*(const int *)a], y = sort_key[*(const int *)b];
    return x > y ? -1 : x < y ? 1 : *(const int *)a - *(const int *)b;
}

/* Probability of each id, as transformers' processors define it. */
static void reference(const sal_sampling *options, const float *logits, int n,
                      double *probability) {
    int *order = malloc((size_t)n * sizeof *order);
    for (int i = 0; i < n; i++) {
        order[i] = i;
        probability[i] = 0;
    }
    sort_key = logits;
    qsort(order, (size_t)n, sizeof *order, by_key);
    int kept = options->top_k > 0 && options->top_k < n ? options->top_k : n;
    while (kept < n && logits[order[kept]] >= logits[order[kept - 1]])
        kept++;
    double sum = 0, before = 0, total = 0;
    for (int i = 0; i < kept; i++)
        sum += exp(((double)logits[order[i]] - (double)logits[order[0]]) /
                   (double)options->temperature);
    for (int i = 0; i < kept && (i == 0 || before < (double)options->top_p); i++) {
        probability[order[i]] = exp(((double)logits[order[i]] - (double)logits[order[0]]) /
                                    (double)options->temperature) /
                                sum;
        before += probability[order[i]];
        total = before;
    }
    for (int i = 0; i < n; i++)
        probability[i] /= total;
    free(order);
}

static void check_against_reference(const sal_sampling *options, double spread) {
    static float logits[VOCABULARY], scratch[VOCABULARY];
    static double probability[VOCABULARY];
    static int drawn[VOCABULARY];
    sal_error err = {0};
    sal_sampler sampler;
    sal_random random;
    sal_random_seed(&random, 5);
    for (int i = 0; i < VOCABULARY; i++) { /* rounded: many ties */
        logits[i] = (float)(round(spread * 8 * sal_random_uniform(&random)) / 8);
        drawn[i] = 0;
    }
    reference(options, logits, VOCABULARY, probability);
    assert_ok(sal_sampler_open(&sampler, options, VOCABULARY, &err));
    for (int i = 0; i < DRAWS; i++) {
        int32_t token = -1;
        memcpy(scratch, logits, sizeof logits);
        assert_ok(sal_sampler_draw(&sampler, scratch, NULL, &random, &token, &err));
        drawn[token]++;
    }
    sal_sampler_close(&sampler);
    double distance = 0, noise = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        if (!(probability[i] > 0) && drawn[i] > 0)
            fail_msg("token %d was drawn %d times and must not be", i, drawn[i]);
        distance += fabs(drawn[i] / (double)DRAWS - probability[i]);
        noise += sqrt(2 * probability[i] * (1 - probability[i]) / (3.14159265 * DRAWS));
    }
    if (!(distance < 1.25 * noise + 1e-3)) /* noise is the distance's expectation */
        fail_msg("drawn and right frequencies differ by %g; by chance it would be %g", distance,
                 noise);
}

static void draws_follow_the_definition(void **state) {
    (void)state;
    const sal_sampling cases[] = {
        {.temperature = 0.7F, .top_p = 1, .top_k = 50, .repeat_penalty = 1},
        {.temperature = 0.7F, .top_p = 0.9F, .top_k = 50, .repeat_penalty = 1},
        {.temperature = 0.7F, .top_p = 0.8F, .top_k = 20, .repeat_penalty = 1},
        {.temperature = 1.5F, .top_p = 0.9F, .top_k = 0, .repeat_penalty = 1},
        {.temperature = 1, .top_p = 1, .top_k = 0, .repeat_penalty = 1},
        {.temperature = 1, .top_p = 0.3F, .top_k = 5000, .repeat_penalty = 1},
        {.temperature = 1, .top_p = 1, .top_k = 1, .repeat_penalty = 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_against_reference(&cases[i], 12);
        check_against_reference(&cases[i], 2);
    }
}

static void options_out_of_range_are_refused(void **state) {
    (void)state;
    const struct {
        sal_sampling options;
        const char *text;
    } cases[] = {
        {{-1, 1, 0, 1}, "temperature is -1; allowed are 0 to 100"},
        {{NAN, 1, 0, 1}, "temperature is nan; allowed are 0 to 100"},
        {{1, 0, 0, 1}, "top-p is 0; allowed are values above 0 up to 1"},
        {{1, 1.5F, 0, 1}, "top-p is 1.5; allowed are values above 0 up to 1"},
        {{1, 1, -1, 1}, "top-k is -1; allowed are 0 (off) and above"},
        {{1, 1, 0, 0}, "repeat-penalty is 0; allowed are values above 0 up to 100"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_error err = {0};
        sal_sampler sampler;
        assert_int_equal(sal_sampler_open(&sampler, &cases[i].options, 10, &err), SAL_EINVAL);
        assert_string_equal(err.text, cases[i].text);
    }
}

/* ---- presets ----------------------------------------------------------------------------------- */

static void presets_are_those_of_the_publishers(void **state) {
    (void)state;
    const struct {
        sal_model_info info;
        sal_sampling want;
    } cases[] = {
        {{.architecture = "llama",
          .name = "Meta Llama 3.1 8B Instruct",
          .chat_template = "",
          .parameters = 8030000000u},
         {0.7F, 0.9F, 50, 1}},
        {{.architecture = "llama",
          .name = "x",
          .chat_template = "<|start_header_id|>",
          .parameters = 1},
         {0.7F, 0.9F, 50, 1}},
        {{.architecture = "llama",
          .name = "SmolLM2",
          .chat_template = "<|im_start|>",
          .parameters = 135000000u},
         {0.7F, 1, 50, 1}},
        {{.architecture = "qwen2",
          .name = "Qwen2.5 1.5B",
          .chat_template = "",
          .parameters = 1540000000u},
         {0.7F, 0.8F, 20, 1.1F}},
        {{.architecture = "qwen2",
          .name = "Qwen2.5 3B",
          .chat_template = "",
          .parameters = 3090000000u},
         {0.7F, 0.8F, 20, 1.05F}},
        {{.architecture = "qwen2",
          .name = "Qwen2.5 14B",
          .chat_template = "",
          .parameters = 14770000000u},
         {0.7F, 0.8F, 20, 1.05F}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_sampling got = sal_sampling_preset(&cases[i].info);
        assert_close(got.temperature, cases[i].want.temperature, 0, 0);
        assert_close(got.top_p, cases[i].want.top_p, 0, 0);
        assert_int_equal(got.top_k, cases[i].want.top_k);
        assert_close(got.repeat_penalty, cases[i].want.repeat_penalty, 0, 0);
    }
}

/* ---- text ------------------------------------------------------------------------------------------ */

static void bytes_become_valid_utf8(void **state) {
    (void)state;
    const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } cases[] = {
        {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", 14,
         "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"a\xE2\x82", 3, "a\xEF\xBF\xBD"}, /* never whole: one */
        {"a\xE2\x82z", 4, "a\xEF\xBF\xBDz"},
        {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
        {"\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* overlong */
        {"\xF4\x90\x80\x80", 4,
         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* past U+10FFFF */
        {"\x80", 1, "\xEF\xBF\xBD"},
        {"a\0b", 3,
         "a\xEF\xBF\xBD"
         "b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_error err = {0};
        sal_utf8_stream stream = {0};
        for (size_t k = 0; k < cases[i].length;
             k++) /* a byte at a time, as tokens may bring them */
            assert_ok(sal_utf8_stream_add(&stream, cases[i].bytes + k, 1, &err));
        assert_ok(sal_utf8_stream_end(&stream, &err));
        assert_string_equal(stream.text.bytes, cases[i].text);
        sal_buffer_free(&stream.text);
    }
}

static void an_unfinished_character_is_not_shown(void **state) {
    (void)state;
    sal_error err = {0};
    sal_utf8_stream stream = {0};
    assert_ok(sal_utf8_stream_add(&stream, "ab\xF0\x9F", 4, &err));
    assert_string_equal(stream.text.bytes, "ab");
    assert_ok(sal_utf8_stream_add(&stream, "\x98\x80", 2, &err));
    assert_string_equal(stream.text.bytes, "ab\xF0\x9F\x98\x80");
    sal_buffer_free(&stream.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_lowest_id_of_the_largest),
        cmocka_unit_test(a_vocabulary_without_a_finite_score_is_an_error),
        cmocka_unit_test(the_penalty_counts_each_token_once_and_shrinks_towards_unlikely),
        cmocka_unit_test(draws_follow_the_definition),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(presets_are_those_of_the_publishers),
        cmocka_unit_test(bytes_become_valid_utf8),
        cmocka_unit_test(an_unfinished_character_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
