/* The forward passes over a document: raw text, and the chat prompt with the summarizer's own summary behind it. */
#include <string.h>

#include "heads/heads_internal.h"
#include "prompt/prompt.h"

void head_passes_free(head_passes *passes) {
    sal_tokens_free(&passes->raw);
    sal_tokens_free(&passes->chat);
    sal_tap_result_free(&passes->raw_result);
    sal_tap_result_free(&passes->chat_result);
    sal_free(passes->exposure);
    *passes = (head_passes){0};
}

/* ---- the raw document --------------------------------------------------------------------------------------- */

int head_pass_raw(sal_model *model, sal_tap *tap, const sal_document *document,
                  const bool wanted[SAL_EVIDENCES], int last_layer, head_passes *passes,
                  const sal_progress *progress, sal_error *err) {
    int status = sal_model_tokenize(model, document->text, document->text_length, false, false,
                                    &passes->raw, err);
    if (status != SAL_OK || passes->raw.count == 0)
        return status;
    const sal_tap_request request = {
        .tokens = passes->raw.ids,
        .token_count = passes->raw.count,
        .received = wanted[SAL_EVIDENCE_RECEIVED] || wanted[SAL_EVIDENCE_EXPOSURE],
        .norm = wanted[SAL_EVIDENCE_NORM],
        .skip_keys = passes->skip_keys,
        .last_layer = last_layer,
    };
    status = sal_tap_run(tap, &request, &passes->raw_result, progress, err);
    if (status != SAL_OK || !wanted[SAL_EVIDENCE_EXPOSURE])
        return status;
    const sal_tap_result *result = &passes->raw_result;
    passes->exposure = sal_calloc(result->L * result->H * result->T, sizeof *passes->exposure);
    if (passes->exposure == NULL)
        return sal_fail_memory(err, "exposure");
    sal_tap_exposure(result->received, result->L * result->H, result->T, passes->skip_keys,
                     passes->exposure);
    return SAL_OK;
}

/* ---- the chat prompt ---------------------------------------------------------------------------------------- */

int head_find_summary(sal_study *study, int64_t document, int64_t summarizer, head_summary *summary,
                      sal_error *err) {
    sal_summary_list *list = NULL;
    size_t lengths = 0;
    *summary = (head_summary){0};
    int status = sal_study_get_summaries(study, document, summarizer, &list, err);
    if (status != SAL_OK)
        return status;
    for (size_t i = 0; i < list->count; i++)
        lengths += i == 0 || list->items[i].length != list->items[i - 1].length;
    size_t seen = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sal_summary *item = &list->items[i];
        seen += i == 0 || item->length != list->items[i - 1].length;
        if (seen != (lengths + 1) / 2 || item->replica != 0 || item->status != SAL_STATUS_OK ||
            item->length == 0)
            continue;
        summary->words = item->length;
        summary->length = item->text_length;
        summary->text = sal_copy_bytes(item->text, item->text_length);
        if (summary->text == NULL)
            status = sal_fail_memory(err, "a summary");
    }
    sal_summary_list_free(list);
    return status;
}

/* Where the document's text begins in the prompt: templates may trim it. */
static int find_document(const sal_prompt *prompt, const sal_document *document, size_t *origin,
                         sal_error *err) {
    const size_t room = prompt->user.end - prompt->user.start;
    if (document->text_length <= room &&
        memcmp(prompt->text + prompt->user.start, document->text, document->text_length) == 0) {
        *origin = prompt->user.start;
        return SAL_OK;
    }
    return sal_fail(err, SAL_EUNSUPPORTED,
                    "the chat template changes the text of the document: evidence from the prompt "
                    "cannot be laid on its words");
}

/* Tokens that begin in [start, end): the queries of a part of the sequence. */
static sal_span token_range(const sal_tokens *tokens, size_t start, size_t end) {
    sal_span range = {0, 0};
    while (range.start < tokens->count && tokens->spans[range.start].start < start)
        range.start++;
    range.end = range.start;
    while (range.end < tokens->count && tokens->spans[range.end].start < end)
        range.end++;
    return range;
}

/* Tokens that overlap bytes [start, end). */
static sal_span overlapping(const sal_tokens *tokens, size_t start, size_t end) {
    sal_span range = {0, 0};
    while (range.start < tokens->count && tokens->spans[range.start].end <= start)
        range.start++;
    range.end = range.start;
    while (range.end < tokens->count && tokens->spans[range.end].start < end)
        range.end++;
    return range;
}

