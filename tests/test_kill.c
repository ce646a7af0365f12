/* The whole pipeline killed, interrupted and started again: in the end the study is that of a run that nothing happened to, byte for
 * byte. Six kills here; a hundred with SALIENT_LONG=1 (make test-long), which must hit every stage. */
#include "program.h"

#include "salient/random.h"
#include "small_study.h"

enum { STEPS = 9, SHORT_KILLS = 6, LONG_KILLS = 100 };

/* Step by step what `salient run` does with the plan below. */
static const char *const stages[STEPS + 1] = {"?",          "import", "summarize", "summarize",
                                              "importance", "heads",  "states",    "probe",
                                              "compare",    "report"};

static small_place place;

static int set_up(void **state) {
    (void)state;
    enter_small_study(&place);
    write_text(
        "plan.yaml",
        "study: study\nmodel: m.gguf\nimport: {files: news.jsonl, corpus: news}\nsummarize:\n"
        "  - {with: [lead, random, reference], lengths: \"4:12:4\"}\n"
        "  - {with: $model, as: m, template: text-first, length-policy: trim, lengths: \"4:12:4\", "
        "max-tokens: 12}\n"
        "importance: {protocol: strict}\n"
        "heads: {model: $model, by: lead, permutations: 32}\n"
        "states: {model: $model}\n"
        "probe: {model: $model, by: lead, seeds: 1, controls: position}\n"
        "compare: {protocols: true}\nreport:\n");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    leave_small_study(&place);
    return 0;
}

/* ---- what is compared ------------------------------------------------------------------------------------ */

static const char *const tables[] = {"documents", "summarizers", "summaries", "importance", "heads",
                                     "states",    "probes",      "agreement", "scores"};

/* All tables and files of a study that say what was found, one after the other, the report without its list of runs; free with free(). */
static char *exports_of(const char *study) {
    char line[200], command[300];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(line, sizeof line, "export %s --table %s -o %s.jsonl", study, tables[i],
                 tables[i]);
        program_must(EXIT_DONE, line);
    }
    snprintf(line, sizeof line, "verify %s", study);
    program_must(EXIT_DONE, line);
    snprintf(
        command, sizeof command,
        "for t in */report.html; do sed 's/\"runs\":\\[.*//' $t >report; done; cat *.jsonl >all; "
        "(sha256sum report; cd %s; find . -name '*.safetensors' | sort | xargs sha256sum; find . | "
        "sort) "
        ">>all",
        study);
    assert_int_equal(system(command), 0);
    return program_read("all");
}

/* The step that a run was in, by what it said. */
static int step_of(const char *err_file) {
    int step = 0, last = 0, steps = 0;
    char *said = program_read(err_file);
    for (char *at = said; (at = strstr(at, "step ")) != NULL; at++)
        if (sscanf(at, "step %d of %d:", &step, &steps) == 2) {
            assert_int_equal(steps, STEPS);
            last = step;
        }
    free(said);
    return last;
}

static void sleep_seconds(double seconds) {
    const struct timespec time = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    nanosleep(&time, NULL);
}

/* The study of a run that nothing happens to; made once. */
static char *expected(double *seconds) {
    static char *whole;
    static double took;
    if (whole == NULL) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        program_must(EXIT_DONE, "run plan.yaml");
        clock_gettime(CLOCK_MONOTONIC, &after);
        took = (double)(after.tv_sec - before.tv_sec) +
               (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
        whole = exports_of("study");
        assert_int_equal(system("rm -rf study"), 0);
    }
    *seconds = took;
    return whole;
}

static void must_equal_expected(void) {
    double seconds = 0;
    char *made = exports_of("study");
    if (strcmp(made, expected(&seconds)) != 0) {
        write_text("made", made);
        write_text("expected", expected(&seconds));
        (void)!system("diff expected made | cut -c 1-300 | head -20 >&2");
        fail_msg("the study differs from that of a run that nothing happened to");
    }
    free(made);
    assert_int_equal(system("rm -rf study"), 0);
}

/* ---- SIGKILL --------------------------------------------------------------------------------------------- */

/* Wait until a run is in a step, for a minute at most; false when it ended before. */
static bool wait_for_step(pid_t child, int step, int *ended) {
    for (int i = 0; i < 60000; i++) {
        if (waitpid(child, ended, WNOHANG) == child)
            return false;
        if (step_of("err") >= step)
            return true;
        sleep_seconds(0.001);
    }
    fail_msg("step %d does not come", step);
    return false;
}

