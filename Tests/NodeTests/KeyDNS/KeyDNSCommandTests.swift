// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Testing
import Upcall

extension KeyDNSSuite {
    /// `umwelt keydns` on the machine's own /etc: what a user types, in a user's order.
    @Suite(
        .enabled(
            if: FileTree.isExecutable(Programs.directory.appending("umwelt")),
            "umwelt is not built (UMWELT_BIN_DIR)"
        ),
        .enabled(if: !FileTree.isThere("/etc/umwelt"), "/etc/umwelt is in use on this machine"),
        .enabled(if: !FileTree.isThere("/etc/request-key.d/umwelt-keydns.conf"), "keydns is installed on this machine"),
        .enabled(if: !FileTree.isThere("/var/lib/umwelt-keydns"), "keydns is installed on this machine")
    )
    struct CommandTests {
        private static let umwelt = "\(Programs.directory)/umwelt"

        /// Takes away what a test that failed midway has left.
        private final class Traces {
            deinit {
                for path: Path in ["/etc/umwelt", "/var/lib/umwelt-keydns", "/etc/request-key.d/umwelt-keydns.conf"] {
                    try? FileTree.removeAll(path)
                }
            }
        }

        /// Type, mode, owner and content of all that is in /etc, but for the file that installing adds and the policy; a line
        /// each.
        private static let etc = """
            cd /etc && { find . -path ./umwelt -prune -o ! -path ./request-key.d/umwelt-keydns.conf \
            -printf '%y %m %U %G %p %l\\n'; find . -path ./umwelt -prune -o -type f \
            ! -path ./request-key.d/umwelt-keydns.conf -exec sha256sum {} +; } | sort
            """

        private func etc(_ shell: LabShell) throws -> String { try shell.run(Self.etc, seconds: 60).text }

        /// Other programs may be at work in /etc on this machine: what differs has to differ three times.
        private func changed(_ shell: LabShell, since before: String) throws -> [Substring] {
            let known = Set(before.split(separator: "\n"))
            return try Array(known.symmetricDifference(etc(shell).split(separator: "\n")))
        }

        @Test func fromInstallationToItsRemoval() throws {
            let traces = Traces()
            defer { withExtendedLifetime(traces) {} }
            let lab = try KeyDNSLab()
            try lab.startDNSMasq("host-record=smb.default.svc.cluster.test,10.0.0.1")
            let shell = try LabShell()
            defer { shell.end() }
            func run(_ arguments: String, _ code: Int32 = 0) throws -> String {
                let output = try shell.run("\(Self.umwelt) keydns \(arguments)")
                #expect(output.code == code, "\(arguments): \(output.text)")
                return output.text
            }
            let before = try etc(shell)
            #expect(try run("uninstall").contains("nothing to remove"))
            try #require(before.contains("./hosts"))

            // Without a policy, and without a kubelet.
            let refused = try run("install", 1)
            #expect(refused.contains("umwelt: ") && refused.split(separator: "\n").count == 1, "\(refused)")
            #expect(!FileTree.isThere("/etc/request-key.d/umwelt-keydns.conf"))
            #expect(try run("status", 1).contains("problem:"))

            try Directories.make("/etc/umwelt")
            try FileTree.write(
                Array("[cluster]\ndomain = cluster.test\nservers = what\n".utf8),
                to: "/etc/umwelt/keydns.conf"
            )
            #expect(try run("check", 1).contains("/etc/umwelt/keydns.conf:3: no server: what"))
            #expect(try run("install", 1).contains("/etc/umwelt/keydns.conf:3:"))
            try FileTree.write(
                Array("[cluster]\ndomain = cluster.test\nservers = \(lab.address)\n".utf8),
                to: "/etc/umwelt/keydns.conf"
            )
            #expect(try run("check").contains("ok"))
            // What would ask itself.
            #expect(symlink("\(Programs.keydns)", "\(lab.directory)/helper") == 0)
            let circle = "fallback = \(lab.directory)/helper\n[cluster]\nservers = none\n"
            try FileTree.write(Array(circle.utf8), to: lab.directory.appending("circle"))
            #expect(try run("check \(lab.directory)/circle", 1).contains("is umwelt-keydns itself"))
            #expect(try run("install").contains("installed /etc/request-key.d/umwelt-keydns.conf"))
            let rule = try FileStatus.of("/etc/request-key.d/umwelt-keydns.conf", follow: false)
            #expect(rule.isRegular)
            _ = try run("install")
            #expect(
                try FileStatus.of("/etc/request-key.d/umwelt-keydns.conf", follow: false) == rule,
                "nothing was written again"
            )

