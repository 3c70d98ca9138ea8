// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// Holds the limits asked for against what the host can give.
///
/// A limit that would not hold is an error: a container that sees 256 MiB and may use all of the host's is worse than none.
enum LimitCheck {
    static func check(_ options: RunOptions, _ facts: HostFacts) throws(Failure) {
        if let memory = options.memory { try check(memory: memory, facts) }
        if let swap = options.swap { try check(swap: swap, facts) }
        if let cpus = options.cpus { try check(cpus: cpus, facts) }
        if let cpuset = options.cpuset { try check(cpuset: cpuset, facts) }
        if let pids = options.pids { try check(pids: pids, facts) }
    }

    private static func check(memory: ByteSize, _ facts: HostFacts) throws(Failure) {
        try require("memory", for: "--memory", facts)
        guard UInt64(clamping: memory.bytes) <= facts.memoryTotal else {
            let total = ByteSize(bytes: Int64(clamping: facts.memoryTotal)).text
            throw .failed("--memory \(memory.text) is more than the host has (\(total)); ask for less")
        }
    }

    private static func check(swap: ByteSize, _ facts: HostFacts) throws(Failure) {
        guard UInt64(clamping: swap.bytes) <= facts.swapTotal else {
            let has = facts.swapTotal == 0 ? "none" : ByteSize(bytes: Int64(clamping: facts.swapTotal)).text
            throw .failed(
                "--swap \(swap.text) is more swap than the host has (\(has)); ask for less, or add some with swapon"
            )
        }
        // Without swap there is nothing to keep the container from.
        guard facts.accountsForSwap || facts.swapTotal == 0 else {
            throw .failed(
                "--swap: this kernel does not account for swap; boot it with swapaccount=1, or leave --swap out"
            )
        }
    }

    private static func check(cpus: CPUAmount, _ facts: HostFacts) throws(Failure) {
        try require("cpu", for: "--cpus", facts)
        let most = Int64(facts.cpus.count) * CPUAmount.period
        guard cpus.quota <= most else {
            throw .failed("--cpus is more than the host has (\(facts.cpus.count)); ask for less")
        }
    }

    private static func check(cpuset: CPUSet, _ facts: HostFacts) throws(Failure) {
        try require("cpuset", for: "--cpuset", facts)
        guard cpuset.intersection(facts.cpus) == cpuset else {
            throw .failed(
                "--cpuset \(list(cpuset)): a container here can have CPUs \(list(facts.cpus)); choose among them"
            )
        }
    }

    private static func check(pids: Int64, _ facts: HostFacts) throws(Failure) {
        try require("pids", for: "--pids", facts)
        guard let most = facts.processLimit else { return }
        guard UInt64(clamping: pids) <= most else {
            throw .failed("--pids \(pids) is more than the host has (\(most)); ask for less")
        }
    }

    private static func require(_ controller: String, for option: String, _ facts: HostFacts) throws(Failure) {
        guard !facts.controllers.contains(controller) else { return }
        let remedy =
            switch facts.layout {
            case .missing:
                "no cgroups are mounted at /sys/fs/cgroup; mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
            case .unified:
                "/sys/fs/cgroup/cgroup.controllers does not name it; boot with cgroup_enable=\(controller), or run where "
                    + "it is delegated"
            case .v1, .hybrid:
                "it is not mounted; boot with cgroup_enable=\(controller) if the kernel has it disabled, and mount it: "
                    + "mkdir -p /sys/fs/cgroup/\(controller) && mount -t cgroup -o \(controller) cgroup "
                    + "/sys/fs/cgroup/\(controller)"
            }
        throw .failed("\(option) needs the cgroup controller '\(controller)': \(remedy)")
    }

    static func list(_ set: CPUSet) -> String {
        var text = Text()
        text.append(cpulist: set)
        return String(decoding: text.bytes, as: UTF8.self)
    }
}
