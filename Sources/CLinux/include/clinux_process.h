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
// Both ends of a terminal that is nobody's controlling one: `ends[1]` is the terminal, `ends[0]` sees what is written to it.
int clinux_terminal(int ends[2]);
int clinux_dup_to(int fd, int number);
int clinux_access(int dirfd, const char *path, int mode);
// openat2 with `resolve` (RESOLVE_IN_ROOT is 0x10): the path cannot leave `dirfd`.
int clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);
// The next signal of a signalfd and its si_code.
int clinux_read_signal(int fd, int *code);

// Becomes another program, with the caller's signal mask; returns only an error.
int clinux_exec(const char *path, char *const *argv, char *const *envp);
// The next child that has ended or was stopped: its pid and raw status; 0 where there is none now, -ECHILD without children.
pid_t clinux_wait_any(int *status);
int clinux_fchdir(int fd);
int clinux_chroot(const char *path);
int clinux_rename(const char *from, const char *to);
// Has exec close every descriptor from `first` on.
int clinux_close_on_exec_from(int first);
// What ps shows of the calling thread, 15 bytes at most.
int clinux_set_name(const char *name);

// Memory that several processes share (a memfd): makes it `size` bytes long, or maps it; NULL and `error` where not.
int clinux_memfd_sized(const char *name, size_t size);
void *clinux_map_shared(int fd, size_t size, int *error);
void clinux_unmap(void *start, size_t size);
// The size of a file.
int64_t clinux_file_size(int fd);
static inline uint64_t clinux_load64(const void *at) { return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE); }
static inline void clinux_store64(void *at, uint64_t value) { __atomic_store_n((uint64_t *)at, value, __ATOMIC_RELEASE); }

// A datagram to the service manager's socket (a path, or `@name` of the abstract kind) with `count` descriptors.
int clinux_notify(const char *socket, const char *text, const int *fds, size_t count);
// Both ends of a stream connection.
int clinux_socketpair(int ends[2]);
