/** How `salient ablate` shows what the library found. */
#ifndef CLI_ABLATE_VIEW_H
#define CLI_ABLATE_VIEW_H

#include "salient/ablate.h"
#include "session.h"

/** A table for each measure. */
int ablate_print_table(struct session *session, const sal_ablate_result *result) SAL_MUST_CHECK;
/** One JSON object. */
int ablate_print_json(struct session *session, const sal_ablate_result *result) SAL_MUST_CHECK;

#endif
