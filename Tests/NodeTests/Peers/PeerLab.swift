// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization

/// What one test of this folder sets up and takes down again: a temporary directory, daemons, mounts, cgroups and
/// containers, undone in the opposite order of their making.
///
/// A watchdog ends the lab's processes when the test takes too long: a read of a file whose server is gone fails, so
/// nothing here can hang for longer.
final class PeerLab {
    let directory: Path
    let programs: Path
    private var cleanups: [() -> Void] = []
    private let watchdog: Watchdog

    private init(seconds: Int) throws {
        // Short: a unix socket's path has room for 108 bytes.
        directory = try Self.makeTemporaryDirectory()
        programs = Path(Self.variable("UMWELT_BIN_DIR") ?? ".build/debug")
        watchdog = try Watchdog(seconds: seconds)
    }

    /// Runs `body` in a lab that lasts at most so long.
    static func with<Result>(seconds: Int = 120, _ body: (PeerLab) throws -> Result) throws -> Result {
        let lab = try PeerLab(seconds: seconds)
        defer { lab.close() }
        return try body(lab)
    }

    /// What is done last comes first.
    func atEnd(_ cleanup: @escaping () -> Void) { cleanups.append(cleanup) }

    func path(_ name: String) -> Path { directory.appending(Path(name)) }

    func makeDirectory(_ name: String) throws -> Path {
        let path = path(name)
        try FileTree.makeDirectory(path)
        return path
    }

    /// Starts a program of the system that lives until the lab ends, and is then asked to (SIGTERM), at last made to.
    func startDaemon(
        _ program: Path,
        _ arguments: [String],
        log: String,
        patienceMilliseconds: Int = 5000
    ) throws -> Child {
        let output = try Fd.open(path(log), [.writeOnly, .create], mode: 0o600)
        var command = PeerCommand.command(program, arguments)
        command.files = [-1, output.raw, output.raw]
        command.group = .session
        let child = try command.spawn()
        watchdog.add(child.pid)
        atEnd { [watchdog] in
            PeerCommand.end(child, milliseconds: patienceMilliseconds)
            watchdog.remove(child.pid)
        }
        return child
    }

    /// A process that the watchdog is to end too.
    func guardProcess(_ pid: Int32) { watchdog.add(pid) }

    func unguardProcess(_ pid: Int32) { watchdog.remove(pid) }

    /// Waits until `condition` holds; throws `what` otherwise.
    static func wait(for what: String, milliseconds: Int = 20_000, _ condition: () throws -> Bool) throws {
        let end = Clock.monotonic + UInt64(milliseconds) * 1_000_000
        while try !condition() {
            guard Clock.monotonic < end else { throw PeerFailure("timed out: \(what)") }
            usleep(10_000)
        }
    }

    private func close() {
        while let cleanup = cleanups.popLast() { cleanup() }
        watchdog.end()
        // Stops at a mount that is still there.
        try? FileTree.removeAll(directory)
    }

    static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }

    private static func makeTemporaryDirectory() throws -> Path {
        for _ in 0..<100 {
            let path = Path("/tmp/umw\(UInt32.random(in: 0...UInt32.max))")
            if (try? FileTree.makeDirectory(path)) != nil { return path }
        }
        throw PeerFailure("no name left below /tmp")
    }
}

/// Why a test could not go on.
struct PeerFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Kills processes when its time is over.
private final class Watchdog: Sendable {
    private let processes = Mutex<Set<Int32>>([])
    private let over: Fd
    private let thread: Mutex<Thread?> = Mutex(nil)

    init(seconds: Int) throws {
        over = try Fd.event()
        let thread = try Thread(name: "watchdog") { [self] in
            guard (try? over.waitReadable(milliseconds: Int32(seconds) * 1000)) == false else { return }
            for pid in processes.withLock({ $0 }) { try? ProcessID.kill(pid, SIGKILL) }
        }
        self.thread.withLock { $0 = thread }
    }

    func add(_ pid: Int32) { processes.withLock { _ = $0.insert(pid) } }

    func remove(_ pid: Int32) { processes.withLock { _ = $0.remove(pid) } }

    func end() {
        over.signal()
        thread.withLock { $0.take() }?.join()
    }
}
