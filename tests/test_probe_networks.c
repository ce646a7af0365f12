/* The probe networks against PyTorch in double precision (golden/probe.json, probe.safetensors: README there), their gradients against
 * differences of the loss, and the float networks against the double ones.
 *
 * Golden data has five networks, two losses, two optimisers; padded words of the article networks are left out here, as our
 * networks take the words of a batch side by side. */
#include "testing.h"

#include <jansson.h>

#include "probe/network.h"
#include "salient/safetensors.h"

enum { ROWS = 30, ARTICLE_ROWS = 28, WIDTH = 24, DOCUMENTS = 5, PADDED = 12 };

typedef struct fixture {
    sal_safetensors *file;
    json_t *facts;
    double x[ROWS * WIDTH], article_x[ROWS * WIDTH];
    double targets[SAL_PROBE_LOSSES][ROWS], article_targets[SAL_PROBE_LOSSES][ROWS];
    size_t groups[DOCUMENTS + 1];
    unsigned char mask[DOCUMENTS * PADDED];
} fixture;

static const double no_dropout[3] = {0, 0, 0};

static void read_doubles(const fixture *f, const char *name, double *out, size_t count) {
    sal_error err = {0};
    const sal_tensor *tensor = NULL;
    assert_ok(sal_safetensors_find(f->file, name, &tensor, &err));
    assert_int_equal(tensor->dtype, SAL_F64);
    assert_ok(sal_safetensors_read(f->file, tensor, 0, count, out, &err));
}

/* The valid entries [*, width] of a padded array. */
static void read_valid(const fixture *f, const char *name, double *out, size_t width) {
    double padded[DOCUMENTS * PADDED * WIDTH];
    size_t at = 0;
    read_doubles(f, name, padded, DOCUMENTS * PADDED * width);
    for (size_t i = 0; i < DOCUMENTS * PADDED; i++)
        if (f->mask[i])
            memcpy(out + at++ * width, padded + i * width, width * sizeof *out);
}

static int set_up(void **state) {
    static fixture f;
    sal_error err = {0};
    const sal_tensor *mask = NULL;
    f = (fixture){0};
    assert_ok(sal_safetensors_open(SALIENT_TEST_DATA "/probe.safetensors", &f.file, &err));
    f.facts = json_load_file(SALIENT_TEST_DATA "/probe.json", 0, NULL);
    assert_non_null(f.facts);
    assert_ok(sal_safetensors_find(f.file, "article_mask", &mask, &err));
    assert_ok(sal_safetensors_read(f.file, mask, 0, sizeof f.mask, f.mask, &err));
    for (size_t d = 0; d < DOCUMENTS; d++) {
        f.groups[d + 1] = f.groups[d];
        for (size_t w = 0; w < PADDED; w++)
            f.groups[d + 1] += f.mask[d * PADDED + w] != 0;
    }
    assert_int_equal(f.groups[DOCUMENTS], ARTICLE_ROWS);
    read_doubles(&f, "x", f.x, ROWS * WIDTH);
    read_doubles(&f, "target_norm", f.targets[SAL_PROBE_KL], ROWS);
    read_doubles(&f, "target_raw", f.targets[SAL_PROBE_MSE], ROWS);
    read_valid(&f, "article_x", f.article_x, WIDTH);
    read_valid(&f, "article_target_norm", f.article_targets[SAL_PROBE_KL], 1);
    read_valid(&f, "article_target_raw", f.article_targets[SAL_PROBE_MSE], 1);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sal_safetensors_close(f->file);
    json_decref(f->facts);
    return 0;
}

static const char *const names[] = {"layer", "all", "all_ident", "article", "article_attn"};
enum { NETWORKS = 5 };

