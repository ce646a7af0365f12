/** The seam to the operating system: every allocation and every file operation of the library passes through these.
 *  src/base/system.c implements them with the C library; tests link tests/support/faulty_system.c in its place, which does the
 *  same until a test asks the n-th call to fail. A link-time seam needs no mutable global in the library. */
#ifndef SALIENT_BASE_SYSTEM_H
#define SALIENT_BASE_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

void *sal_system_allocate(size_t size); /* zeroed */
void *sal_system_resize(void *block, size_t size);
void sal_system_free(void *block);

/** As open(2), read(2), write(2), pread(2), pwrite(2), fsync(2), close(2), rename(2), unlink(2): -1 and errno on failure. */
int sal_system_open(const char *path, int flags, int mode);
ssize_t sal_system_read(int descriptor, void *bytes, size_t capacity);
ssize_t sal_system_write(int descriptor, const void *bytes, size_t length);
ssize_t sal_system_read_at(int descriptor, void *bytes, size_t capacity, off_t at);
ssize_t sal_system_write_at(int descriptor, const void *bytes, size_t length, off_t at);
int sal_system_sync(int descriptor);
int sal_system_close(int descriptor);
int sal_system_rename(const char *from, const char *to);
int sal_system_unlink(const char *path);

#endif
