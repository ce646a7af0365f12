/* Generation on small models: what is shared is computed once and changes nothing, seeds decide and nothing else, and every way to end.
 * Texts of random weights are gibberish; equal texts are the strictest comparison there is. The exact path is used where two different
 * batches are compared: there the numbers differ by rounding only (1e-6), and ties that close do not occur in these texts. */

#include "testing.h"

#include "llm/llm_internal.h"
#include "tiny_gguf.h"

enum { K = 5, TOKENS = 40 };

typedef struct fixture {
    char folder[64];
    sal_model *llama;
    sal_model *qwen2;
} fixture;

static sal_model *make_model(const char *folder, const char *architecture) {
    sal_error err = {0};
    sal_model *model = NULL;
    char path[128];
    tiny_gguf tiny = tiny_gguf_default(architecture);
    snprintf(path, sizeof path, "%s/%s.gguf", folder, architecture);
    tiny_gguf_write(&tiny, path);
    assert_ok(sal_model_open(path, &(sal_model_options){.threads = 1}, &model, &err));
    return model;
}

static int set_up(void **state) {
    static fixture f;
    make_scratch_folder(f.folder);
    f.llama = make_model(f.folder, "llama");
    f.qwen2 = make_model(f.folder, "qwen2");
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_model_close(f->llama);
    sal_model_close(f->qwen2);
    remove_scratch_folder(f->folder);
    return 0;
}

static const sal_sampling greedy = {
    .temperature = 0, .top_p = 1, .top_k = 0, .repeat_penalty = 1.2F};
static const sal_sampling warm = {
    .temperature = 1, .top_p = 0.95F, .top_k = 50, .repeat_penalty = 1.1F};

/* ---- K requests of one document ------------------------------------------------------------------- */

typedef struct job {
    sal_prompt prompts[K];
    sal_generate_request requests[K];
    sal_generate_result results[K];
    sal_engine_timing timing;
} job;

/* Prompts of one text: the instruction after it (all but the end is shared) or before it. */
static void make_job(const sal_model *model, const char *text, bool text_first, job *j) {
    sal_error err = {0};
    memset(j, 0, sizeof *j);
    for (int k = 0; k < K; k++) {
        char user[4096];
        if (text_first)
            snprintf(user, sizeof user, "%s Sum up in %d words.", text, 10 * (k + 1));
        else
            snprintf(user, sizeof user, "Sum up in %d words: %s", 10 * (k + 1), text);
        assert_ok(sal_model_chat_prompt(model, NULL, "Be short.", user, &j->prompts[k], &err));
        j->requests[k] = (sal_generate_request){.prompt = &j->prompts[k],
                                                .seed = (uint64_t)(100 + k),
                                                .max_tokens = TOKENS,
                                                .expected_tokens = 10 * (k + 1)};
    }
}

static void free_job(job *j) {
    for (int k = 0; k < K; k++) {
        sal_prompt_free(&j->prompts[k]);
        sal_generate_result_free(&j->results[k]);
    }
}

static sal_engine *open_engine(sal_model *model, sal_sampling sampling, bool exact, int context) {
    sal_error err = {0};
    sal_engine *engine = NULL;
    sal_engine_options options = {
        .sequences = K, .sampling = sampling, .exact = exact, .context_tokens = context};
    assert_ok(sal_engine_open(model, &options, &engine, &err));
    return engine;
}

static void run(sal_engine *engine, job *j) {
    sal_error err = {0};
    for (int k = 0; k < K; k++)
        sal_generate_result_free(&j->results[k]);
    assert_ok(sal_engine_generate(engine, j->requests, K, j->results, &j->timing, NULL, &err));
}

static void check_equal(const sal_generate_result *a, const sal_generate_result *b) {
    assert_int_equal(a->token_count, b->token_count);
    assert_memory_equal(a->tokens, b->tokens, a->token_count * sizeof *a->tokens);
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->text, b->text, a->length + 1);
    assert_int_equal(a->ended, b->ended);
    assert_int_equal(a->stopped, b->stopped);
}

static const char document[] = "The harbour town will close its bridge for eleven weeks. Engineers "
                               "told the council on Tuesday that the pins "
                               "could be replaced for about three million.";

/* ---- the shared prefix -------------------------------------------------------------------------------- */

