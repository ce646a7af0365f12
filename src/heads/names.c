/* Names of evidence, null heads, measures and word sets, as tables and options spell them. */
#include <unistd.h>

#include "heads/heads_internal.h"

const char *sal_evidence_name(sal_evidence evidence) {
    static const char *const names[SAL_EVIDENCES] = {"received", "exposure", "norm", "instruction",
                                                     "summary"};
    return names[evidence];
}

const char *sal_null_head_name(sal_null_head head) {
    static const char *const names[SAL_NULL_HEADS] = {"empty", "position", "log_frequency",
                                                      "tfidf"};
    return names[head];
}

const char *sal_head_measure_name(int measure) {
    if (measure == SAL_HEAD_PARTIAL_POSITION)
        return "partial_position";
    if (measure == SAL_HEAD_PARTIAL_BOTH)
        return "partial_position_frequency";
    return sal_metric_name((sal_metric)measure);
}

const char *sal_head_words_name(sal_head_words words) {
    return words == SAL_HEAD_CONTENT ? "content" : "all";
}

sal_heads_options sal_heads_defaults(void) {
    return (sal_heads_options){
        .limit = -1,
        .protocol = SAL_STRICT,
        .evidence = {[SAL_EVIDENCE_RECEIVED] = true, [SAL_EVIDENCE_EXPOSURE] = true},
        .layers = "all",
        .value = SAL_HEAD_MEAN,
        .permutations = 1000,
        .seed = 1};
}

int head_threads(const sal_model_options *options) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (options->threads > 0)
        return options->threads;
    return processors < 1 ? 1 : processors > 64 ? 64 : (int)processors;
}
