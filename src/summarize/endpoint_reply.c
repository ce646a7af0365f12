/* What a chat endpoint's reply says. The reply is hostile: every shape is checked, and only what is understood whole is a text. */

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "io/http.h"
#include "summarize/endpoint.h"

void endpoint_answer_free(endpoint_answer *answer) {
    sal_free(answer->text);
    *answer = (endpoint_answer){0};
}

static bool holds(const char *text, const char *key) {
    return key != NULL && key[0] != '\0' && strstr(text, key) != NULL;
}

/* Bring a text of the server into one harmless line: without the key, without control characters, cut on a character. */
static int say(endpoint_answer *answer, endpoint_outcome outcome, const char *what,
               const char *detail, const char *key, sal_error *err) {
    sal_error line = {0};
    sal_buffer clean = {0};
    int status = SAL_OK;
    answer->outcome = outcome;
    while (status == SAL_OK && holds(detail, key)) {
        const char *at = strstr(detail, key);
        status = sal_buffer_add(&clean, detail, (size_t)(at - detail), err);
        if (status == SAL_OK)
            status = sal_buffer_add_string(&clean, "[key]", err);
        detail = at + strlen(key);
    }
    if (status == SAL_OK)
        status = sal_buffer_add_string(&clean, detail, err);
    if (status == SAL_OK) {
        sal_fail(&line, SAL_EIO, "%s%s%s", what, detail[0] == '\0' && clean.length == 0 ? "" : ": ",
                 clean.bytes);
        size_t length = strlen(line.text);
        if (length >= sizeof answer->why) {
            length = sizeof answer->why - 1;
            while (length > 0 && ((unsigned char)line.text[length] & 0xC0U) == 0x80U)
                length--;
        }
        memcpy(answer->why, line.text, length);
        answer->why[length] = '\0';
    }
    sal_buffer_free(&clean);
    return status;
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* The message of an error: {"error":{"message":..}}, {"error":".."}, {"message":..}, {"detail":..}. */
static const char *message_of(const json_t *root) {
    const json_t *error = json_object_get(root, "error");
    if (json_is_string(error))
        return json_string_value(error);
    if (json_is_object(error))
        return text_of(error, "message");
    const char *message = text_of(root, "message");
    return message[0] != '\0' ? message : text_of(root, "detail");
}

static bool is_filter(const char *code) {
    return strcmp(code, "content_filter") == 0 || strcmp(code, "content_policy_violation") == 0;
}

/* DeepSeek says 400 "Content Exists Risk", Azure and OpenAI a code. */
static bool is_refusal(long status, const json_t *root, const char *message) {
    const json_t *error = json_object_get(root, "error");
    return status >= 400 && status < 500 &&
           (strstr(message, "Content Exists Risk") != NULL || is_filter(text_of(error, "code")) ||
            is_filter(text_of(error, "type")));
}

static int read_error(long status, const char *body, size_t length, const char *key,
                      endpoint_answer *answer, sal_error *err) {
    json_t *root = NULL;
    sal_error unread = {0};
    char what[80];
    const sal_http_reply reply = {.status = status};
    sal_http_describe(&reply, what, sizeof what);
    int code = sal_json_reply(body, length, &root, &unread);
    if (code == SAL_ENOMEM)
        return sal_fail_memory(err, "a reply");
    const char *message = message_of(root);
    const endpoint_outcome outcome = is_refusal(status, root, message) ? ENDPOINT_REFUSED
                                     : sal_http_is_passing(&reply)     ? ENDPOINT_BROKEN
                                                                       : ENDPOINT_FAILED;
    code = say(answer, outcome, what, message, key, err);
    json_decref(root);
    return code;
}

/* ---- completions ----------------------------------------------------------------------------------- */

static int64_t count_of(const json_t *usage, const char *name) {
    const json_t *value = json_object_get(usage, name);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
                                                                    : -1;
}

/* Printable ASCII of a sane length, or nothing. */
static void read_fingerprint(const json_t *root, const char *key, endpoint_answer *answer) {
    const char *text = text_of(root, "system_fingerprint");
    const size_t length = strlen(text);
    if (length >= sizeof answer->fingerprint || holds(text, key))
        return;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '!' || text[i] > '~')
            return;
    memcpy(answer->fingerprint, text, length + 1);
}

static bool is_end(const char *reason) {
    static const char *const ends[] = {"stop", "eos", "eos_token", "stop_sequence", "end_turn"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(reason, ends[i]) == 0)
            return true;
    return false;
}

static int read_choice(const json_t *choice, const char *key, endpoint_answer *answer,
                       sal_error *err) {
    const json_t *message = json_object_get(choice, "message");
    const json_t *content = json_object_get(message, "content");
    const char *reason = text_of(choice, "finish_reason");
    const char *refusal = text_of(message, "refusal");
    if (is_filter(reason))
        return say(answer, ENDPOINT_REFUSED, "content filter", refusal, key, err);
    if (refusal[0] != '\0')
        return say(answer, ENDPOINT_REFUSED, "refused", refusal, key, err);
    if (!json_is_object(message) || !(json_is_string(content) || json_is_null(content)))
        return say(answer, ENDPOINT_BROKEN, "the reply has no message with a content", "", key,
                   err);
    answer->truncated = strcmp(reason, "length") == 0;
    if (!answer->truncated && !is_end(reason))
        return say(answer, ENDPOINT_BROKEN, "the text is not finished: finish_reason is",
                   reason[0] == '\0' ? "missing" : reason, key, err);
    const char *text = json_is_null(content) ? "" : json_string_value(content);
    if (holds(text, key))
        return say(answer, ENDPOINT_BROKEN, "the reply repeats the key", "", key, err);
    answer->length = json_string_length(content);
    answer->text = sal_copy_bytes(text, answer->length);
    if (answer->text == NULL)
        return sal_fail_memory(err, "a summary");
    answer->outcome = ENDPOINT_TEXT;
    return SAL_OK;
}

static int read_completion(const json_t *root, const char *key, endpoint_answer *answer,
                           sal_error *err) {
    const json_t *choices = json_object_get(root, "choices");
    const json_t *usage = json_object_get(root, "usage");
    if (json_is_object(json_object_get(root, "error")) ||
        json_is_string(json_object_get(root, "error")))
        return say(answer, ENDPOINT_BROKEN, "HTTP 200 with an error", message_of(root), key, err);
    if (!json_is_array(choices) || json_array_size(choices) == 0 ||
        !json_is_object(json_array_get(choices, 0)))
        return say(answer, ENDPOINT_BROKEN, "the reply has no choices", "", key, err);
    answer->prompt_tokens = count_of(usage, "prompt_tokens");
    answer->tokens = count_of(usage, "completion_tokens");
    read_fingerprint(root, key, answer);
    return read_choice(json_array_get(choices, 0), key, answer, err);
}

int endpoint_answer_read(long status, const char *body, size_t length, const char *key,
                         endpoint_answer *answer, sal_error *err) {
    json_t *root = NULL;
    sal_error unread = {0};
    *answer = (endpoint_answer){.tokens = -1, .prompt_tokens = -1};
    if (status < 200 || status >= 300)
        return read_error(status, body, length, key, answer, err);
    int code = sal_json_reply(body, length, &root, &unread);
    if (code == SAL_ENOMEM)
        return sal_fail_memory(err, "a reply");
    code = code != SAL_OK ? say(answer, ENDPOINT_BROKEN, unread.text, "", key, err)
                          : read_completion(root, key, answer, err);
    json_decref(root);
    if (code != SAL_OK)
        endpoint_answer_free(answer);
    return code;
}
