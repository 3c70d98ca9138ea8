// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#define _GNU_SOURCE
#include "clinux_upcall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define OR_ERRNO(call) ({ __typeof__(call) r_; do r_ = (call); while (r_ == -1 && errno == EINTR); r_ == -1 ? -errno : r_; })
#define OR_ERRNO_ONCE(call) ({ __typeof__(call) r_ = (call); r_ == -1 ? -errno : r_; })

static long keyctl(int command, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return OR_ERRNO_ONCE(syscall(SYS_keyctl, command, a, b, c, d));
}
long clinux_key_describe(int32_t key, char *buffer, size_t size) {
    return keyctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)buffer, size, 0);
}
long clinux_key_read(int32_t key, void *buffer, size_t size) {
    return keyctl(KEYCTL_READ, (unsigned long)key, (unsigned long)buffer, size, 0);
}
int clinux_key_assume(int32_t key) { return (int)keyctl(KEYCTL_ASSUME_AUTHORITY, (unsigned long)key, 0, 0, 0); }
// The kernel adds whole seconds to the current one (ktime_get_real_seconds(), security/keys/key.c): one second, late in the
// current one, is over before who asked has the key. So it is two there; more than one is long enough as it is.
static unsigned int from_now(unsigned int seconds) {
    if (seconds != 1) return seconds;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_nsec >= 500000000 ? 2 : 1;
}
int clinux_key_timeout(int32_t key, unsigned int seconds) {
    return (int)keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)key, from_now(seconds), 0, 0);
}
int clinux_key_instantiate(int32_t key, const void *payload, size_t size) {
    return (int)keyctl(KEYCTL_INSTANTIATE, (unsigned long)key, (unsigned long)payload, size, 0);
}
int clinux_key_reject(int32_t key, unsigned int seconds, unsigned int error) {
    return (int)keyctl(KEYCTL_REJECT, (unsigned long)key, from_now(seconds), error, 0);
}
int clinux_key_permissions(int32_t key, uint32_t permissions) {
    return (int)keyctl(KEYCTL_SETPERM, (unsigned long)key, permissions, 0, 0);
}
int clinux_key_clear(int32_t keyring) { return (int)keyctl(KEYCTL_CLEAR, (unsigned long)keyring, 0, 0, 0); }
int32_t clinux_key_join_session(void) { return (int32_t)keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); }
int32_t clinux_key_request(const char *type, const char *description, const char *callout) {
    return (int32_t)OR_ERRNO_ONCE(syscall(SYS_request_key, type, description, callout, KEY_SPEC_THREAD_KEYRING));
}

static struct {
    int32_t key;
    int late, broken, silent;
    uint64_t *late_count, *killed_count, *broken_count;
    uint32_t *worker;
    pid_t child;
    struct timespec start;
    // "type;uid;gid;perm;description", empty where it is not known.
    char described[512];
} last_word;
static char last_word_stack[65536] __attribute__((aligned(16)));
static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2,
    SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS};

// A line of the log without stdio, which may be in any state when a signal comes.
struct line {
    size_t size;
    char text[768];
};
static void add(struct line *line, const char *text) {
    while (*text && line->size < sizeof line->text) line->text[line->size++] = *text++;
}
static void add_number(struct line *line, uint64_t number) {
    char digits[21];
    char *at = digits + sizeof digits;
    *--at = 0;
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    add(line, at);
}
static void add_name(struct line *line) {
    const char *name = last_word.described;
    for (int fields = 0; fields < 4 && *name; name++) fields += *name == ';';
    if (!*name) name = "?";
    for (int i = 0; i < 255 && *name; i++, name++) add(line, (char[]){*name > ' ' && *name < 0x7f ? *name : '?', 0});
}

static int error_of(int signal) {
    switch (signal) {
    case SIGALRM: return last_word.late;
    // From outside: nothing is wrong with the name, nor with this program.
    case SIGHUP: case SIGINT: case SIGQUIT: case SIGTERM: case SIGUSR1: case SIGUSR2: case SIGXCPU: case SIGPWR: case SIGKILL:
        return EAGAIN;
    default: return last_word.broken;
    }
}

