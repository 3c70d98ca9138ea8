// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples
import Testing

@testable import ProcFS

struct MountPointTests {
    /// Over a file system of ours at the very place; not elsewhere, nor over another's.
    @Test func whatIsOverOursIsFound() {
        let text = """
            1 1 0:1 / / rw - rootfs rootfs rw
            2 1 0:50 / /m ro - fuse.umwelt /m ro
            3 2 0:60 / /m rw - tmpfs other rw
            4 3 0:61 / /m rw - tmpfs other rw
            5 1 0:50 / /n ro - fuse.umwelt /m ro
            6 5 0:62 / /n rw - tmpfs other rw
            7 1 0:63 / /o rw - tmpfs other rw
            8 8 0:64 / /m rw - tmpfs other rw

            """
        let mounts = MountInfo.parse(Array(text.utf8).span)
        let over = (1...9).filter { MountPoint.isOverOurs($0, at: "/m", in: mounts) }
        #expect(over == [3, 4])
        #expect(!MountPoint.isOverOurs(6, at: "/n", in: mounts) && !MountPoint.isOverOurs(7, at: "/o", in: mounts))
    }
}
