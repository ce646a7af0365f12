/* The form in which words are matched, and the way back to the bytes as given.
 *
 * strict: NFC, then U+2018 and U+2019 to ', then lower case. paper: lower case alone.
 * Lower case is the full mapping of the root locale, as Python's str.lower does it: the simple mapping of each
 * code point, except U+0130 (i and U+0307) and U+03A3 (final sigma by context).
 * NFC works on segments between normalisation boundaries. A segment is cut after SEGMENT_LIMIT code points
 * (Unicode's stream-safe format allows 30), because reordering marks takes quadratic time. */
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "text/text_internal.h"

enum {
    SEGMENT_LIMIT = 256, /* code points */
    COMPOSED_UNITS = 6 * SEGMENT_LIMIT,
    COMPOSED_BYTES = 3 * COMPOSED_UNITS,
    FIRST_COMBINING_LEAD = 0xCC, /* of U+0300: nothing below combines with what stands before */
    CAPITAL_I_DOT = 0x130,       /* its lower case is two code points */
    COMBINING_DOT_ABOVE = 0x307,
    CAPITAL_SIGMA = 0x3A3,
    SMALL_SIGMA = 0x3C3,
    FINAL_SIGMA = 0x3C2,
    LEFT_QUOTE = 0x2018,
    RIGHT_QUOTE = 0x2019
};

/* ---- edits ------------------------------------------------------------------------------------------------- */

static int add_edit(sal_edit_list *list, sal_span output, sal_span input, sal_error *err) {
    int status =
        sal_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items, err);
    if (status == SAL_OK)
        list->items[list->count++] = (sal_edit){output, input};
    return status;
}

/* Position outside any edit: the same distance behind the edit before the cursor as in the output. */
static size_t shifted(const sal_edit_list *list, size_t output) {
    if (list->cursor == 0)
        return output;
    const sal_edit *before = &list->items[list->cursor - 1];
    return before->input.end + (output - before->output.end);
}

sal_span sal_edit_list_map(sal_edit_list *list, sal_span output) {
    sal_span input;
    while (list->cursor < list->count && list->items[list->cursor].output.end <= output.start)
        list->cursor++;
    bool inside =
        list->cursor < list->count && list->items[list->cursor].output.start <= output.start;
    input.start = inside ? list->items[list->cursor].input.start : shifted(list, output.start);
    while (list->cursor < list->count && list->items[list->cursor].output.end < output.end)
        list->cursor++;
    inside = list->cursor < list->count && list->items[list->cursor].output.start < output.end;
    input.end = inside ? list->items[list->cursor].input.end : shifted(list, output.end);
    return input;
}

/* ---- NFC --------------------------------------------------------------------------------------------------- */

/* A letter (a Hangul vowel, say) combines only with a letter of its script right before it. */
static bool letter_starts_anew(int32_t previous, int32_t next) {
    return u_isalpha(next) &&
           (!u_isalpha(previous) || u_getIntPropertyValue(next, UCHAR_SCRIPT) !=
                                        u_getIntPropertyValue(previous, UCHAR_SCRIPT));
}

/* End of the segment that starts at `at`: up to the next code point that cannot combine with what precedes. ICU answers
 * for the code point alone; a boundary before letters as well keeps two words out of one edit. */
static size_t segment_end(const UNormalizer2 *nfc, const char *bytes, size_t length, size_t at) {
    int32_t previous = sal_utf8_next(bytes, &at);
    for (int i = 1; i < SEGMENT_LIMIT && at < length; i++) {
        if ((unsigned char)bytes[at] < FIRST_COMBINING_LEAD)
            return at;
        size_t behind = at;
        int32_t next = sal_utf8_next(bytes, &behind);
        if (unorm2_hasBoundaryBefore(nfc, next) || letter_starts_anew(previous, next))
            return at;
        previous = next;
        at = behind;
    }
    return at;
}

