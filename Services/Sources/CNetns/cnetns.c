// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

#define _GNU_SOURCE
#include "cnetns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int cnetns_enter(int descriptor) { return setns(descriptor, CLONE_NEWNET) == 0 ? 0 : -errno; }

int cnetns_open_below(const char *root, const char *path) {
    int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) return -errno;
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int found = (int)syscall(SYS_openat2, top, path, &how, sizeof how);
    int result = found < 0 ? -errno : -EINVAL;
    close(top);
    if (found < 0) return result;
    // Looked at before it is opened: opening a device or a FIFO may do something.
    struct stat status;
    if (fstat(found, &status) == 0 && S_ISREG(status.st_mode)) {
        char own[32];
        snprintf(own, sizeof own, "/proc/self/fd/%d", found);
        result = open(own, O_RDONLY | O_CLOEXEC);
        if (result < 0) result = -errno;
    }
    close(found);
    return result;
}
