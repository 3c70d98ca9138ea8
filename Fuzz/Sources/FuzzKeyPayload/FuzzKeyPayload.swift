// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import KeyDNS
import Resolver

/// Payloads of any addresses and servers: what the kernel takes, and never more.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { input in
        let bytes = input.indices.map { input[$0] }
        var addresses: [IPAddress] = []
        var servers: [CellServer] = []
        var rest = bytes[...]
        while let first = rest.popFirst() {
            let length = first & 1 == 0 ? 4 : 16
            if let address = IPAddress(bytes: rest.prefix(length)) { addresses.append(address) }
            if first & 2 != 0, let name = DNSName(Array(rest.prefix(Int(first >> 2)))) {
                let take = Int(first >> 4) * 40
                let number = UInt16(first) << 8
                servers.append(
                    CellServer(
                        name: name,
                        priority: number,
                        weight: number,
                        port: number,
                        addresses: Array(addresses.prefix(take))
                    )
                )
            }
            rest = rest.dropFirst(length)
        }
        if let text = Payload.text(addresses) {
            precondition(text.count <= Payload.maximumLength && text.count > 1 && text.last == 0)
            precondition(!text.dropLast().contains(0), "a NUL within the text")
            let parts = text.dropLast().split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            precondition(parts.enumerated().allSatisfy { IPAddress(Array($1)) == addresses[$0] })
        }
        if let list = Payload.servers(servers, source: .srv) {
            precondition(list.count >= 6 && list.count <= Payload.maximumLength && list[0] == 0 && list[2] == 1)
        }
    }
}
