// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// Many containers that live for as long as it takes to read every file once.
struct Crowd {
    private static let workers = 4
    /// What they may take.
    private static let leastNs: UInt64 = 30_000_000_000
    private static let eachNs: UInt64 = 50_000_000

    let hierarchies: Hierarchies

    /// Makes containers number `from` to `from + count - 1`, some at a time.
    func run(_ count: Int, from: Int, daemons: [Daemon]) throws {
        var pids: [Int32] = []
        for worker in 0..<Self.workers {
            let pid = try System.check("fork", cbench_fork())
            if pid == 0 {
                cbench_become_child()
                for index in stride(from: from + worker, to: from + count, by: Self.workers) {
                    do { try one(index, daemons) } catch {
                        System.say("umwelt-bench: container \(index): \((error as? Failure)?.message ?? "failed")")
                        _exit(1)
                    }
                }
                _exit(0)
            }
            pids.append(pid)
        }
        let deadline = cbench_now() + Self.leastNs + UInt64(count) * Self.eachNs
        var isWhole = true
        var isLate = false
        for pid in pids {
            var status: Int32 = 0
            while cbench_wait(pid, 0, &status) == 0 {
                usleep(20_000)
                isLate = isLate || cbench_now() > deadline
                if isLate || cbench_interrupted() != 0 { kill(pid, SIGKILL) }
            }
            isWhole = isWhole && status == 0
        }
        guard isWhole else {
            // Their processes end with their workers; the cgroups go then.
            for _ in 0..<20 where !hierarchies.removeStale(pids) { usleep(50_000) }
            try System.checkSignals()
            throw Failure("the short-lived containers \(isLate ? "are not done: a daemon does not answer" : "failed")")
        }
    }

    private func one(_ index: Int, _ daemons: [Daemon]) throws {
        let group = try ControlGroup(hierarchies, name: "c\(index)", cpus: nil)
        defer { group.remove() }
        var (pidRead, pidWrite, goRead, goWrite) = (Int32(0), Int32(0), Int32(0), Int32(0))
        try System.check("make a pipe", cbench_pipe(&pidRead, &pidWrite))
        try System.check("make a pipe", cbench_pipe(&goRead, &goWrite))
        let keeper = try System.check("fork", cbench_fork())
        if keeper == 0 {
            cbench_become_child()
            close(goWrite)
            guard group.join(), cbench_unshare(1, 1, 1) == 0 else { _exit(1) }
            var child = cbench_fork()
            if child == 0 {
                cbench_become_child()
                var byte: UInt8 = 0
                _exit(read(goRead, &byte, 1) == 1 && readAll(index, daemons) ? 0 : 1)
            }
            write(pidWrite, &child, 4)
            var status: Int32 = 0
            guard child > 0, cbench_wait(child, 1, &status) == child else { _exit(1) }
            _exit(status == 0 ? 0 : 1)
        }
        defer { for end in [pidRead, pidWrite, goRead, goWrite] { close(end) } }
        var first: Int32 = 0
        let isStarted = cbench_readable(pidRead, 10_000) == 1 && read(pidRead, &first, 4) == 4 && first > 0
        var byte: UInt8 = 1
        var status: Int32 = -1
        do {
            if isStarted {
                for daemon in daemons where daemon.kind == .umwelt { try daemon.register(id: "c\(index)", pid: first) }
            }
            write(goWrite, &byte, 1)
        } catch {
            kill(keeper, SIGKILL)
            cbench_wait(keeper, 1, &status)
            throw error
        }
        cbench_wait(keeper, 1, &status)
        guard status == 0 else { throw Failure("it could not read every file") }
    }

    private func readAll(_ index: Int, _ daemons: [Daemon]) -> Bool {
        for daemon in daemons {
            for file in ServedFile.all {
                let path = "\(daemon.mountPoint)/\(file.path)"
                if daemon.kind == .umwelt {
                    guard System.text(of: path) != nil,
                        System.text(of: "\(daemon.mountPoint)/containers/c\(index)/\(file.path)") != nil
                    else { return false }
                } else if daemon.kind == .lxcfsFull, file.name == "loadavg" {
                    // With containers that come and go lxcfs -l locks itself up in this one, sooner or later.
                    continue
                } else if System.exists(path), System.text(of: path) == nil {
                    return false
                }
            }
        }
        return true
    }
}
