/* Training of one network. */
#include "probe/train.h"

#include <math.h>
#include <string.h>

#include "salient/memory.h"

enum { EVALUATION_ROWS = 1024 };

train_options train_paper(sal_probe_kind kind, sal_probe_loss loss) {
    train_options options = {
        .kind = kind, .loss = loss, .epochs = 20, .batch = 256, .patience = 3, .rate = 1e-4};
    if (kind != SAL_PROBE_MLP)
        options.weight_decay = 1e-5;
    if (kind == SAL_PROBE_ALL_LAYERS) {
        options.batch = 128;
        options.halve = true;
    }
    if (kind == SAL_PROBE_ARTICLE)
        options.batch = 4;
    return options;
}

/* Units are rows, or documents where the loss is over documents. */
typedef struct trainer {
    const train_options *options;
    const train_data *data;
    bool by_document;
    probe_f32_network *net;
    size_t parameters, buffers;
    float *best;                           /* [parameters + buffers] */
    float *target;                         /* [N] */
    float *mean, *scale;                   /* [F] */
    size_t *training, *development, *test; /* units */
    size_t training_count, development_count, test_count;
    float *x, *t, *d; /* of a batch */
    size_t room;      /* its rows */
    size_t *groups;
    sal_random random;
} trainer;

static void trainer_free(trainer *t) {
    probe_f32_close(t->net);
    sal_free(t->best);
    sal_free(t->target);
    sal_free(t->mean);
    sal_free(t->scale);
    sal_free(t->training);
    sal_free(t->x);
    sal_free(t->t);
    sal_free(t->d);
    sal_free(t->groups);
}

/* ---- preparation -------------------------------------------------------------------------------------------- */

/* kl: y over the document's sum (all equal where it is 0); mse: y. */
static void make_targets(const trainer *t) {
    const train_data *data = t->data;
    for (size_t d = 0; d < data->documents; d++) {
        const size_t start = data->start[d], end = data->start[d + 1];
        double sum = 0;
        for (size_t r = start; r < end; r++)
            sum += data->y[r];
        for (size_t r = start; r < end; r++)
            t->target[r] = (float)(t->options->loss == SAL_PROBE_MSE ? data->y[r]
                                   : sum > 0                         ? data->y[r] / sum
                                                                     : 1 / (double)(end - start));
    }
}

static size_t part_of(const trainer *t, size_t unit) {
    return t->data->part[t->by_document ? t->data->start[unit] : unit];
}

static void sort_units(trainer *t, size_t units) {
    const split_rounds *rounds = t->data->rounds;
    const size_t round = t->data->round;
    t->development = t->training + units;
    t->test = t->development + units;
    for (size_t u = 0; u < units; u++) {
        const size_t part = part_of(t, u);
        if (part == rounds->test[round])
            t->test[t->test_count++] = u;
        else if (part == rounds->development[round])
            t->development[t->development_count++] = u;
        else if (split_trains(rounds, round, part))
            t->training[t->training_count++] = u;
    }
}

static void rows_of(const trainer *t, size_t unit, size_t *from, size_t *to) {
    *from = t->by_document ? t->data->start[unit] : unit;
    *to = t->by_document ? t->data->start[unit + 1] : unit + 1;
}

/* Means and scales of the columns over the training rows. */
static int standardise(const trainer *t, sal_error *err) {
    const size_t F = t->data->F;
    double n = 0, *sum = NULL, *squares = NULL;
    for (size_t f = 0; f < F; f++)
        t->scale[f] = 1;
    if (!t->options->standardise)
        return SAL_OK;
    sum = sal_calloc(2 * F, sizeof *sum);
    if (sum == NULL)
        return sal_fail_memory(err, "the training of a probe");
    squares = sum + F;
    for (size_t i = 0; i < t->training_count; i++) {
        size_t from = 0, to = 0;
        rows_of(t, t->training[i], &from, &to);
        n += (double)(to - from);
        for (size_t r = from; r < to; r++)
            for (size_t f = 0; f < F; f++) {
                const double x = (double)t->data->x[r * F + f];
                sum[f] += x;
                squares[f] += x * x;
            }
    }
    for (size_t f = 0; f < F; f++) {
        const double variance = squares[f] / n - (sum[f] / n) * (sum[f] / n);
        t->mean[f] = (float)(sum[f] / n);
        t->scale[f] = variance > 1e-12 * squares[f] / n ? (float)(1 / sqrt(variance)) : 0;
    }
    sal_free(sum);
    return SAL_OK;
}

