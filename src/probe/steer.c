/* Whether adding what a probe calls importance changes what summaries keep: documents that the direction has not learnt from are summarised
 * unsteered, up, down, and along random directions of the same norm, which tell what any push of that size does. */
#include "salient/steer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "salient/file.h"
#include "salient/random.h"
#include "salient/tap.h"
#include "score/importance_change.h"
#include "stage/walk.h"
#include "stats/stats.h"

#define INPUTS_VERSION "steer 1" /* goes up when the same inputs would give other numbers */

enum { M = SAL_STEER_MEASURES };

sal_steer_options sal_steer_defaults(void) {
    return (sal_steer_options){.strength = 1, .draws = 3, .limit = -1, .seed = 1};
}

const char *sal_steer_way_name(sal_steer_way way) {
    static const char *const names[SAL_STEER_WAYS] = {"none", "up", "down", "random"};
    return names[way];
}

const char *sal_steer_measure_name(sal_steer_measure measure) {
    static const char *const names[M] = {"shift",    "shift_content",   "kept",
                                         "selected", "mean_importance", "length"};
    return names[measure];
}

void sal_steer_result_free(sal_steer_result *result) {
    if (result == NULL)
        return;
    sal_probe_direction_free(result->direction);
    sal_free(result);
}

typedef struct steering {
    sal_study *study;
    const sal_steer_options *options;
    const sal_progress *progress;
    sal_steer_result *result;
    sal_model *model;
    size_t ways;     /* none, up, down, then each draw */
    float *vectors;  /* [ways, width]; that of none is 0 */
    double *values;  /* [D, ways, M] */
    char digest[65]; /* of all that is the same for every document */
} steering;

/* ---- directions --------------------------------------------------------------------------------------------- */

/* A vector of normal numbers, brought to a norm. */
static void draw_vector(sal_random *random, double norm, size_t width, float *vector) {
    double squares = 0;
    for (size_t f = 0; f < width; f++) {
        const double u = 1 - sal_random_uniform(random), v = sal_random_uniform(random);
        vector[f] = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
        squares += (double)vector[f] * (double)vector[f];
    }
    for (size_t f = 0; f < width; f++)
        vector[f] = (float)((double)vector[f] * norm / sqrt(squares));
}

static int make_vectors(steering *s, sal_error *err) {
    const sal_probe_direction *direction = s->result->direction;
    const size_t D = direction->width;
    const double strength = s->options->strength;
    sal_random random;
    s->ways = SAL_STEER_RANDOM + (size_t)s->options->draws;
    s->vectors = sal_calloc(s->ways * D, sizeof *s->vectors);
    if (s->vectors == NULL)
        return sal_fail_memory(err, "directions");
    for (size_t f = 0; f < D; f++) {
        s->vectors[SAL_STEER_UP * D + f] = (float)(strength * (double)direction->vector[f]);
        s->vectors[SAL_STEER_DOWN * D + f] = -s->vectors[SAL_STEER_UP * D + f];
    }
    sal_random_seed(&random, s->options->seed);
    for (size_t w = SAL_STEER_RANDOM; w < s->ways; w++)
        draw_vector(&random, strength * direction->norm, D, s->vectors + w * D);
    return SAL_OK;
}

static int set_way(const steering *s, size_t way, sal_error *err) {
    const sal_probe_direction *direction = s->result->direction;
    const float *vector = way == SAL_STEER_NONE ? NULL : s->vectors + way * direction->width;
    return sal_model_steer(s->model, direction->layer, vector, direction->width, err);
}

/* State of the layer at the last of a few tokens. out state [width] */
static int read_state(const steering *s, sal_tap *tap, const sal_tokens *tokens, float *state,
                      sal_error *err) {
    const sal_probe_direction *direction = s->result->direction;
    const int32_t last = (int32_t)tokens->count - 1;
    const sal_tap_request request = {.tokens = tokens->ids,
                                     .token_count = tokens->count,
                                     .hidden = true,
                                     .positions = &last,
                                     .position_count = 1,
                                     .last_layer = direction->layer};
    sal_tap_result result = {0};
    const int status = sal_tap_run(tap, &request, &result, s->progress, err);
    if (status == SAL_OK)
        memcpy(state, result.hidden + (size_t)direction->layer * direction->width,
               direction->width * sizeof *state);
    sal_tap_result_free(&result);
    return status;
}

