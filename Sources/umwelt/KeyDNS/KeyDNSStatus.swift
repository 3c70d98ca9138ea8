// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import KeyDNS
import Kernel
import Resolver
import Upcall

extension KeyDNSCommand {
    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Show the rule that wins, the servers, what is cached, and what was counted.",
            discussion: """
                EXIT STATUS
                  0 where names of the cluster reach the helper; 1 where something is wrong, which a line beginning with \
                'problem:' names.
                """
        )

        @Argument(help: "The name to find the rule for (default: one of each zone).") var name: String?

        func run() throws {
            let node = KeyDNSNode()
            var report = StatusReport()
            var flat: Policy?
            do throws(Failure) { flat = try node.flat() } catch { report.add(problem: error.message ?? "") }
            report.addRules(node, for: name.map { [$0] } ?? KeyDNSNode.examples(flat))
            // Only root can ask: of the kubelet's process, and its files.
            let isRoot = ProcessID.effectiveUser == 0
            let reader = try isRoot ? KeyDNSCommand.program("umwelt-kubelet") : nil
            report.addPolicy(node, flat, isRoot ? KeyDNSRefresh(node: node, kubeletReader: reader) : nil)
            for problem in node.missingPrograms(flat) { report.add(problem: problem) }
            report.addCache(flat)
            do throws(Errno) { report.addKeys(try KernelKeys.read()) } catch {
                report.add(problem: "/proc/keys cannot be read: \(error)")
            }
            try Standard.output(Array(report.text.utf8))
            if report.hasProblem { throw Failure(code: 1, nil) }
        }
    }
}

/// The lines of `keydns status`.
struct StatusReport {
    private(set) var text = ""
    private(set) var hasProblem = false

    /// A key's description may be anybody's: what is not printable does not come to the terminal.
    mutating func add(_ label: String, _ value: String) {
        text +=
            label + ":" + String(repeating: " ", count: max(1, 12 - label.count)) + KeyDNSCommand.printable(value)
            + "\n"
    }

    mutating func add(problem: String) {
        hasProblem = true
        add("problem", problem)
    }

    /// The rule that wins for the first of the names, and each other one for the rest.
    mutating func addRules(_ node: KeyDNSNode, for names: [String]) {
        let rules = node.rules()
        for problem in rules.problems { add(problem: problem) }
        if let elsewhere = node.elsewhere { add(problem: elsewhere) }
        var last: RequestKeyRules.Rule?
        for name in names {
            guard let winner = rules.winner(name) else {
                return add(problem: "no rule of request-key is for \(name): run 'umwelt keydns install'")
            }
            if winner != last { add(winner, of: node, for: name) }
            last = winner
        }
    }

    private mutating func add(_ rule: RequestKeyRules.Rule, of node: KeyDNSNode, for name: String) {
        add("rule", "\(rule.file):\(rule.line): \(rule.command) (for \(name))")
        if rule.file != "\(node.ruleFile)" {
            let isThere = FileTree.isThere(node.ruleFile)
            add(problem: isThere ? "that rule is preferred to ours" : "not installed: run 'umwelt keydns install'")
        }
        let program = rule.command.split(separator: " ").first.map(String.init) ?? ""
        if !Programs.isProgram(program) { add(problem: "\(program) is no program: every name fails for 60 seconds") }
        if node.enforcesSELinux {
            for line in KeyDNSNode.seLinuxAdvice(helper: program) { add("selinux", line) }
        }
    }

    /// `refresh`: what would make the flat file now; nil where that cannot be known.
    mutating func addPolicy(_ node: KeyDNSNode, _ flat: Policy?, _ refresh: KeyDNSRefresh?) {
        add("policy", "\(node.policyFile)\(FileTree.isThere(node.policyFile) ? "" : " (not there: the defaults)")")
        guard let flat else {
            if !hasProblem { add(problem: "\(node.flatFile) is not there: run 'umwelt keydns refresh'") }
            return
        }
        let changed = flat.sources.filter { node.digest(of: node.path($0.path)) >> 1 != $0.digest }
        var problem: String?
        var notes: [String] = []
        if changed.isEmpty, let refresh {
            do throws(Failure) {
                let now = try refresh.flattened(try node.policy(), seed: 0, &notes)
                if Self.meaning(of: now.rendered()) != Self.meaning(of: flat.rendered()) {
                    problem = "the kubelet was told something else since: run 'umwelt keydns refresh'"
                }
            } catch {
                problem = (notes + [error.message ?? ""]).joined(separator: "; ")
            }
        }
        let isCurrent = changed.isEmpty && problem == nil
        add("flat file", "\(node.flatFile), \(isCurrent ? "as its sources say" : "not as its sources say now")")
        if let problem { add(problem: problem) }
        for source in changed {
            add(problem: "\(Path(source.path)) has changed since: run 'umwelt keydns refresh'")
        }
        for zone in flat.zones { add("zone", KeyDNSCommand.describe(zone)) }
        if flat.zones.isEmpty { add(problem: "no zone: every name goes to the fallback") }
        let fallback = flat.fallback.map { String(decoding: $0, as: UTF8.self) }
        add("fallback", fallback ?? "none: names of no zone are rejected")
    }

    /// What helpers read in it, and not where it was said: a process has another number each time.
    private static func meaning(of flat: [UInt8]) -> [UInt8]? {
        guard var policy = try? Policy(parsing: flat, isFlat: true) else { return nil }
        (policy.seed, policy.sources) = (0, [])
        for index in policy.zones.indices { policy.zones[index].origin = nil }
        return policy.rendered()
    }

    mutating func addCache(_ flat: Policy?) {
        // Without a policy that can be read the helpers count in the usual one.
        let usual = Policy().cache.flatMap { FileTree.isThere(Path($0)) ? $0 : nil }
        guard let path = flat.map(\.cache) ?? usual else { return }
        guard ProcessID.effectiveUser == 0 else { return add("cache", "\(Path(path)): shown to root alone") }
        let cache: SharedCache
        // Makes it where it is not there, as the next helper would.
        do throws(Errno) { cache = try SharedCache.open(Path(path)) } catch {
            return add(problem: "\(Path(path)), the cache, cannot be used: \(error): DNS is asked for each upcall")
        }
        let (all, kernels) = cache.names
        let room = CacheLayout.sets * CacheLayout.ways
        add(
            "cache",
            "\(Path(path)), \(all) names of at most \(room), \(kernels) of them for file systems in the kernel"
        )
        for counter in KeyCounter.allCases { add("counter", "\(counter.name) \(cache.count(counter))") }
    }

    mutating func addKeys(_ keys: KernelKeys) {
        if keys.caches.isEmpty {
            let isRoot = ProcessID.effectiveUser == 0
            add(
                "kernel",
                isRoot
                    ? "the module dns_resolver is not loaded; the first mount loads it"
                    : "what it has cached is shown to root alone"
            )
        }
        for entry in keys.entries {
            let what =
                entry.isUnderConstruction
                ? "a helper is at work" : entry.length.map { "\($0) bytes" } ?? "rejected"
            add("key", "\(entry.description): \(what), \(entry.timeLeft) left")
        }
    }
}
