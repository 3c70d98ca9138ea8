// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

/// The daemon as a process, on the real kernel.
///
/// Every test starts one of its own and ends it; nothing is read through its mount but by child processes that can be
/// given up on.
///
/// The programs are found in UMWELT_BIN_DIR, else in the package's own debug build.
@Suite(
    .serialized,
    .enabled(if: geteuid() == 0, "needs root: it mounts and makes cgroups"),
    .enabled(if: FileTree.isThere("/dev/fuse"), "needs /dev/fuse"),
    .enabled(if: FileTree.isExecutable(Programs.umweltd), "umweltd is not built (UMWELT_BIN_DIR)")
)
enum DaemonSuite {}

enum Programs {
    static let directory: Path = {
        if let value = getenv("UMWELT_BIN_DIR") { return Path(String(cString: value)) }
        let package = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return Path("/\(package)/.build/debug")
    }()

    /// Optimised programs, whose memory counts; UMWELT_BIN_DIR names no others.
    static let isRelease = "\(directory)".contains("release") || getenv("UMWELT_BIN_DIR") != nil

    static var umweltd: Path { directory.appending("umweltd") }

    /// How many times as long as on metal a test waits before it gives up: UMWELT_TEST_PATIENCE, for software emulation.
    static let patience = max(1, getenv("UMWELT_TEST_PATIENCE").flatMap { Int(String(cString: $0)) } ?? 1)

    /// So many of something, or a tenth of that in software emulation, where endurance is not what is tested.
    static func share(of count: Int) -> Int { patience > 1 ? max(1, count / 10) : count }

    static let environment = [
        Array("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8), Array("LC_ALL=C".utf8),
    ]
}

/// What went wrong in the test's own tools.
struct LabError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
