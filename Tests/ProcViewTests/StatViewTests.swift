// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct StatViewTests {
    @Test func theFile() {
        var account = CPUAccount()
        var usage = CPUUsage()
        (usage.user, usage.system, usage.throttled) = (2_000_000_000, 1_000_000_000, 500_000_000)
        account.advance(usage: usage, visible: CPUSet([1]), ageNs: 10_000_000_000)
        let tasks = TaskCounts(running: 2, blocked: 1, total: 7)
        #expect(
            StatView.text(account, bootTime: 1_795_234_940, processes: 12, tasks: tasks).string == """
                cpu  200 0 100 650 0 0 0 50 0 0
                cpu1 200 0 100 650 0 0 0 50 0 0
                intr 0
                ctxt 0
                btime 1795234940
                processes 12
                procs_running 2
                procs_blocked 1
                softirq 0 0 0 0 0 0 0 0 0 0 0

                """
        )
    }

    /// LXCFS takes all but the cpu lines from the host (#654, #164).
    @Test(arguments: ["intr", "ctxt", "processes", "procs_running", "procs_blocked", "btime"])
    func lxcfsHostCounters654(_ key: String) {
        let text = StatView.text(CPUAccount(), bootTime: 0, processes: 0, tasks: TaskCounts()).string
        #expect(text.contains("\n\(key) 0\n"))
    }
}
