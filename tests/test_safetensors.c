/* safetensors: what is written reads back, equal content is equal bytes, nothing half-written stays, and no header is believed. */
#include "testing.h"

#include <unistd.h>

#include "salient/safetensors.h"

typedef struct fixture {
    char folder[64];
    char path[96];
} fixture;

static int set_up(void **state) {
    static fixture f;
    make_scratch_folder(f.folder);
    snprintf(f.path, sizeof f.path, "%s/x.safetensors", f.folder);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    remove_scratch_folder(((fixture *)*state)->folder);
    return 0;
}

static const float floats[6] = {1, -2.5F, 3, 4, 5, 6e-12F};
static const int32_t ids[3] = {7, -8, 2147483647};
static const double doubles[2] = {1e300, -0.1};
static const int64_t large[1] = {-9007199254740993};
static const uint16_t halves[3] = {0x3c00, 0x7bff, 1};
static const uint8_t bytes[5] = {0, 1, 2, 254, 255};

static const sal_tensor samples[] = {
    {.name = "tokens", .dtype = SAL_I32, .axes = 1, .shape = {3}, .data = ids},
    {.name = "attention.received", .dtype = SAL_F32, .axes = 2, .shape = {2, 3}, .data = floats},
    {.name = "Ärger", .dtype = SAL_F64, .axes = 1, .shape = {2}, .data = doubles},
    {.name = "bytes", .dtype = SAL_U8, .axes = 1, .shape = {5}, .data = bytes},
    {.name = "one", .dtype = SAL_I64, .axes = 0, .data = large},
    {.name = "half", .dtype = SAL_F16, .axes = 3, .shape = {1, 3, 1}, .data = halves},
    {.name = "nothing", .dtype = SAL_F32, .axes = 2, .shape = {0, 4}, .data = NULL},
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };
static const sal_metadata texts[] = {{"salient", "0.1"}, {"model", "a \"quoted\" name"}};

static void write_samples(const char *path) {
    sal_error err = {0};
    assert_ok(sal_safetensors_write(path, samples, SAMPLES, texts, 2, &err));
}

static void what_is_written_reads_back(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_safetensors *file = NULL;
    size_t count = 0;
    write_samples(f->path);
    assert_ok(sal_safetensors_open(f->path, &file, &err));
    const sal_tensor *all = sal_safetensors_tensors(file, &count);
    assert_int_equal(count, SAMPLES);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(all[i - 1].name, all[i].name) < 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        const sal_tensor *tensor = NULL;
        char room[64];
        size_t elements = 0;
        assert_ok(sal_safetensors_find(file, samples[i].name, &tensor, &err));
        assert_int_equal(tensor->dtype, samples[i].dtype);
        assert_int_equal(tensor->axes, samples[i].axes);
        assert_memory_equal(tensor->shape, samples[i].shape, sizeof tensor->shape);
        assert_ok(sal_tensor_count(tensor, &elements, &err));
        assert_ok(sal_safetensors_read(file, tensor, 0, elements, room, &err));
        if (elements > 0)
            assert_memory_equal(room, samples[i].data, elements * sal_dtype_bytes(tensor->dtype));
    }
    const sal_tensor *tensor = NULL;
    float part[2];
    assert_ok(sal_safetensors_find(file, "attention.received", &tensor, &err));
    assert_ok(sal_safetensors_read(file, tensor, 3, 2, part, &err));
    assert_memory_equal(part, floats + 3, sizeof part);
    assert_int_equal(sal_safetensors_read(file, tensor, 5, 2, part, &err), SAL_ESHAPE);
    assert_string_equal(sal_safetensors_metadata(file, "model"), "a \"quoted\" name");
    assert_null(sal_safetensors_metadata(file, "nothing"));
    assert_int_equal(sal_safetensors_find(file, "tokenz", &tensor, &err), SAL_ENOTFOUND);
    assert_non_null(strstr(err.text, "tokens"));
    sal_safetensors_close(file);
}

static sal_buffer content(const char *path) {
    sal_error err = {0};
    sal_buffer out = {0};
    assert_ok(sal_file_read_all(path, 1 << 20, &out, &err));
    return out;
}

static void the_bytes_are_the_documented_ones_whatever_the_order(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_tensor reversed[SAMPLES];
    const sal_metadata swapped[] = {texts[1], texts[0]};
    for (size_t i = 0; i < SAMPLES; i++)
        reversed[i] = samples[SAMPLES - 1 - i];
    write_samples(f->path);
    sal_buffer one = content(f->path);
    assert_ok(sal_safetensors_write(f->path, reversed, SAMPLES, swapped, 2, &err));
    sal_buffer two = content(f->path);
    assert_int_equal(one.length, two.length);
    assert_memory_equal(one.bytes, two.bytes, one.length);
    static const char head[] =
        "{\"__metadata__\":{\"model\":\"a \\\"quoted\\\" name\",\"salient\":\"0.1\"},"
        "\"attention.received\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
        "\"bytes\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[66,71]},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[1,3,1],\"data_offsets\":[60,66]},";
    assert_memory_equal(one.bytes + 8, head, sizeof head - 1);
    uint64_t length = 0;
    memcpy(&length, one.bytes, sizeof length);
    assert_int_equal(length % 8, 0);
    assert_int_equal(one.length, 8 + length + 71);
    sal_buffer_free(&one);
    sal_buffer_free(&two);
}

