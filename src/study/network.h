/** Is a folder on a network file system? */
#ifndef SALIENT_STUDY_NETWORK_H
#define SALIENT_STUDY_NETWORK_H

#include <stdbool.h>

/** True when path lies on a file system whose shared memory or locks may not reach every machine that
 *  mounts it (NFS, SMB, FUSE, cluster file systems): SQLite's log (WAL) must not be used there. False
 *  where that cannot be told. */
bool study_on_network(const char *path);

/** The same for a type number as statfs(2) reports it. */
bool study_is_network_type(unsigned long type);

#endif
