/* Tokens with exact byte offsets.
 *
 * libllama gives ids only. The bytes of a token are its piece, and pieces laid end to end give the text again, so offsets are sums
 * of piece lengths. Two things break that: a tokenizer that puts a space in front of the text (SentencePiece), and one that drops or
 * changes bytes (white space eaten beside a control token, normalising vocabularies, unknown characters). Every piece is therefore
 * compared with the text at its place; where they differ the next pieces are looked for a little further on, and what lies between
 * belongs to the token before them. The spans are contiguous and cover the text in every case. */
#include <limits.h>
#include <string.h>

#include "llm_internal.h"

enum { LOOK_TOKENS = 6, LOOK_BYTES = 96 };

void sal_tokens_free(sal_tokens *tokens) {
    if (tokens == NULL)
        return;
    sal_free(tokens->ids);
    sal_free(tokens->spans);
    *tokens = (sal_tokens){0};
}

int sal_token_piece(const sal_model *model, int32_t id, bool special, sal_buffer *space,
                    sal_error *err) {
    char small[128];
    int32_t length =
        llama_token_to_piece(model->vocab, id, small, (int32_t)sizeof small, 0, special);
    sal_buffer_clear(space);
    if (length >= 0)
        return sal_buffer_add(space, small, (size_t)length, err);
    char *large = sal_calloc((size_t)-length, 1);
    if (large == NULL)
        return sal_fail_memory(err, "the text of a token");
    int32_t again = llama_token_to_piece(model->vocab, id, large, -length, 0, special);
    int status = again < 0 ? sal_fail(err, SAL_EMODEL, "%s: token %d has no text", model->path, id)
                           : sal_buffer_add(space, large, (size_t)again, err);
    sal_free(large);
    return status;
}

/* ids of a text, allocated; libllama is asked for the number first. */
static int token_ids(const sal_model *model, const char *bytes, size_t length, bool parse_special,
                     int32_t **ids, size_t *count, sal_error *err) {
    *ids = NULL;
    *count = 0;
    if (length > INT32_MAX / 2)
        return sal_fail(err, SAL_ELIMIT,
                        "a text of %zu bytes is too long for a tokenizer; allowed are %d", length,
                        INT32_MAX / 2);
    size_t bad = 0;
    if (!sal_utf8_valid(bytes, length, &bad))
        return sal_fail(err, SAL_EFORMAT,
                        "a text for the tokenizer is not UTF-8 (byte %zu of a piece of %zu)", bad,
                        length);
    int32_t room = (int32_t)(length / 2) + 16;
    for (int attempt = 0; attempt < 2; attempt++) {
        int32_t *block = sal_calloc((size_t)room, sizeof *block);
        if (block == NULL)
            return sal_fail_memory(err, "tokens");
        int32_t got =
            llama_tokenize(model->vocab, bytes, (int32_t)length, block, room, false, parse_special);
        if (got >= 0) {
            *ids = block;
            *count = (size_t)got;
            return SAL_OK;
        }
        sal_free(block);
        if (got == INT32_MIN)
            break;
        room = -got;
    }
    return sal_fail(err, SAL_EMODEL, "%s: the tokenizer failed on a text of %zu bytes", model->path,
                    length);
}

/* Pieces of all ids laid end to end: ends[i] is where piece i ends. */
static int pieces_of(const sal_model *model, const int32_t *ids, size_t count, sal_buffer *pieces,
                     size_t *ends, sal_error *err) {
    sal_buffer piece = {0};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < count; i++) {
        status = sal_token_piece(model, ids[i], true, &piece, err);
        if (status == SAL_OK && piece.length > 0)
            status = sal_buffer_add(pieces, piece.bytes, piece.length, err);
        ends[i] = pieces->length;
    }
    sal_buffer_free(&piece);
    return status;
}

typedef struct alignment {
    const char *text;
    size_t length;
    const char *pieces;
    const size_t *ends;
    size_t count;
} alignment;

/* Whether piece i stands at byte `at` of the text, as it is or without the space that the tokenizer put in front. */
static bool stands_at(const alignment *a, size_t i, size_t at, size_t *used) {
    size_t start = i == 0 ? 0 : a->ends[i - 1], length = a->ends[i] - start;
    if (length == 0 || a->pieces == NULL) /* no token has a text */
        return false;
    const char *piece = a->pieces + start;
    if (length <= a->length - at && memcmp(a->text + at, piece, length) == 0) {
        *used = length;
        return true;
    }
    *used = length - 1;
    return piece[0] == ' ' && length - 1 <= a->length - at &&
           memcmp(a->text + at, piece + 1, length - 1) == 0;
}

/* The nearest place at or after `at` where a piece at or after `i` fits again. */
static bool find_again(const alignment *a, size_t i, size_t at, size_t *next, size_t *place) {
    for (size_t skip = 0; skip <= LOOK_BYTES && at + skip < a->length; skip++)
        for (size_t k = i; k < a->count && k <= i + LOOK_TOKENS; k++) {
            size_t used = 0;
            if ((k > i || skip > 0) && stands_at(a, k, at + skip, &used) && used > 0) {
                *next = k;
                *place = at + skip;
                return true;
            }
        }
    return false;
}

