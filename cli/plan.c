#include "plan.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "commands.h"
#include "salient/file.h"
#include "suggest.h"

enum { MAXIMUM_PLAN = 1 << 20 };

/* The stages in the order in which data flows; positional: the key whose values stand behind the study. */
static const struct stage_row {
    const struct command *command;
    const char *positional;
} stages[] = {
    {&command_import, "files"}, {&command_summarize, NULL}, {&command_importance, NULL},
    {&command_heads, NULL},     {&command_ablate, NULL},    {&command_states, NULL},
    {&command_probe, NULL},     {&command_steer, NULL},     {&command_compare, NULL},
    {&command_report, NULL},
};
enum { STAGES = sizeof stages / sizeof stages[0] };

static const char *const plan_keys[] = {"study", "model", NULL}; /* beside the stages */

struct reader {
    const char *name;
    yaml_document_t document;
    const struct text_list *set;
    struct plan *plan;
    const char *model; /* what "$model" stands for, or NULL */
    sal_error *err;
};

static int line_of(const yaml_node_t *node) {
    return (int)node->start_mark.line + 1;
}

static int fail_at(const struct reader *reader, const yaml_node_t *node, const char *what) {
    return sal_fail(reader->err, SAL_EINVAL, "%s:%d: %s", reader->name, line_of(node), what);
}

static const char *scalar(const yaml_node_t *node) {
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                          : NULL;
}

static yaml_node_t *node_at(struct reader *reader, int index) {
    return yaml_document_get_node(&reader->document, index);
}

/* An option's value: a scalar, "$model" replaced. NULL (and success) when it is a list or a mapping. */
static int value_of(struct reader *reader, const yaml_node_t *node, const char **value) {
    *value = scalar(node);
    if (*value == NULL || strcmp(*value, "$model") != 0) {
        return 0;
    }
    *value = reader->model;
    return reader->model != NULL
               ? 0
               : fail_at(reader, node,
                         "$model stands for the plan's model, and the plan has no line `model: "
                         "FILE` (or give --set model=FILE)");
}

/* True for a stage that is named and has no options: `importance:`. */
static bool is_empty(const yaml_node_t *node) {
    const char *text = scalar(node);
    return text != NULL && (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

static int add_word(struct plan_step *step, const char *start, const char *middle, const char *end,
                    sal_error *err) {
    sal_buffer word = {0};
    int status =
        sal_grow((void **)&step->words, &step->capacity, step->count, sizeof *step->words, err);
    if (status == 0) {
        status = sal_buffer_add_format(&word, err, "%s%s%s", start, middle, end);
    }
    if (status != 0) {
        sal_buffer_free(&word);
        return status;
    }
    step->words[step->count++] = word.bytes;
    return 0;
}

/* A word that is no option: the command's parser must not take it for one.
 * in     node NULL: from --set */
static int add_file(const struct reader *reader, struct plan_step *step, const yaml_node_t *node,
                    const char *file) {
    static const char wrong[] = "a file's name that begins with '-' is written with its folder: ./";
    char text[200];
    if (file[0] != '-' || file[1] == '\0') {
        return add_word(step, file, "", "", reader->err);
    }
    (void)snprintf(text, sizeof text, "%s%.100s", wrong, file);
    return node != NULL ? fail_at(reader, node, text)
                        : sal_fail(reader->err, SAL_EINVAL, "--set: %s", text);
}

/* --name=value */
static int add_option(struct plan_step *step, const char *name, const char *value, sal_error *err) {
    sal_buffer option = {0};
    int status = sal_buffer_add_format(&option, err, "--%s=", name);
    if (status == 0) {
        status = add_word(step, option.bytes, value, "", err);
    }
    sal_buffer_free(&option);
    return status;
}

/* The value of `stage.name=value` or `name=value` among --set, or NULL; the last one wins. */
static const char *find_set(const struct text_list *set, const char *stage, const char *name) {
    const char *found = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const char *text = set->items[i];
        const size_t length = strlen(stage);
        if (strncmp(text, stage, length) == 0 && text[length] == '.') {
            text += length + 1;
        } else if (length > 0) {
            continue;
        }
        const size_t own = strlen(name);
        if (strncmp(text, name, own) == 0 && text[own] == '=') {
            found = text + own + 1;
        }
    }
    return found;
}

/* A mapping or list under an option, as one text: "a=b,c=d" or "a,b". */
static int join(struct reader *reader, const yaml_node_t *node, sal_buffer *out) {
    int status = 0;
    if (node->type == YAML_SEQUENCE_NODE) {
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             status == 0 && item < node->data.sequence.items.top; item++) {
            const char *text = scalar(node_at(reader, *item));
            status = text == NULL ? fail_at(reader, node, "only plain values can stand in a list")
                                  : sal_buffer_add_format(out, reader->err, "%s%s",
                                                          out->length > 0 ? "," : "", text);
        }
        return status;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         status == 0 && pair < node->data.mapping.pairs.top; pair++) {
        const char *key = scalar(node_at(reader, pair->key));
        const char *value = scalar(node_at(reader, pair->value));
        status = key == NULL || value == NULL
                     ? fail_at(reader, node, "only plain values can stand in a mapping")
                     : sal_buffer_add_format(out, reader->err, "%s%s=%s",
                                             out->length > 0 ? "," : "", key, value);
    }
    return status;
}

