// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// Processes, locks and changes of the file tree: what the programs that start containers need. Every function returns a
// value >= 0 or -errno. No policy here.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// How a child is made. `argv` and `envp` end in NULL.
struct clinux_command {
    const char *path;
    char *const *argv;
    char *const *envp;
    // Descriptors that become 0, 1, 2, 3, ... of the child; -1 opens /dev/null in that place. All others are closed on exec
    // as they say themselves.
    const int *files;
    size_t file_count;
    // Descriptors of cgroup.procs files that the child writes "0" to before exec.
    const int *joins;
    size_t join_count;
    // 0: stays in the caller's process group, 1: setpgid(0, 0), 2: setsid()
    int group;
};
// Starts a child with default signals and an empty signal mask, and returns its pid. An error in the child, exec's
// included, is returned here and leaves no child.
pid_t clinux_spawn(const struct clinux_command *command);
// waitpid: the pid (0: with `hang` 0, none has ended), and the raw status.
pid_t clinux_wait(pid_t pid, int hang, int *status);
int clinux_kill(pid_t pid, int signal);

int clinux_mkdirat(int dirfd, const char *path, unsigned int mode);
int clinux_unlinkat(int dirfd, const char *path, int flags);
int clinux_mknodat(int dirfd, const char *path, unsigned int mode);
int clinux_symlinkat(const char *target, int dirfd, const char *path);
int clinux_chdir(const char *path);
ssize_t clinux_getcwd(char *buffer, size_t size);
int clinux_pipe(int ends[2]);
int clinux_memfd(const char *name);
int clinux_isatty(int fd);
int clinux_access(int dirfd, const char *path, int mode);
// openat2 with `resolve` (RESOLVE_IN_ROOT is 0x10): the path cannot leave `dirfd`.
int clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);
// The next signal of a signalfd and its si_code.
int clinux_read_signal(int fd, int *code);
