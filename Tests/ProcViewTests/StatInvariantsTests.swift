// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

/// What must hold of /proc/stat over the life of a container, whatever is sampled: random lives, the seed printed.
@Suite struct StatInvariantsTests {
    @Test(arguments: [false, true])
    func hold(hostile: Bool) {
        let seed = UInt64.random(in: .min ... .max)
        print("StatInvariantsTests: seed \(seed)")
        var random = SplitMix(seed: seed)
        for _ in 0..<150 { live(hostile: hostile, changes: hostile, seed: seed, &random) }
    }

    @Test func theSumIsExactWhileTheCPUsStay() {
        var random = SplitMix(seed: 3)
        for _ in 0..<100 { live(hostile: true, changes: false, seed: 3, &random) }
    }

    /// One container from its start: 30 readings.
    private func live(hostile: Bool, changes: Bool, seed: UInt64, _ random: inout SplitMix) {
        var account = CPUAccount()
        var usage = CPUUsage()
        var age: UInt64 = 0
        var visible = CPUSet([0, 2, 3])
        var before: [String: [UInt64]] = [:]
        var lastIdle: UInt64 = 0
        let isV1 = Bool.random(using: &random)
        for _ in 0..<30 {
            let step = UInt64.random(in: 0..<20_000_000_000, using: &random)
            age += step
            if changes, Int.random(in: 0..<4, using: &random) == 0 {
                visible = CPUSet((0..<4).map { _ in Int.random(in: 0..<6, using: &random) })
            }
            spend(&usage, step: step, isV1: isV1, hostile: hostile, &random)
            let isMissing = hostile && Int.random(in: 0..<8, using: &random) == 0
            let seen = hostile && Int.random(in: 0..<8, using: &random) == 0 ? age / 2 : age
            account.advance(usage: isMissing ? nil : usage, visible: visible, ageNs: seen)

            let lines = cpuLines(StatView.text(account, bootTime: 0, processes: 0, tasks: TaskCounts()))
            // One expectation a reading: they are slow.
            var faults: [String] = []
            func check(_ holds: Bool, _ rule: String) { if !holds { faults.append(rule) } }
            for (name, columns) in lines {
                check(columns.count == 10, "\(name) has ten columns")
                check(zip(columns, before[name] ?? []).allSatisfy { $0 >= $1 }, "\(name) does not go back")
                let told = columns.reduce(UInt64(0)) { $0.adding(orMax: $1) }
                check(name == "cpu" || told <= age / CPUUsage.tickNs, "\(name) tells no more than passed")
            }
            check(Set(lines.keys) == Set(account.visible.numbers.map { "cpu\($0)" } + ["cpu"]), "the CPUs in sight")
            if !changes {
                for column in 0..<10 {
                    let sum = lines.filter { $0.key != "cpu" }.values.reduce(0) { $0 + $1[column] }
                    check(lines["cpu"]?[column] == sum, "cpu is the sum")
                }
                check(account.idleNs <= age * UInt64(account.visible.count), "idle <= uptime x CPUs")
            }
            check(account.idleNs >= lastIdle, "idle does not go back")
            let busy = lines["cpu"].map { $0[0] + $0[1] + $0[2] } ?? 0
            check(hostile || busy <= (usage.user + usage.system) / CPUUsage.tickNs, "no more than was used")
            #expect(faults.isEmpty, "seed \(seed)")
            lastIdle = account.idleNs
            before.merge(lines) { $1 }
        }
    }

    private func spend(_ usage: inout CPUUsage, step: UInt64, isV1: Bool, hostile: Bool, _ random: inout SplitMix) {
        if hostile, Int.random(in: 0..<6, using: &random) == 0 {
            usage.user = MemoryInvariantsTests.size(&random)
            usage.system = MemoryInvariantsTests.size(&random)
            usage.nice = MemoryInvariantsTests.size(&random)
            usage.throttled = MemoryInvariantsTests.size(&random)
            if isV1 {
                for cpu in 0..<4 where Bool.random(using: &random) {
                    usage.perCPU[cpu] = CPUTimes(
                        user: MemoryInvariantsTests.size(&random),
                        system: MemoryInvariantsTests.size(&random)
                    )
                }
            }
            return
        }
        for cpu in 0..<5 {
            let user = UInt64.random(in: 0...(step / 2), using: &random)
            let system = UInt64.random(in: 0...(step / 2), using: &random)
            usage.user = usage.user.adding(orMax: user)
            usage.system = usage.system.adding(orMax: system)
            guard isV1 else { continue }
            let old = usage.perCPU[cpu] ?? CPUTimes(user: 0, system: 0)
            usage.perCPU[cpu] = CPUTimes(user: old.user.adding(orMax: user), system: old.system.adding(orMax: system))
        }
        usage.nice = min(usage.nice.adding(orMax: UInt64.random(in: 0...(step / 4), using: &random)), usage.user)
        usage.throttled = usage.throttled.adding(orMax: UInt64.random(in: 0...step, using: &random))
    }
}
