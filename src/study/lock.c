/* The writer's lock: study.lock beside study.db, locked with flock for the life of the writer.
 *
 * SQLite's own locks last a transaction; between two of them a second writer could slip in and redo
 * the same units. The kernel drops a flock when its process ends, so a killed writer leaves at most
 * an unlocked file, which the next writer takes over. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "study/study_internal.h"

enum { ATTEMPTS = 20 };

/* The lock file is removed by its owner: between our open and our lock another may have removed it
 * and a third made a new one. Only a lock on the file that has the name now counts. */
static bool still_has_its_name(int descriptor, const char *path) {
    struct stat ours, named;
    return fstat(descriptor, &ours) == 0 && stat(path, &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static void read_owner(int descriptor, char owner[16]) {
    ssize_t length = sal_system_read(descriptor, owner, 15);
    if (length < 0) {
        length = 0;
    }
    owner[length] = '\0';
    owner[strspn(owner, "0123456789")] = '\0';
}

static int fail_busy(const sal_study *study, int descriptor, sal_error *err) {
    char owner[16];
    read_owner(descriptor, owner);
    return sal_fail(err, SAL_EBUSY,
                    "%s: another process%s%s is writing to this study; wait until it has ended "
                    "(export, report and verify work beside it)",
                    study->path, owner[0] ? " with the number " : "", owner);
}

static int write_owner(int descriptor) {
    sal_buffer text = {0};
    int rc = sal_buffer_add_format(&text, NULL, "%ld\n", (long)getpid());
    if (rc == SAL_OK && (ftruncate(descriptor, 0) != 0 ||
                         sal_system_write(descriptor, text.bytes, text.length) < 0)) {
        rc = SAL_EIO;
    }
    sal_buffer_free(&text);
    return rc;
}

int study_lock_take(sal_study *study, sal_error *err) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int descriptor = sal_system_open(study->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor < 0) {
            const bool refused = errno == EACCES || errno == EPERM || errno == EROFS;
            return sal_fail(err, SAL_EIO, "%s: cannot be written (%s): %s%s", study->path,
                            study->lock_path, strerror(errno),
                            refused ? "; check the rights of the folder, or copy the study to a "
                                      "folder of your own (export and verify only read it)"
                                    : "");
        }
        if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            int rc = errno == EWOULDBLOCK
                         ? fail_busy(study, descriptor, err)
                         : sal_fail(err, SAL_EIO, "%s: cannot be locked (%s): %s", study->path,
                                    study->lock_path, strerror(errno));
            sal_system_close(descriptor);
            return rc;
        }
        if (still_has_its_name(descriptor, study->lock_path)) {
            study->lock = descriptor;
            /* The number only serves the other's error message: a full disk is noticed later. */
            (void)write_owner(descriptor);
            return SAL_OK;
        }
        sal_system_close(descriptor);
    }
    return sal_fail(err, SAL_EBUSY, "%s: other processes keep taking this study; try again",
                    study->path);
}

void study_lock_release(sal_study *study) {
    if (study->lock < 0) {
        return;
    }
    /* Removed while still locked: whoever opened the old file sees that it lost its name. */
    sal_system_unlink(study->lock_path);
    sal_system_close(study->lock);
    study->lock = -1;
}
