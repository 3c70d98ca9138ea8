// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Who the command runs as: `UID` or `UID:GID`, in numbers.
struct UserID: Equatable {
    var user: UInt32
    var group: UInt32

    init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }

    /// Without a group: the group of the same number.
    ///
    /// 4294967295 is the kernel's "nobody at all" and none.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let user = parts.first.flatMap({ UInt32($0) }), user != .max else { return nil }
        guard let group = parts.count == 2 ? UInt32(parts[1]) : user, group != .max else { return nil }
        self.init(user: user, group: group)
    }
}

/// A container's name: what the daemon, the runtimes and a cgroup's name all take.
enum ContainerName {
    static let rule = "a name is 1 to 128 letters, digits, '_', '.' or '-', and begins with a letter or digit"

    static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard let first = bytes.first, bytes.count <= 128, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }

    /// Twelve hexadecimal digits.
    static func random() -> String {
        let digits = String(UInt64.random(in: 0..<1 << 48), radix: 16)
        return String(repeating: "0", count: 12 - digits.count) + digits
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