/* Not every architecture's graph has a place for control vectors: the state must have moved by what was added. */
static int check_effect(const steering *s, sal_error *err) {
    static const char text[] = "Does this state move?";
    const size_t D = s->result->direction->width;
    const float *vector = s->vectors + SAL_STEER_UP * D;
    double along = 0, squares = 0;
    sal_tap *tap = NULL;
    sal_tokens tokens = {0};
    float *states = sal_calloc(2 * D, sizeof *states);
    int status = states == NULL
                     ? sal_fail_memory(err, "states")
                     : sal_model_tokenize(s->model, text, strlen(text), false, false, &tokens, err);
    if (status == SAL_OK)
        status = sal_tap_open(s->model, &(sal_tap_options){0}, &tap, err);
    for (size_t way = SAL_STEER_NONE; status == SAL_OK && way <= SAL_STEER_UP; way++) {
        status = set_way(s, way, err);
        if (status == SAL_OK)
            status = read_state(s, tap, &tokens, states + way * D, err);
    }
    for (size_t f = 0; status == SAL_OK && f < D; f++) {
        along += ((double)states[D + f] - (double)states[f]) * (double)vector[f];
        squares += (double)vector[f] * (double)vector[f];
    }
    if (status == SAL_OK && !(along > .5 * squares))
        status = sal_fail(err, SAL_EUNSUPPORTED,
                          "%s: libllama adds no control vector to state %d of %s models",
                          s->options->model, s->result->direction->layer,
                          sal_model_describe(s->model)->architecture);
    sal_tap_close(tap);
    sal_tokens_free(&tokens);
    sal_free(states);
    return status;
}

/* ---- one document ------------------------------------------------------------------------------------------- */

/* Shares of the document's words: kept with none and still, kept, and their mean importance. Both lists have all of them, in one order. */
static void measure_words(const sal_importance_list *none, const sal_importance_list *now,
                          double *values) {
    double words = 0, kept = 0, still = 0, selected = 0, sum = 0;
    for (size_t i = 0, k = 0; i < now->count; i++) {
        const sal_importance_row *row = &now->rows[i];
        if (!row->in_document)
            continue;
        while (k < none->count && !none->rows[k].in_document)
            k++;
        const bool before = k < none->count && none->rows[k++].count > 0;
        words++;
        kept += before;
        still += before && row->count > 0;
        selected += row->count > 0;
        sum += (double)row->count / (double)now->of;
    }
    values[SAL_STEER_KEPT] = kept > 0 ? still / kept : NAN;
    values[SAL_STEER_SELECTED] = words > 0 ? selected / words : NAN;
    values[SAL_STEER_MEAN] = words > 0 ? sum / words : NAN;
}

static int measure(const sal_importance_list *none, const sal_importance_list *now, double words,
                   double *values, sal_error *err) {
    for (int m = 0; m < M; m++)
        values[m] = NAN;
    if (now == NULL || now->of == 0 || none->of == 0)
        return SAL_OK;
    values[SAL_STEER_LENGTH] = words;
    measure_words(none, now, values);
    int status = score_importance_change(now, none, false, &values[SAL_STEER_SHIFT], err);
    if (status == SAL_OK)
        status = score_importance_change(now, none, true, &values[SAL_STEER_SHIFT_CONTENT], err);
    return status;
}

/* Values [ways,M]; *found false: no summary counts unsteered. */
static int measure_document(const steering *s, const sal_document *document, double *values,
                            bool *found, sal_error *err) {
    const sal_steer_maker *maker = s->options->maker;
    sal_importance_list *none = NULL;
    int status = SAL_OK;
    *found = true;
    for (size_t way = 0; status == SAL_OK && *found && way < s->ways; way++) {
        sal_importance_list *now = NULL;
        double words = NAN;
        status = set_way(s, way, err);
        if (status == SAL_OK)
            status = maker->make(maker->context, s->model, s->result->direction->summarizer,
                                 document, &now, &words, err);
        if (status == SAL_OK && way == SAL_STEER_NONE)
            *found = now != NULL && now->of > 0;
        if (status == SAL_OK && *found)
            status = measure(way == SAL_STEER_NONE ? now : none, now, words, values + way * M, err);
        if (way == SAL_STEER_NONE)
            none = now;
        else
            sal_importance_list_free(now);
    }
    sal_importance_list_free(none);
    return status;
}

