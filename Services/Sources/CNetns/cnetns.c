// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

#define _GNU_SOURCE
#include "cnetns.h"

#include <errno.h>
#include <sched.h>

int cnetns_enter(int descriptor) { return setns(descriptor, CLONE_NEWNET) == 0 ? 0 : -errno; }
