// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension DiskName {
    /// More devices than this are left out.
    package static let capacity = 16384

    /// The first three columns of /proc/diskstats (kernel block/genhd.c, diskstats_show).
    package static func parse(_ bytes: Span<UInt8>) -> [DiskName] {
        var names: [DiskName] = []
        var reader = Reader(bytes)
        while var line = reader.line(), names.count < capacity {
            guard let major = line.blankNumber(), let minor = line.blankNumber(), let major = UInt32(exactly: major),
                let minor = UInt32(exactly: minor)
            else { continue }
            let name = line.word().array(limit: 255)
            guard !name.isEmpty else { continue }
            names.append(DiskName(major: major, minor: minor, name: name))
        }
        return names
    }
}
