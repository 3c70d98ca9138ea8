// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// Finds processes by what /proc tells of all of them.
enum CgroupSearch {
    private static let processLimit = 262_144

    private static func processes() -> [Int32] {
        guard let proc = try? Fd.open("/proc", [.readOnly, .directory]),
            let entries = try? proc.entries(limit: processLimit)
        else { return [] }
        return entries.compactMap { Int32(String(decoding: $0.name, as: UTF8.self)) }.sorted()
    }

    /// The first process of the container whose id is in the name of its cgroup (`docker-ID.scope`, `/docker/ID`,
    /// `crio-ID.scope`, `libpod-ID.scope`), where nothing else tells of it; ids of 12 hexadecimal digits at least.
    static func firstProcess(of id: String) -> Int32? {
        guard id.count >= 12, id.allSatisfy(\.isHexDigit) else { return nil }
        return processes().first { pid in
            guard let text = try? Fd.contents(of: Path("/proc/\(pid)/cgroup"), limit: 65536) else { return false }
            return isNamed(String(decoding: text, as: UTF8.self), id)
        }
    }

    /// Whether a component of a path in /proc/PID/cgroup is `id`, or begins or ends with it behind a hyphen.
    ///
    /// Not that of the container's monitor, which is on the host (`libpod-conmon-ID.scope`).
    static func isNamed(_ cgroups: String, _ id: String) -> Bool {
        cgroups.split(whereSeparator: { $0 == "/" || $0.isNewline || $0 == ":" }).contains { component in
            if component.contains("-conmon-") { return false }
            var name = component[...]
            for suffix in [".scope", ".service"] where name.hasSuffix(suffix) { name = name.dropLast(suffix.count) }
            return (name.split(separator: "-").last ?? name).hasPrefix(id)
        }
    }

    static func oldestProcess(inMountNamespace namespace: UInt64) -> Int32? {
        var oldest: (pid: Int32, start: UInt64)?
        for pid in processes() {
            guard (try? FileStatus.of(Path("/proc/\(pid)/ns/mnt")))?.inode == namespace,
                let start = EngineStates().startOf(pid)
            else { continue }
            if let known = oldest, known.start <= start { continue }
            oldest = (pid, start)
        }
        return oldest?.pid
    }
}
