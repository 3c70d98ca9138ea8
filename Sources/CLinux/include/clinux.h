// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// What Swift's Glibc module cannot reach: variadic calls, system calls that glibc 2.36 does not wrap, and the FUSE
// protocol's structs. Every function returns a value >= 0 or -errno. No policy here.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clinux_fuse.h"

// The words for an error number; never NULL.
const char *clinux_error_text(int error);

int clinux_openat(int dirfd, const char *path, int flags, unsigned int mode);
// Reads or writes once, again after EINTR.
ssize_t clinux_read(int fd, void *buffer, size_t size);
ssize_t clinux_pread(int fd, void *buffer, size_t size, int64_t offset);
ssize_t clinux_write(int fd, const void *buffer, size_t size);
ssize_t clinux_readlinkat(int dirfd, const char *path, char *buffer, size_t size);
// Directory entries as the kernel packs them (struct linux_dirent64).
ssize_t clinux_getdents64(int fd, void *buffer, size_t size);

// What statx(2) tells without asking a file system to refresh it (AT_STATX_DONT_SYNC): nothing here can hang.
struct clinux_stat {
    uint64_t ino;
    uint64_t dev;   // makedev form
    uint64_t size;
    uint32_t mode;
    uint32_t nlink;
    uint32_t uid;
    uint64_t mount; // STATX_MNT_ID, 0 where unknown
};
int clinux_statat(int dirfd, const char *path, int flags, struct clinux_stat *out);

int clinux_ioctl(int fd, unsigned long request, void *argument);
int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument);
int clinux_fcntl(int fd, int command, long argument);

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int clinux_umount2(const char *target, int flags);
// A mount of a file system without options that is nowhere in the tree: fsopen, fsconfig, fsmount.
int clinux_mount_detached(const char *type);
int clinux_open_tree(int dirfd, const char *path, unsigned int flags);
int clinux_move_mount(int from_dirfd, const char *from_path, int to_dirfd, const char *to_path, unsigned int flags);
int clinux_mount_setattr(int dirfd, const char *path, unsigned int flags, uint64_t set, uint64_t clear, uint64_t propagation);

int clinux_setns(int fd, int type);
int clinux_unshare(int flags);
int clinux_pidfd_open(pid_t pid, unsigned int flags);
int clinux_pidfd_send_signal(int pidfd, int signal);
int clinux_gettid(void);
// Lets `thread` (0: the calling one) run on the CPUs of `mask` (`size` bytes) only.
int clinux_setaffinity(pid_t thread, const void *mask, size_t size);
int clinux_getaffinity(void *mask, size_t size);
int clinux_current_cpu(void);
// SCHED_IDLE (1) or SCHED_OTHER (0) for `thread` (0: the calling one).
int clinux_set_idle(pid_t thread, int idle);
int clinux_prctl(int option, unsigned long argument2, unsigned long argument3);

// A detached-state-free thread: `entry(context)` on a stack of `stack_size` bytes.
int clinux_thread(const char *name, size_t stack_size, void *(*entry)(void *), void *context, uint64_t *handle);
int clinux_join(uint64_t handle);

// Blocks `signals` in the calling thread (and those it makes) and returns a signalfd for them.
int clinux_signalfd(const int *signals, size_t count);
/* Delivers a blocked signal, with what it does by default. */
void clinux_default_signal(int signal);
// Gives every signal its default action and an empty mask; for a child before exec.
int clinux_reset_signals(void);

// Sends without SIGPIPE: a peer that is gone is EPIPE.
ssize_t clinux_send(int fd, const void *buffer, size_t size);
int clinux_unix_socket(void);
int clinux_unix_bind(int fd, const char *path);
int clinux_unix_connect(int fd, const char *path);
int clinux_listen(int fd, int backlog);
int clinux_accept(int fd);
// The peer's credentials at connect time (SO_PEERCRED).
int clinux_peercred(int fd, pid_t *pid, uint32_t *uid);
int clinux_set_timeouts(int fd, int milliseconds);

// CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME in nanoseconds.
int64_t clinux_clock(int clock);
int clinux_poll(int fd, int milliseconds);
// Does not wait; POLLOUT and errors.
int clinux_poll_output(int fd);
int clinux_poll_many(const int *fds, short *ready, size_t count, int milliseconds);

int clinux_epoll(void);
// Watches `fd` for input; the event carries `fd` itself.
int clinux_epoll_add(int epoll, int fd);
int clinux_epoll_remove(int epoll, int fd);
// Fills `ready` with descriptors; 0 at the end of the time or where a signal came.
int clinux_epoll_wait(int epoll, int *ready, size_t count, int milliseconds);
int clinux_eventfd(void);
// The soft limit of open descriptors.
int64_t clinux_open_files_limit(void);
// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
int64_t clinux_raise_nofile(void);
// Unmaps the pages of the executable that nobody writes to, code and constants (MADV_DONTNEED); what is still needed comes
// back from the page cache.
int clinux_drop_program_pages(void);
// Opens /dev/null where standard input, output or error are closed.
int clinux_fill_standard_descriptors(void);
// Takes the file's first bytes from what is free, without making it longer (fallocate, FALLOC_FL_KEEP_SIZE).
int clinux_reserve(int fd, int64_t size);
int clinux_mkdir(const char *path, unsigned int mode);
int clinux_unlink(const char *path);
int clinux_rmdir(const char *path);
int clinux_flock(int fd, int operation);