// With the rejection that is meant for it, or after the key was answered.
static void log_last_word(int signal, int is_taken) {
    if (last_word.silent) return;
    struct line line = {0};
    add(&line, "<");
    add_number(&line, LOG_DAEMON | LOG_ERR);
    add(&line, ">umwelt-keydns[");
    add_number(&line, (uint64_t)getpid());
    add(&line, "]: ");
    add_name(&line);
    add(&line, ": ");
    if (is_taken) {
        add(&line, "rejected with errno ");
        add_number(&line, (uint64_t)error_of(signal));
        add(&line, ": ");
    }
    if (signal == SIGALRM) {
        add(&line, "the deadline");
    } else {
        add(&line, "signal ");
        add_number(&line, (uint64_t)signal);
    }
    if (!is_taken) add(&line, " after its answer");
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    const int64_t took = (now.tv_sec - last_word.start.tv_sec) * 1000000 + (now.tv_nsec - last_word.start.tv_nsec) / 1000;
    add(&line, ", ");
    add_number(&line, took > 0 ? (uint64_t)took : 0);
    add(&line, " us");
    clinux_unix_datagram(_PATH_LOG, line.text, line.size);
}

static void say_last_word(int signal) {
    if (last_word.child > 0) kill(last_word.child, SIGKILL);
    const int is_taken = clinux_key_reject(last_word.key, 1, (unsigned int)error_of(signal)) == 0;
    log_last_word(signal, is_taken);
    // Last: on a full disk the page may be what the signal came for.
    uint64_t *count = signal == SIGALRM ? last_word.late_count : signal == SIGKILL ? last_word.killed_count : last_word.broken_count;
    if (count) __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    if (last_word.worker) __atomic_store_n(last_word.worker, 0, __ATOMIC_RELEASE);
    _exit(128 + signal);
}

// The real-time signals, 32 to 64, or none: they would end the process as well, and nobody means anything by them. The library's
// functions leave out those of its own.
static void block_real_time(int are_blocked) {
    const uint64_t mask = are_blocked ? ~0ULL << 31 : 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

int clinux_last_word(int32_t key, int milliseconds, int late, int broken) {
    last_word.key = key;
    last_word.late = late;
    last_word.broken = broken;
    if (last_word.start.tv_sec == 0) {
        clock_gettime(CLOCK_BOOTTIME, &last_word.start);
        // Now: who is not the key's owner cannot do so any more when it has its answer. Longer ones are not told.
        if (clinux_key_describe(key, last_word.described, sizeof last_word.described) > (long)sizeof last_word.described)
            last_word.described[0] = 0;
    }
    const stack_t stack = {.ss_sp = last_word_stack, .ss_size = sizeof last_word_stack};
    if (sigaltstack(&stack, NULL) == -1) return -errno;
    struct sigaction action = {.sa_handler = say_last_word, .sa_flags = SA_ONSTACK};
    // A second one during the first waits; the first ends the process.
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (sigaction(ending[i], &action, NULL) == -1) return -errno;
    block_real_time(1);
    const struct itimerval timer = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}};
    return OR_ERRNO_ONCE(setitimer(ITIMER_REAL, &timer, NULL));
}
void clinux_last_word_counts(uint64_t *late, uint64_t *killed, uint64_t *broken, uint32_t *worker) {
    last_word.late_count = late;
    last_word.killed_count = killed;
    last_word.broken_count = broken;
    last_word.worker = worker;
}
pid_t clinux_last_word_fork(void) {
    sigset_t all;
    sigfillset(&all);
    // No signal is to find the copy with handlers of this process.
    sigprocmask(SIG_SETMASK, &all, NULL);
    const pid_t child = clinux_fork();
    if (child > 0) last_word.child = child;
    if (child == 0)
        for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) signal(ending[i], SIG_DFL);
    block_real_time(child != 0);
    return child;
}
void clinux_last_word_alone(void) { last_word.child = 0; }
void clinux_last_word_say(int signal) {
    sigset_t all;
    sigfillset(&all);
    // This is the one last word, whatever comes meanwhile.
    sigprocmask(SIG_SETMASK, &all, NULL);
    last_word.child = 0;
    say_last_word(signal);
    _exit(128 + signal);
}
void clinux_last_word_silence(void) { last_word.silent = 1; }
void clinux_last_word_hold(void) {
    sigset_t outside;
    sigfillset(&outside);
    const int own[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&outside, own[i]);
    sigprocmask(SIG_SETMASK, &outside, NULL);
}
int clinux_last_word_end(void) {
    const struct itimerval none = {0};
    // Handlers become defaults with exec; what is blocked stays so.
    block_real_time(0);
    return OR_ERRNO_ONCE(setitimer(ITIMER_REAL, &none, NULL));
}