static int add_list(struct reader *reader, struct plan_step *step, const char *name,
                    const yaml_node_t *node) {
    int status = 0;
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         status == 0 && item < node->data.sequence.items.top; item++) {
        const char *text = NULL;
        status = value_of(reader, node_at(reader, *item), &text);
        if (status == 0 && text == NULL) {
            return fail_at(reader, node, "only plain values can stand in a list");
        }
        if (status == 0) {
            status = name == NULL ? add_file(reader, step, node, text)
                                  : add_option(step, name, text, reader->err);
        }
    }
    return status;
}

static int add_flag(struct reader *reader, struct plan_step *step, const char *name,
                    const yaml_node_t *node) {
    const char *text = scalar(node);
    if (text != NULL && strcmp(text, "true") == 0) {
        return add_word(step, "--", name, "", reader->err);
    }
    return text != NULL && strcmp(text, "false") == 0
               ? 0
               : fail_at(reader, node, "this option is true or false");
}

/* One "name: value" of a stage. */
static int add_pair(struct reader *reader, struct plan_step *step, const struct stage_row *stage,
                    const yaml_node_pair_t *pair) {
    const yaml_node_t *key = node_at(reader, pair->key);
    const yaml_node_t *value = node_at(reader, pair->value);
    const char *name = scalar(key);
    if (name == NULL) {
        return fail_at(reader, key, "an option's name is needed");
    }
    if (find_set(reader->set, stage->command->name, name) != NULL) {
        return 0;
    }
    const char *plain = NULL;
    if (stage->positional != NULL && strcmp(name, stage->positional) == 0) {
        const int wrong = value_of(reader, value, &plain);
        return wrong != 0      ? wrong
               : plain != NULL ? add_file(reader, step, value, plain)
               : value->type == YAML_SEQUENCE_NODE
                   ? add_list(reader, step, NULL, value)
                   : fail_at(reader, value, "a file or a list of files is needed");
    }
    const struct option_row *row = options_find(stage->command, name, strlen(name));
    if (row != NULL && row->type == OPTION_FLAG) {
        return add_flag(reader, step, name, value);
    }
    if (row != NULL && row->type == OPTION_LIST && value->type == YAML_SEQUENCE_NODE) {
        return add_list(reader, step, name, value);
    }
    int status = value_of(reader, value, &plain);
    if (status != 0 || plain != NULL) {
        return status != 0 ? status : add_option(step, name, plain, reader->err);
    }
    sal_buffer text = {0};
    status = join(reader, value, &text);
    if (status == 0) {
        status = add_option(step, name, text.length > 0 ? text.bytes : "", reader->err);
    }
    sal_buffer_free(&text);
    return status;
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

static int add_overrides(struct reader *reader, struct plan_step *step,
                         const struct stage_row *stage) {
    const size_t length = strlen(stage->command->name);
    int status = 0;
    for (size_t i = 0; status == 0 && i < reader->set->count; i++) {
        const char *text = reader->set->items[i];
        if (strncmp(text, stage->command->name, length) != 0 || text[length] != '.') {
            continue;
        }
        const char *option = text + length + 1;
        const size_t own = stage->positional != NULL ? strlen(stage->positional) : 0;
        if (own > 0 && strncmp(option, stage->positional, own) == 0 && option[own] == '=') {
            status = add_file(reader, step, NULL, option + own + 1);
        } else {
            status = add_word(step, "--", option, "", reader->err);
        }
    }
    return status;
}

/* Parse the step's words with the command's own table, so that nothing wrong is found only after hours. */
static int check_step(const struct reader *reader, const struct plan_step *step) {
    struct parsed parsed = {0};
    struct usage_error usage = {"", ""};
    const int count = (int)(step->count - step->used);
    int status = options_parse(step->command, count, step->words + step->used, &parsed, &usage);
    options_free(step->command, &parsed);
    if (status == SAL_EINVAL) {
        return sal_fail(reader->err, status, "%s:%d: %s: %s", reader->name, step->line,
                        step->command->name, usage.what);
    }
    return status == 0 ? 0 : sal_fail_memory(reader->err, "a plan");
}

static int add_step(struct reader *reader, const struct stage_row *stage, const yaml_node_t *node) {
    struct plan *plan = reader->plan;
    int status = sal_grow((void **)&plan->steps, &plan->capacity, plan->count, sizeof *plan->steps,
                          reader->err);
    if (status != 0) {
        return status;
    }
    struct plan_step *step = &plan->steps[plan->count++];
    *step = (struct plan_step){.command = stage->command, .line = line_of(node), .used = 2};
    status = add_word(step, "salient", "", "", reader->err);
    if (status == 0) {
        status = add_word(step, stage->command->name, "", "", reader->err);
    }
    if (status == 0) {
        status = add_word(step, plan->study, "", "", reader->err);
    }
    if (status == 0 && node->type != YAML_MAPPING_NODE && !is_empty(node)) {
        return fail_at(reader, node, "a mapping of options is needed");
    }
    if (node->type == YAML_MAPPING_NODE) {
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             status == 0 && pair < node->data.mapping.pairs.top; pair++) {
            status = add_pair(reader, step, stage, pair);
        }
    }
    if (status == 0) {
        status = add_overrides(reader, step, stage);
    }
    return status == 0 ? check_step(reader, step) : status;
}