static void check_shared_against_alone(sal_model *model, sal_sampling sampling, bool text_first) {
    sal_error err = {0};
    job j;
    make_job(model, document, text_first, &j);
    sal_engine *engine = open_engine(model, sampling, true, 0);
    run(engine, &j);
    size_t all = 0, rest = 0;
    for (int k = 0; k < K; k++) {
        sal_generate_result alone = {0};
        sal_engine_timing timing;
        assert_ok(sal_engine_generate(engine, &j.requests[k], 1, &alone, &timing, NULL, &err));
        assert_int_equal(timing.prefill_tokens, j.prompts[k].tokens.count);
        check_equal(&j.results[k], &alone);
        sal_generate_result_free(&alone);
        all += j.prompts[k].tokens.count;
        size_t same = 0;
        while (j.prompts[k].tokens.ids[same] == j.prompts[(k + 1) % K].tokens.ids[same])
            same++;
        rest += j.prompts[k].tokens.count - same;
    }
    if (text_first) /* "Sum up in 10": all differ at the same token */
        assert_int_equal(j.timing.prefill_tokens, all - (K - 1) * (all - rest) / K);
    assert_true(j.timing.prefill_tokens < (int64_t)all);
    sal_engine_close(engine);
    free_job(&j);
}

static void a_shared_prefix_changes_no_text(void **state) {
    fixture *f = *state;
    check_shared_against_alone(f->llama, greedy, true);
    check_shared_against_alone(f->llama, greedy, false);
    check_shared_against_alone(f->qwen2, greedy, true);
    check_shared_against_alone(f->qwen2, warm, true);
    check_shared_against_alone(f->llama, warm, false);
}

static void equal_prompts_share_all_but_their_last_token(void **state) {
    fixture *f = *state;
    job j;
    make_job(f->llama, document, true, &j);
    sal_engine *engine = open_engine(f->llama, warm, true, 0);
    for (int k = 1; k < K; k++)
        j.requests[k].prompt = &j.prompts[0];
    run(engine, &j);
    assert_int_equal(j.timing.prefill_tokens, j.prompts[0].tokens.count - 1 + K);
    assert_int_not_equal(memcmp(j.results[0].tokens, j.results[1].tokens, 4 * sizeof(int32_t)),
                         0); /* seeds differ */
    sal_engine_close(engine);
    free_job(&j);
}

/* A prompt of more than one batch of libllama's, and long rests that are computed one after the other. */
static void long_prompts_are_computed_in_pieces(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    char path[128], text[3000];
    tiny_gguf tiny = tiny_gguf_default("llama");
    tiny.context = 8192;
    snprintf(path, sizeof path, "%s/long.gguf", f->folder);
    tiny_gguf_write(&tiny, path);
    sal_model *model = NULL;
    assert_ok(sal_model_open(path, &(sal_model_options){.threads = 1}, &model, &err));
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23);
    text[sizeof text - 1] = '\0';
    check_shared_against_alone(model, greedy, true);
    job j, again;
    make_job(model, text, false, &j);
    make_job(model, text, false, &again);
    assert_true(j.prompts[0].tokens.count > 2500);
    sal_engine *engine = open_engine(model, greedy, true, 0);
    run(engine, &j);
    assert_ok(
        sal_engine_generate(engine, &again.requests[3], 1, &again.results[3], NULL, NULL, &err));
    check_equal(&j.results[3], &again.results[3]);
    sal_engine_close(engine);
    free_job(&j);
    free_job(&again);
    sal_model_close(model);
}

/* ---- what decides ----------------------------------------------------------------------------------------- */

