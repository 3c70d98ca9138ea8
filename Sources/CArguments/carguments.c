// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#include "carguments.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int count;
static char **values;

__attribute__((constructor)) static void keep(int argc, char **argv, char **envp) {
    (void)envp;
    count = argc;
    values = argv;
}

// Before the Swift runtime's own beginning, which looks at eight places for the program that shows where another one ended: a
// fault is answered by the last word, and nobody would see it.
__attribute__((constructor(101))) static void settle(void) {
    setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/,color=no,interactive=no", 1);
}

int carguments_count(void) { return count; }
const char *carguments_at(int index) { return index >= 0 && index < count ? values[index] : NULL; }

// swift/stdlib/public/stubs/CommandLine.cpp
char **_swift_stdlib_getUnsafeArgvArgc(int *argc);
char **_swift_stdlib_getUnsafeArgvArgc(int *argc) {
    *argc = count;
    return values;
}
void _swift_stdlib_overrideUnsafeArgvArgc(char **argv, int argc);
void _swift_stdlib_overrideUnsafeArgvArgc(char **argv, int argc) {
    values = argv;
    count = argc;
}

// Where the program begins (-e, in Package.swift). The C library and the Swift runtime want memory before there is a main, and end
// without a word, or with a fault, where there is none: so the key is rejected here, by system calls alone, as nothing of the
// library works yet.
__attribute__((used)) void carguments_preflight(const long *stack);
#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
// The stack and rdx are what the C library's own beginning expects.
__asm__(".globl carguments_start\n"
        ".type carguments_start, @function\n"
        "carguments_start:\n"
        "mov %rsp, %rdi\n"
        "push %rdx\n"
        "push %rdx\n"
        "call carguments_preflight\n"
        "pop %rdx\n"
        "pop %rdx\n"
        "jmp _start\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
__asm__(".globl carguments_start\n"
        ".type carguments_start, %function\n"
        "carguments_start:\n"
        "stp x0, x30, [sp, #-16]!\n"
        "add x0, sp, #16\n"
        "bl carguments_preflight\n"
        "ldp x0, x30, [sp], #16\n"
        "b _start\n");
#else
#error "a way into the kernel is missing for this processor"
#endif

// More than all of it takes where nothing is unusual: what is only just enough to begin is not enough to end well.
static const long room = 2 << 20;

__attribute__((no_stack_protector)) void carguments_preflight(const long *stack) {
    const long place = call(SYS_mmap, 0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place > 0) {
        call(SYS_munmap, place, room, 0, 0, 0, 0);
        return;
    }
    // argc, then the arguments.
    long key = 0;
    if (stack[0] > 1)
        for (const char *digit = (const char *)stack[2]; *digit >= '0' && *digit <= '9' && key < 1L << 31; digit++)
            key = key * 10 + *digit - '0';
    call(SYS_keyctl, KEYCTL_REJECT, key, 1, ENOMEM, 0, 0);
    call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
}
