// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinux.h"

#define OR_ERRNO(call) ({ __typeof__(call) r_; do r_ = (call); while (r_ == -1 && errno == EINTR); r_ == -1 ? -errno : r_; })
#define OR_ERRNO_ONCE(call) ({ __typeof__(call) r_ = (call); r_ == -1 ? -errno : r_; })

// In the child, where only what is safe after fork may be called. Returns errno; does not return after a good exec.
static int become(const struct clinux_command *command, int *report) {
    clinux_reset_signals();
    if (command->group == 1 && setpgid(0, 0) == -1) return errno;
    if (command->group == 2 && setsid() == -1) return errno;
    for (size_t i = 0; i < command->join_count; i++)
        if (write(command->joins[i], "0", 1) == -1) return errno;
    // Everything moves above the places to fill first, so that no place is overwritten before it is read.
    int above = (int)command->file_count;
    int moved[16];
    if (command->file_count > 16) return EINVAL;
    *report = fcntl(*report, F_DUPFD_CLOEXEC, above);
    if (*report == -1) return errno;
    for (size_t i = 0; i < command->file_count; i++) {
        int from = command->files[i];
        moved[i] = from < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : fcntl(from, F_DUPFD_CLOEXEC, above);
        if (moved[i] == -1) return errno;
    }
    for (size_t i = 0; i < command->file_count; i++) {
        // dup2 of a descriptor to itself would leave it closed on exec.
        if (moved[i] == (int)i ? fcntl(moved[i], F_SETFD, 0) == -1 : dup2(moved[i], (int)i) == -1) return errno;
    }
    execve(command->path, command->argv, command->envp);
    return errno;
}

pid_t clinux_spawn(const struct clinux_command *command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == -1) return -errno;
    // Nothing may be delivered to the child before its handlers are the defaults.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        int report = ends[1];
        int error = become(command, &report);
        if (report >= 0) {
            ssize_t ignored = write(report, &error, sizeof error);
            (void)ignored;
        }
        _exit(127);
    }
    int result = pid == -1 ? -errno : pid;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid > 0) {
        int error = 0;
        ssize_t got = OR_ERRNO(read(ends[0], &error, sizeof error));
        if (got == sizeof error) {
            result = error > 0 ? -error : -EIO;
            while (waitpid(pid, NULL, 0) == -1 && errno == EINTR) {}
        }
    }
    close(ends[0]);
    return result;
}

pid_t clinux_wait(pid_t pid, int hang, int *status) { return OR_ERRNO(waitpid(pid, status, hang ? 0 : WNOHANG)); }
int clinux_kill(pid_t pid, int signal) { return OR_ERRNO_ONCE(kill(pid, signal)); }

int clinux_mkdirat(int dirfd, const char *path, unsigned int mode) { return OR_ERRNO_ONCE(mkdirat(dirfd, path, mode)); }
int clinux_unlinkat(int dirfd, const char *path, int flags) { return OR_ERRNO_ONCE(unlinkat(dirfd, path, flags)); }
int clinux_mknodat(int dirfd, const char *path, unsigned int mode) { return OR_ERRNO_ONCE(mknodat(dirfd, path, mode, 0)); }
int clinux_symlinkat(const char *target, int dirfd, const char *path) {
    return OR_ERRNO_ONCE(symlinkat(target, dirfd, path));
}
int clinux_chdir(const char *path) { return OR_ERRNO_ONCE(chdir(path)); }
ssize_t clinux_getcwd(char *buffer, size_t size) { return OR_ERRNO_ONCE(syscall(SYS_getcwd, buffer, size)); }
int clinux_pipe(int ends[2]) { return OR_ERRNO_ONCE(pipe2(ends, O_CLOEXEC)); }
int clinux_memfd(const char *name) { return OR_ERRNO_ONCE(memfd_create(name, MFD_CLOEXEC)); }
int clinux_isatty(int fd) { return isatty(fd); }
int clinux_access(int dirfd, const char *path, int mode) { return OR_ERRNO_ONCE(faccessat(dirfd, path, mode, AT_EACCESS)); }
int clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve) {
    struct { uint64_t flags, mode, resolve; } how = {flags | O_CLOEXEC, 0, resolve};
    return (int)OR_ERRNO(syscall(437, dirfd, path, &how, sizeof how));
}
int clinux_read_signal(int fd, int *code) {
    struct signalfd_siginfo info;
    ssize_t got = OR_ERRNO(read(fd, &info, sizeof info));
    if (got < 0) return (int)got;
    if (got != sizeof info) return -EIO;
    *code = info.ssi_code;
    return (int)info.ssi_signo;
}
