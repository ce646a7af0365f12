/* A loop over threads. Which thread takes which index is left open: bodies write only to what is theirs, so results do not depend
 * on it. */
#include <pthread.h>
#include <stdatomic.h>

#include "stats/resampling.h"

enum { THREADS_AT_MOST = 64 };

typedef struct loop {
    void (*body)(void *context, size_t i);
    void *context;
    size_t count;
    atomic_size_t next;
} loop;

static void *work(void *argument) {
    loop *shared = argument;
    for (;;) {
        size_t i = atomic_fetch_add(&shared->next, 1);
        if (i >= shared->count)
            return NULL;
        shared->body(shared->context, i);
    }
}

void sal_stats_parallel(int threads, size_t count, void (*body)(void *context, size_t i),
                        void *context) {
    loop shared = {.body = body, .context = context, .count = count};
    pthread_t others[THREADS_AT_MOST];
    int started = 0;
    atomic_init(&shared.next, 0);
    while (started + 1 < threads && started < THREADS_AT_MOST && (size_t)started + 1 < count) {
        if (pthread_create(&others[started], NULL, work, &shared) != 0)
            break;
        started++;
    }
    work(&shared);
    for (int i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}
