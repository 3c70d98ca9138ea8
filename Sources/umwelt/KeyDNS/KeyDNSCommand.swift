// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

/// `umwelt keydns`: names of the cluster for the kernel's own mounts.
struct KeyDNSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keydns",
        abstract: "Let the kernel resolve the cluster's names, so that mounts follow a Service.",
        usage: "umwelt keydns install | uninstall | refresh | status | resolve NAME | flush | check",
        discussion: """
            A mount of CIFS, of NFSv4 with referrals, of Ceph or AFS has its names resolved by the kernel, which asks a \
            helper on the host; the host does not know the cluster's names. 'install' adds a rule that gives such names \
            to umwelt-keydns, which asks the cluster's DNS. /etc/resolv.conf and /etc/hosts stay as they are.

            EXAMPLES
              umwelt keydns install
              umwelt keydns resolve smb.default.svc.cluster.local
              umwelt keydns status

            FILES
              /etc/umwelt/keydns.conf
                  The policy. None is needed where a kubelet runs.
              /etc/request-key.d/umwelt-keydns.conf
                  The rule, made by 'install'.
              /var/lib/umwelt-keydns/keydns.flat
                  What helpers read, made by 'install' and 'refresh'.

            See umwelt-keydns(8).
            """,
        subcommands: [
            Install.self, Uninstall.self, Refresh.self, Status.self, Resolve.self, Flush.self, Check.self,
        ]
    )
}

extension KeyDNSCommand {
    static func requireRoot(_ verb: String) throws(Failure) {
        guard ProcessID.effectiveUser == 0 else { throw .failed("keydns \(verb) must be run as root") }
    }

    /// For what writes: as root, one after the other, until `end`; files are for everybody to read.
    static func takeTurn(_ verb: String) throws(Failure) -> KeyDNSTurn {
        try requireRoot(verb)
        umask(0o022)
        return try KeyDNSTurn.take()
    }

