// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A key of the kernel's key service (keyctl(2)), by its number.
package struct Key: Equatable, Sendable {
    package let serial: Int32

    package init(_ serial: Int32) { self.serial = serial }

    /// The authorisation to answer a request, which the helper that the kernel started has; its content is the
    /// callout info.
    package static let requestAuthority = Key(-7)

    /// Where who asks wants the key: of the request whose authority this process has taken up.
    package static let requestersKeyring = Key(-8)

    /// `TYPE;UID;GID;PERM;DESCRIPTION`, at most `limit` bytes; EMSGSIZE where it is longer.
    ///
    /// The default is more than the kernel allows a description (KEY_MAX_DESC_SIZE, security/keys/keyctl.c).
    package func described(limit: Int = 4224) throws(Errno) -> [UInt8] {
        // SAFETY: the kernel writes at most the buffer's size and returns the size there is.
        try unsafe Self.filled(limit) { buffer in
            unsafe clinux_key_describe(serial, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
    }

    /// One of the first four fields of a description, or (4) all that is behind them; nil where it has fewer.
    package static func field(_ index: Int, of description: [UInt8]) -> [UInt8]? {
        var field: [UInt8] = []
        var number = 0
        for byte in description where number <= index {
            if byte == 0 { break }
            if byte == UInt8(ascii: ";"), number < 4 {
                number += 1
            } else if number == index {
                field.append(byte)
            }
        }
        return number >= index ? field : nil
    }

    /// Whether the description is that of the keyring of the kernel's own requests for names (init_dns_resolver(), net/dns_resolver):
    /// nobody else can make one whose name begins with a dot.
    package static func isNameKeyring(_ description: [UInt8]) -> Bool {
        field(0, of: description) == Array("keyring".utf8) && field(1, of: description) == Array("0".utf8)
            && field(4, of: description) == Array(".dns_resolver".utf8)
    }

    /// Whose the key is, by its description.
    package static func user(in description: [UInt8]) -> UInt32? {
        field(1, of: description).flatMap { UInt32(String(decoding: $0, as: UTF8.self)) }
    }

    /// The key's content, at most `limit` bytes; EMSGSIZE where it is longer.
    package func content(limit: Int = 4096) throws(Errno) -> [UInt8] {
        // SAFETY: as above.
        try unsafe Self.filled(limit) { buffer in unsafe clinux_key_read(serial, buffer.baseAddress, buffer.count) }
    }

    private static func filled(
        _ limit: Int,
        _ call: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(Errno) -> [UInt8] {
        // SAFETY: the caller's call wrote what it says, up to the size of the buffer.
        try unsafe [UInt8](unsafeUninitializedCapacityChecked: limit) { (buffer) throws(Errno) in
            let size = try Errno.check(unsafe call(buffer))
            guard size <= buffer.count else { throw Errno(rawValue: EMSGSIZE) }
            return size
        }
    }

    /// Takes up the authority to answer for this key, which the process's session keyring holds.
    package func assumeAuthority() throws(Errno) { _ = try Errno.check(clinux_key_assume(serial)) }

    /// Seconds until it expires, up to one less as the kernel counts those of the wall clock; of one, half a second less or
    /// more; 0 means never.
    ///
    /// EACCES once the key has its content, unless its permissions allow it to this process.
    package func setTimeout(seconds: UInt32) throws(Errno) { _ = try Errno.check(clinux_key_timeout(serial, seconds)) }

    /// Gives a key that is under construction its content, once.
    package func instantiate(_ payload: [UInt8]) throws(Errno) {
        // SAFETY: the kernel copies the bytes within the call.
        _ = try unsafe payload.withUnsafeBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_key_instantiate(serial, buffer.baseAddress, buffer.count))
        }
    }

    /// Answers a request with an error, for so long, as above.
    package func reject(seconds: UInt32, error: Int32) throws(Errno) {
        _ = try Errno.check(clinux_key_reject(serial, seconds, UInt32(bitPattern: error)))
    }

    /// Who may do what with it: of a byte each who possesses it, its user, its group and all others.
    package func permissions() throws(Errno) -> UInt32 {
        guard let field = Self.field(3, of: try described()),
            let value = UInt32(String(decoding: field, as: UTF8.self), radix: 16)
        else { throw .invalidArgument }
        return value
    }

    /// The process that is to answer for a key may do so, too, before it has its content.
    package func setPermissions(_ value: UInt32) throws(Errno) {
        _ = try Errno.check(clinux_key_permissions(serial, value))
    }

    /// KEY_USR_VIEW, KEY_USR_READ, KEY_USR_SETATTR (linux/keyctl.h).
    package static let userReadsAndChanges: UInt32 = 0x0023_0000

    /// Empties a keyring.
    package func clear() throws(Errno) { _ = try Errno.check(clinux_key_clear(serial)) }

    /// Asks the kernel for a key, as its own clients do: with the thread's keyring to put it into.
    ///
    /// Blocks for as long as the helper takes.
    package static func request(type: Path, description: Path, callout: Path) throws(Errno) -> Key {
        // SAFETY: the strings live for the call; the kernel only reads them.
        Key(
            try unsafe Errno.check(
                type.withCString { type in
                    unsafe description.withCString { description in
                        unsafe callout.withCString { unsafe clinux_key_request(type, description, $0) }
                    }
                }
            )
        )
    }

    /// Gives the process a session keyring of its own.
    package static func joinSession() throws(Errno) { _ = try Errno.check(clinux_key_join_session()) }
}

/// The answer that is given for a key whatever happens to this process, SIGKILL excepted.
package enum LastWord {
    /// From now on, once: after `milliseconds` the key is rejected with `late`, at a signal that would end the
    /// process with `broken`, syslog gets a line, and the process ends with 128 and the signal's number.
    ///
    /// The handler calls nothing but the kernel, on a stack of its own: it works without memory, and after a trap.
    package static func arm(_ key: Key, milliseconds: Int32, late: Int32, broken: Int32) throws(Errno) {
        _ = try Errno.check(clinux_last_word(key.serial, milliseconds, late, broken))
    }

    /// Copies the process, which must have no other thread; nil in the copy.
    ///
    /// The last word stays with this process, and kills the copy first: there a signal does what it does by default, and the end
    /// of this process is its end. So one process alone has a last word.
    package static func fork() throws(Errno) -> Child? {
        let pid = try Errno.check(clinux_last_word_fork())
        return pid == 0 ? nil : Child(pid: pid)
    }

    /// Waits until the copy has ended, which is no longer killed from then on.
    package static func wait(for child: Child) throws(Errno) -> ExitStatus {
        let status = try child.wait()
        clinux_last_word_alone()
        return status
    }

    /// At once, for a copy that `signal` has ended.
    package static func say(signal: Int32) -> Never { clinux_last_word_say(signal) }

    /// Without the line, from now on.
    package static func silence() { clinux_last_word_silence() }

    /// From now on the clock and all signals from outside wait: for the little that is done between an answer and the end.
    package static func hold() { clinux_last_word_hold() }

    /// Stops the clock, before another program takes over; handlers end with the program.
    package static func disarm() { _ = clinux_last_word_end() }
}

/// What replaces or copies the calling process.
package enum ProcessImage {
    /// Becomes another program with the same environment; returns only to throw.
    package static func become(_ path: Path, arguments: [[UInt8]]) throws(Errno) -> Never {
        var block: [CChar] = []
        var offsets: [Int] = []
        for argument in arguments {
            offsets.append(block.count)
            for byte in argument where byte != 0 { block.append(CChar(bitPattern: byte)) }
            block.append(0)
        }
        // SAFETY: the pointers are into a block that outlives the call, at the offsets where strings start.
        let result = unsafe block.withUnsafeMutableBufferPointer { bytes in
            let argv = unsafe offsets.map { unsafe bytes.baseAddress?.advanced(by: $0) } + [nil]
            return unsafe argv.withUnsafeBufferPointer { argv in
                unsafe path.withCString { unsafe clinux_exec_inheriting($0, argv.baseAddress) }
            }
        }
        throw Errno(rawValue: 0 &- result)
    }

    /// Copies the process, which must have no other thread; nil in the copy.
    ///
    /// Whatever ends the process ends the copy.
    package static func fork() throws(Errno) -> Child? {
        let pid = try Errno.check(clinux_fork())
        return pid == 0 ? nil : Child(pid: pid)
    }

    /// Closes a descriptor that the copy has of the process, and whose owner it does not use there; none where it is negative.
    package static func close(_ fd: Int32) {
        guard fd >= 0 else { return }
        Glibc.close(fd)
    }

    /// Ends the process at once: nothing registered for its end runs.
    package static func end(code: Int32) -> Never { clinux_exit(code) }
}
