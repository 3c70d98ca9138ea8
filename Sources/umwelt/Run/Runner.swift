// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FoundationEssentials
import Glibc
import Kernel
import NodeLink
import OCISpec
import Samples

/// One `umwelt run`, from the options to the exit code.
///
/// Whatever happens, what it made is gone when it returns.
final class Runner {
    private let options: RunOptions
    private let facts: HostFacts
    private let runtime: Runtime
    private let state: StateDirectory
    private let cgroupTree = CgroupTree.own()
    private let cgroups: CgroupCleanup
    /// The last made is the first to go.
    private var undo: [() -> Void] = []

    static func run(_ options: RunOptions, state: StateDirectory) throws -> Int32 {
        // What it looks at may not answer; nothing is made yet, and a signal does what it does by default.
        let preparation = try Preparation(options, state: state)
        let interrupts = try Interrupts()
        let runner = Runner(preparation, state: state)
        defer { while let step = runner.undo.popLast() { step() } }
        return try runner.run(interrupts)
    }

    private init(_ preparation: Preparation, state: StateDirectory) {
        options = preparation.options
        facts = preparation.facts
        runtime = preparation.runtime
        self.state = state
        cgroups = CgroupCleanup(cgroupTree, state: state)
    }

    private func run(_ interrupts: borrowing Interrupts) throws -> Int32 {
        try interrupts.check()
        try state.make()
        let bundle = try claimBundle(interrupts)
        do { return try run(bundle, interrupts) } catch let failure as Failure {
            // Who had no space for it says anything: runc "unable to store init state: %!w(<nil>)".
            guard failure.code == 1, !bundle.hasRoom(bytes: 8192) else { throw failure }
            throw failure.withoutSpace(in: state.path)
        }
    }

    private func run(_ bundle: Bundle, _ interrupts: borrowing Interrupts) throws -> Int32 {
        try interrupts.check()
        let daemon = try DaemonStarter(state: state, searchPath: facts.variable("PATH") ?? "").hold(interrupts)
        try interrupts.check()
        let views = try register(with: daemon)
        try enterOwnMounts()
        let root = try options.rootfs ?? makeView(in: bundle, interrupts)
        let places = SpecBuilder.Places(
            root: root,
            views: views,
            bundle: bundle.path,
            cgroup: state.cgroup,
            socket: state.socket,
            program: try Programs.own()
        )
        let config = Array(try JSONEncoder().encode(SpecBuilder(options: options, facts: facts, places: places).config))
        try bundle.write(config, to: bundle.config)
        // Before the runtime finds out, in words of its own.
        let needed = Bundle.startBytes(configuration: config.count)
        guard bundle.hasRoom(bytes: needed) else {
            throw Failure.failed(
                "no space left in \(state.path): a start needs up to \((needed + 1023) / 1024) KiB there"
            )
        }
        try interrupts.check()
        ContainerClock.begin()
        do {
            let code = try supervise(bundle, interrupts)
            // Until here the daemon is held.
            return withExtendedLifetime(daemon) { code }
        } catch let failure as Failure {
            guard let message = failure.message, daemon.isEnding else { throw failure }
            throw Failure(code: failure.code, message + "; umweltd ended meanwhile")
        }
    }

