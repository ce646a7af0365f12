/* Paper and strict beside each other: the tables of `salient compare --protocols`. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_view.h"
#include "table.h"

/* Rows of one subject: a summarizer's importance, one analysis of heads, one probe. They follow each other in the list. */
struct subject {
    const struct compare_view *view;
    const sal_protocol_row *rows;
    size_t count;
};

struct column {
    const char *title;
    const char *factor;
    const char *measure;
};

static const sal_protocol_row *find(const struct subject *subject, const char *words, int layer,
                                    int head, const char *factor, const char *measure) {
    for (size_t i = 0; i < subject->count; i++) {
        const sal_protocol_row *row = &subject->rows[i];
        if (row->layer == layer && row->head == head && strcmp(row->measure, measure) == 0 &&
            strcmp(row->factor, factor) == 0 && strcmp(row->words, words) == 0) {
            return row;
        }
    }
    return NULL;
}

/* "0.93 [0.91, 0.95]"; changes with their sign. */
static int add_number(struct table *table, const sal_protocol_row *row, bool change,
                      sal_error *err) {
    if (row == NULL || !isfinite(row->value)) {
        return table_add(table, err, "-");
    }
    if (isfinite(row->low) && isfinite(row->high)) {
        return table_add(table, err, change ? "%+.2f [%+.2f, %+.2f]" : "%.2f [%.2f, %.2f]",
                         row->value, row->low, row->high);
    }
    return table_add(table, err, change ? "%+.2f%s" : "%.2f%s", row->value,
                     row->documents < 20 ? " (n too small)" : "");
}

static int add_count(struct table *table, const sal_protocol_row *row, sal_error *err) {
    return row == NULL || !isfinite(row->value) ? table_add(table, err, "-")
                                                : table_add(table, err, "%.0f", row->value);
}

static int add_columns(struct table *table, const struct subject *subject, const char *words,
                       int layer, int head, const struct column *columns, sal_error *err) {
    int status = 0;
    for (; status == 0 && columns->title != NULL; columns++) {
        const bool change = strstr(columns->measure, "_change") != NULL &&
                            strcmp(columns->measure, "mean_change") != 0;
        status =
            add_number(table, find(subject, words, layer, head, columns->factor, columns->measure),
                       change, err);
    }
    return status;
}

static int add_titles(struct table *table, const struct column *columns, sal_error *err) {
    int status = 0;
    for (; status == 0 && columns->title != NULL; columns++) {
        status = table_add(table, err, "%s", columns->title);
    }
    return status;
}

static int print_titled(const struct compare_view *view, const char *title,
                        const struct table *table) {
    sal_error *err = &view->session->error;
    const int status = sal_sink_format(&view->sink, err, "\n  %s\n\n", title);
    return status != 0 ? status
                       : table_print(table, view->session->terminal.color_output, &view->sink, err);
}

/* A line with a name from outside: "received, heads of NAME, importance by NAME". */
static int print_name(const struct subject *subject, const char *kind) {
    const sal_protocol_row *row = subject->rows;
    const char *const parts[] = {
        "\n  ", kind, row->model, ", ", row->variant, ", importance by ", row->summarizer, "\n"};
    sal_error *err = &subject->view->session->error;
    sal_buffer line = {0};
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof parts / sizeof *parts; i++) {
        status = i == 0 || i == 7
                     ? sal_buffer_add_string(&line, parts[i], err)
                     : text_add_harmless(&line, parts[i], strlen(parts[i]), false, err);
    }
    if (status == 0) {
        status = sal_sink_write(&subject->view->sink, line.bytes, line.length, err);
    }
    sal_buffer_free(&line);
    return status;
}

/* ---- importance ------------------------------------------------------------------------------------------------------------ */

/* What follows a subject's first row and is of the same one. */
static size_t subject_length(const sal_protocol_row *rows, size_t count) {
    size_t n = 1;
    while (n < count && strcmp(rows[n].corpus, rows->corpus) == 0 &&
           strcmp(rows[n].stage, rows->stage) == 0 &&
           strcmp(rows[n].summarizer, rows->summarizer) == 0 &&
           strcmp(rows[n].model, rows->model) == 0 && strcmp(rows[n].variant, rows->variant) == 0) {
        n++;
    }
    return n;
}

static int add_record_line(struct table *table, const struct subject *subject, sal_error *err) {
    static const char *const counts[][2] = {{"strict", "records"},
                                            {"paper", "records"},
                                            {"records", "failed"},
                                            {"records", "refused"},
                                            {"records", "empty"},
                                            {"strict", "documents_with_importance"},
                                            {"paper", "documents_with_importance"}};
    int status = table_add(table, err, "%s", subject->rows->summarizer);
    for (size_t i = 0; status == 0 && i < sizeof counts / sizeof *counts; i++) {
        status = add_count(table, find(subject, "", -1, -1, counts[i][0], counts[i][1]), err);
    }
    return status;
}

