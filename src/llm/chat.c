/* Chat prompts: the template's own marks as control tokens, the document's bytes as text.
 *
 * Where the template comes from, in this order: a template file; the Llama 3 template with fixed dates for Llama 3.1, 3.2 and 3.3,
 * whose stored one libllama reduces to Llama 3's; libllama's own list. libllama knows no Jinja: it recognises templates by what they
 * contain, so the place of the user's message is found by rendering once with a mark in its stead.
 *
 * Tokens: the whole string is tokenised with control tokens parsed, as transformers does. Only when the user's message holds the text
 * of a control token (or makes one together with the template's bytes beside it) the string is cut at the template's control tokens
 * around the message, and the part between them is tokenised as plain text. Without such a text both ways give the same ids. */
#include <ctype.h>
#include <string.h>

#include "llm_internal.h"

extern const char sal_asset_llama3_chat_txt[]; /* ends with a NUL, as all assets */

static const char user_mark[] = "\x01user-message\x01";
static const char system_mark[] = "\x01system-message\x01";

void sal_prompt_free(sal_prompt *prompt) {
    if (prompt == NULL)
        return;
    sal_free(prompt->text);
    sal_tokens_free(&prompt->tokens);
    *prompt = (sal_prompt){0};
}

/* ---- template files ---------------------------------------------------------------------------- */

/* Place of the one {name} in a template of length bytes. */
static int find_slot(const char *text, size_t length, const char *name, const char **at,
                     sal_error *err) {
    size_t size = strlen(name), found = 0;
    for (size_t i = 0; i + size <= length; i++)
        if (memcmp(text + i, name, size) == 0) {
            *at = text + i;
            found++;
        }
    if (found == 1)
        return SAL_OK;
    return sal_fail(err, SAL_EINVAL,
                    "the chat template has %s %zu times; it must have {system}, {user} and "
                    "{assistant} once each",
                    name, found);
}

typedef struct piece {
    const char *bytes;
    size_t length;
} piece;

static piece trimmed(const char *text) {
    size_t start = 0, end = strlen(text);
    while (start < end && isspace((unsigned char)text[start]))
        start++;
    while (end > start && isspace((unsigned char)text[end - 1]))
        end--;
    return (piece){text + start, end - start};
}

/* Fill the slots; what follows {assistant} is not part of a prompt. */
static int fill_template(const char *text, size_t length, piece system, piece user, sal_buffer *out,
                         sal_span *span, sal_error *err) {
    const char *system_at = NULL, *user_at = NULL, *assistant_at = NULL, *end = text;
    int status = find_slot(text, length, "{system}", &system_at, err);
    if (status == SAL_OK)
        status = find_slot(text, length, "{user}", &user_at, err);
    if (status == SAL_OK)
        status = find_slot(text, length, "{assistant}", &assistant_at, err);
    if (status == SAL_OK && (assistant_at < system_at || assistant_at < user_at))
        status = sal_fail(err, SAL_EINVAL,
                          "{assistant} must be the last of the chat template's three places");
    for (int i = 0; status == SAL_OK && i < 2; i++) {
        bool is_user = (i == 0) == (user_at < system_at);
        const char *slot = is_user ? user_at : system_at;
        piece fill = is_user ? user : system;
        status = sal_buffer_add(out, end, (size_t)(slot - end), err);
        if (is_user)
            *span = (sal_span){out->length, out->length + fill.length};
        if (status == SAL_OK)
            status = sal_buffer_add(out, fill.bytes, fill.length, err);
        end = slot + strlen(is_user ? "{user}" : "{system}");
    }
    return status == SAL_OK ? sal_buffer_add(out, end, (size_t)(assistant_at - end), err) : status;
}

/* ---- libllama's templates ------------------------------------------------------------------------- */

/* Render with libllama into *out. */
static int render(const sal_model *model, const char *system, const char *user, sal_buffer *out,
                  sal_error *err) {
    const struct llama_chat_message messages[] = {{"system", system}, {"user", user}};
    int32_t length = llama_chat_apply_template(model->chat_template, messages, 2, true, NULL, 0);
    if (length < 0)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: libllama does not know the model's chat template; give one with "
                        "--chat-template FILE (plain text with "
                        "{system} {user} {assistant})",
                        model->path);
    char *text = sal_calloc((size_t)length + 1, 1);
    if (text == NULL)
        return sal_fail_memory(err, "a chat prompt");
    (void)llama_chat_apply_template(model->chat_template, messages, 2, true, text, length);
    sal_buffer_clear(out);
    int status = sal_buffer_add(out, text, (size_t)length, err);
    sal_free(text);
    return status;
}

static bool contains(const char *text, const char *word) {
    return strstr(text, word) != NULL;
}

/* Gemma's template refuses a system message; libllama would put it into the user's. A template that names no role and renders none
 * has no place for one either. */
static bool has_system_role(const sal_model *model, const char *rendered) {
    if (contains(model->chat_template, "System role not supported") ||
        contains(model->chat_template, "system role is not supported"))
        return false;
    const char *mark = strstr(rendered, system_mark);
    if (mark == NULL)
        return false;
    const char *role = strstr(rendered, "system");
    return contains(model->chat_template, "system") || (role != NULL && role < mark);
}

