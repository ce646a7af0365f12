/** The whole program inside a test: it runs in a child process of the test, on the faulty system, without being started anew.
 *  For test programs that link salient_cli; the header brings main() of cli/main.c along under another name. */
#ifndef SALIENT_PROGRAM_H
#define SALIENT_PROGRAM_H

#include "testing.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "salient/file.h"

int salient_main(int argc, char **argv);
#define main salient_main
#include "../../cli/main.c"
#undef main

enum { PROGRAM_WORDS = 40, PROGRAM_LEAKS = 97 };

/** A command line, "heads study --model m.gguf": words apart by one space. */
typedef struct program {
    char text[600];
    char *words[PROGRAM_WORDS];
    int count;
} program;

static inline void program_words(program *made, const char *line) {
    snprintf(made->text, sizeof made->text, "salient %s", line);
    made->count = 0;
    for (char *word = strtok(made->text, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(made->count < PROGRAM_WORDS - 1);
        made->words[made->count++] = word;
    }
    made->words[made->count] = NULL;
}

/** In the child: standard input is empty, the outputs go to files. */
static inline void program_redirect(const char *out, const char *err) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) < 0 ||
        dup2(open(out, flags, 0666), STDOUT_FILENO) < 0 ||
        dup2(open(err, flags, 0666), STDERR_FILENO) < 0)
        _exit(98);
}

/** In the child: run it and end. Blocks of memory that are left make it end with PROGRAM_LEAKS, whatever the command's status. */
static inline void program_be(const char *line, const char *out, const char *err) {
    program made;
    program_words(&made, line);
    program_redirect(out, err);
    const long before = sal_faulty_blocks();
    int status = salient_main(made.count, made.words);
    (void)sal_faulty_reset();
    if (sal_faulty_blocks() != before) {
        dprintf(STDERR_FILENO, "%ld blocks are not freed\n", sal_faulty_blocks() - before);
        status = PROGRAM_LEAKS;
    }
    exit(status);
}

/** Start it; the child. Outputs go to files. */
static inline pid_t program_start(const char *line, const char *out, const char *err) {
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        program_be(line, out, err);
    return child;
}

/** Wait for a child. return as waitpid(2) tells */
static inline int program_wait(pid_t child) {
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0)
        assert_int_equal(errno, EINTR);
    return ended;
}

/** Run it to its end. return its exit status, or minus the signal that ended it */
static inline int program_run(const char *line, const char *out, const char *err) {
    const int ended = program_wait(program_start(line, out, err));
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
}

/** A whole file, ended by NUL; free with free(). */
static inline char *program_read(const char *path) {
    sal_buffer text = {0};
    sal_error err = {0};
    assert_ok(sal_file_read_all(path, (size_t)1 << 30, &text, &err));
    char *copy = strdup(text.bytes);
    sal_buffer_free(&text);
    assert_non_null(copy);
    return copy;
}

/** Run it; it must end with that status. */
static inline void program_must(int status, const char *line) {
    const int ended = program_run(line, "out", "err");
    if (ended != status) {
        char *said = program_read("err");
        fail_msg("%s: exit status %d, not %d:\n%s", line, ended, status, said);
    }
}

#endif
