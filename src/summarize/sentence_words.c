/* From sentences to numbers: words of each sentence, without stop words or as stems where the kind asks for that. */
#include <string.h>

#include "summarize/sentences.h"
#include "text/stem.h"

typedef struct language {
    char *name;
    sal_stopwords *stopwords; /* NULL: no list */
    sal_stemmer *stemmer;     /* NULL: no algorithm */
} language;

struct sal_sentence_reader {
    const sal_text *text;
    sal_word_choice choice;
    language *languages;
    size_t language_count;
    size_t language_capacity;
    sal_word_list list; /* of one sentence, reused */
};

void sal_sentence_words_free(sal_sentence_words *words) {
    sal_free(words->starts);
    sal_free(words->types);
    sal_word_index_free(&words->index);
    *words = (sal_sentence_words){0};
}

int sal_sentence_reader_open(const sal_text *text, sal_word_choice choice,
                             sal_sentence_reader **out, sal_error *err) {
    sal_sentence_reader *reader = sal_calloc(1, sizeof *reader);
    if (reader == NULL)
        return sal_fail_memory(err, "a summarizer");
    reader->text = text;
    reader->choice = choice;
    *out = reader;
    return SAL_OK;
}

static void close_language(language *one) {
    sal_free(one->name);
    sal_stopwords_close(one->stopwords);
    sal_stemmer_close(one->stemmer);
}

void sal_sentence_reader_close(sal_sentence_reader *reader) {
    if (reader == NULL)
        return;
    for (size_t i = 0; i < reader->language_count; i++)
        close_language(&reader->languages[i]);
    sal_free(reader->languages);
    sal_word_list_free(&reader->list);
    sal_free(reader);
}

static int open_language(const sal_sentence_reader *reader, const char *name, language *out,
                         sal_error *err) {
    language added = {.name = sal_copy_string(name)};
    int status = added.name == NULL ? sal_fail_memory(err, "a language") : SAL_OK;
    if (status == SAL_OK && reader->choice != SAL_WORDS_ALL)
        status = sal_stopwords_open(name, &added.stopwords, err);
    if (status == SAL_OK && reader->choice == SAL_WORDS_STEMS)
        status = sal_stemmer_open(name, &added.stemmer, err);
    if (status == SAL_OK)
        *out = added;
    else
        close_language(&added);
    return status;
}

static int find_language(sal_sentence_reader *reader, const char *name, const language **out,
                         sal_error *err) {
    for (size_t i = 0; i < reader->language_count; i++)
        if (strcmp(reader->languages[i].name, name) == 0) {
            *out = &reader->languages[i];
            return SAL_OK;
        }
    int status = sal_grow((void **)&reader->languages, &reader->language_capacity,
                          reader->language_count, sizeof *reader->languages, err);
    if (status == SAL_OK)
        status = open_language(reader, name, &reader->languages[reader->language_count], err);
    if (status == SAL_OK)
        *out = &reader->languages[reader->language_count++];
    return status;
}

/* Add the words of reader->list to the sentence that is being filled. */
static int add_words(sal_sentence_reader *reader, const language *one, sal_sentence_words *words,
                     size_t *used, size_t *capacity, sal_error *err) {
    for (size_t i = 0; i < reader->list.count; i++) {
        const sal_word *word = &reader->list.words[i];
        const char *bytes = word->bytes;
        size_t length = word->length;
        if (one->stopwords != NULL && sal_stopwords_has(one->stopwords, bytes, length))
            continue;
        int status =
            sal_stemmer_stem(one->stemmer, word->bytes, word->length, &bytes, &length, err);
        if (status == SAL_OK)
            status = sal_grow((void **)&words->types, capacity, *used, sizeof *words->types, err);
        if (status == SAL_OK)
            status = sal_word_index_add(&words->index, bytes, length, &words->types[*used], err);
        if (status != SAL_OK)
            return status;
        (*used)++;
    }
    return SAL_OK;
}

int sal_sentence_reader_read(sal_sentence_reader *reader, const sal_document *document,
                             const sal_span *sentences, size_t count, sal_sentence_words *words,
                             sal_error *err) {
    const language *one = NULL;
    size_t used = 0;
    size_t capacity = 0;
    sal_sentence_words_free(words);
    int status = find_language(reader, document->language, &one, err);
    if (status != SAL_OK)
        return status;
    words->starts = sal_calloc(count + 1, sizeof *words->starts);
    if (words->starts == NULL)
        return sal_fail_memory(err, "sentences");
    words->sentence_count = count;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = sal_text_words(reader->text, SAL_STRICT, document->text + sentences[i].start,
                                sentences[i].end - sentences[i].start, &reader->list, err);
        if (status == SAL_OK)
            status = add_words(reader, one, words, &used, &capacity, err);
        words->starts[i + 1] = used;
    }
    if (status != SAL_OK)
        sal_sentence_words_free(words);
    return status;
}
