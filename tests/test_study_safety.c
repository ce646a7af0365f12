/* The study in bad weather: two writers, a killed writer, read-only places, other programs' files, damage, a full disk, no
 * memory. */

#include "test_study_sample.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "study/study_internal.h"

typedef struct fixture {
    char folder[64];
    char path[160];
} fixture;

static int make_folder(void **state) {
    fixture *made = calloc(1, sizeof *made);
    make_scratch_folder(made->folder);
    below(made->folder, "study", made->path);
    *state = made;
    return 0;
}

static int remove_folder(void **state) {
    fixture *made = *state;
    remove_scratch_folder(made->folder);
    free(made);
    return 0;
}

static void make_sample(const char *path) {
    sal_study *study = open_study(path, SAL_STUDY_CREATE);
    fill_sample(study, false);
    close_study(study);
}

static bool there_is(const char *folder, const char *name) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static size_t count_documents(sal_study *study) {
    sal_error err = {0};
    int64_t *keys = NULL;
    size_t count = 0;
    assert_ok(sal_study_document_keys(study, NULL, -1, &keys, &count, &err));
    sal_free(keys);
    return count;
}

static int64_t verify(const char *path, sal_buffer *texts);

/* Run SQL as another program would. */
static void damage(const char *path, const char *sql) {
    char database[200], *message = NULL;
    sqlite3 *connection = NULL;
    snprintf(database, sizeof database, "%s/study.db", path);
    assert_int_equal(sqlite3_open(database, &connection), SQLITE_OK);
    if (sqlite3_exec(connection, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    sqlite3_close(connection);
}

/* ---- other processes ---------------------------------------------------------------------- */

/* A child that opens the study for writing, says so, and waits to be killed or told to go on. */
typedef struct other_process {
    pid_t number;
    int ready; /* reads one byte when the child is ready */
    int go_on; /* closing it lets the child go on */
} other_process;

static other_process start_process(void (*work)(const char *path, int ready, int go_on),
                                   const char *path) {
    int ready[2], go_on[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go_on), 0);
    pid_t number = fork();
    assert_true(number >= 0);
    if (number == 0) {
        close(ready[0]);
        close(go_on[1]);
        work(path, ready[1], go_on[0]);
        _exit(0);
    }
    close(ready[1]);
    close(go_on[0]);
    if (read(ready[0], &byte, 1) != 1) {
        fail_msg("the other process did not get ready");
    }
    return (other_process){number, ready[0], go_on[1]};
}

static void end_process(other_process *process, bool kill_it) {
    int status = 0;
    if (kill_it) {
        kill(process->number, SIGKILL);
    }
    close(process->go_on);
    waitpid(process->number, &status, 0);
    close(process->ready);
    if (!kill_it) {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void say_ready_and_wait(int ready, int go_on) {
    char byte = 'r';
    if (write(ready, &byte, 1) != 1 || read(go_on, &byte, 1) < 0) {
        _exit(1);
    }
}

static void write_and_wait(const char *path, int ready, int go_on) {
    sal_study *study = NULL;
    if (sal_study_open(path, SAL_STUDY_WRITE, &study, NULL) != SAL_OK) {
        _exit(1);
    }
    sal_document document = make_document("news", "finished", "a finished unit", NULL);
    sal_document half = make_document("news", "half", "in mid-transaction", NULL);
    sal_added added;
    if (sal_study_add_document(study, &document, &added, NULL, NULL) != SAL_OK ||
        sal_study_begin(study, NULL) != SAL_OK ||
        sal_study_add_document(study, &half, &added, NULL, NULL) != SAL_OK) {
        _exit(1);
    }
    say_ready_and_wait(ready, go_on);
    if (sal_study_commit(study, NULL) != SAL_OK || sal_study_close(study, NULL) != SAL_OK) {
        _exit(1);
    }
}

static void a_second_writer_is_told_and_a_reader_is_not_held_up(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = NULL;
    char number[32];
    make_sample(made->path);
    other_process writer = start_process(write_and_wait, made->path);
    assert_int_equal(sal_study_open(made->path, SAL_STUDY_WRITE, &study, &err), SAL_EBUSY);
    snprintf(number, sizeof number, "number %ld", (long)writer.number);
    assert_non_null(strstr(err.text, made->path));
    assert_non_null(strstr(err.text, number));
    assert_int_equal(sal_study_open(made->path, SAL_STUDY_CREATE, &study, &err), SAL_EBUSY);
    study = open_study(made->path, SAL_STUDY_READ);
    assert_int_equal(count_documents(study), 4); /* the finished one, not the half one */
    close_study(study);
    end_process(&writer, false);
    study = open_study(made->path, SAL_STUDY_WRITE);
    assert_int_equal(count_documents(study), 5);
    assert_int_equal(sal_study_open(made->path, SAL_STUDY_WRITE, &(sal_study *){0}, &err),
                     SAL_EBUSY); /* nor twice in one process */
    close_study(study);
}

static void a_killed_writer_leaves_a_usable_study(void **state) {
    fixture *made = *state;
    make_sample(made->path);
    other_process writer = start_process(write_and_wait, made->path);
    end_process(&writer, true);

    sal_study *study = open_study(made->path, SAL_STUDY_READ);
    assert_int_equal(count_documents(study), 4);
    close_study(study);
    study = open_study(made->path, SAL_STUDY_WRITE);
    assert_int_equal(count_documents(study), 4);
    add_document(study, "news", "half", "in mid-transaction", NULL);
    close_study(study);
    assert_int_equal(verify(made->path, NULL), 0);
    assert_false(there_is(made->path, "study.db-wal"));
}

/* What a stage does: ask what is missing, make it, store unit by unit. */
static int do_what_is_missing(const char *path) {
    sal_study *study = NULL;
    sal_summarizer_info info = make_summarizer("lead", "lead", "{}");
    const int lengths[] = {10, 20};
    int64_t lead = 0, *keys = NULL;
    size_t missing = 0, total = 0;
    int rc = sal_study_open(path, SAL_STUDY_WRITE, &study, NULL);
    if (rc == SAL_OK) {
        rc = sal_study_put_summarizer(study, &info, &lead, NULL);
    }
    if (rc == SAL_OK) {
        rc = sal_study_missing_summaries(study, lead, NULL, -1, lengths, 2, 1, &keys, &missing,
                                         &total, NULL);
    }
    for (size_t i = 0; rc == SAL_OK && i < missing; i++) {
        char text[40];
        snprintf(text, sizeof text, "summary of document %ld", (long)keys[i]);
        const sal_summary unit[] = {
            {keys[i], lead, 10, 0, SAL_STATUS_OK, text, strlen(text), 4, -1, -1, NULL},
            {keys[i], lead, 20, 0, SAL_STATUS_OK, text, strlen(text), 4, -1, -1, NULL}};
        rc = sal_study_put_summaries(study, unit, 2, NULL, NULL);
    }
    sal_free(keys);
    int closed = sal_study_close(study, NULL);
    return rc == SAL_OK ? closed : rc;
}

static sal_buffer export_summaries(const char *path) {
    sal_error err = {0};
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    sal_study *study = open_study(path, SAL_STUDY_READ);
    assert_ok(sal_export_table(study, "summaries", NULL, SAL_FORMAT_JSONL, &sink, &err));
    close_study(study);
    return out;
}

static void make_documents(const char *path, int count) {
    sal_error err = {0};
    sal_study *study = open_study(path, SAL_STUDY_CREATE);
    assert_ok(sal_study_begin(study, &err));
    for (int i = 0; i < count; i++) {
        char id[20];
        snprintf(id, sizeof id, "%d", i);
        add_document(study, "news", id, "text", NULL);
    }
    assert_ok(sal_study_commit(study, &err));
    close_study(study);
}

static void a_run_killed_again_and_again_ends_with_the_same_rows(void **state) {
    fixture *made = *state;
    char straight[170];
    int status = 0, killed = 0;
    snprintf(straight, sizeof straight, "%s-straight", made->path);
    make_documents(straight, 500);
    make_documents(made->path, 500);
    assert_int_equal(do_what_is_missing(straight), SAL_OK);
    for (int i = 0; i < 1000; i++) {
        pid_t number = fork();
        assert_true(number >= 0);
        if (number == 0) {
            _exit(do_what_is_missing(made->path) == SAL_OK ? 0 : 1);
        }
        const struct timespec delay = {.tv_nsec = 1000000L * (1 + i)};
        nanosleep(&delay, NULL);
        kill(number, SIGKILL);
        waitpid(number, &status, 0);
        if (WIFEXITED(status)) {
            break;
        }
        killed++;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(killed > 0);
    sal_buffer a = export_summaries(straight), b = export_summaries(made->path);
    assert_string_equal(a.bytes, b.bytes);
    assert_int_equal(verify(made->path, NULL), 0);
    sal_buffer_free(&a);
    sal_buffer_free(&b);
}

static void a_closed_study_is_one_file(void **state) {
    fixture *made = *state;
    sal_study *study = open_study(made->path, SAL_STUDY_CREATE);
    fill_sample(study, false);
    assert_true(there_is(made->path, "study.db-wal"));
    assert_true(there_is(made->path, "study.lock"));
    close_study(study);
    assert_true(there_is(made->path, "study.db"));
    assert_false(there_is(made->path, "study.db-wal"));
    assert_false(there_is(made->path, "study.db-shm"));
    assert_false(there_is(made->path, "study.db-journal"));
    assert_false(there_is(made->path, "study.lock"));
    sal_study_close(NULL, NULL);
}

static void read_and_wait(const char *path, int ready, int go_on) {
    sal_study *study = NULL;
    int64_t *keys = NULL;
    size_t count = 0;
    if (sal_study_open(path, SAL_STUDY_READ, &study, NULL) != SAL_OK ||
        sal_study_begin(study, NULL) != SAL_OK || /* a snapshot: a reader in mid-work */
        sal_study_document_keys(study, NULL, -1, &keys, &count, NULL) != SAL_OK) {
        _exit(1);
    }
    sal_free(keys);
    say_ready_and_wait(ready, go_on);
    if (sal_study_close(study, NULL) != SAL_OK) {
        _exit(1);
    }
}

static void a_writer_ends_well_beside_a_reader(void **state) {
    fixture *made = *state;
    make_sample(made->path);
    sal_study *study = open_study(made->path, SAL_STUDY_WRITE);
    other_process reader = start_process(read_and_wait, made->path);
    add_document(study, "news", "new", "t", NULL);
    /* The child must not hold our lock open, or the next writer would be refused. */
    close_study(study); /* the log stays, as someone reads it */
    end_process(&reader, false);
    study = open_study(made->path, SAL_STUDY_WRITE);
    assert_int_equal(count_documents(study), 4);
    close_study(study);
    assert_false(there_is(made->path, "study.db-wal"));
}

/* ---- places ------------------------------------------------------------------------------- */

static void reading_makes_nothing(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = NULL;
    const sal_study_mode modes[] = {SAL_STUDY_READ, SAL_STUDY_WRITE};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sal_study_open(made->path, modes[i], &study, &err), SAL_ENOTFOUND);
        assert_non_null(strstr(err.text, made->path));
        assert_non_null(strstr(err.text, "salient import"));
        assert_int_equal(access(made->path, F_OK), -1);
        assert_int_equal(sal_study_open(made->folder, modes[i], &study, &err), SAL_ENOTFOUND);
        assert_false(there_is(made->folder, "study.db"));
        assert_false(there_is(made->folder, "study.lock"));
    }
    assert_int_equal(sal_study_open("", SAL_STUDY_CREATE, &study, &err), SAL_EINVAL);
    char deep[200];
    snprintf(deep, sizeof deep, "%s/no/such", made->folder);
    assert_int_equal(sal_study_open(deep, SAL_STUDY_CREATE, &study, &err), SAL_EIO);
}

static void a_study_open_for_reading_cannot_be_changed(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    make_sample(made->path);
    sal_study *study = open_study(made->path, SAL_STUDY_READ);
    sal_document document = make_document("news", "new", "t", NULL);
    sal_added added;
    int64_t key;
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_EINVAL);
    assert_non_null(strstr(err.text, "reading only"));
    sal_summarizer_info info = make_summarizer("x", "lead", "{}");
    assert_int_equal(sal_study_put_summarizer(study, &info, &key, &err), SAL_EINVAL);
    assert_int_equal(sal_study_put_summaries(study, NULL, 0, NULL, &err), SAL_EINVAL);
    assert_string_equal(sal_study_path(study), made->path);
    close_study(study);
}

/* Become someone without rights, as the superuser may write anywhere. */
static void lose_all_rights(void) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        _exit(2);
    }
}