static void pieces_give_the_same_file_and_their_order_is_told(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_safetensors_writer *writer = NULL;
    write_samples(f->path);
    sal_buffer one = content(f->path);
    assert_ok(sal_safetensors_begin(f->path, samples, SAMPLES, texts, 2, &writer, &err));
    size_t i = 0, seen = 0;
    while ((i = sal_safetensors_next(writer)) < SAMPLES) {
        size_t elements = 0;
        assert_ok(sal_tensor_count(&samples[i], &elements, &err));
        size_t size = elements * sal_dtype_bytes(samples[i].dtype);
        for (size_t k = 0; k < size; k++)
            assert_ok(sal_safetensors_add(writer, (const char *)samples[i].data + k, 1, &err));
        seen++;
    }
    assert_int_equal(seen, SAMPLES - 1); /* the empty one is passed over */
    assert_int_equal(sal_safetensors_add(writer, "x", 1, &err), SAL_ESHAPE);
    assert_ok(sal_safetensors_commit(writer, &err));
    sal_buffer two = content(f->path);
    assert_int_equal(one.length, two.length);
    assert_memory_equal(one.bytes, two.bytes, one.length);
    sal_buffer_free(&one);
    sal_buffer_free(&two);
}

static void wrong_use_leaves_no_file(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_safetensors_writer *writer = NULL;
    const sal_tensor twice[] = {samples[0], samples[0]};
    const sal_tensor reserved = {.name = "__metadata__", .dtype = SAL_U8};
    const sal_tensor huge = {
        .name = "x", .dtype = SAL_F64, .axes = 2, .shape = {SIZE_MAX / 2, SIZE_MAX / 2}};
    (void)unlink(f->path);
    assert_int_equal(sal_safetensors_write(f->path, twice, 2, NULL, 0, &err), SAL_EINVAL);
    assert_int_equal(sal_safetensors_write(f->path, &reserved, 1, NULL, 0, &err), SAL_EINVAL);
    assert_int_equal(sal_safetensors_write(f->path, &huge, 1, NULL, 0, &err), SAL_ELIMIT);
    assert_ok(sal_safetensors_begin(f->path, samples, SAMPLES, NULL, 0, &writer, &err));
    assert_int_equal(sal_safetensors_add(writer, doubles, 17, &err), SAL_ESHAPE);
    assert_int_equal(sal_safetensors_commit(writer, &err), SAL_ESHAPE);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void a_write_that_fails_leaves_neither_file_nor_memory(void **state) {
    static const sal_faulty_kind kinds[] = {SAL_FAULTY_ALLOCATION, SAL_FAULTY_OPEN,
                                            SAL_FAULTY_WRITE, SAL_FAULTY_SYNC, SAL_FAULTY_RENAME};
    const fixture *f = *state;
    sal_error err = {0};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (long n = 0;; n++) {
            long blocks = sal_faulty_blocks();
            (void)unlink(f->path);
            sal_faulty_fail(kinds[k], n);
            int status = sal_safetensors_write(f->path, samples, SAMPLES, texts, 2, &err);
            bool reached = sal_faulty_reset();
            assert_int_equal(sal_faulty_blocks(), blocks);
            if (!reached) {
                assert_int_equal(status, SAL_OK);
                break;
            }
            assert_true(status != SAL_OK);
            assert_int_equal(access(f->path, F_OK), -1);
        }
    }
}

static void a_read_that_fails_leaves_no_memory(void **state) {
    static const sal_faulty_kind kinds[] = {SAL_FAULTY_ALLOCATION, SAL_FAULTY_OPEN,
                                            SAL_FAULTY_READ};
    const fixture *f = *state;
    write_samples(f->path);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (long n = 0;; n++) {
            sal_error err = {0};
            sal_safetensors *file = NULL;
            long blocks = sal_faulty_blocks();
            sal_faulty_fail(kinds[k], n);
            int status = sal_safetensors_open(f->path, &file, &err);
            bool reached = sal_faulty_reset();
            if (!reached) {
                assert_int_equal(status, SAL_OK);
                sal_safetensors_close(file);
                break;
            }
            assert_int_equal(sal_faulty_blocks(), blocks);
            assert_true(status != SAL_OK);
            assert_non_null(strstr(err.text, "x.safetensors"));
        }
    }
}

/* ---- headers that lie ----------------------------------------------------------------------------- */

