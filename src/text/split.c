/* Words as the paper's head analysis splits them: pieces between white space, each normalised on its own.
 *
 * Order of its steps: lower case; ` to '; drop all but letters, numbers, _ and '; in French NFD and ASCII alone. Its code also means to
 * fold curly apostrophes, but its quoting makes that line do nothing: they are dropped with the other punctuation. */
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "text/text_internal.h"

enum { DECOMPOSED_UNITS = 32 };

static bool is_french(const char *language) {
    return language != NULL && (language[0] == 'f' || language[0] == 'F') &&
           (language[1] == 'r' || language[1] == 'R') && strchr("-_", language[2]) != NULL;
}

static bool is_kept(int32_t code_point) {
    return code_point == '_' || code_point == '\'' ||
           (U_GET_GC_MASK(code_point) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

/* The ASCII characters of a code point's canonical decomposition. return bytes written, at most DECOMPOSED_UNITS */
static size_t put_ascii(const UNormalizer2 *nfd, int32_t code_point, char *out) {
    UChar units[DECOMPOSED_UNITS];
    UErrorCode code = U_ZERO_ERROR;
    size_t written = 0;
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    int32_t count = unorm2_getDecomposition(nfd, code_point, units, DECOMPOSED_UNITS, &code);
    for (int32_t i = 0; !U_FAILURE(code) && i < count; i++)
        if (units[i] < 0x80)
            out[written++] = (char)units[i];
    return written;
}

/* One piece of the lower-cased text into out, which has room for twice its bytes. return bytes written */
static size_t normalise(const UNormalizer2 *nfd, const char *bytes, sal_span piece, char *out) {
    size_t written = 0;
    for (size_t at = piece.start; at < piece.end;) {
        size_t start = at;
        int32_t code_point = sal_utf8_next(bytes, &at);
        if (code_point >= 'A' && code_point <= 'Z')
            code_point += 'a' - 'A'; /* ASCII texts come as they are */
        if (code_point == '`')
            code_point = '\'';
        if (!is_kept(code_point))
            continue;
        char ascii[DECOMPOSED_UNITS];
        if (nfd == NULL && code_point < 0x80)
            out[written++] = (char)code_point;
        else if (nfd == NULL)
            for (size_t i = start; i < at; i++)
                out[written++] = bytes[i];
        else {
            size_t count = put_ascii(nfd, code_point, ascii);
            for (size_t i = 0; i < count && i < 2 * (at - start); i++)
                out[written++] = ascii[i];
        }
    }
    return written;
}

static bool next_piece(const sal_normal *normal, size_t *at, sal_span *piece) {
    size_t start = sal_skip_white_space(normal->bytes, normal->length, *at);
    size_t end = start;
    while (end < normal->length) {
        size_t behind = end;
        if (sal_is_white_space(sal_utf8_next(normal->bytes, &behind)))
            break;
        end = behind;
    }
    *piece = (sal_span){start, end};
    *at = end;
    return end > start;
}

int sal_text_split(const char *bytes, size_t length, const char *language, sal_word_list *list,
                   sal_error *err) {
    sal_normal normal = {0};
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfd = is_french(language) ? unorm2_getNFDInstance(&code) : NULL;
    list->count = 0;
    if (U_FAILURE(code))
        return sal_fail(err, SAL_ENOMEM, "Unicode normalisation failed: %s", u_errorName(code));
    int status = sal_normal_make(SAL_PAPER, bytes, length, &normal, err);
    if (status != SAL_OK)
        return status;
    /* A piece takes at most twice its bytes and a NUL. */
    char *storage = sal_realloc(list->storage, 3 * normal.length + 1, 1);
    if (storage == NULL) {
        status = sal_fail_memory(err, "the words of a text");
        goto done;
    }
    list->storage = storage;
    sal_span piece;
    for (size_t at = 0; status == SAL_OK && next_piece(&normal, &at, &piece);) {
        size_t written = normalise(nfd, normal.bytes, piece, storage);
        if (written == 0)
            continue;
        status =
            sal_grow((void **)&list->words, &list->capacity, list->count, sizeof *list->words, err);
        if (status != SAL_OK)
            break;
        storage[written] = '\0';
        list->words[list->count++] =
            (sal_word){storage, written, normal.ascii ? piece : sal_normal_map(&normal, piece)};
        storage += written + 1;
    }
done:
    if (status != SAL_OK)
        list->count = 0;
    sal_normal_free(&normal);
    return status;
}
