/* A model that libllama does not survive is an error of the command; a good one is tried once. */
#include "program.h"

#include "salient/random.h"
#include "tiny_gguf.h"

#include <dirent.h>
#include <limits.h>

enum { HEADER_BYTES = 6500, SHORT_FILES = 40, LONG_FILES = 3000 };

static char folder[64], home[PATH_MAX];

static int set_up(void **state) {
    const tiny_gguf model = tiny_gguf_default("llama");
    (void)state;
    make_scratch_folder(folder);
    assert_non_null(getcwd(home, sizeof home));
    assert_int_equal(chdir(folder), 0);
    setenv("SALIENT_CACHE", "cache", 1);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    tiny_gguf_write(&model, "good.gguf");
    FILE *text = fopen("good.txt", "w");
    assert_non_null(text);
    fputs("A ferry sank near the harbour. Nobody was hurt.\n", text);
    assert_int_equal(fclose(text), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(chdir(home), 0);
    remove_scratch_folder(folder);
    return 0;
}

static void write_file(const char *path, const sal_buffer *content) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content->bytes, 1, content->length, file), content->length);
    assert_int_equal(fclose(file), 0);
}

static void replace_all(sal_buffer *file, const char *from, const char *to) {
    const size_t length = strlen(from);
    for (size_t at = 0; at + length <= HEADER_BYTES; at++)
        if (memcmp(file->bytes + at, from, length) == 0)
            memcpy(file->bytes + at, to, length);
}

/* good.gguf with some bytes replaced by as many others. */
static void write_changed(const char *path, const char *from, const char *to) {
    sal_buffer whole = {0};
    sal_error err = {0};
    size_t at = 0;
    const size_t length = strlen(from);
    assert_ok(sal_file_read_all("good.gguf", (size_t)1 << 30, &whole, &err));
    while (at + length <= whole.length && memcmp(whole.bytes + at, from, length) != 0)
        at++;
    assert_true(at + length <= whole.length);
    memcpy(whole.bytes + at, to, length);
    write_file(path, &whole);
    sal_buffer_free(&whole);
}