static void align(const alignment *a, sal_span *spans) {
    size_t at = 0, i = 0;
    while (i < a->count) {
        size_t used = 0, next = a->count, place = a->length;
        if (at < a->length && stands_at(a, i, at, &used)) {
            spans[i++] = (sal_span){at, at + used};
            at += used;
            continue;
        }
        if (at >= a->length || !find_again(a, i, at, &next, &place)) {
            next = a->count;
            place = a->length;
        }
        if (next == i) { /* bytes that no token has: this one takes them along */
            (void)stands_at(a, i, place, &used);
            spans[i++] = (sal_span){at, place + used};
            at = place + used;
            continue;
        }
        spans[i++] = (sal_span){at, place};
        for (at = place; i < next; i++)
            spans[i] = (sal_span){at, at};
    }
    if (a->count > 0 && at < a->length)
        spans[a->count - 1].end = a->length;
}

static int grow_tokens(sal_tokens *tokens, size_t more, sal_error *err) {
    size_t count = tokens->count + more;
    if (more == 0)
        return SAL_OK;
    int32_t *ids = sal_realloc(tokens->ids, count, sizeof *ids);
    if (ids == NULL)
        return sal_fail_memory(err, "tokens");
    tokens->ids = ids;
    sal_span *spans = sal_realloc(tokens->spans, count, sizeof *spans);
    if (spans == NULL)
        return sal_fail_memory(err, "tokens");
    tokens->spans = spans;
    return SAL_OK;
}

int sal_tokens_append(const sal_model *model, const char *bytes, size_t length, bool parse_special,
                      size_t offset, sal_tokens *tokens, sal_error *err) {
    int32_t *ids = NULL;
    size_t *ends = NULL;
    sal_buffer pieces = {0};
    size_t count = 0;
    int status = token_ids(model, bytes, length, parse_special, &ids, &count, err);
    if (status != SAL_OK)
        goto done;
    ends = sal_calloc(count, sizeof *ends);
    if (ends == NULL) {
        status = sal_fail_memory(err, "tokens");
        goto done;
    }
    status = pieces_of(model, ids, count, &pieces, ends, err);
    if (status == SAL_OK)
        status = grow_tokens(tokens, count, err);
    if (status != SAL_OK)
        goto done;
    sal_span *spans = tokens->spans + tokens->count;
    align(&(alignment){bytes, length, pieces.bytes, ends, count}, spans);
    for (size_t i = 0; i < count; i++) {
        tokens->ids[tokens->count + i] = ids[i];
        spans[i].start += offset;
        spans[i].end += offset;
    }
    tokens->count += count;
done:
    sal_buffer_free(&pieces);
    sal_free(ends);
    sal_free(ids);
    return status;
}

int sal_tokens_add_bos(const sal_model *model, sal_tokens *tokens, sal_error *err) {
    int32_t bos = llama_vocab_bos(model->vocab);
    if (!llama_vocab_get_add_bos(model->vocab) || bos < 0 ||
        (tokens->count > 0 && tokens->ids[0] == bos))
        return SAL_OK;
    int status = grow_tokens(tokens, 1, err);
    if (status != SAL_OK)
        return status;
    memmove(tokens->ids + 1, tokens->ids, tokens->count * sizeof *tokens->ids);
    memmove(tokens->spans + 1, tokens->spans, tokens->count * sizeof *tokens->spans);
    tokens->ids[0] = bos;
    tokens->spans[0] = (sal_span){0, 0};
    tokens->count++;
    return SAL_OK;
}

int sal_model_tokenize(const sal_model *model, const char *bytes, size_t length, bool parse_special,
                       bool add_special, sal_tokens *out, sal_error *err) {
    sal_tokens tokens = {0};
    int status = sal_tokens_append(model, bytes, length, parse_special, 0, &tokens, err);
    if (status == SAL_OK && add_special)
        status = sal_tokens_add_bos(model, &tokens, err);
    if (status == SAL_OK) {
        *out = tokens;
        tokens = (sal_tokens){0};
    }
    sal_tokens_free(&tokens);
    return status;
}

int sal_model_count_control(const sal_model *model, const char *bytes, size_t length, size_t *count,
                            sal_error *err) {
    (void)err;
    size_t found = 0;
    for (size_t at = 0; at < length;) {
        size_t longest = 0;
        size_t tried = model->control_first[(unsigned char)bytes[at]] ? model->control_count : 0;
        for (size_t i = 0; i < tried; i++) {
            const sal_control *control = &model->controls[i];
            if (control->length > longest && control->length <= length - at &&
                memcmp(bytes + at, control->text, control->length) == 0)
                longest = control->length;
        }
        found += longest > 0 ? 1 : 0;
        at += longest > 0 ? longest : 1;
    }
    *count = found;
    return SAL_OK;
}
