/* Rows that several commands share, and the options in force as JSON. */
#include <inttypes.h>

#include "json.h"
#include "options.h"
#include "terminal.h"

#define AT(field) offsetof(struct common_options, field)
#define OUTPUT "Output"
#define SELECTION "What to work on"
#define MACHINE "Machine"

static const char *const protocols[] = {"strict", "paper", NULL}; /* in the order of sal_protocol */

const struct option_row options_everywhere[] = {
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, 0, 0, NULL, NULL, OUTPUT,
     "errors only: no notes, no progress, no last line"},
    {"verbose", 'v', OPTION_FLAG, AT(verbose), NULL, 0, 0, NULL, NULL, OUTPUT,
     "also say which options are in force"},
    {"no-progress", 0, OPTION_FLAG, AT(no_progress), NULL, 0, 0, NULL, NULL, OUTPUT,
     "no progress display"},
    {"color", 0, OPTION_CHOICE, AT(color), "auto", 0, 0, "WHEN", color_choices, OUTPUT,
     "colours: auto (on a terminal, unless NO_COLOR is set), always or never"},
    {"help", 'h', OPTION_FLAG, AT(help), NULL, 0, 0, NULL, NULL, OUTPUT, "show this help"},
    {0}};

const struct option_row options_json[] = {{"json", 0, OPTION_FLAG, AT(json), NULL, 0, 0, NULL, NULL,
                                           OUTPUT,
                                           "JSON on standard output in place of text for people"},
                                          {0}};

const struct option_row options_corpus[] = {{"corpus", 0, OPTION_TEXT, AT(corpus), NULL, 0, 0,
                                             "NAME", NULL, SELECTION,
                                             "only this corpus (default: all of the study)"},
                                            {0}};

const struct option_row options_by[] = {
    {"by", 0, OPTION_TEXT, AT(by), NULL, 0, 0, "NAME", NULL, SELECTION,
     "only the summaries of this summarizer (default: all of the study)"},
    {0}};

const struct option_row options_protocol[] = {{"protocol", 0, OPTION_CHOICE, AT(protocol), "strict",
                                               0, 0, "NAME", protocols, SELECTION,
                                               "strict (without the confounds of the published "
                                               "code) or paper (as the published code does it)"},
                                              {0}};

const struct option_row options_threads[] = {{"threads", 't', OPTION_COUNT, AT(threads), "0", 0,
                                              1024, "N", NULL, MACHINE,
                                              "threads to compute with; 0: one per processor"},
                                             {0}};

static const char *const computes[] = {"auto", "bf16", "f32", "stock",
                                       NULL}; /* in the order of sal_compute */

const struct option_row options_gpu[] = {
    {"gpu-layers", 0, OPTION_COUNT, AT(gpu_layers), "0", -1, 10000, "N", NULL, MACHINE,
     "layers of the model to put on an accelerator; -1: all"},
    {"compute", 0, OPTION_CHOICE, AT(compute), "auto", 0, 0, "HOW", computes, MACHINE,
     "who multiplies matrices on the processor, and in which numbers: auto, bf16, f32, or stock "
     "(libllama alone)"},
    {"pack-memory", 0, OPTION_SIZE, AT(pack_memory), NULL, 0, 0, "SIZE", NULL, MACHINE,
     "memory for packed copies of weights, as 500M or 2G; changes the speed alone (default: what "
     "is free, less a reserve)"},
    {0}};

sal_model_options options_model(const struct common_options *common) {
    return (sal_model_options){
        .threads = (int)common->threads,
        .gpu_layers = (int)common->gpu_layers,
        .compute = (sal_compute)common->compute,
        .pack_memory = common->pack_memory < 0    ? 0
                       : common->pack_memory == 0 ? -1
                                                  : common->pack_memory,
    };
}

/* ---- the options in force -------------------------------------------------------------------------------------------------- */

static int add_list(sal_buffer *out, const struct text_list *list, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        status = i == 0 ? 0 : sal_buffer_add_string(out, ",", err);
        if (status == 0) {
            status = json_add_string(out, list->items[i], err);
        }
    }
    return status != 0 ? status : sal_buffer_add_string(out, "]", err);
}

static int add_lengths(sal_buffer *out, const struct length_list *list, sal_error *err) {
    int status = sal_buffer_add_string(out, "[", err);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        status = sal_buffer_add_format(out, err, "%s%d", i == 0 ? "" : ",", list->items[i]);
    }
    return status != 0 ? status : sal_buffer_add_string(out, "]", err);
}

static int add_value(sal_buffer *out, const struct option_row *row, const void *field,
                     sal_error *err) {
    switch (row->type) {
    case OPTION_FLAG:
        return sal_buffer_add_string(out, *(const bool *)field ? "true" : "false", err);
    case OPTION_TEXT:
        return json_add_string(out, *(const char *const *)field, err);
    case OPTION_LIST:
        return add_list(out, field, err);
    case OPTION_SIZE:
    case OPTION_COUNT:
        if (row->initial == NULL && *(const int64_t *)field < 0) { /* not given */
            return sal_buffer_add_string(out, "null", err);
        }
        return sal_buffer_add_format(out, err, "%" PRId64, *(const int64_t *)field);
    case OPTION_SEED:
        return sal_buffer_add_format(out, err, "%" PRIu64, *(const uint64_t *)field);
    case OPTION_NUMBER:
        return json_add_number(out, *(const double *)field, err);
    case OPTION_CHOICE:
        return json_add_string(out, row->choices[*(const int *)field], err);
    case OPTION_LENGTHS:
        return add_lengths(out, field, err);
    }
    return sal_fail(err, SAL_EINVAL, "option --%s has no known type", row->name);
}

int options_to_json(const struct command *command, const void *config, sal_buffer *out,
                    sal_error *err) {
    int status = sal_buffer_add_string(out, "{", err);
    bool first = true;
    for (const struct option_row *const *set = command->options; set != NULL && *set != NULL;
         set++) {
        for (const struct option_row *row = *set; row->name != NULL && status == 0; row++) {
            status = sal_buffer_add_format(out, err, "%s\"%s\":", first ? "" : ",", row->name);
            if (status == 0) {
                status = add_value(out, row, (const char *)config + row->offset, err);
            }
            first = false;
        }
    }
    return status != 0 ? status : sal_buffer_add_string(out, "}", err);
}
