// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension Config {
    /// What only Linux has.
    package struct Linux: Codable, Equatable, Sendable {
        package var namespaces: [Namespace]
        package var cgroupsPath: String?
        package var resources: Resources?
        package var maskedPaths: [String]?
        package var readonlyPaths: [String]?

        package init(namespaces: [Namespace]) { self.namespaces = namespaces }
    }

    /// A namespace of the container's own, or, with a path, one that exists.
    package struct Namespace: Codable, Equatable, Sendable {
        package var type: String
        package var path: String?

        package init(type: String, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    /// The limits of the container's cgroup.
    package struct Resources: Codable, Equatable, Sendable {
        package var devices: [DeviceRule]?
        package var memory: Memory?
        package var cpu: CPU?
        package var pids: PIDs?

        package init() {}
    }

    /// A rule of the devices controller; later rules go before earlier ones.
    package struct DeviceRule: Codable, Equatable, Sendable {
        package var allow: Bool
        /// Of `r`, `w` and `m`.
        package var access: String?

        package init(allow: Bool, access: String? = nil) {
            self.allow = allow
            self.access = access
        }
    }

    /// Bytes.
    package struct Memory: Codable, Equatable, Sendable {
        package var limit: Int64?
        /// Memory and swap together, as cgroup v1 counts them; the runtime converts for v2.
        package var swap: Int64?

        package init(limit: Int64?, swap: Int64? = nil) {
            self.limit = limit
            self.swap = swap
        }
    }

    /// Microseconds of CPU time in each period, and which CPUs.
    package struct CPU: Codable, Equatable, Sendable {
        package var quota: Int64?
        package var period: UInt64?
        package var cpus: String?

        package init(quota: Int64? = nil, period: UInt64? = nil, cpus: String? = nil) {
            self.quota = quota
            self.period = period
            self.cpus = cpus
        }
    }

    /// How many processes and threads there may be.
    package struct PIDs: Codable, Equatable, Sendable {
        package var limit: Int64

        package init(limit: Int64) { self.limit = limit }
    }
}
