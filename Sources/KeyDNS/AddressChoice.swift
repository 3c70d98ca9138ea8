// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// Which of several addresses one client is given.
package enum AddressChoice {
    /// The one given before where it is still there; else, of all, the one that ranks first for this node and name.
    ///
    /// So a client stays where it is as long as that pod lives, after the cache was lost as long as the pods are the same, and
    /// nodes spread over the pods. nil for none.
    package static func one(
        of addresses: [IPAddress],
        name: DNSName,
        previous: IPAddress?,
        seed: UInt64
    ) -> IPAddress? {
        if let previous, addresses.contains(previous) { return previous }
        let key = name.folded.wire
        var best: IPAddress?
        var highest: UInt64 = 0
        for address in addresses {
            let rank = rank(address, key, seed)
            if best == nil || rank > highest { (best, highest) = (address, rank) }
        }
        return best
    }

    /// FNV-1a over all three, mixed: rendezvous hashing.
    private static func rank(_ address: IPAddress, _ name: [UInt8], _ seed: UInt64) -> UInt64 {
        var hash = Digest.of(name, from: seed ^ Digest.basis)
        hash = Digest.of(address.bytes, from: hash)
        hash ^= hash >> 33
        hash = hash &* 0xff51_afd7_ed55_8ccd
        return hash ^ hash >> 33
    }
}
