/* Replies of chat endpoints. Held against any input:
   - a text comes of a whole, well-formed reply alone: valid UTF-8 without NUL, and without the key;
   - everything else has a reason, one line of valid UTF-8 without the key and without control characters. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "salient/text.h"
#include "summarize/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const long statuses[] = {200, 400, 401, 429, 500, 302, 0, 999};
    static const char key[] = "sk-fuzz";
    endpoint_answer answer;
    sal_error err = {0};

    if (size == 0) {
        return 0;
    }
    /* A copy of exactly that size, so that the address sanitizer sees every byte read past it. */
    char *body = malloc(size);
    must(body != NULL);
    memcpy(body, data + 1, size - 1);
    must(endpoint_answer_read(statuses[data[0] % 8], body, size - 1, key, &answer, &err) == 0);
    must(strlen(answer.why) < sizeof answer.why);
    must(sal_utf8_valid(answer.why, strlen(answer.why), NULL));
    must(strstr(answer.why, key) == NULL && strstr(answer.fingerprint, key) == NULL);
    for (const char *at = answer.why; *at != '\0'; at++) {
        must((unsigned char)*at >= ' ');
    }
    if (answer.outcome == ENDPOINT_TEXT) {
        must(data[0] % 8 == 0 && answer.text != NULL && answer.why[0] == '\0');
        must(strlen(answer.text) == answer.length);
        must(sal_utf8_valid(answer.text, answer.length, NULL) && strstr(answer.text, key) == NULL);
    } else {
        must(answer.text == NULL && answer.why[0] != '\0');
    }
    endpoint_answer_free(&answer);
    free(body);
    return 0;
}