static void read_in_read_only_folder(const char *path, int ready, int go_on) {
    sal_error err = {0};
    sal_study *study = NULL;
    int64_t *keys = NULL;
    size_t count = 0;
    lose_all_rights();
    if (sal_study_open(path, SAL_STUDY_READ, &study, &err) != SAL_OK ||
        sal_study_document_keys(study, NULL, -1, &keys, &count, &err) != SAL_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    sal_free(keys);
    if (count != 3 || sal_study_close(study, &err) != SAL_OK ||
        sal_study_open(path, SAL_STUDY_WRITE, &study, &err) != SAL_EIO) {
        _exit(1);
    }
    say_ready_and_wait(ready, go_on);
}

static void read_from_read_only_place(const char *path, const char *database) {
    assert_int_equal(chmod(database, 0444), 0);
    assert_int_equal(chmod(path, 0555), 0);
    other_process reader = start_process(read_in_read_only_folder, path);
    end_process(&reader, false);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(database, 0644), 0);
    assert_false(there_is(path, "study.db-wal"));
    assert_false(there_is(path, "study.db-shm"));
    assert_false(there_is(path, "study.lock"));
}

static void a_read_only_folder_can_be_read(void **state) {
    fixture *made = *state;
    char database[200];
    make_sample(made->path);
    snprintf(database, sizeof database, "%s/study.db", made->path);
    assert_int_equal(chmod(made->folder, 0755), 0);
    read_from_read_only_place(made->path, database);
    /* the same with a header that still asks for a log: a copy taken from a live study */
    damage(made->path, "PRAGMA journal_mode = WAL");
    read_from_read_only_place(made->path, database);
}