            // The kernel's own question, by the rule that was installed.
            #expect(try lab.request("smb.default.svc.cluster.test") == .text("10.0.0.1"))
            #expect(try lab.request("localhost") == .text("127.0.0.1"))
            let status = try run("status smb.default.svc.cluster.test")
            #expect(status.contains("rule:        /etc/request-key.d/umwelt-keydns.conf:3: "))
            #expect(status.contains("servers") || status.contains(lab.address))
            #expect(status.contains("counter:     upcalls "))
            let resolved = try run("resolve smb.default.svc")
            #expect(resolved.contains("may mean  smb.default.svc.cluster.test"))
            #expect(resolved.contains("10.0.0.1 and a NUL"))
            // A helper that has stopped in the middle keeps the lock of its name; it is not waited for without end.
            let shared = try SharedCache.open("/run/umwelt/keydns.cache")
            let name = try #require(DNSName("smb.default.svc.cluster.test"))
            let key = CacheRecord.Key(name: name, types: [.a, .aaaa], all: false)
            shared.lock(key)
            let waited = try run("resolve smb.default.svc.cluster.test.", 1)
            #expect(
                waited.contains("a helper that asks for the same name has not ended in time; --no-cache asks without")
            )
            #expect(try run("resolve --no-cache smb.default.svc.cluster.test.").contains("10.0.0.1 and a NUL"))
            shared.unlock(key)
            #expect(try run("resolve none.default.svc", 1).contains("no such name (NXDOMAIN)"))
            #expect(try run("resolve a..b", 2).contains("a..b is no name that DNS could have"))
            #expect(try run("resolve example.org").contains("goes to /sbin/key.dns_resolver"))
            // What helpers know is forgotten too, and nothing that was counted.
            let counted = (shared.count(.upcalls), shared.count(.questions))
            #expect(try run("flush") == "flushed", "the kernel has a cache by now, and it is found")
            #expect(try lab.request("smb.default.svc.cluster.test") == .text("10.0.0.1"))
            #expect(shared.count(.upcalls) == counted.0 + 1 && shared.count(.questions) == counted.1 + 1)

            // A source that changes is seen.
            try FileTree.write(
                Array("ttl-cap = 3s\n[cluster]\ndomain = cluster.test\nservers = \(lab.address)\n".utf8),
                to: "/etc/umwelt/keydns.conf"
            )
            #expect(try run("status", 1).contains("/etc/umwelt/keydns.conf has changed since"))
            // What the servers of before have said is forgotten.
            #expect(shared.record(key).map { $0.freshUntil > 0 } == true)
            _ = try run("refresh")
            #expect(shared.record(key)?.freshUntil == 0)
            #expect(try !run("status").contains("problem:"))

            var different = try changed(shell, since: before)
            for _ in 0..<2 where !different.isEmpty { different = try changed(shell, since: before) }
            #expect(different.isEmpty, "while it is installed")

