/* The tables of `salient compare` for people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare_view.h"
#include "table.h"

#define MATRIX_AT_MOST 40 /* summarizers shown side by side */

/* One corpus of the list. */
struct corpus_view {
    const struct compare_view *view;
    const char *corpus;
    const char *names[MATRIX_AT_MOST]; /* summarizers, by name */
    size_t name_count;
};

static const sal_agreement *find(const struct corpus_view *corpus, const char *a, const char *b,
                                 const char *words, const char *measure) {
    const sal_agreement_list *list = corpus->view->list;
    for (size_t i = 0; i < list->count; i++) {
        const sal_agreement *one = &list->items[i];
        if (strcmp(one->measure, measure) == 0 && strcmp(one->a, a) == 0 &&
            (b == NULL ? one->b == NULL : one->b != NULL && strcmp(one->b, b) == 0) &&
            strcmp(one->words, words) == 0 && strcmp(one->corpus, corpus->corpus) == 0) {
            return one;
        }
    }
    return NULL;
}

static int add_number(struct table *table, const sal_agreement *one, const char *format_dash,
                      sal_error *err) {
    if (one == NULL || !isfinite(one->value)) {
        return table_add(table, err, "%s", format_dash);
    }
    return table_add(table, err, "%.2f", one->value);
}

/* "0.93 [0.91, 0.95]", "0.93 (n too small)", "-". */
static int add_interval(struct table *table, const sal_agreement *one, sal_error *err) {
    if (one == NULL || !isfinite(one->value)) {
        return table_add(table, err, "-");
    }
    if (isfinite(one->low) && isfinite(one->high)) {
        return table_add(table, err, "%.2f [%.2f, %.2f]", one->value, one->low, one->high);
    }
    return table_add(table, err, one->documents < 20 ? "%.2f (n too small)" : "%.2f", one->value);
}

static int say(const struct corpus_view *corpus, const char *text) {
    return sal_sink_string(&corpus->view->sink, text, &corpus->view->session->error);
}

static int print(const struct corpus_view *corpus, const char *title, const struct table *table) {
    sal_error *err = &corpus->view->session->error;
    int status = sal_sink_format(&corpus->view->sink, err, "\n  %s\n\n", title);
    return status != 0 ? status
                       : table_print(table, corpus->view->session->terminal.color_output,
                                     &corpus->view->sink, err);
}

/* ---- the matrix ------------------------------------------------------------------------------------------------------------ */

static int add_cell(struct table *table, const struct corpus_view *corpus, size_t row,
                    size_t column, const char *measure, sal_error *err) {
    if (row == column) {
        return table_add(table, err, ".");
    }
    const size_t a = row < column ? row : column;
    const size_t b = row < column ? column : row;
    /* above the diagonal all words, below it content words */
    return add_number(
        table,
        find(corpus, corpus->names[a], corpus->names[b], row < column ? "all" : "content", measure),
        "-", err);
}

static int print_matrix(const struct corpus_view *corpus, const char *measure, const char *title) {
    sal_error *err = &corpus->view->session->error;
    char alignment[MATRIX_AT_MOST + 2] = "l";
    struct table table = {.alignment = alignment};
    memset(alignment + 1, 'r', corpus->name_count);
    int status = table_add(&table, err, "summarizer");
    for (size_t i = 0; status == 0 && i < corpus->name_count; i++) {
        status = table_add(&table, err, "%zu", i + 1);
    }
    for (size_t i = 0; status == 0 && i < corpus->name_count; i++) {
        status = table_add(&table, err, "%zu %s", i + 1, corpus->names[i]);
        for (size_t j = 0; status == 0 && j < corpus->name_count; j++) {
            status = add_cell(&table, corpus, i, j, measure, err);
        }
    }
    if (status == 0) {
        status = print(corpus, title, &table);
    }
    table_free(&table);
    return status;
}

/* ---- agreement of groups and with oneself ---------------------------------------------------------------------------------- */

