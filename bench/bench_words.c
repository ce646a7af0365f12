/* Times the words of many documents. bench/words drives it:
 *
 *     bench_words FILE strict|paper
 *
 * FILE has one document a line. It is read before the clock starts, which then runs around sal_text_words for every line. One line of
 * JSON on standard output: seconds, documents, words, and the bytes of all words together, by which the peer's result is compared. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "salient/file.h"
#include "salient/memory.h"
#include "salient/text.h"

static const size_t maximum_file = (size_t)4 << 30;

typedef struct totals {
    uint64_t documents;
    uint64_t words;
    uint64_t word_bytes;
} totals;

static double now(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int count_lines(const sal_text *text, sal_protocol protocol, const sal_buffer *content,
                       totals *sum, sal_error *err) {
    sal_word_list list = {0};
    int status = SAL_OK;
    for (size_t at = 0; status == SAL_OK && at < content->length;) {
        const char *line = content->bytes + at;
        const char *end = memchr(line, '\n', content->length - at);
        size_t length = end == NULL ? content->length - at : (size_t)(end - line);
        status = sal_text_words(text, protocol, line, length, &list, err);
        for (size_t i = 0; status == SAL_OK && i < list.count; i++)
            sum->word_bytes += list.words[i].length;
        sum->words += list.count;
        sum->documents++;
        at += length + 1;
    }
    sal_word_list_free(&list);
    return status;
}

int main(int argc, char **argv) {
    sal_buffer content = {0};
    sal_text *text = NULL;
    totals sum = {0};
    sal_error err = {0};
    if (argc != 3 || (strcmp(argv[2], "strict") != 0 && strcmp(argv[2], "paper") != 0)) {
        fprintf(stderr, "usage: bench_words FILE strict|paper\n");
        return 2;
    }
    sal_protocol protocol = strcmp(argv[2], "paper") == 0 ? SAL_PAPER : SAL_STRICT;
    int status = sal_file_read_all(argv[1], maximum_file, &content, &err);
    if (status == SAL_OK)
        status = sal_text_open(&text, &err);
    double started = now();
    if (status == SAL_OK)
        status = count_lines(text, protocol, &content, &sum, &err);
    double seconds = now() - started;
    if (status == SAL_OK)
        printf("{\"seconds\": %.6f, \"documents\": %llu, \"words\": %llu, \"word_bytes\": %llu}\n",
               seconds, (unsigned long long)sum.documents, (unsigned long long)sum.words,
               (unsigned long long)sum.word_bytes);
    else
        fprintf(stderr, "bench_words: %s\n", err.text);
    sal_text_close(text);
    sal_buffer_free(&content);
    return status == SAL_OK ? 0 : 1;
}