static probe_plan plan_of(const char *name) {
    static const size_t widths[] = {16, 8, 4}, equal[] = {12, 12, 6};
    if (strcmp(name, "layer") == 0)
        return probe_plan_mlp(WIDTH, 16, 8, no_dropout);
    if (strcmp(name, "all") == 0)
        return probe_plan_all_layers(WIDTH, widths, no_dropout);
    if (strcmp(name, "all_ident") == 0)
        return probe_plan_all_layers(WIDTH, equal, no_dropout);
    if (strcmp(name, "article") == 0)
        return probe_plan_article(WIDTH, 16, 8, 0, no_dropout);
    return probe_plan_article(WIDTH, 32, 16, 4, no_dropout);
}

/* Copy arrays "PREFIX.PARAM" of the file into weights and buffers (out), or compare them (out false) within absolute. */
static void each_array(const fixture *f, const probe_plan *plan, const char *prefix,
                       double *weights, double *buffers, bool out, double absolute) {
    for (size_t l = 0; l < plan->count; l++) {
        probe_array arrays[PROBE_ARRAYS_AT_MOST];
        const size_t count = probe_layer_arrays(&plan->layers[l], arrays);
        for (size_t a = 0; a < count; a++) {
            char name[200];
            double values[2048];
            const size_t n = arrays[a].shape[0] * (arrays[a].axes == 2 ? arrays[a].shape[1] : 1);
            double *ours = (arrays[a].buffer ? buffers : weights) + arrays[a].offset;
            if (arrays[a].buffer && buffers == NULL)
                continue;
            snprintf(name, sizeof name, "%s.%.63s", prefix, arrays[a].name);
            assert_true(n <= 2048);
            read_doubles(f, name, values, n);
            for (size_t i = 0; i < n; i++) {
                if (out)
                    ours[i] = values[i];
                else if (!(fabs(ours[i] - values[i]) <= absolute))
                    fail_msg("%s[%zu] = %.17g, not %.17g", name, i, ours[i], values[i]);
            }
        }
    }
}

static probe_f64_network *open_initial(const fixture *f, const char *name) {
    sal_error err = {0};
    char prefix[64];
    probe_f64_network *net = NULL;
    const probe_plan plan = plan_of(name);
    assert_ok(probe_f64_open(&plan, &net, &err));
    snprintf(prefix, sizeof prefix, "%s.init", name);
    each_array(f, &plan, prefix, probe_f64_weights(net), probe_f64_buffers(net), true, 0);
    return net;
}

static size_t rows_of(const probe_plan *plan) {
    return plan->grouped ? ARTICLE_ROWS : ROWS;
}

static const double *forward(const fixture *f, const probe_plan *plan, probe_f64_network *net,
                             bool train) {
    sal_error err = {0};
    sal_random random;
    const double *logits = NULL;
    sal_random_seed(&random, 1);
    assert_ok(probe_f64_forward(net, plan->grouped ? f->article_x : f->x, rows_of(plan), f->groups,
                                DOCUMENTS, train ? &random : NULL, &logits, &err));
    return logits;
}

static double loss_of(const fixture *f, const probe_plan *plan, sal_probe_loss loss,
                      const double *logits, double *d) {
    return plan->grouped ? probe_f64_loss_of_documents(loss, logits, f->article_targets[loss],
                                                       f->groups, DOCUMENTS, d)
                         : probe_f64_loss_of_words(loss, logits, f->targets[loss], ROWS, d);
}

