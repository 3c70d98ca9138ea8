// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

extension Child {
    /// What became of a child.
    package enum Change: Equatable, Sendable {
        case ended(ExitStatus)
        /// By a signal (SIGSTOP and its kin); it does nothing until it is continued.
        case stopped
    }

    /// The next child of this process that has ended or was stopped, whichever it is; nil where there is none now.
    ///
    /// Does not block.
    package static func nextChange() -> (pid: Int32, change: Change)? {
        var status: Int32 = 0
        // SAFETY: the C side writes one number.
        let pid = unsafe clinux_wait_any(&status)
        guard pid > 0 else { return nil }
        return (pid, status & 0xff == 0x7f ? .stopped : .ended(ExitStatus(raw: status)))
    }
}

extension Command {
    /// Becomes the program, in this process, with its descriptors that are inherited and the caller's signal mask.
    ///
    /// Returns only by throwing: exec's errors. `files`, `joins` and `group` mean nothing here.
    package func become() throws(Errno) -> Never {
        // SAFETY: the pointers live for the call; where it returns nothing was kept.
        let result = try unsafe withPointers { (file, argv, envp) throws(Errno) in
            unsafe argv.withUnsafeBufferPointer { argv in
                unsafe envp.withUnsafeBufferPointer { envp in
                    unsafe clinux_exec(file, argv.baseAddress, envp.baseAddress)
                }
            }
        }
        throw Errno(rawValue: 0 &- result)
    }
}

extension ProcessID {
    /// The process that made this one, or took it over.
    package static var parent: Int32 { getppid() }

    /// What a process does, as /proc/PID/stat has it: `R` runs or would, `T` was stopped; nil where there is none.
    package static func state(_ pid: Int32) -> UInt8? {
        let text = (try? Fd.contents(of: Path("/proc/\(pid)/stat"), limit: 4096)) ?? []
        // "PID (NAME) STATE"
        return text.lastIndex(of: UInt8(ascii: ")")).flatMap { text[$0...].dropFirst(2).first }
    }

    /// Ends this process at once, as a bug would: to be restarted is better than to go on in a state that is not known.
    package static func abandon() -> Never { abort() }

    /// What ps shows for the calling thread, where it was executed through a link; cut at 15 bytes.
    package static func setName(_ name: String) {
        // SAFETY: the kernel copies the name.
        _ = unsafe Path(name).withCString { unsafe clinux_set_name($0) }
    }

    /// Descriptors from 3 on are closed when this process becomes another program, and not given to children.
    package static func inheritNothing() { _ = clinux_close_on_exec_from(3) }
}

/// The service manager's side of a service (sd_notify(3)), spoken on the raw socket.
package enum ServiceManager {
    /// Tells it `text`, with descriptors for it to keep.
    ///
    /// Does not block.
    package static func notify(_ socket: Path, _ text: String, keeping fds: [Int32] = []) throws(Errno) {
        // SAFETY: all pointers live for the call; the C side keeps none.
        let result = unsafe socket.withCString { socket in
            unsafe Path(text).withCString { text in
                unsafe fds.withUnsafeBufferPointer { unsafe clinux_notify(socket, text, $0.baseAddress, $0.count) }
            }
        }
        _ = try Errno.check(result)
    }
}

/// Both ends of a connection between two processes.
package struct SocketPair: ~Copyable {
    package let near: Fd
    package let far: Fd

    package init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the C side writes two numbers.
        _ = try unsafe ends.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_socketpair(buffer.baseAddress))
        }
        near = Fd(adopting: ends[0])
        far = Fd(adopting: ends[1])
    }

    package consuming func takeNear() -> Fd { near }
}
