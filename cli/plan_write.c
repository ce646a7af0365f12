/* A plan in force as YAML. Values are double-quoted, which YAML reads as JSON strings. */
#include <string.h>

#include "json.h"
#include "plan.h"

/* "--name=value" or "--flag" as a line of the mapping; the same name again goes on its list. */
static int write_options(const struct plan_step *step, sal_buffer *out, sal_error *err) {
    const char *last = "";
    size_t last_length = 0;
    int status = 0;
    for (size_t w = step->used + 1; status == 0 && w < step->count; w++) {
        const bool option = strncmp(step->words[w], "--", 2) == 0;
        const char *name = option ? step->words[w] + 2 : "files";
        const char *equals = option ? strchr(name, '=') : NULL;
        const size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
        const char *value = !option ? step->words[w] : equals != NULL ? equals + 1 : NULL;
        if (value == NULL) {
            status = sal_buffer_add_format(out, err, "    %s: true\n", name);
            continue;
        }
        const bool again = length == last_length && strncmp(last, name, length) == 0;
        const struct option_row *row = options_find(step->command, name, length);
        const bool list = !option || (row != NULL && row->type == OPTION_LIST);
        if (!again || !list) {
            status = sal_buffer_add_format(out, err, "    %.*s:%s", (int)length, name,
                                           list ? "\n" : " ");
        }
        if (status == 0 && list) {
            status = sal_buffer_add_string(out, "      - ", err);
        }
        if (status == 0) {
            status = json_add_string(out, value, err);
        }
        if (status == 0) {
            status = sal_buffer_add_string(out, "\n", err);
        }
        last = name;
        last_length = length;
    }
    return status;
}

int plan_write(const struct plan *plan, sal_buffer *out, sal_error *err) {
    const struct command *stage = NULL;
    int status = sal_buffer_add_string(out, "study: ", err);
    if (status == 0) {
        status = json_add_string(out, plan->study, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(out, "\n", err);
    }
    for (size_t i = 0; status == 0 && i < plan->count; i++) {
        const struct plan_step *step = &plan->steps[i];
        status = stage == step->command
                     ? 0
                     : sal_buffer_add_format(out, err, "\n%s:\n", step->command->name);
        stage = step->command;
        if (status == 0) {
            status = sal_buffer_add_string(out, step->count > step->used + 1 ? "  -\n" : "  - {}\n",
                                           err);
        }
        if (status == 0) {
            status = write_options(step, out, err);
        }
    }
    return status;
}
