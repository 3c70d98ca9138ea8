// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// Where things are on a node.
package enum KeyDNSPaths {
    /// What an operator writes.
    package static var policy: Path { "/etc/umwelt/keydns.conf" }
    /// What programs make of it: outside of /etc, which stays as it was.
    package static var state: Path { "/var/lib/umwelt-keydns" }
    /// All that a helper reads.
    package static var flat: Path { state.appending("keydns.flat") }
    /// The rule for request-key.
    package static var rule: Path { "/etc/request-key.d/umwelt-keydns.conf" }

    /// The resolv.conf of a zone's mount namespace, and the nsswitch.conf of them all.
    package static func resolvConf(of zone: String, in state: Path) -> Path {
        state.appending(Path("resolv.conf.\(zone)"))
    }

    package static func nsswitch(in state: Path) -> Path { state.appending("nsswitch.conf") }

    /// DNS and files, and no daemon that would go round resolv.conf.
    package static var nsswitchContent: [UInt8] { Array("hosts: files dns\n".utf8) }
}