    /// What others have said, without what would be orders to a terminal.
    static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
    }

    static func say(_ line: String) throws(Failure) { try Standard.output(Array((line + "\n").utf8)) }

    /// A program of the installation, beside umwelt or where `make install` puts it.
    static func program(_ name: String) throws(Failure) -> String? {
        let own = try Programs.own()
        let directory = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        for place in ["", "/../sbin", "/../libexec/umwelt"] {
            let candidate = CleanPath.absolute(directory + place + "/" + name)
            if Programs.isProgram(candidate) { return candidate }
        }
        return nil
    }

    /// Empties the kernel's cache, as `keyctl clear %:.dns_resolver`; false where the kernel has none yet.
    static func flushKernel() throws(Failure) -> Bool {
        let keys: KernelKeys
        do throws(Errno) { keys = try KernelKeys.read() } catch {
            throw KeyDNSNode.failure("read", "/proc/keys", error)
        }
        guard let cache = keys.cache else { return false }
        do throws(Errno) { try cache.clear() } catch {
            throw .failed(
                "cannot clear the kernel's cache of names: \(error)\(error == .permissionDenied ? "; be root" : "")"
            )
        }
        return true
    }

    /// Empties the helpers' cache; what was counted stays.
    static func forget(_ cache: [UInt8]?) throws(Failure) {
        guard let path = cache.map({ Path($0) }), FileTree.isThere(path) else { return }
        do throws(Errno) { try SharedCache.open(path).forget() } catch {
            // What is no file is nobody's cache.
            if error != .invalidArgument { throw KeyDNSNode.failure("empty", path, error) }
        }
    }

    /// Makes the flat file, and says what there is to say; whether it is another one than before.
    static func refresh(_ node: KeyDNSNode) throws(Failure) -> (Policy, isChanged: Bool) {
        let policy = try node.policy()
        try requireAnotherFallback(policy)
        let before = (try? node.flat()) ?? nil
        let seed = before.map { $0.seed << 1 } ?? UInt64.random(in: 2...(.max))
        let refresh = KeyDNSRefresh(node: node, kubeletReader: try program("umwelt-kubelet"))
        let flat: Policy
        do {
            var notes: [String] = []
            defer { for note in notes { Standard.complain(note) } }
            flat = try refresh.flattened(policy, seed: seed, &notes)
        }
        let isChanged = try node.write(flat: flat)
        // What other servers said, or for names that meant something else.
        if isChanged {
            try forget(flat.cache)
            _ = try flushKernel()
        }
        // Nobody would know of it any more.
        if let cache = before?.cache, cache != flat.cache { try KeyDNSNode.remove(cache: Path(cache)) }
        return (flat, isChanged)
    }

    /// A helper that is its own fallback could answer nothing.
    static func requireAnotherFallback(_ policy: Policy) throws(Failure) {
        guard let fallback = policy.fallback, let helper = try program("umwelt-keydns"),
            let one = try? FileStatus.of(Path(fallback)), let other = try? FileStatus.of(Path(helper)),
            one.isSameFile(as: other)
        else { return }
        throw .failed(
            "fallback: \(Path(fallback)) is umwelt-keydns itself; name another helper, such as the package keyutils' "
                + "/sbin/key.dns_resolver, or 'none'"
        )
    }

    static func show(_ zones: [Zone]) throws(Failure) {
        for zone in zones where zone.servers?.isEmpty == false { try say("zone \(describe(zone))") }
    }

    static func describe(_ zone: Zone) -> String {
        let servers = (zone.servers ?? []).map(\.description).joined(separator: " ")
        return
            "\(zone.domain?.description ?? "?") by \(servers) (\(zone.origin ?? "by hand"); strategy \(zone.strategy.rawValue))"
    }

    struct Install: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "install",
            abstract: "Add the rule; the same again changes nothing."
        )

        func run() throws {
            let node = KeyDNSNode()
            let turn = try KeyDNSCommand.takeTurn("install")
            defer { turn.end() }
            let isFirst = !FileTree.isThere(node.state)
            guard let helper = try KeyDNSCommand.program("umwelt-keydns") else {
                throw Failure.failed("umwelt-keydns, the helper, is not installed beside umwelt nor in its sbin")
            }
            let (flat, _) = try KeyDNSCommand.refresh(node)
            for problem in node.missingPrograms(flat) { Standard.complain(problem) }
            let isChanged: Bool
            do throws(Failure) { isChanged = try node.writeRule(helper: helper) } catch {
                if isFirst { try? node.removeAll(caches: []) }
                throw error
            }
            if isChanged { _ = try KeyDNSCommand.flushKernel() }
            try KeyDNSCommand.show(flat.zones)
            try KeyDNSCommand.say("installed \(node.ruleFile)")
            let rules = node.rules()
            for problem in rules.problems + (node.elsewhere.map { [$0] } ?? []) { Standard.complain(problem) }
            for name in KeyDNSNode.examples(flat) {
                guard let winner = rules.winner(name), winner.file != "\(node.ruleFile)" else { continue }
                throw Failure.failed(
                    "another rule is preferred for \(name): \(winner.file):\(winner.line): \(winner.command)"
                )
            }
            if node.enforcesSELinux {
                for line in KeyDNSNode.seLinuxAdvice(helper: helper) { try KeyDNSCommand.say(line) }
            }
        }
    }

    struct Uninstall: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "uninstall",
            abstract: "Take away the rule, and everything that install and the helpers made."
        )

        func run() throws {
            let node = KeyDNSNode()
            let turn = try KeyDNSCommand.takeTurn("uninstall")
            defer { turn.end() }
            let isInstalled = FileTree.isThere(node.ruleFile) || FileTree.isThere(node.state)
            // The flat file may be damaged, or gone.
            let policies = [(try? node.flat()) ?? nil, try? node.policy(), Policy()]
            let caches = policies.compactMap { $0?.cache.map { Path($0) } }
            // The kernel's cache goes in any case.
            var failure: Failure?
            let deadline = policies.compactMap { $0?.deadlineMilliseconds }.max() ?? 0
            do throws(Failure) {
                try node.removeAll(caches: caches, deadlineMilliseconds: deadline)
            } catch { failure = error }
            _ = try KeyDNSCommand.flushKernel()
            if let failure { throw failure }
            try KeyDNSCommand.say(
                isInstalled ? "removed \(node.ruleFile) and \(node.state)" : "nothing to remove: it is not installed"
            )
        }
    }

    struct Refresh: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refresh",
            abstract: "Read the policy and the kubelet's configuration again."
        )

        func run() throws {
            let node = KeyDNSNode()
            let turn = try KeyDNSCommand.takeTurn("refresh")
            defer { turn.end() }
            try KeyDNSCommand.show(try KeyDNSCommand.refresh(node).0.zones)
        }
    }

    struct Flush: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "flush",
            abstract: "Forget what the kernel and the helpers have cached.",
            discussion: "What was counted stays."
        )

        func run() throws {
            try KeyDNSCommand.requireRoot("flush")
            // First the helpers': the kernel would have the old answer from them again.
            let cache = ((try? KeyDNSNode().flat()) ?? nil)?.cache ?? Policy().cache
            try KeyDNSCommand.forget(cache)
            let isThere = try KeyDNSCommand.flushKernel()
            try KeyDNSCommand.say(
                isThere ? "flushed" : "flushed; the kernel has no cache of names yet"
            )
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Say what is wrong with a policy file."
        )

        @Argument(help: "The file (default /etc/umwelt/keydns.conf).") var file: String?

        func run() throws {
            let node = KeyDNSNode()
            let policy = try node.policy(at: file.map { Path($0) })
            try KeyDNSCommand.requireAnotherFallback(policy)
            for zone in policy.zones where zone.servers?.isEmpty != true {
                let domain = zone.domain?.description ?? "the kubelet's clusterDomain"
                let servers =
                    zone.servers.map { $0.map(\.description).joined(separator: " ") } ?? "the kubelet's clusterDNS"
                try KeyDNSCommand.say("zone \(domain) by \(servers), strategy \(zone.strategy.rawValue)")
            }
            for problem in node.missingPrograms(policy) { Standard.complain(problem) }
            let isThere = file != nil || FileTree.isThere(node.policyFile)
            try KeyDNSCommand.say("\(file ?? "\(node.policyFile)"): \(isThere ? "ok" : "not there: the defaults")")
        }
    }
}
