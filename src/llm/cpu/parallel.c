#include "parallel.h"

#ifndef SALIENT_OWN_THREADS

#ifdef _OPENMP
#include <omp.h>
#endif

void sal_parallel_for(int threads, int64_t count, sal_parallel_body body, void *context) {
    if (threads <= 1 || count <= 1) {
        for (int64_t i = 0; i < count; i++)
            body(context, i, 0);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t i = 0; i < count; i++)
        body(context, i, omp_get_thread_num());
#else
    for (int64_t i = 0; i < count; i++)
        body(context, i, 0);
#endif
}

#else

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 64 };

typedef struct loop {
    sal_parallel_body body;
    void *context;
    int64_t count;
    _Atomic int64_t next;
} loop;

typedef struct worker {
    loop *shared;
    int thread;
} worker;

static void *work(void *argument) {
    const worker *self = argument;
    loop *shared = self->shared;
    for (;;) {
        int64_t i = atomic_fetch_add(&shared->next, 1);
        if (i >= shared->count)
            return NULL;
        shared->body(shared->context, i, self->thread);
    }
}

void sal_parallel_for(int threads, int64_t count, sal_parallel_body body, void *context) {
    loop shared = {.body = body, .context = context, .count = count};
    pthread_t ids[THREADS];
    worker workers[THREADS];
    int wanted = threads < 1 ? 1 : threads > THREADS ? THREADS : threads;
    int started = 1;
    workers[0] = (worker){&shared, 0};
    for (; started < wanted; started++) {
        workers[started] = (worker){&shared, started};
        if (pthread_create(&ids[started], NULL, work, &workers[started]) != 0)
            break; /* the threads that there are do all of it */
    }
    work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(ids[i], NULL);
}

#endif
