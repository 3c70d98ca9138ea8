// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// upcall ZONE COUNT PARALLEL: asks the kernel for COUNT names of ZONE that nobody has asked for, PARALLEL processes at a time,
// and prints the time of each request in microseconds, a line each; "failed" for one without an answer.
#define _GNU_SOURCE
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(const char *zone, int count) {
    // As the kernel's own clients: keys go to a keyring of the thread, nothing comes from the session.
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
    double *took = calloc(count, sizeof *took);
    for (int i = 0; i < count; i++) {
        char name[256];
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        snprintf(name, sizeof name, "n%d-%ld-%d.%s", (int)getpid(), from.tv_nsec, i, zone);
        clock_gettime(CLOCK_MONOTONIC, &from);
        const long key = syscall(SYS_request_key, "dns_resolver", name, "", KEY_SPEC_THREAD_KEYRING);
        clock_gettime(CLOCK_MONOTONIC, &to);
        took[i] = key < 0 ? -1 : (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
        if (key > 0) syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_THREAD_KEYRING);
    }
    // In one write, so that lines of several processes stay whole.
    char *text = malloc((size_t)count * 16 + 16);
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += took[i] < 0 ? sprintf(text + size, "failed\n") : sprintf(text + size, "%.1f\n", took[i]);
    if (write(1, text, size) != (ssize_t)size) exit(1);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const int count = atoi(argv[2]), parallel = atoi(argv[3]);
    for (int i = 0; i < parallel; i++) {
        if (fork() == 0) {
            run(argv[1], count / parallel);
            return 0;
        }
    }
    while (wait(NULL) > 0) {}
    return 0;
}
