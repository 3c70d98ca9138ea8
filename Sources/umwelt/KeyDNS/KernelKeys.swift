// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// The lines of /proc/keys that matter here.
///
/// The kernel prints descriptions as they are: a line may be in part what any user has called a key.
struct KernelKeys: Equatable {
    struct Entry: Equatable {
        var serial: Int32
        /// As the kernel prints it: `4s`, `perm`, `expd`.
        var timeLeft: String
        var description: String
        /// Bytes of the address; nil for a name that was rejected.
        var length: Int?
        /// Under construction: a helper is at work.
        var isUnderConstruction: Bool
    }

    /// Keyrings by the name of the kernel's own cache, which there is where the module that has it is loaded.
    var caches: [Int32] = []
    var entries: [Entry] = []

    /// Names that are kept, at most, and keyrings.
    private static let limit = 1000

    init(parsing bytes: [UInt8]) { add(bytes[...]) }

    /// All of /proc/keys, however many keys there are: the kernel's own may be the last.
    ///
    /// `isNameKeyring`: whether a keyring is what its line says. Users can have more such lines than are kept.
    static func read(
        _ path: Path = "/proc/keys",
        isNameKeyring: (Int32) -> Bool = { Key.isNameKeyring((try? Key($0).described()) ?? []) }
    ) throws(Errno) -> KernelKeys {
        let file = try Fd.open(path)
        var keys = KernelKeys(parsing: [])
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = try file.read(into: &buffer)
            guard count > 0 else { break }
            rest += buffer.prefix(count)
            // A line is of some 4200 bytes at most.
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            keys.add(rest[..<end], isNameKeyring)
            rest.removeSubrange(...end)
        }
        keys.add(rest[...], isNameKeyring)
        return keys
    }

    /// `01234567 I--Q---  1 4s 3b010000 0 0 dns_resol NAME: 8` (proc_keys_show(), security/keys/proc.c).
    private mutating func add(_ bytes: ArraySlice<UInt8>, _ isNameKeyring: (Int32) -> Bool = { _ in true }) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            let fields = text.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: true).map(String.init)
            guard fields.count == 9, let raw = UInt32(fields[0], radix: 16) else { continue }
            let serial = Int32(bitPattern: raw)
            // The type is filled up with blanks.
            let rest = fields[8].trimmingSpaces()
            if fields[7] == "keyring", rest.hasPrefix(".dns_resolver:"), caches.count < Self.limit,
                isNameKeyring(serial)
            {
                caches.append(serial)
            }
            guard fields[7] == "dns_resol", entries.count < Self.limit else { continue }
            let colon = rest.lastIndex(of: ":") ?? rest.endIndex
            // Of a rejected key the description stands alone, and may have a type of its own before a colon.
            let length = colon < rest.endIndex ? Int(rest[rest.index(after: colon)...].trimmingSpaces()) : nil
            entries.append(
                Entry(
                    serial: serial,
                    timeLeft: fields[3],
                    description: length == nil ? rest : String(rest[..<colon]),
                    length: length,
                    isUnderConstruction: fields[1].contains("U")
                )
            )
        }
    }

    /// The kernel's own cache among them, which the kernel itself describes.
    var cache: Key? { caches.map { Key($0) }.first { Key.isNameKeyring((try? $0.described()) ?? []) } }
}
