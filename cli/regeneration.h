/** Connects three stages for `salient ablate --regenerate`: summaries made again, and their importance, for the causal check. */
#ifndef CLI_REGENERATION_H
#define CLI_REGENERATION_H

#include "salient/ablate.h"

/** What is open between documents. Zero-initialise but for the first four; regeneration_free. */
struct regeneration {
    sal_study *study;
    const char *path;          /* of the model */
    const char *chat_template; /* file, or NULL */
    const sal_model_options *model_options;
    const sal_progress *progress;
    struct sal_regenerator *regenerator; /* NULL until a document needs it */
    sal_text *text;
    sal_stopwords *stopwords;
    char language[64];
};

/** What the stage calls; borrows *regeneration. */
sal_ablate_regeneration regeneration_calls(struct regeneration *regeneration);
void regeneration_free(struct regeneration *regeneration);

#endif
