/* Rows of a data set of the hub (its datasets-server's rows API): page by page into a JSONL file of the cache, so that a run that was
   cut off goes on where it stopped, and the records are then read like those of any file. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"
#include "io/hub.h"
#include "io/partial.h"
#include "salient/cache.h"

enum { PAGE_ROWS = 100, NAMES_LISTED = 20 };

/* Data sets of the paper: what is taken when nothing is said. */
static const struct {
    const char *name; /* after the owner */
    const char *config;
    const char *split;
} usual[] = {{"cnn_dailymail", "3.0.0", "test"}, {"samsum", NULL, "test"}};

typedef struct choice {
    char *config;
    char *split;
} choice;

static void free_choice(choice *c) {
    sal_free(c->config);
    sal_free(c->split);
    *c = (choice){0};
}

/* ---- which rows ---------------------------------------------------------------------------- */

/* ":CONFIG:SPLIT" */
static int parse_rest(const char *rest, choice *c, sal_error *err) {
    const char *config = *rest == ':' ? rest + 1 : rest;
    const char *colon = strchr(config, ':');
    const size_t length = colon == NULL ? strlen(config) : (size_t)(colon - config);

    if (length > 0 && (c->config = sal_copy_bytes(config, length)) == NULL) {
        return sal_fail_memory(err, "a configuration");
    }
    if (colon != NULL && colon[1] != '\0' && (c->split = sal_copy_string(colon + 1)) == NULL) {
        return sal_fail_memory(err, "a split");
    }
    return SAL_OK;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static int list_splits(const char *source, const json_t *splits, const char *what, sal_error *err) {
    sal_buffer names = {0};
    int code = sal_buffer_add_string(&names, "", err);

    for (size_t i = 0; code == SAL_OK && i < json_array_size(splits) && i < NAMES_LISTED; i++) {
        const json_t *entry = json_array_get(splits, i);

        code = sal_buffer_add_format(&names, err, "%s:%.80s:%.80s", i == 0 ? "" : ", ",
                                     text_of(entry, "config"), text_of(entry, "split"));
    }
    if (code == SAL_OK) {
        code = sal_fail(err, SAL_EINVAL, "%s: %s; add one of %.600s", source, what, names.bytes);
    }
    sal_buffer_free(&names);
    return code;
}

/* The value all entries share (of one configuration: its splits), or the wanted one when it is there; NULL: neither. */
static const char *only_or(const json_t *splits, const char *field, const char *config,
                           const char *wanted) {
    const char *only = NULL;
    bool several = false;

    for (size_t i = 0; i < json_array_size(splits); i++) {
        const json_t *entry = json_array_get(splits, i);
        const char *value = text_of(entry, field);

        if (config != NULL && strcmp(text_of(entry, "config"), config) != 0) {
            continue;
        }
        if (wanted != NULL && strcmp(value, wanted) == 0) {
            return value;
        }
        several = several || (only != NULL && strcmp(only, value) != 0);
        only = value;
    }
    return several ? NULL : only;
}

static int settle(const char *source, const char *name, const json_t *splits, choice *c,
                  sal_error *err) {
    const char *own = strchr(name, '/') + 1;
    const char *config = NULL;
    const char *split = "test";

    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (strcmp(usual[i].name, own) == 0) {
            config = usual[i].config;
            split = usual[i].split;
        }
    }
    if (c->config == NULL) {
        const char *found = only_or(splits, "config", NULL, config == NULL ? "default" : config);

        if (found == NULL) {
            return list_splits(source, splits, "it has several configurations", err);
        }
        c->config = sal_copy_string(found);
    }
    if (c->config != NULL && c->split == NULL) {
        const char *found = only_or(splits, "split", c->config, split);

        if (found == NULL) {
            return list_splits(source, splits, "it has several splits, or none of that name", err);
        }
        c->split = sal_copy_string(found);
    }
    return c->config == NULL || c->split == NULL ? sal_fail_memory(err, "a split") : SAL_OK;
}