/* What the numbers of a document depend on. The summarizer's configuration is among it with its whole digest. */
static void hash_document(const steering *s, const sal_document *document, char digest[65]) {
    sal_sha256 hash;
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, s->digest, 64);
    sal_sha256_add(&hash, document->hash, strlen(document->hash) + 1);
    sal_sha256_add(&hash, document->corpus, strlen(document->corpus) + 1);
    sal_sha256_add(&hash, document->id, strlen(document->id) + 1);
    sal_sha256_finish(&hash, digest);
}

static int run_document(steering *s, const sal_document *document, sal_error *err) {
    const size_t count = s->ways * M;
    double *values = s->values + (size_t)s->result->documents * count;
    char digest[65];
    bool found = false;
    hash_document(s, document, digest);
    int status = sal_study_get_training(s->study, digest, values, count, &found, err);
    if (status == SAL_OK && found) {
        s->result->kept++;
    } else if (status == SAL_OK) {
        status = measure_document(s, document, values, &found, err);
        if (status == SAL_OK && found)
            status = sal_study_put_training(s->study, digest, values, count, err);
    }
    if (status == SAL_OK && found)
        s->result->documents++;
    else if (status == SAL_OK)
        s->result->without_summary++;
    return status;
}

static int visit(void *context, int64_t key, sal_error *err) {
    steering *s = context;
    sal_document *document = NULL;
    if (s->options->limit >= 0 && s->result->documents >= s->options->limit)
        return STAGE_WALK_ENOUGH;
    int status = sal_study_get_document(s->study, key, &document, err);
    if (status == SAL_OK)
        status = run_document(s, document, err);
    if (status != SAL_OK && status != SAL_ECANCELLED && document != NULL)
        status = sal_fail_in(err, status, "document %.200s", document->id);
    sal_document_free(document);
    return status;
}

static int run_documents(steering *s, sal_error *err) {
    const sal_probe_direction *direction = s->result->direction;
    stage_walk walk = {
        .progress = s->progress, .stage = "steer", .total = (int64_t)direction->count};
    return stage_walk_documents(&walk, direction->documents, direction->count, visit, s, err);
}

/* ---- over documents ----------------------------------------------------------------------------------------- */

/* A document's number of one way; of random directions the mean over those draws that have one. */
static double value_of(const steering *s, size_t document, sal_steer_way way, int m) {
    const double *values = s->values + document * s->ways * M;
    double sum = 0;
    size_t defined = 0;
    if (way != SAL_STEER_RANDOM)
        return values[(size_t)way * M + (size_t)m];
    for (size_t w = SAL_STEER_RANDOM; w < s->ways; w++)
        if (!isnan(values[w * M + (size_t)m])) {
            sum += values[w * M + (size_t)m];
            defined++;
        }
    return defined > 0 ? sum / (double)defined : (double)NAN;
}

/* Mean of way, or of way less another (SAL_STEER_WAYS: of nothing). */
static int summarise(const steering *s, sal_steer_way way, sal_steer_way less, int m, double *room,
                     sal_steer_number *number, sal_error *err) {
    const size_t count = (size_t)s->result->documents;
    sal_stats_mean mean;
    for (size_t d = 0; d < count; d++)
        room[d] = value_of(s, d, way, m) - (less < SAL_STEER_WAYS ? value_of(s, d, less, m) : 0);
    int status = sal_stats_bootstrap_mean(room, count, s->options->seed, &mean, err);
    if (status == SAL_OK)
        *number = (sal_steer_number){mean.value, mean.low, mean.high, (int64_t)mean.defined,
                                     (int64_t)mean.undefined};
    return status;
}

