#include "planted_probe.h"

#include <errno.h>
#include <sys/stat.h>

#include "salient/states.h"

enum { TYPES = 400 };

double planted_normal(sal_random *random) {
    return sqrt(-2 * log(1 - sal_random_uniform(random))) *
           cos(6.283185307179586 * sal_random_uniform(random));
}

typedef struct planted {
    sal_random random;
    double type_y[TYPES];
    float type_vector[TYPES][PLANTED_WIDTH];
    int words[PLANTED_WORDS];
    int count[PLANTED_WORDS];
    float states[PLANTED_LAYERS][PLANTED_WORDS][PLANTED_WIDTH];
} planted;

static void draw_document(planted *p, planted_world kind) {
    float cluster[2][PLANTED_WIDTH];
    for (int c = 0; c < 2; c++)
        for (int f = 0; f < PLANTED_WIDTH; f++)
            cluster[c][f] = (float)planted_normal(&p->random);
    for (int w = 0; w < PLANTED_WORDS; w++) {
        p->words[w] = (int)(w * (TYPES / PLANTED_WORDS)) +
                      (int)sal_random_below(&p->random, TYPES / PLANTED_WORDS);
        const int member = (int)sal_random_below(&p->random, 2);
        const double y = kind == TYPED       ? p->type_y[p->words[w]]
                         : kind == CLUSTERED ? member * .8 + .2 * sal_random_uniform(&p->random)
                                             : sal_random_uniform(&p->random);
        p->count[w] = (int)lround(y * PLANTED_K);
        for (int l = 0; l < PLANTED_LAYERS; l++)
            for (int f = 0; f < PLANTED_WIDTH; f++) {
                double x = planted_normal(&p->random);
                if (kind == SIGNAL && l == 1 && f < 2)
                    x = (f == 0 ? 3 : -2) * p->count[w] / (double)PLANTED_K + .1 * x;
                if ((kind == LYING || kind == OPPOSITE) && l == 1 && f < 2)
                    x = (f == 0 ? 3 : -2) *
                            (kind == OPPOSITE || p->words[w] == 0 ? PLANTED_K - p->count[w]
                                                                  : p->count[w]) /
                            (double)PLANTED_K +
                        .1 * x;
                if (kind == CLUSTERED)
                    x = .5 * x + 2 * (double)cluster[member][f];
                if (kind == TYPED)
                    x = .1 * x + (double)p->type_vector[p->words[w]][f];
                p->states[l][w][f] = (float)x;
            }
    }
}

static void write_states(const planted *p, const char *path) {
    sal_error err = {0};
    int32_t layers[PLANTED_LAYERS] = {0, 1, 2}, first[PLANTED_WORDS], frequency[PLANTED_WORDS];
    char words[PLANTED_WORDS * 8] = "";
    for (int w = 0; w < PLANTED_WORDS; w++) {
        snprintf(words + strlen(words), sizeof words - strlen(words), "w%03d\n", p->words[w]);
        first[w] = w;
        frequency[w] = 1;
    }
    const sal_tensor tensors[] = {
        {"states", SAL_F32, 3, {PLANTED_LAYERS, PLANTED_WORDS, PLANTED_WIDTH}, p->states},
        {"layers", SAL_I32, 1, {PLANTED_LAYERS}, layers},
        {"first", SAL_I32, 1, {PLANTED_WORDS}, first},
        {"frequency", SAL_I32, 1, {PLANTED_WORDS}, frequency},
        {"words", SAL_U8, 1, {strlen(words)}, words},
    };
    assert_ok(sal_safetensors_write(path, tensors, 5, NULL, 0, &err));
}

static void put_importance(sal_study *study, const planted *p, int64_t document, int64_t by,
                           bool upset) {
    sal_error err = {0};
    char words[PLANTED_WORDS][8];
    sal_importance_row rows[PLANTED_WORDS];
    for (int w = 0; w < PLANTED_WORDS; w++) { /* types ascend with w, so rows are sorted */
        snprintf(words[w], sizeof words[w], "w%03d", p->words[w]);
        rows[w] = (sal_importance_row){words[w], upset ? PLANTED_K - p->count[w] : p->count[w],
                                       PLANTED_K, w % 2, true};
    }
    for (int protocol = 0; protocol < 2; protocol++)
        assert_ok(sal_study_put_importance(study, document, by, (sal_protocol)protocol, "inputs",
                                           PLANTED_K, rows, PLANTED_WORDS, &err));
}

/* ---- one corpus --------------------------------------------------------------------------------------------- */

typedef struct planting {
    const char *path;
    const planted_corpus *corpus;
    sal_study *study;
    int64_t tiny, upset;
    int64_t sets[2];
    char *folders[2];
} planting;

static void make_folder(const char *path) {
    assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
}

