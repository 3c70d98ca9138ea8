// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One line of /proc/PID/cgroup: `4:memory:/docker/ab12` (kernel kernel/cgroup/cgroup.c, proc_cgroup_show).
package struct CgroupMembership: Equatable, Sendable {
    /// More lines than this are left out; the kernel has at most one for each controller.
    package static let capacity = 256

    /// 0: the unified (v2) hierarchy.
    package var hierarchy: UInt64
    /// v1 controllers, or `name=systemd`; empty on v2.
    package var controllers: [[UInt8]]
    /// As the kernel writes it: nothing is escaped, mkdir(2) of a name with a newline is refused.
    ///
    /// It may begin with `/..` (the reader is in another cgroup namespace) and end with ` (deleted)` (removed while the
    /// process was a zombie), which is a legal name too.
    package var path: [UInt8]

    package var isUnified: Bool { hierarchy == 0 && controllers.isEmpty }

    package func has(_ controller: StaticString) -> Bool {
        controllers.contains { Reader($0.span).equals(controller) }
    }

    /// The lines of /proc/PID/cgroup in their order; what is not such a line is left out.
    package static func parse(_ bytes: Span<UInt8>) -> [CgroupMembership] {
        var memberships: [CgroupMembership] = []
        var reader = Reader(bytes)
        while var line = reader.line(), memberships.count < capacity {
            guard let hierarchy = line.number(), line.take(UInt8(ascii: ":")) else { continue }
            var names = line.field(until: UInt8(ascii: ":"))
            guard line.peek == UInt8(ascii: "/") else { continue }
            var controllers: [[UInt8]] = []
            while !names.isAtEnd, controllers.count < capacity {
                controllers.append(names.field(until: UInt8(ascii: ",")).array())
            }
            memberships.append(
                CgroupMembership(hierarchy: hierarchy, controllers: controllers, path: line.array())
            )
        }
        return memberships
    }
}
