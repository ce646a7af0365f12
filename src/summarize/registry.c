#include <string.h>

#include "summarize/summarizer.h"

static const struct {
    const char *name;
    int (*open)(const sal_summarizer_setting *setting, sal_summarizer **out, sal_error *err);
} kinds[] = {
    {"lead", sal_summarizer_open_lead},       {"tail", sal_summarizer_open_tail},
    {"random", sal_summarizer_open_random},   {"frequency", sal_summarizer_open_frequency},
    {"tfidf", sal_summarizer_open_tfidf},     {"textrank", sal_summarizer_open_textrank},
    {"lexrank", sal_summarizer_open_lexrank}, {"reference", sal_summarizer_open_reference},
};

const char *const *sal_summarize_builtin(void) {
    static const char *const names[] = {"lead",     "tail",    "random",    "frequency", "tfidf",
                                        "textrank", "lexrank", "reference", NULL};
    return names;
}

static bool ends_with(const char *string, const char *end) {
    size_t length = strlen(string);
    size_t tail = strlen(end);
    return length >= tail && strcmp(string + length - tail, end) == 0;
}

int sal_summarizer_open(const sal_summarizer_setting *setting, sal_summarizer **out,
                        sal_error *err) {
    const char *with = setting->options->with;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, with) == 0)
            return kinds[i].open(setting, out, err);
    if (strncmp(with, "api:", 4) == 0)
        return sal_summarizer_open_endpoint(setting, out, err);
    if (ends_with(with, ".gguf") || strchr(with, '/') != NULL)
        return sal_summarizer_open_local(setting, out, err);
    return sal_fail(
        err, SAL_EINVAL,
        "no summarizer '%s': give a model file (.gguf), api:MODEL@BASE_URL, lead, tail, random, "
        "frequency, tfidf, textrank, lexrank or reference",
        with);
}

void sal_summarizer_close(sal_summarizer *summarizer) {
    if (summarizer != NULL)
        summarizer->close(summarizer);
}

void sal_summary_draft_free(sal_summary_draft *draft) {
    sal_free(draft->text);
    sal_free(draft->error);
    *draft = (sal_summary_draft){0};
}
