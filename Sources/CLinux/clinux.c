// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

#define OR_ERRNO(call) ({ __typeof__(call) r_; do r_ = (call); while (r_ == -1 && errno == EINTR); r_ == -1 ? -errno : r_; })
#define OR_ERRNO_ONCE(call) ({ __typeof__(call) r_ = (call); r_ == -1 ? -errno : r_; })

const char *clinux_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

int clinux_openat(int dirfd, const char *path, int flags, unsigned int mode) {
    return OR_ERRNO(openat(dirfd, path, flags | O_CLOEXEC, mode));
}
// syscall(2), and not the C library's own: those are points where a thread can be cancelled, which none is here, and make
// two atomic exchanges for it in a process with threads.
ssize_t clinux_read(int fd, void *buffer, size_t size) { return OR_ERRNO(syscall(SYS_read, fd, buffer, size)); }
ssize_t clinux_pread(int fd, void *buffer, size_t size, int64_t offset) {
    return OR_ERRNO(syscall(SYS_pread64, fd, buffer, size, offset));
}
ssize_t clinux_write(int fd, const void *buffer, size_t size) { return OR_ERRNO(syscall(SYS_write, fd, buffer, size)); }
ssize_t clinux_readlinkat(int dirfd, const char *path, char *buffer, size_t size) {
    return OR_ERRNO(readlinkat(dirfd, path, buffer, size));
}
ssize_t clinux_getdents64(int fd, void *buffer, size_t size) { return OR_ERRNO(syscall(SYS_getdents64, fd, buffer, size)); }

int clinux_statat(int dirfd, const char *path, int flags, struct clinux_stat *out) {
    struct statx st;
    memset(&st, 0, sizeof st);
    if (statx(dirfd, path, flags | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &st) == -1) return -errno;
    out->ino = st.stx_ino;
    out->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
    out->size = st.stx_size;
    out->mode = st.stx_mode;
    out->nlink = st.stx_nlink;
    out->uid = st.stx_uid;
    // The 13th 64-bit word of the kernel's struct (stx_mnt_id), which glibc 2.36's header calls __spare2.
    out->mount = 0;
    if (st.stx_mask & STATX_MNT_ID) memcpy(&out->mount, (char *)&st + 0x90, sizeof out->mount);
    return 0;
}

int clinux_ioctl(int fd, unsigned long request, void *argument) { return OR_ERRNO_ONCE(ioctl(fd, request, argument)); }
int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument) { return OR_ERRNO_ONCE(ioctl(fd, request, argument)); }
int clinux_fcntl(int fd, int command, long argument) { return OR_ERRNO(fcntl(fd, command, argument)); }

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return OR_ERRNO_ONCE(mount(source, target, type, flags, data));
}
int clinux_umount2(const char *target, int flags) { return OR_ERRNO_ONCE(umount2(target, flags)); }
int clinux_mount_detached(const char *type) {
    int context = (int)OR_ERRNO_ONCE(syscall(430, type, 1 /* FSOPEN_CLOEXEC */));
    if (context < 0) return context;
    int result = (int)OR_ERRNO_ONCE(syscall(431, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0));
    if (result >= 0) result = (int)OR_ERRNO_ONCE(syscall(432, context, 1 /* FSMOUNT_CLOEXEC */, 0));
    close(context);
    return result;
}
int clinux_open_tree(int dirfd, const char *path, unsigned int flags) { return (int)OR_ERRNO_ONCE(syscall(428, dirfd, path, flags)); }
int clinux_move_mount(int from_dirfd, const char *from_path, int to_dirfd, const char *to_path, unsigned int flags) {
    return (int)OR_ERRNO_ONCE(syscall(429, from_dirfd, from_path, to_dirfd, to_path, flags));
}
int clinux_mount_setattr(int dirfd, const char *path, unsigned int flags, uint64_t set, uint64_t clear, uint64_t propagation) {
    struct { uint64_t set, clear, propagation, userns; } attributes = {set, clear, propagation, 0};
    return (int)OR_ERRNO_ONCE(syscall(442, dirfd, path, flags, &attributes, sizeof attributes));
}

int clinux_setns(int fd, int type) { return OR_ERRNO_ONCE(setns(fd, type)); }
int clinux_unshare(int flags) { return OR_ERRNO_ONCE(unshare(flags)); }
int clinux_pidfd_open(pid_t pid, unsigned int flags) { return (int)OR_ERRNO_ONCE(syscall(434, pid, flags)); }
int clinux_pidfd_send_signal(int pidfd, int signal) { return (int)OR_ERRNO_ONCE(syscall(424, pidfd, signal, NULL, 0)); }
int clinux_gettid(void) { return (int)syscall(SYS_gettid); }
int clinux_setaffinity(pid_t thread, const void *mask, size_t size) {
    return (int)OR_ERRNO_ONCE(syscall(SYS_sched_setaffinity, thread, size, mask));
}
int clinux_getaffinity(void *mask, size_t size) { return (int)OR_ERRNO_ONCE(syscall(SYS_sched_getaffinity, 0, size, mask)); }
int clinux_current_cpu(void) { return sched_getcpu(); }
int clinux_set_idle(pid_t thread, int idle) {
    struct sched_param none = {0};
    return OR_ERRNO_ONCE(sched_setscheduler(thread, idle ? SCHED_IDLE : SCHED_OTHER, &none));
}
int clinux_prctl(int option, unsigned long argument2, unsigned long argument3) {
    return OR_ERRNO_ONCE(prctl(option, argument2, argument3, 0, 0));
}

