#include "faulty_system.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/system.h"

/* Test code: state is global here so that the library needs none. -1 = never fail. */
static atomic_long remaining[SAL_FAULTY_KINDS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
static atomic_bool once;
static sal_faulty_places *noted;
static atomic_bool failed;
static atomic_long blocks;

void sal_faulty_fail(sal_faulty_kind kind, long after) {
    failed = false;
    once = false;
    remaining[kind] = after;
}

void sal_faulty_fail_once(sal_faulty_kind kind, long after) {
    sal_faulty_fail(kind, after);
    once = true;
}

void sal_faulty_note_places(sal_faulty_places *places) {
    noted = places;
}

/* One thread at a time, which is what the tests that ask for it run. */
static void note(sal_faulty_kind kind) {
    void *frames[24];
    sal_faulty_places *places = &noted[kind];
    sal_faulty_places *const all = noted;
    noted = NULL; /* the first backtrace allocates */
    const int depth = backtrace(frames, 24);
    noted = all;
    uint64_t chain = 14695981039346656037u;
    for (int i = 0; i < depth; i++)
        chain = (chain ^ (uint64_t)(uintptr_t)frames[i]) * 1099511628211u;
    const long number = places->calls++;
    for (long i = 0; i < places->count; i++)
        if (places->chains[i] == chain)
            return;
    if (places->count < SAL_FAULTY_PLACES) {
        places->numbers[places->count] = number;
        places->chains[places->count++] = chain;
    }
}

bool sal_faulty_reset(void) {
    for (int kind = 0; kind < SAL_FAULTY_KINDS; kind++)
        remaining[kind] = -1;
    return atomic_exchange(&failed, false);
}

long sal_faulty_blocks(void) {
    return blocks;
}

static bool fails(sal_faulty_kind kind, int error_number) {
    if (noted != NULL)
        note(kind);
    if (remaining[kind] < 0)
        return false;
    if (remaining[kind] > 0) {
        remaining[kind]--;
        return false;
    }
    failed = true;
    if (once)
        remaining[kind] = -1;
    errno = error_number;
    return true;
}

bool sal_faulty_strikes(sal_faulty_kind kind) {
    return fails(kind, kind == SAL_FAULTY_WRITE ? ENOSPC : EIO);
}

void *sal_system_allocate(size_t size) {
    void *block = fails(SAL_FAULTY_ALLOCATION, ENOMEM) ? NULL : calloc(1, size);
    blocks += block != NULL;
    return block;
}

void *sal_system_resize(void *block, size_t size) {
    if (fails(SAL_FAULTY_ALLOCATION, ENOMEM))
        return NULL;
    void *larger = realloc(block, size);
    blocks += block == NULL && larger != NULL;
    return larger;
}

void sal_system_free(void *block) {
    blocks -= block != NULL;
    free(block);
}

int sal_system_open(const char *path, int flags, int mode) {
    return fails(SAL_FAULTY_OPEN, EIO) ? -1 : open(path, flags, mode);
}

ssize_t sal_system_read(int descriptor, void *bytes, size_t capacity) {
    return fails(SAL_FAULTY_READ, EIO) ? -1 : read(descriptor, bytes, capacity);
}

ssize_t sal_system_write(int descriptor, const void *bytes, size_t length) {
    return fails(SAL_FAULTY_WRITE, ENOSPC) ? -1 : write(descriptor, bytes, length);
}

ssize_t sal_system_read_at(int descriptor, void *bytes, size_t capacity, off_t at) {
    return fails(SAL_FAULTY_READ, EIO) ? -1 : pread(descriptor, bytes, capacity, at);
}

ssize_t sal_system_write_at(int descriptor, const void *bytes, size_t length, off_t at) {
    return fails(SAL_FAULTY_WRITE, ENOSPC) ? -1 : pwrite(descriptor, bytes, length, at);
}

int sal_system_sync(int descriptor) {
    return fails(SAL_FAULTY_SYNC, EIO) ? -1 : fsync(descriptor);
}

int sal_system_close(int descriptor) {
    int status = close(descriptor);
    return fails(SAL_FAULTY_CLOSE, EIO) ? -1 : status;
}

int sal_system_rename(const char *from, const char *to) {
    return fails(SAL_FAULTY_RENAME, EIO) ? -1 : rename(from, to);
}

int sal_system_unlink(const char *path) {
    return unlink(path);
}
