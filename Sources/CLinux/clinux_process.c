// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#define _GNU_SOURCE
#include "clinux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinux.h"

#define OR_ERRNO(call) ({ __typeof__(call) r_; do r_ = (call); while (r_ == -1 && errno == EINTR); r_ == -1 ? -errno : r_; })
#define OR_ERRNO_ONCE(call) ({ __typeof__(call) r_ = (call); r_ == -1 ? -errno : r_; })

// In the child, where only what is safe after fork may be called. Returns errno; does not return after a good exec.
static int become(const struct clinux_command *command, int *report) {
    clinux_reset_signals();
    if (command->group == 1 && setpgid(0, 0) == -1) return errno;
    // What outlives its parent keeps nothing of that one's: no lock, no pipe, no directory, no low priority.
    if (command->group == 2) {
        if (setsid() == -1 || chdir("/") == -1) return errno;
        (void)setpriority(PRIO_PROCESS, 0, 0);
    }
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
    if (command->group == 2) clinux_close_on_exec_from((int)command->file_count);
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
int clinux_terminal(int ends[2]) {
    const int near = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (near == -1) return -errno;
    const int unlocked = 0;
    // TIOCGPTPEER (4.13) needs no path: /dev/pts may be another namespace's.
    const int far = ioctl(near, TIOCSPTLCK, &unlocked) == -1 ? -1 : ioctl(near, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (far == -1) {
        const int error = errno;
        close(near);
        return -error;
    }
    ends[0] = near;
    ends[1] = far;
    return 0;
}
int clinux_dup_to(int fd, int number) { return OR_ERRNO(dup2(fd, number)); }
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

int clinux_exec(const char *path, char *const *argv, char *const *envp) {
    execve(path, argv, envp);
    return -errno;
}
pid_t clinux_wait_any(int *status) { return OR_ERRNO(waitpid(-1, status, WNOHANG | WUNTRACED)); }
int clinux_fchdir(int fd) { return OR_ERRNO_ONCE(fchdir(fd)); }
int clinux_chroot(const char *path) { return OR_ERRNO_ONCE(chroot(path)); }
int clinux_rename(const char *from, const char *to) { return OR_ERRNO_ONCE(rename(from, to)); }
int clinux_close_on_exec_from(int first) {
    // close_range(2) with CLOSE_RANGE_CLOEXEC, Linux 5.11.
    if (syscall(436, (unsigned)first, ~0u, 4u) == 0) return 0;
    for (int fd = first; fd < 1024; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}
int clinux_set_name(const char *name) { return OR_ERRNO_ONCE(prctl(PR_SET_NAME, name, 0, 0, 0)); }

int clinux_memfd_sized(const char *name, size_t size) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd == -1) return -errno;
    if (ftruncate(fd, (off_t)size) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}
void *clinux_map_shared(int fd, size_t size, int *error) {
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    *error = start == MAP_FAILED ? errno : 0;
    return start == MAP_FAILED ? NULL : start;
}
void clinux_unmap(void *start, size_t size) { munmap(start, size); }
int64_t clinux_file_size(int fd) {
    struct stat status;
    return fstat(fd, &status) == -1 ? -errno : status.st_size;
}

int clinux_notify(const char *socket_name, const char *text, const int *fds, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(socket_name);
    if (length == 0 || length >= sizeof address.sun_path || count > 8) return -EINVAL;
    memcpy(address.sun_path, socket_name, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = 0;
    union { struct cmsghdr header; char space[CMSG_SPACE(8 * sizeof(int))]; } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {(void *)text, strlen(text)};
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length),
        .msg_iov = &part,
        .msg_iovlen = 1,
    };
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1) return -errno;
    // A manager that does not read must not stop us.
    ssize_t sent = OR_ERRNO(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
    close(fd);
    return sent < 0 ? (int)sent : 0;
}
int clinux_socketpair(int ends[2]) { return OR_ERRNO_ONCE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)); }