/* Kill run after run, each going on from where the one before was: the i-th at a random moment after it reached a step, the steps in
 * turn, so that a study sees several kills in each of its stages before it is done. */
static void a_run_killed_anywhere_ends_as_one_that_was_not(void **state) {
    const int kills = getenv("SALIENT_LONG") != NULL ? LONG_KILLS : SHORT_KILLS;
    const int turn = kills == LONG_KILLS ? 3 * STEPS : SHORT_KILLS; /* kills of one study */
    int killed = 0, aimed = 0, hits[STEPS + 1] = {0};
    double seconds = 0;
    sal_random random;
    (void)state;
    (void)expected(&seconds);
    sal_random_seed(&random, 17);
    while (killed < kills) {
        int ended = 0;
        const int step = 1 + aimed * STEPS / turn;
        write_text("err", "");
        const pid_t child = program_start("run plan.yaml", "out", "err");
        if (wait_for_step(child, step, &ended)) {
            const double moments[] = {0.002, 0.02, seconds / STEPS}; /* steps are short and long */
            sleep_seconds(moments[aimed % 3] * sal_random_uniform(&random));
            kill(child, SIGKILL);
            ended = program_wait(child);
        }
        if (WIFSIGNALED(ended)) {
            assert_int_equal(WTERMSIG(ended), SIGKILL);
            killed++;
            hits[step_of("err")]++;
        } else {
            assert_int_equal(WEXITSTATUS(ended), EXIT_DONE);
        }
        if (++aimed == turn) { /* the next study */
            program_must(EXIT_DONE, "run plan.yaml");
            must_equal_expected();
            aimed = 0;
        }
    }
    program_must(EXIT_DONE, "run plan.yaml");
    must_equal_expected();
    for (int step = 1; step <= STEPS; step++) {
        print_message("step %d, %s: %d kills\n", step, stages[step], hits[step]);
        if (kills == LONG_KILLS)
            assert_true(hits[step] > 0);
    }
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------------------- */

static void interrupted_in_every_stage_it_says_so_and_goes_on(void **state) {
    int interrupted = 0;
    (void)state;
    for (int step = 1; step <= STEPS; step++) {
        int ended = 0;
        write_text("err", "");
        const pid_t child = program_start("run plan.yaml", "out", "err");
        if (wait_for_step(child, step, &ended)) {
            kill(child, SIGINT);
            ended = program_wait(child);
        }
        assert_true(WIFEXITED(ended));
        if (WEXITSTATUS(ended) != EXIT_DONE) { /* else it was through before the signal came */
            char *said = program_read("err");
            if (WEXITSTATUS(ended) != EXIT_INTERRUPTED || strstr(said, "interrupted;") == NULL)
                fail_msg("step %d: status %d: %s", step, WEXITSTATUS(ended), said);
            free(said);
            interrupted++;
        }
    }
    assert_true(interrupted >= STEPS - 2);
    program_must(EXIT_DONE, "run plan.yaml");
    must_equal_expected();
}

/* ---- two at once ----------------------------------------------------------------------------------------- */

/* Stop a run while it has the study open, and not in the moments of opening or closing it. */
static void stop_in_mid_work(pid_t child) {
    for (int i = 0; i < 1000; i++) {
        kill(child, SIGSTOP);
        if (access("study/study.lock", F_OK) == 0 && access("study/study.db-wal", F_OK) == 0)
            return;
        kill(child, SIGCONT);
        sleep_seconds(0.003);
    }
    fail_msg("the study is never in work");
}

static void of_two_writers_one_is_told(void **state) {
    int ended = 0;
    (void)state;
    write_text("err", "");
    const pid_t first = program_start("run plan.yaml", "out2", "err");
    assert_true(wait_for_step(first, 3, &ended));
    stop_in_mid_work(first);
    static const char *const lines[] = {"import study news.jsonl --corpus news",
                                        "summarize study --with tail",
                                        "states study --model m.gguf"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(program_run(lines[i], "out", "err2"), EXIT_FAILED);
        char *said = program_read("err2");
        if (strstr(said, "is writing to this study") == NULL)
            fail_msg("%s says: %s", lines[i], said);
        free(said);
    }
    program_must(EXIT_DONE, "export study --table documents -o documents.jsonl");
    kill(first, SIGCONT);
    ended = program_wait(first);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == EXIT_DONE);
    must_equal_expected();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_killed_anywhere_ends_as_one_that_was_not),
        cmocka_unit_test(interrupted_in_every_stage_it_says_so_and_goes_on),
        cmocka_unit_test(of_two_writers_one_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
