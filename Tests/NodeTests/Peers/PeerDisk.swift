// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// A disk of a test's own: a loop device of 8 MiB, without a file system, so that direct I/O on it is all the I/O there is.
///
/// It counts requests as any disk does. Removed when the lab ends.
struct PeerDisk {
    static let programs = ["losetup", "dd", "blkdiscard"]

    /// `/dev/loop0`.
    let device: String
    let major: UInt32
    let minor: UInt32

    var name: String { String(device.split(separator: "/").last ?? "") }

    init(_ lab: PeerLab) throws {
        let image = lab.path("disk").description
        try PeerCommand.run("dd", ["if=/dev/zero", "of=\(image)", "bs=1M", "count=8"])
        if PeerCommand.find("modprobe") != nil { _ = try? PeerCommand.run("modprobe", ["loop"]) }
        let device = try PeerCommand.run("losetup", ["--find", "--show", image]).trimmed
        lab.atEnd { _ = try? PeerCommand.run("losetup", ["--detach", device]) }
        self.device = device
        let name = device.split(separator: "/").last ?? ""
        let text = String(decoding: try Fd.contents(of: Path("/sys/block/\(name)/dev"), limit: 64), as: UTF8.self)
        let numbers = text.trimmed.split(separator: ":").compactMap { UInt32($0) }
        guard let major = numbers.first, let minor = numbers.last else { throw PeerFailure("\(device) is \(text)") }
        (self.major, self.minor) = (major, minor)
    }

    /// Has a v1 kernel from 6.10 on count what `cgroup` does on it; a limit that nothing reaches is enough.
    func count(in cgroup: PeerCgroup) throws {
        guard !PeerCgroup.isV2 else { return }
        try cgroup.write("blkio", "blkio.throttle.read_bps_device", "\(major):\(minor) 1099511627776")
    }
}
