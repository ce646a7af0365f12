/** The ways `salient compare` shows what the library found. */
#ifndef CLI_COMPARE_VIEW_H
#define CLI_COMPARE_VIEW_H

#include "salient/compare.h"
#include "salient/protocols.h"
#include "session.h"

struct compare_view {
    struct session *session;
    const sal_agreement_list *list;
    bool protocols; /* also the union version, as the paper's field computes it */
    const sal_protocol_list *protocol_rows; /* NULL: not asked for */
    sal_sink sink;
};

/** Tables for people, corpus by corpus. */
int compare_print_tables(const struct compare_view *view) SAL_MUST_CHECK;

/** Paper and strict beside each other, what causes each change; corpus by corpus. */
int compare_print_protocols(const struct compare_view *view) SAL_MUST_CHECK;

/** One JSON object: agreement, clusters and, where asked for, protocols as the exports of these names have them. */
int compare_print_json(const struct compare_view *view) SAL_MUST_CHECK;

#endif
