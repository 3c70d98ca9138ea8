// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Waits for the command to end, and hands signals on to it.
struct Supervisor {
    let runtime: Child
    let bundle: Bundle
    /// The runtime has the terminal, hears of its size itself, and ends with the command.
    ///
    /// Else it ends when the command has begun, which is this process's child then.
    let hasTerminal: Bool

    private var initPID: Int32?
    /// The command, from the runtime's end on.
    private var command: Child?
    /// It is still the child of what is left of the runtime.
    private var orphanMilliseconds: Int32 = 0
    /// What the runtime runs from: its first process is that too, until it becomes the command.
    private var runtimeProgram: Path?
    /// Came before the command had started.
    private var pending: [SignalQueue.Event] = []
    private var pendingMilliseconds: Int32 = 0
    /// Sent to a process that blocked them at that moment.
    private var watched: [Watch] = []

    private struct Watch {
        var signal: Int32
        var looks: [SignalRule.Action]
        /// How long the process has had a CPU at the last look.
        var ran: [UInt8]
    }
    /// The runtime has started the command and ended: how the command ends is not the runtime's word any more.
    var hasCommand: Bool { command != nil }
    /// With a terminal: the command was seen to run, so how the runtime ends is how the command did.
    private(set) var hasBegun = false
    private var looksForBeginning = patienceMilliseconds / stepMilliseconds
    /// The signal that the command would have died of.
    private(set) var endedBy: Int32?

    private static let stepMilliseconds: Int32 = 10
    private static let lookMilliseconds: Int32 = 3
    private static let patienceMilliseconds: Int32 = 5000
    private static let commandMilliseconds: Int32 = 2000

    init(runtime: Child, bundle: Bundle, hasTerminal: Bool) {
        self.runtime = runtime
        self.bundle = bundle
        self.hasTerminal = hasTerminal
        runtimeProgram = Self.program(of: runtime.pid)
    }

    /// Returns how the command ended, or the runtime where that comes first.
    ///
    /// `started` is called when the container's first process and its cgroups exist.
    mutating func wait(_ interrupts: borrowing Interrupts, started: () -> Void) throws(Errno) -> ExitStatus {
        var isStarted = false
        while true {
            let status = try poll()
            if !isStarted, let pid = bundle.initPID {
                initPID = pid
                isStarted = true
                started()
            }
            if let status { return status }
            lookForBeginning()
            // Nothing tells when the command has started; until then, or a signal waits for it, look again and again.
            let isWaiting = !isStarted || !pending.isEmpty || orphanMilliseconds > 0 || isLookingForBeginning
            let wait = watched.isEmpty ? isWaiting ? Self.stepMilliseconds : -1 : Self.lookMilliseconds
            let event = interrupts.next(milliseconds: wait)
            if let event, event.signal != SIGCHLD, !(event.signal == SIGWINCH && hasTerminal) {
                // As the kernel does with one that was not acted on.
                if event.signal == SIGCONT { pending.removeAll { $0.signal == SIGTSTP } }
                pending.append(event)
            }
            deliverPending(interrupts)
            watch()
        }
    }

    /// For a while: a command may be the runtime's own program.
    private var isLookingForBeginning: Bool { hasTerminal && !hasBegun && looksForBeginning > 0 }

    private mutating func lookForBeginning() {
        guard isLookingForBeginning, let pid = initPID else { return }
        looksForBeginning -= 1
        hasBegun = hasBecomeCommand(pid)
    }

    private mutating func poll() throws(Errno) -> ExitStatus? {
        if command == nil {
            guard let status = try runtime.poll() else { return nil }
            guard !hasTerminal, status == .exited(0), let pid = bundle.initPID else { return status }
            command = Child(adopting: pid)
            // What the runtime took for its part is not the command's: that is about to begin.
            pendingMilliseconds = 0
        }
        do throws(Errno) {
            let status = try command?.poll()
            orphanMilliseconds = 0
            return status
        } catch {
            // crun ends before the process of its that started the command.
            guard error == .noChildProcess, orphanMilliseconds < Self.patienceMilliseconds else { throw error }
            orphanMilliseconds += Self.stepMilliseconds
            return nil
        }
    }

