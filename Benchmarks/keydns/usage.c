// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// usage FILE PROGRAM ARGUMENT...: runs the program, and writes its greatest resident set (kB) and its page faults to FILE.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    // vfork: the child's figures are to be the program's own.
    const pid_t pid = vfork();
    if (pid == 0) {
        execv(argv[2], argv + 2);
        _exit(127);
    }
    struct rusage usage;
    int status;
    wait4(pid, &status, 0, &usage);
    FILE *file = fopen(argv[1], "w");
    if (file) {
        fprintf(file, "%ld %ld\n", usage.ru_maxrss, usage.ru_minflt);
        fclose(file);
    }
    return 0;
}
