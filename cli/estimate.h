/** Estimates: what a step of the pipeline will take, from what it lacks (counted) and what a few documents took (rehearsed). */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "rehearsal.h"

/** A step's estimate. NaN and negative numbers: not known. */
struct estimate {
    char name[160];
    const char *unit;  /* "documents", "summaries" */
    sal_work work;     /* of a command that counts */
    int64_t documents; /* of every other: those it looks at */
    bool counts;
    double generated;                     /* tokens that a model or an endpoint will write */
    double seconds, processor;            /* of the whole step */
    double rehearsed;                     /* seconds that its rehearsals took */
    int64_t memory;                       /* peak of the process */
    int64_t weights, cache;               /* parts of it; 0: no model */
    int64_t disk;                         /* bytes that stay */
    double requests, prompt_tokens, cost; /* endpoints; by the rules of estimate_rules() */
    bool fits;
    char note[600]; /* what to know: why something is not known, or what to do about memory */
};

struct estimates {
    struct session *session;
    double budget;  /* seconds that the rehearsals of one step may take; 0: only count */
    int64_t memory; /* bytes that there are */
    struct estimate *items;
    size_t count;
    size_t capacity;
};

/** What is not counted is taken by these rules; for the page of the command. */
#define ESTIMATE_RULES                                                                             \
    "A word asked for is taken as 1.5 tokens of a text, and 4 bytes as a token of a prompt, "      \
    "where "                                                                                       \
    "no tokenizer is at hand (endpoints) or nothing was generated."

/** Estimate one step, or each summarizer of one, and add it. On the snapshot its configurations are stored, and on the samples its
 *  results are made, so that later steps find them.
 *  errs   SAL_ECANCELLED, SAL_EIO, ...; what is wrong with the step itself becomes its note */
int estimate_step(struct estimates *estimates, struct rehearsal *rehearsal,
                  const struct rehearsal_step *step) SAL_MUST_CHECK;

void estimates_free(struct estimates *estimates);

/** Exit status: EXIT_FAILED when a step does not fit into memory, EXIT_INCOMPLETE when the time of one is not known. */
int estimates_result(const struct estimates *estimates);

/** What they come to, for people or as JSON. */
int estimates_print(const struct estimates *estimates) SAL_MUST_CHECK;

#endif
