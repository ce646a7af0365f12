/** Files of models are tried in a process of their own before this one opens them. */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include "session.h"

/** The word that makes the program the child: `salient ~try FILE`. No command, no help: nobody types it. */
#define GUARD_WORD "~try"

/** Try a file; one that is no GGUF file is left alone.
 *
 *  libllama answers most broken files with an error, but some make it end the whole process: an assertion, a C++ exception that nobody
 *  catches, an address that is none. The child does with the file all that can go so, short of reading weights; if it dies, that is an
 *  error here. A file that passed is remembered below the cache folder (tried/, by device, inode, size and time) and costs one look
 *  there afterwards. SALIENT_GUARD=off in the environment leaves it all out.
 *
 *  errs   SAL_EMODEL: the child died of it; the text has what it said */
int guard_model(const char *path, sal_error *err) SAL_MUST_CHECK;

/** Try every file among the words of a command, before it runs.
 *  return 0; or the exit status of the command, told */
int guard_models(struct session *session);

/** What the child does. return its exit status */
int guard_child(const char *path);

#endif
