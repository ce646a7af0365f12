/* sal_import_predictions: a predictions file as the published code reads it, without a study: every record counts, whatever its
   length or status, and records with one id are one document. */
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"

/* A record; strings are offsets into one storage while that grows. */
typedef struct prediction {
    size_t id;
    size_t text;
    size_t text_length;
    size_t summary;
    size_t summary_length;
    sal_status status;
    size_t order; /* in the file; while grouping: of the first record with this id */
    const char *id_string;
    bool has_text; /* this record or the one before, of the same document */
} prediction;

typedef struct collection {
    prediction *items;
    size_t count;
    size_t capacity;
    sal_buffer storage;
} collection;

static int keep(sal_buffer *storage, const char *bytes, size_t length, size_t *at, sal_error *err) {
    *at = storage->length;
    const int code = sal_buffer_add(storage, bytes, length, err);

    return code == SAL_OK ? sal_buffer_add(storage, "", 1, err) : code;
}

/* A text is kept once for records that follow each other: it is needed from one record of a document only. */
static bool is_repeated(const collection *all, const char *id) {
    const prediction *last = all->count > 0 ? &all->items[all->count - 1] : NULL;

    return last != NULL && last->has_text && strcmp(all->storage.bytes + last->id, id) == 0;
}

static int add_record(import_job *job, collection *all, const sal_record *record, sal_error *err) {
    sal_error why = {0};
    import_record found = {0};
    import_summary summary = {0};
    prediction item = {.order = all->count};
    const char *id = NULL;
    int code = import_read_record(job, record, &found, &why);

    if (code == SAL_OK) {
        code = import_read_summary_text(&job->map, record, &summary, &why);
    }
    if (code != SAL_OK) {
        return sal_fail(err, SAL_EFORMAT, "%s:%lld: %s", sal_reader_name(job->reader),
                        (long long)record->line, why.text);
    }
    code = import_identify(job, record, &found, &id, err);
    if (code == SAL_OK) {
        code = sal_grow((void **)&all->items, &all->capacity, all->count, sizeof *all->items, err);
    }
    item.has_text = code == SAL_OK && is_repeated(all, id);
    if (code == SAL_OK && found.text != NULL && found.text->length > 0 && !item.has_text) {
        item.has_text = true;
        item.text_length = found.text->length;
        code = keep(&all->storage, found.text->bytes, found.text->length, &item.text, err);
    }
    if (code == SAL_OK) {
        code = keep(&all->storage, id, strlen(id), &item.id, err);
    }
    if (code == SAL_OK) {
        item.summary_length = summary.text_length;
        item.status = summary.status;
        code = keep(&all->storage, summary.text, summary.text_length, &item.summary, err);
    }
    if (code == SAL_OK) {
        all->items[all->count++] = item;
    }
    return code;
}

static int by_id(const void *left, const void *right) {
    const prediction *a = left;
    const prediction *b = right;
    const int order = strcmp(a->id_string, b->id_string);

    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static int by_document(const void *left, const void *right) {
    const prediction *a = left;
    const prediction *b = right;

    /* Summaries lie in the storage in the order of the file. */
    return a->order != b->order ? (a->order > b->order) - (a->order < b->order)
                                : (a->summary > b->summary) - (a->summary < b->summary);
}

/* Bring the records of each document together, documents in the order of their first record. */
static void group(collection *all) {
    for (size_t i = 0; i < all->count; i++) {
        all->items[i].id_string = all->storage.bytes + all->items[i].id;
    }
    if (all->count == 0) {
        return;
    }
    qsort(all->items, all->count, sizeof *all->items, by_id);
    for (size_t i = 1; i < all->count; i++) {
        if (strcmp(all->items[i].id_string, all->items[i - 1].id_string) == 0) {
            all->items[i].order = all->items[i - 1].order;
        }
    }
    qsort(all->items, all->count, sizeof *all->items, by_document);
}

static int hand_out(const collection *all,
                    int (*each)(void *, const sal_prediction_document *, sal_error *),
                    void *context, sal_error *err) {
    const char **summaries = sal_calloc(all->count, sizeof *summaries);
    size_t *lengths = sal_calloc(all->count, sizeof *lengths);
    sal_status *statuses = sal_calloc(all->count, sizeof *statuses);
    const char *bytes = all->storage.bytes;
    int code = summaries == NULL || lengths == NULL || statuses == NULL
                   ? sal_fail_memory(err, "the summaries")
                   : SAL_OK;

    for (size_t i = 0, end = 0; code == SAL_OK && i < all->count; i = end) {
        const prediction *first = &all->items[i];
        sal_prediction_document document = {.id = first->id_string, .text = ""};

        for (end = i; end < all->count && all->items[end].order == first->order; end++) {
            summaries[end - i] = bytes + all->items[end].summary;
            lengths[end - i] = all->items[end].summary_length;
            statuses[end - i] = all->items[end].status;
            if (document.text_length == 0 && all->items[end].text_length > 0) {
                document.text = bytes + all->items[end].text;
                document.text_length = all->items[end].text_length;
            }
        }
        document.summaries = summaries;
        document.summary_lengths = lengths;
        document.statuses = statuses;
        document.count = end - i;
        code = each(context, &document, err);
    }
    sal_free(summaries);
    sal_free(lengths);
    sal_free(statuses);
    return code;
}

int sal_import_predictions(const char *path, const sal_import_options *options,
                           int (*each)(void *context, const sal_prediction_document *document,
                                       sal_error *err),
                           void *context, sal_error *err) {
    import_job job = {.options = options};
    sal_import_options own = *options;
    collection all = {0};
    const sal_record *record = NULL;
    int code = SAL_OK;

    own.summaries = true;
    job.options = &own;
    code = import_check_options(&own, &job.map, err);
    if (code == SAL_OK) {
        code = import_open_reader(path, &own, NULL, &job.reader, err);
    }
    if (code == SAL_OK) {
        code = import_next(&job, &record, err);
    }
    while (code == SAL_OK && record != NULL) {
        code = add_record(&job, &all, record, err);
        if (code == SAL_OK) {
            job.tally.done++;
            code = import_next(&job, &record, err);
        }
    }
    if (code == SAL_OK) {
        code = import_check_end(&job, err);
    }
    if (code == SAL_OK) {
        group(&all);
        code = hand_out(&all, each, context, err);
    }
    sal_reader_close(job.reader);
    sal_buffer_free(&job.made_id);
    sal_buffer_free(&all.storage);
    sal_free(all.items);
    return code;
}
