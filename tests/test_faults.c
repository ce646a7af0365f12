/* Every stage on a system that fails: one call at a time (allocations, opens, reads, writes, syncs, closes, renames, steps of SQLite and its
 * own memory), a full disk, a study that cannot be written.
 *
 * Which calls: those from places not seen before in a run of the stage that goes well, a place being a chain of callers. Some of them
 * here, all with SALIENT_LONG=1 (make test-long). Each time
 *   - the command ends with an exit status it may have and, where it failed, says why; it neither crashes nor leaks;
 *   - the study verifies, and the same command on the sound system ends with what it would have made at once. */
#include "program.h"

#include "small_study.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { SHORT_PLACES = 2, SHORT_ALLOCATIONS = 4 };

typedef struct faulty_stage {
    const char *line;
    const char *table; /* what it makes; NULL: the report */
} faulty_stage;

static const faulty_stage stages[] = {
    {"import study news.jsonl --corpus news", "documents"},
    {"summarize study --with lead --with random --lengths 4,8", "summaries"},
    {"summarize study --with m.gguf --as m --template text-first --length-policy trim --lengths "
     "4,8 --max-tokens 12 --threads 1",
     "summaries"},
    {"importance study", "importance"},
    {"heads study --model m.gguf --by lead --permutations 16 --layers all --threads 1", "heads"},
    {"ablate study --model m.gguf --by lead --top 1 --draws 2 --threads 1", "ablations"},
    {"states study --model m.gguf --threads 1", "states"},
    {"probe study --model m.gguf --by lead --seeds 1 --controls position --threads 1", "probes"},
    {"compare study", "agreement"},
    {"report study", NULL},
};
enum { STAGES = sizeof stages / sizeof stages[0] };

static const char *const kind_names[SAL_FAULTY_KINDS] = {
    "allocation", "open", "read", "write", "sync", "close", "rename", "step", "SQLite's memory"};

/* What a child tells. */
typedef struct told {
    bool reached; /* the call came and failed */
    sal_faulty_places places[SAL_FAULTY_KINDS];
} told;

static small_place place;
static told *shared;