static void put_sets(planting *at) {
    sal_error err = {0};
    char folder[300];
    snprintf(folder, sizeof folder, "%s/states", at->path);
    make_folder(folder);
    for (int protocol = 0; protocol < 2; protocol++) {
        const sal_state_set set = {
            .model = "tiny",
            .digest = at->corpus->digest != NULL ? at->corpus->digest
                                                 : "0123456789abcdef0123456789abcdef"
                                                   "0123456789abcdef0123456789abcdef",
            .protocol = (sal_protocol)protocol,
            .summarizer = protocol ? at->tiny : 0,
            .weights = "trained",
            .pooling = "mean",
            .dtype = "F32",
            .layers = "[0,1,2]",
            .width = at->corpus->width > 0 ? at->corpus->width : PLANTED_WIDTH};
        assert_ok(sal_study_put_state_set(at->study, &set, &at->sets[protocol],
                                          &at->folders[protocol], &err));
        snprintf(folder, sizeof folder, "%s/states/%s", at->path, at->folders[protocol]);
        make_folder(folder);
    }
}

static void put_document(const planting *at, const planted *p, int number) {
    const char *corpus = at->corpus->corpus != NULL ? at->corpus->corpus : "news";
    sal_error err = {0};
    char id[16], text[80];
    snprintf(id, sizeof id, "d%d", number);
    snprintf(text, sizeof text, "%d has its own words as %d and %d or %d", number, 7 * number,
             11 * number, 13 * number);
    const int64_t key = add_document(at->study, corpus, id, text, NULL);
    put_importance(at->study, p, key, at->tiny, false);
    put_importance(at->study, p, key, at->upset, true);
    for (int protocol = 0; protocol < 2; protocol++) {
        char file[600];
        sal_state_unit unit = {.set = at->sets[protocol], .document = key, .words = PLANTED_WORDS};
        snprintf(unit.inputs, sizeof unit.inputs, "inputs");
        snprintf(unit.file, sizeof unit.file, "states/%.100s/%lld.safetensors",
                 at->folders[protocol], (long long)key);
        snprintf(file, sizeof file, "%.200s/%s", at->path, unit.file);
        write_states(p, file);
        assert_ok(sal_study_put_state_unit(at->study, &unit, &err));
    }
}

void plant_corpus(const char *path, const planted_corpus *corpus) {
    static planted p;
    planting at = {.path = path, .corpus = corpus};
    sal_random_seed(&p.random, corpus->seed);
    for (int t = 0; t < TYPES; t++) {
        p.type_y[t] = sal_random_uniform(&p.random);
        for (int f = 0; f < PLANTED_WIDTH; f++)
            p.type_vector[t][f] = (float)planted_normal(&p.random);
    }
    at.study = open_study(path, SAL_STUDY_CREATE);
    at.tiny = add_summarizer(at.study, "tiny", "model", "{}");
    at.upset = add_summarizer(at.study, "upset", "model", "{}");
    put_sets(&at);
    for (int d = 0; d < corpus->documents; d++) {
        draw_document(&p, corpus->world);
        put_document(&at, &p, corpus->first + d);
    }
    sal_free(at.folders[0]);
    sal_free(at.folders[1]);
    close_study(at.study);
}

void plant(const char *path, planted_world world, uint64_t seed, int documents) {
    plant_corpus(path, &(planted_corpus){.world = world, .seed = seed, .documents = documents});
}

/* ---- runs --------------------------------------------------------------------------------------------------- */

sal_probe_options planted_options(void) {
    sal_probe_options options = sal_probe_defaults();
    options.by = "tiny";
    options.threads = 2;
    return options;
}

sal_probe_tables *planted_run(const char *path, const sal_probe_options *options,
                              const char *other) {
    sal_error err = {0};
    sal_tally tally = {0};
    sal_probe_tables *tables = NULL;
    sal_probe_options asked = *options;
    sal_study *study = open_study(path, SAL_STUDY_WRITE);
    asked.other = other != NULL ? open_study(other, SAL_STUDY_READ) : study;
    assert_ok(sal_probe_run(study, &asked, NULL, &tally, &err));
    assert_true(tally.done > 0);
    assert_int_equal(tally.failed, 0);
    assert_ok(sal_study_get_probe_tables(study, &tables, &err));
    if (other != NULL)
        close_study(asked.other);
    close_study(study);
    return tables;
}

const sal_probe_result *planted_find(const sal_probe_tables *tables, const char *probe,
                                     sal_protocol protocol, int layer, const char *control,
                                     const char *metric) {
    for (size_t t = tables->count; t-- > 0;) {
        const sal_probe_table *table = &tables->items[t];
        for (size_t i = 0; i < table->count; i++) {
            const sal_probe_result *r = &table->results[i];
            if (strcmp(table->analysis.probe, probe) == 0 && table->analysis.protocol == protocol &&
                r->layer == layer && r->seed == -1 && strcmp(r->words, "all") == 0 &&
                strcmp(r->control, control) == 0 && strcmp(r->metric, metric) == 0)
                return r;
        }
    }
    fail_msg("no result %s %d %s %s", probe, layer, control, metric);
    return NULL;
}
