// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension IOSample {
    /// More devices than this are left out.
    package static let capacity = 1024

    /// io.stat of cgroup v2 (kernel block/blk-cgroup.c, blkcg_print_one_stat): `8:0 rbytes=1 wbytes=2 rios=3 wios=4
    /// dbytes=5 dios=6`, and more, which is passed over.
    package static func parse(ioStat bytes: Span<UInt8>) -> [IOSample] {
        var samples: [IOSample] = []
        var reader = Reader(bytes)
        while var line = reader.line() {
            var current: Int?
            while true {
                var word = line.word()
                if word.isAtEnd { break }
                var device = copy word
                // Kernels 5.x can print a device without figures and without a newline before the next one.
                if let major = device.number(), device.take(UInt8(ascii: ":")), let minor = device.number() {
                    current = index(of: major, minor, in: &samples)
                    continue
                }
                let key = word.key()
                guard let current, word.take(UInt8(ascii: "=")), let value = word.number() else { continue }
                samples[current].set(key, value)
            }
        }
        return samples
    }

    /// blkio.throttle.io_serviced_recursive and blkio.throttle.io_service_bytes_recursive of cgroup v1 (kernel
    /// block/blk-throttle.c, block/blk-cgroup-rwstat.c): `8:0 Read 1` and so on.
    package static func parse(serviced: Span<UInt8>, serviceBytes: Span<UInt8>) -> [IOSample] {
        var samples: [IOSample] = []
        parse(v1: serviced, into: &samples) { sample, kind, value in
            switch kind {
            case read: sample.reads = value
            case write: sample.writes = value
            case discard: sample.discards = value
            default: break
            }
        }
        parse(v1: serviceBytes, into: &samples) { sample, kind, value in
            switch kind {
            case read: sample.readBytes = value
            case write: sample.writtenBytes = value
            case discard: sample.discardedBytes = value
            default: break
            }
        }
        return samples
    }

    private static let read = Key("Read")
    private static let write = Key("Write")
    private static let discard = Key("Discard")
    private static let rbytes = Key("rbytes")
    private static let wbytes = Key("wbytes")
    private static let dbytes = Key("dbytes")
    private static let rios = Key("rios")
    private static let wios = Key("wios")
    private static let dios = Key("dios")

    private mutating func set(_ key: Key, _ value: UInt64) {
        switch key {
        case Self.rbytes: readBytes = value
        case Self.wbytes: writtenBytes = value
        case Self.dbytes: discardedBytes = value
        case Self.rios: reads = value
        case Self.wios: writes = value
        case Self.dios: discards = value
        default: break
        }
    }

    private static func parse(
        v1 bytes: Span<UInt8>,
        into samples: inout [IOSample],
        set: (inout IOSample, Key, UInt64) -> Void
    ) {
        var reader = Reader(bytes)
        while var line = reader.line() {
            guard let major = line.number(), line.take(UInt8(ascii: ":")), let minor = line.number() else { continue }
            line.skipBlanks()
            let kind = line.key()
            guard let value = line.blankNumber(), let index = index(of: major, minor, in: &samples) else { continue }
            set(&samples[index], kind, value)
        }
    }

    /// Where the device's figures are; nil where the table is full or the numbers are no device's.
    private static func index(of major: UInt64, _ minor: UInt64, in samples: inout [IOSample]) -> Int? {
        guard let major = UInt32(exactly: major), let minor = UInt32(exactly: minor) else { return nil }
        // The rows of a device stand together, the last one first guess.
        if let found = samples.lastIndex(where: { $0.major == major && $0.minor == minor }) { return found }
        guard samples.count < capacity else { return nil }
        samples.append(IOSample(major: major, minor: minor))
        return samples.count - 1
    }
}
