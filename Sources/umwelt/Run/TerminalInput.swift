// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization

/// What is typed at a terminal, for a command that was given none (`--tty`).
///
/// The runtime is not in the terminal's foreground, so that Ctrl-C comes to umwelt alone; if it read the terminal itself, the
/// kernel would stop it, and the command with it (SIGTTIN). So umwelt reads, and the runtime has a pipe.
enum TerminalInput {
    private static let retryMicroseconds: UInt32 = 100_000

    /// The end of a pipe that carries what descriptor 0 carries, until its end; nil where descriptor 0 is no terminal.
    static func relay() throws(Errno) -> Fd? {
        guard isatty(0) == 1 else { return nil }
        let pipe = try Fd.pipe()
        let reading = try pipe.reading.duplicate()
        let writing = Writer(try pipe.writing.duplicate())
        // In the background a read of the terminal fails then (EIO), instead of stopping umwelt.
        signal(SIGTTIN, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        _ = try Thread(name: "stdin") { writing.copy() }
        return reading
    }

    private final class Writer: Sendable {
        private let fd: Mutex<Fd?>

        init(_ fd: consuming Fd) { self.fd = Mutex(fd) }

        /// Runs until the terminal's end (Ctrl-D, hang-up) or the reader's; then the reader sees the end too.
        func copy() {
            while let piece = TerminalInput.next() {
                let isWritten = fd.withLock { fd -> Bool in
                    switch fd {
                    case .some(let fd): (try? fd.write(piece)) != nil
                    case .none: false
                    }
                }
                guard isWritten else { break }
            }
            fd.withLock { $0 = nil }
        }
    }

    /// What comes next from descriptor 0; nil at its end.
    private static func next() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            // SAFETY: read(2) writes at most the buffer's size.
            let count = unsafe read(0, &buffer, buffer.count)
            if count > 0 { return Array(buffer.prefix(count)) }
            guard count < 0, errno == EINTR || isInBackground else { return nil }
            usleep(retryMicroseconds)
        }
    }

    private static var isInBackground: Bool { errno == EIO && tcgetpgrp(0) > 0 && tcgetpgrp(0) != getpgrp() }
}
