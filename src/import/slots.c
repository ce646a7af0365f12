#include "import/slots.h"

#include "salient/memory.h"

/* Document keys are row numbers of the study, so nobody outside can choose colliding ones. */
static size_t hash_of(int64_t document, int length, int replica) {
    uint64_t hash = (uint64_t)document;

    hash = (hash ^ (uint64_t)(uint32_t)length) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 29;
    hash = (hash ^ (uint64_t)(uint32_t)replica) * 0xBF58476D1CE4E5B9U;
    return (size_t)(hash ^ (hash >> 32));
}

/* The entry of a slot, or the free place where it belongs. */
static import_slot *find(const import_slots *slots, int64_t document, int length, int replica) {
    size_t at = hash_of(document, length, replica) & (slots->capacity - 1);

    while (slots->entries[at].used &&
           (slots->entries[at].document != document || slots->entries[at].length != length ||
            slots->entries[at].replica != replica)) {
        at = (at + 1) & (slots->capacity - 1);
    }
    return &slots->entries[at];
}

static int grow(import_slots *slots, sal_error *err) {
    import_slots larger = {NULL, slots->capacity == 0 ? 64 : slots->capacity * 2, slots->count};

    if (slots->count + 2 <= slots->capacity / 4 * 3) {
        return SAL_OK;
    }
    larger.entries = sal_calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return sal_fail_memory(err, "the list of replicas");
    }
    for (size_t i = 0; i < slots->capacity; i++) {
        const import_slot *old = &slots->entries[i];

        if (old->used) {
            *find(&larger, old->document, old->length, old->replica) = *old;
        }
    }
    sal_free(slots->entries);
    *slots = larger;
    return SAL_OK;
}

static import_slot *enter(import_slots *slots, int64_t document, int length, int replica) {
    import_slot *entry = find(slots, document, length, replica);

    if (!entry->used) {
        *entry = (import_slot){document, length, replica, 0, true};
        slots->count++;
    }
    return entry;
}

int import_slots_fill(import_slots *slots, int64_t document, int length, int *replica, bool *taken,
                      sal_error *err) {
    import_slot *counter = NULL;
    int wanted = *replica;
    const int code = grow(slots, err);

    if (code != SAL_OK) {
        return code;
    }
    if (wanted < 0) {
        counter = enter(slots, document, length, -1);
        while (find(slots, document, length, counter->next)->used) {
            counter->next++;
        }
        wanted = counter->next++;
    }
    *taken = find(slots, document, length, wanted)->used;
    (void)enter(slots, document, length, wanted);
    *replica = wanted;
    return SAL_OK;
}

void import_slots_free(import_slots *slots) {
    sal_free(slots->entries);
    *slots = (import_slots){0};
}