static int choose(const sal_hub *hub, const char *source, const char *name, choice *c,
                  sal_error *err) {
    sal_buffer url = {0};
    sal_buffer body = {0};
    json_t *root = NULL;
    int code = sal_buffer_add_format(&url, err, "%s/splits?dataset=", hub->rows);

    if (code == SAL_OK) {
        code = sal_url_escape(&url, name, false, err);
    }
    if (code == SAL_OK) {
        code = sal_hub_get(hub, url.bytes, &body, NULL, err);
    }
    if (code == SAL_OK) {
        code = sal_json_reply(body.bytes, body.length, &root, err);
    }
    if (code == SAL_OK && !json_is_array(json_object_get(root, "splits"))) {
        code = sal_fail(err, SAL_EFORMAT, "the hub's list of splits has an unknown shape");
    }
    code = code == SAL_OK ? settle(source, name, json_object_get(root, "splits"), c, err)
                          : sal_fail_in(err, code, "%s", source);
    json_decref(root);
    sal_buffer_free(&url);
    sal_buffer_free(&body);
    return code;
}

/* ---- pages --------------------------------------------------------------------------------- */

typedef struct fetching {
    const sal_hub *hub;
    const char *source;
    const char *name;
    const choice *split;
    sal_partial *file;
    sal_sink sink;
    int64_t rows;  /* in the file */
    int64_t total; /* of the split; -1: not told yet */
} fetching;

static int page_url(const fetching *f, int64_t count, sal_buffer *url, sal_error *err) {
    const char *const parts[][2] = {
        {"/rows?dataset=", f->name}, {"&config=", f->split->config}, {"&split=", f->split->split}};
    int code = sal_buffer_add_string(url, f->hub->rows, err);

    for (size_t i = 0; code == SAL_OK && i < sizeof parts / sizeof parts[0]; i++) {
        code = sal_buffer_add_string(url, parts[i][0], err);
        if (code == SAL_OK) {
            code = sal_url_escape(url, parts[i][1], false, err);
        }
    }
    return code == SAL_OK ? sal_buffer_add_format(url, err, "&offset=%lld&length=%lld",
                                                  (long long)f->rows, (long long)count)
                          : code;
}

/* Cells that the server cut are no texts: without them the record is passed over and listed, unless it does without. */
static int drop_cut_cells(const fetching *f, const json_t *entry, json_t *row, sal_error *err) {
    const json_t *cut = json_object_get(entry, "truncated_cells");
    sal_buffer note = {0};
    int code = SAL_OK;

    for (size_t i = 0; code == SAL_OK && i < json_array_size(cut); i++) {
        const char *cell = json_string_value(json_array_get(cut, i));

        if (cell == NULL) {
            continue;
        }
        (void)json_object_del(row, cell);
        sal_buffer_clear(&note);
        code =
            sal_buffer_add_format(&note, err,
                                  "%s: row %lld: the hub gives only a part of the field \"%.60s\": "
                                  "left out",
                                  f->source, (long long)f->rows, cell);
        if (code == SAL_OK) {
            sal_progress_note(f->hub->progress, note.bytes);
        }
    }
    sal_buffer_free(&note);
    return code;
}

static int write_row(fetching *f, const json_t *entry, sal_error *err) {
    json_t *row = json_object_get(entry, "row");
    const json_t *index = json_object_get(entry, "row_idx");

    if (!json_is_object(row) || json_integer_value(index) != f->rows) {
        return sal_fail(err, SAL_EFORMAT, "row %lld has an unknown shape", (long long)f->rows);
    }
    int code = drop_cut_cells(f, entry, row, err);
    char *line = code == SAL_OK ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    sal_buffer out = {0};

    if (code == SAL_OK && line == NULL) {
        code = sal_fail_memory(err, "a row");
    }
    /* A line and its end in one write: what a kill cuts off is cut away by the next run. */
    if (code == SAL_OK) {
        code = sal_buffer_add_format(&out, err, "%s\n", line);
    }
    if (code == SAL_OK) {
        code = sal_sink_write(&f->sink, out.bytes, out.length, err);
    }
    f->rows += code == SAL_OK;
    sal_buffer_free(&out);
    free(line);
    return code;
}