/* A file of this header and data bytes of zeros: refused with this code, and a text that says this. */
static void refuse(const char *header, size_t data, int code, const char *says) {
    sal_error err = {0};
    sal_safetensors *file = NULL;
    uint64_t length = strlen(header);
    char *copy = calloc(8 + length + data, 1);
    assert_non_null(copy);
    memcpy(copy, &length, 8);
    memcpy(copy + 8, header, length);
    int status = sal_safetensors_open_bytes("f.safetensors", copy, 8 + length + data, &file, &err);
    free(copy);
    if (status != code || strstr(err.text, says) == NULL || strstr(err.text, "f.safet") == NULL)
        fail_msg("%s: %d %s", header, status, err.text);
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void a_header_that_lies_is_refused(void **state) {
    (void)state;
    refuse("", 0, SAL_EFORMAT, "JSON");
    refuse("[]", 0, SAL_EFORMAT, "object");
    refuse("{\"a\":1}", 0, SAL_EFORMAT, "'a'");
    refuse("{", 0, SAL_EFORMAT, "JSON");
    refuse(ONE("F32", "[1]", "[0,4]") "x", 4, SAL_EFORMAT, "JSON");
    refuse(ONE("BF16", "[2]", "[0,4]"), 4, SAL_EFORMAT, "BF16");
    refuse(ONE("F32", "[2]", "[0,4]"), 4, SAL_EFORMAT, "needs 8 bytes");
    refuse(ONE("F32", "[1]", "[4,0]"), 4, SAL_EFORMAT, "data_offsets");
    refuse(ONE("F32", "[1]", "[0,4]"), 3, SAL_EFORMAT, "at most to 3");
    refuse(ONE("F32", "[1]", "[0,4]"), 5, SAL_EFORMAT, "1 bytes belong to no tensor");
    refuse(ONE("F32", "[1]", "[1,5]"), 5, SAL_EFORMAT, "expected from 0");
    refuse(ONE("F32", "[-1]", "[0,4]"), 4, SAL_EFORMAT, "shape");
    refuse(ONE("F32", "[1.0]", "[0,4]"), 4, SAL_EFORMAT, "shape");
    refuse(ONE("F32", "{}", "[0,4]"), 4, SAL_EFORMAT, "shape");
    refuse(ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, SAL_EFORMAT, "8 axes");
    refuse(ONE("F32", "[1]", "[0]"), 4, SAL_EFORMAT, "data_offsets");
    refuse(ONE("F64", "[4611686018427387904,4611686018427387904]", "[0,0]"), 0, SAL_ELIMIT, "a");
    refuse(ONE("U8", "[9223372036854775807]", "[0,9223372036854775807]"), 0, SAL_EFORMAT,
           "at most to 0");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
           3, SAL_EFORMAT, "'b'");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
           "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
           1, SAL_EFORMAT, "JSON");
    refuse("{\"__metadata__\":{\"k\":1}}", 0, SAL_EFORMAT, "'k'");
    refuse("{\"__metadata__\":\"k\"}", 0, SAL_EFORMAT, "__metadata__");
    refuse("{\"a\":{\"shape\":[[1]]}}", 0, SAL_ELIMIT, "nested");
    refuse("{\"a\\\"[[[[\":{\"dtype\":\"x\"}}", 0, SAL_EFORMAT, "type x");
}

static void short_files_long_headers_and_folders_are_refused(void **state) {
    const fixture *f = *state;
    sal_error err = {0};
    sal_safetensors *file = NULL;
    static const char six[6] = "abcdef";
    static const char noise[16] = "{\"id\":\"a\",\"text";
    static const char cut[12] = {100, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' '};
    assert_int_equal(sal_safetensors_open_bytes("f", six, 6, &file, &err), SAL_EFORMAT);
    assert_int_equal(sal_safetensors_open_bytes("f", noise, 16, &file, &err), SAL_ELIMIT);
    assert_int_equal(sal_safetensors_open_bytes("f", cut, 12, &file, &err), SAL_EFORMAT);
    assert_non_null(strstr(err.text, "cut off"));
    assert_int_equal(sal_safetensors_open(f->folder, &file, &err), SAL_EIO);
    assert_int_equal(sal_safetensors_open("/nowhere/x", &file, &err), SAL_ENOTFOUND);
}

/* Deep nesting never reaches the recursive parser. */
static void deep_nesting_is_refused(void **state) {
    (void)state;
    static char deep[200001];
    memset(deep, '[', sizeof deep - 1);
    refuse(deep, 0, SAL_ELIMIT, "nested more than 3 deep at byte 11");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_bytes_are_the_documented_ones_whatever_the_order),
        cmocka_unit_test(pieces_give_the_same_file_and_their_order_is_told),
        cmocka_unit_test(wrong_use_leaves_no_file),
        cmocka_unit_test(a_write_that_fails_leaves_neither_file_nor_memory),
        cmocka_unit_test(a_read_that_fails_leaves_no_memory),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(short_files_long_headers_and_folders_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