static int add_stage(struct reader *reader, const struct stage_row *stage,
                     const yaml_node_t *node) {
    if (node->type != YAML_SEQUENCE_NODE) {
        return add_step(reader, stage, node);
    }
    int status = 0;
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         status == 0 && item < node->data.sequence.items.top; item++) {
        status = add_step(reader, stage, node_at(reader, *item));
    }
    return status;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static const yaml_node_t *find_key(struct reader *reader, const yaml_node_t *root,
                                   const char *name) {
    const yaml_node_t *found = NULL;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const char *key = scalar(node_at(reader, pair->key));
        if (found == NULL && key != NULL && strcmp(key, name) == 0) {
            found = node_at(reader, pair->value);
        }
    }
    return found;
}

static int fail_key(const struct reader *reader, const yaml_node_t *key, const char *name) {
    struct suggestion suggestion;
    suggest_start(&suggestion, name);
    for (size_t k = 0; plan_keys[k] != NULL; k++) {
        suggest_offer(&suggestion, plan_keys[k]);
    }
    for (size_t s = 0; s < STAGES; s++) {
        suggest_offer(&suggestion, stages[s].command->name);
    }
    return sal_fail(reader->err, SAL_EINVAL, "%s:%d: there is no stage '%s'%s%s%s", reader->name,
                    line_of(key), name, suggestion.nearest != NULL ? "; did you mean '" : "",
                    suggestion.nearest != NULL ? suggestion.nearest : "",
                    suggestion.nearest != NULL ? "'?" : "");
}

