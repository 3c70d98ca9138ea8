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
        let text = (try? Fd.contents(of: file, limit: 65536)) ?? []
        return text.split(separator: UInt8(ascii: "\n")).map { Path(Array($0)) }.filter { $0 != mountPoint }
    }

    /// To be called with the lock of the socket.
    package func add(_ mountPoint: Path) {
        let places = earlier(than: mountPoint).suffix(Self.limit - 1) + [mountPoint]
        try? FileTree.replace(file, with: places.flatMap { $0.bytes + [UInt8(ascii: "\n")] }, mode: 0o600)
    }

    package func forget() { try? Directories.unlink(file) }
}
