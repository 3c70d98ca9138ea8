// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors
#include "carguments.h"

#include <stddef.h>

static int count;
static char **values;

__attribute__((constructor)) static void keep(int argc, char **argv, char **envp) {
    (void)envp;
    count = argc;
    values = argv;
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
