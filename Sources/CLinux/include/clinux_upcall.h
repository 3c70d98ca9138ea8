// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
//
// What a helper of the kernel's key service needs: keyctl(2), datagrams and streams to name servers, a page shared between
// processes, and a last word. Every function returns a value >= 0 or -errno. No policy here.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A key's "type;uid;gid;perm;description" and its content; the size they have, which may exceed `size`.
long clinux_key_describe(int32_t key, char *buffer, size_t size);
long clinux_key_read(int32_t key, void *buffer, size_t size);
int clinux_key_assume(int32_t key);
// Seconds until it is over, up to one less; of one, half a second less or more; 0: never.
int clinux_key_timeout(int32_t key, unsigned int seconds);
int clinux_key_instantiate(int32_t key, const void *payload, size_t size);
int clinux_key_reject(int32_t key, unsigned int seconds, unsigned int error);
int clinux_key_permissions(int32_t key, uint32_t permissions);
int clinux_key_clear(int32_t keyring);
int32_t clinux_key_join_session(void);
// request_key(2) into the thread's own keyring; `callout` NULL: none.
int32_t clinux_key_request(const char *type, const char *description, const char *callout);

// The process's answer of last resort for one key: after `milliseconds`, or at any signal that would end the process, the
// key is rejected for one second with `late` or `broken`, a line with its name goes to syslog, and the process ends with 128 and
// the signal's number. SIGKILL is not among them.
int clinux_last_word(int32_t key, int milliseconds, int late, int broken);
// At once, as if `signal` (SIGKILL too) had come to this process.
_Noreturn void clinux_last_word_say(int signal);
// No line from now on.
void clinux_last_word_silence(void);
// From now on signals from outside wait; for what is wrong within the process there still is a last word.
void clinux_last_word_hold(void);
// What the last word counts: one of three 64-bit numbers, and a 32-bit number it sets to 0; any may be NULL.
void clinux_last_word_counts(uint64_t *late, uint64_t *killed, uint64_t *broken, uint32_t *worker);
// fork(2); returns 0 in the copy. The last word stays here, and kills the copy first: there a signal does what it does by default,
// and the end of this process is its end.
pid_t clinux_last_word_fork(void);
// There is no copy any more.
void clinux_last_word_alone(void);
// No last word any more, and no timer: before another program takes the process over.
int clinux_last_word_end(void);

// Maps `size` bytes at the start of a file for all processes.
int clinux_shared_map(int fd, size_t size, void **address);
uint64_t clinux_shared_load(const void *page, size_t offset);
void clinux_shared_add(void *page, size_t offset, uint64_t value);
// Writes the caller's number into the first free of `count` 32-bit words; words of processes that are gone, all of them, are
// cleared and counted in `gone`. Returns the word's index, -ENOSPC where all are taken.
int clinux_shared_enter(void *page, size_t offset, size_t count, uint32_t *gone);
void clinux_shared_leave(void *page, size_t offset, size_t index);
uint32_t *clinux_shared_word(void *page, size_t offset, size_t index);

// A socket connected to an address of 4 or 16 bytes, never blocking; a stream may still be connecting.
int clinux_inet_connect(const uint8_t *address, size_t length, uint16_t port, int stream);
// A datagram to the socket at `path`, at once or not at all.
int clinux_unix_datagram(const char *path, const void *bytes, size_t size);
// poll(2) on at most 64: `events` in, what happened in `ready`.
int clinux_poll_events(const int *fds, const short *events, short *ready, size_t count, int milliseconds);

ssize_t clinux_pwrite(int fd, const void *buffer, size_t size, int64_t offset);
int clinux_ftruncate(int fd, int64_t size);
// -EEXIST where there is something at `to` (RENAME_NOREPLACE).
int clinux_rename_new(const char *from, const char *to);
int clinux_fsync(int fd);
// A lock of the open file on `length` bytes (F_OFD_SETLKW); waits.
int clinux_lock_range(int fd, int64_t offset, int64_t length);
// -EAGAIN where another has it.
int clinux_try_lock_range(int fd, int64_t offset, int64_t length);
int clinux_unlock_range(int fd, int64_t offset, int64_t length);

// The copy ends with the thread that made it.
pid_t clinux_fork(void);
// From now on this process ends with its parent; at once, where that is not `parent` any more.
void clinux_end_with(pid_t parent);
// The parent with which it ends; 0: it does not.
pid_t clinux_ends_with(void);
// Becomes another program with this environment; returns only an error.
int clinux_exec_inheriting(const char *path, char *const *argv);
_Noreturn void clinux_exit(int code);
