// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

#pragma once

/// setns(2) with CLONE_NEWNET, which glibc declares for C alone: 0, or -errno.
int cnetns_enter(int descriptor);