static bool known_stage(const char *name, size_t length) {
    for (size_t s = 0; s < STAGES; s++) {
        if (strlen(stages[s].command->name) == length &&
            strncmp(stages[s].command->name, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool known_key(const char *name) {
    for (size_t k = 0; plan_keys[k] != NULL; k++) {
        if (strcmp(plan_keys[k], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Keys of the file are stages, each once. */
static int check_keys(struct reader *reader, const yaml_node_t *root) {
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(reader, pair->key);
        const char *name = scalar(key);
        if (name == NULL) {
            return fail_at(reader, key, "a stage's name is needed");
        }
        if (!known_key(name) && !known_stage(name, strlen(name))) {
            return fail_key(reader, key, name);
        }
        if (find_key(reader, root, name) != node_at(reader, pair->value)) {
            return fail_at(reader, key, "this stage stands in the file twice; make it a list");
        }
    }
    return 0;
}

/* --set names a stage that the plan has. */
static int check_set(struct reader *reader, const yaml_node_t *root) {
    for (size_t i = 0; i < reader->set->count; i++) {
        const char *text = reader->set->items[i];
        const size_t length = strcspn(text, ".=");
        char stage[32];
        (void)snprintf(stage, sizeof stage, "%.*s", (int)(length < 30 ? length : 30), text);
        const bool key = text[length] == '=' && known_key(stage);
        const bool option = text[length] == '.' && known_stage(text, length);
        if (!key && !option) {
            return sal_fail(reader->err, SAL_EINVAL,
                            "--set takes STAGE.OPTION=VALUE, study=PATH or model=FILE, not '%s'",
                            text);
        }
        if (option && find_key(reader, root, stage) == NULL) {
            return sal_fail(reader->err, SAL_EINVAL, "--set %s: %s has no stage '%s'", text,
                            reader->name, stage);
        }
    }
    return 0;
}

/* A key beside the stages: what --set says, else the file's, else NULL. */
static const char *key_of(struct reader *reader, const yaml_node_t *root, const char *name) {
    const char *set = find_set(reader->set, "", name);
    return set != NULL ? set : scalar(find_key(reader, root, name));
}

static int read_root(struct reader *reader) {
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        return sal_fail(reader->err, SAL_EFORMAT, "%s:1: holds no mapping of stages", reader->name);
    }
    int status = check_keys(reader, root);
    if (status == 0) {
        status = check_set(reader, root);
    }
    if (status != 0) {
        return status;
    }
    const yaml_node_t *node = find_key(reader, root, "study");
    const char *study = key_of(reader, root, "study");
    reader->model = key_of(reader, root, "model");
    if (study == NULL || *study == '\0') {
        return sal_fail(reader->err, SAL_EINVAL, "%s:%d: says no study (study: FOLDER)",
                        reader->name, line_of(node != NULL ? node : root));
    }
    reader->plan->study = sal_copy_string(study);
    if (reader->plan->study == NULL) {
        return sal_fail_memory(reader->err, "a plan");
    }
    for (size_t s = 0; status == 0 && s < STAGES; s++) {
        const yaml_node_t *stage = find_key(reader, root, stages[s].command->name);
        status = stage == NULL ? 0 : add_stage(reader, &stages[s], stage);
    }
    return status;
}

static int parse(struct reader *reader, const char *text, size_t length) {
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return sal_fail_memory(reader->err, "a plan");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int status = 0;
    if (yaml_parser_load(&parser, &reader->document) == 0) {
        status = sal_fail(reader->err, SAL_EFORMAT, "%s:%zu: %s", reader->name,
                          parser.problem_mark.line + 1,
                          parser.problem != NULL ? parser.problem : "cannot be read");
    } else {
        status = read_root(reader);
        yaml_document_delete(&reader->document);
    }
    yaml_parser_delete(&parser);
    return status;
}

int plan_read(const char *name, const struct text_list *set, struct plan *plan, sal_error *err) {
    struct plan read = {0};
    struct reader reader = {.name = name, .set = set, .plan = &read, .err = err};
    sal_buffer file = {0};
    size_t length = 0;
    const char *text = plan_preset(name, &length);
    int status = 0;
    read.name = sal_copy_string(name);
    if (read.name == NULL) {
        status = sal_fail_memory(err, "a plan");
    }
    if (status == 0 && text == NULL) {
        status = sal_file_read_all(name, MAXIMUM_PLAN, &file, err);
        if (status == SAL_ENOTFOUND) {
            (void)sal_fail(err, status,
                           "%s: is no file and no preset (presets: " PLAN_PRESET_NAMES ")", name);
        }
        text = file.bytes;
        length = file.length;
    }
    if (status == 0) {
        status = parse(&reader, text, length);
    }
    sal_buffer_free(&file);
    if (status != 0) {
        plan_free(&read);
        return status;
    }
    *plan = read;
    return 0;
}

void plan_free(struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        sal_strings_free(plan->steps[i].words, plan->steps[i].count);
    }
    sal_free(plan->steps);
    sal_free(plan->study);
    sal_free(plan->name);
    *plan = (struct plan){0};
}
