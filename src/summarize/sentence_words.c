/* From sentences to numbers: words of each sentence, without stop words or as stems where the kind asks for that. */
#include <string.h>

#include "summarize/sentences.h"
#include "text/stem.h"

enum { REMEMBERED_WORDS = 100000 }; /* of a language; then all are forgotten */

typedef struct language {
    char *name;
    sal_stopwords *stopwords; /* NULL: no list */
    sal_stemmer *stemmer;     /* NULL: no algorithm */
    /* What was looked up before: words come again in every document. */
    sal_word_index known;
    size_t *stem_of; /* [known.count] number in stems; SAL_NO_WORD for a stop word */
    size_t stem_capacity;
    sal_word_index stems;
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
    sal_word_index_free(&one->known);
    sal_word_index_free(&one->stems);
    sal_free(one->stem_of);
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

static int find_language(sal_sentence_reader *reader, const char *name, language **out,
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

/* Look a word up that was not met before. */
static int learn(language *one, const sal_word *word, size_t *stem, sal_error *err) {
    const char *bytes = NULL;
    size_t length = 0;
    *stem = SAL_NO_WORD;
    if (one->stopwords != NULL && sal_stopwords_has(one->stopwords, word->bytes, word->length))
        return SAL_OK;
    int status = sal_stemmer_stem(one->stemmer, word->bytes, word->length, &bytes, &length, err);
    return status == SAL_OK ? sal_word_index_add(&one->stems, bytes, length, stem, err) : status;
}

/* Number of a word's stem among one->stems; SAL_NO_WORD for a stop word. */
static int stem_of(language *one, const sal_word *word, size_t *stem, sal_error *err) {
    size_t number = sal_word_index_find(&one->known, word->bytes, word->length);
    if (one->stem_of != NULL && number != SAL_NO_WORD) {
        *stem = one->stem_of[number];
        return SAL_OK;
    }
    if (one->known.count == REMEMBERED_WORDS) {
        sal_word_index_free(&one->known);
        sal_word_index_free(&one->stems);
    }
    int status = learn(one, word, stem, err);
    if (status == SAL_OK)
        status = sal_grow((void **)&one->stem_of, &one->stem_capacity, one->known.count,
                          sizeof *one->stem_of, err);
    if (status == SAL_OK)
        status = sal_word_index_add(&one->known, word->bytes, word->length, &number, err);
    if (status == SAL_OK)
        one->stem_of[number] = *stem;
    return status;
}

/* Add the words of reader->list to the sentence that is being filled. */
static int add_words(sal_sentence_reader *reader, language *one, sal_sentence_words *words,
                     size_t *used, size_t *capacity, sal_error *err) {
    for (size_t i = 0; i < reader->list.count; i++) {
        const sal_word *word = &reader->list.words[i];
        const char *bytes = word->bytes;
        size_t length = word->length;
        if (reader->choice != SAL_WORDS_ALL) {
            size_t stem = SAL_NO_WORD;
            int status = stem_of(one, word, &stem, err);
            if (status != SAL_OK)
                return status;
            if (stem == SAL_NO_WORD)
                continue;
            bytes = sal_word_index_bytes(&one->stems, stem);
            length = one->stems.words[stem].length;
        }
        int status = sal_grow((void **)&words->types, capacity, *used, sizeof *words->types, err);
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
    language *one = NULL;
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
