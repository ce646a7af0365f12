/* The page: the template of assets/report.html with its {{markers}} filled. The scripts are named by hash in the content security
 * policy, so that a browser runs these and no others, whatever the data holds. */
#include <string.h>

#include "report/report_internal.h"
#include "salient/file.h"
#include "salient/version.h"

/* Files of assets/ and plotly.js, built into the library (cmake/embed.cmake). */
extern const char sal_asset_report_html[], sal_asset_report_html_end[];
extern const char sal_asset_report_css[], sal_asset_report_css_end[];
extern const char sal_asset_report_js[], sal_asset_report_js_end[];
extern const char sal_asset_report_browser_js[], sal_asset_report_browser_js_end[];
extern const char sal_asset_report_charts_js[], sal_asset_report_charts_js_end[];
extern const char sal_asset_report_compare_js[], sal_asset_report_compare_js_end[];
extern const char sal_asset_report_head_words_js[], sal_asset_report_head_words_js_end[];
extern const char sal_asset_report_heads_js[], sal_asset_report_heads_js_end[];
extern const char sal_asset_report_probes_js[], sal_asset_report_probes_js_end[];
extern const char sal_asset_report_protocols_js[], sal_asset_report_protocols_js_end[];
extern const char sal_asset_plotly_min_js[], sal_asset_plotly_min_js_end[];

typedef struct asset {
    const char *start;
    const char *end;
} asset;

static int write_asset(const sal_sink *sink, const asset *file, sal_error *err) {
    return sal_sink_write(sink, file->start, (size_t)(file->end - file->start), err);
}

enum { SCRIPTS = 9 };

/* In the order they run: plotly.js is long, so the page is drawn before it is read. Charts are of scores: without any, plotly.js stays
 * out; so do the comparison and the heads until there are some. return how many */
static size_t list_scripts(const sal_report *report, asset scripts[SCRIPTS]) {
    size_t count = 0;
    scripts[count++] = (asset){sal_asset_report_js, sal_asset_report_js_end};
    scripts[count++] = (asset){sal_asset_report_browser_js, sal_asset_report_browser_js_end};
    if (report->scores->count == 0) {
        return count;
    }
    scripts[count++] = (asset){sal_asset_plotly_min_js, sal_asset_plotly_min_js_end};
    scripts[count++] = (asset){sal_asset_report_charts_js, sal_asset_report_charts_js_end};
    if (report->agreement->count > 0) {
        scripts[count++] = (asset){sal_asset_report_compare_js, sal_asset_report_compare_js_end};
    }
    if (sal_report_has_heads(report)) {
        scripts[count++] =
            (asset){sal_asset_report_head_words_js, sal_asset_report_head_words_js_end};
        scripts[count++] = (asset){sal_asset_report_heads_js, sal_asset_report_heads_js_end};
    }
    if (sal_report_has_probes(report)) {
        scripts[count++] = (asset){sal_asset_report_probes_js, sal_asset_report_probes_js_end};
    }
    if (report->protocols->count > 0) {
        scripts[count++] =
            (asset){sal_asset_report_protocols_js, sal_asset_report_protocols_js_end};
    }
    return count;
}

int sal_html_text(const sal_sink *sink, const char *bytes, size_t length, sal_error *err) {
    int code = SAL_OK;

    for (size_t i = 0; i < length && code == SAL_OK; i++) {
        const unsigned char byte = (unsigned char)bytes[i];

        if (byte < 0x20 || byte == 0x7F) {
            code = sal_sink_string(sink, "\xEF\xBF\xBD", err); /* U+FFFD */
        } else if (byte == '<' || byte == '>' || byte == '&' || byte == '"' || byte == '\'') {
            code = sal_sink_format(sink, err, "&#%u;", (unsigned)byte);
        } else {
            code = sal_sink_write(sink, bytes + i, 1, err);
        }
    }
    return code;
}

static unsigned hexadecimal(char digit) {
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a' + 10);
}

void sal_base64_group(const unsigned char bytes[3], char letters[4]) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned group = (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | (unsigned)bytes[2];

    for (size_t k = 0; k < 4; k++) {
        letters[k] = alphabet[group >> (18 - 6 * k) & 63];
    }
}

