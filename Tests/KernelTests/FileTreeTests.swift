// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

@Suite struct FileTreeTests {
    @Test func allIsRemovedAndNoLinkFollowed() throws {
        let top = Path("/tmp/uwt\(getpid())")
        let other = Path("/tmp/uwt\(getpid())o")
        for path in [top.appending("a/b"), other] { try Directories.make(path) }
        defer { try? FileTree.removeAll(other) }
        try FileTree.makeFile(top.appending("a/b/c"))
        try FileTree.makeFile(other.appending("kept"))
        symlink("\(other)", "\(top)/a/link")
        try FileTree.removeAll(top)
        #expect(!FileTree.isThere(top) && FileTree.isThere(other.appending("kept")))
        try FileTree.removeAll(top)
    }

    /// What is mounted stays, also where it is of the same file system, or at the top.
    @Test(.enabled(if: geteuid() == 0, "needs root: it mounts")) func aMountIsNotCrossed() throws {
        let top = Path("/tmp/uwt\(getpid())m")
        for path in ["a/bind", "a/tmpfs", "real"] { try Directories.make(top.appending(Path(path))) }
        try FileTree.makeFile(top.appending("real/kept"))
        let places = [top.appending("a/bind"), top.appending("a/tmpfs")]
        defer {
            for path in places { try? Mount.unmount(path, lazily: true) }
            try? FileTree.removeAll(top)
        }
        try Mount.bind(top.appending("real"), on: places[0], readOnly: false)
        try Mount.mount("t", on: places[1], type: "tmpfs")
        try FileTree.makeFile(places[1].appending("kept"))
        for path in places + [top.appending("a")] {
            #expect(throws: Errno.busy) { try FileTree.removeAll(path) }
        }
        #expect(FileTree.isThere(top.appending("real/kept")) && FileTree.isThere(places[1].appending("kept")))
        for path in places { try Mount.unmount(path) }
        try FileTree.removeAll(top)
        #expect(!FileTree.isThere(top))
    }
}
