// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What kind of answer the kernel can take: the words of a key request's callout info.
package struct Callout: Equatable, Sendable {
    /// Words came at all; without any, exactly one address is wanted.
    package var isEmpty = true
    package var family: KeyQuery.Family?
    /// Every address, between commas.
    package var wantsList = false
    /// The binary list of servers, version 1 (`srv=1`).
    package var wantsServers = false

    /// Of `ipv4` and `ipv6` the last counts, as with key.dns_resolver; words that nobody knows are skipped, as there.
    package init(parsing bytes: [UInt8]) {
        for word in bytes.prefix(4096).split(whereSeparator: { $0 == 0x20 || $0 == 9 || $0 == 10 || $0 == 0 }) {
            isEmpty = false
            if word.elementsEqual("ipv4".utf8) {
                family = .v4
            } else if word.elementsEqual("ipv6".utf8) {
                family = .v6
            } else if word.elementsEqual("list".utf8) {
                wantsList = true
            } else if word.elementsEqual("srv=1".utf8) {
                wantsServers = true
            }
        }
    }
}
