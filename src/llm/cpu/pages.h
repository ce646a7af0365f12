/** Memory as the system sees it: how much is free, and giving back pages of a mapped file. */
#ifndef SALIENT_CPU_PAGES_H
#define SALIENT_CPU_PAGES_H

#include <stddef.h>
#include <stdint.h>

/** Bytes the system could give without swapping; 0 when it does not say. */
int64_t sal_pages_free(void);

/** Drop whole pages of [start, start + bytes) from this process when they belong to a shared mapping of a file, from which they come back
 *  when read again; anything else (private or anonymous memory, a system that does not tell) is left alone. */
void sal_pages_give_back(const void *start, size_t bytes);

/** Give back the whole pages of memory of the heap: they read as zeros from then on. */
void sal_pages_zero(void *start, size_t bytes);

#endif