    private mutating func deliverPending(_ interrupts: borrowing Interrupts) {
        guard !pending.isEmpty else { return pendingMilliseconds = 0 }
        guard let pid = initPID, hasBecomeCommand(pid) || pendingMilliseconds > patience else {
            pendingMilliseconds += Self.stepMilliseconds
            // The runtime's part does not come to an end: the container is cleaned up without it.
            let first = pending.first { SignalRule.endsByDefault($0.signal) }
            if initPID == nil, pendingMilliseconds > Self.patienceMilliseconds, let first {
                endedBy = first.signal
                try? runtime.kill(SIGKILL)
            }
            return
        }
        for event in pending {
            if event.signal == SIGTSTP { stop(pid, interrupts) } else { deliver(event, to: pid) }
        }
        pending = []
    }

    /// Ctrl-Z stops the command as well, which then reads nothing of the terminal, until umwelt goes on.
    ///
    /// The terminal of --tty is the container's own: keys go there, and umwelt alone is stopped by who sends the signal.
    private func stop(_ pid: Int32, _ interrupts: borrowing Interrupts) {
        if !hasTerminal { try? ProcessID.kill(-pid, SIGSTOP) }
        interrupts.stop()
        if !hasTerminal { try? ProcessID.kill(-pid, SIGCONT) }
    }

    private mutating func deliver(_ event: SignalQueue.Event, to pid: Int32) {
        switch Self.look(at: pid, event.signal) {
        case .kill: kill(pid, event.signal)
        case .drop, .send:
            // Whoever does nothing on it may have others beside him who do, or is to go on.
            // Ctrl-C is for all of the terminal's foreground, as it would be without a container.
            try? ProcessID.kill(event.fromKernel ? -pid : pid, event.signal)
        case let first:
            try? ProcessID.kill(event.fromKernel ? -pid : pid, event.signal)
            watched.append(Watch(signal: event.signal, looks: [first], ran: Self.runTime(of: pid)))
        }
    }

    /// Looks again at a process that blocked a signal when it was sent.
    private mutating func watch() {
        guard let pid = initPID else { return }
        for index in watched.indices.reversed() {
            let look = Self.look(at: pid, watched[index].signal)
            let ran = Self.runTime(of: pid)
            watched[index].looks.append(look == .unclear && ran == watched[index].ran ? .stalled : look)
            watched[index].ran = ran
            switch SignalRule.verdict(watched[index].looks) {
            case .lookAgain: continue
            case .leave: watched.remove(at: index)
            case .kill: kill(pid, watched.remove(at: index).signal)
            }
        }
    }

    private mutating func kill(_ pid: Int32, _ signal: Int32) {
        guard (try? ProcessID.kill(pid, SIGKILL)) != nil else { return }
        endedBy = endedBy ?? signal
    }

    /// For how long a first process that runs from the runtime's program is taken for the runtime: it may be the command.
    private var patience: Int32 { hasCommand ? Self.commandMilliseconds : Self.patienceMilliseconds }

    /// The first number of /proc/PID/schedstat, in nanoseconds.
    private static func runTime(of pid: Int32) -> [UInt8] {
        let text = (try? Fd.contents(of: Path("/proc/\(pid)/schedstat"), limit: 256)) ?? []
        return Array(text.prefix { $0 != UInt8(ascii: " ") })
    }

    private static func look(at pid: Int32, _ signal: Int32) -> SignalRule.Action {
        let status = (try? Fd.contents(of: Path("/proc/\(pid)/status"), limit: 16384)) ?? []
        let systemCall = (try? Fd.contents(of: Path("/proc/\(pid)/syscall"), limit: 256)) ?? []
        return SignalRule(status: status, systemCall: systemCall).action(for: signal)
    }

    /// The container's first process is the runtime's own program until it becomes the command.
    private mutating func hasBecomeCommand(_ pid: Int32) -> Bool {
        // A script for a runtime becomes the runtime itself.
        if command == nil, let program = Self.program(of: runtime.pid) { runtimeProgram = program }
        guard let program = Self.program(of: pid) else { return false }
        // runc and crun protect their own file by running from a copy in memory.
        return !program.description.hasPrefix("/memfd:") && program != runtimeProgram
            && (try? Fd.contents(of: Path("/proc/\(pid)/comm"), limit: 64))?.starts(with: "runc:[".utf8) != true
            && Self.hasArguments(pid)
    }

    /// The kernel gives a new program its arguments when it has taken the handlers of the one before away (begin_new_exec(),
    /// fs/exec.c; create_elf_tables(), fs/binfmt_elf.c): until then a signal would be sent to those, and be lost with them.
    private static func hasArguments(_ pid: Int32) -> Bool {
        (try? Fd.contents(of: Path("/proc/\(pid)/cmdline"), limit: 1))?.isEmpty == false
    }

    private static func program(of pid: Int32) -> Path? { try? FileTree.linkTarget(Path("/proc/\(pid)/exe")) }
}
