/* Prompt templates of METHODS 1. The built-in ones choose their row by the corpus name, else by the documents' language and kind. */

#include <string.h>

#include "prompt/prompt.h"
#include "salient/file.h"

enum { MAXIMUM_TEMPLATE = 1 << 20 };

typedef struct row {
    const char *corpus; /* chosen by name before language and kind are looked at */
    const char *language;
    const char *kind;
    const char *system;
    const char *paper_first;
    const char *text_first;
} row;

#define ENGLISH "You are a helpful assistant that produces "
#define ENGLISH_ONLY " summaries. Provide ONLY the summary text."
#define FRENCH "Vous êtes un assistant utile qui produit des résumés de "
#define FRENCH_ONLY ". Fournissez UNIQUEMENT le texte du résumé."

static const row rows[] = {
    {"cnn_dailymail", "en", "news", ENGLISH "article" ENGLISH_ONLY,
     "Summarize the following text in exactly {n} words: {text}",
     "{text}\n\nSummarize the text above in exactly {n} words."},
    {"samsum", "en", "dialogue", ENGLISH "dialogue" ENGLISH_ONLY,
     "Summarize the following dialogue in exactly {n} words: {text}",
     "{text}\n\nSummarize the dialogue above in exactly {n} words."},
    {"decoda", "fr", "dialogue", FRENCH "dialogue" FRENCH_ONLY,
     "Résumez le dialogue suivant en exactement {n} mots: {text}",
     "{text}\n\nRésumez le dialogue ci-dessus en exactement {n} mots."},
    {NULL, "fr", "news", FRENCH "texte" FRENCH_ONLY,
     "Résumez le texte suivant en exactement {n} mots: {text}",
     "{text}\n\nRésumez le texte ci-dessus en exactement {n} mots."},
};

struct sal_template {
    char digest[65];
    bool built_in;
    bool text_first;
    char *system; /* of a file; NULL: the built-in one of the document's row, or none */
    char *user;
};

/* "fr-CA" is French, too. */
static bool is_language(const char *language, const char *primary) {
    const size_t length = strlen(primary);
    return strncmp(language, primary, length) == 0 && strchr("-_", language[length]) != NULL;
}

static const row *find_row(const sal_document *document) {
    const size_t count = sizeof rows / sizeof rows[0];
    for (size_t i = 0; i < count; i++)
        if (rows[i].corpus != NULL && strcmp(rows[i].corpus, document->corpus) == 0)
            return &rows[i];
    for (size_t i = 0; i < count; i++)
        if (is_language(document->language, rows[i].language) &&
            strcmp(rows[i].kind, document->kind) == 0)
            return &rows[i];
    return NULL;
}

static void digest_rows(bool text_first, char digest[65]) {
    sal_sha256 hash;
    sal_sha256_start(&hash);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *user = text_first ? rows[i].text_first : rows[i].paper_first;
        sal_sha256_add(&hash, rows[i].system, strlen(rows[i].system) + 1);
        sal_sha256_add(&hash, user, strlen(user) + 1);
    }
    sal_sha256_finish(&hash, digest);
}

/* A line of only `---`, with LF or CR LF around it.
 * out    *next what follows it; return its start with the line end before it, or NULL */
static const char *find_rule(const char *text, const char **next) {
    for (const char *at = strstr(text, "\n---"); at != NULL; at = strstr(at + 1, "\n---")) {
        *next = at + strlen("\n---");
        *next += **next == '\r';
        if (*(*next)++ == '\n')
            return at > text && at[-1] == '\r' ? at - 1 : at;
    }
    return NULL;
}

static int split_file(sal_template *self, const char *name, const sal_buffer *content,
                      sal_error *err) {
    const char *user = NULL;
    const char *rule = find_rule(content->bytes, &user);
    if (rule != NULL) {
        self->system = sal_copy_bytes(content->bytes, (size_t)(rule - content->bytes));
        if (self->system == NULL)
            return sal_fail_memory(err, "a template");
    } else {
        user = content->bytes;
    }
    size_t length = strlen(user);
    while (length > 0 && (user[length - 1] == '\n' || user[length - 1] == '\r'))
        length--; /* editors end files with a newline; a prompt does not */
    self->user = sal_copy_bytes(user, length);
    if (self->user == NULL)
        return sal_fail_memory(err, "a template");
    if (strstr(self->user, "{text}") == NULL || strstr(self->user, "{n}") == NULL)
        return sal_fail(err, SAL_EFORMAT,
                        "%s: the template's user message must contain {text} and {n}", name);
    return SAL_OK;
}

