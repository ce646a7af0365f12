/* Open addressing with linear probes over a table that doubles at half load. */
#include "text/word_index.h"

#include <string.h>

enum { SLOTS_AT_FIRST = 64 };

/* FNV-1a over eight bytes a step, then mixed: words are short. */
static uint64_t hash_of(const char *bytes, size_t length) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)length;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t part = 0;
        memcpy(&part, bytes + at, length - at < 8 ? length - at : 8);
        hash = (hash ^ part) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash * UINT64_C(0xbf58476d1ce4e5b9);
}

static size_t place_of(const sal_word_index *index, uint64_t hash) {
    return (size_t)(hash >> 20) & (index->slot_count - 1);
}

/* The slot that holds the word, or the free one where it belongs. */
static size_t find_slot(const sal_word_index *index, const char *bytes, size_t length,
                        uint64_t hash) {
    size_t at = place_of(index, hash);
    while (index->slots[at] != 0) {
        const sal_indexed_word *word = &index->words[index->slots[at] - 1];
        if (word->hash == hash && word->length == length &&
            memcmp(index->pool.bytes + word->start, bytes, length) == 0)
            break;
        at = (at + 1) & (index->slot_count - 1);
    }
    return at;
}

static int enlarge(sal_word_index *index, sal_error *err) {
    size_t count = index->slot_count == 0 ? SLOTS_AT_FIRST : 2 * index->slot_count;
    size_t *slots = sal_calloc(count, sizeof *slots);
    if (slots == NULL)
        return sal_fail_memory(err, "words");
    sal_free(index->slots);
    index->slots = slots;
    index->slot_count = count;
    for (size_t i = 0; i < index->count; i++) {
        size_t at = place_of(index, index->words[i].hash);
        while (slots[at] != 0)
            at = (at + 1) & (count - 1);
        slots[at] = i + 1;
    }
    return SAL_OK;
}

int sal_word_index_add(sal_word_index *index, const char *bytes, size_t length, size_t *number,
                       sal_error *err) {
    const uint64_t hash = hash_of(bytes, length);
    int status = SAL_OK;
    if (2 * (index->count + 1) > index->slot_count)
        status = enlarge(index, err);
    if (status != SAL_OK)
        return status;
    size_t at = find_slot(index, bytes, length, hash);
    if (index->slots[at] == 0) {
        size_t start = index->pool.length;
        status = sal_grow((void **)&index->words, &index->capacity, index->count,
                          sizeof *index->words, err);
        if (status == SAL_OK)
            status = sal_buffer_add(&index->pool, bytes, length, err);
        if (status != SAL_OK)
            return status;
        index->words[index->count++] = (sal_indexed_word){start, length, hash};
        index->slots[at] = index->count;
    }
    *number = index->slots[at] - 1;
    return SAL_OK;
}

size_t sal_word_index_find(const sal_word_index *index, const char *bytes, size_t length) {
    if (index->slot_count == 0)
        return SAL_NO_WORD;
    size_t at = find_slot(index, bytes, length, hash_of(bytes, length));
    return index->slots[at] == 0 ? SAL_NO_WORD : index->slots[at] - 1;
}

const char *sal_word_index_bytes(const sal_word_index *index, size_t number) {
    return index->pool.bytes + index->words[number].start;
}

void sal_word_index_free(sal_word_index *index) {
    sal_free(index->words);
    sal_free(index->slots);
    sal_buffer_free(&index->pool);
    *index = (sal_word_index){0};
}
