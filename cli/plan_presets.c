/* The presets' texts, built into the program from cli/presets. */
#include <string.h>

#include "plan.h"

#define TEXT_OF(name, symbol)                                                                      \
    extern const char sal_asset_##symbol##_yaml[], sal_asset_##symbol##_yaml_end[];
PLAN_PRESETS(TEXT_OF, TEXT_OF)
#undef TEXT_OF

const char *plan_preset(const char *name, size_t *length) {
#define ROW_OF(name, symbol) {name, sal_asset_##symbol##_yaml, sal_asset_##symbol##_yaml_end},
    const struct { const char *name, *start, *end; } presets[] = {PLAN_PRESETS(ROW_OF, ROW_OF)};
#undef ROW_OF
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *length = (size_t)((uintptr_t)presets[i].end - (uintptr_t)presets[i].start);
            return presets[i].start;
        }
    }
    return NULL;
}
