/* What every import does: the next record, ids for those that have none, and the list of those that cannot be used. */
#include <string.h>

#include "import/import_internal.h"
#include "salient/file.h"

int import_open_reader(const char *path, const sal_import_options *options, const sal_buffer *bytes,
                       sal_reader **out, sal_error *err) {
    static const char *const usual[] = {"text",      "article",           "dialogue", "id",
                                        "generated", "generated_summary", "summary",  "reference"};
    enum { USUAL = sizeof usual / sizeof usual[0] };
    sal_reader_options reading = {SAL_READER_AUTO, sal_reader_default_limits(), NULL, 0};
    const char **names = NULL;
    int code = SAL_OK;

    if (options->format != NULL) {
        code = sal_reader_format_of(options->format, &reading.format, err);
        if (code != SAL_OK) {
            return code;
        }
    }
    names = sal_calloc(USUAL + options->map_count + 1, sizeof *names);
    if (names == NULL) {
        return sal_fail_memory(err, "field names");
    }
    memcpy(names, usual, sizeof usual);
    for (size_t i = 0; i < options->map_count; i++) {
        names[USUAL + i] = options->map[i].from;
    }
    reading.known_names = names;
    code = bytes == NULL
               ? sal_reader_open(path, &reading, out, err)
               : sal_reader_open_bytes(path, bytes->bytes, bytes->length, &reading, out, err);
    sal_free(names);
    return code;
}

int import_next(import_job *job, const sal_record **record, sal_error *err) {
    const char *base = sal_reader_base_name(job->reader);

    *record = NULL;
    if (job->options->limit >= 0 && job->records >= job->options->limit) {
        return SAL_OK;
    }
    if (sal_progress_cancelled(job->progress)) {
        return sal_fail(err, SAL_ECANCELLED, "%s: interrupted; nothing of it was imported",
                        sal_reader_name(job->reader));
    }
    const int code = sal_reader_next(job->reader, record, err);
    if (code == SAL_OK && *record != NULL) {
        sal_progress_update(job->progress, base, job->records, 0, "records");
        job->records++;
    }
    return code;
}

int import_skip(import_job *job, int64_t line, const char *why, sal_error *err) {
    sal_buffer note = {0};
    const int code = sal_buffer_add_format(&note, err, "%s:%lld: skipped: %s",
                                           sal_reader_name(job->reader), (long long)line, why);

    if (code == SAL_OK) {
        sal_progress_note(job->progress, note.bytes);
        if (job->tally.failed == 0) {
            (void)sal_fail(&job->first, SAL_EFORMAT, "%s:%lld: %s", sal_reader_name(job->reader),
                           (long long)line, why);
        }
        job->tally.failed++;
    }
    sal_buffer_free(&note);
    return code;
}

int import_check_end(const import_job *job, sal_error *err) {
    const char *name = sal_reader_name(job->reader);

    if (job->records == 0) {
        return sal_fail(err, SAL_EFORMAT, "%s: there is no record in it", name);
    }
    if (job->tally.done + job->tally.kept == 0) {
        return job->records == 1
                   ? sal_fail(err, SAL_EFORMAT, "%s", job->first.text)
                   : sal_fail(err, SAL_EFORMAT, "%s; none of the %lld records can be used",
                              job->first.text, (long long)job->records);
    }
    for (int i = 0; i < IMPORT_NAMES; i++) {
        if (job->map.from[i] != NULL && !job->map.seen[i]) {
            return sal_fail(err, SAL_EFORMAT,
                            "%s: no record has the field \"%.100s\" of --map %s=%.100s", name,
                            job->map.from[i], import_field_name((import_name)i), job->map.from[i]);
        }
    }
    return SAL_OK;
}

int import_identify(import_job *job, const sal_record *record, const import_record *found,
                    const char **id, sal_error *err) {
    char digest[65] = "";

    if (found->id != NULL) {
        sal_buffer_clear(&job->made_id);
        *id = found->id->bytes;
        return SAL_OK;
    }
    if (found->text != NULL) {
        sal_sha256_of(found->text->bytes, found->text->length, digest);
    }
    if (!job->map.summaries || digest[0] == '\0' || job->made_id.length == 0 ||
        strcmp(digest, job->made_digest) != 0) {
        sal_buffer_clear(&job->made_id);
        memcpy(job->made_digest, digest, sizeof digest);
        const int code =
            sal_buffer_add_format(&job->made_id, err, "%s:%lld", sal_reader_base_name(job->reader),
                                  (long long)record->line);
        if (code != SAL_OK) {
            return code;
        }
    }
    *id = job->made_id.bytes;
    return SAL_OK;
}

bool import_is_blank(const char *bytes, size_t length) {
    static const char *const spaces[] = {
        " ",
        "\t",
        "\n",
        "\v",
        "\f",
        "\r",
        "\xC2\x85",
        "\xC2\xA0",
        "\xE1\x9A\x80",
        "\xE2\x80\x80",
        "\xE2\x80\x81",
        "\xE2\x80\x82",
        "\xE2\x80\x83",
        "\xE2\x80\x84",
        "\xE2\x80\x85",
        "\xE2\x80\x86",
        "\xE2\x80\x87",
        "\xE2\x80\x88",
        "\xE2\x80\x89",
        "\xE2\x80\x8A",
        "\xE2\x80\xA8",
        "\xE2\x80\xA9",
        "\xE2\x80\xAF",
        "\xE2\x81\x9F",
        "\xE3\x80\x80",
        "\xEF\xBB\xBF",
    };

    for (size_t i = 0; i < length;) {
        size_t step = 0;

        for (size_t k = 0; step == 0 && k < sizeof spaces / sizeof spaces[0]; k++) {
            const size_t count = strlen(spaces[k]);

            step = length - i >= count && memcmp(bytes + i, spaces[k], count) == 0 ? count : 0;
        }
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

int import_stem(const sal_reader *reader, sal_buffer *out, sal_error *err) {
    const char *base = sal_reader_base_name(reader);
    const char *dot = strrchr(base, '.');
    const size_t length = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);

    return sal_buffer_add(out, base, length, err);
}
