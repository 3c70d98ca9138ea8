// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// floor KEY: a helper that answers at once: what an upcall costs whoever answers it.
#include <linux/keyctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const long key = argc > 1 ? atol(argv[1]) : 0;
    syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, 5);
    syscall(SYS_keyctl, KEYCTL_INSTANTIATE, key, "10.0.0.1", 9, 0);
    _exit(0);
}
