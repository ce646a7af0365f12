/** What stages that run a model ask before they do: its name and identity in a study, the summarizer made with it, its layers. Internal to
 *  the library. */
#ifndef SALIENT_STAGE_MODEL_H
#define SALIENT_STAGE_MODEL_H

#include "salient/model.h"
#include "salient/study.h"

/** The file's name without folder and .gguf. */
void stage_model_name(const char *path, char name[256]);

/** SHA-256 of the model's file, kept in the study; of the digests of its files when it is split. */
int stage_digest_model(sal_study *study, const char *path, char digest[65],
                       sal_error *err) SAL_MUST_CHECK;

/** libllama's version, and who computes: what a result may depend on beside the model. */
int stage_describe_system(const sal_model_options *options, char system[200],
                          sal_error *err) SAL_MUST_CHECK;

/** The summarizer of that name, or (by NULL) the only one made with a model of this digest.
 *  out    *list owns the texts; *found points into it
 *  errs   SAL_ENOTFOUND: lists those there are */
int stage_choose_summarizer(sal_study *study, const char *by, const char *model_name,
                            const char *model_digest, sal_summarizer_list **list,
                            const sal_summarizer_info **found, sal_error *err) SAL_MUST_CHECK;

/** SAL_ENOTFOUND: what is wrong, how to go on, and the summarizers that there are; that there are none yet, when the list is empty. */
int stage_fail_summarizer(sal_study *study, const sal_summarizer_list *list, const char *what,
                          const char *how, sal_error *err);

/** Layers as --layers has them: "all", "representative" (first, middle, last) or an ascending list.
 *  in     all: how many there are, from 0; what: "layers" or "states", for errors
 *  out    *layers [*count], the caller's, also after an error
 *  errs   SAL_EINVAL, SAL_ENOMEM */
int stage_parse_layers(const char *text, size_t all, const char *what, size_t **layers,
                       size_t *count, sal_error *err) SAL_MUST_CHECK;

#endif
