/** What becomes of a document's importance when its summaries are made again. */
#ifndef SALIENT_SCORE_IMPORTANCE_CHANGE_H
#define SALIENT_SCORE_IMPORTANCE_CHANGE_H

#include "salient/study.h"

/** 1 - Spearman of two strict importances over the words of the document.
 *  in     a, b: of one document, so that its words are in both; NULL: undefined; content: over content words alone
 *  out    *change; NaN: undefined
 *  errs   SAL_EFORMAT (other words), SAL_ENOMEM */
int score_importance_change(const sal_importance_list *a, const sal_importance_list *b,
                            bool content, double *change, sal_error *err) SAL_MUST_CHECK;

#endif
