/* Start-up of libllama and its log.
 *
 * libllama and ggml have one log callback per process, so this is the one place of the library with static state: a pthread_once,
 * and per thread the first error line and the sum of the buffer sizes that libllama reports. Both are thread-local: libllama logs in
 * the thread that called it, so concurrent callers never mix their texts. Nothing is printed. */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_internal.h"

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static _Thread_local char first_error[400];
static _Thread_local double buffer_mebibytes;

/* "llama_model_load: error loading model: ..." without the name of the function. */
static const char *without_function(const char *line) {
    size_t i = 0;
    while (isalnum((unsigned char)line[i]) || line[i] == '_')
        i++;
    return i > 0 && line[i] == ':' && line[i + 1] == ' ' ? line + i + 2 : line;
}

static void keep_error(const char *text) {
    const char *line = without_function(text);
    size_t length = strcspn(line, "\n");
    if (length >= sizeof first_error)
        length = sizeof first_error - 1;
    memcpy(first_error, line, length);
    first_error[length] = '\0';
}

static void on_log(enum ggml_log_level level, const char *text, void *context) {
    (void)context;
    /* The first line is the cause; those after it ("failed to load model") only repeat that something failed. */
    if (level == GGML_LOG_LEVEL_ERROR && first_error[0] == '\0')
        keep_error(text);
    const char *size = strstr(text, "buffer size = ");
    if (size != NULL && strstr(text, " MiB") != NULL)
        buffer_mebibytes += strtod(size + strlen("buffer size = "), NULL);
}

static void start(void) {
    llama_log_set(on_log, NULL);
    llama_backend_init();
}

void sal_llm_start(void) {
    (void)pthread_once(&start_once, start);
}

void sal_llm_log_clear(void) {
    first_error[0] = '\0';
    buffer_mebibytes = 0;
}

const char *sal_llm_log_error(void) {
    return first_error;
}

uint64_t sal_llm_log_buffer_bytes(void) {
    return buffer_mebibytes > 0 ? (uint64_t)(buffer_mebibytes * 1048576.0) : 0;
}

/* Features from "CPU : SSE3 = 1 | AVX = 1 | LLAMAFILE = 1 | ": the names of those that are on. */
static int add_features(sal_buffer *out, const char *info, sal_error *err) {
    int status = SAL_OK;
    while (*info != '\0' && status == SAL_OK) {
        size_t length = strcspn(info, "|");
        size_t start = 0, end = length;
        const char *colon =
            memchr(info, ':', length); /* the backend's name stands before the first */
        if (colon != NULL)
            start = (size_t)(colon - info) + 1;
        while (start < end && info[start] == ' ')
            start++;
        while (end > start && info[end - 1] == ' ')
            end--;
        static const char on[] = " = 1";
        size_t tail = sizeof on - 1;
        if (end - start > tail && memcmp(info + end - tail, on, tail) == 0)
            status =
                sal_buffer_add_format(out, err, " %.*s", (int)(end - tail - start), info + start);
        info += length + (info[length] == '|' ? 1 : 0);
    }
    return status;
}

int sal_model_system(sal_buffer *out, sal_error *err) {
    sal_llm_start();
    sal_buffer_clear(out);
    int status = sal_buffer_add_format(out, err, "libllama %s, ggml %s; backends", llama_version(),
                                       ggml_version());
    const char *between = "";
    for (size_t i = 0; status == SAL_OK && i < ggml_backend_reg_count(); i++) {
        const char *name = ggml_backend_reg_name(ggml_backend_reg_get(i));
        if (strcmp(name, "salient") == 0) /* told below, registered or not yet */
            continue;
        status = sal_buffer_add_format(out, err, "%s %s", between, name);
        between = ",";
    }
    if (status == SAL_OK)
        status = sal_buffer_add_string(out, ";", err);
    if (status == SAL_OK)
        status = add_features(out, llama_print_system_info(), err);
    if (status == SAL_OK)
        status = sal_buffer_add_string(out, "; own backend: ", err);
    if (status == SAL_OK)
        status = sal_cpu_describe(SAL_COMPUTE_AUTO, out, err);
    return status;
}
