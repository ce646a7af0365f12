/* A plan of `salient run`: any bytes are a plan or an error, and a plan writes itself as one that reads back the same. */
#include "fuzzing.h"

#include "../../cli/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[128];
    const struct text_list nothing = {NULL, 0, 0};
    struct plan plan = {0};
    struct plan again = {0};
    sal_buffer first = {0};
    sal_buffer second = {0};
    sal_error err = {0};
    fuzz_write("plan.yaml", data, size, path);
    if (plan_read(path, &nothing, &plan, &err) != SAL_OK)
        goto done;
    if (plan_write(&plan, &first, &err) != SAL_OK)
        abort();
    fuzz_write("plan.yaml", first.bytes, first.length, path);
    if (plan_read(path, &nothing, &again, &err) != SAL_OK ||
        plan_write(&again, &second, &err) != SAL_OK || first.length != second.length ||
        memcmp(first.bytes, second.bytes, first.length) != 0)
        abort();
done:
    plan_free(&plan);
    plan_free(&again);
    sal_buffer_free(&first);
    sal_buffer_free(&second);
    return 0;
}
