#include "study/network.h"

#include <stddef.h>

#ifdef __linux__
#include <sys/statfs.h>
#endif

/* Numbers of linux/magic.h and of the file systems' own sources. */
static const unsigned long network_types[] = {
    0x6969,     /* NFS */
    0x517B,     /* SMB */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB2 */
    0x65735546, /* FUSE: sshfs, s3fs, rclone */
    0x01021997, /* 9P */
    0x5346414F, /* AFS */
    0x6B414653, /* AFS of the kernel */
    0x73757245, /* Coda */
    0x564C,     /* NCP */
    0x00C36400, /* Ceph */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS */
    0x19830326, /* BeeGFS */
    0xAAD7AAEA, /* PanFS */
    0x7461636F, /* OCFS2 */
    0x01161970, /* GFS2 */
};

bool study_is_network_type(unsigned long type) {
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++) {
        if (network_types[i] == (type & 0xFFFFFFFFUL)) {
            return true;
        }
    }
    return false;
}

bool study_on_network(const char *path) {
#ifdef __linux__
    struct statfs status;
    return statfs(path, &status) == 0 && study_is_network_type((unsigned long)status.f_type);
#else
    (void)path;
    return false;
#endif
}
