#include "salient/cache.h"

#include <stdlib.h>
#include <unistd.h>

#include "io/partial.h"

int sal_cache_path(const char *below, sal_buffer *path, sal_error *err) {
    static const struct {
        const char *variable;
        const char *more;
    } places[] = {
        {"SALIENT_CACHE", ""}, {"XDG_CACHE_HOME", "/salient"}, {"HOME", "/.cache/salient"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = getenv(places[i].variable);
        if (value == NULL || value[0] == '\0')
            continue;
        sal_buffer_clear(path);
        return sal_buffer_add_format(path, err, "%s%s/%s", value, places[i].more, below);
    }
    return sal_fail(err, SAL_EINVAL,
                    "there is no place for downloads: set SALIENT_CACHE to a folder");
}

int sal_cache_note(const char *below, sal_error *err) {
    sal_buffer path = {0};
    sal_partial *file = NULL;
    int status = sal_cache_path(below, &path, err);
    if (status == SAL_OK)
        status = sal_partial_open(path.bytes, &file, err);
    sal_partial_close(file);
    sal_buffer_free(&path);
    return status;
}

bool sal_cache_has(const char *below) {
    sal_buffer path = {0};
    const bool there =
        sal_cache_path(below, &path, NULL) == SAL_OK && access(path.bytes, F_OK) == 0;
    sal_buffer_free(&path);
    return there;
}