int clinux_thread(const char *name, size_t stack_size, void *(*entry)(void *), void *context, uint64_t *handle) {
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);
    if (error) return -error;
    error = pthread_attr_setstacksize(&attributes, stack_size);
    if (!error) error = pthread_create(&thread, &attributes, entry, context);
    pthread_attr_destroy(&attributes);
    if (error) return -error;
    pthread_setname_np(thread, name);
    *handle = (uint64_t)thread;
    return 0;
}
int clinux_join(uint64_t handle) { return -pthread_join((pthread_t)handle, NULL); }

int clinux_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    return OR_ERRNO_ONCE(signalfd(-1, &set, SFD_CLOEXEC));
}
void clinux_default_signal(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_kill(pthread_self(), signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
int clinux_reset_signals(void) {
    for (int s = 1; s < 65; s++) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    return -pthread_sigmask(SIG_SETMASK, &none, NULL);
}

ssize_t clinux_send(int fd, const void *buffer, size_t size) { return OR_ERRNO(send(fd, buffer, size, MSG_NOSIGNAL)); }
int clinux_unix_socket(void) { return OR_ERRNO_ONCE(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
static int unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}
int clinux_unix_bind(int fd, const char *path) {
    struct sockaddr_un address;
    int error = unix_address(&address, path);
    return error ? error : OR_ERRNO_ONCE(bind(fd, (struct sockaddr *)&address, sizeof address));
}
int clinux_unix_connect(int fd, const char *path) {
    struct sockaddr_un address;
    int error = unix_address(&address, path);
    return error ? error : OR_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address));
}
int clinux_listen(int fd, int backlog) { return OR_ERRNO_ONCE(listen(fd, backlog)); }
int clinux_accept(int fd) { return OR_ERRNO(accept4(fd, NULL, NULL, SOCK_CLOEXEC)); }
int clinux_peercred(int fd, pid_t *pid, uint32_t *uid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == -1) return -errno;
    *pid = credentials.pid;
    *uid = credentials.uid;
    return 0;
}
int clinux_set_timeouts(int fd, int milliseconds) {
    struct timeval limit = {milliseconds / 1000, (milliseconds % 1000) * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == -1) return -errno;
    return OR_ERRNO_ONCE(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
}

int64_t clinux_clock(int clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) == -1) return -errno;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static int poll_one(int fd, short events, int milliseconds) {
    struct pollfd p = {fd, events, 0};
    int ready = poll(&p, 1, milliseconds);
    if (ready == -1) return errno == EINTR ? 0 : -errno;
    return ready ? p.revents : 0;
}
int clinux_poll(int fd, int milliseconds) { return poll_one(fd, POLLIN, milliseconds); }
int clinux_poll_output(int fd) { return poll_one(fd, POLLOUT, 0); }
int clinux_poll_many(const int *fds, short *ready, size_t count, int milliseconds) {
    struct pollfd p[64];
    if (count > 64) return -EINVAL;
    for (size_t i = 0; i < count; i++) p[i] = (struct pollfd){fds[i], POLLIN, 0};
    int n = poll(p, count, milliseconds);
    if (n == -1) return errno == EINTR ? 0 : -errno;
    for (size_t i = 0; i < count; i++) ready[i] = p[i].revents;
    return n;
}

int clinux_epoll(void) { return OR_ERRNO_ONCE(epoll_create1(EPOLL_CLOEXEC)); }
int clinux_epoll_add(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return OR_ERRNO_ONCE(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
int clinux_epoll_remove(int epoll, int fd) { return OR_ERRNO_ONCE(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL)); }
int clinux_epoll_wait(int epoll, int *ready, size_t count, int milliseconds) {
    struct epoll_event events[64];
    int n = epoll_wait(epoll, events, count < 64 ? (int)count : 64, milliseconds);
    if (n == -1) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) ready[i] = events[i].data.fd;
    return n;
}
int clinux_eventfd(void) { return OR_ERRNO_ONCE(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int64_t clinux_open_files_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return -errno;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}
int64_t clinux_raise_nofile(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}
int clinux_drop_program_pages(void) {
    // Set by the linker: the first byte of the executable.
    extern char __executable_start;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    const unsigned long count = header ? getauxval(AT_PHNUM) : 0;
    uintptr_t base = 0;
    int isFirst = 1;
    int result = 0;
    for (unsigned long i = 0; i < count; i++) {
        if (header[i].p_type != PT_LOAD) continue;
        if (isFirst) base = (uintptr_t)&__executable_start - (header[i].p_vaddr & ~(page - 1));
        isFirst = 0;
        if (header[i].p_flags & PF_W) continue;
        const uintptr_t start = base + ((header[i].p_vaddr + page - 1) & ~(page - 1));
        const uintptr_t end = base + ((header[i].p_vaddr + header[i].p_filesz) & ~(page - 1));
        if (end > start && madvise((void *)start, end - start, MADV_DONTNEED) == -1) result = -errno;
    }
    return result;
}
int clinux_fill_standard_descriptors(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
        // The lowest that is free is what open(2) takes. Output that nobody gets is an error, as it is for who leaves the
        // descriptor closed; for what is to be said about that there is nobody either.
        if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) == -1) return -errno;
    }
    return 0;
}
int clinux_reserve(int fd, int64_t size) { return OR_ERRNO(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size)); }
int clinux_mkdir(const char *path, unsigned int mode) { return OR_ERRNO_ONCE(mkdir(path, mode)); }
int clinux_unlink(const char *path) { return OR_ERRNO_ONCE(unlink(path)); }
int clinux_rmdir(const char *path) { return OR_ERRNO_ONCE(rmdir(path)); }
int clinux_flock(int fd, int operation) { return OR_ERRNO(flock(fd, operation)); }