    /// Clears what others have left, and takes the name.
    private func claimBundle(_ interrupts: borrowing Interrupts) throws(Failure) -> Bundle {
        let lock = try state.lockFile(state.bundlesLock)
        try interrupts.lock(lock, state.bundlesLock)
        for (bundle, runtime) in Bundle.abandoned(in: state) {
            // First: in this time namespace the runtime does not know its process, and fails where that is in the cgroup.
            cgroups.remove(bundle.id)
            if let runtime, runtime.hasState(of: bundle.id) {
                _ = try? runtime.deleteCommand(bundle.id).spawn().wait()
            }
            try? bundle.remove()
        }
        // Cgroups are the machine's: another's state directory may have the same path, in a mount namespace of its own.
        guard !cgroups.isInUse(options.name) else {
            throw .failed("a container named \(options.name) runs already; choose another --name, or leave it out")
        }
        let bundle = try Bundle.claim(options.name, in: state)
        undo.append { [state, runtime] in
            guard let lock = try? state.lockFile(state.bundlesLock) else { return }
            try? lock.lock()
            do throws(Errno) { try bundle.remove() } catch {
                Standard.complain("cannot remove \(bundle.path): \(error)")
            }
            // The first is not empty while others have one: they need the runtime's too.
            for directory in [state.bundles, runtime.root, state.path + "/runtime"] {
                guard (try? Directories.remove(Path(directory))) != nil else { break }
            }
        }
        try bundle.write(Array(runtime.program.utf8), to: bundle.runtimeFile)
        try bundle.reserveLog()
        return bundle
    }

    /// Returns the daemon's directory of the container's files.
    private func register(with daemon: DaemonClient) throws(Failure) -> String {
        let fields = try daemon.request(.register, [options.name, "run", "0"])
        undo.append { [options] in _ = try? daemon.request(.deregister, [options.name]) }
        return fields.first.map { String(decoding: $0, as: UTF8.self) }
            ?? daemon.greeting.mountPoint + "/containers/" + options.name
    }

    /// From here on nothing mounted shows on the host, and all of it goes with this process and the runtime.
    ///
    /// What the host unmounts is unmounted here too.
    private func enterOwnMounts() throws(Failure) {
        do throws(Errno) {
            try Namespaces.mount.unshare()
            try Mount.makeAllSlaves()
        } catch {
            throw .failed("cannot make a mount namespace: \(error)")
        }
    }

    private func makeView(in bundle: Bundle, _ interrupts: borrowing Interrupts) throws(Failure) -> String {
        let view = HostView(directory: bundle.view)
        let mountinfo = (try? Fd.contents(of: "/proc/self/mountinfo", limit: 64 << 20)) ?? []
        func status(_ path: String, _ isServed: Bool) throws(Failure) -> HostView.Status? {
            let isAnswered = isServed ? try answers(path, interrupts) : true
            guard isAnswered else {
                Standard.complain("the container does not see \(path): its server does not answer")
                return nil
            }
            return (try? FileStatus.of(Path(path))).map {
                HostView.Status(mount: $0.mount, isDirectory: $0.isDirectory, isRegular: $0.isRegular)
            }
        }
        let (pieces, omitted) = try HostView.pieces(
            of: MountInfo.parse(mountinfo.span),
            stateDirectory: state.path,
            status: status
        )
        let destinations = options.volumes.map {
            (path: $0.destination, isDirectory: (try? FileStatus.of(Path($0.source)))?.isDirectory ?? true)
        }
        undo.append { try? Mount.unmount(Path(view.directory), lazily: true) }
        if omitted > 0 {
            Standard.complain("the container does not see \(omitted) of the host's more than \(HostView.limit) mounts")
        }
        for warning in try view.make(pieces, destinations: destinations) { Standard.complain(warning) }
        return view.root
    }

    private static let answerNs: UInt64 = 1_000_000_000

    /// Whether a file system that somebody serves can be opened within a second: by another process, as nothing else could go
    /// on without an answer.
    private func answers(_ path: String, _ interrupts: borrowing Interrupts) throws(Failure) -> Bool {
        let asking: Child?
        do throws(Errno) { asking = try ProcessImage.fork() } catch { return false }
        guard let asking else {
            _ = try? Fd.open(Path(path))
            ProcessImage.end(code: 0)
        }
        let end = Clock.monotonic + Self.answerNs
        while Clock.monotonic < end {
            if (try? asking.poll()) != nil { return true }
            do throws(Failure) { try interrupts.check(milliseconds: 5) } catch {
                try? asking.kill(SIGKILL)
                throw error
            }
        }
        try? asking.kill(SIGKILL)
        return false
    }

