// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// The mount points of the daemons that had a socket, one a line, until one ends in order.
///
/// What they left in containers is found by them.
package struct MountNotes {
    /// More are not kept.
    private static let limit = 16

    private let file: Path

    package init(socket: Path) { file = Path(socket.bytes + Array(".mounts".utf8)) }

    /// Those of daemons that did not end in order, but for `mountPoint`.
    package func earlier(than mountPoint: Path) -> [Path] {
        all.filter { $0 != mountPoint }
    }

    private var all: [Path] {
        let text = (try? Fd.contents(of: file, limit: 65536)) ?? []
        return text.split(separator: UInt8(ascii: "\n")).map { Path(Array($0)) }
    }

    private func write(_ places: [Path]) {
        try? FileTree.replace(file, with: places.flatMap { $0.bytes + [UInt8(ascii: "\n")] }, mode: 0o600)
    }

    /// Whether it was not there yet; to be called with the lock of the socket, as the others that write.
    package func add(_ mountPoint: Path) -> Bool {
        let all = all
        write(all.filter { $0 != mountPoint }.suffix(Self.limit - 1) + [mountPoint])
        return !all.contains(mountPoint)
    }

    /// Takes one out; the file goes with the last.
    package func remove(_ mountPoint: Path) {
        let places = earlier(than: mountPoint)
        if places.isEmpty { forget() } else { write(places) }
    }

    package func forget() { try? Directories.unlink(file) }
}
