/* Which field of a record is what: --map, else the names that data sets of the field use. */
#include <stdio.h>
#include <string.h>

#include "import/import_internal.h"

enum { MAXIMUM_DEFAULTS = 4 };

static const struct {
    const char *name;
    bool mapped; /* --map may name it */
    bool summaries_only;
    const char *defaults[MAXIMUM_DEFAULTS + 1];
} fields[IMPORT_NAMES] = {
    [IMPORT_TEXT] = {"text", true, false, {"text", "article", "dialogue"}},
    [IMPORT_ID] = {"id", true, false, {"id"}},
    [IMPORT_REFERENCE] = {"reference",
                          true,
                          false,
                          {"reference", "highlights", "summary", "synopsis"}},
    [IMPORT_LANGUAGE] = {"lang", true, false, {"lang", "language"}},
    [IMPORT_KIND] = {"kind", true, false, {"kind"}},
    /* "summary" comes last: beside a field of another name it is the reference (SAMSum). */
    [IMPORT_SUMMARY] = {"summary", true, true, {"generated", "generated_summary", "summary"}},
    [IMPORT_LENGTH] = {"length", true, true, {"length", "criteria"}},
    [IMPORT_REPLICA] = {"replica", true, true, {"replica"}},
    [IMPORT_STATUS] = {"status", false, true, {"status"}},
    [IMPORT_IMPORTANCE] = {"importance", true, true, {"word_importance"}},
};

const char *import_field_name(import_name name) {
    return fields[name].name;
}

static int map_field(import_map *map, const sal_field_map *row, sal_error *err) {
    for (int i = 0; i < IMPORT_NAMES; i++) {
        if (!fields[i].mapped || strcmp(fields[i].name, row->field) != 0) {
            continue;
        }
        if (fields[i].summaries_only && !map->summaries) {
            return sal_fail(err, SAL_EINVAL, "--map %s=%s: the field %s goes with --summaries",
                            row->field, row->from, row->field);
        }
        if (map->from[i] != NULL) {
            return sal_fail(err, SAL_EINVAL, "--map names the field %s twice: %s and %s",
                            row->field, map->from[i], row->from);
        }
        map->from[i] = row->from;
        return SAL_OK;
    }
    return sal_fail(err, SAL_EINVAL,
                    "--map knows no field \"%s\": it maps text, id, reference, lang and kind, with "
                    "--summaries also summary, length, replica and importance",
                    row->field);
}

static bool is_language(const char *code) {
    size_t letters = 0;

    while (code[letters] >= 'a' && code[letters] <= 'z') {
        letters++;
    }
    if (letters < 2 || letters > 3 || strlen(code) > 35) {
        return false;
    }
    for (const char *at = code + letters; *at != '\0'; at++) {
        const bool letter =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!letter && (*at != '-' || at[1] == '-' || at[1] == '\0')) {
            return false;
        }
        if (at == code + letters && *at != '-') {
            return false;
        }
    }
    return true;
}

static int check_language(const char *code, sal_error *err) {
    return is_language(code)
               ? SAL_OK
               : sal_fail(err, SAL_EINVAL, "the language \"%.40s\" is not a code such as en or fr",
                          code);
}

static int check_kind(const char *kind, sal_error *err) {
    return strcmp(kind, "news") == 0 || strcmp(kind, "dialogue") == 0
               ? SAL_OK
               : sal_fail(err, SAL_EINVAL, "the kind \"%.40s\" is neither news nor dialogue", kind);
}

int import_check_options(const sal_import_options *options, import_map *map, sal_error *err) {
    int code = SAL_OK;

    *map = (import_map){.summaries = options->summaries};
    for (size_t i = 0; code == SAL_OK && i < options->map_count; i++) {
        code = map_field(map, &options->map[i], err);
    }
    if (code == SAL_OK && options->language != NULL) {
        code = check_language(options->language, err);
    }
    if (code == SAL_OK && options->kind != NULL) {
        code = check_kind(options->kind, err);
    }
    return code;
}

