/* Trainings that are interrupted within, at many points: they go on from their last checkpoint and end with the same results and the same
 * weights, bit for bit. What is no checkpoint of a training is not believed. */
#include "planted_probe.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "salient/safetensors.h"
#include "scratch_group.h"

enum { DOCUMENTS = 20 };

static const struct {
    sal_probe_kind kind;
    sal_probe_loss loss;
    bool attention;
} networks[] = {{SAL_PROBE_MLP, SAL_PROBE_KL, false},
                {SAL_PROBE_ALL_LAYERS, SAL_PROBE_MSE, false}, /* batch norms, halved rates */
                {SAL_PROBE_ARTICLE, SAL_PROBE_KL, true}};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

typedef struct countdown {
    int64_t asked, most; /* most < 0: never */
} countdown;

static bool is_over(void *context) {
    countdown *count = context;
    return count->most >= 0 && count->asked >= count->most ? true : (count->asked++, false);
}

static size_t count_files(const char *path) {
    size_t count = 0;
    DIR *files = opendir(path);
    if (files == NULL)
        return 0;
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files))
        count += file->d_name[0] != '.';
    closedir(files);
    return count;
}

static sal_probe_options options_of(int network, const char *save) {
    sal_probe_options options = planted_options();
    memset(options.controls, 0, sizeof options.controls);
    options.kind = networks[network].kind;
    options.loss = networks[network].loss;
    options.attention = networks[network].attention;
    options.layers = "1";
    options.seeds = 1;
    options.epochs = 4;
    options.threads = 1;
    options.checkpoint_seconds = 0;
    options.save_folder = save;
    return options;
}

static int run(const char *path, const sal_probe_options *options, countdown *count,
               sal_tally *tally) {
    sal_error err = {0};
    const sal_progress progress = {.cancelled = is_over, .context = count};
    sal_study *study = open_study(path, SAL_STUDY_WRITE);
    const int status = sal_probe_run(study, options, &progress, tally, &err);
    if (status != SAL_OK && status != SAL_ECANCELLED)
        fail_msg("%s", err.text);
    close_study(study);
    return status;
}

static char *export(const char *path) {
    sal_error err = {0};
    sal_buffer out = {0};
    sal_study *study = open_study(path, SAL_STUDY_READ);
    const sal_sink sink = sal_buffer_sink(&out);
    assert_ok(sal_export_table(study, "probes", NULL, SAL_FORMAT_CSV, &sink, &err));
    close_study(study);
    return out.bytes;
}

/* Every file of the first folder is in the second, byte for byte. */
static void assert_same_files(const char *a, const char *b, size_t expected) {
    size_t count = 0;
    DIR *files = opendir(a);
    assert_non_null(files);
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
        char paths[2][600], digests[2][65];
        sal_error err = {0};
        if (file->d_name[0] == '.')
            continue;
        snprintf(paths[0], sizeof paths[0], "%s/%s", a, file->d_name);
        snprintf(paths[1], sizeof paths[1], "%s/%s", b, file->d_name);
        for (int i = 0; i < 2; i++)
            assert_ok(sal_sha256_file(paths[i], digests[i], &err));
        assert_string_equal(digests[0], digests[1]);
        count++;
    }
    closedir(files);
    assert_int_equal(count, expected);
}

static void interrupted_within_trainings_the_end_is_the_same(void **state) {
    static const double points[] = {.02, .13, .31, .5, .55, .77, .96};
    char whole[160], broken[160], saved[2][160], corpora[2][200], checkpoints[200];
    (void)state;
    plant(below(folder, "whole", whole), SIGNAL, 4, DOCUMENTS);
    plant(below(folder, "broken", broken), SIGNAL, 4, DOCUMENTS);
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", broken);
    for (int n = 0; n < (int)NETWORKS; n++) {
        char name[2][32];
        countdown all = {.most = -1};
        sal_tally tally = {0};
        size_t from_checkpoint = 0;
        for (int i = 0; i < 2; i++) {
            snprintf(name[i], sizeof name[i], "save%d_%d", n, i);
            (void)below(folder, name[i], saved[i]);
            snprintf(corpora[i], sizeof corpora[i], "%.150s/news", saved[i]);
        }
        sal_probe_options options = options_of(n, saved[0]);
        assert_int_equal(run(whole, &options, &all, &tally), SAL_OK);
        options.save_folder = saved[1];
        for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
            countdown some = {.most = (int64_t)(points[p] * (double)all.asked) / 7 + 3};
            if (run(broken, &options, &some, &tally) == SAL_OK)
                break;
            from_checkpoint += count_files(checkpoints);
        }
        countdown rest = {.most = -1};
        assert_int_equal(run(broken, &options, &rest, &tally), SAL_OK);
        assert_true(from_checkpoint > 2);    /* it did stop within trainings, */
        assert_true(rest.asked < all.asked); /* and went on there */
        assert_int_equal(access(checkpoints, F_OK), -1);
        char *a = export(whole), *b = export(broken);
        assert_string_equal(a, b);
        sal_free(a);
        sal_free(b);
        assert_same_files(corpora[0], corpora[1], 5);
    }
}

