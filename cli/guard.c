/* A child tries a model before this process does: guard.h says why. */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "salient/cache.h"
#include "salient/file.h"
#include "salient/model.h"
#include "waiting.h"

extern char **environ;

enum {
    CHILD_REFUSED = 3, /* an ordinary error, which this process will meet itself */
    CHILD_TOKENS = 64,
    SAID_BYTES = 4096
};

/* ---- the child ------------------------------------------------------------------------------------------------------------- */

/* Tokenizer, chat template and the graph of a context; whether they succeed is for the parent to see, that they end is the point. */
static void use(sal_model *model) {
    static const char sample[] = "Caf\xC3\xA9 na\xC3\xAFve, 10 words.\n\xF0\x9F\x99\x82";
    const sal_engine_options options = {.sequences = 1, .context_tokens = CHILD_TOKENS};
    sal_tokens tokens = {0};
    sal_prompt prompt = {0};
    sal_engine *engine = NULL;
    if (sal_model_tokenize(model, sample, sizeof sample - 1, true, true, &tokens, NULL) == 0) {
        sal_tokens_free(&tokens);
    }
    if (sal_model_chat_prompt(model, NULL, "a", "b", &prompt, NULL) == 0) {
        sal_prompt_free(&prompt);
    }
    if (sal_engine_open(model, &options, &engine, NULL) == 0) {
        (void)!sal_engine_reserve(engine, CHILD_TOKENS, NULL);
    }
    sal_engine_close(engine);
}

int guard_child(const char *path) {
    const struct rlimit no_core = {0, 0};
    const sal_model_options options = {
        .threads = 1, .without_weights = true, .compute = SAL_COMPUTE_STOCK};
    sal_model *model = NULL;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (sal_model_open(path, &options, &model, NULL) != 0) {
        return CHILD_REFUSED;
    }
    use(model);
    sal_model_close(model);
    return 0;
}

/* ---- what is known --------------------------------------------------------------------------------------------------------- */

/* Fifos and the like are not touched: what is read from them is gone. */
static bool is_gguf(const char *path) {
    struct stat about;
    sal_file *file = NULL;
    char magic[4] = "";
    size_t length = 0;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode) ||
        sal_file_open(path, &file, NULL) != 0) {
        return false;
    }
    const bool read = sal_file_read(file, magic, sizeof magic, &length, NULL) == 0;
    sal_file_close(file);
    return read && length == sizeof magic && memcmp(magic, "GGUF", sizeof magic) == 0;
}

