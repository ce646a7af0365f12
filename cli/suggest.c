#include "suggest.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 63

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b) {
    const size_t n = strlen(a), m = strlen(b);
    size_t rows[3][LONGEST +
                   1]; /* the last three rows of the table of prefixes; row i lies in rows[i % 3] */
    if (n > LONGEST || m > LONGEST) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

void suggest_start(struct suggestion *suggestion, const char *typed) {
    suggestion->typed = typed;
    suggestion->nearest = NULL;
    suggestion->distance = SIZE_MAX;
}

void suggest_offer(struct suggestion *suggestion, const char *candidate) {
    const size_t typed = strlen(suggestion->typed);
    size_t distance = suggest_distance(suggestion->typed, candidate);
    /* An unfinished word ("summ") means the candidate it begins. */
    if (typed >= 3 && strncmp(suggestion->typed, candidate, typed) == 0) {
        distance = 1;
    }
    /* A third of the letters may be wrong: a suggestion further away reads as mockery. */
    const size_t allowed = typed / 3 < 1 ? 1 : typed / 3;
    if (distance <= allowed && distance < suggestion->distance) {
        suggestion->nearest = candidate;
        suggestion->distance = distance;
    }
}
