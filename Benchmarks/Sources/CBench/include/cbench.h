// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// What Swift's Glibc module cannot reach, and what the benchmark shares with its readers. Functions return a value >= 0
// or -errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    CBENCH_READERS = 8,
    CBENCH_SAMPLES = 1 << 17, // of one reader in one burst
    CBENCH_PATHS = 128,
};

// One reader's orders and results, in memory shared with it.
struct cbench_slot {
    uint32_t path;        // number of the file, as told when the container was made
    uint32_t pattern;     // 0: open, read 64 KiB, close; 1: open, fstat, read 4 KiB until the end, close
    int32_t cpu;          // the only one to run on; -1: any
    uint64_t duration_ns;
    uint64_t period_ns;   // 0: one read after the other
    uint64_t reads;
    uint64_t started_ns;
    uint64_t ended_ns;
    uint64_t cpu_ns;      // of the reads alone where there is a period
    uint64_t bytes;       // of the last read
    int32_t error;        // errno
    uint32_t padding;
};

void *cbench_shared(size_t size);
uint64_t cbench_now(void);
// CPU time of a process with all its threads, those that have ended included; 0: the caller. The sum that
// /proc/PID/task/*/schedstat begins with, up to this moment.
int64_t cbench_cpu_ns(int pid);
void cbench_sleep_until(uint64_t monotonic_ns);

// Keeps SIGINT, SIGTERM and SIGHUP from ending the process: system calls return EINTR, and cbench_interrupted says so.
void cbench_catch_signals(void);
int cbench_interrupted(void);

int cbench_fork(void);
// Starts a program in a session of its own, on `cpu` only (-1: any), output to `log`; it ends with its parent.
int cbench_spawn(char *const *argv, int cpu, int log);
int cbench_wait(int pid, int hang, int *status);
// The calling process and its children to come: no terminal's signals, and an end when the parent ends.
void cbench_become_child(void);
int cbench_set_cpu(int cpu);
int cbench_unshare(int mount, int pid, int cgroup);
int cbench_private_mounts(void);
int cbench_bind(const char *source, const char *target);
int cbench_tmpfs(const char *target);
int cbench_unmount(const char *target);
// Reads one block past the page cache.
int cbench_read_device(const char *path);
int cbench_connect(const char *path);
int cbench_pipe(int *read_end, int *write_end);
// 1 where `fd` can be read, 0 after `milliseconds`.
int cbench_readable(int fd, int milliseconds);
