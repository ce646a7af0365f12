/** The report: one self-contained HTML file that works offline and shows what the study found. */
#ifndef SALIENT_REPORT_H
#define SALIENT_REPORT_H

#include "salient/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sal_report_options {
    const char *corpus;        /* NULL: all */
    int64_t documents_at_most; /* shown with shaded words, of each corpus; < 0: all */
    const char *title;         /* NULL: the study's folder name */
} sal_report_options;

/** Write the report of a study to path (complete or not at all). Everything from documents, models and corpora is data: it renders
 *  as text whatever it contains.
 *  errs   SAL_ENOTFOUND when nothing was computed yet (says which command), SAL_EIO, ... */
int sal_report_write(sal_study *study, const char *path, const sal_report_options *options,
                     const sal_progress *progress, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
