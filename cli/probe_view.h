/** What `salient probe` shows. */
#ifndef CLI_PROBE_VIEW_H
#define CLI_PROBE_VIEW_H

#include "salient/probe.h"
#include "session.h"

struct probe_view {
    struct session *session;
    const sal_probe_tables *tables;
    const sal_probe_options *request;
    sal_sink sink;
};

/** A line for each layer, then the controls that have none. */
int probe_print_tables(const struct probe_view *view);
/** An array of all results asked for. */
int probe_print_json(const struct probe_view *view);

#endif
