/* Which layers of a model a stage looks at. */
#include <stdlib.h>
#include <string.h>

#include "salient/memory.h"
#include "stage/model.h"

static int parse_list(const char *text, size_t all, const char *what, size_t *layers, size_t *count,
                      sal_error *err) {
    for (const char *at = text;;) {
        char *end = NULL;
        const unsigned long layer = strtoul(at, &end, 10);
        if (end == at || *at < '0' || *at > '9' || (*end != ',' && *end != '\0'))
            return sal_fail(err, SAL_EINVAL,
                            "--layers %s: all, representative or a list of %s like 0,5,7", text,
                            what);
        if (layer >= all)
            return sal_fail(err, SAL_EINVAL, "--layers %s: the model has %s 0 to %zu", text, what,
                            all - 1);
        if (*count > 0 && layers[*count - 1] >= layer)
            return sal_fail(err, SAL_EINVAL, "--layers %s: %s must ascend", text, what);
        layers[(*count)++] = layer;
        if (*end == '\0')
            return SAL_OK;
        at = end + 1;
    }
}

int stage_parse_layers(const char *text, size_t all, const char *what, size_t **layers,
                       size_t *count, sal_error *err) {
    const size_t three[] = {0, all / 2, all - 1};
    *count = 0;
    *layers = sal_calloc(all, sizeof **layers);
    if (*layers == NULL)
        return sal_fail_memory(err, what);
    if (strcmp(text, "all") == 0) {
        for (size_t l = 0; l < all; l++)
            (*layers)[(*count)++] = l;
        return SAL_OK;
    }
    if (strcmp(text, "representative") == 0) {
        for (size_t i = 0; i < 3; i++)
            if (i == 0 || three[i] > three[i - 1])
                (*layers)[(*count)++] = three[i];
        return SAL_OK;
    }
    return parse_list(text, all, what, *layers, count, err);
}