static int print_alphas(const struct corpus_view *corpus) {
    static const char *const groups[][2] = {
        {"llms", "models"}, {"baselines", "baselines"}, {"all", "all, the reference too"}};
    sal_error *err = &corpus->view->session->error;
    struct table table = {.alignment = "lrrr"};
    int status = table_head(&table, "group|interval|of content words|ordinal", err);
    for (size_t i = 0; status == 0 && i < sizeof groups / sizeof *groups; i++) {
        status = table_add(&table, err, "%s", groups[i][1]);
        if (status == 0) {
            status = add_interval(&table, find(corpus, groups[i][0], NULL, "all", "alpha_interval"),
                                  err);
        }
        if (status == 0) {
            status = add_interval(
                &table, find(corpus, groups[i][0], NULL, "content", "alpha_interval"), err);
        }
        if (status == 0) {
            status =
                add_interval(&table, find(corpus, groups[i][0], NULL, "all", "alpha_ordinal"), err);
        }
    }
    if (status == 0) {
        status = print(corpus, "Krippendorff's alpha over the words of a document", &table);
    }
    table_free(&table);
    return status;
}

static int add_self(struct table *table, const struct corpus_view *corpus, const sal_agreement *one,
                    sal_error *err) {
    int status = one->b == NULL ? table_add(table, err, "%s", one->a)
                                : table_add(table, err, "%s, %s", one->a, one->b);
    if (status == 0) {
        status = add_interval(table, one, err);
    }
    if (status == 0) {
        status = add_interval(table, find(corpus, one->a, one->b, "content", one->measure), err);
    }
    return status;
}

static int print_selves(const struct corpus_view *corpus) {
    const sal_agreement_list *list = corpus->view->list;
    sal_error *err = &corpus->view->session->error;
    struct table table = {.alignment = "lrr"};
    int status = table_head(&table, "summarizer under other seeds|Spearman|of content words", err);
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        const sal_agreement *one = &list->items[i];
        if (strcmp(one->corpus, corpus->corpus) == 0 && strcmp(one->words, "all") == 0 &&
            strcmp(one->measure, "self_spearman") == 0) {
            status = add_self(&table, corpus, one, err);
        }
    }
    if (status == 0) {
        status = print(corpus, "Agreement with oneself, beside that of random selection", &table);
    }
    table_free(&table);
    return status;
}

/* ---- tree ------------------------------------------------------------------------------------------------------------------ */

/* "[\"a\",\"b\"]" as "a, b", cut where it gets long. */
static int add_members(struct table *table, const char *json, sal_error *err) {
    char text[200] = "";
    size_t used = 0;
    bool inside = false;
    for (const char *at = json; *at != '\0' && used + 8 < sizeof text; at++) {
        if (*at == '"') {
            inside = !inside;
        } else if (inside) {
            at += *at == '\\' && at[1] != '\0' ? 1 : 0;
            text[used++] = *at;
        } else if (*at == ',') {
            text[used++] = ',';
            text[used++] = ' ';
        }
    }
    const bool cut = used + 8 >= sizeof text;
    if (cut) { /* not in the middle of a character: the last one may be half there */
        while (used > 0 && ((unsigned char)text[used - 1] & 0xC0) == 0x80) {
            used--;
        }
        used -= used > 0;
    }
    (void)snprintf(text + used, sizeof text - used, "%s", cut ? "..." : "");
    return table_add(table, err, "%s", text);
}

