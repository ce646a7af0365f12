/** Inside of the endpoint kind: whose address and key it is, what a reply says, and what a run came to. */
#ifndef SALIENT_SUMMARIZE_ENDPOINT_H
#define SALIENT_SUMMARIZE_ENDPOINT_H

#include "summarize/summarizer.h"

/* ---- address and key (endpoint_key.c) ----------------------------------------------------------- */

/** "api:MODEL@BASE_URL" taken apart. Zero-initialise; free. */
typedef struct endpoint_address {
    char *model;
    char *base; /* without a slash at its end */
    char *host; /* lower case, without port */
} endpoint_address;

/** errs SAL_EINVAL; the text holds nothing that may be a key */
int endpoint_address_parse(const char *with, endpoint_address *out, sal_error *err) SAL_MUST_CHECK;
void endpoint_address_free(endpoint_address *address);

/** Room for the name of a variable; longer host names have no key. */
#define ENDPOINT_VARIABLE_ROOM 300

/** Name of the variable that holds a host's key. */
void endpoint_key_variable(const char *host, char name[ENDPOINT_VARIABLE_ROOM]);

/** The key of a host, from the environment.
 *  in     one_host: SALIENT_API_KEY serves where the host's own variable is not set
 *  out    *key copied, wiped and freed with endpoint_key_free; NULL when there is none
 *  errs   SAL_EINVAL: a host that works with a key only has none (names the variable), or it has characters that no key has */
int endpoint_key_find(const char *host, bool one_host, char **key, sal_error *err) SAL_MUST_CHECK;
void endpoint_key_free(char *key);

/* ---- replies (endpoint_reply.c): pure, fuzzed --------------------------------------------------- */

typedef enum endpoint_outcome {
    ENDPOINT_TEXT,    /* a text, whole or cut at the token limit */
    ENDPOINT_REFUSED, /* the server will not: final */
    ENDPOINT_FAILED,  /* no use in asking again now */
    ENDPOINT_BROKEN   /* a reply that makes no sense: asking again may help */
} endpoint_outcome;

typedef struct endpoint_answer {
    endpoint_outcome outcome;
    bool truncated; /* TEXT: cut at the token limit */
    char *text;     /* TEXT: owned, UTF-8 without NUL */
    size_t length;
    int64_t tokens;        /* -1: not told */
    int64_t prompt_tokens; /* -1: not told */
    char fingerprint[80];  /* system_fingerprint, or "" */
    char why[500];         /* what is wrong; "" for TEXT */
} endpoint_answer;

/** Read a whole reply. Nothing of it is believed; a text that holds the key is none, a message that holds it loses it.
 *  in     status, body [length]; key NULL when none was sent
 *  out    *answer, free with endpoint_answer_free
 *  errs   SAL_ENOMEM alone */
int endpoint_answer_read(long status, const char *body, size_t length, const char *key,
                         endpoint_answer *answer, sal_error *err) SAL_MUST_CHECK;
void endpoint_answer_free(endpoint_answer *answer);

/* ---- usage (endpoint_usage.c) ------------------------------------------------------------------- */

#define ENDPOINT_FINGERPRINTS 16 /* remembered for the run log */

/** What a run came to. Zero-initialise, then set the prices. */
typedef struct endpoint_usage {
    double price_in; /* of a million tokens; NaN: not given */
    double price_out;
    int64_t requests; /* counted by the caller */
    int64_t again;    /* sent again, likewise */
    int64_t tokens;
    int64_t prompt_tokens;
    int64_t untold;                               /* texts whose reply did not tell their tokens */
    char fingerprints[ENDPOINT_FINGERPRINTS][80]; /* sorted */
    size_t fingerprint_count;
} endpoint_usage;

void endpoint_usage_add(endpoint_usage *usage, const endpoint_answer *answer);
/** Price of all tokens told, drafts that were not kept included; NaN without any price. */
double endpoint_usage_cost(const endpoint_usage *usage);
/** One line for the user. */
void endpoint_usage_tell(const endpoint_usage *usage, const char *model,
                         const sal_progress *progress);
/** Fingerprints and cost into the run log. */
int endpoint_usage_log(const endpoint_usage *usage, const endpoint_address *address,
                       sal_study *study, sal_error *err) SAL_MUST_CHECK;

#endif
