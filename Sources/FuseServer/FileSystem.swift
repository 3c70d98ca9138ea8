// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import FuseWire
package import Kernel

/// Who asks: the thread's id in the daemon's pid namespace, 0 where it is not visible there.
package struct Caller: Equatable, Sendable {
    package var pid: Int32

    package init(pid: Int32) { self.pid = pid }
}

/// A read-only file system as the session sees it.
///
/// Every call is synchronous, bounded, takes only short locks, and comes on any of the loop threads.
///
/// Node ids and handles must mean the same to a later process that takes over the connection: node ids are computed,
/// not counted, and a handle that was never given out here is served all the same.
package protocol FileSystem: Sendable {
    /// ENOENT where there is no such name.
    func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry
    func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes
    func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8]
    /// The whole content of a file as it is now, and whose share of the snapshots it counts against. Called once for each
    /// open, and again where the snapshot was dropped or the file is read from its start again.
    func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64)
    /// Whether the size that the kernel may have of the node is that of a content of so many bytes; else it is to forget it.
    func isTold(size bytes: Int, of node: UInt64) -> Bool
    /// All entries of a directory, without `.` and `..`, in the order of their positions.
    func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry]
}

/// What a name stands for.
package struct Entry: Equatable, Sendable {
    package var attributes: Attributes
    /// How long the kernel may keep the name without asking again.
    package var timeoutNs: UInt64

    package init(attributes: Attributes, timeoutNs: UInt64) {
        self.attributes = attributes
        self.timeoutNs = timeoutNs
    }
}

/// One name in a directory.
package struct DirectoryEntry: Equatable, Sendable {
    package var name: [UInt8]
    package var node: UInt64
    /// DT_DIR 4, DT_REG 8, DT_LNK 10.
    package var type: UInt32
    /// Where it stands in its directory: greater than 0, ascending, and its own for as long as the entry is there.
    ///
    /// A reader that comes back for more goes on behind the last one it got, whatever came and went meanwhile.
    package var position: UInt64

    package init(name: [UInt8], node: UInt64, type: UInt32, position: UInt64) {
        self.name = name
        self.node = node
        self.type = type
        self.position = position
    }
}
