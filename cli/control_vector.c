#include "control_vector.h"

#include <inttypes.h>
#include <math.h>

#include "json.h"
#include "output.h"
#include "salient/steer.h"

static int print_json(const sal_probe_direction *direction, const char *path, sal_error *err) {
    const sal_sink sink = terminal_sink();
    sal_buffer out = {0};
    struct object_writer object;
    object_begin(&object, &out, err);
    object_text(&object, "file", path);
    object_text(&object, "corpus", direction->corpus);
    object_text(&object, "model", direction->model);
    object_text(&object, "summarizer", direction->summarizer);
    object_integer(&object, "layer", direction->layer);
    object_integer(&object, "width", (int64_t)direction->width);
    object_number(&object, "norm", direction->norm);
    object_number(&object, "lambda", direction->lambda);
    object_integer(&object, "learnt", direction->learnt);
    object_integer(&object, "documents", (int64_t)direction->count);
    object_number(&object, "spearman", direction->spearman);
    object_number(&object, "low", direction->low);
    object_number(&object, "high", direction->high);
    int status = object_end(&object);
    if (status == 0) {
        status = sal_buffer_add_string(&out, "\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&sink, out.bytes, out.length, err);
    }
    sal_buffer_free(&out);
    return status;
}

static int print_line(const sal_probe_direction *direction, const char *path, sal_error *err) {
    const sal_sink sink = terminal_sink();
    int status = sal_sink_format(
        &sink, err,
        "%s: direction.%d, state %d of %s, importance by %s, learnt from %" PRId64
        " documents of %s; of length %.3g: added once it raises the prediction by 1\n",
        path, direction->layer - 1, direction->layer, direction->model, direction->summarizer,
        direction->learnt, direction->corpus, direction->norm);
    if (status == 0 && !isnan(direction->spearman)) {
        status = sal_sink_format(&sink, err,
                                 "  the probe orders the words of %zu others with Spearman %.2f\n",
                                 direction->count, direction->spearman);
    }
    return status;
}

int control_vector_make(struct session *session, sal_study *study, const sal_probe_options *request,
                        int layer, const char *path) {
    const sal_model_options options = {.vocabulary_only = true};
    sal_error *err = &session->error;
    sal_probe_direction *direction = NULL;
    sal_model *model = NULL;
    int status = sal_model_open(request->model, &options, &model, err);
    if (status == 0) {
        status = sal_probe_direction_fit(study, request, sal_model_describe(model), layer,
                                         &session->progress, &direction, err);
    }
    if (status == 0) {
        status = sal_control_vector_write(path, sal_model_describe(model)->architecture, layer,
                                          direction->vector, direction->width, err);
    }
    if (status == 0) {
        display_clear(&session->display);
        status = session->options->json ? print_json(direction, path, err)
                                        : print_line(direction, path, err);
    }
    sal_probe_direction_free(direction);
    sal_model_close(model);
    return status;
}