static void weights_that_are_asked_for_later_are_the_same(void **state) {
    char whole[160], first[160], later[160], a[200], b[200];
    countdown never = {.most = -1};
    sal_tally tally = {0};
    (void)state;
    (void)below(folder, "whole", whole);
    sal_probe_options options = options_of(0, below(folder, "later", later));
    assert_int_equal(run(whole, &options, &never, &tally), SAL_OK); /* trained again */
    snprintf(a, sizeof a, "%s/news", below(folder, "save0_0", first));
    snprintf(b, sizeof b, "%s/news", later);
    assert_same_files(a, b, 5);
    never.asked = 0;
    assert_int_equal(run(whole, &options, &never, &tally), SAL_OK);
    assert_true(never.asked < 20); /* nothing is left to be done */
}

/* The names are those of the original's classes, the shapes those of its layers. */
static void saved_weights_have_pytorchs_names(void **state) {
    char path[300];
    sal_error err = {0};
    sal_safetensors *file = NULL;
    const sal_tensor *tensor = NULL;
    (void)state;
    snprintf(path, sizeof path, "%s/save0_0/news/mlp_kl_01_seed1_round0.safetensors", folder);
    assert_ok(sal_safetensors_open(path, &file, &err));
    assert_ok(sal_safetensors_find(file, "network.0.weight", &tensor, &err));
    assert_int_equal(tensor->shape[0], 512);
    assert_int_equal(tensor->shape[1], PLANTED_WIDTH);
    assert_ok(sal_safetensors_find(file, "input.scale", &tensor, &err));
    assert_int_equal(tensor->shape[0], PLANTED_WIDTH);
    assert_string_equal(sal_safetensors_metadata(file, "epochs"), "4");
    sal_safetensors_close(file);
    snprintf(path, sizeof path, "%s/save1_0/news/all-layers_mse_all_seed1_round4.safetensors",
             folder);
    assert_ok(sal_safetensors_open(path, &file, &err));
    size_t count = 0, norms = 0;
    const sal_tensor *all = sal_safetensors_tensors(file, &count);
    for (size_t i = 0; i < count; i++)
        norms += strstr(all[i].name, "running_var") != NULL;
    assert_true(norms > 0);
    sal_safetensors_close(file);
}

/* Weights of a linear probe predict what the probe predicted. */
static void saved_linear_weights_are_the_probes(void **state) {
    char path[160], save[160], file_path[300];
    sal_error err = {0};
    sal_safetensors *file = NULL;
    const sal_tensor *tensor = NULL;
    double weights[5 * PLANTED_WIDTH];
    (void)state;
    sal_probe_options options = planted_options();
    memset(options.controls, 0, sizeof options.controls);
    options.save_folder = below(folder, "linear", save);
    sal_probe_tables_free(planted_run(below(folder, "whole", path), &options, NULL));
    snprintf(file_path, sizeof file_path, "%s/news/linear_01.safetensors", save);
    assert_ok(sal_safetensors_open(file_path, &file, &err));
    assert_ok(sal_safetensors_find(file, "weight", &tensor, &err));
    assert_int_equal(tensor->shape[0], 5);
    assert_int_equal(tensor->shape[1], PLANTED_WIDTH);
    assert_ok(sal_safetensors_read(file, tensor, 0, 5 * PLANTED_WIDTH, weights, &err));
    for (size_t r = 0; r < 5; r++) /* y is x0/3 and -x1/2, seen with noise .1: both are used */
        assert_true(weights[r * PLANTED_WIDTH] > .05 && weights[r * PLANTED_WIDTH + 1] < -.05);
    sal_safetensors_close(file);
}

static void only_checkpoint(char path[600], const char *checkpoints) {
    DIR *files = opendir(checkpoints);
    assert_non_null(files);
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files))
        if (file->d_name[0] != '.')
            snprintf(path, 600, "%s/%.255s", checkpoints, file->d_name);
    closedir(files);
}

/* Cut off, or of another training: the training begins anew and ends the same. */
static void what_is_no_checkpoint_is_not_believed(void **state) {
    char whole[160], path[160], checkpoints[200];
    (void)state;
    plant(below(folder, "twin", whole), SIGNAL, 4, DOCUMENTS);
    plant(below(folder, "damaged", path), SIGNAL, 4, DOCUMENTS);
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", path);
    for (int damage = 0; damage < 2; damage++) {
        char file[600] = "";
        sal_tally tally = {0};
        countdown some = {.most = 21}, never = {.most = -1};
        sal_probe_options options = options_of(0, NULL);
        options.seed = 1 + (uint64_t)damage; /* trainings of its own */
        assert_int_equal(run(path, &options, &some, &tally), SAL_ECANCELLED);
        only_checkpoint(file, checkpoints);
        assert_true(file[0] != '\0');
        if (damage == 0) {
            assert_int_equal(truncate(file, 2000), 0);
        } else { /* a whole file, of something else */
            const float number = 1;
            sal_error err = {0};
            const sal_tensor tensor = {"weights", SAL_F32, 1, {1}, &number};
            assert_ok(sal_safetensors_write(file, &tensor, 1, NULL, 0, &err));
        }
        assert_int_equal(run(path, &options, &never, &tally), SAL_OK);
        sal_tally again = {0};
        never.asked = 0;
        assert_int_equal(run(whole, &options, &never, &again), SAL_OK);
        char *a = export(path), *b = export(whole);
        assert_string_equal(a, b);
        sal_free(a);
        sal_free(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_within_trainings_the_end_is_the_same),
        cmocka_unit_test(weights_that_are_asked_for_later_are_the_same),
        cmocka_unit_test(saved_weights_have_pytorchs_names),
        cmocka_unit_test(saved_linear_weights_are_the_probes),
        cmocka_unit_test(what_is_no_checkpoint_is_not_believed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
