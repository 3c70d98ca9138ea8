// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/diskstats (kernel block/genhd.c, diskstats_show; the 20 fields of Linux 5.5 on).
package enum Diskstats {
    /// One line for each device that the container did I/O on, in the order of the host's table.
    ///
    /// A device the host's table does not name is left out: there is no line without a name.
    package static func text(_ samples: [IOSample], names: [DiskName]) -> Text {
        var text = Text()
        guard !samples.isEmpty else { return text }
        for name in names {
            for sample in samples where sample.major == name.major && sample.minor == name.minor && sample.isActive {
                text.append(diskstats: sample, name: name.name)
                break
            }
        }
        return text
    }
}

extension Text {
    /// Merges, times and requests in flight, which cgroups do not count, are 0.
    ///
    /// A sector is 512 bytes, whatever the disk's is.
    fileprivate mutating func append(diskstats sample: IOSample, name: [UInt8]) {
        append(UInt64(sample.major), width: 4)
        append(" ")
        append(UInt64(sample.minor), width: 7)
        append(" ")
        append(name)
        append(" ")
        append(sample.reads)
        append(" 0 ")
        append(sample.readBytes / 512)
        append(" 0 ")
        append(sample.writes)
        append(" 0 ")
        append(sample.writtenBytes / 512)
        append(" 0 0 0 0 ")
        append(sample.discards)
        append(" 0 ")
        append(sample.discardedBytes / 512)
        append(" 0 0 0\n")
    }
}

extension IOSample {
    fileprivate var isActive: Bool {
        reads | writes | discards | readBytes | writtenBytes | discardedBytes != 0
    }
}
