/* salient model pull: GGUF files of the Hugging Face hub. */
#include <string.h>

#include "commands.h"
#include "salient/hub.h"
#include "session.h"

struct pull_options {
    struct common_options common;
    const char *folder;
};

static const struct option_row pull_table[] = {
    {"folder", 0, OPTION_TEXT, offsetof(struct pull_options, folder), NULL, 0, 0, "DIR", NULL,
     "Where to",
     "folder for the file (default: models/OWNER/REPO below SALIENT_CACHE or ~/.cache/salient)"},
    {0}};

static int run_pull(struct session *session, void *config) {
    const struct pull_options *options = config;
    const sal_sink sink = terminal_sink();
    sal_buffer path = {0};
    sal_tally tally = {0};
    struct stage stage;
    stage_start(&stage);
    int status = sal_hub_pull_model(session->arguments[0], options->folder, &session->progress,
                                    &path, &tally, &session->error);
    if (status == 0) {
        stage_end(session, &stage, session->arguments[0], "files", &tally);
        status = sal_buffer_add_string(&path, "\n", &session->error);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, path.bytes, path.length, &session->error);
    }
    sal_buffer_free(&path);
    return session_exit(session, status, NULL);
}

static const char *const pull_arguments[] = {"SOURCE", NULL};
static const char *const pull_examples[] = {
    "salient model pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
    "salient model pull hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:q8_0 --folder models", NULL};
static const struct option_row *const pull_rows[] = {pull_table, NULL};

const struct command command_model_pull = {
    "model pull",
    "Models",
    "a GGUF file of the Hugging Face hub, resumed and checked",
    pull_arguments,
    "Downloads hf:OWNER/REPO, with :FILE or :QUANT after it when the repository has several GGUF "
    "files; "
    "all parts of a split one. A download that broke off goes on where it stopped; the file "
    "appears "
    "when its size and SHA-256 are those that the hub tells. Its path is printed.\n\n"
    "HF_TOKEN, where set, opens repositories that want a key.",
    pull_examples,
    pull_rows,
    sizeof(struct pull_options),
    run_pull,
    NULL,
    NULL};
