#include "sampling.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LOOK = 256 }; /* candidates looked at first when only top_p limits them */

/* ---- history -------------------------------------------------------------------------------------- */

int sal_history_open(sal_history *history, int vocabulary, sal_error *err) {
    *history = (sal_history){0};
    history->seen = sal_calloc((size_t)vocabulary / 64 + 1, sizeof *history->seen);
    return history->seen != NULL ? SAL_OK : sal_fail_memory(err, "the tokens of a sequence");
}

void sal_history_close(sal_history *history) {
    sal_free(history->seen);
    sal_free(history->ids);
    *history = (sal_history){0};
}

int sal_history_add(sal_history *history, int32_t id, sal_error *err) {
    uint64_t bit = (uint64_t)1 << (id % 64);
    if ((history->seen[id / 64] & bit) != 0)
        return SAL_OK;
    int status = sal_grow((void **)&history->ids, &history->capacity, history->count,
                          sizeof *history->ids, err);
    if (status != SAL_OK)
        return status;
    history->seen[id / 64] |= bit;
    history->ids[history->count++] = id;
    return SAL_OK;
}

/* ---- sampler --------------------------------------------------------------------------------------- */

int sal_sampler_open(sal_sampler *sampler, const sal_sampling *options, int vocabulary,
                     sal_error *err) {
    *sampler = (sal_sampler){.options = *options, .vocabulary = vocabulary};
    if (!(options->temperature >= 0 && options->temperature <= 100))
        return sal_fail(err, SAL_EINVAL, "temperature is %g; allowed are 0 to 100",
                        (double)options->temperature);
    if (!(options->top_p > 0 && options->top_p <= 1))
        return sal_fail(err, SAL_EINVAL, "top-p is %g; allowed are values above 0 up to 1",
                        (double)options->top_p);
    if (options->top_k < 0)
        return sal_fail(err, SAL_EINVAL, "top-k is %d; allowed are 0 (off) and above",
                        options->top_k);
    if (!(options->repeat_penalty > 0 && options->repeat_penalty <= 100))
        return sal_fail(err, SAL_EINVAL,
                        "repeat-penalty is %g; allowed are values above 0 up to 100",
                        (double)options->repeat_penalty);
    sampler->candidates = sal_calloc((size_t)vocabulary, sizeof *sampler->candidates);
    sampler->weights = sal_calloc((size_t)vocabulary, sizeof *sampler->weights);
    if (sampler->candidates == NULL || sampler->weights == NULL) {
        sal_sampler_close(sampler);
        return sal_fail_memory(err, "the work space of the sampler");
    }
    return SAL_OK;
}

void sal_sampler_close(sal_sampler *sampler) {
    sal_free(sampler->candidates);
    sal_free(sampler->weights);
    *sampler = (sal_sampler){0};
}

static void penalise(const sal_history *history, float penalty, float *logits) {
    for (size_t i = 0; i < history->count; i++) {
        float *logit = &logits[history->ids[i]];
        *logit = *logit < 0 ? *logit * penalty : *logit / penalty;
    }
}

/* Largest logit, lowest id on ties; -1 when none is above -infinity. */
static int32_t largest(const float *logits, int count) {
    int32_t best = -1;
    float top = -INFINITY;
    for (int i = 0; i < count; i++)
        if (logits[i] > top) {
            top = logits[i];
            best = i;
        }
    return best;
}

