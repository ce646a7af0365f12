/* madvise is no part of POSIX. */
#define _DEFAULT_SOURCE

#include "pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "salient/file.h"

enum { MAPS_LIMIT = 16 << 20 };

int64_t sal_pages_free(void) {
    sal_buffer text = {0};
    int64_t bytes = 0;
    if (sal_file_read_all("/proc/meminfo", MAPS_LIMIT, &text, NULL) == SAL_OK) {
        const char *line = text.bytes != NULL ? strstr(text.bytes, "MemAvailable:") : NULL;
        if (line != NULL)
            bytes = strtoll(line + strlen("MemAvailable:"), NULL, 10) * 1024;
    }
    sal_buffer_free(&text);
    return bytes;
}

/* "7f..-7f.. r--s offset device inode path": does this line hold all of the range, shared and from a file? */
static int holds(const char *line, uintptr_t start, uintptr_t end) {
    char *rest;
    const unsigned long long first = strtoull(line, &rest, 16);
    if (*rest != '-')
        return 0;
    const unsigned long long last = strtoull(rest + 1, &rest, 16);
    if (first > start || last < end)
        return 0;
    /* rights offset device inode: the fourth character of the rights is s for a shared mapping, the inode is 0 without a file */
    const char *word = strchr(rest, ' ');
    if (word == NULL || strnlen(word, 6) < 6 || word[4] != 's')
        return 0;
    for (int i = 0; i < 3 && word != NULL; i++)
        word = strchr(word + 1, ' ');
    return word != NULL && strtoull(word, NULL, 10) != 0;
}

void sal_pages_give_back(const void *start, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t address = (uintptr_t)start;
    const uintptr_t skip = (page - address % page) % page;
    sal_buffer maps = {0};
    if (bytes < skip + page)
        return;
    const size_t whole = (bytes - skip) / page * page;
    if (sal_file_read_all("/proc/self/maps", MAPS_LIMIT, &maps, NULL) == SAL_OK) {
        for (const char *line = maps.bytes; line != NULL && *line != '\0';) {
            if (holds(line, address + skip, address + skip + whole)) {
                union {
                    const char *in;
                    void *out;
                } at = {(const char *)start + skip};
                (void)madvise(at.out, whole, MADV_DONTNEED);
                break;
            }
            line = strchr(line, '\n');
            line = line != NULL ? line + 1 : NULL;
        }
    }
    sal_buffer_free(&maps);
}

void sal_pages_zero(void *start, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t skip = (page - (uintptr_t)start % page) % page;
    if (bytes >= skip + page)
        (void)madvise((char *)start + skip, (bytes - skip) / page * page, MADV_DONTNEED);
}