int clinux_shared_map(int fd, size_t size, void **address) {
    void *got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (got == MAP_FAILED) return -errno;
    *address = got;
    return 0;
}
uint64_t clinux_shared_load(const void *page, size_t offset) {
    return __atomic_load_n((const uint64_t *)((const char *)page + offset), __ATOMIC_RELAXED);
}
void clinux_shared_add(void *page, size_t offset, uint64_t value) {
    __atomic_fetch_add((uint64_t *)((char *)page + offset), value, __ATOMIC_RELAXED);
}
uint32_t *clinux_shared_word(void *page, size_t offset, size_t index) { return (uint32_t *)((char *)page + offset) + index; }
static int clear_gone(uint32_t *word) {
    uint32_t pid = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (pid == 0 || (pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))) return 0;
    return __atomic_compare_exchange_n(word, &pid, 0, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
int clinux_shared_enter(void *page, size_t offset, size_t count, uint32_t *gone) {
    const uint32_t own = (uint32_t)getpid();
    int place = -ENOSPC;
    for (size_t i = 0; i < count; i++) {
        uint32_t *word = clinux_shared_word(page, offset, i);
        *gone += (uint32_t)clear_gone(word);
        uint32_t expected = 0;
        if (place < 0 && __atomic_load_n(word, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(word, &expected, own, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            place = (int)i;
    }
    return place;
}
void clinux_shared_leave(void *page, size_t offset, size_t index) {
    __atomic_store_n(clinux_shared_word(page, offset, index), 0, __ATOMIC_RELEASE);
}

int clinux_inet_connect(const uint8_t *address, size_t length, uint16_t port, int stream) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    memset(&to, 0, sizeof to);
    socklen_t size;
    if (length == 4) {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(port);
        memcpy(&to.v4.sin_addr, address, 4);
        size = sizeof to.v4;
    } else if (length == 16) {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(port);
        memcpy(&to.v6.sin6_addr, address, 16);
        size = sizeof to.v6;
    } else {
        return -EINVAL;
    }
    int fd = socket(to.any.sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) return -errno;
    if (connect(fd, &to.any, size) == 0 || (stream && errno == EINPROGRESS)) return fd;
    const int error = errno;
    close(fd);
    return -error;
}
int clinux_unix_datagram(const char *path, const void *bytes, size_t size) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) return -ENAMETOOLONG;
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) return -errno;
    const ssize_t sent = sendto(fd, bytes, size, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
    const int error = sent == -1 ? -errno : 0;
    close(fd);
    return error;
}
int clinux_poll_events(const int *fds, const short *events, short *ready, size_t count, int milliseconds) {
    struct pollfd p[64];
    if (count > 64) return -EINVAL;
    for (size_t i = 0; i < count; i++) p[i] = (struct pollfd){fds[i], events[i], 0};
    const int n = poll(p, count, milliseconds);
    if (n == -1 && errno != EINTR) return -errno;
    for (size_t i = 0; i < count; i++) ready[i] = n > 0 ? p[i].revents : 0;
    return n > 0 ? n : 0;
}

ssize_t clinux_pwrite(int fd, const void *buffer, size_t size, int64_t offset) { return OR_ERRNO(pwrite(fd, buffer, size, offset)); }
int clinux_ftruncate(int fd, int64_t size) { return OR_ERRNO(ftruncate(fd, size)); }
int clinux_rename_new(const char *from, const char *to) {
    return (int)OR_ERRNO_ONCE(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1));
}
int clinux_fsync(int fd) { return OR_ERRNO(fsync(fd)); }
static int lock_range(int fd, int command, int type, int64_t offset, int64_t length) {
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = offset, .l_len = length};
    return OR_ERRNO(fcntl(fd, command, &lock));
}
int clinux_lock_range(int fd, int64_t offset, int64_t length) { return lock_range(fd, F_OFD_SETLKW, F_WRLCK, offset, length); }
int clinux_try_lock_range(int fd, int64_t offset, int64_t length) { return lock_range(fd, F_OFD_SETLK, F_WRLCK, offset, length); }
int clinux_unlock_range(int fd, int64_t offset, int64_t length) { return lock_range(fd, F_OFD_SETLKW, F_UNLCK, offset, length); }

void clinux_end_with(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have ended before.
    if (getppid() != parent) _exit(1);
}
pid_t clinux_ends_with(void) {
    int signal = 0;
    return prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal != 0 ? getppid() : 0;
}
pid_t clinux_fork(void) {
    const pid_t own = getpid();
    const pid_t child = OR_ERRNO_ONCE(fork());
    if (child == 0) clinux_end_with(own);
    return child;
}
int clinux_exec_inheriting(const char *path, char *const *argv) {
    execve(path, argv, environ);
    return -errno;
}
void clinux_exit(int code) { _exit(code); }
