// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One line of /proc/PID/mountinfo (kernel fs/proc_namespace.c, show_mountinfo); names unescaped.
package struct MountInfo: Equatable, Sendable {
    /// More lines than this are left out (fs.mount-max is 100000 by default).
    package static let capacity = 131_072

    package var id: UInt64
    package var parent: UInt64
    package var major: UInt32
    package var minor: UInt32
    /// Which part of the file system is mounted.
    package var root: [UInt8]
    package var mountPoint: [UInt8]
    package var options: [UInt8]
    /// What is mounted below it shows in every other mount of the same group too (`shared:N`); 0: it is in none.
    package var peerGroup: UInt64 = 0
    package var type: [UInt8]
    package var source: [UInt8]
    /// The options of the file system; for cgroup v1 they name the controllers.
    package var superOptions: [UInt8]

    /// Whether `option` is one of the comma-separated `superOptions`.
    package func hasSuperOption(_ option: StaticString) -> Bool {
        var reader = Reader(superOptions.span)
        while !reader.isAtEnd {
            if reader.field(until: UInt8(ascii: ",")).equals(option) { return true }
        }
        return false
    }

    /// The lines in their order; what is no such line is left out.
    package static func parse(_ bytes: Span<UInt8>) -> [MountInfo] {
        var mounts: [MountInfo] = []
        var reader = Reader(bytes)
        while let line = reader.line(), mounts.count < capacity {
            guard let mount = MountInfo(line) else { continue }
            mounts.append(mount)
        }
        return mounts
    }

    private init?(_ line: borrowing Reader) {
        var line = copy line
        guard let id = line.number(), let parent = line.blankNumber(), let major = line.blankNumber(),
            line.take(UInt8(ascii: ":")), let minor = line.number(), let major = UInt32(exactly: major),
            let minor = UInt32(exactly: minor)
        else { return nil }
        self.id = id
        self.parent = parent
        self.major = major
        self.minor = minor
        root = line.word().unescaped()
        mountPoint = line.word().unescaped()
        options = line.word().array()
        // Optional fields (`shared:1`), as many as there are, end with a hyphen.
        while true {
            let word = line.word()
            if word.isAtEnd { return nil }
            if word.equals("-") { break }
            let text = word.array()
            if text.starts(with: "shared:".utf8) {
                peerGroup = UInt64(String(decoding: text.dropFirst(7), as: UTF8.self)) ?? 0
            }
        }
        type = line.word().unescaped()
        source = line.word().unescaped()
        superOptions = line.word().unescaped()
        guard !root.isEmpty, !mountPoint.isEmpty, !type.isEmpty else { return nil }
    }
}
