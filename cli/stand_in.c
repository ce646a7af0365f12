#include "stand_in.h"

#include <stdio.h>
#include <string.h>

#include "salient/summarize.h"

struct stand_in {
    sal_study *study;
    int64_t summarizer;
    const struct length_list *lengths;
    int replicas;
    const char *corpus;
    int64_t limit;
};

/* Bytes of the first n words apart by white space. */
static size_t opening(const char *text, size_t length, int n) {
    size_t at = 0;
    for (int words = 0; words < n && at < length; words++) {
        at += strspn(text + at, " \t\r\n");
        at += strcspn(text + at, " \t\r\n");
    }
    return at < length ? at : length;
}

static int put_document(const struct stand_in *stand_in, int64_t key, sal_error *err) {
    const size_t count = stand_in->lengths->count * (size_t)stand_in->replicas;
    sal_document *document = NULL;
    sal_summary *rows = sal_calloc(count, sizeof *rows);
    int status = rows == NULL ? sal_fail_memory(err, "summaries")
                              : sal_study_get_document(stand_in->study, key, &document, err);
    for (size_t i = 0; status == 0 && i < count; i++) {
        const int length = stand_in->lengths->items[i % stand_in->lengths->count];
        rows[i] =
            (sal_summary){.document = key,
                          .summarizer = stand_in->summarizer,
                          .length = length,
                          .replica = (int)(i / stand_in->lengths->count),
                          .status = SAL_STATUS_OK,
                          .text = document->text,
                          .text_length = opening(document->text, document->text_length, length),
                          .words = length,
                          .tokens = -1,
                          .prompt_tokens = -1};
    }
    if (status == 0) {
        status = sal_study_put_summaries(stand_in->study, rows, count, NULL, err);
    }
    sal_document_free(document);
    sal_free(rows);
    return status;
}

static int put_all(const struct stand_in *stand_in, sal_error *err) {
    int64_t *keys = NULL;
    size_t missing = 0, total = 0;
    int status = sal_study_missing_summaries(stand_in->study, stand_in->summarizer,
                                             stand_in->corpus, stand_in->limit,
                                             stand_in->lengths->items, stand_in->lengths->count,
                                             stand_in->replicas, &keys, &missing, &total, err);
    for (size_t i = 0; status == 0 && i < missing; i++) {
        status = put_document(stand_in, keys[i], err);
    }
    sal_free(keys);
    return status;
}

static int find_summarizer(struct stand_in *stand_in, const char *name, sal_error *err) {
    sal_summarizer_list *list = NULL;
    int status = sal_study_list_summarizers(stand_in->study, &list, err);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            stand_in->summarizer = list->items[i].key;
        }
    }
    sal_summarizer_list_free(list);
    return status == 0 && stand_in->summarizer == 0
               ? sal_fail(err, SAL_ENOTFOUND, "there is no summarizer '%.200s'", name)
               : status;
}

static int put_parsed(const struct rehearsal_step *step, const struct parsed *parsed,
                      const char *study, sal_error *err) {
    const char *config = parsed->config;
    const struct text_list *with =
        (const struct text_list *)(config + options_find(step->command, "with", 4)->offset);
    const struct common_options *common = parsed->config;
    sal_summarize_options named = sal_summarize_defaults();
    struct stand_in stand_in = {
        .lengths = (const struct length_list *)(config +
                                                options_find(step->command, "lengths", 7)->offset),
        .replicas = (int)rehearsal_number(step, parsed, "replicas", 1),
        .corpus = common->corpus,
        .limit = rehearsal_number(step, parsed, "limit", -1)};
    named.with = with->items[0];
    named.as = rehearsal_text(step, parsed, "as");
    char *name = sal_summarize_name(&named);
    int status = name == NULL ? sal_fail_memory(err, "a name")
                              : sal_study_open(study, SAL_STUDY_WRITE, &stand_in.study, err);
    if (status == 0) {
        status = find_summarizer(&stand_in, name, err);
    }
    if (status == 0) {
        status = put_all(&stand_in, err);
    }
    sal_free(name);
    const int closed = sal_study_close(stand_in.study, status == 0 ? err : NULL);
    return status != 0 ? status : closed;
}

int stand_in_put(const struct rehearsal_step *step, const char *study, sal_error *err) {
    struct parsed parsed = {0};
    char **words = NULL;
    size_t count = 0;
    int status = rehearsal_parse(step, study, NULL, &parsed, &words, &count, err);
    if (status == 0) {
        status = put_parsed(step, &parsed, study, err);
    }
    options_free(step->command, &parsed);
    sal_free(words);
    return status;
}
