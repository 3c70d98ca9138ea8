// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

#pragma once

/// setns(2) with CLONE_NEWNET, which glibc declares for C alone: 0, or -errno.
int cnetns_enter(int descriptor);

/// A descriptor of the regular file at `path` as a process sees it whose root directory `root` is, for reading: 0 or more,
/// or -errno.
///
/// Every link on the way is followed below `root`, whatever it says (openat2(2), Linux 5.6). Nothing but a regular file is
/// opened.
int cnetns_open_below(const char *root, const char *path);
