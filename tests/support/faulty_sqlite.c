/* SQLite on the faulty system. sqlite3_step is replaced at link time in every test; the system calls and the memory of SQLite where a
 * test asks for it. */
#define _GNU_SOURCE

#include "faulty_system.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>

static int (*real_step)(sqlite3_stmt *);
static sqlite3_mem_methods real_memory;

int sqlite3_step(sqlite3_stmt *statement) {
    if (real_step == NULL)
        *(void **)&real_step = dlsym(RTLD_NEXT, "sqlite3_step");
    if (real_step == NULL)
        abort();
    return sal_faulty_strikes(SAL_FAULTY_STEP) ? SQLITE_IOERR : real_step(statement);
}

static ssize_t read_some(int descriptor, void *bytes, size_t length) {
    return sal_faulty_strikes(SAL_FAULTY_READ) ? -1 : read(descriptor, bytes, length);
}

static ssize_t read_at(int descriptor, void *bytes, size_t length, off_t at) {
    return sal_faulty_strikes(SAL_FAULTY_READ) ? -1 : pread(descriptor, bytes, length, at);
}

static ssize_t write_some(int descriptor, const void *bytes, size_t length) {
    return sal_faulty_strikes(SAL_FAULTY_WRITE) ? -1 : write(descriptor, bytes, length);
}

static ssize_t write_at(int descriptor, const void *bytes, size_t length, off_t at) {
    return sal_faulty_strikes(SAL_FAULTY_WRITE) ? -1 : pwrite(descriptor, bytes, length, at);
}

static bool diverted;

/* SQLite lets no one replace this call. */
int fdatasync(int descriptor) {
    if (diverted && sal_faulty_strikes(SAL_FAULTY_SYNC))
        return -1;
    return (int)syscall(SYS_fdatasync, descriptor);
}

static void *allocate(int size) {
    return sal_faulty_strikes(SAL_FAULTY_MEMORY) ? NULL : real_memory.xMalloc(size);
}

static void *resize(void *block, int size) {
    return sal_faulty_strikes(SAL_FAULTY_MEMORY) ? NULL : real_memory.xRealloc(block, size);
}

void sal_faulty_sqlite(void) {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        abort();
    sqlite3_mem_methods memory = real_memory;
    memory.xMalloc = allocate;
    memory.xRealloc = resize;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK)
        abort();
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"read", (sqlite3_syscall_ptr)read_some},  {"pread", (sqlite3_syscall_ptr)read_at},
        {"pread64", (sqlite3_syscall_ptr)read_at}, {"write", (sqlite3_syscall_ptr)write_some},
        {"pwrite", (sqlite3_syscall_ptr)write_at}, {"pwrite64", (sqlite3_syscall_ptr)write_at}};
    for (size_t i = 0; vfs != NULL && i < sizeof calls / sizeof calls[0]; i++)
        if (vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call) != SQLITE_OK)
            abort();
    diverted = true;
}
