// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Testing

/// The helper as the kernel starts it, on the real kernel, with real name servers.
///
/// The kernel runs it in the namespaces of the machine's first process, so the rule is a file of the machine's own
/// /etc: added by a test, and taken away at its end.
@Suite(
    .serialized,
    .enabled(if: geteuid() == 0, "needs root: it adds a rule for request-key"),
    .enabled(if: FileTree.isExecutable("/sbin/request-key"), "needs request-key (package keyutils)"),
    .enabled(if: FileTree.isExecutable("/sbin/key.dns_resolver"), "needs key.dns_resolver (package keyutils)"),
    .enabled(if: FileTree.isExecutable("/usr/sbin/dnsmasq"), "needs dnsmasq (package dnsmasq-base)"),
    .enabled(if: FileTree.isExecutable(Programs.keydns), "umwelt-keydns is not built (UMWELT_BIN_DIR)"),
    .enabled(if: KeyDNSLab.kernelAsks, "no upcall of the kernel gets through: is dns_resolver there?")
)
enum KeyDNSSuite {}

extension Programs {
    static var keydns: Path { directory.appending("umwelt-keydns") }
}