/* One code point that is its own NFC needs no work; this is nearly all of any text. */
static bool is_composed(const char *bytes, sal_span segment) {
    size_t at = segment.start;
    int32_t code_point = sal_utf8_next(bytes, &at);
    return at == segment.end &&
           (code_point < 0x300 ||
            u_getIntPropertyValue(code_point, UCHAR_NFC_QUICK_CHECK) == UNORM_YES);
}

/* NFC of a segment, into utf8 [COMPOSED_BYTES]. It never has more than 3 times the UTF-16 units of the input. */
static int compose_segment(const UNormalizer2 *nfc, const char *bytes, sal_span segment, char *utf8,
                           size_t *written, sal_error *err) {
    UChar units[2 * SEGMENT_LIMIT];
    UChar composed[COMPOSED_UNITS];
    int32_t count = 0;
    for (size_t at = segment.start; at < segment.end;) {
        int32_t code_point = sal_utf8_next(bytes, &at);
        U16_APPEND_UNSAFE(units, count, code_point);
    }
    UErrorCode code = U_ZERO_ERROR;
    int32_t length = unorm2_normalize(nfc, units, count, composed, COMPOSED_UNITS, &code);
    if (U_FAILURE(code))
        return sal_fail(err, SAL_ENOMEM, "Unicode normalisation failed: %s", u_errorName(code));
    *written = 0;
    for (int32_t i = 0; i < length;) {
        UChar lead = composed[i++];
        UChar32 code_point = lead;
        if (U16_IS_LEAD(lead)) /* always followed by its trail: ICU gives well-formed text */
            code_point = U16_GET_SUPPLEMENTARY(lead, composed[i++]);
        *written += sal_utf8_put(utf8 + *written, code_point);
    }
    return SAL_OK;
}

/* Append the input between `copied` and the segment, and the segment's NFC; unless that is what stands there. */
static int replace_segment(const UNormalizer2 *nfc, const char *bytes, sal_span segment,
                           size_t *copied, sal_buffer *out, sal_edit_list *edits, sal_error *err) {
    char utf8[COMPOSED_BYTES];
    size_t size = 0;
    int status = compose_segment(nfc, bytes, segment, utf8, &size, err);
    if (status != SAL_OK)
        return status;
    if (size == segment.end - segment.start && memcmp(utf8, bytes + segment.start, size) == 0)
        return SAL_OK;
    status = sal_buffer_add(out, bytes + *copied, segment.start - *copied, err);
    if (status == SAL_OK)
        status = sal_buffer_add(out, utf8, size, err);
    if (status == SAL_OK)
        status = add_edit(edits, (sal_span){out->length - size, out->length}, segment, err);
    *copied = segment.end;
    return status;
}

static int compose(const char *bytes, size_t length, sal_buffer *out, sal_edit_list *edits,
                   sal_error *err) {
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
    if (U_FAILURE(code))
        return sal_fail(err, SAL_EUNSUPPORTED, "ICU has no NFC data: %s", u_errorName(code));
    size_t copied = 0; /* input up to here is in out */
    for (size_t at = 0; at < length;) {
        sal_span segment = {at, segment_end(nfc, bytes, length, at)};
        at = segment.end;
        if (is_composed(bytes, segment))
            continue;
        int status = replace_segment(nfc, bytes, segment, &copied, out, edits, err);
        if (status != SAL_OK)
            return status;
    }
    return sal_buffer_add(out, bytes + copied, length - copied, err);
}

/* ---- lower case -------------------------------------------------------------------------------------------- */

/* Final_Sigma of the Unicode Standard (Table 3-17): a cased letter before, none after, case-ignorable code points
 * skipped. Linear over a text: each run of ignorable code points is visited at most twice. */