static int read_file(sal_template *self, const char *name, sal_error *err) {
    sal_buffer content = {0};
    size_t bad = 0;
    int status = sal_file_read_all(name, MAXIMUM_TEMPLATE, &content, err);
    if (status == SAL_ENOTFOUND)
        sal_fail_in(err, status, "no template '%s' (built in are paper-first and text-first)",
                    name);
    if (status != SAL_OK)
        goto done;
    if (!sal_utf8_valid(content.bytes, content.length, &bad) ||
        strlen(content.bytes) != content.length) {
        status = sal_fail(err, SAL_EFORMAT, "%s: is not UTF-8 text", name);
        goto done;
    }
    sal_sha256_of(content.bytes, content.length, self->digest);
    status = split_file(self, name, &content, err);
done:
    sal_buffer_free(&content);
    return status;
}

int sal_template_open(const char *name, sal_template **out, sal_error *err) {
    int status = SAL_OK;
    sal_template *self = sal_calloc(1, sizeof *self);
    if (self == NULL)
        return sal_fail_memory(err, "a template");
    self->text_first = strcmp(name, "text-first") == 0;
    self->built_in = self->text_first || strcmp(name, "paper-first") == 0;
    if (self->built_in)
        digest_rows(self->text_first, self->digest);
    else
        status = read_file(self, name, err);
    if (status == SAL_OK) {
        *out = self;
        self = NULL;
    }
    sal_template_close(self);
    return status;
}

void sal_template_close(sal_template *prompt_template) {
    if (prompt_template == NULL)
        return;
    sal_free(prompt_template->system);
    sal_free(prompt_template->user);
    sal_free(prompt_template);
}

const char *sal_template_digest(const sal_template *prompt_template) {
    return prompt_template->digest;
}

/* One pass, so that braces of the document are never read as fields. */
static int fill(const char *pattern, const sal_document *document, int n, sal_buffer *out,
                sal_error *err) {
    int status = SAL_OK;
    sal_buffer_clear(out);
    while (status == SAL_OK && *pattern != '\0') {
        const char *brace = strchr(pattern, '{');
        size_t plain = brace == NULL ? strlen(pattern) : (size_t)(brace - pattern);
        status = sal_buffer_add(out, pattern, plain, err);
        pattern += plain;
        if (status != SAL_OK || *pattern == '\0')
            break;
        if (strncmp(pattern, "{text}", 6) == 0) {
            status = sal_buffer_add(out, document->text, document->text_length, err);
            pattern += 6;
        } else if (strncmp(pattern, "{n}", 3) == 0) {
            status = sal_buffer_add_format(out, err, "%d", n);
            pattern += 3;
        } else {
            status = sal_buffer_add(out, pattern++, 1, err);
        }
    }
    /* An empty message is a message, not a missing one. */
    return status == SAL_OK ? sal_buffer_add(out, "", 0, err) : status;
}

int sal_template_render(const sal_template *prompt_template, const sal_document *document, int n,
                        sal_buffer *system, sal_buffer *user, sal_error *err) {
    const row *own = find_row(document);
    if (own == NULL && prompt_template->built_in)
        return sal_fail(
            err, SAL_EUNSUPPORTED,
            "document %s of %s: no built-in prompt for language '%s' and kind '%s': give "
            "one with --template FILE",
            document->id, document->corpus, document->language, document->kind);
    const char *own_system = own != NULL ? own->system : "";
    const char *pattern = prompt_template->user;
    if (prompt_template->built_in)
        pattern = prompt_template->text_first ? own->text_first : own->paper_first;
    int status = fill(prompt_template->system != NULL ? prompt_template->system : own_system,
                      document, n, system, err);
    if (status == SAL_OK)
        status = fill(pattern, document, n, user, err);
    return status;
}