/* Rows of the largest batch. */
static size_t largest_batch(const trainer *t) {
    size_t longest = 0;
    if (!t->by_document)
        return t->options->batch > EVALUATION_ROWS ? t->options->batch : EVALUATION_ROWS;
    for (size_t d = 0; d < t->data->documents; d++)
        if (t->data->start[d + 1] - t->data->start[d] > longest)
            longest = t->data->start[d + 1] - t->data->start[d];
    return longest * t->options->batch;
}

static int trainer_open(trainer *t, sal_error *err) {
    const size_t F = t->data->F, rows = t->data->start[t->data->documents];
    const size_t units = t->by_document ? t->data->documents : rows;
    const probe_plan plan = probe_plan_paper(t->options->kind, F, t->options->attention);
    int status = probe_f32_open(&plan, &t->net, err);
    if (status != SAL_OK)
        return status;
    t->parameters = plan.parameters;
    t->buffers = plan.buffers;
    t->room = largest_batch(t);
    t->best = sal_calloc(t->parameters + t->buffers, sizeof(float));
    t->target = sal_calloc(rows, sizeof(float));
    t->mean = sal_calloc(F, sizeof(float));
    t->scale = sal_calloc(F, sizeof(float));
    t->training = sal_calloc(3 * units, sizeof *t->training);
    t->x = sal_calloc(t->room, F * sizeof(float));
    t->t = sal_calloc(t->room, sizeof(float));
    t->d = sal_calloc(t->room, sizeof(float));
    t->groups = sal_calloc(t->options->batch + 1, sizeof *t->groups);
    if (t->best == NULL || t->target == NULL || t->mean == NULL || t->scale == NULL ||
        t->training == NULL || t->x == NULL || t->t == NULL || t->d == NULL || t->groups == NULL)
        return sal_fail_memory(err, "the training of a probe");
    make_targets(t);
    sort_units(t, units);
    if (t->training_count == 0 || t->development_count == 0)
        return sal_fail(err, SAL_EINVAL, "a probe has %zu to learn from and %zu to stop by",
                        t->training_count, t->development_count);
    status = standardise(t, err);
    if (status != SAL_OK)
        return status;
    probe_f32_initialise(t->net, t->options->seed);
    sal_random_seed(&t->random, t->options->seed ^ UINT64_C(0x5bf03635));
    return SAL_OK;
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

/* Units [count] side by side. return rows */
static size_t gather(trainer *t, const size_t *units, size_t count) {
    const size_t F = t->data->F;
    size_t rows = 0;
    for (size_t u = 0; u < count; u++) {
        size_t from = 0, to = 0;
        rows_of(t, units[u], &from, &to);
        if (t->by_document)
            t->groups[u] = rows;
        for (size_t r = from; r < to; r++, rows++) {
            const float *x = t->data->x + r * F;
            float *out = t->x + rows * F;
            t->t[rows] = t->target[r];
            if (t->options->standardise)
                for (size_t f = 0; f < F; f++)
                    out[f] = (x[f] - t->mean[f]) * t->scale[f];
            else
                memcpy(out, x, F * sizeof *x);
        }
    }
    if (t->by_document)
        t->groups[count] = rows;
    return rows;
}

static double loss_of(const trainer *t, const float *logits, size_t rows, size_t count, float *d) {
    return t->by_document
               ? probe_f32_loss_of_documents(t->options->loss, logits, t->t, t->groups, count, d)
               : probe_f32_loss_of_words(t->options->loss, logits, t->t, rows, d);
}

static int train_epoch(trainer *t, const probe_optimiser *optimiser, const sal_progress *progress,
                       sal_error *err) {
    const size_t batch = t->options->batch;
    int status = SAL_OK;
    sal_random_shuffle(&t->random, t->training, t->training_count);
    for (size_t at = 0; status == SAL_OK && at < t->training_count; at += batch) {
        const size_t count = t->training_count - at < batch ? t->training_count - at : batch;
        const float *logits = NULL;
        if (t->buffers > 0 && count < 2 && at > 0)
            break; /* a batch norm has no statistics of one row */
        if (sal_progress_cancelled(progress))
            return sal_fail(err, SAL_ECANCELLED, "interrupted");
        const size_t rows = gather(t, t->training + at, count);
        status = probe_f32_forward(t->net, t->x, rows, t->groups, t->by_document ? count : 0,
                                   &t->random, &logits, err);
        if (status != SAL_OK)
            break;
        (void)loss_of(t, logits, rows, count, t->d);
        probe_f32_backward(t->net, t->d);
        probe_f32_step(t->net, optimiser);
    }
    return status;
}

static size_t evaluation_batch(const trainer *t) {
    return t->by_document ? t->options->batch : EVALUATION_ROWS;
}

static int evaluate(trainer *t, double *loss, sal_error *err) {
    const size_t batch = evaluation_batch(t), all = t->development_count;
    double sum = 0;
    int status = SAL_OK;
    for (size_t at = 0; status == SAL_OK && at < all; at += batch) {
        const size_t count = all - at < batch ? all - at : batch;
        const size_t rows = gather(t, t->development + at, count);
        const float *logits = NULL;
        status = probe_f32_forward(t->net, t->x, rows, t->groups, t->by_document ? count : 0, NULL,
                                   &logits, err);
        if (status == SAL_OK)
            sum += loss_of(t, logits, rows, count, NULL) * (double)count;
    }
    *loss = sum / (double)all;
    return status;
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

static void keep_weights(trainer *t) {
    memcpy(t->best, probe_f32_weights(t->net), t->parameters * sizeof(float));
    memcpy(t->best + t->parameters, probe_f32_buffers(t->net), t->buffers * sizeof(float));
}

static void restore_weights(trainer *t) {
    memcpy(probe_f32_weights(t->net), t->best, t->parameters * sizeof(float));
    memcpy(probe_f32_buffers(t->net), t->best + t->parameters, t->buffers * sizeof(float));
}

/* Numbers that change from epoch to epoch. */
typedef struct course {
    double rate, best, least;
    size_t epoch, stale, flat;
} course;

static train_state state_of(trainer *t, const course *c) {
    train_state state = {.parameters = t->parameters,
                         .buffers = t->buffers,
                         .units = t->training_count,
                         .weights = probe_f32_weights(t->net),
                         .first = probe_f32_first_moments(t->net),
                         .second = probe_f32_second_moments(t->net),
                         .running = probe_f32_buffers(t->net),
                         .best_weights = t->best,
                         .best_running = t->best + t->parameters,
                         .order = t->training,
                         .epoch = (int64_t)c->epoch,
                         .steps = *probe_f32_steps(t->net),
                         .stale = (int64_t)c->stale,
                         .flat = (int64_t)c->flat,
                         .rate = c->rate,
                         .best = c->best,
                         .least = c->least};
    memcpy(state.random, t->random.state, sizeof state.random);
    return state;
}

/* Go on where an interrupted training stopped. */
static int load(trainer *t, const train_hooks *hooks, course *c, sal_error *err) {
    train_state state = state_of(t, c);
    bool found = false;
    if (hooks == NULL || hooks->load == NULL)
        return SAL_OK;
    const int status = hooks->load(hooks->context, &state, &found, err);
    if (status != SAL_OK || !found)
        return status;
    *c = (course){.rate = state.rate,
                  .best = state.best,
                  .least = state.least,
                  .epoch = (size_t)state.epoch,
                  .stale = (size_t)state.stale,
                  .flat = (size_t)state.flat};
    *probe_f32_steps(t->net) = state.steps;
    memcpy(t->random.state, state.random, sizeof state.random);
    return SAL_OK;
}

static bool is_over(const trainer *t, const course *c) {
    return c->epoch >= t->options->epochs || c->stale >= t->options->patience;
}

/* What the loss on dev after an epoch means for the next. */
static void judge(trainer *t, course *c, double loss) {
    c->epoch++;
    c->stale = loss < c->best ? 0 : c->stale + 1;
    if (loss < c->best) {
        c->best = loss;
        keep_weights(t);
    }
    c->flat =
        loss < c->least * (1 - 1e-4) ? 0 : c->flat + 1; /* as ReduceLROnPlateau counts gains */
    c->least = loss < c->least ? loss : c->least;
    if (t->options->halve && c->flat >= 2) {
        c->rate /= 2;
        c->flat = 0;
    }
}

static int learn(trainer *t, const train_hooks *hooks, const sal_progress *progress, size_t *epochs,
                 sal_error *err) {
    course c = {.rate = t->options->rate, .best = INFINITY, .least = INFINITY};
    keep_weights(t);
    int status = load(t, hooks, &c, err);
    while (status == SAL_OK && !is_over(t, &c)) {
        const probe_optimiser optimiser = probe_adam(c.rate, t->options->weight_decay);
        double loss = 0;
        status = train_epoch(t, &optimiser, progress, err);
        if (status == SAL_OK)
            status = evaluate(t, &loss, err);
        if (status == SAL_OK)
            judge(t, &c, loss);
        if (status == SAL_OK && hooks != NULL && hooks->save != NULL && !is_over(t, &c)) {
            const train_state state = state_of(t, &c);
            status = hooks->save(hooks->context, &state, err);
        }
    }
    *epochs = c.epoch;
    restore_weights(t);
    return status;
}

/* What was learnt, to whom it is of use. */
static int give(const trainer *t, const train_hooks *hooks, size_t epochs, sal_error *err) {
    if (hooks == NULL || hooks->give == NULL)
        return SAL_OK;
    const probe_plan plan = probe_plan_paper(t->options->kind, t->data->F, t->options->attention);
    const bool standardised = t->options->standardise;
    const train_result result = {.plan = &plan,
                                 .weights = probe_f32_weights(t->net),
                                 .buffers = probe_f32_buffers(t->net),
                                 .mean = standardised ? t->mean : NULL,
                                 .scale = standardised ? t->scale : NULL,
                                 .epochs = epochs};
    return hooks->give(hooks->context, &result, err);
}

static double sigmoid(double z) {
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* Predictions of a batch into their rows. */
static void spread(const trainer *t, const size_t *units, size_t count, const float *logits,
                   double *predictions) {
    const bool softmax = t->by_document && t->options->loss == SAL_PROBE_KL;
    size_t at = 0;
    for (size_t u = 0; u < count; u++) {
        size_t from = 0, to = 0;
        double most = -INFINITY, sum = 0;
        rows_of(t, units[u], &from, &to);
        for (size_t i = 0; i < to - from; i++)
            most = (double)logits[at + i] > most ? (double)logits[at + i] : most;
        for (size_t i = 0; i < to - from; i++)
            sum += exp((double)logits[at + i] - most);
        for (size_t r = from; r < to; r++, at++)
            predictions[r] =
                softmax ? exp((double)logits[at] - most) / sum : sigmoid((double)logits[at]);
    }
}

static int predict(trainer *t, double *predictions, sal_error *err) {
    const size_t batch = evaluation_batch(t);
    int status = SAL_OK;
    for (size_t at = 0; status == SAL_OK && at < t->test_count; at += batch) {
        const size_t count = t->test_count - at < batch ? t->test_count - at : batch;
        const size_t rows = gather(t, t->test + at, count);
        const float *logits = NULL;
        status = probe_f32_forward(t->net, t->x, rows, t->groups, t->by_document ? count : 0, NULL,
                                   &logits, err);
        if (status == SAL_OK)
            spread(t, t->test + at, count, logits, predictions);
    }
    return status;
}

int train_run(const train_options *options, const train_data *data, const train_hooks *hooks,
              const sal_progress *progress, double *predictions, size_t *epochs, sal_error *err) {
    trainer t = {
        .options = options, .data = data, .by_document = options->kind == SAL_PROBE_ARTICLE};
    size_t ran = 0;
    int status = trainer_open(&t, err);
    if (status == SAL_OK)
        status = learn(&t, hooks, progress, &ran, err);
    if (status == SAL_OK)
        status = predict(&t, predictions, err);
    if (status == SAL_OK)
        status = give(&t, hooks, ran, err);
    if (epochs != NULL)
        *epochs = ran;
    trainer_free(&t);
    return status;
}
