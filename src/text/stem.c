/* Stems: a thin door to libstemmer, which knows languages by their two-letter codes. */
#include "text/stem.h"

#include <libstemmer.h>
#include <limits.h>
#include <string.h>

#include "salient/memory.h"

int sal_stemmer_open(const char *language, sal_stemmer **out, sal_error *err) {
    char code[8] = "";
    size_t length = language == NULL ? 0 : strcspn(language, "-_");
    *out = NULL;
    if (length == 0 || length >= sizeof code)
        return SAL_OK;
    for (size_t i = 0; i < length; i++)
        code[i] = (char)(language[i] >= 'A' && language[i] <= 'Z' ? language[i] + 32 : language[i]);
    (void)err; /* libstemmer says NULL for no such algorithm and for no memory alike */
    *out = (sal_stemmer *)sb_stemmer_new(code, "UTF_8");
    return SAL_OK;
}

void sal_stemmer_close(sal_stemmer *stemmer) {
    if (stemmer != NULL)
        sb_stemmer_delete((struct sb_stemmer *)stemmer);
}

int sal_stemmer_stem(sal_stemmer *stemmer, const char *word, size_t length, const char **stem,
                     size_t *stem_length, sal_error *err) {
    *stem = word;
    *stem_length = length;
    if (stemmer == NULL || length > INT_MAX)
        return SAL_OK;
    struct sb_stemmer *snowball = (struct sb_stemmer *)stemmer;
    const sb_symbol *found = sb_stemmer_stem(snowball, (const sb_symbol *)word, (int)length);
    if (found == NULL)
        return sal_fail_memory(err, "a stem");
    *stem = (const char *)found;
    *stem_length = (size_t)sb_stemmer_length(snowball);
    return SAL_OK;
}
