/* The header of a GGUF file as we read it, before libllama opens it. Held against any input:
   - an error names the file, and nothing of ggml's own reader ends the process;
   - of a file that is accepted all numbers lie in their ranges, and its tensors lie inside the file. */
#include "fuzzing.h"

#include "llm/llm_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sal_gguf_facts facts = {.file_type = -1};
    sal_error err = {0};
    char path[128];
    fuzz_write("model.gguf", data, size, path);
    const int status = sal_gguf_check(path, true, &facts, &err);
    must(status == err.code);
    if (status != SAL_OK) {
        must(strncmp(err.text, path, strlen(path)) == 0);
        return 0;
    }
    must(facts.layers >= 1 && facts.width >= 1 && facts.context_trained >= 1);
    must(facts.heads >= 0 && facts.heads_kv >= 0 && facts.bytes <= size);
    must(memchr(facts.architecture, '\0', sizeof facts.architecture) != NULL &&
         facts.architecture[0] != '\0');
    must(memchr(facts.name, '\0', sizeof facts.name) != NULL &&
         memchr(facts.size_label, '\0', sizeof facts.size_label) != NULL);
    return 0;
}