static int print_tree(const struct corpus_view *corpus) {
    const sal_agreement_list *list = corpus->view->list;
    sal_error *err = &corpus->view->session->error;
    struct table table = {.alignment = "rrl"};
    const sal_agreement *fit = find(corpus, "all", NULL, "all", "cophenetic_spearman_average");
    char title[120];
    size_t steps = 0;
    int status = table_head(&table, "1 - rho|support|summarizers that join", err);
    for (size_t i = 0; status == 0 && i < list->step_count; i++) {
        const sal_cluster_step *step = &list->steps[i];
        if (strcmp(step->corpus, corpus->corpus) != 0 || strcmp(step->words, "all") != 0 ||
            strcmp(step->distance, "spearman") != 0 || strcmp(step->linkage, "average") != 0) {
            continue;
        }
        steps++;
        status = table_add(&table, err, "%.2f", step->height);
        if (status == 0 && isfinite(step->support)) {
            status = table_add(&table, err, "%.0f %%", 100 * step->support);
        } else if (status == 0) {
            status = table_add(&table, err, "-");
        }
        if (status == 0) {
            status = add_members(&table, step->members, err);
        }
    }
    if (fit != NULL && isfinite(fit->value)) {
        (void)snprintf(title, sizeof title,
                       "Clusters, average linkage, cophenetic correlation %.2f", fit->value);
    } else {
        (void)snprintf(title, sizeof title, "Clusters, average linkage");
    }
    if (status == 0 && steps > 0) {
        status = print(corpus, title, &table);
    }
    table_free(&table);
    return status;
}

/* ---- what each keeps ------------------------------------------------------------------------------------------------------- */

static int add_percent(struct table *table, const struct corpus_view *corpus, const char *name,
                       const char *measure, sal_error *err) {
    const sal_agreement *one = find(corpus, name, NULL, "", measure);
    if (one == NULL || !isfinite(one->value)) {
        return table_add(table, err, "-");
    }
    return table_add(table, err, "%.0f %%", 100 * one->value);
}

static int add_share_row(struct table *table, const struct corpus_view *corpus, const char *name,
                         sal_error *err) {
    static const char *const shown[] = {
        "share_position_1",  "share_position_2",  "share_position_5",
        "share_position_10", "share_frequency_1", "share_frequency_5_up",
        "share_numbers",     "share_capitalised", "outside_document"};
    int status = table_add(table, err, "%s", name);
    for (size_t i = 0; status == 0 && i < sizeof shown / sizeof *shown; i++) {
        status = add_percent(table, corpus, name, shown[i], err);
    }
    return status;
}

static int print_shares(const struct corpus_view *corpus) {
    sal_error *err = &corpus->view->session->error;
    struct table table = {.alignment = "lrrrrrrrrr"};
    int status = table_head(&table,
                            "share of importance|1st tenth|2nd|5th|10th|once|5 times up|numbers|"
                            "capitals|not in document",
                            err);
    for (size_t i = 0; status == 0 && i < corpus->name_count; i++) {
        status = add_share_row(&table, corpus, corpus->names[i], err);
    }
    if (status == 0) {
        status = add_share_row(&table, corpus, "word types", err);
    }
    if (status == 0) {
        status = print(corpus, "Which words: by first position in the document, occurrences, form",
                       &table);
    }
    table_free(&table);
    return status;
}

/* ---- family and size ------------------------------------------------------------------------------------------------------- */

static int print_families(const struct corpus_view *corpus) {
    static const char *const rows[][3] = {
        {"another family", "family_coefficient_spearman", "family_p_spearman"},
        {"size, for each factor of e", "size_coefficient_spearman", "size_p_spearman"}};
    sal_error *err = &corpus->view->session->error;
    const sal_agreement *models = find(corpus, "llms", NULL, "all", "models_spearman");
    const sal_agreement *drawn = find(corpus, "llms", NULL, "all", "relabellings_spearman");
    struct table table = {.alignment = "lrr"};
    char title[160];
    if (models == NULL || drawn == NULL) {
        return 0;
    }
    (void)snprintf(title, sizeof title,
                   "What sets models apart: %.0f models, %.0f relabellings (smallest p %.2g)",
                   models->value, drawn->value, 1 / drawn->value);
    int status = table_head(&table, "adds to 1 - rho|coefficient|p", err);
    for (size_t i = 0; status == 0 && i < sizeof rows / sizeof *rows; i++) {
        const sal_agreement *p = find(corpus, "llms", NULL, "all", rows[i][2]);
        status = table_add(&table, err, "%s", rows[i][0]);
        if (status == 0) {
            status = add_number(&table, find(corpus, "llms", NULL, "all", rows[i][1]), "n/a", err);
        }
        if (status == 0 && p != NULL && isfinite(p->value)) {
            status = table_add(&table, err, "%.3g", p->value);
        } else if (status == 0) {
            status = table_add(&table, err, "-");
        }
    }
    if (status == 0) {
        status = print(corpus, title, &table);
    }
    table_free(&table);
    return status;
}

