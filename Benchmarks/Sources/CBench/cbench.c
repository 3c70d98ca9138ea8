// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

#define _GNU_SOURCE
#include "cbench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static int result(int value) { return value < 0 ? -errno : value; }

static uint64_t nanoseconds(struct timespec time) { return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec; }

void *cbench_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

uint64_t cbench_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds(time);
}

int64_t cbench_cpu_ns(int pid)
{
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    if (pid != 0) {
        int error = clock_getcpuclockid(pid, &clock);
        if (error != 0) return -error;
    }
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return -errno;
    return (int64_t)nanoseconds(time);
}

void cbench_sleep_until(uint64_t monotonic_ns)
{
    struct timespec time = {
        .tv_sec = (time_t)(monotonic_ns / 1000000000u), .tv_nsec = (long)(monotonic_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

static void note_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

void cbench_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int cbench_interrupted(void) { return interrupted; }

int cbench_fork(void) { return result(fork()); }

int cbench_spawn(char *const *argv, int cpu, int log)
{
    int child = fork();
    if (child != 0) return result(child);
    cbench_become_child();
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    if (cpu >= 0) cbench_set_cpu(cpu);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    execv(argv[0], argv);
    _exit(127);
}

int cbench_wait(int pid, int hang, int *status)
{
    int child;
    do child = waitpid(pid, status, hang ? 0 : WNOHANG);
    while (child < 0 && errno == EINTR);
    return result(child);
}

void cbench_become_child(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int cbench_set_cpu(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int number = 0; number < CPU_SETSIZE; number++)
        if (cpu < 0 || cpu == number) CPU_SET(number, &set);
    return result(sched_setaffinity(0, sizeof(set), &set));
}

int cbench_unshare(int mount, int pid, int cgroup)
{
    return result(unshare((mount ? CLONE_NEWNS : 0) | (pid ? CLONE_NEWPID : 0) | (cgroup ? CLONE_NEWCGROUP : 0)));
}

int cbench_private_mounts(void) { return result(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)); }

int cbench_bind(const char *source, const char *target)
{
    return result(mount(source, target, NULL, MS_BIND, NULL));
}

int cbench_tmpfs(const char *target) { return result(mount("umwelt-bench", target, "tmpfs", 0, "mode=755")); }

int cbench_unmount(const char *target) { return result(umount2(target, MNT_DETACH)); }

int cbench_read_device(const char *path)
{
    static char block[4096] __attribute__((aligned(4096)));
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0) return -errno;
    int count = result((int)read(fd, block, sizeof(block)));
    close(fd);
    return count;
}

int cbench_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int cbench_pipe(int *read_end, int *write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int cbench_readable(int fd, int milliseconds)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return result(poll(&entry, 1, milliseconds));
}
