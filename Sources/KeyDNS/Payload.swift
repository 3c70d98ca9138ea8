// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// A server of an AFS cell, with what DNS says of it.
package struct CellServer: Equatable, Sendable {
    package var name: DNSName
    package var priority: UInt16
    package var weight: UInt16
    package var port: UInt16
    package var addresses: [IPAddress]
    /// Nobody could be asked for its addresses, so it may have more than these.
    package var isUnknown = false

    package init(name: DNSName, priority: UInt16, weight: UInt16, port: UInt16, addresses: [IPAddress]) {
        self.name = name
        self.priority = priority
        self.weight = weight
        self.port = port
        self.addresses = addresses
    }
}

/// What a `dns_resolver` key is instantiated with (dns_resolver_preparse(), net/dns_resolver/dns_key.c).
package enum Payload {
    /// What keyctl_instantiate takes of us at most; the kernel's own limit is 1 MiB - 1.
    package static let maximumLength = 32767

    /// Addresses between commas, and the NUL that the kernel insists on (EINVAL without it).
    ///
    /// Exactly one for an empty callout: CIFS, NFS and Ceph parse the whole text as one address. nil for none.
    /// Addresses that would make it too long are left out.
    package static func text(_ addresses: [IPAddress]) -> [UInt8]? {
        var bytes: [UInt8] = []
        for address in addresses {
            let text = address.text
            guard bytes.count + text.count + 2 <= maximumLength else { break }
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes += text
        }
        guard !bytes.isEmpty else { return nil }
        return bytes + [0]
    }

    /// enum dns_record_source.
    package enum Source: UInt8, Sendable {
        case afsdb = 3
        case srv = 4
    }

    /// enum dns_lookup_status.
    private enum Status: UInt8 {
        case good = 1
        case goodWithBad = 2
        case notFound = 4
        case temporaryFailure = 6
    }

    /// The list of servers in its first version (struct dns_server_list_v1_header, linux/dns_resolver.h): little
    /// endian, at most 255 servers of at most 255 addresses; nil for no servers.
    ///
    /// A server without addresses is marked as not found, and the list as partly bad.
    package static func servers(_ servers: [CellServer], source: Source) -> [UInt8]? {
        let servers = servers.prefix(255)
        guard !servers.isEmpty else { return nil }
        var records: [UInt8] = []
        var count: UInt8 = 0
        var status = Status.good
        for server in servers {
            let name = server.name.text
            let addresses = server.addresses.prefix(255)
            guard let nameLength = UInt16(exactly: name.count), let addressCount = UInt8(exactly: addresses.count)
            else { continue }
            var record: [UInt8] = []
            for number in [nameLength, server.priority, server.weight, server.port] {
                record += [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
            }
            // The protocol is UDP: what AFS speaks, and what its SRV records are asked for as.
            let found: Status = !addresses.isEmpty ? .good : server.isUnknown ? .temporaryFailure : .notFound
            record += [source.rawValue, found.rawValue, 1, addressCount]
            record += name
            for address in addresses { record += [address.isV4 ? 0 : 1] + address.bytes }
            guard 6 + records.count + record.count <= maximumLength else {
                status = .goodWithBad
                break
            }
            if addresses.isEmpty { status = .goodWithBad }
            records += record
            count += 1
        }
        guard count > 0 else { return nil }
        // struct dns_payload_header: not text, a server list, version 1.
        return [0, 0, 1, source.rawValue, status.rawValue, count] + records
    }
}
