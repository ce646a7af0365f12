#include <string.h>

#include "llm_internal.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

static int add_replacement(sal_utf8_stream *stream, sal_error *err) {
    stream->have = stream->need = 0;
    return sal_buffer_add(&stream->text, replacement, 3, err);
}

/* First byte of a character: whole, the start of a longer one, or no UTF-8. The ranges of the second byte leave out overlong
 * forms, surrogates and what lies past U+10FFFF. */
static int first_byte(sal_utf8_stream *stream, unsigned char byte, sal_error *err) {
    if (byte > 0 && byte < 0x80)
        return sal_buffer_add(&stream->text, (const char *)&byte, 1, err);
    if (byte < 0xC2 || byte > 0xF4)
        return add_replacement(stream, err);
    stream->need = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    stream->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    stream->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    stream->pending[0] = (char)byte;
    stream->have = 1;
    return SAL_OK;
}

static int next_byte(sal_utf8_stream *stream, unsigned char byte, sal_error *err) {
    if (stream->need == 0)
        return first_byte(stream, byte, err);
    if (byte < stream->low || byte > stream->high) {
        int status = add_replacement(stream, err);
        return status == SAL_OK ? first_byte(stream, byte, err) : status;
    }
    stream->pending[stream->have++] = (char)byte;
    stream->low = 0x80;
    stream->high = 0xBF;
    if (--stream->need > 0)
        return SAL_OK;
    int status = sal_buffer_add(&stream->text, stream->pending, (size_t)stream->have, err);
    stream->have = 0;
    return status;
}

int sal_utf8_stream_add(sal_utf8_stream *stream, const char *bytes, size_t length, sal_error *err) {
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < length; i++)
        status = next_byte(stream, (unsigned char)bytes[i], err);
    return status;
}

int sal_utf8_stream_end(sal_utf8_stream *stream, sal_error *err) {
    if (stream->need > 0)
        return add_replacement(stream, err);
    return SAL_OK;
}