static double fact(const fixture *f, const char *net, const char *loss, const char *key) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", net, loss);
    const json_t *value =
        json_object_get(json_object_get(json_object_get(f->facts, "losses"), name), key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void forwards_equal_pytorch(void **state) {
    const fixture *f = *state;
    for (size_t n = 0; n < NETWORKS; n++) {
        const probe_plan plan = plan_of(names[n]);
        for (int train = 0; train < 2; train++) {
            char name[100];
            double expected[ROWS];
            probe_f64_network *net = open_initial(f, names[n]);
            const double *logits = forward(f, &plan, net, train != 0);
            snprintf(name, sizeof name, "%s.forward_%s.logits", names[n], train ? "train" : "eval");
            if (plan.grouped)
                read_valid(f, name, expected, 1);
            else
                read_doubles(f, name, expected, ROWS);
            for (size_t i = 0; i < rows_of(&plan); i++)
                assert_close(logits[i], expected[i], 1e-12, 1e-12);
            if (train && plan.buffers > 0) {
                snprintf(name, sizeof name, "%s.after_1_forward", names[n]);
                for (size_t l = 0; l < plan.count; l++) {
                    double values[64];
                    char array[200];
                    const size_t width = plan.layers[l].out;
                    if (plan.layers[l].kind != PROBE_BATCH_NORM)
                        continue;
                    for (int part = 0; part < 2; part++) {
                        snprintf(array, sizeof array, "%s.%s.running_%s", name, plan.layers[l].name,
                                 part ? "var" : "mean");
                        read_doubles(f, array, values, width);
                        for (size_t i = 0; i < width; i++)
                            assert_close(probe_f64_buffers(
                                             net)[plan.layers[l].buffers + (part ? width : 0) + i],
                                         values[i], 1e-12, 1e-13);
                    }
                }
            }
            probe_f64_close(net);
        }
    }
}

static void losses_and_gradients_equal_pytorch(void **state) {
    const fixture *f = *state;
    for (size_t n = 0; n < NETWORKS; n++)
        for (int loss = 0; loss < SAL_PROBE_LOSSES; loss++) {
            char prefix[100];
            double d[ROWS];
            const probe_plan plan = plan_of(names[n]);
            const char *spelt = sal_probe_loss_name((sal_probe_loss)loss);
            probe_f64_network *net = open_initial(f, names[n]);
            const double *logits = forward(f, &plan, net, true);
            assert_close(loss_of(f, &plan, (sal_probe_loss)loss, logits, d),
                         fact(f, names[n], spelt, "loss"), 1e-12, 1e-12);
            probe_f64_backward(net, d);
            snprintf(prefix, sizeof prefix, "%s.%s.grad", names[n], spelt);
            each_array(f, &plan, prefix, probe_f64_gradients(net), NULL, false, 1e-13);
            logits = forward(f, &plan, net, true);
            probe_f64_close(net);
            net = open_initial(f, names[n]);
            logits = forward(f, &plan, net, false);
            assert_close(loss_of(f, &plan, (sal_probe_loss)loss, logits, NULL),
                         fact(f, names[n], spelt, "loss_eval_mode"), 1e-12, 1e-12);
            probe_f64_close(net);
        }
}

/* The whole batch ten times: losses before each step, weights and running values after 1, 2 and 10. */
static void train_ten_steps(const fixture *f, const char *name, sal_probe_loss loss, bool decay) {
    char key[64], prefix[100];
    const probe_plan plan = plan_of(name);
    const probe_optimiser optimiser = probe_adam(1e-4, decay ? 1e-5 : 0);
    const char *optimiser_name = decay ? "adamw" : "adam";
    const char *spelt = sal_probe_loss_name(loss);
    probe_f64_network *net = open_initial(f, name);
    snprintf(key, sizeof key, "%s.%s", name, spelt);
    const json_t *losses = json_object_get(
        json_object_get(json_object_get(json_object_get(f->facts, "losses"), key), "loss_after"),
        optimiser_name);
    for (size_t step = 1; step <= 10; step++) {
        double d[ROWS];
        const double value = loss_of(f, &plan, loss, forward(f, &plan, net, true), d);
        assert_close(value, json_number_value(json_array_get(losses, step - 1)), 1e-11, 1e-11);
        probe_f64_backward(net, d);
        probe_f64_step(net, &optimiser);
        if (step == 1 || step == 2 || step == 10) {
            /* gradients that are zero in exact arithmetic are noise that Adam turns into steps: zero_gradient_rows */
            snprintf(prefix, sizeof prefix, "%s.%s.%s.step%zu", name, spelt, optimiser_name, step);
            const json_t *zero =
                json_object_get(json_object_get(f->facts, "zero_gradient_rows"), key);
            for (size_t l = 0; l < plan.count; l++) {
                probe_array arrays[PROBE_ARRAYS_AT_MOST];
                const size_t count = probe_layer_arrays(&plan.layers[l], arrays);
                for (size_t a = 0; a < count; a++) {
                    char array[200];
                    double values[2048];
                    const size_t row = arrays[a].axes == 2 ? arrays[a].shape[1] : 1;
                    const size_t size = arrays[a].shape[0] * row;
                    const double *ours =
                        (arrays[a].buffer ? probe_f64_buffers(net) : probe_f64_weights(net)) +
                        arrays[a].offset;
                    const json_t *range = json_object_get(zero, arrays[a].name);
                    size_t from = size, to = size;
                    if (range != NULL) {
                        from = row * (size_t)json_integer_value(json_array_get(range, 0));
                        to = row * (size_t)json_integer_value(json_array_get(range, 1));
                    }
                    /* the running mean behind a bias of noise follows it */
                    const bool noisy = arrays[a].buffer && strstr(arrays[a].name, "mean") != NULL;
                    snprintf(array, sizeof array, "%s.%.63s", prefix, arrays[a].name);
                    read_doubles(f, array, values, size);
                    for (size_t i = 0; i < size; i++) {
                        const double allowed = (i >= from && i < to) || noisy ? 1.1e-3 : 1e-11;
                        if (!(fabs(ours[i] - values[i]) <= allowed))
                            fail_msg("%s[%zu] = %.17g, not %.17g", array, i, ours[i], values[i]);
                    }
                }
            }
        }
    }
    probe_f64_close(net);
}

static void ten_steps_of_adam_and_adamw_equal_pytorch(void **state) {
    for (size_t n = 0; n < NETWORKS; n++)
        for (int loss = 0; loss < SAL_PROBE_LOSSES; loss++)
            for (int decay = 0; decay < 2; decay++)
                train_ten_steps(*state, names[n], (sal_probe_loss)loss, decay != 0);
}

/* With dropout, attention dropout and every layer: the gradient is the slope of the loss, for the same masks. */
static void gradients_are_slopes_of_the_loss(void **state) {
    static const double dropout[3] = {.3, .2, .1};
    static const size_t widths[] = {16, 8, 4};
    const fixture *f = *state;
    const probe_plan plans[] = {probe_plan_mlp(WIDTH, 16, 8, dropout),
                                probe_plan_all_layers(WIDTH, widths, dropout),
                                probe_plan_article(WIDTH, 32, 16, 4, dropout)};
    for (size_t p = 0; p < 3; p++)
        for (int loss = 0; loss < SAL_PROBE_LOSSES; loss++) {
            sal_error err = {0};
            probe_f64_network *net = NULL;
            double d[ROWS];
            assert_ok(probe_f64_open(&plans[p], &net, &err));
            probe_f64_initialise(net, 7 + p);
            (void)loss_of(f, &plans[p], (sal_probe_loss)loss, forward(f, &plans[p], net, true), d);
            probe_f64_backward(net, d);
            for (size_t i = 0; i < plans[p].parameters; i += 17) {
                const double slope = probe_f64_gradients(net)[i], h = 1e-5;
                double *w = &probe_f64_weights(net)[i];
                const double kept = *w;
                double values[2];
                for (int side = 0; side < 2; side++) {
                    *w = kept + (side ? h : -h);
                    values[side] = loss_of(f, &plans[p], (sal_probe_loss)loss,
                                           forward(f, &plans[p], net, true), NULL);
                }
                *w = kept;
                assert_close((values[1] - values[0]) / (2 * h), slope, 1e-4, 1e-7);
            }
            probe_f64_close(net);
        }
}

/* Single precision: forward 1e-5, gradients, ten steps within 2e-6 where PyTorch's float itself is. */
static void floats_follow_doubles(void **state) {
    const fixture *f = *state;
    for (size_t n = 0; n < NETWORKS; n++) {
        sal_error err = {0};
        const probe_plan plan = plan_of(names[n]);
        const sal_probe_loss loss = SAL_PROBE_MSE;
        probe_f32_network *single = NULL;
        probe_f64_network *exact = open_initial(f, names[n]);
        float x[ROWS * WIDTH], target[ROWS], d32[ROWS];
        double d64[ROWS];
        const float *logits = NULL;
        sal_random random;
        sal_random_seed(&random, 1);
        assert_ok(probe_f32_open(&plan, &single, &err));
        for (size_t i = 0; i < plan.parameters; i++)
            probe_f32_weights(single)[i] = (float)probe_f64_weights(exact)[i];
        for (size_t i = 0; i < plan.buffers; i++)
            probe_f32_buffers(single)[i] = (float)probe_f64_buffers(exact)[i];
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            x[i] = (float)(plan.grouped ? f->article_x : f->x)[i];
        for (size_t i = 0; i < ROWS; i++)
            target[i] = (float)(plan.grouped ? f->article_targets : f->targets)[loss][i];
        assert_ok(probe_f32_forward(single, x, rows_of(&plan), f->groups, DOCUMENTS, &random,
                                    &logits, &err));
        const double *expected = forward(f, &plan, exact, true);
        for (size_t i = 0; i < rows_of(&plan); i++)
            assert_close((double)logits[i], expected[i], 1e-5, 1e-5);
        const double ours = plan.grouped ? probe_f32_loss_of_documents(loss, logits, target,
                                                                       f->groups, DOCUMENTS, d32)
                                         : probe_f32_loss_of_words(loss, logits, target, ROWS, d32);
        assert_close(ours, loss_of(f, &plan, loss, expected, d64), 1e-5, 0);
        probe_f32_backward(single, d32);
        probe_f64_backward(exact, d64);
        for (size_t i = 0; i < plan.parameters; i++)
            assert_close((double)probe_f32_gradients(single)[i], probe_f64_gradients(exact)[i],
                         1e-4, 1e-6);
        probe_f32_close(single);
        probe_f64_close(exact);
    }
}

static void initial_weights_are_pytorchs(void **state) {
    (void)state;
    sal_error err = {0};
    probe_f32_network *net = NULL;
    const probe_plan plan = probe_plan_paper(SAL_PROBE_MLP, 576, false);
    double squares = 0, most = 0;
    assert_int_equal(plan.layers[1].out, 512);
    assert_int_equal(plan.layers[4].out, 256);
    assert_ok(probe_f32_open(&plan, &net, &err));
    probe_f32_initialise(net, 3);
    const size_t count = 576 * 512;
    for (size_t i = 0; i < count; i++) {
        const double w = (double)probe_f32_weights(net)[i];
        squares += w * w;
        most = fabs(w) > most ? fabs(w) : most;
    }
    const double bound = 1 / sqrt(576.0);
    assert_true(most <= bound);
    assert_close(sqrt(squares / (double)count), bound / sqrt(3.0), .01, 0);
    probe_f32_close(net);
}

static void no_memory_is_an_ordinary_error(void **state) {
    (void)state;
    const probe_plan plan = plan_of("article_attn");
    const float x[WIDTH] = {0};
    const size_t groups[] = {0, 1};
    const long blocks = sal_faulty_blocks();
    for (long n = 0;; n++) {
        sal_error err = {0};
        probe_f32_network *net = NULL;
        const float *logits = NULL;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int status = probe_f32_open(&plan, &net, &err);
        if (status == 0)
            status = probe_f32_forward(net, x, 1, groups, 1, NULL, &logits, &err);
        const bool reached = sal_faulty_reset();
        probe_f32_close(net);
        assert_int_equal(sal_faulty_blocks(), blocks);
        if (!reached) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(status, SAL_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwards_equal_pytorch),
        cmocka_unit_test(losses_and_gradients_equal_pytorch),
        cmocka_unit_test(ten_steps_of_adam_and_adamw_equal_pytorch),
        cmocka_unit_test(gradients_are_slopes_of_the_loss),
        cmocka_unit_test(floats_follow_doubles),
        cmocka_unit_test(initial_weights_are_pytorchs),
        cmocka_unit_test(no_memory_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