    private func supervise(_ bundle: Bundle, _ interrupts: borrowing Interrupts) throws -> Int32 {
        undo.append { [self] in
            if runtime.hasState(of: options.name) { _ = try? runtime.deleteCommand(options.name).spawn().wait() }
            cgroups.remove(options.name)
        }
        do throws(Errno) { try Directories.make(Path(runtime.root), mode: 0o700) } catch {
            throw Failure.failed("cannot make \(runtime.root): \(error)")
        }
        var lock: Fd? = try state.lockFile(state.cgroupsLock)
        try lock?.lockShared()
        let terminal = TerminalModes(of: 0)
        let owners = options.hasTerminal ? nil : StandardOwners()
        undo.append { owners?.restore() }
        let child = try startRuntime(bundle)
        var supervisor = Supervisor(runtime: child, bundle: bundle, hasTerminal: options.hasTerminal)
        let status: ExitStatus
        do throws(Errno) {
            status = try supervisor.wait(interrupts) {
                // The container's cgroups are made.
                lock = nil
                if isHybridCrun { cgroups.leaveUnified(child.pid) }
            }
        } catch {
            throw Failure.failed("cannot wait for \(runtime.name): \(error)")
        }
        lock = nil
        terminal?.restore()
        // One that had ended just before was not ended by it.
        if let signal = supervisor.endedBy, !supervisor.hasCommand || status == .signaled(SIGKILL) {
            return 128 + signal
        }
        if supervisor.hasCommand { return status.code }
        // What is in the log then is not why it did not start: a signal that came too late, a size that could not be set.
        if case .exited(let code) = status, supervisor.hasBegun { return code }
        if let failure = runtime.failure(log: bundle.read(bundle.log) ?? [], isSaid: !options.hasTerminal) {
            throw failure
        }
        if case .signaled(let signal) = status {
            throw Failure(code: 128 + signal, "\(runtime.name) was ended by signal \(signal)")
        }
        if bundle.initPID == nil {
            throw Failure.failed(
                "\(runtime.program) ended with status \(status.code) and made no container; is it an OCI runtime, such as runc or crun?"
            )
        }
        return status.code
    }

    /// crun refuses to run where v2 is mounted beside v1, and then knows nothing of v2.
    private var isHybridCrun: Bool { runtime.isCrun && facts.layout == .hybrid }

    private func startRuntime(_ bundle: Bundle) throws(Failure) -> Child {
        var command = runtime.runCommand(bundle, isDetached: !options.hasTerminal)
        // The terminal's signals come to umwelt, which hands them on. With --tty the runtime must be in the foreground,
        // and what it says would only disturb: it is in its log.
        command.group = options.hasTerminal ? .callers : .own
        if options.hasTerminal {
            command.files = [0, 1, -1]
        } else {
            // The command is in a session of its own, where the kernel lets it read the terminal whoever is in its
            // foreground. What is typed for somebody else is not the command's.
            if TerminalModes.isInBackground { command.files = [-1, 1, 2] }
            do throws(Errno) { try Subreaper.become() } catch {
                throw .failed("cannot become the parent of the container's first process: \(error)")
            }
        }
        guard isHybridCrun else { return try start(command) }
        let join = try cgroups.makeUnified(options.name)
        if let directory = cgroupTree.unified?.directory {
            do throws(Errno) { try Mount.unmount(Path(directory), lazily: true) } catch {
                throw .failed("cannot unmount \(directory) for crun: \(error)")
            }
        }
        return try start(command, joining: join)
    }

    /// `joining`: the cgroup.procs of a cgroup to start it in.
    private func start(_ command: Command, joining join: borrowing Fd? = nil) throws(Failure) -> Child {
        var command = command
        switch join {
        case .some(let file): command.joins = [file.raw]
        case .none: break
        }
        do throws(Errno) { return try command.spawn() } catch {
            throw .failed("cannot start \(runtime.program): \(error)")
        }
    }
}