/* "tried/DIGEST" of the version of libllama and of the model's files as they are now. */
static int name_verdict(const char *path, sal_buffer *name, sal_error *err) {
    char **files = NULL, digest[65];
    size_t count = 0;
    sal_buffer text = {0};
    int status = sal_model_system(&text, err);
    if (status == 0) {
        status = sal_model_files(path, &files, &count, err);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        struct stat about;
        if (stat(files[i], &about) != 0) {
            status = sal_fail(err, SAL_EIO, "%s: %s", files[i], strerror(errno));
            break;
        }
        status = sal_buffer_add_format(&text, err, "\n%llu %llu %lld %lld %ld",
                                       (unsigned long long)about.st_dev,
                                       (unsigned long long)about.st_ino, (long long)about.st_size,
                                       (long long)about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
    }
    if (status == 0) {
        sal_sha256_of(text.bytes, text.length, digest);
        status = sal_buffer_add_format(name, err, "tried/%s", digest);
    }
    sal_strings_free(files, count);
    sal_buffer_free(&text);
    return status;
}

/* ---- the parent ------------------------------------------------------------------------------------------------------------ */

/* Start the child with its outputs on a pipe.
 * out    *reading: the pipe's end, to be closed; return false when it cannot be started */
static bool start_child(const char *path, pid_t *child, int *reading) {
    char program[4096];
    char *const words[] = {(char[]){"salient"}, (char[]){GUARD_WORD}, (char *)path, NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (!program_path(program, sizeof program) || pipe(ends) != 0) {
        return false;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    /* Else ggml starts a debugger to print where it stands, which takes a second. */
    bool started =
        setenv("GGML_NO_BACKTRACE", "1", 1) == 0 && posix_spawn_file_actions_init(&actions) == 0;
    if (started) {
        started = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
                  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO) == 0 &&
                  posix_spawn_file_actions_addclose(&actions, ends[1]) == 0 &&
                  posix_spawn(child, program, &actions, NULL, words, environ) == 0;
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(ends[1]);
    if (!started) {
        (void)close(ends[0]);
    }
    *reading = ends[0];
    return started;
}

/* The first bytes of what the child says; all of it is read, so that it never waits for us. */
static void listen_to_child(int reading, char said[SAID_BYTES]) {
    char block[512];
    size_t used = 0;
    ssize_t length = 0;
    do {
        length = read(reading, block, sizeof block);
        for (ssize_t i = 0; i < length && used < SAID_BYTES - 1; i++) {
            said[used++] = block[i];
        }
    } while (length > 0 || (length < 0 && errno == EINTR));
    said[used] = '\0';
    (void)close(reading);
}

/* The line that says why, without the folders of libllama's sources: "llama-vocab.cpp:1834: GGML_ASSERT(...) failed". Of a C++
 * exception, which takes two lines, the second. */
static const char *reason_in(char *said) {
    static const char thrown[] = "what():";
    char *what = strstr(said, thrown);
    char *line = what != NULL ? what + strlen(thrown) : said;
    line += strspn(line, " \n");
    line[strcspn(line, "\n")] = '\0';
    const size_t place = strcspn(line, ": ");
    for (size_t i = place; i > 0; i--) {
        if (line[i - 1] == '/') {
            return line + i;
        }
    }
    return *line == '\0' ? "it says nothing" : line;
}

/* Signals that others send say nothing about the file. */
static bool died_of_the_file(int ended) {
    if (WIFSIGNALED(ended)) {
        const int number = WTERMSIG(ended);
        return number != SIGKILL && number != SIGTERM && number != SIGINT && number != SIGHUP &&
               number != SIGQUIT;
    }
    return WIFEXITED(ended) && WEXITSTATUS(ended) != 0 && WEXITSTATUS(ended) != CHILD_REFUSED;
}

static int try_in_child(const char *path, const char *verdict, sal_error *err) {
    char said[SAID_BYTES];
    pid_t child = 0, waited = 0;
    int reading = -1, ended = 0;
    if (!start_child(path, &child, &reading)) {
        return 0; /* no processes to be had: this one sees for itself */
    }
    listen_to_child(reading, said);
    do {
        waited = waitpid(child, &ended, 0);
    } while (waited < 0 && errno == EINTR);
    if (waited != child) {
        return 0;
    }
    if (died_of_the_file(ended)) {
        return sal_fail(err, SAL_EMODEL,
                        "%s: libllama does not survive this file (%s: %s); it is damaged or made "
                        "for another version: fetch it again",
                        path, WIFSIGNALED(ended) ? strsignal(WTERMSIG(ended)) : "it gave up",
                        reason_in(said));
    }
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) {
        (void)!sal_cache_note(verdict, NULL); /* else it is tried again next time */
    }
    return 0;
}

int guard_model(const char *path, sal_error *err) {
    const char *wish = getenv("SALIENT_GUARD");
    sal_buffer verdict = {0};
    if ((wish != NULL && strcmp(wish, "off") == 0) || !is_gguf(path)) {
        return 0;
    }
    int status = name_verdict(path, &verdict, err);
    if (status == 0 && !sal_cache_has(verdict.bytes)) {
        status = try_in_child(path, verdict.bytes, err);
    }
    sal_buffer_free(&verdict);
    return status;
}

int guard_models(struct session *session) {
    int status = 0;
    for (int i = 1; status == 0 && i < session->word_count; i++) {
        const char *value = strchr(session->words[i], '=');
        status = guard_model(session->words[i], &session->error);
        if (status == 0 && value != NULL) { /* --model=FILE, --set model=FILE */
            status = guard_model(value + 1, &session->error);
        }
    }
    return session_exit(session, status, NULL);
}
