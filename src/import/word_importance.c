/* Importance that a file brings along. The published code writes it into each record of generated_summaries_with_word_importance*.json:
   "word_importance": {word: y}; its probes also read [[word, y], ...] and [{"word": word, "score": y}, ...]. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "import/word_importance.h"
#include "io/http.h"

void import_words_free(import_words *words) {
    sal_free(words->items);
    json_decref(words->root);
    *words = (import_words){0};
}

/* in word NULL, or value no number: the entry is none of the forms */
static int add_word(import_words *words, size_t *capacity, const char *word, const json_t *value,
                    sal_error *why) {
    const double importance = json_number_value(value);

    if (word == NULL || !json_is_number(value)) {
        return sal_fail(why, SAL_EFORMAT,
                        "its importance of words is neither {word: number} nor a list of [word, "
                        "number]");
    }
    if (!(importance >= 0 && importance <= 1)) {
        return sal_fail(why, SAL_EFORMAT,
                        "the word \"%.60s\" has the importance %g, where 0 to 1 is allowed", word,
                        importance);
    }
    const int code =
        sal_grow((void **)&words->items, capacity, words->count, sizeof *words->items, why);

    if (code == SAL_OK) {
        words->items[words->count++] = (sal_imported_word){word, importance};
    }
    return code;
}

static int read_object(import_words *words, sal_error *why) {
    const char *word = NULL;
    json_t *value = NULL;
    size_t capacity = 0;
    int code = SAL_OK;

    json_object_foreach(words->root, word, value) {
        code = add_word(words, &capacity, word, value, why);
        if (code != SAL_OK) {
            break;
        }
    }
    return code;
}

static int read_array(import_words *words, sal_error *why) {
    size_t capacity = 0;
    int code = SAL_OK;

    for (size_t i = 0; code == SAL_OK && i < json_array_size(words->root); i++) {
        const json_t *entry = json_array_get(words->root, i);
        const bool pair = json_is_array(entry) && json_array_size(entry) == 2;
        const json_t *word = pair ? json_array_get(entry, 0) : json_object_get(entry, "word");
        const json_t *value = pair ? json_array_get(entry, 1) : json_object_get(entry, "score");

        code = add_word(words, &capacity, json_string_value(word), value, why);
    }
    return code;
}

static int by_word(const void *left, const void *right) {
    const sal_imported_word *a = left;
    const sal_imported_word *b = right;

    return strcmp(a->word, b->word);
}

static int check_once(const import_words *words, sal_error *why) {
    for (size_t i = 1; i < words->count; i++) {
        if (strcmp(words->items[i - 1].word, words->items[i].word) == 0) {
            return sal_fail(why, SAL_EFORMAT, "the word \"%.60s\" has its importance twice",
                            words->items[i].word);
        }
    }
    return SAL_OK;
}

int import_read_words(const sal_field *field, import_words *words, sal_error *why) {
    sal_error unread = {0};
    int code = SAL_OK;

    *words = (import_words){0};
    if (field->type != SAL_FIELD_NESTED) {
        return sal_fail(why, SAL_EFORMAT, "the field \"%.40s\" is no object of words", field->name);
    }
    code = sal_json_reply(field->bytes, field->length, &words->root, &unread);
    if (code != SAL_OK) {
        return sal_fail(why, code, "the field \"%.40s\": %s", field->name, unread.text);
    }
    code = json_is_object(words->root) ? read_object(words, why) : read_array(words, why);
    if (code == SAL_OK && words->count > 0) {
        qsort(words->items, words->count, sizeof *words->items, by_word);
        code = check_once(words, why);
    }
    if (code == SAL_OK && words->count == 0) {
        code = sal_fail(why, SAL_EFORMAT, "the field \"%.40s\" has no word", field->name);
    }
    if (code != SAL_OK) {
        import_words_free(words);
    }
    return code;
}

bool import_words_equal(const import_words *words, const sal_imported_list *stored) {
    if (stored == NULL || stored->count != words->count) {
        return false;
    }
    for (size_t i = 0; i < words->count; i++) {
        const sal_imported_word *a = &words->items[i];
        const sal_imported_word *b = &stored->words[i];

        if (strcmp(a->word, b->word) != 0 || a->importance < b->importance ||
            a->importance > b->importance) {
            return false;
        }
    }
    return true;
}