static int check_system_role(const sal_model *model, sal_error *err) {
    sal_buffer rendered = {0};
    int status = render(model, system_mark, user_mark, &rendered, err);
    if (status == SAL_OK && !has_system_role(model, rendered.bytes))
        status = sal_fail(err, SAL_EUNSUPPORTED,
                          "%s: the model's chat template has no system role; give one with "
                          "--chat-template FILE (plain text with "
                          "{system} {user} {assistant})",
                          model->path);
    sal_buffer_free(&rendered);
    return status;
}

/* The templated text and where the user's message (trimmed by some templates) stands in it. */
static int render_with_span(const sal_model *model, const char *system, const char *user,
                            sal_buffer *out, sal_span *span, sal_error *err) {
    sal_buffer probe = {0};
    int status = check_system_role(model, err);
    if (status == SAL_OK)
        status = render(model, system, user_mark, &probe, err);
    if (status == SAL_OK)
        status = render(model, system, user, out, err);
    if (status != SAL_OK)
        goto done;
    const char *mark = strstr(probe.bytes, user_mark);
    size_t before = mark != NULL ? (size_t)(mark - probe.bytes) : 0;
    size_t after = probe.length - before - (sizeof user_mark - 1);
    if (mark == NULL || out->length < before + after ||
        memcmp(out->bytes, probe.bytes, before) != 0 ||
        memcmp(out->bytes + out->length - after, probe.bytes + probe.length - after, after) != 0) {
        status = sal_fail(err, SAL_EUNSUPPORTED,
                          "%s: the user's message cannot be found in libllama's rendering of the "
                          "model's chat template; give one with "
                          "--chat-template FILE",
                          model->path);
        goto done;
    }
    *span = (sal_span){before, out->length - after};
done:
    sal_buffer_free(&probe);
    return status;
}

static int build_text(const sal_model *model, const char *chat_template, const char *system,
                      const char *user, sal_buffer *text, sal_span *span, sal_error *err) {
    if (chat_template != NULL)
        return fill_template(chat_template, strlen(chat_template), (piece){system, strlen(system)},
                             (piece){user, strlen(user)}, text, span, err);
    if (model->chat_template[0] == '\0')
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "%s: the model's file has no chat template; give one with --chat-template "
                        "FILE (plain text with {system} {user} "
                        "{assistant})",
                        model->path);
    if (contains(model->chat_template, "Cutting Knowledge Date") &&
        contains(model->chat_template, "<|start_header_id|>"))
        return fill_template(sal_asset_llama3_chat_txt, strlen(sal_asset_llama3_chat_txt),
                             trimmed(system), trimmed(user), text, span, err);
    return render_with_span(model, system, user, text, span, err);
}

/* ---- tokens ------------------------------------------------------------------------------------------ */

/* Call visit for every place of a control token's text in bytes [from, to). */
static void visit_controls(const sal_model *model, const char *bytes, size_t from, size_t to,
                           void (*visit)(void *context, size_t start, size_t end), void *context) {
    for (size_t at = from; at < to; at++) {
        size_t tried = model->control_first[(unsigned char)bytes[at]] ? model->control_count : 0;
        for (size_t i = 0; i < tried; i++) {
            const sal_control *control = &model->controls[i];
            if (control->length <= to - at &&
                memcmp(bytes + at, control->text, control->length) == 0)
                visit(context, at, at + control->length);
        }
    }
}

typedef struct surroundings {
    sal_span user;
    bool touched;  /* a control token's text overlaps the user's message */
    size_t before; /* end of the template's last control token before the message */
    size_t after;  /* start of its first one behind it */
} surroundings;

static void look_at(void *context, size_t start, size_t end) {
    surroundings *around = context;
    if (end <= around->user.start)
        around->before = end > around->before ? end : around->before;
    else if (start >= around->user.end)
        around->after = start < around->after ? start : around->after;
    else
        around->touched = true;
}

static int tokenize_prompt(const sal_model *model, const sal_buffer *text, sal_span user,
                           sal_tokens *tokens, sal_error *err) {
    surroundings around = {.user = user, .before = 0, .after = text->length};
    visit_controls(model, text->bytes, 0, text->length, look_at, &around);
    if (!around.touched)
        return sal_tokens_append(model, text->bytes, text->length, true, 0, tokens, err);
    int status = SAL_OK;
    if (around.before > 0)
        status = sal_tokens_append(model, text->bytes, around.before, true, 0, tokens, err);
    if (status == SAL_OK)
        status = sal_tokens_append(model, text->bytes + around.before, around.after - around.before,
                                   false, around.before, tokens, err);
    if (status == SAL_OK && around.after < text->length)
        status = sal_tokens_append(model, text->bytes + around.after, text->length - around.after,
                                   true, around.after, tokens, err);
    return status;
}

int sal_model_chat_prompt(const sal_model *model, const char *chat_template, const char *system,
                          const char *user, sal_prompt *out, sal_error *err) {
    sal_buffer text = {0};
    sal_prompt prompt = {0};
    int status = build_text(model, chat_template, system, user, &text, &prompt.user, err);
    if (status == SAL_OK)
        status = tokenize_prompt(model, &text, prompt.user, &prompt.tokens, err);
    if (status == SAL_OK)
        status = sal_tokens_add_bos(model, &prompt.tokens, err);
    if (status == SAL_OK) {
        prompt.text = text.bytes;
        prompt.length = text.length;
        text = (sal_buffer){0};
        *out = prompt;
        prompt = (sal_prompt){0};
    }
    sal_buffer_free(&text);
    sal_prompt_free(&prompt);
    return status;
}