void sal_script_hash(const char *bytes, size_t length, char hash[45]) {
    char digest[65];
    unsigned char raw[33] = {0}; /* 32 bytes and one of padding: 11 groups of three */

    sal_sha256_of(bytes, length, digest);
    for (size_t i = 0; i < 32; i++) {
        raw[i] = (unsigned char)(hexadecimal(digest[2 * i]) << 4 | hexadecimal(digest[2 * i + 1]));
    }
    for (size_t i = 0; i < 11; i++) {
        sal_base64_group(raw + 3 * i, hash + 4 * i);
    }
    hash[43] = '=';
    hash[44] = '\0';
}

static int put_policy(sal_report *report, const sal_sink *sink, sal_error *err) {
    asset scripts[SCRIPTS];
    const size_t count = list_scripts(report, scripts);
    int code = sal_sink_string(sink, "default-src 'none'; script-src", err);

    for (size_t i = 0; i < count && code == SAL_OK; i++) {
        char hash[45];

        sal_script_hash(scripts[i].start, (size_t)(scripts[i].end - scripts[i].start), hash);
        code = sal_sink_format(sink, err, " 'sha256-%s'", hash);
    }
    return code == SAL_OK
               ? sal_sink_string(sink,
                                 "; style-src 'unsafe-inline'; img-src data:; "
                                 "connect-src 'none'; base-uri 'none'; form-action 'none'",
                                 err)
               : code;
}

static int put_scripts(sal_report *report, const sal_sink *sink, sal_error *err) {
    asset scripts[SCRIPTS];
    const size_t count = list_scripts(report, scripts);
    int code = SAL_OK;

    for (size_t i = 0; i < count && code == SAL_OK; i++) {
        code = sal_sink_string(sink, "<script>", err);
        if (code == SAL_OK) {
            code = write_asset(sink, &scripts[i], err);
        }
        if (code == SAL_OK) {
            code = sal_sink_string(sink, "</script>\n", err);
        }
    }
    return code;
}

static int put_version(sal_report *report, const sal_sink *sink, sal_error *err) {
    (void)report;
    return sal_sink_string(sink, SAL_VERSION, err);
}

static int put_title(sal_report *report, const sal_sink *sink, sal_error *err) {
    const int code = sal_html_text(sink, report->title, strlen(report->title), err);

    return code == SAL_OK ? sal_sink_string(sink, " \xC2\xB7 salient report", err) : code;
}

static int put_style(sal_report *report, const sal_sink *sink, sal_error *err) {
    const asset style = {sal_asset_report_css, sal_asset_report_css_end};

    (void)report;
    return write_asset(sink, &style, err);
}

static int put_study(sal_report *report, const sal_sink *sink, sal_error *err) {
    return sal_report_study_block(report, sink, err);
}

static const struct marker {
    const char *text;
    int (*put)(sal_report *report, const sal_sink *sink, sal_error *err);
} markers[] = {
    {"{{policy}}", put_policy},
    {"{{version}}", put_version},
    {"{{title}}", put_title},
    {"{{style}}", put_style},
    {"{{documents}}", sal_report_document_blocks},
    {"{{study}}", put_study},
    {"{{scripts}}", put_scripts},
};

/* The marker that begins at text, or NULL. */
static const struct marker *marker_at(const char *text, size_t length) {
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++) {
        const size_t size = strlen(markers[i].text);

        if (size <= length && memcmp(text, markers[i].text, size) == 0) {
            return &markers[i];
        }
    }
    return NULL;
}

int sal_report_page(sal_report *report, const sal_sink *sink, sal_error *err) {
    const asset page = {sal_asset_report_html, sal_asset_report_html_end};
    const char *plain = page.start; /* start of what is written as it stands */
    const char *at = plain;
    int code = SAL_OK;

    while (code == SAL_OK && at < page.end) {
        const struct marker *found = marker_at(at, (size_t)(page.end - at));

        if (found == NULL) {
            at++;
            continue;
        }
        code = sal_sink_write(sink, plain, (size_t)(at - plain), err);
        if (code == SAL_OK) {
            code = found->put(report, sink, err);
        }
        at += strlen(found->text);
        plain = at;
    }
    return code == SAL_OK ? sal_sink_write(sink, plain, (size_t)(at - plain), err) : code;
}
