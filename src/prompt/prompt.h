/** Prompts: what a summarizer is asked, in words (METHODS 1). Used wherever a summary's prompt is built: to generate it, and to look at
 *  it again. */
#ifndef SALIENT_PROMPT_PROMPT_H
#define SALIENT_PROMPT_PROMPT_H

#include "salient/study.h"

/** A prompt template: built-in ("paper-first", "text-first") or a file. */
typedef struct sal_template sal_template;

/** errs SAL_ENOTFOUND (names the built-in ones too), SAL_EFORMAT (a file without {text} or {n}, or not UTF-8), SAL_EIO */
int sal_template_open(const char *name, sal_template **out, sal_error *err) SAL_MUST_CHECK;
void sal_template_close(sal_template *prompt_template);
/** SHA-256 of all its texts; part of the configuration. */
const char *sal_template_digest(const sal_template *prompt_template);
/** System and user message for a document and a length. The document's braces are left alone.
 *  out    system (empty when there is none) and user, replaced
 *  errs   SAL_EUNSUPPORTED: a built-in template has no text for the document's language */
int sal_template_render(const sal_template *prompt_template, const sal_document *document, int n,
                        sal_buffer *system, sal_buffer *user, sal_error *err) SAL_MUST_CHECK;

#endif
