/* What a run asked of an endpoint, what that cost, and what served it: told at the end, and kept in the run log. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "summarize/endpoint.h"

void endpoint_usage_add(endpoint_usage *usage, const endpoint_answer *answer) {
    size_t i = 0;
    usage->tokens += answer->tokens > 0 ? answer->tokens : 0;
    usage->prompt_tokens += answer->prompt_tokens > 0 ? answer->prompt_tokens : 0;
    usage->untold +=
        answer->outcome == ENDPOINT_TEXT && (answer->tokens < 0 || answer->prompt_tokens < 0);
    while (i < usage->fingerprint_count && strcmp(usage->fingerprints[i], answer->fingerprint) < 0)
        i++;
    if (answer->fingerprint[0] == '\0' || usage->fingerprint_count == ENDPOINT_FINGERPRINTS ||
        (i < usage->fingerprint_count && strcmp(usage->fingerprints[i], answer->fingerprint) == 0))
        return;
    memmove(usage->fingerprints[i + 1], usage->fingerprints[i],
            (usage->fingerprint_count - i) * sizeof usage->fingerprints[0]);
    snprintf(usage->fingerprints[i], sizeof usage->fingerprints[i], "%s", answer->fingerprint);
    usage->fingerprint_count++;
}

/* A price that was not given costs nothing: many charge for one side alone. */
double endpoint_usage_cost(const endpoint_usage *usage) {
    const double million = 1e6;
    if (isnan(usage->price_in) && isnan(usage->price_out))
        return (double)NAN;
    return ((isnan(usage->price_in) ? 0 : usage->price_in) * (double)usage->prompt_tokens +
            (isnan(usage->price_out) ? 0 : usage->price_out) * (double)usage->tokens) /
           million;
}

static void describe_cost(const endpoint_usage *usage, char *out, size_t room) {
    const double cost = endpoint_usage_cost(usage);
    out[0] = '\0';
    if (isnan(cost))
        return;
    /* In the money in which the prices were given. */
    snprintf(out, room, "; cost %s%.6g", usage->untold > 0 ? "at least " : "", cost);
}

void endpoint_usage_tell(const endpoint_usage *usage, const char *model,
                         const sal_progress *progress) {
    char cost[80];
    char untold[100] = "";
    char line[500];
    describe_cost(usage, cost, sizeof cost);
    if (usage->untold > 0)
        snprintf(untold, sizeof untold, " (%lld replies did not tell their tokens)",
                 (long long)usage->untold);
    snprintf(
        line, sizeof line,
        "%.100s: %lld requests, %lld of them sent again; %lld tokens of prompts, %lld of texts%s%s",
        model, (long long)usage->requests, (long long)usage->again, (long long)usage->prompt_tokens,
        (long long)usage->tokens, untold, cost);
    sal_progress_note(progress, line);
}

/* A fingerprint that changes says that the model behind the name did. */
static int log_fingerprints(const endpoint_usage *usage, sal_study *study, const char *where,
                            sal_error *err) {
    sal_buffer name = {0};
    sal_buffer text = {0};
    int status = sal_buffer_add_format(&name, err, "system_fingerprint of %s", where);
    for (size_t i = 0; status == SAL_OK && i < usage->fingerprint_count; i++)
        status =
            sal_buffer_add_format(&text, err, "%s%s", i == 0 ? "" : ", ", usage->fingerprints[i]);
    if (status == SAL_OK)
        status = sal_study_note_run(study, name.bytes, text.bytes, err);
    sal_buffer_free(&name);
    sal_buffer_free(&text);
    return status;
}

static int log_cost(const endpoint_usage *usage, sal_study *study, const char *where,
                    sal_error *err) {
    sal_buffer name = {0};
    char text[200];
    snprintf(text, sizeof text,
             "%s%.17g for %lld tokens of prompts and %lld of texts, at %.17g and %.17g a million",
             usage->untold > 0 ? "at least " : "", endpoint_usage_cost(usage),
             (long long)usage->prompt_tokens, (long long)usage->tokens,
             isnan(usage->price_in) ? 0 : usage->price_in,
             isnan(usage->price_out) ? 0 : usage->price_out);
    int status = sal_buffer_add_format(&name, err, "cost of %s", where);
    if (status == SAL_OK)
        status = sal_study_note_run(study, name.bytes, text, err);
    sal_buffer_free(&name);
    return status;
}

int endpoint_usage_log(const endpoint_usage *usage, const endpoint_address *address,
                       sal_study *study, sal_error *err) {
    sal_buffer where = {0};
    int status = sal_buffer_add_format(&where, err, "%s@%s", address->model, address->host);
    if (status == SAL_OK && usage->fingerprint_count > 0)
        status = log_fingerprints(usage, study, where.bytes, err);
    if (status == SAL_OK && !isnan(endpoint_usage_cost(usage)))
        status = log_cost(usage, study, where.bytes, err);
    sal_buffer_free(&where);
    return status;
}
