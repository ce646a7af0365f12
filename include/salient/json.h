/** Canonical JSON and CSV fields, written through a sink.
 *
 *  One value has one spelling, so that equal data is equal bytes: strings escape only what JSON demands, a number is the shortest
 *  decimal that reads back as the same double. Punctuation (braces, commas, keys' colons) is the caller's.
 */
#ifndef SALIENT_JSON_H
#define SALIENT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "salient/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A quoted JSON string. Escaped: `"`, `\`, and control characters below U+0020 (\b \f \n \r \t, else \u00XX); all other characters
 *  stand as they are, in UTF-8.
 *  in     bytes [length], valid UTF-8, may hold NUL
 *  errs   SAL_EFORMAT on invalid UTF-8 (names the offset; nothing written), those of the sink */
int sal_json_string(const sal_sink *sink, const char *bytes, size_t length,
                    sal_error *err) SAL_MUST_CHECK;

/** The same for JSON inside an HTML script element: also `<`, `>`, `&`, U+2028 and U+2029 are written as \uXXXX, so that no text can
 *  end the element. Reads back as the same string. */
int sal_json_string_html(const sal_sink *sink, const char *bytes, size_t length,
                         sal_error *err) SAL_MUST_CHECK;

/** `"key":` for a NUL-terminated key. */
int sal_json_key(const sal_sink *sink, const char *key, sal_error *err) SAL_MUST_CHECK;

/** A number: the shortest decimal that reads back as the same double, whatever the locale; null for NaN and infinities. */
int sal_json_double(const sal_sink *sink, double value, sal_error *err) SAL_MUST_CHECK;

int sal_json_integer(const sal_sink *sink, int64_t value, sal_error *err) SAL_MUST_CHECK;

/** Room for the longest result of sal_json_format_double with its NUL. */
#define SAL_JSON_DOUBLE_ROOM 32

/** The spelling of sal_json_double as a NUL-terminated string ("null" included).
 *  return its length */
size_t sal_json_format_double(double value, char text[SAL_JSON_DOUBLE_ROOM]);

/** One CSV field (RFC 4180): quoted when it holds a comma, a quote, CR or LF, when it begins or ends with white space, or when it is
 *  empty. An undefined value is no field text at all: write nothing between the commas, and it stays apart from the empty text.
 *  in     bytes [length], any bytes */
int sal_csv_field(const sal_sink *sink, const char *bytes, size_t length,
                  sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