static void results_depend_on_the_request_alone(void **state) {
    fixture *f = *state;
    job fresh, later, tall;
    char text[900];
    memset(text, 'e', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    make_job(f->qwen2, document, true, &fresh);
    make_job(f->qwen2, document, true, &later);
    make_job(f->qwen2, text, true, &tall);
    sal_engine *first = open_engine(f->qwen2, warm, false, 0),
               *second = open_engine(f->qwen2, warm, false, 0);
    run(first, &fresh);
    run(second, &tall); /* another document, and a larger context */
    uint64_t large = sal_engine_bytes(second);
    assert_true(large > sal_engine_bytes(first));
    run(second, &later);
    assert_int_equal(sal_engine_bytes(second),
                     large); /* kept, though it is more than this document needs */
    for (int k = 0; k < K; k++)
        check_equal(&fresh.results[k], &later.results[k]);
    run(first, &later);
    for (int k = 0; k < K; k++)
        check_equal(&fresh.results[k], &later.results[k]);
    sal_engine_close(first);
    sal_engine_close(second);
    free_job(&fresh);
    free_job(&later);
    free_job(&tall);
}

static void the_order_of_requests_does_not_matter(void **state) {
    fixture *f = *state;
    job j, turned;
    make_job(f->llama, document, true, &j);
    make_job(f->llama, document, true, &turned);
    for (int k = 0; k < K; k++)
        turned.requests[k] = j.requests[(k + 2) % K];
    sal_engine *engine = open_engine(f->llama, warm, true, 0);
    run(engine, &j);
    run(engine, &turned);
    for (int k = 0; k < K; k++)
        check_equal(&turned.results[k], &j.results[(k + 2) % K]);
    sal_engine_close(engine);
    free_job(&j);
    free_job(&turned);
}

static void another_seed_draws_another_text(void **state) {
    fixture *f = *state;
    job j, other;
    make_job(f->llama, document, true, &j);
    make_job(f->llama, document, true, &other);
    other.requests[2].seed++;
    sal_engine *engine = open_engine(f->llama, warm, true, 0);
    run(engine, &j);
    run(engine, &other);
    assert_int_not_equal(strcmp(j.results[2].text, other.results[2].text), 0);
    check_equal(&j.results[1], &other.results[1]);
    sal_engine_close(engine);
    free_job(&j);
    free_job(&other);
}

static void the_penalty_counts_the_prompt(void **state) {
    fixture *f = *state;
    const sal_sampling strict = {.temperature = 0, .top_p = 1, .top_k = 0, .repeat_penalty = 100};
    job j;
    make_job(f->llama, document, true, &j);
    sal_engine *engine = open_engine(f->llama, strict, false, 0);
    run(engine, &j);
    for (int k = 0; k < K; k++)
        for (size_t i = 0; i < j.results[k].token_count; i++) {
            for (size_t t = 0; t < j.prompts[k].tokens.count; t++)
                assert_int_not_equal(j.results[k].tokens[i], j.prompts[k].tokens.ids[t]);
            for (size_t t = 0; t < i; t++)
                assert_int_not_equal(j.results[k].tokens[i], j.results[k].tokens[t]);
        }
    sal_engine_close(engine);
    free_job(&j);
}

static void the_number_of_threads_does_not_matter(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    job one, two;
    make_job(f->llama, document, true, &one);
    make_job(f->llama, document, true, &two);
    sal_engine_options options = {.sequences = K, .sampling = warm, .exact = true, .threads = 2};
    sal_engine *engine = open_engine(f->llama, warm, true, 0);
    run(engine, &one);
    sal_engine_close(engine);
    assert_ok(sal_engine_open(f->llama, &options, &engine, &err));
    run(engine, &two);
    for (int k = 0; k < K; k++)
        check_equal(&one.results[k], &two.results[k]);
    sal_engine_close(engine);
    free_job(&one);
    free_job(&two);
}

/* ---- ends --------------------------------------------------------------------------------------------------- */

static void the_end_token_ends_a_text_and_is_not_part_of_it(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    const sal_sampling hot = {.temperature = 3, .top_p = 1, .top_k = 0, .repeat_penalty = 1};
    int ended = 0;
    job j;
    make_job(f->llama, document, true, &j);
    for (int k = 0; k < K; k++)
        j.requests[k].max_tokens = 300;
    sal_engine *engine = open_engine(f->llama, hot, false, 0);
    run(engine, &j);
    for (int k = 0; k < K; k++) {
        const sal_generate_result *result = &j.results[k];
        ended += result->ended;
        assert_true(result->ended == (result->token_count < 300));
        for (size_t i = 0; i < result->token_count; i++)
            assert_false(result->tokens[i] == 0 || result->tokens[i] == 2);
        assert_null(strstr(result->text, "<|im_end|>"));
    }
    assert_true(ended > 0);
    sal_engine_close(engine);
    sal_engine_options options = {.sequences = K, .sampling = hot, .ignore_end = true};
    assert_ok(sal_engine_open(f->llama, &options, &engine, &err));
    run(engine, &j);
    for (int k = 0; k < K; k++)
        assert_int_equal(j.results[k].token_count, 300);
    assert_int_equal(j.timing.decode_tokens, K * 299); /* the first of each comes from its prompt */
    sal_engine_close(engine);
    free_job(&j);
}

typedef struct watcher {
    size_t limit[K];
    size_t calls;
} watcher;

static bool watch(void *context, size_t request, const char *text, size_t length) {
    watcher *w = context;
    sal_error err = {0};
    sal_utf8_stream stream = {0};
    w->calls++;
    assert_int_equal(strlen(text), length);
    assert_ok(sal_utf8_stream_add(&stream, text, length,
                                  &err)); /* valid: passes unchanged, nothing pending */
    assert_int_equal(stream.need, 0);
    assert_int_equal(stream.text.length, length);
    assert_true(length == 0 || memcmp(stream.text.bytes, text, length) == 0);
    sal_buffer_free(&stream.text);
    return length >= w->limit[request];
}

static void the_stop_hook_sees_whole_characters_and_ends_its_sequence(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    watcher w = {.limit = {5, 12, 1000, 1, 30}};
    sal_engine *engine = NULL;
    job j, free_run;
    make_job(f->llama, document, true, &j);
    make_job(f->llama, document, true, &free_run);
    sal_engine_options options = {
        .sequences = K, .sampling = greedy, .exact = true, .stop = watch, .context = &w};
    assert_ok(sal_engine_open(f->llama, &options, &engine, &err));
    run(engine, &j);
    sal_engine_close(engine);
    engine = open_engine(f->llama, greedy, true, 0);
    run(engine, &free_run);
    for (int k = 0; k < K; k++) {
        const sal_generate_result *result = &j.results[k];
        assert_int_equal(result->stopped, k != 2);
        assert_true(k == 2 || result->length >= w.limit[k]);
        assert_memory_equal(result->tokens, free_run.results[k].tokens,
                            result->token_count * sizeof(int32_t));
    }
    check_equal(&j.results[2], &free_run.results[2]);
    assert_true(w.calls > 40);
    sal_engine_close(engine);
    free_job(&j);
    free_job(&free_run);
}

static bool cancel_later(void *context) {
    int *left = context;
    return (*left)-- <= 0;
}

static void cancelling_ends_the_call_and_leaves_the_engine_usable(void **state) {
    fixture *f = *state;
    job j, again;
    make_job(f->llama, document, true, &j);
    make_job(f->llama, document, true, &again);
    sal_engine *engine = open_engine(f->llama, warm, false, 0);
    run(engine, &j);
    for (int after = 0; after < 400;
         after += after < 10 ? 1 : 97) { /* in the prompt, in a step, between steps */
        sal_error err = {0};
        int left = after;
        const sal_progress progress = {.cancelled = cancel_later, .context = &left};
        assert_int_equal(
            sal_engine_generate(engine, again.requests, K, again.results, NULL, &progress, &err),
            SAL_ECANCELLED);
        assert_string_equal(err.text, "cancelled");
    }
    run(engine, &again);
    for (int k = 0; k < K; k++)
        check_equal(&j.results[k], &again.results[k]);
    sal_engine_close(engine);
    free_job(&j);
    free_job(&again);
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void what_does_not_fit_is_an_error_with_counts(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    char want[256];
    job j;
    make_job(f->llama, document, true, &j);
    sal_engine *engine = open_engine(f->llama, greedy, false, 200);
    size_t prompt = j.prompts[0].tokens.count;
    j.requests[0].max_tokens = 200;
    assert_int_equal(sal_engine_generate(engine, j.requests, K, j.results, NULL, NULL, &err),
                     SAL_ELIMIT);
    snprintf(want, sizeof want,
             "too long for the model: the prompt has %zu tokens and up to 200 are to be generated, "
             "together %zu; the context holds 200",
             prompt, prompt + 200);
    assert_string_equal(err.text, want);
    j.requests[0].max_tokens = 0;
    assert_int_equal(sal_engine_generate(engine, j.requests, K, j.results, NULL, NULL, &err),
                     SAL_EINVAL);
    assert_int_equal(sal_engine_generate(engine, j.requests, K + 1, j.results, NULL, NULL, &err),
                     SAL_EINVAL);
    assert_string_equal(err.text, "6 requests at once; the engine was opened for 5");
    j.requests[0].max_tokens = 1;
    j.prompts[0].tokens.ids[3] = 273;
    assert_int_equal(sal_engine_generate(engine, j.requests, K, j.results, NULL, NULL, &err),
                     SAL_EINVAL);
    assert_string_equal(err.text,
                        "request 0: token 3 of the prompt is 273; the model's vocabulary has 273");
    j.prompts[0].tokens.ids[3] = j.prompts[1].tokens.ids[3];
    j.requests[0].max_tokens = 200 - (int)prompt;
    for (int k = 1; k < K; k++)
        j.requests[k] = j.requests[0];
    run(engine, &j); /* to the last token of the context */
    sal_engine_close(engine);
    free_job(&j);
}

static void options_of_the_engine_are_checked(void **state) {
    fixture *f = *state;
    sal_engine *engine = NULL;
    const struct {
        sal_engine_options options;
        const char *text;
    } cases[] = {
        {{.sequences = 0, .sampling = {1, 1, 0, 1}}, "0 sequences at a time; allowed are 1 to 256"},
        {{.sequences = 257, .sampling = {1, 1, 0, 1}},
         "257 sequences at a time; allowed are 1 to 256"},
        {{.sequences = 1, .context_tokens = 1025, .sampling = {1, 1, 0, 1}},
         "a context of 1025 tokens; the model was trained for 1024"},
        {{.sequences = 1, .sampling = {1, 2, 0, 1}},
         "top-p is 2; allowed are values above 0 up to 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sal_error err = {0};
        assert_int_equal(sal_engine_open(f->llama, &cases[i].options, &engine, &err), SAL_EINVAL);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void memory_is_told_before_the_first_document(void **state) {
    fixture *f = *state;
    sal_error err = {0};
    sal_engine *engine = open_engine(f->llama, greedy, false, 0);
    assert_int_equal(sal_engine_bytes(engine), 0);
    assert_ok(sal_engine_reserve(engine, 500, &err));
    /* 2 layers of K and V, 2 heads of 16 in f16, 512 tokens, K sequences, and what computing takes */
    uint64_t cache = 2 * 2 * 2 * 16 * 2 * 512 * K;
    assert_true(sal_engine_bytes(engine) > cache);
    assert_int_equal(sal_engine_reserve(engine, 1025, &err), SAL_ELIMIT);
    sal_engine_close(engine);
}

static void generating_survives_any_failed_allocation(void **state) {
    fixture *f = *state;
    job j;
    make_job(f->llama, document, true, &j);
    for (int k = 0; k < K; k++)
        j.requests[k].max_tokens = 12;
    sal_engine *engine = open_engine(f->llama, warm, false, 0);
    run(engine, &j);
    for (int k = 0; k < K; k++)
        sal_generate_result_free(&j.results[k]);
    long before = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = sal_engine_generate(engine, j.requests, K, j.results, NULL, NULL, &err);
        bool reached = sal_faulty_reset();
        for (int k = 0; k < K; k++)
            sal_generate_result_free(&j.results[k]);
        assert_int_equal(sal_faulty_blocks(), before);
        if (!reached) {
            assert_int_equal(status, SAL_OK);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
    sal_engine_close(engine);
    free_job(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_prefix_changes_no_text),
        cmocka_unit_test(equal_prompts_share_all_but_their_last_token),
        cmocka_unit_test(long_prompts_are_computed_in_pieces),
        cmocka_unit_test(results_depend_on_the_request_alone),
        cmocka_unit_test(the_order_of_requests_does_not_matter),
        cmocka_unit_test(another_seed_draws_another_text),
        cmocka_unit_test(the_penalty_counts_the_prompt),
        cmocka_unit_test(the_number_of_threads_does_not_matter),
        cmocka_unit_test(the_end_token_ends_a_text_and_is_not_part_of_it),
        cmocka_unit_test(the_stop_hook_sees_whole_characters_and_ends_its_sequence),
        cmocka_unit_test(cancelling_ends_the_call_and_leaves_the_engine_usable),
        cmocka_unit_test(what_does_not_fit_is_an_error_with_counts),
        cmocka_unit_test(options_of_the_engine_are_checked),
        cmocka_unit_test(memory_is_told_before_the_first_document),
        cmocka_unit_test(generating_survives_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
