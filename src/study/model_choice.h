/** What stages that run a model ask of a study: the model's name in it, and the summarizer made with it. Internal to the library. */
#ifndef SALIENT_STUDY_MODEL_CHOICE_H
#define SALIENT_STUDY_MODEL_CHOICE_H

#include "salient/study.h"

/** The file's name without folder and .gguf. */
void study_model_name(const char *path, char name[256]);

/** The summarizer of that name, or (by NULL) the only one made with a model of this digest.
 *  out    *list owns the texts; *found points into it
 *  errs   SAL_ENOTFOUND: lists those there are */
int study_choose_summarizer(sal_study *study, const char *by, const char *model_name,
                            const char *model_digest, sal_summarizer_list **list,
                            const sal_summarizer_info **found, sal_error *err) SAL_MUST_CHECK;

#endif
