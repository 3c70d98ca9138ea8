// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// From what people call a file to its path on the daemon's mount.
enum ViewPath {
    /// `meminfo`, `pressure/cpu`, `cpu/online`, `node/node0/meminfo`, `/proc/meminfo`, `/sys/devices/system/cpu/online`.
    ///
    /// Returns the path as below the mount, `proc/...` or `sys/...`; nil where the name cannot mean one.
    static func resolve(_ name: String) -> String? {
        let components = name.split(separator: "/").filter { $0 != "." }
        guard let first = components.first, !components.contains("..") else { return nil }
        let path = components.joined(separator: "/")
        switch first {
        case "proc", "sys": return components.count > 1 ? path : nil
        case "cpu", "node": return components.count > 1 ? "sys/devices/system/" + path : nil
        default: return name.hasPrefix("/") ? nil : "proc/" + path
        }
    }
}
