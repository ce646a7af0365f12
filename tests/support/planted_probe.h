/** Studies whose states and importance the test has written, so that it knows what a probe must find. */
#ifndef SALIENT_PLANTED_PROBE_H
#define SALIENT_PLANTED_PROBE_H

#include "salient/probe.h"
#include "salient/random.h"
#include "test_study_sample.h"

enum { PLANTED_LAYERS = 3, PLANTED_WIDTH = 48, PLANTED_WORDS = 60, PLANTED_K = 10 };

typedef enum planted_world {
    SIGNAL,    /* layer 1 holds a linear image of y in two of its columns; the rest is noise */
    LYING,     /* the same, but of word w000 it holds 1 - y */
    OPPOSITE,  /* the same, of 1 - y of all words */
    CLUSTERED, /* words of a document fall into two clusters with vectors of its own, one important; nothing carries over */
    TYPED      /* y belongs to the word type, at random; states are a vector of the type */
} planted_world;

/** One corpus of a study. */
typedef struct planted_corpus {
    planted_world world;
    uint64_t seed;
    int documents;
    const char *corpus; /* NULL: "news" */
    const char *digest; /* of the model; NULL: the same in all */
    int first; /* number of its first document; documents of one number are the same text */
    int width; /* of the states; 0: PLANTED_WIDTH */
} planted_corpus;

/** Make a study, or a corpus more in one that is there: states of both protocols, importance by "tiny", and by "upset" of 1 - y. */
void plant_corpus(const char *path, const planted_corpus *corpus);
/** A study of one corpus, "news". */
void plant(const char *path, planted_world world, uint64_t seed, int documents);

double planted_normal(sal_random *random);

/** Importance by "tiny", two threads. */
sal_probe_options planted_options(void);
/** Run on a study that must give results, without failures. other: a transfer's other side, NULL: none or this study */
sal_probe_tables *planted_run(const char *path, const sal_probe_options *options,
                              const char *other);
/** The result over all seeds, all words, of the last table that has it: it must be there. */
const sal_probe_result *planted_find(const sal_probe_tables *tables, const char *probe,
                                     sal_protocol protocol, int layer, const char *control,
                                     const char *metric);

#endif