            // A helper at work would make its cache again: it is waited for until its deadline.
            _ = shared.enter()
            let began = Clock.boot
            _ = try run("uninstall")
            #expect(Clock.boot - began > 2_900_000_000)
            #expect(try run("uninstall").contains("nothing to remove"), "again")
            try FileTree.removeAll("/etc/umwelt")
            different = try changed(shell, since: before)
            for _ in 0..<2 where !different.isEmpty { different = try changed(shell, since: before) }
            #expect(different.isEmpty, "after its removal")
            for path: Path in [
                "/etc/request-key.d/umwelt-keydns.conf", "/var/lib/umwelt-keydns", "/run/umwelt/keydns.cache",
            ] {
                #expect(!FileTree.isThere(path), "\(path)")
            }
        }

        /// In a mount namespace of its own, whose /etc is a copy.
        private static let copyOfEtc = """
            mount -t tmpfs none /mnt; mkdir /mnt/etc
            cp -a /etc/nsswitch.conf /etc/request-key.conf /etc/request-key.d /etc/hosts /etc/passwd /mnt/etc/
            mount --bind /mnt/etc /etc; mkdir /etc/umwelt
            printf '[cluster]\\ndomain = cluster.test\\nservers = 127.0.0.9\\n' > /etc/umwelt/keydns.conf
            """

        /// An installation that fails leaves nothing, and several at once do not get in each other's way.
        @Test func nothingIsLeftByFailuresAndCrowds() throws {
            let traces = Traces()
            defer { withExtendedLifetime(traces) {} }
            let shell = try LabShell(wrapper: ["unshare", "-m"])
            defer { shell.end() }
            let refused = try shell.run(
                """
                set -e
                \(Self.copyOfEtc)
                mount -o remount,bind,ro /etc
                set +e
                \(Self.umwelt) keydns install; echo "code $?"
                ls -d /var/lib/umwelt-keydns
                """
            )
            #expect(refused.text.contains("read-only") && refused.text.contains("code 1"), "\(refused.text)")
            #expect(refused.code != 0, "no /var/lib/umwelt-keydns: \(refused.text)")
            let crowd = try shell.run(
                """
                mount -o remount,bind,rw /etc
                for verb in install refresh uninstall install refresh uninstall install refresh uninstall; do
                  (umask 077; \(Self.umwelt) keydns $verb || echo "code $?") &
                done
                wait
                (umask 077; \(Self.umwelt) keydns install); stat -c 'mode %a' /etc/request-key.d/umwelt-keydns.conf
                rm -r /var/lib/umwelt-keydns/keydns.flat
                \(Self.umwelt) keydns uninstall
                ls -d /etc/request-key.d/umwelt-keydns.conf* /var/lib/umwelt-keydns*
                """,
                seconds: 120
            )
            #expect(!crowd.text.contains("code") && !crowd.text.contains("umwelt: cannot"), "\(crowd.text)")
            #expect(crowd.text.contains("the kernel asks by another /etc/request-key.d"), "\(crowd.text)")
            #expect(crowd.text.contains("mode 644") && crowd.code != 0, "nothing is left: \(crowd.text)")
            // Anybody may lock what he may read.
            let began = Clock.boot
            let locked = try shell.run(
                """
                setpriv --reuid 65534 --clear-groups flock /etc sleep 20 & locker=$!
                sleep 0.5
                \(Self.umwelt) keydns uninstall; echo "code $?"
                kill $locker; ls -d /run/umwelt-keydns.lock
                """
            )
            #expect(locked.text.contains("code 0") && locked.code != 0, "\(locked.text)")
            #expect(Clock.boot - began < 15_000_000_000)
        }

        /// The stock helper with the zone's resolv.conf, whatever /etc/resolv.conf is: in a mount namespace of the
        /// test's own, whose /etc is a copy.
        @Test(arguments: ["file", "link", "dangling", "missing"])
        func theNamespaceCoversEveryResolvConf(kind: String) throws {
            let traces = Traces()
            defer { withExtendedLifetime(traces) {} }
            let lab = try KeyDNSLab()
            try lab.startDNSMasq("host-record=smb.default.svc.cluster.test,10.0.0.1")
            let shell = try LabShell(wrapper: ["unshare", "-m"])
            defer { shell.end() }
            let change =
                switch kind {
                case "file": "echo nameserver 127.0.0.9 > /etc/resolv.conf"
                case "link": "echo nameserver 127.0.0.9 > /etc/real; ln -sf real /etc/resolv.conf"
                case "dangling": "ln -sf /nonexistent/resolv.conf /etc/resolv.conf"
                default: "true"
                }
            let output = try shell.run(
                """
                set -e
                mount -t tmpfs none /mnt; mkdir /mnt/etc
                cp -a /etc/nsswitch.conf /etc/request-key.conf /etc/request-key.d /etc/hosts /mnt/etc/
                sed -i 's/^hosts:.*/hosts: files/' /mnt/etc/nsswitch.conf
                mount --bind /mnt/etc /etc
                \(change)
                mkdir /etc/umwelt
                printf '[cluster]\\ndomain = cluster.test\\nservers = \(lab.address)\\nstrategy = namespace\\n' > /etc/umwelt/keydns.conf
                \(Self.umwelt) keydns refresh
                ls -l /etc/resolv.conf > /mnt/before 2>&1 || true
                set +e
                \(Self.umwelt) keydns resolve --no-cache smb.default.svc.cluster.test
                echo "code $?"
                \(Self.umwelt) keydns resolve none.default.svc.cluster.test
                ls -l /etc/resolv.conf 2>&1 | cmp - /mnt/before && echo unchanged
                grep -c ' /etc/resolv.conf ' /proc/self/mountinfo
                """
            )
            if kind == "missing", output.text.contains("code 1"), output.text.contains("No such device") {
                try Test.cancel("overlayfs is not there, which a missing resolv.conf needs")
            }
            // What the stock helper itself says.
            #expect(
                output.text.contains("answer    10.0.0.1 and a NUL; for 2 s; from the stock helper"),
                "\(output.text)"
            )
            #expect(output.text.contains("said      NS:none.default.svc.cluster.test: No address associated"))
            #expect(output.text.contains("rejected  with errno 4 ("))
            #expect(output.text.contains("code 0") && output.text.contains("unchanged"), "\(output.text)")
            #expect(output.text.hasSuffix("\n0"), "no mount is left: \(output.text)")
        }
    }
}