/* ---- other files -------------------------------------------------------------------------- */

static void write_database(const fixture *made, const char *content) {
    char database[200];
    assert_int_equal(mkdir(made->path, 0777), 0);
    snprintf(database, sizeof database, "%s/study.db", made->path);
    FILE *file = fopen(database, "w");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_no_study(const fixture *made, const char *text) {
    const sal_study_mode modes[] = {SAL_STUDY_READ, SAL_STUDY_WRITE, SAL_STUDY_CREATE};
    for (int i = 0; i < 3; i++) {
        sal_error err = {0};
        sal_study *study = NULL;
        assert_int_equal(sal_study_open(made->path, modes[i], &study, &err), SAL_EFORMAT);
        if (strstr(err.text, text) == NULL || strstr(err.text, made->path) == NULL) {
            fail_msg("'%s' is not in: %s", text, err.text);
        }
    }
    assert_true(there_is(made->path, "study.db")); /* not ours to remove */
    assert_false(there_is(made->path, "study.lock"));
}

static void a_file_that_is_no_database_is_refused(void **state) {
    fixture *made = *state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_database(made, text);
    expect_no_study(made, "not a database");
}

static void another_programs_database_is_refused(void **state) {
    fixture *made = *state;
    write_database(made, "");
    damage(made->path, "CREATE TABLE mails (subject TEXT); PRAGMA user_version = 1");
    expect_no_study(made, "another database, not a study");
}

static void a_newer_study_is_refused(void **state) {
    fixture *made = *state;
    make_sample(made->path);
    damage(made->path, "PRAGMA user_version = 99");
    expect_no_study(made, "tables of version 99, and this salient knows versions up to ");
}

static void a_file_in_place_of_the_folder_is_refused(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = NULL;
    write_database(made, "");
    char database[200];
    snprintf(database, sizeof database, "%s/study.db", made->path);
    assert_int_equal(sal_study_open(database, SAL_STUDY_READ, &study, &err), SAL_EFORMAT);
    assert_non_null(strstr(err.text, "is a file; a study is a folder"));
}

static void an_empty_database_is_filled_only_by_create(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    sal_study *study = NULL;
    write_database(made, ""); /* what a writer killed in its first moment leaves */
    assert_int_equal(sal_study_open(made->path, SAL_STUDY_WRITE, &study, &err), SAL_EFORMAT);
    make_sample(made->path);
    assert_int_equal(verify(made->path, NULL), 0);
}

/* ---- damage ------------------------------------------------------------------------------- */

static void note_problem(void *context, const char *problem) {
    sal_error err = {0};
    if (context != NULL) {
        assert_ok(sal_buffer_add_format(context, &err, "%s\n", problem));
    }
}

static int64_t verify(const char *path, sal_buffer *texts) {
    sal_error err = {0};
    int64_t problems = -1;
    sal_study *study = open_study(path, SAL_STUDY_READ);
    assert_ok(sal_study_verify(study, note_problem, texts, &problems, &err));
    close_study(study);
    return problems;
}

static void verify_finds_what_was_damaged(void **state) {
    fixture *made = *state;
    static const struct {
        const char *sql;
        const char *told;
    } damages[] = {
        {"UPDATE documents SET text = text || '.' WHERE id = 'a'",
         "document news/a: its text has the hash"},
        {"UPDATE summarizers SET config = '{\"lengths\":[10]}' WHERE name = 'lead'",
         "summarizer lead: its configuration has the hash"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE summaries SET status = 'good'"
         " WHERE summary = 1",
         "status 'good' is none of"},
        {"UPDATE importance SET count = 3 WHERE word = 'boat' AND unit = 1",
         "the word 'boat' is counted 3 times, but there are 2 summaries"},
        {"DELETE FROM summaries WHERE document = 1 AND summarizer = 1",
         "document news/b, importance by lead, strict: there are no summaries"},
        {"DELETE FROM documents WHERE document = 3", "refers to a row of documents"},
        {"DELETE FROM importance_units WHERE unit = 1", "refers to a row of importance_units"},
        {"UPDATE scores SET corpus = 'gone'", "scores of corpus gone"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE summaries SET words = -1 WHERE summary = 1",
         "none may be negative"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char path[200];
        sal_buffer texts = {0};
        snprintf(path, sizeof path, "%s-%zu", made->path, i);
        make_sample(path);
        assert_int_equal(verify(path, &texts), 0);
        damage(path, damages[i].sql);
        if (verify(path, &texts) < 1 || strstr(texts.bytes, damages[i].told) == NULL) {
            fail_msg("%s: told: %s", damages[i].sql, texts.bytes ? texts.bytes : "nothing");
        }
        sal_buffer_free(&texts);
    }
}

static void verify_tells_what_is_out_of_date_but_does_not_count_it(void **state) {
    fixture *made = *state;
    sal_buffer texts = {0};
    make_sample(made->path);
    sal_study *study = open_study(made->path, SAL_STUDY_WRITE);
    add_summary(study, 1, 1, 10, SAL_STATUS_OK, "Another text.");
    close_study(study);
    assert_int_equal(verify(made->path, &texts), 0);
    assert_string_equal(
        texts.bytes,
        "note: importance by lead, strict, corpus news: 1 documents are out of date, as "
        "summaries changed since; salient importance computes them anew\n");
    sal_buffer_free(&texts);
}

static void verify_finds_an_overwritten_page(void **state) {
    fixture *made = *state;
    char database[200], noise[4096];
    int64_t page = 0;
    sal_error err = {0};
    make_sample(made->path);
    sal_study *study = open_study(made->path, SAL_STUDY_READ);
    assert_ok(study_scalar(study, "SELECT rootpage FROM sqlite_master WHERE name = 'summaries'",
                           &page, &err));
    close_study(study);
    snprintf(database, sizeof database, "%s/study.db", made->path);
    memset(noise, 0x5a, sizeof noise);
    FILE *file = fopen(database, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(page - 1) * 4096, SEEK_SET), 0);
    assert_int_equal(fwrite(noise, 1, sizeof noise, file), sizeof noise);
    assert_int_equal(fclose(file), 0);
    assert_true(verify(made->path, NULL) > 0);
}

/* ---- a full disk, no memory --------------------------------------------------------------- */

static void a_full_disk_is_an_error_and_what_was_finished_is_kept(void **state) {
    fixture *made = *state;
    sal_error err = {0};
    char big[50001];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    make_sample(made->path);
    sal_study *study = open_study(made->path, SAL_STUDY_WRITE);
    assert_ok(study_execute(study, "PRAGMA max_page_count = 1", &err)); /* = as large as it is */
    sal_document document = make_document("news", "big", big, NULL);
    sal_added added;
    assert_int_equal(sal_study_add_document(study, &document, &added, NULL, &err), SAL_EIO);
    assert_non_null(strstr(err.text, "full"));
    assert_non_null(strstr(err.text, "make room"));
    assert_int_equal(count_documents(study), 3);

    /* inside a longer transaction SQLite rolls all of it back: commit must not call that a success */
    err = (sal_error){0};
    assert_ok(sal_study_begin(study, &err));
    int rc = sal_study_add_document(study, &document, &added, NULL, &err);
    assert_int_equal(rc, SAL_EIO);
    sal_study_rollback(study);
    assert_ok(study_execute(study, "PRAGMA max_page_count = 100000", &err));
    assert_ok(sal_study_add_document(study, &document, &added, NULL, &err));
    close_study(study);
    assert_int_equal(verify(made->path, NULL), 0);
}

/* Everything a stage asks of a study, once; the first failure ends it. */
static int use_study(const char *path, sal_study_mode mode, sal_error *err) {
    sal_study *study = NULL;
    sal_document *document = NULL;
    sal_summary_list *summaries = NULL;
    sal_summarizer_list *summarizers = NULL;
    sal_importance_list *importance = NULL;
    sal_score_list *scores = NULL;
    sal_buffer out = {0};
    sal_sink sink = sal_buffer_sink(&out);
    char **corpora = NULL;
    size_t corpus_count = 0, missing = 0, total = 0;
    int64_t *keys = NULL, problems = 0, key = 0;
    const int lengths[] = {10};
    int rc = sal_study_open(path, mode, &study, err);
    if (rc == SAL_OK && mode == SAL_STUDY_WRITE) {
        sal_summarizer_info info = make_summarizer("lead", "lead", "{\"lengths\":[10,20]}");
        rc = sal_study_put_summarizer(study, &info, &key, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_get_document(study, 1, &document, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_get_summaries(study, 1, 1, &summaries, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_get_importance(study, 1, 1, SAL_STRICT, &importance, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_list_summarizers(study, &summarizers, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_get_scores(study, &scores, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_corpora(study, &corpora, &corpus_count, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_missing_summaries(study, 1, "news", -1, lengths, 1, 2, &keys, &missing,
                                         &total, err);
    }
    if (rc == SAL_OK) {
        rc = sal_export_table(study, "importance", NULL, SAL_FORMAT_CSV, &sink, err);
    }
    if (rc == SAL_OK) {
        rc = sal_study_verify(study, NULL, NULL, &problems, err);
    }
    if (rc == SAL_OK) {
        assert_int_equal(problems, 0);
    }
    sal_document_free(document);
    sal_summary_list_free(summaries);
    sal_importance_list_free(importance);
    sal_summarizer_list_free(summarizers);
    sal_score_list_free(scores);
    sal_strings_free(corpora, corpus_count);
    sal_free(keys);
    sal_buffer_free(&out);
    int closed = sal_study_close(study, rc == SAL_OK ? err : NULL);
    return rc == SAL_OK ? closed : rc;
}

static void without_memory_everything_fails_cleanly(void **state) {
    fixture *made = *state;
    make_sample(made->path);
    long before = sal_faulty_blocks();
    const sal_study_mode modes[] = {SAL_STUDY_READ, SAL_STUDY_WRITE};
    for (int i = 0; i < 2; i++) {
        for (long n = 0;; n++) {
            sal_error err = {0};
            sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
            int rc = use_study(made->path, modes[i], &err);
            bool reached = sal_faulty_reset();
            assert_int_equal(sal_faulty_blocks(), before);
            assert_false(there_is(made->path, "study.lock"));
            if (!reached) {
                assert_int_equal(rc, SAL_OK);
                assert_true(n > 20);
                break;
            }
            if (rc != SAL_OK) { /* the lock's number is the one thing that can do without */
                assert_int_equal(rc, SAL_ENOMEM);
                assert_int_equal(err.code, SAL_ENOMEM);
            }
        }
    }
    assert_int_equal(verify(made->path, NULL), 0);
}

static void a_study_that_cannot_be_made_leaves_nothing(void **state) {
    fixture *made = *state;
    for (long n = 0;; n++) {
        sal_error err = {0};
        sal_study *study = NULL;
        sal_faulty_fail(SAL_FAULTY_ALLOCATION, n);
        int rc = sal_study_open(made->path, SAL_STUDY_CREATE, &study, &err);
        bool reached = sal_faulty_reset();
        if (rc == SAL_OK) {
            close_study(study);
            assert_true(n > 5);
            if (!reached) {
                break;
            }
            char command[200];
            snprintf(command, sizeof command, "rm -rf '%s'", made->path);
            assert_int_equal(system(command), 0);
            continue;
        }
        assert_int_equal(rc, SAL_ENOMEM);
        assert_int_equal(access(made->path, F_OK), -1);
    }
    sal_faulty_fail(SAL_FAULTY_OPEN, 0);
    sal_error err = {0};
    sal_study *study = NULL;
    assert_int_equal(sal_study_open(made->path, SAL_STUDY_WRITE, &study, &err), SAL_EIO);
    sal_faulty_reset();
}

int main(void) {
#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        in_folder(a_second_writer_is_told_and_a_reader_is_not_held_up),
        in_folder(a_killed_writer_leaves_a_usable_study),
        in_folder(a_run_killed_again_and_again_ends_with_the_same_rows),
        in_folder(a_closed_study_is_one_file),
        in_folder(a_writer_ends_well_beside_a_reader),
        in_folder(reading_makes_nothing),
        in_folder(a_study_open_for_reading_cannot_be_changed),
        in_folder(a_read_only_folder_can_be_read),
        in_folder(a_file_that_is_no_database_is_refused),
        in_folder(another_programs_database_is_refused),
        in_folder(a_newer_study_is_refused),
        in_folder(a_file_in_place_of_the_folder_is_refused),
        in_folder(an_empty_database_is_filled_only_by_create),
        in_folder(verify_finds_what_was_damaged),
        in_folder(verify_tells_what_is_out_of_date_but_does_not_count_it),
        in_folder(verify_finds_an_overwritten_page),
        in_folder(a_full_disk_is_an_error_and_what_was_finished_is_kept),
        in_folder(without_memory_everything_fails_cleanly),
        in_folder(a_study_that_cannot_be_made_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
