// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A named POSIX thread that runs one closure.
///
/// FUSE loops and other waits run on these, never on Swift's cooperative pool: two blocked reads would starve it on two
/// CPUs.
package struct Thread: Sendable {
    private let handle: UInt64

    /// Starts the thread.
    ///
    /// `name` is cut at 15 bytes by the kernel. `stackSize` in bytes.
    package init(name: String, stackSize: Int = 256 << 10, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        // SAFETY: the new thread takes over the retained box; it is released here only where no thread was made.
        let box = unsafe Unmanaged.passRetained(ThreadBody(body))
        var handle: UInt64 = 0
        let result = unsafe Path(String(name.prefix(15))).withCString { name in
            unsafe clinux_thread(
                name,
                stackSize,
                { context in unsafe ThreadBody.run(context) },
                box.toOpaque(),
                &handle
            )
        }
        guard result >= 0 else {
            unsafe box.release()
            throw Errno(rawValue: 0 &- result)
        }
        self.handle = handle
    }

    /// Waits for the closure to end.
    ///
    /// To be called once.
    package func join() { _ = clinux_join(handle) }
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// The thread's entry: `context` is a retained box.
    static func run(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        // SAFETY: made by `Thread.init` from a box retained for this thread alone.
        guard let context = unsafe context else { return nil }
        unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().body()
        return nil
    }
}

package enum CPU {
    /// The one the calling thread runs on at the moment; -1 where the kernel does not tell.
    package static var current: Int { Int(clinux_current_cpu()) }
}

/// Where the calling thread may run.
package struct Affinity: Equatable, Sendable {
    /// The kernel's mask: CPU `n` is bit `n % 64` of word `n / 64`.
    ///
    /// Room for 8192 CPUs.
    private var words: [UInt64]

    /// The CPUs the calling thread may run on now.
    package static func current() throws(Errno) -> Affinity {
        var words = [UInt64](repeating: 0, count: 128)
        // SAFETY: the kernel writes at most the given size and returns how much.
        let size = try unsafe words.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_getaffinity(buffer.baseAddress, buffer.count * 8))
        }
        words.removeLast(128 - max(1, min(128, Int(size) / 8)))
        return Affinity(words: words)
    }

    private init(words: [UInt64]) { self.words = words }

    /// One CPU alone.
    package init(cpu: Int) {
        words = [UInt64](repeating: 0, count: max(cpu, 0) / 64 + 1)
        words[max(cpu, 0) / 64] = 1 << UInt64(max(cpu, 0) % 64)
    }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    package func contains(cpu: Int) -> Bool {
        guard cpu >= 0, cpu / 64 < words.count else { return false }
        return words[cpu / 64] & (1 << UInt64(cpu % 64)) != 0
    }

    /// Moves `thread` there, or the calling thread.
    ///
    /// EINVAL where none of the CPUs is allowed to it.
    package func apply(to thread: Int32 = 0) throws(Errno) {
        // SAFETY: the kernel reads the given size.
        _ = try unsafe words.withUnsafeBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_setaffinity(thread, buffer.baseAddress, buffer.count * 8))
        }
    }
}