/* One line a summarizer, by columns; columns NULL: the counts of records. */
static int print_importance_table(const struct compare_view *view, const sal_protocol_row *rows,
                                  size_t count, const char *title, const struct column *columns) {
    sal_error *err = &view->session->error;
    char alignment[16] = "lrrrrrrr";
    struct table table = {.alignment = alignment};
    int status = table_add(&table, err, "summarizer");
    size_t used = 1;
    if (columns == NULL) {
        table_free(&table);
        used = 8;
        status = table_head(&table,
                            "summarizer|records, strict|paper|failed|refused|empty|documents, "
                            "strict|paper",
                            err);
    }
    for (const struct column *c = columns; c != NULL && c->title != NULL; c++) {
        used++;
    }
    alignment[used] = '\0';
    if (status == 0 && columns != NULL) {
        status = add_titles(&table, columns, err);
    }
    for (size_t i = 0; status == 0 && i < count;) {
        const struct subject subject = {view, rows + i, subject_length(rows + i, count - i)};
        if (columns == NULL) {
            status = add_record_line(&table, &subject, err);
        } else {
            status = table_add(&table, err, "%s", subject.rows->summarizer);
            if (status == 0) {
                status = add_columns(&table, &subject, "all", -1, -1, columns, err);
            }
        }
        i += subject.count;
    }
    if (status == 0) {
        status = print_titled(view, title, &table);
    }
    table_free(&table);
    return status;
}

static int print_importance(const struct compare_view *view, const sal_protocol_row *rows,
                            size_t count) {
    static const struct column reliability[] = {
        {"strict", "strict", "reliability_spearman"},
        {"paper", "paper", "reliability_spearman"},
        {"every record", "records", "reliability_change"},
        {"raw spelling", "normalisation", "reliability_change"},
        {"kept words alone", "kept-words", "reliability_change"},
        {NULL, NULL, NULL}};
    static const struct column changes[] = {{"every record", "records", "changed"},
                                            {"raw spelling", "normalisation", "changed"},
                                            {"all of it", "paper", "changed"},
                                            {"by how much", "paper", "mean_change"},
                                            {"Spearman with strict", "paper", "agreement_spearman"},
                                            {NULL, NULL, NULL}};
    int status = print_importance_table(
        view, rows, count, "Importance, paper beside strict: records that count", NULL);
    if (status == 0) {
        status = print_importance_table(
            view, rows, count,
            "Reliability (Spearman) by both, and what each of the paper's choices alone changes",
            reliability);
    }
    return status != 0
               ? status
               : print_importance_table(
                     view, rows, count,
                     "Share of the kept words whose importance each of the paper's choices changes",
                     changes);
}

/* ---- heads ----------------------------------------------------------------------------------------------------------------- */

static const struct column head_columns[][10] = {
    {{"strict", "strict", "spearman"},
     {"paper", "paper", "spearman"},
     {"which words", "words", "spearman_change"},
     {"values", "values", "spearman_change"},
     {"first alone", "occurrences", "spearman_change"},
     {"pieces alone", "pieces", "spearman_change"},
     {"reference", "reference", "spearman_change"},
     {"expressions", "expressions", "spearman_change"},
     {NULL, NULL, NULL}},
    {{"strict", "strict", "kl_normalized"},
     {"paper", "paper", "kl_normalized"},
     {"which words", "words", "kl_normalized_change"},
     {"values", "values", "kl_normalized_change"},
     {"first alone", "occurrences", "kl_normalized_change"},
     {"pieces alone", "pieces", "kl_normalized_change"},
     {"reference", "reference", "kl_normalized_change"},
     {"expressions", "expressions", "kl_normalized_change"},
     {NULL, NULL, NULL}},
    {{"strict", "strict", "ndcg@10"},
     {"paper", "paper", "ndcg@10"},
     {"which words", "words", "ndcg@10_change"},
     {"values", "values", "ndcg@10_change"},
     {"first alone", "occurrences", "ndcg@10_change"},
     {"pieces alone", "pieces", "ndcg@10_change"},
     {"reference", "reference", "ndcg@10_change"},
     {"expressions", "expressions", "ndcg@10_change"},
     {NULL, NULL, NULL}}};

static int print_head_means(const struct subject *subject, const char *words) {
    static const char *const names[] = {"Spearman", "normalised KL", "NDCG@10"};
    sal_error *err = &subject->view->session->error;
    struct table table = {.alignment = "lrrrrrrrr"};
    int status = table_add(&table, err, "mean over heads");
    if (status == 0) {
        status = add_titles(&table, head_columns[0], err);
    }
    for (size_t m = 0; status == 0 && m < 3; m++) {
        status = table_add(&table, err, "%s", names[m]);
        if (status == 0) {
            status = add_columns(&table, subject, words, -1, -1, head_columns[m], err);
        }
    }
    if (status == 0) {
        status = print_titled(subject->view,
                              strcmp(words, "all") == 0
                                  ? "Over all words; what each of the paper's choices changes"
                                  : "Over content words",
                              &table);
    }
    table_free(&table);
    return status;
}

