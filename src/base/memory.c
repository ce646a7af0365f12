#include "salient/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/system.h"

/* Bytes of count objects, or 0 when that overflows or is more than any object may have. */
static size_t checked_bytes(size_t count, size_t size) {
    if (size != 0 && count > (size_t)PTRDIFF_MAX / size)
        return 0;
    size_t bytes = count * size;
    return bytes == 0 ? 1 : bytes;
}

void *sal_calloc(size_t count, size_t size) {
    size_t bytes = checked_bytes(count, size);
    return bytes == 0 ? NULL : sal_system_allocate(bytes);
}

void *sal_realloc(void *block, size_t count, size_t size) {
    size_t bytes = checked_bytes(count, size);
    return bytes == 0 ? NULL : sal_system_resize(block, bytes);
}

void sal_free(void *block) {
    sal_system_free(block);
}

char *sal_copy_bytes(const char *bytes, size_t length) {
    if (length >= (size_t)PTRDIFF_MAX)
        return NULL;
    char *copy = sal_calloc(length + 1, 1);
    if (copy != NULL && length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *sal_copy_string(const char *string) {
    return string == NULL ? NULL : sal_copy_bytes(string, strlen(string));
}

void sal_strings_free(char **strings, size_t count) {
    if (strings == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        sal_free(strings[i]);
    sal_free(strings);
}

int(sal_fail_memory)(sal_error *err, const char *what) {
    return sal_fail(err, SAL_ENOMEM, "out of memory for %s", what);
}

int sal_grow(void **array, size_t *capacity, size_t count, size_t element_size, sal_error *err) {
    if (count < *capacity)
        return SAL_OK;
    size_t wanted = *capacity < 8 ? 8 : *capacity > SIZE_MAX / 2 ? SIZE_MAX : *capacity * 2;
    void *larger = sal_realloc(*array, wanted, element_size);
    if (larger == NULL)
        return sal_fail_memory(err, "a growing list");
    *array = larger;
    *capacity = wanted;
    return SAL_OK;
}

/* Room for length more bytes and the NUL. */
static int reserve(sal_buffer *buffer, size_t length, sal_error *err) {
    if (length > (size_t)PTRDIFF_MAX - buffer->length - 1)
        return sal_fail_memory(err, "a text");
    size_t needed = buffer->length + length + 1;
    if (needed <= buffer->capacity)
        return SAL_OK;
    size_t wanted = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (wanted < needed)
        wanted = wanted > SIZE_MAX / 2 ? needed : wanted * 2;
    char *larger = sal_realloc(buffer->bytes, wanted, 1);
    if (larger == NULL)
        return sal_fail_memory(err, "a text");
    buffer->bytes = larger;
    buffer->capacity = wanted;
    return SAL_OK;
}

int sal_buffer_add(sal_buffer *buffer, const char *bytes, size_t length, sal_error *err) {
    int status = reserve(buffer, length, err);
    if (status != SAL_OK)
        return status;
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return SAL_OK;
}

int sal_buffer_add_string(sal_buffer *buffer, const char *string, sal_error *err) {
    return sal_buffer_add(buffer, string, strlen(string), err);
}

static int add_formatted(sal_buffer *buffer, sal_error *err, const char *format,
                         va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return sal_fail(err, SAL_EINVAL, "a text cannot be formatted with '%s'", format);
    int status = reserve(buffer, (size_t)length, err);
    if (status != SAL_OK)
        return status;
    vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, arguments);
    buffer->length += (size_t)length;
    return SAL_OK;
}

int sal_buffer_add_format(sal_buffer *buffer, sal_error *err, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int status = add_formatted(buffer, err, format, arguments);
    va_end(arguments);
    return status;
}

void sal_buffer_clear(sal_buffer *buffer) {
    buffer->length = 0;
    if (buffer->bytes != NULL)
        buffer->bytes[0] = '\0';
}

void sal_buffer_free(sal_buffer *buffer) {
    sal_free(buffer->bytes);
    *buffer = (sal_buffer){0};
}

int sal_sink_write(const sal_sink *sink, const char *bytes, size_t length, sal_error *err) {
    return sink->write(sink->context, bytes, length, err);
}

int sal_sink_string(const sal_sink *sink, const char *string, sal_error *err) {
    return sal_sink_write(sink, string, strlen(string), err);
}

int sal_sink_format(const sal_sink *sink, sal_error *err, const char *format, ...) {
    sal_buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    int status = add_formatted(&text, err, format, arguments);
    va_end(arguments);
    if (status == SAL_OK)
        status = sal_sink_write(sink, text.bytes, text.length, err);
    sal_buffer_free(&text);
    return status;
}

static int write_to_buffer(void *context, const char *bytes, size_t length, sal_error *err) {
    return sal_buffer_add(context, bytes, length, err);
}

sal_sink sal_buffer_sink(sal_buffer *buffer) {
    return (sal_sink){write_to_buffer, buffer};
}
