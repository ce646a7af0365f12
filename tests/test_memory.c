/* Peak memory of the program on a model with a vocabulary of 128,000 tokens, when all positions of a long text are wanted: every row of the
 * last state that libllama outputs reserves a row of the vocabulary, half a megabyte here. */
/* wait4 is no part of POSIX. */
#define _DEFAULT_SOURCE

#include "testing.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "salient/safetensors.h"
#include "tiny_gguf.h"

enum {
    VOCABULARY = 128000,
    LAYERS = 4,
    WIDTH = 64,
    CONTEXT = 8192,
    LETTERS = 6500,
    MEBI = 1 << 20
};
static const double allowed = 300e6; /* bytes beyond weights and cache */

typedef struct fixture {
    const char *program;
    char folder[64], model[96], text[96], out[96], study[96];
    double weights, cache;
} fixture;

static void write_text(const char *path) {
    static const char *const words[] = {"the ", "ferry ", "sank ", "near ",
                                        "an ",  "old ",   "quay ", "\n"};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0, length = 0; length < LETTERS; i++) {
        const char *word = words[i * i % 8 % 7 + (i % 50 == 49)];
        length += strlen(word);
        assert_true(fputs(word, file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
    static fixture f;
    struct stat info;
    tiny_gguf shape = tiny_gguf_default("llama");
    f.program = getenv("SALIENT");
    if (f.program == NULL)
        fprintf(stderr, "SKIPPED 4: SALIENT does not name the program (ctest does)\n");
    make_scratch_folder(f.folder);
    snprintf(f.model, sizeof f.model, "%s/wide.gguf", f.folder);
    snprintf(f.text, sizeof f.text, "%s/text.txt", f.folder);
    snprintf(f.out, sizeof f.out, "%s/out.safetensors", f.folder);
    snprintf(f.study, sizeof f.study, "%s/study", f.folder);
    shape.layers = LAYERS;
    shape.width = WIDTH;
    shape.context = CONTEXT;
    shape.vocabulary = VOCABULARY;
    tiny_gguf_write(&shape, f.model);
    write_text(f.text);
    assert_int_equal(stat(f.model, &info), 0);
    f.weights = (double)info.st_size;
    f.cache =
        (double)LAYERS * CONTEXT * 2 * (WIDTH / 2) * 2; /* keys and values of two heads, halves */
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    remove_scratch_folder(((const fixture *)*state)->folder);
    return 0;
}

/* Run the program to its end. return its peak memory, bytes */
static double peak_of(const fixture *f, const char *const *words) {
    struct rusage usage;
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere >= 0)
            (void)dup2(nowhere, STDOUT_FILENO);
        (void)execv(f->program, (char *const *)words);
        _exit(127);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return (double)usage.ru_maxrss * 1024;
}

static void hold(const fixture *f, const char *what, double peak) {
    const double beyond = peak - f->weights - f->cache;
    printf("  %s: %.0f MB beyond %.0f MB of weights and cache\n", what, beyond / 1e6,
           (f->weights + f->cache) / 1e6);
    assert_true(beyond > 0 && beyond < allowed);
}

static void tap(const fixture *f, const char *compute) {
    const char *const words[] = {f->program, "tap",      "--model",     f->model, "--text",
                                 f->text,    "--hidden", "--positions", "all",    "--compute",
                                 compute,    "-q",       "-o",          f->out,   NULL};
    sal_error err = {0};
    sal_safetensors *file = NULL;
    const sal_tensor *hidden = NULL;
    if (f->program == NULL)
        skip();
    hold(f, compute, peak_of(f, words));
    assert_ok(sal_safetensors_open(f->out, &file, &err));
    assert_ok(sal_safetensors_find(file, "hidden", &hidden, &err));
    assert_int_equal(hidden->shape[0], LAYERS + 1);
    assert_true(hidden->shape[1] > 4000); /* no row was left out */
    sal_safetensors_close(file);
}

static void tap_of_all_positions_by_our_backend(void **state) {
    tap(*state, "f32");
}

static void tap_of_all_positions_by_libllama_alone(void **state) {
    tap(*state, "stock");
}

static void states(const fixture *f, const char *compute) {
    char study[128];
    if (f->program == NULL)
        skip();
    snprintf(study, sizeof study, "%s-%s", f->study, compute);
    const char *const import[] = {f->program, "import", study, f->text, "-q", NULL};
    const char *const words[] = {f->program,  "states", study, "--model", f->model,
                                 "--compute", compute,  "-q",  NULL};
    (void)peak_of(f, import);
    hold(f, compute, peak_of(f, words));
}

static void states_by_our_backend(void **state) {
    states(*state, "f32");
}

static void states_by_libllama_alone(void **state) {
    states(*state, "stock");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tap_of_all_positions_by_our_backend),
        cmocka_unit_test(tap_of_all_positions_by_libllama_alone),
        cmocka_unit_test(states_by_our_backend),
        cmocka_unit_test(states_by_libllama_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
