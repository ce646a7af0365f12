/* Base: errors stay one line, memory is checked, files appear whole or not at all, digests and draws are the published ones. */

#include "testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "salient/file.h"
#include "salient/random.h"
#include "salient/spool.h"

static void errors_are_one_line_and_whole_utf8(void **state) {
    (void)state;
    sal_error err = {0};
    assert_int_equal(sal_fail(&err, SAL_EIO, "%s:%d: \x1b[31m\nbad", "a.json", 3), SAL_EIO);
    assert_string_equal(err.text, "a.json:3: ?[31m bad");
    assert_int_equal(sal_fail_in(&err, SAL_EIO, "importing '%s'", "x"), SAL_EIO);
    assert_string_equal(err.text, "importing 'x': a.json:3: ?[31m bad");

    char accents[2002];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(accents + i, "\xc3\xa9", 2);
    accents[2000] = '\0';
    sal_fail(&err, SAL_EIO, "a%s", accents);
    size_t length = strlen(err.text);
    assert_true(length < sizeof err.text);
    assert_int_equal((unsigned char)err.text[length - 1], 0xa9); /* no half character at the cut */
    assert_int_equal(sal_fail(NULL, SAL_EBUSY, "nobody listens"), SAL_EBUSY);
    assert_string_equal(sal_error_name(SAL_EUNSUPPORTED), "SAL_EUNSUPPORTED");
    assert_string_equal(sal_error_name(-99), "SAL_E?");
}

static void sizes_that_overflow_are_out_of_memory(void **state) {
    (void)state;
    assert_null(sal_calloc(SIZE_MAX / 2, 3));
    assert_null(sal_realloc(NULL, SIZE_MAX, 2));
    assert_null(sal_copy_bytes("", SIZE_MAX));
    void *nothing = sal_calloc(0, 8);
    assert_non_null(nothing);
    sal_free(nothing);
}

static void buffers_grow_and_end_with_nul(void **state) {
    (void)state;
    sal_error err = {0};
    sal_buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        assert_ok(sal_buffer_add_format(&buffer, &err, "%d,", i));
    assert_int_equal(buffer.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(buffer.bytes), buffer.length);
    const sal_sink sink = sal_buffer_sink(&buffer);
    assert_ok(sal_sink_format(&sink, &err, "%s", "end"));
    assert_string_equal(buffer.bytes + buffer.length - 7, "999,end");
    sal_buffer_free(&buffer);
    assert_null(buffer.bytes);
}

