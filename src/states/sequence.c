/* The sequence a model reads: the chat prompt of the paper's probes around a document, and in the paper protocol the first summary as the
 * assistant's answer, cut at 4,096 tokens. Strict has no answer: what is read from its states cannot have been copied from there. */
#include <string.h>

#include "states/states_internal.h"

enum { PAPER_TOKENS = 4096 };

static const char system_text[] = "You are a helpful assistant.";
static const char user_text[] = "Please summarize the following news article:\n\n";

void state_sequence_free(state_sequence *sequence) {
    sal_buffer_free(&sequence->text);
    sal_tokens_free(&sequence->tokens);
    *sequence = (state_sequence){0};
}

/* Templates may trim the end of a message; the rest must be there byte for byte. */
static int find_document(const sal_prompt *prompt, const sal_document *document, sal_span *span,
                         sal_error *err) {
    const size_t before = strlen(user_text);
    const size_t room = prompt->user.end - prompt->user.start;
    const size_t length = room < before ? 0 : room - before;
    span->start = prompt->user.start + before;
    span->end = span->start + (length < document->text_length ? length : document->text_length);
    const bool same = room >= before && memcmp(prompt->text + span->start, document->text,
                                               span->end - span->start) == 0;
    for (size_t i = span->end - span->start; same && i < document->text_length; i++)
        if (strchr(" \t\r\n\v\f", document->text[i]) == NULL)
            return sal_fail(err, SAL_EUNSUPPORTED,
                            "the chat template cuts the text of the document");
    return same ? SAL_OK
                : sal_fail(err, SAL_EUNSUPPORTED,
                           "the chat template changes the text of the document: states cannot be "
                           "laid on its words; give another with --chat-template");
}

/* The prompt's tokens, then the summary's, whose bytes follow those of the prompt. */
static int join(const sal_prompt *prompt, const sal_tokens *answer, sal_tokens *out,
                sal_error *err) {
    const size_t before = prompt->tokens.count, after = answer->count;
    out->count = before + after;
    out->ids = sal_calloc(out->count, sizeof *out->ids);
    out->spans = sal_calloc(out->count, sizeof *out->spans);
    if (out->ids == NULL || out->spans == NULL)
        return sal_fail_memory(err, "a sequence");
    memcpy(out->ids, prompt->tokens.ids, before * sizeof *out->ids);
    memcpy(out->spans, prompt->tokens.spans, before * sizeof *out->spans);
    for (size_t i = 0; i < after; i++) {
        out->ids[before + i] = answer->ids[i];
        out->spans[before + i] = (sal_span){prompt->length + answer->spans[i].start,
                                            prompt->length + answer->spans[i].end};
    }
    return SAL_OK;
}

static int add_texts(const sal_prompt *prompt, const char *summary, size_t length,
                     state_sequence *sequence, sal_error *err) {
    int status = sal_buffer_add(&sequence->text, prompt->text, prompt->length, err);
    if (status == SAL_OK && summary != NULL)
        status = sal_buffer_add(&sequence->text, summary, length, err);
    return status;
}

int state_sequence_make(const sal_model *model, sal_protocol protocol, const char *chat_template,
                        const sal_document *document, const char *summary, size_t summary_length,
                        state_sequence *sequence, sal_error *err) {
    sal_buffer user = {0};
    sal_prompt prompt = {0};
    sal_tokens answer = {0};
    int status = sal_buffer_add_string(&user, user_text, err);
    if (status == SAL_OK)
        status = sal_buffer_add(&user, document->text, document->text_length, err);
    if (status == SAL_OK)
        status = sal_model_chat_prompt(model, chat_template, system_text, user.bytes, &prompt, err);
    if (status == SAL_OK)
        status = find_document(&prompt, document, &sequence->searched, err);
    if (status == SAL_OK && summary != NULL)
        status = sal_model_tokenize(model, summary, summary_length, false, false, &answer, err);
    if (status == SAL_OK)
        status = join(&prompt, &answer, &sequence->tokens, err);
    if (status == SAL_OK)
        status = add_texts(&prompt, summary, summary_length, sequence, err);
    if (status == SAL_OK && protocol == SAL_PAPER) {
        sequence->searched = (sal_span){0, sequence->text.length};
        if (sequence->tokens.count > PAPER_TOKENS)
            sequence->tokens.count = PAPER_TOKENS;
    }
    const int context = sal_model_describe(model)->context_trained;
    sequence->fits = context <= 0 || sequence->tokens.count <= (size_t)context;
    sal_buffer_free(&user);
    sal_prompt_free(&prompt);
    sal_tokens_free(&answer);
    return status;
}
