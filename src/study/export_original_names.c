/* Folder names for models and data sets. */
#include <string.h>
#include <strings.h>

#include "salient/file.h"
#include "study/export_original.h"

enum { FOLDER_AT_MOST = 120, DIGITS_OF_DIGEST = 8 };

static bool is_unsafe(unsigned char c) {
    return c < 0x20 || c == 0x7f || strchr("/\\:*?\"<>|", c) != NULL;
}

/* The name with every unsafe character, and a dot or white space at either end, as "_". */
static char *make_safe(const char *name, bool *cut) {
    char *safe = sal_copy_string(name);
    if (safe == NULL) {
        return NULL;
    }
    size_t length = strlen(safe);
    *cut = length > FOLDER_AT_MOST;
    if (*cut) {
        length = FOLDER_AT_MOST;
        while (length > 0 && ((unsigned char)safe[length] & 0xC0) == 0x80) {
            length--; /* not inside a character */
        }
        safe[length] = '\0';
    }
    for (size_t i = 0; i < length; i++) {
        bool at_end = i == 0 || i + 1 == length;
        if (is_unsafe((unsigned char)safe[i]) || (at_end && (safe[i] == '.' || safe[i] == ' '))) {
            safe[i] = '_';
        }
    }
    return safe;
}

static char *with_digest(const char *safe, const char *name) {
    char digest[65];
    sal_buffer text = {0};
    sal_sha256_of(name, strlen(name), digest);
    if (sal_buffer_add_format(&text, NULL, "%s-%.*s", safe, DIGITS_OF_DIGEST, digest) != SAL_OK) {
        sal_buffer_free(&text);
    }
    return text.bytes;
}

/* Case does not count: the export may be unpacked where it does not. */
static bool is_taken(char *const *folders, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(folders[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int original_folder_names(const char *const *names, size_t count, char ***folders, sal_error *err) {
    char **found = sal_calloc(count, sizeof *found);
    if (found == NULL) {
        return sal_fail_memory(err, "folder names");
    }
    for (size_t i = 0; i < count; i++) {
        bool cut = false;
        char *safe = make_safe(names[i], &cut);
        if (safe != NULL && (cut || is_taken(found, i, safe))) {
            char *longer = with_digest(safe, names[i]);
            sal_free(safe);
            safe = longer;
        }
        if (safe == NULL) {
            sal_strings_free(found, i);
            return sal_fail_memory(err, "folder names");
        }
        found[i] = safe;
    }
    *folders = found;
    return SAL_OK;
}
