#include "base/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *sal_system_allocate(size_t size) {
    return calloc(1, size);
}

void *sal_system_resize(void *block, size_t size) {
    return realloc(block, size);
}

void sal_system_free(void *block) {
    free(block);
}

int sal_system_open(const char *path, int flags, int mode) {
    return open(path, flags, mode);
}

ssize_t sal_system_read(int descriptor, void *bytes, size_t capacity) {
    return read(descriptor, bytes, capacity);
}

ssize_t sal_system_write(int descriptor, const void *bytes, size_t length) {
    return write(descriptor, bytes, length);
}

ssize_t sal_system_read_at(int descriptor, void *bytes, size_t capacity, off_t at) {
    return pread(descriptor, bytes, capacity, at);
}

ssize_t sal_system_write_at(int descriptor, const void *bytes, size_t length, off_t at) {
    return pwrite(descriptor, bytes, length, at);
}

int sal_system_sync(int descriptor) {
    return fsync(descriptor);
}

int sal_system_close(int descriptor) {
    return close(descriptor);
}

int sal_system_rename(const char *from, const char *to) {
    return rename(from, to);
}

int sal_system_unlink(const char *path) {
    return unlink(path);
}
