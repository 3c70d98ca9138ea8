// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
package import Samples

extension Cgroup {
    /// What the container did to each block device.
    ///
    /// v2's io.stat; on v1 what the throttling layer counted (all devices), else what the BFQ scheduler did (its own). Empty where
    /// the controller is not enabled for it: an ancestor's counts are those of others, too.
    package func io() throws(CgroupError) -> [IOSample] {
        let leaf = try node(.io)
        if leaf.version == .v2 {
            // In v2 alone the controller can be shared with an engine's own cgroup: see `ownsUnified`.
            guard unifiedNode != nil else { throw CgroupError(.locate, leaf.path, .unconfined) }
            return try leaf.read(.ioStat) { IOSample.parse(ioStat: $0) } ?? []
        }
        for (bytes, operations) in [
            (CgroupFile.ioStat, CgroupFile.ioOperations), (CgroupFile.ioBytesBFQ, CgroupFile.ioOperationsBFQ),
        ] {
            guard let bytes = try leaf.bytes(bytes), let operations = try leaf.bytes(operations) else { continue }
            let samples = IOSample.parse(serviced: operations.span, serviceBytes: bytes.span)
            if !samples.isEmpty { return samples }
        }
        return []
    }

    /// The container's pressure file as the kernel wrote it; nil where it has none of its own: its v2 cgroup is the
    /// root or somebody else's, or the kernel does not account for pressure.
    ///
    /// Never the host's.
    package func pressure(_ resource: PressureResource) throws(CgroupError) -> [UInt8]? {
        try unifiedNode?.bytes(.pressure(resource))
    }

    /// Tasks (processes and threads) in the container, and the least limit on the way up; nil: none.
    ///
    /// `unconfined` where the controller is not enabled for it: an ancestor's number is that of others, too.
    package func pids() throws(CgroupError) -> (current: UInt64, limit: UInt64?) {
        let leaf = try node(.pids)
        guard let current = try leaf.number(.pidsUsage) else {
            throw CgroupError(.read, leaf.path(of: .pidsUsage), .unconfined)
        }
        return (current, try leaf.leastLimit(.pidsLimit))
    }
}

extension Node {
    /// The whole content; nil where there is no such file.
    func bytes(_ file: CgroupFile) throws(CgroupError) -> [UInt8]? {
        try read(file) { span in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(span.count)
            for index in span.indices { bytes.append(span[index]) }
            return bytes
        }
    }
}
