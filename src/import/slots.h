/** Which (document, length, replica) a file has filled so far. */
#ifndef SALIENT_IMPORT_SLOTS_H
#define SALIENT_IMPORT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "salient/error.h"

typedef struct import_slot {
    int64_t document;
    int length;
    int replica; /* -1: the entry counts instead: next replica to be given */
    int next;
    bool used;
} import_slot;

/** Hash table; zero-initialise it. 24 bytes for each entry, at most three quarters full. */
typedef struct import_slots {
    import_slot *entries;
    size_t capacity; /* 0 or a power of two */
    size_t count;
} import_slots;

/** Fill a slot.
 *  in     *replica, or -1 for the lowest one that is free
 *  out    *replica, *taken: it was filled already
 *  errs   SAL_ENOMEM */
int import_slots_fill(import_slots *slots, int64_t document, int length, int *replica, bool *taken,
                      sal_error *err) SAL_MUST_CHECK;
void import_slots_free(import_slots *slots);

#endif
