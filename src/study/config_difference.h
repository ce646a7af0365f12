/** What differs between two configurations. */
#ifndef SALIENT_STUDY_CONFIG_DIFFERENCE_H
#define SALIENT_STUDY_CONFIG_DIFFERENCE_H

#include "salient/memory.h"

/** Check that config is a JSON object.
 *  errs   SAL_EFORMAT */
int study_check_config(const char *config, sal_error *err) SAL_MUST_CHECK;

/** Name the first keys (at most three, sorted, nested ones as a.b) in which two JSON objects differ,
 *  with both values: "seed is 7, was 1; top_p is not set, was 0.9".
 *  in     stored, wanted: JSON objects
 *  out    text added to */
int study_config_difference(const char *stored, const char *wanted, sal_buffer *text,
                            sal_error *err) SAL_MUST_CHECK;

#endif
