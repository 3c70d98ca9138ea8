// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// A shell that waits for commands: a process of a container, or of the host.
final class LabShell {
    /// What a command printed (standard error included), and its exit code.
    struct Output {
        var text: String
        var code: Int32

        /// The number behind `name` on its line: `MemTotal:  8192 kB`.
        func number(_ name: String) -> UInt64? {
            for line in text.split(separator: "\n") where line.hasPrefix(name) {
                let digits = line.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber }
                return UInt64(digits)
            }
            return nil
        }
    }

    /// Where a command hangs: what to do about it, so that the process can be killed.
    private let rescue: () -> Void
    private var child: Child?
    private let input: Fd
    private let output: Fd
    private var pending: [UInt8] = []

    /// Starts `wrapper... sh`, in `cgroup` from its first instruction.
    init(wrapper: [String] = [], cgroup: LabCgroup? = nil, rescue: @escaping () -> Void = {}) throws {
        self.rescue = rescue
        let toShell = try Fd.pipe()
        let fromShell = try Fd.pipe()
        let arguments = ["env"] + wrapper + ["sh"]
        var command = Command(
            path: "/usr/bin/env",
            arguments: arguments.map { Array($0.utf8) },
            environment: Programs.environment
        )
        command.files = [toShell.reading.raw, fromShell.writing.raw, fromShell.writing.raw]
        command.group = .own
        var joined: [Int32] = []
        for path in cgroup?.processFiles ?? [] { joined.append(try Fd.open(path, .writeOnly).release()) }
        defer { for fd in joined { close(fd) } }
        command.joins = joined
        child = try command.spawn()
        input = try toShell.writing.duplicate()
        output = try fromShell.reading.duplicate()
    }

    deinit { end() }

    /// The number of the process that was started (a wrapper that forks is another than the shell).
    var pid: Int32 { child?.pid ?? 0 }

    /// Runs a script and waits for its end, at most so long.
    @discardableResult
    func run(_ script: String, seconds: Int = 20) throws -> Output {
        try input.write(Array("{ \(script)\n} </dev/null 2>&1; printf '\\n@@%d@@\\n' $?\n".utf8))
        return try result(seconds: seconds)
    }

    /// Begins a script; `result` waits for it.
    func begin(_ script: String) throws {
        try input.write(Array("{ \(script)\n} </dev/null 2>&1; printf '\\n@@%d@@\\n' $?\n".utf8))
    }

    func result(seconds: Int = 20) throws -> Output {
        let seconds = seconds * Programs.patience
        let deadline = Clock.monotonic + UInt64(seconds) * 1_000_000_000
        while true {
            if let output = take() { return output }
            let now = Clock.monotonic
            guard now < deadline, try output.waitReadable(milliseconds: Int32((deadline - now) / 1_000_000) + 1) else {
                if Clock.monotonic < deadline { continue }
                rescue()
                let soFar = String(decoding: pending, as: UTF8.self)
                end()
                throw LabError("no answer within \(seconds) s; so far: \(soFar)")
            }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = try output.read(into: &buffer)
            guard count > 0 else { throw LabError("the shell ended: \(String(decoding: pending, as: UTF8.self))") }
            pending.append(contentsOf: buffer.prefix(count))
        }
    }

    private func take() -> Output? {
        // "\n@@CODE@@\n" at the end.
        guard pending.suffix(3).elementsEqual("@@\n".utf8) else { return nil }
        let text = String(decoding: pending, as: UTF8.self)
        guard let marker = text.dropLast(3).lastIndex(of: "@"),
            let code = Int32(text.dropLast(3)[text.index(after: marker)...])
        else { return nil }
        pending = []
        let body = text[..<marker].dropLast()
        let printed = body.dropLast()
        return Output(text: String(printed.last == "\n" ? printed.dropLast() : printed), code: code)
    }

    /// Kills it, and what it started in its own process group.
    func end() {
        guard let child else { return }
        self.child = nil
        try? ProcessID.kill(-child.pid, SIGKILL)
        try? child.kill(SIGKILL)
        _ = try? child.wait()
    }
}