/* The prompt's tokens, then the summary's, whose bytes follow those of the prompt. */
static int join(const sal_prompt *prompt, const sal_tokens *summary, sal_tokens *out,
                sal_error *err) {
    const size_t before = prompt->tokens.count;
    out->count = before + summary->count;
    out->ids = sal_calloc(out->count, sizeof *out->ids);
    out->spans = sal_calloc(out->count, sizeof *out->spans);
    if (out->ids == NULL || out->spans == NULL)
        return sal_fail_memory(err, "a prompt");
    memcpy(out->ids, prompt->tokens.ids, before * sizeof *out->ids);
    memcpy(out->spans, prompt->tokens.spans, before * sizeof *out->spans);
    for (size_t i = 0; i < summary->count; i++) {
        out->ids[before + i] = summary->ids[i];
        out->spans[before + i] = (sal_span){prompt->length + summary->spans[i].start,
                                            prompt->length + summary->spans[i].end};
    }
    return SAL_OK;
}

int head_chat_sequence(sal_model *model, const sal_document *document, const head_summary *summary,
                       head_passes *passes, sal_span queries[2], sal_error *err) {
    sal_template *prompt_template = NULL;
    sal_buffer system = {0};
    sal_buffer user = {0};
    sal_prompt prompt = {0};
    sal_tokens after = {0};
    int status = sal_template_open("text-first", &prompt_template, err);
    if (status == SAL_OK)
        status =
            sal_template_render(prompt_template, document, summary->words, &system, &user, err);
    if (status == SAL_OK)
        status = sal_model_chat_prompt(model, NULL, system.bytes, user.bytes, &prompt, err);
    if (status == SAL_OK)
        status =
            sal_model_tokenize(model, summary->text, summary->length, false, false, &after, err);
    if (status == SAL_OK)
        status = find_document(&prompt, document, &passes->chat_origin, err);
    if (status == SAL_OK)
        status = join(&prompt, &after, &passes->chat, err);
    if (status == SAL_OK) {
        queries[0] = token_range(&passes->chat, passes->chat_origin + document->text_length,
                                 prompt.user.end);
        queries[1] = (sal_span){prompt.tokens.count, passes->chat.count};
        passes->chat_document = overlapping(&passes->chat, passes->chat_origin,
                                            passes->chat_origin + document->text_length);
        passes->copying = (sal_span){prompt.tokens.count - 1, passes->chat.count - 1};
    }
    sal_template_close(prompt_template);
    sal_buffer_free(&system);
    sal_buffer_free(&user);
    sal_prompt_free(&prompt);
    sal_tokens_free(&after);
    return status;
}

int head_pass_chat(sal_model *model, sal_tap *tap, const sal_document *document,
                   const head_summary *summary, int last_layer, head_passes *passes,
                   const sal_progress *progress, sal_error *err) {
    sal_span queries[2];
    int status = head_chat_sequence(model, document, summary, passes, queries, err);
    if (status != SAL_OK)
        return status;
    const sal_tap_request request = {
        .tokens = passes->chat.ids,
        .token_count = passes->chat.count,
        .query_spans = queries,
        .span_count = 2,
        .skip_keys = passes->skip_keys,
        .top_queries = passes->retrieval ? passes->copying : (sal_span){0, 0},
        .last_layer = passes->retrieval ? -1 : last_layer,
    };
    status = sal_tap_run(tap, &request, &passes->chat_result, progress, err);
    passes->has_chat = status == SAL_OK;
    return status;
}

/* ---- evidence ----------------------------------------------------------------------------------------------- */

head_evidence head_passes_evidence(const head_passes *passes, sal_evidence kind) {
    const bool chat = kind == SAL_EVIDENCE_INSTRUCTION || kind == SAL_EVIDENCE_SUMMARY;
    const sal_tap_result *result = chat ? &passes->chat_result : &passes->raw_result;
    head_evidence evidence = {.kind = kind,
                              .H = result->H,
                              .T = result->T,
                              .tokens = chat ? passes->chat.spans : passes->raw.spans,
                              .origin = chat ? passes->chat_origin : 0,
                              .skip_keys = passes->skip_keys,
                              .non_finite = result->non_finite};
    const size_t span = result->L * result->H * result->T;
    switch (kind) {
    case SAL_EVIDENCE_RECEIVED:
        evidence.values = result->received;
        break;
    case SAL_EVIDENCE_EXPOSURE:
        evidence.values = passes->exposure;
        break;
    case SAL_EVIDENCE_NORM:
        evidence.values = result->norm;
        break;
    case SAL_EVIDENCE_INSTRUCTION:
        evidence.values = result->spans;
        break;
    default:
        evidence.values = result->spans + span;
        break;
    }
    return evidence;
}