/* A field of the input that --map gives to one of ours serves as no other one. */
static bool is_taken(const import_map *map, const char *name) {
    for (int i = 0; i < IMPORT_NAMES; i++) {
        if (map->from[i] != NULL && strcmp(map->from[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const sal_field *field_named(const sal_record *record, const char *name) {
    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static const sal_field *find_any(import_map *map, const sal_record *record, import_name name) {
    const sal_field *summary = NULL;

    if (map->from[name] != NULL) {
        const sal_field *field = field_named(record, map->from[name]);

        map->seen[name] = map->seen[name] || field != NULL;
        return field;
    }
    if (name == IMPORT_REFERENCE && map->summaries) {
        summary = find_any(map, record, IMPORT_SUMMARY);
    }
    for (const char *const *from = fields[name].defaults; *from != NULL; from++) {
        const sal_field *field = is_taken(map, *from) ? NULL : field_named(record, *from);

        if (field != NULL && field != summary) {
            return field;
        }
    }
    return NULL;
}

const sal_field *import_find(import_map *map, const sal_record *record, import_name name) {
    const sal_field *field = find_any(map, record, name);

    /* A summary that is null was asked for and did not come: the same as an empty one. */
    return field != NULL && field->type == SAL_FIELD_NULL && name != IMPORT_SUMMARY ? NULL : field;
}

static const char *type_name(sal_field_type type) {
    switch (type) {
    case SAL_FIELD_NUMBER:
        return "a number";
    case SAL_FIELD_BOOLEAN:
        return "a boolean";
    case SAL_FIELD_NESTED:
        return "an array or object";
    case SAL_FIELD_NULL:
        return "null";
    case SAL_FIELD_STRING:
        break;
    }
    return "a string";
}

static int check_string(const sal_field *field, sal_error *why) {
    return field == NULL || field->type == SAL_FIELD_STRING
               ? SAL_OK
               : sal_fail(why, SAL_EFORMAT, "the field \"%.40s\" is %s, where a string is expected",
                          field->name, type_name(field->type));
}

/* An id may be a number: it is kept as written. */
static int check_id(const sal_field *field, sal_error *why) {
    return field == NULL || field->type == SAL_FIELD_NUMBER ? SAL_OK : check_string(field, why);
}

static const sal_field *not_empty(const sal_field *field) {
    return field == NULL || field->length == 0 ? NULL : field;
}

static int read_language_and_kind(import_job *job, const sal_record *record, import_record *found,
                                  sal_error *why) {
    const sal_import_options *options = job->options;
    const sal_field *language = not_empty(import_find(&job->map, record, IMPORT_LANGUAGE));
    const sal_field *kind = not_empty(import_find(&job->map, record, IMPORT_KIND));
    const bool dialogue = found->text != NULL && strcmp(found->text->name, "dialogue") == 0;
    int code = check_string(language, why);

    if (code == SAL_OK) {
        code = check_string(kind, why);
    }
    if (code != SAL_OK) {
        return code;
    }
    found->language = language != NULL            ? language->bytes
                      : options->language != NULL ? options->language
                                                  : "en";
    found->kind = kind != NULL            ? kind->bytes
                  : options->kind != NULL ? options->kind
                  : dialogue              ? "dialogue"
                                          : "news";
    code = check_language(found->language, why);
    return code == SAL_OK ? check_kind(found->kind, why) : code;
}

int import_read_record(import_job *job, const sal_record *record, import_record *found,
                       sal_error *why) {
    int code = SAL_OK;

    if (!record->is_object) {
        return sal_fail(why, SAL_EFORMAT, "not a JSON object");
    }
    found->id = not_empty(import_find(&job->map, record, IMPORT_ID));
    found->text = import_find(&job->map, record, IMPORT_TEXT);
    found->reference = not_empty(import_find(&job->map, record, IMPORT_REFERENCE));
    code = check_id(found->id, why);
    if (code == SAL_OK) {
        code = check_string(found->text, why);
    }
    if (code == SAL_OK) {
        code = check_string(found->reference, why);
    }
    return code == SAL_OK ? read_language_and_kind(job, record, found, why) : code;
}

/* `"a", "b", ...`: as much of it as fits. */
static void list_fields(const sal_record *record, char *out, size_t room) {
    size_t used = 0;

    for (size_t i = 0; i < record->count && used + 60 < room; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s\"%.40s\"", i == 0 ? "" : ", ",
                                 record->fields[i].name);
    }
    if (record->count == 0) {
        (void)snprintf(out, room, "none");
    }
}

/* The longest string of a record is probably its text. */
static const char *likely_text(const sal_record *record) {
    const sal_field *longest = NULL;

    for (size_t i = 0; i < record->count; i++) {
        const sal_field *field = &record->fields[i];

        if (field->type == SAL_FIELD_STRING && field->length > 0 &&
            strcmp(field->name, "id") != 0 &&
            (longest == NULL || field->length > longest->length)) {
            longest = field;
        }
    }
    return longest == NULL ? "FIELD" : longest->name;
}

int import_refuse_missing(const import_map *map, const sal_record *record, import_name name,
                          sal_error *why) {
    char there[400] = "";
    char others[100] = "";
    size_t used = 0;

    list_fields(record, there, sizeof there);
    if (map->from[name] != NULL) {
        return sal_fail(why, SAL_EFORMAT, "no field \"%.40s\" (--map %s=%.40s); its fields are %s",
                        map->from[name], fields[name].name, map->from[name], there);
    }
    for (const char *const *from = fields[name].defaults + 1; *from != NULL; from++) {
        used += (size_t)snprintf(others + used, sizeof others - used, "%s\"%s\"",
                                 used == 0 ? "" : ", ", *from);
    }
    return sal_fail(why, SAL_EFORMAT,
                    "no field \"%s\" (nor %s); its fields are %s: use --map %s=%.40s",
                    fields[name].defaults[0], others, there, fields[name].name,
                    name == IMPORT_TEXT ? likely_text(record) : "FIELD");
}