/* ---- one corpus ------------------------------------------------------------------------------------------------------------ */

/* Whoever has a share outside the document is a summarizer. return false when there are more than can be shown */
static bool collect_names(struct corpus_view *corpus) {
    const sal_agreement_list *list = corpus->view->list;
    for (size_t i = 0; i < list->count; i++) {
        const sal_agreement *one = &list->items[i];
        if (strcmp(one->measure, "outside_document") != 0 ||
            strcmp(one->corpus, corpus->corpus) != 0) {
            continue;
        }
        if (corpus->name_count == MATRIX_AT_MOST) {
            return false;
        }
        corpus->names[corpus->name_count++] = one->a;
    }
    return true;
}

static int print_heading(const struct corpus_view *corpus, bool first) {
    sal_error *err = &corpus->view->session->error;
    sal_buffer line = {0};
    int status = sal_buffer_add_string(&line, first ? "" : "\n", err);
    if (status == 0) {
        status = text_add_harmless(&line, corpus->corpus, strlen(corpus->corpus), false, err);
    }
    if (status == 0) {
        status = sal_buffer_add_format(&line, err, ", %zu summarizers\n", corpus->name_count);
    }
    if (status == 0) {
        status = sal_sink_write(&corpus->view->sink, line.bytes, line.length, err);
    }
    sal_buffer_free(&line);
    return status;
}

static int print_matrices(const struct corpus_view *corpus) {
    if (corpus->name_count < 2) {
        return say(corpus, "\n  one summarizer has importance here: there is nothing to compare it "
                           "with\n");
    }
    int status = print_matrix(corpus, "spearman",
                              "Spearman over all word types of a document (below the diagonal: "
                              "content words), mean over documents");
    if (status == 0 && corpus->view->protocols) {
        status = print_matrix(corpus, "spearman_union",
                              "The same over the words that either keeps (paper): biased down");
    }
    if (status == 0) {
        status = print_matrix(corpus, "js", "Jensen-Shannon divergence, nats, likewise");
    }
    if (status == 0 && corpus->view->protocols) {
        status = print_matrix(corpus, "js_union", "The same over the words that either keeps");
    }
    return status;
}

static int print_corpus(struct corpus_view *corpus, bool first) {
    const bool all_shown = collect_names(corpus);
    int status = print_heading(corpus, first);
    if (status == 0 && !all_shown) {
        status = say(corpus, "  the tables show the first 40; --json and export --table agreement "
                             "have all\n");
    }
    if (status == 0) {
        status = print_matrices(corpus);
    }
    if (status == 0) {
        status = print_alphas(corpus);
    }
    if (status == 0) {
        status = print_selves(corpus);
    }
    if (status == 0) {
        status = print_tree(corpus);
    }
    if (status == 0) {
        status = print_families(corpus);
    }
    return status != 0 ? status : print_shares(corpus);
}

int compare_print_tables(const struct compare_view *view) {
    const sal_agreement_list *list = view->list;
    int status = 0;
    for (size_t i = 0; status == 0 && i < list->count; i++) {
        if (i == 0 || strcmp(list->items[i - 1].corpus, list->items[i].corpus) != 0) {
            struct corpus_view corpus = {.view = view, .corpus = list->items[i].corpus};
            status = print_corpus(&corpus, i == 0);
        }
    }
    if (status == 0 && view->protocol_rows != NULL) {
        status = compare_print_protocols(view);
    }
    return status;
}