static void shell(const char *format, ...) SAL_PRINTF(1, 2);
static void shell(const char *format, ...) {
    char command[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* Before each stage the study is kept as before-N; what it made is in made-N. */
static void make_studies(void) {
    char line[200];
    for (int i = 0; i < STAGES; i++) {
        if (i > 0)
            shell("cp -r study before-%d", i);
        program_must(EXIT_DONE, stages[i].line);
        if (stages[i].table != NULL) {
            snprintf(line, sizeof line, "export study --table %s -o made-%d", stages[i].table, i);
            program_must(EXIT_DONE, line);
        }
    }
    shell("mv study whole");
}

static int set_up(void **state) {
    (void)state;
    enter_small_study(&place);
    const int zero = open("/dev/zero", O_RDWR);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    assert_true(shared != MAP_FAILED);
    make_studies();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    leave_small_study(&place);
    return 0;
}

static void bring_before(int number) {
    if (number > 0)
        shell("rm -rf study && cp -r before-%d study", number);
    else
        shell("rm -rf study");
}

/* What a command said on standard error must name it. */
static void must_say_why(const char *line, const char *where) {
    char begin[64];
    char *said = program_read("err");
    snprintf(begin, sizeof begin, "salient %.*s: ", (int)strcspn(line, " "), line);
    if (strstr(said, begin) == NULL)
        fail_msg("%s (%s) failed and says: '%s'", line, where, said);
    free(said);
}

/* The study is sound, and the command goes on from there to what it makes. */
static void must_go_on(int number, const char *where) {
    char line[200];
    if (access("study/study.db", F_OK) == 0 &&
        program_run("verify study", "out", "err") != EXIT_DONE) {
        char *said = program_read("out");
        fail_msg("%s, %s: the study does not verify: %s", stages[number].line, where, said);
    }
    program_must(EXIT_DONE, stages[number].line);
    if (stages[number].table != NULL) {
        snprintf(line, sizeof line, "export study --table %s -o made", stages[number].table);
        program_must(EXIT_DONE, line);
        shell("cmp made made-%d", number);
    }
    shell("! find study -name '*.partial*' | grep .");
}

/* ---- one call fails --------------------------------------------------------------------------------------- */

/* In a child: note the places of all calls, or (kind >= 0) have one of them fail. */
static int run_faulty(const char *line, int kind, long number) {
    fflush(NULL);
    shared->reached = false;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const long before = sal_faulty_blocks();
        program made;
        program_words(&made, line);
        program_redirect("out", "err");
        sal_faulty_sqlite();
        if (kind < 0)
            sal_faulty_note_places(shared->places);
        else
            sal_faulty_fail_once((sal_faulty_kind)kind, number);
        int status = salient_main(made.count, made.words);
        sal_faulty_note_places(NULL);
        shared->reached = sal_faulty_reset();
        if (sal_faulty_blocks() != before)
            status = PROGRAM_LEAKS;
        exit(status);
    }
    const int ended = program_wait(child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
}

static void fail_one(int number, int kind, long call) {
    char where[100];
    const char *line = stages[number].line;
    snprintf(where, sizeof where, "%s %ld fails", kind_names[kind], call);
    bring_before(number);
    const int status = run_faulty(line, kind, call);
    if (status == EXIT_FAILED) {
        must_say_why(line, where);
    } else if (status != EXIT_DONE && status != EXIT_INCOMPLETE) {
        char *said = program_read("err");
        fail_msg("%s, %s: exit status %d: %s", line, where, status, said);
    }
    if (shared->reached || kind == SAL_FAULTY_ALLOCATION)
        must_go_on(number, where);
}

static void fail_each(int number) {
    const bool all = getenv("SALIENT_LONG") != NULL;
    static sal_faulty_places places[SAL_FAULTY_KINDS];
    memset(shared, 0, sizeof *shared);
    bring_before(number);
    assert_int_equal(run_faulty(stages[number].line, -1, 0), EXIT_DONE);
    memcpy(places, shared->places, sizeof places);
    print_message("%.40s:", stages[number].line);
    for (int kind = 0; kind < SAL_FAULTY_KINDS; kind++) {
        const long count = places[kind].count;
        const long some = kind == SAL_FAULTY_ALLOCATION ? SHORT_ALLOCATIONS : SHORT_PLACES;
        const long tried = all || count < some ? count : some;
        for (long i = 0; i < tried; i++)
            fail_one(number, kind, places[kind].numbers[count * i / tried]);
        print_message(" %s %ld of %ld places, %ld calls;", kind_names[kind], tried, count,
                      places[kind].calls);
    }
    print_message("\n");
}

static void any_call_may_fail(void **state) {
    (void)state;
    for (int number = 0; number < STAGES; number++)
        fail_each(number);
}

/* ---- a full disk ------------------------------------------------------------------------------------------ */

/* Files grow to so many bytes and no further. */
static int run_limited(const char *line, rlim_t bytes) {
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(99);
        program_be(line, "out", "err");
    }
    const int ended = program_wait(child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
}

static void where_files_cannot_grow_it_is_told_and_nothing_is_lost(void **state) {
    static const rlim_t limits[] = {2000, 20000, 60000, 200000};
    int failed = 0;
    (void)state;
    for (int number = 0; number < STAGES; number++)
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            char where[60];
            snprintf(where, sizeof where, "files of %lu bytes at most", (unsigned long)limits[i]);
            bring_before(number);
            const int status = run_limited(stages[number].line, limits[i]);
            if (status == EXIT_FAILED)
                must_say_why(stages[number].line, where);
            else if (status != EXIT_DONE)
                fail_msg("%s, %s: exit status %d", stages[number].line, where, status);
            failed += status == EXIT_FAILED;
            must_go_on(number, where);
        }
    assert_true(failed >= 2 * STAGES);
}

/* ---- a study that can only be read ------------------------------------------------------------------------ */

/* As someone without rights, where the test runs as the superuser. */
static int run_without_rights(const char *line) {
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        program made;
        program_words(&made, line);
        program_redirect("out", "err");
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        exit(salient_main(made.count, made.words));
    }
    const int ended = program_wait(child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
}

static void a_study_that_can_only_be_read_is_read(void **state) {
    static const struct {
        const char *line;
        int status;
        const char *said; /* within standard error */
    } cases[] = {
        {"export study --table heads", EXIT_DONE, ""},
        {"verify study", EXIT_DONE, ""},
        {"importance study", EXIT_DONE, ""},
        {"importance study --protocol paper", EXIT_FAILED,
         "check the rights of the folder, or copy the study to a folder of your own"},
        {"import study news.jsonl --corpus news", EXIT_FAILED, "cannot be written"},
        {"summarize study --with tail", EXIT_FAILED, "cannot be written"},
        {"heads study --model m.gguf --by lead", EXIT_FAILED, "cannot be written"},
        {"states study --model m.gguf", EXIT_FAILED, "cannot be written"},
        {"probe study --model m.gguf --by lead", EXIT_FAILED, "cannot be written"},
        {"report study", EXIT_FAILED, "salient report study -o report.html"},
    };
    (void)state;
    shell("rm -rf study; cp -r whole study; chmod -R a+rX . && chmod -R a-w study && touch out err "
          "&& chmod a+w out err");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int status = run_without_rights(cases[i].line);
        char *said = program_read("err");
        if (status != cases[i].status || strstr(said, cases[i].said) == NULL)
            fail_msg("%s: exit status %d: %s", cases[i].line, status, said);
        free(said);
    }
    shell("chmod -R u+w study");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(where_files_cannot_grow_it_is_told_and_nothing_is_lost),
        cmocka_unit_test(a_study_that_can_only_be_read_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
