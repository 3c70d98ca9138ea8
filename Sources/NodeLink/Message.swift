// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One message of the contract between the daemon and its clients, on a stream socket.
///
/// On the wire: the four bytes `UMW` and the contract's version, the kind (one byte), the number of fields (one byte),
/// then each field as a 32-bit little-endian length and its bytes. A field holds any bytes. Bounded: at most
/// `fieldLimit` fields and `sizeLimit` bytes in all.
package struct Message: Equatable, Sendable {
    package static let version: UInt8 = 1
    package static let fieldLimit = 255
    package static let sizeLimit = 4 << 20
    /// The bytes before the fields.
    static let headerSize = 6

    package var kind: Kind
    package var fields: [[UInt8]]

    package init(_ kind: Kind, _ fields: [[UInt8]] = []) {
        self.kind = kind
        self.fields = fields
    }

    /// What a message asks or answers.
    ///
    /// Unknown numbers are kept, and answered with `failure`.
    package struct Kind: RawRepresentable, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// () -> done(version text, worker's pid, mount point, "embedded", "service" or "ending", keeper's pid).
        ///
        /// One that is ending refuses register, attach and upgrade.
        package static let hello = Kind(rawValue: 1)
        /// (id, route, pid in the daemon's pid namespace or 0) -> done(directory of the container's files).
        ///
        /// With pid 0 the files exist at once and answer ENOENT until `attach` names the process.
        package static let register = Kind(rawValue: 2)
        /// (id, pid of the container's init in the daemon's pid namespace) -> done().
        package static let attach = Kind(rawValue: 3)
        /// (id) -> done().
        package static let deregister = Kind(rawValue: 4)
        /// () -> list(id, route, pid, cgroup of the memory controller, ... four fields for each container), in pages:
        /// (first index) -> list
        package static let containers = Kind(rawValue: 5)
        /// (pid in the daemon's pid namespace, path of the file as below `proc/` or `sys/` of the mount) ->
        /// done(content).
        package static let view = Kind(rawValue: 6)
        /// () -> done(): an embedded daemon stays for as long as this connection is open.
        package static let hold = Kind(rawValue: 7)
        /// () -> done(counters as `name value` lines).
        package static let counters = Kind(rawValue: 8)

        /// () -> done(): takes the views away from running containers, unmounts, ends.
        ///
        /// Answered before that begins.
        package static let stop = Kind(rawValue: 9)
        /// () -> done(): goes over to the program's file as it is now.
        ///
        /// Answered before that begins.
        package static let upgrade = Kind(rawValue: 10)

        package static let done = Kind(rawValue: 128)
        package static let list = Kind(rawValue: 129)
        /// (errno as decimal or "0", what went wrong in words).
        package static let failure = Kind(rawValue: 130)
    }

    /// The message as bytes; nil where it exceeds the bounds.
    package func encoded() -> [UInt8]? {
        guard fields.count <= Self.fieldLimit else { return nil }
        var size = Self.headerSize
        for field in fields { size += 4 + field.count }
        guard size <= Self.sizeLimit else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.append(contentsOf: "UMW".utf8)
        bytes.append(Self.version)
        bytes.append(kind.rawValue)
        bytes.append(UInt8(truncatingIfNeeded: fields.count))
        for field in fields {
            let count = UInt32(truncatingIfNeeded: field.count)
            for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
            bytes.append(contentsOf: field)
        }
        return bytes
    }

    /// The message at the start of `bytes`, and how many bytes it took; nil while it is not complete.
    package static func decode(_ bytes: [UInt8]) throws(MessageError) -> (message: Message, size: Int)? {
        for (index, expected) in "UMW".utf8.enumerated() where index < bytes.count && bytes[index] != expected {
            throw .notOurs
        }
        if bytes.count > 3, bytes[3] != version { throw .version(bytes[3]) }
        guard bytes.count >= headerSize else { return nil }
        var message = Message(Kind(rawValue: bytes[4]))
        var offset = headerSize
        for _ in 0..<bytes[5] {
            guard offset + 4 <= bytes.count else { return nil }
            var length = 0
            for index in 0..<4 { length |= Int(bytes[offset + index]) << (8 * index) }
            offset += 4
            guard length <= sizeLimit, offset + length <= sizeLimit else { throw .tooLarge }
            guard offset + length <= bytes.count else { return nil }
            message.fields.append(Array(bytes[offset..<(offset + length)]))
            offset += length
        }
        return (message, offset)
    }
}

/// Why bytes are not a message.
package enum MessageError: Error, Equatable {
    case notOurs
    /// The peer speaks another version of the contract.
    case version(UInt8)
    case tooLarge
}