static int finish(const steering *s, sal_error *err) {
    sal_steer_result *result = s->result;
    double *room = sal_calloc((size_t)result->documents, sizeof *room);
    int status = room == NULL ? sal_fail_memory(err, "numbers of steering") : SAL_OK;
    for (int m = 0; status == SAL_OK && m < M; m++) {
        for (int way = 0; status == SAL_OK && way < SAL_STEER_WAYS; way++)
            status = summarise(s, (sal_steer_way)way, SAL_STEER_WAYS, m, room,
                               &result->ways[way][m], err);
        if (status == SAL_OK)
            status =
                summarise(s, SAL_STEER_UP, SAL_STEER_DOWN, m, room, &result->up_less_down[m], err);
        if (status == SAL_OK)
            status = summarise(s, SAL_STEER_UP, SAL_STEER_RANDOM, m, room,
                               &result->up_less_random[m], err);
    }
    sal_free(room);
    return status;
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

static int fit_direction(steering *s, sal_error *err) {
    sal_probe_options options = sal_probe_defaults();
    options.model = s->options->model;
    options.by = s->options->by;
    options.corpus = s->options->corpus;
    options.seed = s->options->seed;
    return sal_probe_direction_fit(s->study, &options, sal_model_describe(s->model),
                                   s->options->layer, s->progress, &s->result->direction, err);
}

static int hash_run(steering *s, sal_error *err) {
    const sal_probe_direction *direction = s->result->direction;
    sal_summarizer_list *list = NULL;
    sal_sha256 hash;
    const char *arithmetic = sal_model_arithmetic(s->options->model_options.compute);
    int status = sal_study_list_summarizers(s->study, &list, err);
    sal_sha256_start(&hash);
    sal_sha256_add(&hash, INPUTS_VERSION, sizeof INPUTS_VERSION);
    sal_sha256_add(&hash, direction->digest, 64);
    sal_sha256_add(&hash, arithmetic, strlen(arithmetic) + 1);
    for (size_t i = 0; status == SAL_OK && i < list->count; i++)
        if (strcmp(list->items[i].name, direction->summarizer) == 0)
            sal_sha256_add(&hash, list->items[i].digest, strlen(list->items[i].digest) + 1);
    sal_sha256_add(&hash, &direction->layer, sizeof direction->layer);
    sal_sha256_add(&hash, s->vectors, s->ways * direction->width * sizeof *s->vectors);
    sal_sha256_finish(&hash, s->digest);
    sal_summarizer_list_free(list);
    return status;
}

static int run_all(steering *s, sal_error *err) {
    if (!(s->options->strength > 0) || s->options->draws < 0)
        return sal_fail(err, SAL_EINVAL, "strength %g and %d draws: above 0 and from 0 on",
                        s->options->strength, s->options->draws);
    int status = sal_model_open(s->options->model, &s->options->model_options, &s->model, err);
    if (status == SAL_OK)
        status = fit_direction(s, err);
    if (status == SAL_OK)
        status = make_vectors(s, err);
    if (status == SAL_OK)
        status = check_effect(s, err);
    if (status == SAL_OK)
        status = hash_run(s, err);
    if (status == SAL_OK) {
        s->values = sal_calloc(s->result->direction->count * s->ways, M * sizeof *s->values);
        status = s->values == NULL ? sal_fail_memory(err, "numbers of steering") : SAL_OK;
    }
    if (status == SAL_OK)
        status = run_documents(s, err);
    return status == SAL_OK ? finish(s, err) : status;
}

int sal_steer_run(sal_study *study, const sal_steer_options *options, const sal_progress *progress,
                  sal_steer_result **out, sal_error *err) {
    steering s = {.study = study, .options = options, .progress = progress};
    s.result = sal_calloc(1, sizeof *s.result);
    if (s.result == NULL)
        return sal_fail_memory(err, "steering");
    int status = run_all(&s, err);
    options->maker->close(options->maker->context);
    sal_model_close(s.model);
    sal_free(s.vectors);
    sal_free(s.values);
    if (status == SAL_OK)
        *out = s.result;
    else
        sal_steer_result_free(s.result);
    return status;
}
