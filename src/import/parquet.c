/* realpath is an X/Open addition to POSIX */
#define _XOPEN_SOURCE 700
/* Parquet files, through the program duckdb where it is installed: it writes them as JSONL into the cache, from where they are imported as
 * JSONL is. A library of that size for one format is not worth linking; a program that is there is worth asking. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/system.h"
#include "import/parquet.h"
#include "io/partial.h"
#include "salient/cache.h"

extern char **environ;

enum { MAGIC = 4, MAXIMUM_WORDS = 2000 };

bool import_is_parquet(const char *path) {
    char magic[MAGIC];
    struct stat info;
    ssize_t got = 0;
    int descriptor = -1;

    /* What can be read only once is not looked into. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    descriptor = sal_system_open(path, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) {
        return false; /* whoever reads it says why */
    }
    got = sal_system_read(descriptor, magic, sizeof magic);
    (void)sal_system_close(descriptor);
    return got == MAGIC && memcmp(magic, "PAR1", MAGIC) == 0;
}

/* ---- what duckdb is told --------------------------------------------------------------------------- */

/* As a string of SQL; in the pattern of file names that read_parquet takes, a character in brackets is itself. */
static int add_quoted(sal_buffer *sql, const char *path, bool pattern, sal_error *err) {
    int code = sal_buffer_add_string(sql, "'", err);

    for (; code == SAL_OK && *path != '\0'; path++) {
        const bool special = pattern && strchr("*?[", *path) != NULL;

        code = *path == '\'' ? sal_buffer_add_string(sql, "''", err)
               : special     ? sal_buffer_add_format(sql, err, "[%c]", *path)
                             : sal_buffer_add(sql, path, 1, err);
    }
    return code == SAL_OK ? sal_buffer_add_string(sql, "'", err) : code;
}

static int write_sql(const char *path, const char *jsonl, sal_buffer *sql, sal_error *err) {
    /* An absolute path is a file, whatever it is called: no address, no option. */
    char *absolute = realpath(path, NULL);
    int code = absolute == NULL
                   ? sal_fail(err, SAL_EIO, "%s: %s", path, strerror(errno))
                   : sal_buffer_add_string(sql, "COPY (SELECT * FROM read_parquet(", err);

    if (code == SAL_OK) {
        code = add_quoted(sql, absolute, true, err);
    }
    if (code == SAL_OK) {
        code = sal_buffer_add_string(sql, ")) TO ", err);
    }
    if (code == SAL_OK) {
        code = add_quoted(sql, jsonl, false, err);
    }
    free(absolute);
    return code == SAL_OK ? sal_buffer_add_string(sql, " (FORMAT json)", err) : code;
}

/* ---- the program ----------------------------------------------------------------------------------- */

/* Start it with nothing to read and its errors in a pipe.
   out *child 0: it is not installed */
static int start(const char *sql, int errors, pid_t *child, sal_error *err) {
    char program[] = "duckdb", no_file[] = "-init", nothing[] = "/dev/null",
         memory[] = ":memory:", command[] = "-c";
    char *copy = sal_copy_string(sql);
    char *const arguments[] = {program, no_file, nothing, memory, command, copy, NULL};
    posix_spawn_file_actions_t actions;
    int failed = copy == NULL ? ENOMEM : posix_spawn_file_actions_init(&actions);

    *child = 0;
    if (failed != 0) {
        sal_free(copy);
        return sal_fail_memory(err, "a command");
    }
    failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, nothing, O_RDONLY, 0);
    if (failed == 0) {
        failed = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, nothing, O_WRONLY, 0);
    }
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    }
    if (failed == 0) {
        failed = posix_spawnp(child, program, &actions, NULL, arguments, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    sal_free(copy);
    if (failed != 0) {
        *child = 0;
    }
    return failed == 0 || failed == ENOENT
               ? SAL_OK
               : sal_fail(err, SAL_EIO, "duckdb could not be started: %s", strerror(failed));
}

/* Everything it says, to its end; the first words are kept, on one line. */
static void listen(int errors, char words[MAXIMUM_WORDS]) {
    char block[512];
    size_t used = 0;
    ssize_t got = 0;

    while ((got = read(errors, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < got && used < MAXIMUM_WORDS - 1; i++) {
            words[used++] = block[i] == '\n' ? ' ' : block[i];
        }
    }
    while (used > 0 && words[used - 1] == ' ') {
        used--;
    }
    words[used] = '\0';
}

static int run(const char *path, const char *sql, bool *installed, sal_error *err) {
    char words[MAXIMUM_WORDS] = "";
    int ends[2] = {-1, -1};
    int status = 0;
    pid_t child = 0;
    int code = SAL_OK;

    if (pipe(ends) != 0) {
        return sal_fail(err, SAL_EIO, "%s: no pipe: %s", path, strerror(errno));
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    code = start(sql, ends[1], &child, err);
    (void)close(ends[1]);
    *installed = child != 0;
    if (child != 0) {
        listen(ends[0], words);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
            code = sal_fail(err, SAL_ECANCELLED, "interrupted; nothing of %s was imported", path);
        } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            code = sal_fail(err, SAL_EFORMAT, "%s: duckdb could not read it: %s", path, words);
        }
    }
    (void)close(ends[0]);
    return code;
}

/* ---- conversion ------------------------------------------------------------------------------------ */

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* A file of this process below the cache, called as the Parquet file is; its folder is made. */
static int make_place(const char *path, sal_buffer *jsonl, sal_error *err) {
    const char *base = base_of(path);
    const char *dot = strrchr(base, '.');
    const int stem = (int)(dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base));
    sal_buffer below = {0};
    sal_partial *place = NULL;
    int code =
        sal_buffer_add_format(&below, err, "parquet/%ld/%.*s.jsonl", (long)getpid(), stem, base);

    if (code == SAL_OK) {
        code = sal_cache_path(below.bytes, jsonl, err);
    }
    if (code == SAL_OK) {
        code = sal_partial_open(jsonl->bytes, &place, err);
    }
    sal_partial_close(place);
    sal_buffer_free(&below);
    return code;
}

void import_parquet_forget(const sal_buffer *jsonl) {
    char *folder = jsonl->length == 0 ? NULL : sal_copy_string(jsonl->bytes);
    char *slash = folder == NULL ? NULL : strrchr(folder, '/');

    if (slash != NULL) {
        (void)sal_system_unlink(jsonl->bytes);
        *slash = '\0';
        (void)rmdir(folder);
    }
    sal_free(folder);
}

int import_parquet_convert(const char *path, sal_buffer *jsonl, bool *installed, sal_error *err) {
    sal_buffer sql = {0};
    int code = make_place(path, jsonl, err);

    *installed = false;
    if (code == SAL_OK) {
        code = write_sql(path, jsonl->bytes, &sql, err);
    }
    if (code == SAL_OK) {
        code = run(path, sql.bytes, installed, err);
    }
    if (code != SAL_OK || !*installed) {
        import_parquet_forget(jsonl);
    }
    sal_buffer_free(&sql);
    return code;
}
