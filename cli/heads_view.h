/** How `salient heads` shows what the library computed. */
#ifndef CLI_HEADS_VIEW_H
#define CLI_HEADS_VIEW_H

#include "output.h"
#include "salient/retrieval.h"
#include "session.h"

/** What was asked for: tables of other analyses and corpora are not shown. */
struct heads_view {
    struct session *session;
    sal_study *study; /* for retrieval heads */
    const sal_head_tables *tables;
    const sal_score_list *scores; /* for the ceilings */
    const int64_t *analyses;      /* [SAL_EVIDENCES] */
    const char *corpus;           /* NULL: all */
    int64_t top;
    sal_sink sink;
};

/** True when the table is one of those asked for. */
bool heads_is_shown(const struct heads_view *view, const sal_head_table *table);

/** Tables for people: the best heads, the nulls beside them, and what survives, in words. */
int heads_print_tables(const struct heads_view *view) SAL_MUST_CHECK;

/** All results as JSON: an array of tables. */
int heads_print_json(const struct heads_view *view) SAL_MUST_CHECK;

#endif