static int by_paper_rank(const void *a, const void *b) {
    const sal_protocol_row *const *x = a;
    const sal_protocol_row *const *y = b;
    const double left = (*x)->value, right = (*y)->value;
    if (left < right || left > right) {
        return left < right ? -1 : 1;
    }
    return (*x)->layer != (*y)->layer ? (*x)->layer - (*y)->layer : (*x)->head - (*y)->head;
}

static int add_head_line(struct table *table, const struct subject *subject,
                         const sal_protocol_row *paper, sal_error *err) {
    static const struct column columns[] = {{"paper", "paper", "spearman"},
                                            {"strict", "strict", "spearman"},
                                            {"which words", "words", "spearman_change"},
                                            {"values", "values", "spearman_change"},
                                            {"reference", "reference", "spearman_change"},
                                            {"given position, tf", "partials", "spearman_change"},
                                            {NULL, NULL, NULL}};
    if (paper == NULL) {
        const int status = table_head(table, "layer, head|rank, paper|rank, strict|shift", err);
        return status != 0 ? status : add_titles(table, columns, err);
    }
    const sal_protocol_row *strict =
        find(subject, paper->words, paper->layer, paper->head, "strict", "rank");
    const double rank = strict == NULL ? (double)NAN : strict->value;
    int status = table_add(table, err, "%d, %d", paper->layer, paper->head);
    if (status == 0) {
        status = add_count(table, paper, err);
    }
    if (status == 0) {
        status = add_count(table, strict, err);
    }
    if (status == 0) {
        status = isfinite(rank) ? table_add(table, err, "%+.0f", rank - paper->value)
                                : table_add(table, err, "-");
    }
    return status != 0
               ? status
               : add_columns(table, subject, paper->words, paper->layer, paper->head, columns, err);
}

/* The first ten heads of either protocol, by the paper's rank. */
static int print_first_heads(const struct subject *subject, const char *words) {
    sal_error *err = &subject->view->session->error;
    struct table table = {.alignment = "lrrrrrrrrr"};
    const sal_protocol_row **ranks = sal_calloc(subject->count, sizeof(const sal_protocol_row *));
    size_t count = 0;
    int status =
        ranks == NULL ? sal_fail_memory(err, "heads") : add_head_line(&table, subject, NULL, err);
    for (size_t i = 0; ranks != NULL && i < subject->count; i++) {
        const sal_protocol_row *row = &subject->rows[i];
        if (strcmp(row->measure, "rank") == 0 && strcmp(row->factor, "paper") == 0 &&
            strcmp(row->words, words) == 0 && isfinite(row->value)) {
            ranks[count++] = row;
        }
    }
    if (count > 0) {
        qsort(ranks, count, sizeof *ranks, by_paper_rank);
    }
    for (size_t i = 0; status == 0 && i < count; i++) {
        status = add_head_line(&table, subject, ranks[i], err);
    }
    if (status == 0) {
        status = print_titled(subject->view, "The first ten heads of either, all words", &table);
    }
    table_free(&table);
    sal_free(ranks);
    return status;
}

static int print_shift(const struct subject *subject) {
    const sal_protocol_row *agreement = find(subject, "all", -1, -1, "paper", "rank_agreement");
    const sal_protocol_row *shared = find(subject, "all", -1, -1, "paper", "first_ten_shared");
    if (agreement == NULL || shared == NULL || !isfinite(agreement->value)) {
        return 0;
    }
    return sal_sink_format(&subject->view->sink, &subject->view->session->error,
                           "\n  Ranks of heads by both: Spearman %.2f; %.0f heads are among the "
                           "first ten of both.\n",
                           agreement->value, shared->value);
}

static int print_heads(const struct subject *subject) {
    int status = print_name(subject, "Heads of ");
    if (status == 0) {
        status = print_head_means(subject, "all");
    }
    if (status == 0 && find(subject, "content", -1, -1, "strict", "spearman") != NULL) {
        status = print_head_means(subject, "content");
    }
    if (status == 0) {
        status = print_shift(subject);
    }
    return status != 0 ? status : print_first_heads(subject, "all");
}

/* ---- probes ---------------------------------------------------------------------------------------------------------------- */

