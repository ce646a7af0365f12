/* What a record of a predictions file says of its summary. The published code writes, one record per document and length,
   {article|dialogue, highlights|summary|synopsis, id, summary|generated_summary, criteria: "length_num_N", token counts}; where the
   model gave nothing the summary is "[Error: ...]", "[Generation Error: ...]", "[Batch Error: ...]" or "[Content restricted]". */
#include <string.h>

#include "import/import_internal.h"

enum { MAXIMUM_NUMBER = 1000000 };

static bool begins(const import_summary *found, const char *with) {
    const char *text = found->text;

    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') {
        text++;
    }
    return strncmp(text, with, strlen(with)) == 0;
}

static void tell_status(import_summary *found) {
    found->status = SAL_STATUS_OK;
    if (import_is_blank(found->text, found->text_length)) {
        found->status = SAL_STATUS_REFUSED;
        found->error = "the imported text is empty";
    } else if (begins(found, "[Content restricted]")) {
        found->status = SAL_STATUS_REFUSED;
        found->error = found->text;
    } else if (begins(found, "[Error:") || begins(found, "[Generation Error:") ||
               begins(found, "[Batch Error:")) {
        found->status = SAL_STATUS_FAILED;
        found->error = found->text;
    }
}

int import_read_summary_text(import_map *map, const sal_record *record, import_summary *found,
                             sal_error *why) {
    const sal_field *summary = import_find(map, record, IMPORT_SUMMARY);

    if (!record->is_object) {
        return sal_fail(why, SAL_EFORMAT, "not a JSON object");
    }
    if (summary == NULL) {
        return import_refuse_missing(map, record, IMPORT_SUMMARY, why);
    }
    if (summary->type != SAL_FIELD_STRING && summary->type != SAL_FIELD_NULL) {
        return sal_fail(why, SAL_EFORMAT, "the field \"%.40s\" is no string", summary->name);
    }
    found->text = summary->type == SAL_FIELD_NULL ? "" : summary->bytes;
    found->text_length = summary->type == SAL_FIELD_NULL ? 0 : summary->length;
    tell_status(found);
    return SAL_OK;
}

/* A whole number from 0 to a million, as pandas may write it (10.0). */
static bool parse_number(const char *text, int *number) {
    int value = 0;

    if (*text < '0' || *text > '9') {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (*text - '0');
        if (value > MAXIMUM_NUMBER) {
            return false;
        }
    }
    *number = value;
    return *text == '\0' || strcmp(text, ".0") == 0;
}

/* out *number unchanged when the record has none */
static int read_number(import_job *job, const sal_record *record, import_name name, int *number,
                       sal_error *why) {
    static const char prefix[] = "length_num_";
    const sal_field *field = import_find(&job->map, record, name);
    const char *text = NULL;

    if (field == NULL || (field->length == 0 && field->type == SAL_FIELD_STRING)) {
        return SAL_OK;
    }
    text = field->bytes;
    if (name == IMPORT_LENGTH && strncmp(text, prefix, sizeof prefix - 1) == 0) {
        text += sizeof prefix - 1;
    }
    if ((field->type == SAL_FIELD_STRING || field->type == SAL_FIELD_NUMBER) &&
        parse_number(text, number)) {
        return SAL_OK;
    }
    return sal_fail(
        why, SAL_EFORMAT, "the field \"%.40s\" is \"%.60s\", where %s up to %d is expected",
        field->name, field->bytes,
        name == IMPORT_LENGTH ? "length_num_N or a number of words" : "a number", MAXIMUM_NUMBER);
}

static int read_status(import_job *job, const sal_record *record, import_summary *found,
                       sal_error *why) {
    const sal_field *field = import_find(&job->map, record, IMPORT_STATUS);

    if (field == NULL || field->length == 0) {
        return SAL_OK; /* as its text tells */
    }
    for (int status = SAL_STATUS_OK; status <= SAL_STATUS_FAILED; status++) {
        if (field->type == SAL_FIELD_STRING &&
            strcmp(field->bytes, sal_status_name((sal_status)status)) == 0) {
            found->status = (sal_status)status;
            found->error = status >= SAL_STATUS_REFUSED ? "marked so in the imported file" : NULL;
            return SAL_OK;
        }
    }
    return sal_fail(why, SAL_EFORMAT,
                    "the status \"%.40s\" is none of ok, truncated, refused, failed", field->bytes);
}

int import_read_summary(import_job *job, const sal_record *record, import_summary *found,
                        sal_error *why) {
    int code = import_read_summary_text(&job->map, record, found, why);

    found->length = 0;
    found->replica = -1;
    if (code == SAL_OK) {
        code = read_number(job, record, IMPORT_LENGTH, &found->length, why);
    }
    if (code == SAL_OK) {
        code = read_number(job, record, IMPORT_REPLICA, &found->replica, why);
    }
    return code == SAL_OK ? read_status(job, record, found, why) : code;
}
