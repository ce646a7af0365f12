/** Loops over all threads. They run on the same OpenMP threads as libllama and oneDNN, so that no two pools fight for the processors. */
#ifndef SALIENT_CPU_PARALLEL_H
#define SALIENT_CPU_PARALLEL_H

#include <stdint.h>

typedef void (*sal_parallel_body)(void *context, int64_t index, int thread);

/** Call body(context, i, thread) once for each i in 0 .. count-1, in any order, thread in 0 .. threads-1; returns when all are done.
 *  Built with SALIENT_OWN_THREADS it makes threads of its own: the thread sanitizer reports falsely on libgomp. */
void sal_parallel_for(int threads, int64_t count, sal_parallel_body body, void *context);

#endif
