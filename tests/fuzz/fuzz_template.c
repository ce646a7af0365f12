/* Templates of prompts and of chats. Held against any input:
   - a template is refused with a text that names the file, or renders;
   - what is rendered holds the document as it is, its own braces untouched, and the document's place is told truly;
   - a chat template is refused as a word about itself, or the user's message stands where the prompt says. */
#include "fuzzing.h"

#include "prompt/prompt.h"
#include "salient/model.h"
#include "tiny_gguf.h"

static sal_model *model;

int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
    const tiny_gguf tiny = tiny_gguf_default("llama");
    char path[128];
    (void)argument_count;
    (void)arguments;
    fuzz_write("tiny.gguf", "", 0, path);
    tiny_gguf_write(&tiny, path);
    must(sal_model_open(path, &(sal_model_options){.vocabulary_only = true, .threads = 1}, &model,
                        NULL) == SAL_OK);
    return 0;
}

static void prompt_template(const uint8_t *data, size_t size) {
    static const char text[] = "The {n} braces {text} of a document {";
    const sal_document document = {.corpus = "c",
                                   .id = "d",
                                   .language = "en",
                                   .kind = "news",
                                   .text = text,
                                   .text_length = sizeof text - 1};
    sal_template *made = NULL;
    sal_buffer system = {0}, user = {0};
    sal_error err = {0};
    char path[128];
    fuzz_write("template.txt", data, size, path);
    const int status = sal_template_open(path, &made, &err);
    must(status == err.code);
    if (status != SAL_OK) {
        must(strncmp(err.text, path, strlen(path)) == 0);
        return;
    }
    must(strlen(sal_template_digest(made)) == 64);
    must(sal_template_render(made, &document, 17, &system, &user, &err) == SAL_OK);
    must(strstr(user.bytes, text) != NULL && strstr(user.bytes, "17") != NULL);
    must(sal_utf8_valid(user.bytes, user.length, NULL) && strlen(user.bytes) == user.length);
    must(sal_utf8_valid(system.bytes, system.length, NULL));
    sal_buffer_free(&system);
    sal_buffer_free(&user);
    sal_template_close(made);
}

static void chat_template(const uint8_t *data, size_t size) {
    static const char user[] = "A {user} said {assistant} <|im_end|>.";
    sal_prompt prompt = {0};
    sal_error err = {0};
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    const int status = sal_model_chat_prompt(model, text, "Be {brief}.", user, &prompt, &err);
    must(status == err.code);
    if (status != SAL_OK) {
        must(err.text[0] != '\0');
    } else {
        must(prompt.user.end <= prompt.length && prompt.user.start <= prompt.user.end);
        must(prompt.user.end - prompt.user.start == sizeof user - 1);
        must(memcmp(prompt.text + prompt.user.start, user, sizeof user - 1) == 0);
        must(prompt.tokens.count > 0);
        size_t end = 0;
        for (size_t i = 0; i < prompt.tokens.count; i++) {
            must(prompt.tokens.spans[i].start >= end ||
                 prompt.tokens.spans[i].start == prompt.tokens.spans[i].end);
            end = prompt.tokens.spans[i].end;
        }
        must(end <= prompt.length);
    }
    sal_prompt_free(&prompt);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        prompt_template(data + 1, size - 1);
    else
        chat_template(data + 1, size - 1);
    return 0;
}
