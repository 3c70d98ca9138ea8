// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// Runs everything; returns the report.
func measure(_ options: Options) throws -> (text: String, machine: Machine) {
    guard geteuid() == 0 else { throw Failure("must be run as root: it mounts, and makes cgroups and namespaces") }
    guard System.exists("/usr/bin/lxcfs") else { throw Failure("/usr/bin/lxcfs is missing (apt-get install lxcfs)") }
    guard System.exists("/dev/fuse") else { throw Failure("/dev/fuse is missing") }
    cbench_catch_signals()
    let machine = Machine(lxcfs: options.lxcfsVersion)
    let bench = try Bench(options)
    defer { bench.end() }
    try bench.start()
    for plan in options.isMemoryOnly ? [] : Plan.steps(isQuick: options.isQuick) {
        try bench.run(plan.cases, bursts: plan.bursts, milliseconds: plan.milliseconds)
    }
    try bench.runMemory(containers: 1000, more: options.isQuick ? 0 : 10_000)
    let report = Report(
        machine: machine,
        isQuick: options.isQuick,
        results: bench.results,
        memory: bench.memory,
        throttled: bench.throttled
    )
    return (report.text, machine)
}

do {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    let (text, machine) = try measure(options)
    print(text, terminator: "")
    if let directory = options.saveDirectory {
        let path = "\(directory)/\(machine.date)-\(machine.kernel).md"
        guard System.write(text, to: path, creating: true) else { throw Failure("cannot write \(path)") }
        System.say("saved as \(path)")
    }
} catch {
    System.say("umwelt-bench: \((error as? Failure)?.message ?? "\(error)")")
    exit(1)
}