static int32_t lower_sigma(const char *bytes, size_t length, size_t start, size_t end) {
    int32_t neighbour = -1;
    for (size_t at = start; at > 0;) {
        at = sal_utf8_before(bytes, at);
        size_t after = at;
        neighbour = sal_utf8_next(bytes, &after);
        if (!u_hasBinaryProperty(neighbour, UCHAR_CASE_IGNORABLE))
            break;
        neighbour = -1;
    }
    if (neighbour < 0 || !u_hasBinaryProperty(neighbour, UCHAR_CASED))
        return SMALL_SIGMA;
    for (size_t at = end; at < length;) {
        neighbour = sal_utf8_next(bytes, &at);
        if (!u_hasBinaryProperty(neighbour, UCHAR_CASE_IGNORABLE))
            return u_hasBinaryProperty(neighbour, UCHAR_CASED) ? SMALL_SIGMA : FINAL_SIGMA;
    }
    return FINAL_SIGMA;
}

/* Lower-case one code point above ASCII into out; returns the bytes written. */
static size_t lower_one(const char *bytes, size_t length, sal_span at, int32_t code_point,
                        bool fold_apostrophes, char *out) {
    if (fold_apostrophes && (code_point == LEFT_QUOTE || code_point == RIGHT_QUOTE))
        return sal_utf8_put(out, '\'');
    if (code_point == CAPITAL_I_DOT) {
        size_t written = sal_utf8_put(out, 'i');
        return written + sal_utf8_put(out + written, COMBINING_DOT_ABOVE);
    }
    if (code_point == CAPITAL_SIGMA)
        return sal_utf8_put(out, lower_sigma(bytes, length, at.start, at.end));
    return sal_utf8_put(out, u_tolower(code_point));
}

/* out has room for 1.5 times the input: the largest growth is from 2 bytes to 3. */
static int lower(const char *bytes, size_t length, bool fold_apostrophes, char *out,
                 size_t *written, sal_edit_list *edits, sal_error *err) {
    size_t put = 0;
    for (size_t at = 0; at < length;) {
        unsigned char lead = (unsigned char)bytes[at];
        if (lead < 0x80) {
            out[put++] = (char)(lead >= 'A' && lead <= 'Z' ? lead + ('a' - 'A') : lead);
            at++;
            continue;
        }
        sal_span input = {at, at};
        int32_t code_point = sal_utf8_next(bytes, &input.end);
        size_t size = lower_one(bytes, length, input, code_point, fold_apostrophes, out + put);
        if (size != input.end - input.start) {
            int status = add_edit(edits, (sal_span){put, put + size}, input, err);
            if (status != SAL_OK)
                return status;
        }
        put += size;
        at = input.end;
    }
    *written = put;
    return SAL_OK;
}

/* ---- both -------------------------------------------------------------------------------------------------- */

int sal_normal_make(sal_protocol protocol, const char *bytes, size_t length, sal_normal *normal,
                    sal_error *err) {
    *normal = (sal_normal){.bytes = bytes, .length = length};
    normal->ascii = sal_utf8_is_ascii(bytes, length);
    if (normal->ascii)
        return SAL_OK;
    int status = sal_utf8_check(bytes, length, err);
    if (status != SAL_OK)
        goto done;
    if (protocol == SAL_STRICT) {
        status = compose(bytes, length, &normal->composed, &normal->compositions, err);
        if (status != SAL_OK)
            goto done;
        bytes = normal->composed.bytes;
        length = normal->composed.length;
    }
    normal->lowered = sal_calloc(length / 2 + length + 4, 1);
    if (normal->lowered == NULL) {
        status = sal_fail_memory(err, "the lower-case text");
        goto done;
    }
    normal->bytes = normal->lowered;
    status = lower(bytes, length, protocol == SAL_STRICT, normal->lowered, &normal->length,
                   &normal->lowerings, err);
done:
    if (status != SAL_OK)
        sal_normal_free(normal);
    return status;
}

sal_span sal_normal_map(sal_normal *normal, sal_span span) {
    return sal_edit_list_map(&normal->compositions, sal_edit_list_map(&normal->lowerings, span));
}

void sal_normal_free(sal_normal *normal) {
    sal_buffer_free(&normal->composed);
    sal_free(normal->lowered);
    sal_free(normal->compositions.items);
    sal_free(normal->lowerings.items);
    *normal = (sal_normal){0};
}
