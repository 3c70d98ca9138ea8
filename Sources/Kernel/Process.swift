// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A program to start.
package struct Command {
    /// Where a child stands among process groups and sessions.
    package enum Group: Int32, Sendable {
        case callers = 0
        /// A process group of its own: the terminal's signals do not reach it.
        case own = 1
        /// A session of its own, without a terminal.
        case session = 2
    }

    /// The program's file; PATH is not searched.
    package var path: Path
    /// All arguments, the program's name first.
    package var arguments: [[UInt8]]
    /// `NAME=value` each.
    package var environment: [[UInt8]]
    /// Descriptors that become the first ones of the child (0, 1, 2 and so on; -1: /dev/null).
    package var files: [Int32] = [0, 1, 2]
    /// Descriptors of cgroup.procs files: the child joins these cgroups before it becomes the program.
    package var joins: [Int32] = []
    package var group: Group = .callers

    package init(path: Path, arguments: [[UInt8]], environment: [[UInt8]]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts it, with every signal at its default; the error of exec (ENOENT, EACCES, ENOEXEC) is thrown here.
    package func spawn() throws(Errno) -> Child {
        // SAFETY: the pointers live for the call.
        try unsafe withPointers { (file, argv, envp) throws(Errno) in try unsafe spawn(file, argv, envp) }
    }

    /// Runs it to its end with nothing to read: what it wrote, and how it ended; EMSGSIZE for more than `limit` bytes.
    ///
    /// Blocks for as long as it runs; of `files` the third counts.
    package func output(limit: Int) throws(Errno) -> (bytes: [UInt8], status: ExitStatus) {
        var pipe = try Fd.pipe()
        var command = self
        command.files = [-1, pipe.writing.raw, files.count > 2 ? files[2] : 2]
        let child = try command.spawn()
        pipe.closeWriting()
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        do throws(Errno) {
            while bytes.count <= limit {
                let count = try pipe.reading.read(into: &buffer)
                guard count > 0 else { return (bytes, try child.wait()) }
                bytes += buffer.prefix(count)
            }
            throw Errno(rawValue: EMSGSIZE)
        } catch {
            // It would wait for somebody to read the rest.
            try? child.kill(SIGKILL)
            _ = try? child.wait()
            throw error
        }
    }

    /// Calls `body` with the path and the two arrays of strings as exec wants them.
    func withPointers<Result>(
        _ body: (UnsafePointer<CChar>, [UnsafeMutablePointer<CChar>?], [UnsafeMutablePointer<CChar>?]) throws(Errno) ->
            Result
    ) throws(Errno) -> Result {
        // The strings live in one block; the pointers into it are made when it no longer moves.
        var block: [CChar] = []
        let argumentOffsets = arguments.map { Self.append($0, to: &block) }
        let environmentOffsets = environment.map { Self.append($0, to: &block) }
        // SAFETY: every pointer is into an array that outlives the call; the C side keeps none.
        return try unsafe path.withCString { (file) throws(Errno) in
            try unsafe block.withUnsafeMutableBufferPointer { (bytes) throws(Errno) in
                let argv = unsafe Self.pointers(argumentOffsets, into: bytes)
                let envp = unsafe Self.pointers(environmentOffsets, into: bytes)
                return try unsafe body(file, argv, envp)
            }
        }
    }

    private func spawn(
        _ file: UnsafePointer<CChar>,
        _ argv: [UnsafeMutablePointer<CChar>?],
        _ envp: [UnsafeMutablePointer<CChar>?]
    ) throws(Errno) -> Child {
        // SAFETY: what the command points to lives until clinux_spawn returns, and that only reads it.
        var command = unsafe clinux_command()
        unsafe command.path = file
        unsafe command.file_count = files.count
        unsafe command.join_count = joins.count
        unsafe command.group = group.rawValue
        // SAFETY: as above.
        return try unsafe argv.withUnsafeBufferPointer { (argv) throws(Errno) in
            try unsafe envp.withUnsafeBufferPointer { (envp) throws(Errno) in
                try unsafe files.withUnsafeBufferPointer { (files) throws(Errno) in
                    try unsafe joins.withUnsafeBufferPointer { (joins) throws(Errno) in
                        unsafe command.argv = argv.baseAddress
                        unsafe command.envp = envp.baseAddress
                        unsafe command.files = files.baseAddress
                        unsafe command.joins = joins.baseAddress
                        return Child(pid: try Errno.check(unsafe clinux_spawn(&command)))
                    }
                }
            }
        }
    }

    private static func append(_ string: [UInt8], to block: inout [CChar]) -> Int {
        let offset = block.count
        for byte in string where byte != 0 { block.append(CChar(bitPattern: byte)) }
        block.append(0)
        return offset
    }

    private static func pointers(
        _ offsets: [Int],
        into block: UnsafeMutableBufferPointer<CChar>
    ) -> [UnsafeMutablePointer<CChar>?] {
        // SAFETY: every offset is where `append` put a string of this block.
        unsafe offsets.map { unsafe block.baseAddress?.advanced(by: $0) } + [nil]
    }
}

/// A process this one has started and must wait for.
package struct Child: Sendable {
    package let pid: Int32

    init(pid: Int32) { self.pid = pid }

    /// One that this process started before it became another program.
    package init(adopting pid: Int32) { self.pid = pid }

    /// Waits until it ends.
    package func wait() throws(Errno) -> ExitStatus {
        var status: Int32 = 0
        // SAFETY: the C side writes one number.
        _ = try Errno.check(unsafe clinux_wait(pid, 1, &status))
        return ExitStatus(raw: status)
    }

    /// How it ended; nil while it runs.
    package func poll() throws(Errno) -> ExitStatus? {
        var status: Int32 = 0
        // SAFETY: the C side writes one number.
        guard try Errno.check(unsafe clinux_wait(pid, 0, &status)) != 0 else { return nil }
        return ExitStatus(raw: status)
    }

    package func kill(_ signal: Int32) throws(Errno) { try ProcessID.kill(pid, signal) }
}

/// Becoming the parent of descendants whose own parent ends.
package enum Subreaper {
    package static func become() throws(Errno) {
        // PR_SET_CHILD_SUBREAPER, of prctl(2)
        _ = try Errno.check(clinux_prctl(36, 1, 0))
    }
}

/// How a process ended.
package enum ExitStatus: Equatable, Sendable {
    case exited(Int32)
    case signaled(Int32)

    /// From waitpid's word.
    package init(raw: Int32) {
        let signal = raw & 0x7f
        self = signal == 0 ? .exited((raw >> 8) & 0xff) : .signaled(signal)
    }

    /// As shells report it: 128 + n for a signal.
    package var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}

/// Calls on processes by number.
package enum ProcessID {
    /// Takes the numbers of root, as the user namespace has them that the process is in.
    ///
    /// For processes with one thread: of others, each thread would keep its own.
    package static func becomeRoot() throws(Errno) {
        guard setregid(0, 0) == 0, setreuid(0, 0) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Runs `body`, which changes whose process this is: the kernel forgets then that it is to end with its parent
    /// (commit_creds), and is told again.
    package static func stayingWithParent(_ body: () throws(Errno) -> Void) throws(Errno) {
        let parent = clinux_ends_with()
        defer { if parent > 0 { clinux_end_with(parent) } }
        try body()
    }

    package static var own: Int32 { getpid() }

    /// kill(2): a negative `pid` is a process group.
    package static func kill(_ pid: Int32, _ signal: Int32) throws(Errno) {
        _ = try Errno.check(clinux_kill(pid, signal))
    }

    package static var effectiveUser: UInt32 { geteuid() }
}