static int remembered(void) {
    DIR *verdicts = opendir("cache/tried");
    int count = 0;
    if (verdicts == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(verdicts)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(verdicts);
    return count;
}

static void expect_error(const char *line, const char *begin, const char *within) {
    program_must(EXIT_FAILED, line);
    char *said = program_read("err");
    if (strncmp(said, begin, strlen(begin)) != 0 || strstr(said, within) == NULL)
        fail_msg("%s says: %s", line, said);
    free(said);
}

/* A byte-level vocabulary called RWKV's: libllama 0.3.36 looks for a token that is not there and throws past everyone. */
static void a_file_that_ends_libllama_is_an_error_of_every_command(void **state) {
    (void)state;
    write_changed("bad.gguf", "gpt2", "rwkv");
    assert_int_equal(program_run(GUARD_WORD " bad.gguf", "out", "err"), -SIGABRT); /* unguarded */
    program_must(EXIT_DONE, "import study good.txt");
    static const char *const lines[] = {"model info bad.gguf",
                                        "model convert bad.gguf out.gguf --type f16",
                                        "tap --model bad.gguf -o o.st",
                                        "tap --model=bad.gguf -o o.st",
                                        "summarize study --with bad.gguf",
                                        "states study --model bad.gguf",
                                        "heads study --model bad.gguf",
                                        "doctor bad.gguf"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char begin[100];
        const int words = strncmp(lines[i], "model ", 6) == 0 ? 2 : 1;
        const char *end = strchr(lines[i], ' ');
        end = words == 2 ? strchr(end + 1, ' ') : end;
        snprintf(begin, sizeof begin,
                 "salient %.*s: bad.gguf: libllama does not survive this file (",
                 (int)(end - lines[i]), lines[i]);
        expect_error(lines[i], begin, "fetch it again");
    }
    assert_int_equal(remembered(), 0);
}

static void a_plan_finds_it_before_its_step(void **state) {
    (void)state;
    write_changed("bad.gguf", "gpt2", "rwkv");
    FILE *plan = fopen("plan.yaml", "w");
    assert_non_null(plan);
    fprintf(plan, "study: planned\nimport: {files: good.txt}\nstates: {model: bad.gguf}\n");
    assert_int_equal(fclose(plan), 0);
    program_must(EXIT_FAILED, "run plan.yaml");
    char *said = program_read("err");
    assert_non_null(strstr(said, "salient states: bad.gguf: libllama does not survive this file"));
    free(said);
}

static void what_does_not_read_forward_is_refused(void **state) {
    (void)state;
    sal_buffer whole = {0};
    sal_error err = {0};
    assert_ok(sal_file_read_all("good.gguf", (size_t)1 << 30, &whole, &err));
    replace_all(&whole, "llama", "dream"); /* made by diffusion */
    write_file("dream.gguf", &whole);
    sal_buffer_free(&whole);
    expect_error("tap --model dream.gguf --text good.txt --attention -o o.st",
                 "salient tap: dream.gguf: dream models do not read a text from left to right", "");
    program_must(EXIT_DONE, "import study good.txt");
    expect_error("summarize study --with dream.gguf --length-policy trim",
                 "salient summarize: dream.gguf: dream models do not generate from a prompt alone",
                 "");
}

static void what_is_only_malformed_is_told_as_ever(void **state) {
    (void)state;
    write_changed("short.gguf", "llama.block_count", "llama.block_clown");
    expect_error("model info short.gguf", "salient model info: short.gguf: ", "llama.block_count");
}

static void a_good_model_is_tried_once_until_it_changes(void **state) {
    (void)state;
    const int before = remembered();
    program_must(EXIT_DONE, "model info good.gguf");
    assert_int_equal(remembered(), before + 1);
    program_must(EXIT_DONE, "model info good.gguf");
    assert_int_equal(remembered(), before + 1);
    write_changed("good.gguf", "llama", "llama"); /* the same bytes, but who knows */
    program_must(EXIT_DONE, "model info good.gguf");
    assert_int_equal(remembered(), before + 2);
}

static void it_can_be_left_out(void **state) {
    (void)state;
    write_changed("bad.gguf", "gpt2", "rwkv");
    setenv("SALIENT_GUARD", "off", 1);
    program_must(EXIT_DONE,
                 "model info bad.gguf"); /* opens the vocabulary alone, which goes well */
    unsetenv("SALIENT_GUARD");
}

/* ---- any damage ------------------------------------------------------------------------------------------- */

/* Some bytes of the header are others, in every fourth file the architecture, too, in every fourth the tokenizer. */
static void damage(uint64_t seed) {
    static const char *const architectures[] = {"gemma", "qwen2", "qwen3", "orion",
                                                "dream", "plamo", "mamba", "rwkv6",
                                                "bloom", "jamba", "olmo2"};
    static const char *const tokenizers[] = {"bert", "rwkv", "gpt3", "none"};
    sal_buffer whole = {0};
    sal_error err = {0};
    sal_random random;
    assert_ok(sal_file_read_all("good.gguf", (size_t)1 << 30, &whole, &err));
    sal_random_seed(&random, seed);
    if (seed % 4 == 1)
        replace_all(&whole, "llama", architectures[sal_random_below(&random, 11)]);
    if (seed % 4 == 2)
        replace_all(&whole, "gpt2", tokenizers[sal_random_below(&random, 4)]);
    const size_t range = seed % 2 == 0 ? 640 : HEADER_BYTES;
    for (uint64_t i = 0; i < seed % 3; i++)
        whole.bytes[sal_random_below(&random, range)] = (char)sal_random_next(&random);
    write_file("damaged.gguf", &whole);
    sal_buffer_free(&whole);
}

/* The command loads the weights and computes with them. */
static void no_damage_ends_the_program(void **state) {
    const uint64_t files = getenv("SALIENT_LONG") != NULL ? LONG_FILES : SHORT_FILES;
    int ran = 0, refused = 0, survived_not = 0, ended = 0;
    (void)state;
    for (uint64_t seed = 0; seed < files; seed++) {
        damage(seed);
        const int status =
            program_run("tap --model damaged.gguf --text good.txt --attention -o o.st --threads 1",
                        "out", "err");
        char *said = program_read("err");
        if (status != EXIT_DONE &&
            (status != EXIT_FAILED || strstr(said, "damaged.gguf") == NULL)) {
            print_error("file %llu: exit status %d: %s\n", (unsigned long long)seed, status, said);
            ended++;
        }
        ran += status == EXIT_DONE;
        refused += status == EXIT_FAILED;
        survived_not += strstr(said, "does not survive") != NULL;
        free(said);
    }
    print_message("%d files computed, %d refused, %d of them by the child\n", ran, refused,
                  survived_not);
    assert_int_equal(ended, 0);
    assert_true(ran > 0 && survived_not > 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_ends_libllama_is_an_error_of_every_command),
        cmocka_unit_test(a_plan_finds_it_before_its_step),
        cmocka_unit_test(what_does_not_read_forward_is_refused),
        cmocka_unit_test(what_is_only_malformed_is_told_as_ever),
        cmocka_unit_test(a_good_model_is_tried_once_until_it_changes),
        cmocka_unit_test(it_can_be_left_out),
        cmocka_unit_test(no_damage_ends_the_program),
    };
    if (argc == 3 && strcmp(argv[1], GUARD_WORD) == 0)
        return salient_main(argc, argv); /* this program, started as the child */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