/* Restore the min-heap of k values downwards from i. */
static void sift_down(sal_candidate *heap, int k, int i) {
    sal_candidate moved = heap[i];
    for (;;) {
        int child = 2 * i + 1;
        if (child >= k)
            break;
        if (child + 1 < k && heap[child + 1].logit < heap[child].logit)
            child++;
        if (heap[child].logit >= moved.logit)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

/* Value of the k-th largest logit, by a heap of the k largest so far: one comparison for nearly all. NaN is skipped. */
static float kth_largest(sal_candidate *heap, const float *logits, int count, int k) {
    int have = 0;
    for (int i = 0; i < count; i++) {
        float logit = logits[i];
        if (have == k) {
            if (logit > heap[0].logit) {
                heap[0].logit = logit;
                sift_down(heap, k, 0);
            }
        } else if (logit > -INFINITY) {
            heap[have++].logit = logit;
            if (have == k)
                for (int j = k / 2 - 1; j >= 0; j--)
                    sift_down(heap, k, j);
        }
    }
    return have == k ? heap[0].logit : -INFINITY;
}

static int by_logit(const void *a, const void *b) {
    const sal_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* The k largest and all that tie with the last of them, sorted. Returns their number. */
static int largest_candidates(sal_sampler *sampler, const float *logits, int k) {
    int count = 0;
    float least = k < sampler->vocabulary
                      ? kth_largest(sampler->candidates, logits, sampler->vocabulary, k)
                      : -INFINITY;
    for (int i = 0; i < sampler->vocabulary; i++)
        if (logits[i] >= least && logits[i] > -INFINITY)
            sampler->candidates[count++] = (sal_candidate){logits[i], i};
    qsort(sampler->candidates, (size_t)count, sizeof *sampler->candidates, by_logit);
    return count;
}

/* Weights exp((l - top)/T) of the first count candidates; returns their sum. */
static double weigh(sal_sampler *sampler, int count) {
    double sum = 0, temperature = (double)sampler->options.temperature,
           top = (double)sampler->candidates[0].logit;
    for (int i = 0; i < count; i++)
        sum += sampler->weights[i] =
            exp(((double)sampler->candidates[i].logit - top) / temperature);
    return sum;
}

/* Number of candidates, taken from the largest, whose weights reach share * total; 0 when all of count do not. */
static int reach(const sal_sampler *sampler, int count, double share, double total, double *sum) {
    *sum = 0;
    for (int i = 0; i < count; i++) {
        *sum += sampler->weights[i];
        if (*sum >= share * total)
            return i + 1;
    }
    return 0;
}

static int32_t pick(const sal_sampler *sampler, int count, double sum, sal_random *random) {
    double left = sal_random_uniform(random) * sum;
    for (int i = 0; i < count; i++) {
        left -= sampler->weights[i];
        if (left < 0)
            return sampler->candidates[i].id;
    }
    return sampler->candidates[count - 1].id;
}

/* Sum of all weights of the vocabulary, without a sort. */
static double total_weight(const sal_sampler *sampler, const float *logits, float top) {
    double sum = 0, temperature = (double)sampler->options.temperature;
    for (int i = 0; i < sampler->vocabulary; i++)
        if (logits[i] > -INFINITY)
            sum += exp(((double)logits[i] - (double)top) / temperature);
    return sum;
}

/* No top_k, no top_p: walk the vocabulary in the order of ids. */
static int32_t draw_from_all(sal_sampler *sampler, const float *logits, int32_t top,
                             sal_random *random) {
    double sum = 0, temperature = (double)sampler->options.temperature;
    int count = 0;
    for (int i = 0; i < sampler->vocabulary; i++)
        if (logits[i] > -INFINITY) {
            sampler->candidates[count].id = i;
            sum += sampler->weights[count++] =
                exp(((double)logits[i] - (double)logits[top]) / temperature);
        }
    return pick(sampler, count, sum, random);
}

/* top_p without top_k: look at ever more of the largest until they hold the share. */
static int32_t draw_from_share(sal_sampler *sampler, const float *logits, int32_t top,
                               sal_random *random) {
    double total = total_weight(sampler, logits, logits[top]), sum = 0;
    for (int64_t k = FIRST_LOOK;; k *= 8) {
        bool all = k >= sampler->vocabulary;
        int count = largest_candidates(sampler, logits, all ? sampler->vocabulary : (int)k);
        (void)weigh(sampler, count);
        int kept = reach(sampler, count, (double)sampler->options.top_p, total, &sum);
        if (kept > 0 || all)
            return pick(sampler, kept > 0 ? kept : count, sum, random);
    }
}

static int32_t draw_from_largest(sal_sampler *sampler, const float *logits, sal_random *random) {
    int count = largest_candidates(sampler, logits, sampler->options.top_k);
    double sum = weigh(sampler, count), kept_sum = sum;
    if (sampler->options.top_p < 1) {
        int kept = reach(sampler, count, (double)sampler->options.top_p, sum, &kept_sum);
        count = kept > 0 ? kept : count;
    }
    return pick(sampler, count, kept_sum, random);
}

int sal_sampler_draw(sal_sampler *sampler, float *logits, const sal_history *history,
                     sal_random *random, int32_t *token, sal_error *err) {
    const sal_sampling *options = &sampler->options;
    if (options->repeat_penalty < 1 || options->repeat_penalty > 1)
        penalise(history, options->repeat_penalty, logits);
    int32_t top = largest(logits, sampler->vocabulary);
    if (top < 0 || !isfinite(logits[top]))
        return sal_fail(err, SAL_EMODEL,
                        "the model gave no finite score for any token: its weights are damaged, or "
                        "its type of weights "
                        "overflows here (try --gpu-layers 0, or convert it to f32)");
    if (options->temperature <= 0)
        *token = top;
    else if (options->top_k > 0)
        *token = draw_from_largest(sampler, logits, random);
    else if (options->top_p < 1)
        *token = draw_from_share(sampler, logits, top, random);
    else
        *token = draw_from_all(sampler, logits, top, random);
    return SAL_OK;
}

/* ---- presets ----------------------------------------------------------------------------------------- */

/* Whether a text holds a word, letters compared without case. */
static bool holds(const char *text, const char *word) {
    size_t length = strlen(word);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == word[i])
            i++;
        if (i == length)
            return true;
    }
    return false;
}

/* Qwen2.5's published penalties: 1.1 for 1.5B (and 0.5B), 1.05 for 3B, 7B, 14B and above. */
static float qwen_penalty(const sal_model_info *info) {
    return info->parameters < 2500000000u ? 1.1F : 1.05F;
}

sal_sampling sal_sampling_preset(const sal_model_info *info) {
    sal_sampling sampling = {.temperature = 0.7F, .top_p = 1, .top_k = 50, .repeat_penalty = 1};
    if (strcmp(info->architecture, "qwen2") == 0) {
        sampling.top_p = 0.8F;
        sampling.top_k = 20;
        sampling.repeat_penalty = qwen_penalty(info);
    } else if (strcmp(info->architecture, "llama") == 0 &&
               (strstr(info->chat_template, "<|start_header_id|>") != NULL ||
                holds(info->name, "llama-3") || holds(info->name, "llama 3"))) {
        sampling.top_p = 0.9F;
    }
    return sampling;
}
