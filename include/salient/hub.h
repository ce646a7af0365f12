/** Files of the Hugging Face hub: models by name.
 *
 *  The hub is https://huggingface.co, or what SALIENT_HUB says (a mirror; https, or http on this machine). HF_TOKEN, where set, opens
 *  private and gated repositories; it goes to huggingface.co and this machine alone.
 */
#ifndef SALIENT_HUB_H
#define SALIENT_HUB_H

#include "salient/memory.h"
#include "salient/progress.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bring a GGUF file onto this machine, all parts of a split one.
 *
 *  A download that broke off goes on where it stopped, also in a later run; the file appears once its size and SHA-256 are those that
 *  the hub tells. What is there already and has them is kept.
 *
 *  in     source: "hf:OWNER/REPO", ":FILE" or ":QUANT" (Q4_K_M) after it when the repository has several; folder: where to,
 *         NULL: models/OWNER/REPO below the cache (SALIENT_CACHE, else XDG_CACHE_HOME/salient, else ~/.cache/salient)
 *  out    path: of the file, of a split one its first part; *tally: done, kept = files
 *  errs   SAL_EINVAL (source; several files fit: lists them), SAL_ENOTFOUND, SAL_EUNSUPPORTED (needs a key), SAL_EIO, SAL_EFORMAT
 *         (another SHA-256 than the hub tells: the download is removed), SAL_EBUSY, SAL_ECANCELLED */
int sal_hub_pull_model(const char *source, const char *folder, const sal_progress *progress,
                       sal_buffer *path, sal_tally *tally, sal_error *err) SAL_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