static int write_page(fetching *f, const sal_buffer *body, int64_t wanted, sal_error *err) {
    json_t *root = NULL;
    int code = sal_json_reply(body->bytes, body->length, &root, err);
    const json_t *rows = json_object_get(root, "rows");
    const json_t *total = json_object_get(root, "num_rows_total");
    const int64_t before = f->rows;

    if (code == SAL_OK && (!json_is_array(rows) || !json_is_integer(total) ||
                           json_integer_value(total) < 0)) { /* which would never be reached */
        code = sal_fail(err, SAL_EFORMAT, "the hub's rows have an unknown shape");
    }
    if (code == SAL_OK) {
        f->total = json_integer_value(total);
    }
    for (size_t i = 0; code == SAL_OK && i < json_array_size(rows) && f->rows < before + wanted;
         i++) {
        code = write_row(f, json_array_get(rows, i), err);
    }
    if (code == SAL_OK && f->rows == before && f->rows < f->total) {
        code = sal_fail(err, SAL_EFORMAT, "the hub gives no rows after %lld of %lld",
                        (long long)f->rows, (long long)f->total);
    }
    json_decref(root);
    return code;
}

static int fetch_pages(fetching *f, int64_t limit, sal_error *err) {
    sal_buffer url = {0};
    sal_buffer body = {0};
    int code = SAL_OK;

    while (code == SAL_OK && (f->total < 0 || f->rows < f->total) &&
           (limit < 0 || f->rows < limit)) {
        const int64_t left = limit < 0 ? PAGE_ROWS : limit - f->rows;
        const int64_t count = left < PAGE_ROWS ? left : PAGE_ROWS;

        sal_buffer_clear(&url);
        code = page_url(f, count, &url, err);
        if (code == SAL_OK) {
            code = sal_hub_get(f->hub, url.bytes, &body, NULL, err);
        }
        if (code == SAL_OK) {
            code = write_page(f, &body, count, err);
        }
        sal_progress_update(f->hub->progress, f->source, f->rows, f->total < 0 ? 0 : f->total,
                            "rows");
    }
    if (code == SAL_ECANCELLED) {
        code = sal_fail(err, code, "%s: interrupted after %lld rows; they are kept", f->source,
                        (long long)f->rows);
    } else if (code != SAL_OK) {
        code = sal_fail_in(err, code, "%s, row %lld", f->source, (long long)f->rows);
    }
    sal_buffer_free(&url);
    sal_buffer_free(&body);
    return code;
}

/* Slashes of names that the hub allows must not make folders. */
static int add_flat(sal_buffer *path, const char *text, sal_error *err) {
    int code = SAL_OK;

    for (const char *at = text; code == SAL_OK && *at != '\0'; at++) {
        code = sal_buffer_add(path, *at == '/' ? "_" : at, 1, err);
    }
    return code;
}

static int name_file(const char *name, const choice *c, sal_buffer *path, sal_error *err) {
    sal_buffer below = {0};
    int code = sal_buffer_add_format(&below, err, "rows/%s/", name);

    if (code == SAL_OK) {
        code = add_flat(&below, c->config, err);
    }
    if (code == SAL_OK) {
        code = sal_buffer_add_format(&below, err, "/%s-", strchr(name, '/') + 1);
    }
    if (code == SAL_OK) {
        code = add_flat(&below, c->split, err);
    }
    if (code == SAL_OK) {
        code = sal_buffer_add_string(&below, ".jsonl", err);
    }
    if (code == SAL_OK) {
        code = sal_cache_path(below.bytes, path, err);
    }
    sal_buffer_free(&below);
    return code;
}

int import_hub_fetch_rows(const struct sal_hub *hub, const char *source, const char *name,
                          const char *rest, int64_t limit, sal_buffer *path, sal_error *err) {
    choice c = {0};
    fetching f = {.hub = hub, .source = source, .name = name, .split = &c, .total = -1};
    int code = parse_rest(rest, &c, err);

    if (code == SAL_OK && (c.config == NULL || c.split == NULL)) {
        code = choose(hub, source, name, &c, err);
    }
    if (code == SAL_OK) {
        code = name_file(name, &c, path, err);
    }
    if (code == SAL_OK) {
        code = sal_partial_open(path->bytes, &f.file, err);
    }
    if (code == SAL_OK) {
        code = sal_partial_cut_line(f.file, &f.rows, err);
    }
    if (code == SAL_OK) {
        f.sink = sal_partial_sink(f.file);
        code = fetch_pages(&f, limit, err);
    }
    sal_partial_close(f.file);
    free_choice(&c);
    return code;
}
