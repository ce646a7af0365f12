/** `salient probe --control-vector`: a layer's direction as a file for llama.cpp. */
#ifndef CLI_CONTROL_VECTOR_H
#define CLI_CONTROL_VECTOR_H

#include "salient/probe.h"
#include "session.h"

/** Fit the direction of a state, write it, and tell how well the probe orders words of documents it has not learnt from. The study has the
 *  states; request->model is a file. */
int control_vector_make(struct session *session, sal_study *study, const sal_probe_options *request,
                        int layer, const char *path) SAL_MUST_CHECK;

#endif