static int print_probe(const struct subject *subject) {
    static const struct column columns[] = {{"strict", "strict", "spearman"},
                                            {"paper", "paper", "spearman"},
                                            {"split by pairs", "split", "spearman_change"},
                                            {"span with summary", "span", "spearman_change"},
                                            {"50 zero words", "zero-words", "spearman_change"},
                                            {NULL, NULL, NULL}};
    sal_error *err = &subject->view->session->error;
    struct table table = {.alignment = "lrrrrr"};
    int last = -2;
    int status = table_add(&table, err, "state");
    if (status == 0) {
        status = add_titles(&table, columns, err);
    }
    for (size_t i = 0; status == 0 && i < subject->count; i++) {
        const sal_protocol_row *row = &subject->rows[i];
        if (row->layer == last || strcmp(row->words, "all") != 0) {
            continue;
        }
        last = row->layer;
        status = last < 0 ? table_add(&table, err, "all") : table_add(&table, err, "%d", last);
        if (status == 0) {
            status = add_columns(&table, subject, "all", last, -1, columns, err);
        }
    }
    if (status == 0) {
        status = print_name(subject, "Probe on ");
    }
    if (status == 0) {
        status = print_titled(
            subject->view,
            "Spearman by both (the paper's on words it has seen documents of), and what each of "
            "its choices alone adds",
            &table);
    }
    table_free(&table);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------------------------------------- */

static int print_stage(const struct compare_view *view, const sal_protocol_row *rows,
                       size_t count) {
    int status = 0;
    if (strcmp(rows->stage, "importance") == 0) {
        return print_importance(view, rows, count);
    }
    for (size_t i = 0; status == 0 && i < count;) {
        const struct subject subject = {view, rows + i, subject_length(rows + i, count - i)};
        status = strcmp(rows->stage, "heads") == 0 ? print_heads(&subject) : print_probe(&subject);
        i += subject.count;
    }
    return status;
}

static int print_corpus_name(const struct compare_view *view, const char *corpus) {
    sal_error *err = &view->session->error;
    sal_buffer line = {0};
    int status = sal_buffer_add_string(&line, "\n", err);
    if (status == 0) {
        status = text_add_harmless(&line, corpus, strlen(corpus), false, err);
    }
    if (status == 0) {
        status = sal_buffer_add_string(&line, ", paper and strict beside each other\n", err);
    }
    if (status == 0) {
        status = sal_sink_write(&view->sink, line.bytes, line.length, err);
    }
    sal_buffer_free(&line);
    return status;
}

/* What the columns are; rows NULL: the stage has none. */
static const struct {
    const char *stage;
    const char *legend;
    const char *missing;
} stages[] = {
    {"importance",
     "  every record: failed, refused and empty ones count. raw spelling: neither NFC nor folded "
     "apostrophes. kept words alone: not all\n"
     "  words of the document, which conditions on being kept.\n",
     ""},
    {"heads",
     "  which words: those alone that both have. values: first occurrence and whole pieces between "
     "spaces in place of all occurrences and exact\n"
     "  words; first alone: the same on words that both cut alike; pieces alone: on words that "
     "occur "
     "once. reference: the paper's importance.\n"
     "  expressions: its formulas.\n"
     "  given position, tf: what holding these constant leaves of the strict Spearman, less all of "
     "it.\n",
     "\n  Heads: none by both protocols; salient heads --protocol strict and paper, with the same "
     "model and evidence.\n"},
    {"probes",
     "  split by pairs: random pairs of document and word. span with summary: states of the "
     "paper's "
     "sequence, which holds the summary.\n"
     "  50 zero words: learnt and told on kept words and 50 others of each document.\n",
     "\n  Probes: none yet; salient probe takes the gaps (--controls gap).\n"}};

static int print_corpus(const struct compare_view *view, const sal_protocol_row *rows,
                        size_t count) {
    sal_error *err = &view->session->error;
    int status = print_corpus_name(view, rows->corpus);
    for (size_t s = 0; status == 0 && s < sizeof stages / sizeof *stages; s++) {
        size_t first = 0, n = 0;
        while (first < count && strcmp(rows[first].stage, stages[s].stage) != 0) {
            first++;
        }
        while (first + n < count && strcmp(rows[first + n].stage, stages[s].stage) == 0) {
            n++;
        }
        if (n > 0) {
            status = print_stage(view, rows + first, n);
        }
        if (status == 0) {
            status = sal_sink_format(&view->sink, err, n > 0 ? "\n%s" : "%s",
                                     n > 0 ? stages[s].legend : stages[s].missing);
        }
    }
    return status;
}

int compare_print_protocols(const struct compare_view *view) {
    const sal_protocol_row *rows = view->protocol_rows->items;
    const size_t count = view->protocol_rows->count;
    int status = 0;
    for (size_t i = 0; status == 0 && i < count;) {
        size_t n = 1;
        while (i + n < count && strcmp(rows[i + n].corpus, rows[i].corpus) == 0) {
            n++;
        }
        status = print_corpus(view, rows + i, n);
        i += n;
    }
    return status;
}
