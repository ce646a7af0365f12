/* {word: number} maps from JSON files, laid over the reference's words. */

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "salient/file.h"
#include "salient/metrics.h"

enum { MAXIMUM_MAP = 256 << 20 };

static int load(const char *path, json_t **map, sal_error *err) {
    sal_buffer content = {0};
    json_error_t where = {0};
    int status = sal_file_read_all(path, MAXIMUM_MAP, &content, err);
    if (status != SAL_OK)
        goto done;
    *map = json_loadb(content.bytes, content.length, JSON_REJECT_DUPLICATES, &where);
    if (*map == NULL)
        status = sal_fail(err, SAL_EFORMAT, "%s:%d: %s", path, where.line, where.text);
    else if (!json_is_object(*map))
        status = sal_fail(err, SAL_EFORMAT, "%s: holds no JSON object {word: number}", path);
done:
    sal_buffer_free(&content);
    return status;
}

/* The number that a map gives a word of the reference. */
static int look_up(const json_t *map, const char *path, const char *word, double *value,
                   sal_error *err) {
    const json_t *number = json_object_get(map, word);
    if (number == NULL)
        return sal_fail(err, SAL_EINVAL, "%s: the reference's word '%s' is missing", path, word);
    if (!json_is_number(number))
        return sal_fail(err, SAL_EFORMAT, "%s: the value of '%s' is no number", path, word);
    *value = json_number_value(number);
    return SAL_OK;
}

int sal_metrics_of_files(sal_protocol protocol, const char *reference_path,
                         const char *prediction_path, const char *given_path,
                         double values[SAL_METRICS], sal_error *err) {
    const char *const paths[3] = {reference_path, prediction_path, given_path};
    json_t *maps[3] = {NULL, NULL, NULL};
    double *columns[3] = {NULL, NULL, NULL};
    const size_t used = given_path != NULL ? 3 : 2;
    int status = SAL_OK;
    for (size_t m = 0; status == SAL_OK && m < used; m++)
        status = load(paths[m], &maps[m], err);
    if (status != SAL_OK)
        goto done;
    const size_t n = json_object_size(maps[0]);
    for (size_t m = 0; m < used; m++) {
        columns[m] = sal_calloc(n, sizeof *columns[m]);
        if (columns[m] == NULL) {
            status = sal_fail_memory(err, "words");
            goto done;
        }
    }
    const char *word = NULL;
    json_t *ignored = NULL;
    size_t i = 0;
    json_object_foreach(maps[0], word, ignored) {
        for (size_t m = 0; status == SAL_OK && m < used; m++)
            status = look_up(maps[m], paths[m], word, &columns[m][i], err);
        i++;
    }
    if (status == SAL_OK)
        status = sal_metrics_compute(protocol, columns[0], columns[1], columns[2], n, values, err);
done:
    for (size_t m = 0; m < 3; m++) {
        json_decref(maps[m]);
        sal_free(columns[m]);
    }
    return status;
}