static void sha256_equals_the_published_examples(void **state) {
    (void)state;
    char digest[65];
    sal_sha256_of("abc", 3, digest);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sal_sha256_of("", 0, digest);
    assert_string_equal(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    /* A million 'a', fed in odd pieces. */
    char piece[777];
    memset(piece, 'a', sizeof piece);
    sal_sha256 hash;
    sal_sha256_start(&hash);
    for (size_t left = 1000000; left > 0;) {
        size_t part = left < sizeof piece ? left : sizeof piece;
        sal_sha256_add(&hash, piece, part);
        left -= part;
    }
    sal_sha256_finish(&hash, digest);
    assert_string_equal(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void draws_are_equal_on_every_machine(void **state) {
    (void)state;
    sal_random random;
    sal_random_seed(&random, 0);
    /* SplitMix64 of 0 is published: the first state word of seed 0. */
    assert_true(random.state[0] == 0xe220a8397b1dcdafU);
    sal_random_seed(&random, 7);
    size_t seen[6] = {0};
    for (int i = 0; i < 60000; i++)
        seen[sal_random_below(&random, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_true(seen[i] > 9600 && seen[i] < 10400); /* 10,000 ± 4 standard errors */
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double u = sal_random_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_close(sum / 10000, 0.5, 0, 0.0116);
    size_t order[100];
    for (size_t i = 0; i < 100; i++)
        order[i] = i;
    sal_random_shuffle(&random, order, 100);
    size_t total = 0;
    size_t moved = 0;
    for (size_t i = 0; i < 100; i++) {
        total += order[i];
        moved += order[i] != i;
    }
    assert_int_equal(total, 4950);
    assert_true(moved > 80);
}

static void seeds_of_items_depend_on_the_item_alone(void **state) {
    (void)state;
    uint64_t seed = sal_seed_derive(7, "news", "a", 10, 0);
    assert_true(seed == sal_seed_derive(7, "news", "a", 10, 0));
    assert_true(seed != sal_seed_derive(8, "news", "a", 10, 0));
    assert_true(seed != sal_seed_derive(7, "new", "sa", 10, 0));
    assert_true(seed != sal_seed_derive(7, "news", "b", 10, 0));
    assert_true(seed != sal_seed_derive(7, "news", "a", 20, 0));
    assert_true(seed != sal_seed_derive(7, "news", "a", 10, 1));
}

static int write_file(const char *path, const char *content, sal_error *err) {
    sal_output *output = NULL;
    int status = sal_output_open(path, &output, err);
    if (status != SAL_OK)
        return status;
    const sal_sink sink = sal_output_sink(output);
    status = sal_sink_string(&sink, content, err);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}

static void files_appear_whole_or_not_at_all(void **state) {
    (void)state;
    char folder[64];
    char path[96];
    sal_error err = {0};
    sal_buffer content = {0};
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/out.txt", folder);
    assert_ok(write_file(path, "first", &err));

    long blocks = sal_faulty_blocks();
    const sal_faulty_kind kinds[] = {SAL_FAULTY_ALLOCATION, SAL_FAULTY_OPEN,  SAL_FAULTY_WRITE,
                                     SAL_FAULTY_SYNC,       SAL_FAULTY_CLOSE, SAL_FAULTY_RENAME};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        sal_faulty_fail(kinds[i], 0);
        int status = write_file(path, "second", &err);
        assert_true(sal_faulty_reset());
        assert_int_equal(status, kinds[i] == SAL_FAULTY_ALLOCATION ? SAL_ENOMEM : SAL_EIO);
        if (status == SAL_EIO)
            assert_non_null(strstr(err.text, "out.txt"));
        assert_int_equal(sal_faulty_blocks(), blocks);
        assert_ok(sal_file_read_all(path, 100, &content, &err));
        assert_string_equal(content.bytes, "first");
        sal_buffer_free(&content);
    }
    snprintf(path, sizeof path, "ls -A %s | wc -l | grep -qx 1", folder);
    assert_int_equal(system(path), 0); /* no partial file is left */
    remove_scratch_folder(folder);
}

static void what_a_killed_writer_left_is_taken_over(void **state) {
    (void)state;
    char folder[64], path[96], command[160];
    sal_error err = {0};
    sal_output *first = NULL, *second = NULL;
    sal_buffer content = {0};
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/out.txt", folder);
    snprintf(command, sizeof command, "echo 'half of something longer than what comes' >%s.partial",
             path);
    assert_int_equal(system(command), 0);
    assert_ok(write_file(path, "whole", &err));
    assert_ok(sal_file_read_all(path, 100, &content, &err));
    assert_string_equal(content.bytes, "whole");
    snprintf(command, sizeof command, "ls -A %s | wc -l | grep -qx 1", folder);
    assert_int_equal(system(command), 0);

    /* two at once: each has a file of its own, the last one to finish has its way */
    assert_ok(sal_output_open(path, &first, &err));
    assert_ok(sal_output_open(path, &second, &err));
    const sal_sink sinks[] = {sal_output_sink(first), sal_output_sink(second)};
    assert_ok(sal_sink_string(&sinks[0], "first", &err));
    assert_ok(sal_sink_string(&sinks[1], "second", &err));
    assert_ok(sal_output_commit(second, &err));
    assert_ok(sal_output_commit(first, &err));
    assert_ok(sal_file_read_all(path, 100, &content, &err));
    assert_string_equal(content.bytes, "first");
    assert_int_equal(system(command), 0);
    sal_buffer_free(&content);
    remove_scratch_folder(folder);
}

/* A file renamed over a pipe or a device (/dev/null, for root) would take its name. */
static void pipes_are_written_in_place_and_links_followed(void **state) {
    (void)state;
    char folder[64], pipe[96], file[96], link[96], got[16] = "";
    sal_error err = {0};
    struct stat info;
    sal_buffer content = {0};
    make_scratch_folder(folder);
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(link, sizeof link, "%s/link", folder);

    assert_int_equal(mkfifo(pipe, 0600), 0);
    int reader = open(pipe, O_RDWR | O_NONBLOCK);
    assert_ok(write_file(pipe, "through", &err));
    assert_int_equal(read(reader, got, sizeof got - 1), 7);
    assert_string_equal(got, "through");
    assert_int_equal(stat(pipe, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    close(reader);

    assert_ok(write_file(file, "old", &err));
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(symlink("file", link), 0);
    assert_ok(write_file(link, "new", &err));
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_ok(sal_file_read_all(file, 100, &content, &err));
    assert_string_equal(content.bytes, "new");

    assert_int_equal(write_file(folder, "x", &err), SAL_EIO);
    assert_non_null(strstr(err.text, "is a folder"));
    sal_buffer_free(&content);
    remove_scratch_folder(folder);
}

static void reads_name_the_file_and_respect_the_limit(void **state) {
    (void)state;
    char folder[64];
    char path[96];
    sal_error err = {0};
    sal_buffer content = {0};
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/in.txt", folder);
    assert_int_equal(sal_file_read_all(path, 100, &content, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "in.txt"));
    assert_int_equal(sal_file_read_all(folder, 100, &content, &err), SAL_EIO);
    assert_non_null(strstr(err.text, "is a folder"));
    assert_ok(write_file(path, "12345", &err));
    assert_int_equal(sal_file_read_all(path, 4, &content, &err), SAL_ELIMIT);
    sal_faulty_fail(SAL_FAULTY_READ, 0);
    assert_int_equal(sal_file_read_all(path, 100, &content, &err), SAL_EIO);
    assert_true(sal_faulty_reset());
    char digest[65];
    assert_ok(sal_sha256_file(path, digest, &err));
    assert_string_equal(digest, "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5");
    sal_buffer_free(&content);
    remove_scratch_folder(folder);
}

/* Written in any order, read in any other; a name that nobody sees, and every way to fail. */
static void a_spool_keeps_what_was_written_and_leaves_no_file(void **state) {
    (void)state;
    char folder[64], path[96], got[16] = "";
    sal_error err = {0};
    sal_spool *spool = NULL;
    make_scratch_folder(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    const long blocks = sal_faulty_blocks();
    assert_ok(sal_spool_open(path, &spool, &err));
    assert_ok(sal_spool_write(spool, 6, "harbour", 7, &err));
    assert_ok(sal_spool_write(spool, 0, "ferry ", 6, &err));
    assert_ok(sal_spool_read(spool, 3, got, 10, &err));
    assert_string_equal(got, "ry harbour");
    assert_int_equal(sal_spool_read(spool, 8, got, 6, &err), SAL_EIO); /* one more than there is */
    assert_non_null(strstr(err.text, "ends before byte 14"));
    sal_faulty_fail(SAL_FAULTY_WRITE, 0);
    assert_int_equal(sal_spool_write(spool, 0, "x", 1, &err), SAL_EIO);
    assert_true(sal_faulty_reset());
    assert_non_null(strstr(err.text, "out.spool-"));
    sal_faulty_fail(SAL_FAULTY_READ, 0);
    assert_int_equal(sal_spool_read(spool, 0, got, 1, &err), SAL_EIO);
    assert_true(sal_faulty_reset());
    assert_int_equal(rmdir(folder), 0); /* nothing is in it while the spool is open */
    sal_spool_close(spool);
    sal_spool_close(NULL);

    spool = NULL;
    assert_int_equal(sal_spool_open(path, &spool, &err), SAL_ENOTFOUND); /* the folder is gone */
    for (int kind = SAL_FAULTY_ALLOCATION; kind <= SAL_FAULTY_OPEN; kind++) {
        sal_faulty_fail((sal_faulty_kind)kind, 0);
        assert_true(sal_spool_open("/dev/null", &spool, &err) != SAL_OK);
        assert_true(sal_faulty_reset());
    }
    assert_null(spool);
    assert_ok(sal_spool_open("/dev/null", &spool, &err)); /* a device: in the temporary folder */
    assert_ok(sal_spool_write(spool, 0, "x", 1, &err));
    sal_spool_close(spool);
    assert_int_equal(sal_faulty_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_one_line_and_whole_utf8),
        cmocka_unit_test(sizes_that_overflow_are_out_of_memory),
        cmocka_unit_test(buffers_grow_and_end_with_nul),
        cmocka_unit_test(sha256_equals_the_published_examples),
        cmocka_unit_test(draws_are_equal_on_every_machine),
        cmocka_unit_test(seeds_of_items_depend_on_the_item_alone),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(what_a_killed_writer_left_is_taken_over),
        cmocka_unit_test(pipes_are_written_in_place_and_links_followed),
        cmocka_unit_test(a_spool_keeps_what_was_written_and_leaves_no_file),
        cmocka_unit_test(reads_name_the_file_and_respect_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
